from unittest.mock import Mock

import pytest

from ndestudio.jobs import Failed, Finished
from ndestudio.progress import Note, Phase, Progress
from ndestudio.session.purposes import COMPUTE, PREVIEW
from ndestudio.session.tasks import Tasks


def work(*, reporter):
    raise AssertionError("a fake runner runs nothing")


@pytest.fixture
def lost() -> Mock:
    return Mock()


@pytest.fixture
def tasks(runner, lost: Mock) -> Tasks:
    return Tasks(runner, lost)


def test_the_result_reaches_who_asked(tasks: Tasks, runner):
    done = Mock()
    task = tasks.start("fit", "Training", work, done=done)
    runner.say(task.id, Finished(42))
    assert tasks.drain()
    done.assert_called_once_with(42)
    assert tasks.running("fit") is None
    assert not tasks.busy


def test_a_newer_job_of_the_slot_silences_the_older(tasks: Tasks, runner):
    old, new = Mock(), Mock()
    first = tasks.start("preview", "", work, done=old)
    second = tasks.start("preview", "", work, done=new)
    assert ("detach", first.id) in runner.calls
    runner.say(first.id, Finished("old"))
    runner.say(second.id, Finished("new"))
    tasks.drain()
    old.assert_not_called()
    new.assert_called_once_with("new")


def test_events_are_handed_on_and_remembered(tasks: Tasks, runner):
    heard = Mock()
    task = tasks.start("fit", "Training", work, event=heard)
    phase, progress = Phase("warm-up", "warming up"), Progress(0.5, 3.0)
    for event in (phase, progress, Note("so far so good")):
        runner.say(task.id, event)
    tasks.drain()
    assert heard.call_count == 3
    assert task.phase is phase
    assert task.progress is progress


def test_a_new_phase_forgets_the_progress_of_the_older(tasks: Tasks, runner):
    task = tasks.start("fit", "Training", work)
    runner.say(task.id, Progress(0.9))
    runner.say(task.id, Phase("next", "next"))
    tasks.drain()
    assert task.progress is None


def test_failures_nobody_takes_are_reported(tasks: Tasks, runner, lost: Mock):
    task = tasks.start("fit", "Training", work)
    failed = Failed("it broke", "Traceback")
    runner.say(task.id, failed)
    tasks.drain()
    lost.assert_called_once_with(task, failed)
    assert tasks.running("fit") is None


def test_failures_that_are_taken_are_not_reported_twice(tasks: Tasks, runner, lost: Mock):
    taken = Mock()
    task = tasks.start("fit", "Training", work, failed=taken)
    runner.say(task.id, Failed("it broke", "Traceback"))
    tasks.drain()
    taken.assert_called_once()
    lost.assert_not_called()


def test_pause_resume_stop_reach_the_job(tasks: Tasks, runner):
    task = tasks.start("fit", "Training", work)
    tasks.pause("fit")
    assert task.paused
    tasks.resume("fit")
    assert not task.paused
    tasks.stop("fit")
    assert task.stopping
    assert [call for call, _ in runner.calls] == ["pause", "resume", "stop"]


def test_controls_of_an_empty_slot_do_nothing(tasks: Tasks, runner):
    tasks.pause("fit")
    tasks.resume("fit")
    tasks.stop("fit")
    tasks.discard("fit")
    assert runner.calls == []


def test_small_work_is_not_shown(tasks: Tasks):
    tasks.start("formulas", "", work)
    shown = tasks.start("fit", "Training", work)
    assert list(tasks.shown()) == [shown]


def test_a_job_started_from_a_result_is_kept(tasks: Tasks, runner):
    second = Mock()

    def go_on(result: object) -> None:
        tasks.start("save", "", work, done=second)

    first = tasks.start("save", "", work, done=go_on)
    runner.say(first.id, Finished(1))
    tasks.drain()
    again = tasks.running("save")
    assert again is not None
    runner.say(again.id, Finished(2))
    tasks.drain()
    second.assert_called_once_with(2)


def test_heavy_purposes_run_in_the_processes_meant_for_them(runner, lost: Mock):
    compute, preview = Mock(), Mock()
    tasks = Tasks(runner, lost, {COMPUTE: compute, PREVIEW: preview})
    for slot in ("fit", "plot_data", "save"):
        tasks.start(slot, "", work, 1)
    assert [(function, args) for _, _, function, args in runner.submitted] == [
        (compute.run, (work, 1)),
        (preview.run, (work, 1)),
        (work, (1,)),
    ]
