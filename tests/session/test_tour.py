from dataclasses import replace
from unittest.mock import Mock

import pytest

from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit
from ndestudio.progress import RecordingReporter
from ndestudio.project.project import Project
from ndestudio.session.presenter import View
from ndestudio.session.session import Session
from tests.session import results
from tests.session.helpers import FakeRunner


def fitted(error: float) -> Fit:
    return replace(results.fit(), metrics=Metrics({"mean": error}, {}, {}))


def begun(session: Session, runner: FakeRunner) -> Session:
    session.tour.begin()
    _, function, arguments = runner.last("_sample")
    runner.finish("_sample", function(*arguments, reporter=RecordingReporter()))
    session.tick()
    return session


def test_it_is_offered_until_it_was_taken_or_declined(fake: Session, runner: FakeRunner):
    assert fake.tour.offered
    fake.tour.decline()
    assert not fake.tour.offered
    assert fake.settings.value.tour_seen


def test_the_sample_is_opened_with_a_short_training_and_search(fake: Session, runner: FakeRunner):
    begun(fake, runner)
    spec = fake.project.spec
    assert fake.project.dataset is not None
    assert (spec.train.preset, spec.distil.seconds) == ("quick", 3.0)
    assert fake.stage == "data"
    assert fake.tour.state().stop == "data"
    assert not fake.workspace.modified


def test_each_step_is_done_by_the_real_session(fake: Session, runner: FakeRunner):
    view = Mock(spec=View)
    fake.tour.attach(view)
    begun(fake, runner)
    stops = []
    for name, made in (
        ("", None),
        ("", None),
        ("_fit", fitted(0.1)),
        ("", None),
        ("_distil", None),
    ):
        stops.append(fake.tour.state().stop)
        fake.tour.go_on()
        if name:
            stops.append(fake.tour.state().stop)
            runner.finish(name, made or results.distillation(results.model()))
            fake.tick()
    stops.append(fake.tour.state().stop)
    assert stops == ["data", "model", "train", "training", "trained", "distil", "searching", "equations"]
    assert [call.args[0].step for call in view.show_state.call_args_list][-1] == 3
    fake.tour.go_on()
    assert fake.tour.state().stop == ""
    assert fake.project.distillation is not None, "what was made stays"


def test_a_person_may_do_the_steps(fake: Session, runner: FakeRunner):
    begun(fake, runner)
    fake.show_stage("train")
    assert fake.tour.state().stop == "train"
    fake.train.start()
    assert fake.tour.state().stop == "training"
    fake.train.discard()
    fake.show_stage("model")
    assert fake.tour.state().stop == "model"


def test_a_poor_training_is_not_praised_but_gone_on_with(fake: Session, runner: FakeRunner):
    begun(fake, runner)
    fake.show_stage("train")
    fake.train.start()
    runner.finish("_fit", fitted(4.0))
    fake.tick()
    assert fake.tour.state().stop == "poor"
    fake.train.go_on = Mock()  # type: ignore[method-assign]
    fake.tour.go_on()
    fake.train.go_on.assert_called_once_with()


def test_it_can_be_left_at_any_time_and_ends_with_another_project(fake: Session, runner: FakeRunner):
    begun(fake, runner)
    fake.show_stage("train")
    fake.train.start()
    fake.tour.leave()
    assert fake.tour.state().stop == ""
    assert fake.tasks.running("fit"), "what runs goes on"
    begun(fake, runner)
    fake.workspace.open(Project(), None)
    assert fake.tour.state().stop == ""


def test_leaving_while_the_sample_is_read_opens_nothing(fake: Session, runner: FakeRunner):
    fake.tour.begin()
    fake.tour.leave()
    runner.finish("_sample", Project(spec=results.project().spec))
    fake.tick()
    assert fake.project.dataset is None


def test_a_sample_that_cannot_be_read_is_told(fake: Session, runner: FakeRunner, shell: Mock):
    fake.tour.begin()
    runner.fail("_sample", "the file is gone")
    fake.tick()
    assert fake.tour.state().stop == ""
    assert "the file is gone" in str(shell.show_toast.call_args)


@pytest.mark.parametrize("stop", ["opening", "training", "searching"])
def test_while_something_is_computed_there_is_nothing_to_press(stop: str):
    from ndestudio.session.tour import _STOPS

    assert _STOPS[stop].action == ""  # type: ignore[index]
