"""After a training that ended with doubts the next steps are buttons."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ndestudio.fitting.result import Outcome
from ndestudio.model.config import ParameterConfig
from ndestudio.session.session import Session
from ndestudio.session.training.next_steps import next_steps, suggested_bounds
from tests.session import results
from tests.session.helpers import FakeRunner


def doubtful(session: Session, outcome: Outcome = Outcome.DOUBTFUL) -> None:
    made = results.project()
    assert made.fit is not None
    fit = replace(made.fit, outcome=outcome, intervals={"a": (0.1, 2.0), "b": (0.39, 0.41)})
    session.workspace.open(replace(made, fit=fit), None)
    session.stand_at("train")


def test_a_fit_that_converged_needs_none() -> None:
    made = results.project()
    assert next_steps(made.fit, made.spec) == ()
    assert next_steps(None, made.spec) == ()


def test_steps_of_a_doubtful_fit_and_what_they_do(fake: Session, runner: FakeRunner) -> None:
    doubtful(fake)
    steps = fake.train.state().steps
    assert [one.words for one in steps] == ["Preset balanced", "Seed 1", "4 networks", "Bound a"]
    fake.train.take_step(steps[0])
    assert fake.project.spec.train.preset == "balanced"
    assert runner.last("_fit")[2][2].preset == "balanced", "one press changes the setting and trains"
    assert fake.train.state().steps == (), "none while it runs"


def test_bounds_lead_to_the_parameters(fake: Session) -> None:
    doubtful(fake)
    step = next(one for one in fake.train.state().steps if one.kind == "bounds")
    assert step.names == ("a",)
    fake.train.take_step(step)
    assert fake.stage == "model"
    bounded = fake.project.spec.model.parameters["a"]
    fitted = fake.project.fit.model.parameters["a"]  # type: ignore[union-attr]
    assert (bounded.lower, bounded.upper) == (fitted / 10, fitted * 10)
    assert fake.workspace.undo_text == "Bound a"


def test_bounds_stay_on_their_side_of_zero_and_what_was_given_stays() -> None:
    assert suggested_bounds(-2.0, ParameterConfig()) == (-20.0, -0.2)
    assert suggested_bounds(0.0, ParameterConfig(value=3.0)) == (-3.0, 3.0)
    assert suggested_bounds(2.0, ParameterConfig(lower=-1.0)) == (-1.0, 20.0)


def test_a_limit_of_time_is_gone_beyond(fake: Session) -> None:
    doubtful(fake, Outcome.LIMIT)
    train = msgspec.structs.replace(fake.project.spec.train, time_limit=10.0)
    spec = msgspec.structs.replace(fake.project.spec, train=train)
    steps = next_steps(fake.project.fit, spec)
    assert [(one.kind, dict(one.changes)) for one in steps] == [("go on", {}), ("settings", {"time_limit": 30.0})]


def test_distilling_tells_of_doubts_before_it_begins(fake: Session) -> None:
    doubtful(fake)
    state = fake.distil.state()
    assert state.level == "warning"
    assert "ended with doubts" in state.sentence
