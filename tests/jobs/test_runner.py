from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from ndestudio.errors import DataError, EquationError
from ndestudio.jobs import Failed, Finished, JobId, Jobs, JobState
from ndestudio.progress import Event, Note, Progress, Reporter

LONG = 60.0


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    before = set(threading.enumerate())
    runner = Jobs()
    yield runner
    assert runner.close(LONG), "a job did not end"
    assert set(threading.enumerate()) <= before, "a thread was left behind"


def until_end(jobs: Jobs, id_: JobId) -> list[Event]:
    """All events of a job; the terminal one is the last."""
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished | Failed):
        batch = jobs.drain(timeout=LONG)
        assert batch, "no event came"
        events += [event for sender, event in batch if sender == id_]
    return events


def first_event(jobs: Jobs) -> Event:
    return jobs.drain(limit=1, timeout=LONG)[0][1]


def until_stopped(started: threading.Event, *, reporter: Reporter) -> str:
    started.set()
    while not reporter.should_stop():
        pass
    return "what was reached"


def test_a_job_emits_and_finishes_with_its_result(jobs: Jobs) -> None:
    def work(x: int, *, factor: int, reporter: Reporter) -> int:
        reporter.emit(Note("working"))
        reporter.emit(Progress(0.5))
        return x * factor

    id_ = jobs.submit("multiply", work, 6, factor=7)
    events = until_end(jobs, id_)
    assert [type(event) for event in events] == [Note, Progress, Finished]
    assert isinstance(events[-1], Finished) and events[-1].result == 42
    assert jobs.state(id_) is JobState.FINISHED
    assert jobs.name(id_) == "multiply"
    assert jobs.active() == ()


def test_our_errors_are_shown_as_they_are(jobs: Jobs) -> None:
    def work(*, reporter: Reporter) -> None:
        raise DataError("the file is empty; add rows", path="a.csv")

    failed = until_end(jobs, jobs.submit("load", work))[-1]
    assert isinstance(failed, Failed)
    assert failed.sentence == "a.csv: the file is empty; add rows"
    assert isinstance(failed.error, DataError)
    assert "raise DataError" in failed.details


def test_an_error_keeps_its_place(jobs: Jobs) -> None:
    def work(*, reporter: Reporter) -> None:
        raise EquationError("unknown function `sine`", line=2, column=14, length=4)

    failed = until_end(jobs, jobs.submit("parse", work))[-1]
    assert isinstance(failed, Failed) and isinstance(failed.error, EquationError)
    assert (failed.error.line, failed.error.column, failed.error.length) == (2, 14, 4)


def test_other_errors_become_a_sentence_and_a_traceback_for_the_log(jobs: Jobs) -> None:
    def work(*, reporter: Reporter) -> None:
        raise ZeroDivisionError("one by zero")

    id_ = jobs.submit("bug", work)
    failed = until_end(jobs, id_)[-1]
    assert isinstance(failed, Failed)
    assert failed.sentence == (
        "an unexpected error ended the computation (ZeroDivisionError: one by zero); the log has the details"
    )
    assert failed.error is None
    assert "Traceback" in failed.details and "test_runner.py" in failed.details
    assert jobs.state(id_) is JobState.FAILED


def test_system_exit_inside_a_job_does_not_vanish(jobs: Jobs) -> None:
    def work(*, reporter: Reporter) -> None:
        raise SystemExit(3)

    assert isinstance(until_end(jobs, jobs.submit("exit", work))[-1], Failed)


def test_a_failure_does_not_keep_the_arrays_of_the_computation_alive(jobs: Jobs) -> None:
    class Big:
        pass

    references: list[weakref.ref[Big]] = []

    def work(*, reporter: Reporter) -> None:
        big = Big()
        references.append(weakref.ref(big))
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise DataError("outer") from error

    failed = until_end(jobs, jobs.submit("fail", work))[-1]
    assert isinstance(failed, Failed)
    gc.collect()
    assert references[0]() is None


def test_stop_hands_back_what_was_reached(jobs: Jobs) -> None:
    started = threading.Event()
    id_ = jobs.submit("loop", until_stopped, started)
    assert started.wait(LONG)
    assert jobs.state(id_) is JobState.RUNNING
    jobs.stop(id_)
    end = until_end(jobs, id_)[-1]
    assert isinstance(end, Finished) and end.result == "what was reached"


def test_pause_holds_the_job_at_its_next_poll_and_resume_lets_it_go_on(jobs: Jobs) -> None:
    polled = threading.Semaphore(0)
    go = threading.Semaphore(0)

    def work(*, reporter: Reporter) -> int:
        n = 0
        while True:
            go.acquire()
            if reporter.should_stop():
                return n
            n += 1
            polled.release()

    id_ = jobs.submit("steps", work)
    go.release()
    assert polled.acquire(timeout=LONG)
    jobs.pause(id_)
    go.release()
    assert not polled.acquire(timeout=0.1), "the job went on during a pause"
    assert jobs.state(id_) is JobState.PAUSED
    jobs.resume(id_)
    assert polled.acquire(timeout=LONG)
    jobs.stop(id_)
    go.release()
    end = until_end(jobs, id_)[-1]
    assert isinstance(end, Finished) and end.result == 2


def test_a_paused_job_can_be_stopped(jobs: Jobs) -> None:
    started = threading.Event()
    id_ = jobs.submit("loop", until_stopped, started)
    assert started.wait(LONG)
    jobs.pause(id_)
    jobs.stop(id_)
    assert jobs.state(id_) in (JobState.STOPPING, JobState.FINISHED)
    assert isinstance(until_end(jobs, id_)[-1], Finished)


def test_a_detached_job_is_not_heard_again(jobs: Jobs) -> None:
    compiling = threading.Event()
    compiled = threading.Event()

    def work(*, reporter: Reporter) -> str:
        reporter.emit(Note("compiling"))
        compiling.set()
        compiled.wait(LONG)
        reporter.emit(Note("compiled"))
        assert reporter.should_stop()
        return "result nobody wants"

    id_ = jobs.submit("train", work)
    assert compiling.wait(LONG)
    jobs.detach(id_)
    assert jobs.state(id_) is JobState.DETACHED
    assert jobs.active() == ()
    compiled.set()
    assert jobs.join(id_, LONG)
    assert jobs.drain() == []
    assert jobs.state(id_) is JobState.DETACHED


def test_two_jobs_do_not_mix(jobs: Jobs) -> None:
    def work(text: str, *, reporter: Reporter) -> str:
        for _ in range(100):
            reporter.emit(Note(text))
        return text

    ids = [jobs.submit(name, work, name) for name in ("a", "b")]
    for id_ in ids:
        assert jobs.join(id_, LONG)
    events = jobs.drain()
    for id_, name in zip(ids, ("a", "b"), strict=True):
        own = [event for sender, event in events if sender == id_]
        assert [event.text for event in own[:-1] if isinstance(event, Note)] == [name] * 100
        assert isinstance(own[-1], Finished) and own[-1].result == name


def test_close_reports_a_job_that_does_not_end() -> None:
    runner = Jobs()
    release = threading.Event()

    def deaf(*, reporter: Reporter) -> None:
        release.wait(LONG)

    id_ = runner.submit("deaf", deaf)
    assert not runner.close(timeout=0.01)
    release.set()
    assert runner.join(id_, LONG)
    assert runner.close(timeout=LONG)


def test_deep_recursion_fits_on_a_worker(jobs: Jobs) -> None:
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + depth(n - 1)

    def work(*, reporter: Reporter) -> int:
        return depth(700)

    end = until_end(jobs, jobs.submit("deep", work))[-1]
    assert isinstance(end, Finished) and end.result == 700
