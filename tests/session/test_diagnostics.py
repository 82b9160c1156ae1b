"""Residuals, profiles and comparisons: asked for, shown for the fit they belong to, forgotten with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.fitting.comparison_result import Comparison
from ndestudio.fitting.residuals import residuals
from ndestudio.fitting.uncertainty.profile_likelihood import Profile
from ndestudio.progress import Phase
from ndestudio.session.session import Session
from tests.session import results
from tests.session.helpers import FakeRunner


def made(parameter: str) -> Profile:
    values = np.array([0.4, 0.5, 0.6])
    rise = np.array([5.0, 0.0, 5.0])
    return Profile(parameter, "1/h", values, rise, rise, 3.9, 0.5, 0.42, 0.58, None, f"`{parameter}` is fine.", 0.1)


def opened(session: Session) -> Session:
    session.workspace.open(results.project(), None)
    session.stand_at("train")
    return session


def test_residuals_are_made_once_somebody_looks(fake: Session, runner: FakeRunner) -> None:
    opened(fake)
    assert fake.train.state().diagnostics.residuals is None
    assert "_residuals" not in [function.__name__ for _, _, function, _ in runner.submitted]
    fake.train.diagnostics.examine()
    assert fake.train.state().diagnostics.examining
    found = residuals(results.model(), results.dataset())
    runner.finish("_residuals", found)
    fake.tick()
    assert fake.train.state().diagnostics.residuals is found
    count = len(runner.submitted)
    fake.train.state()
    assert len(runner.submitted) == count


def test_a_profile_belongs_to_its_parameter_and_its_fit(fake: Session, runner: FakeRunner) -> None:
    diagnostics = opened(fake).train.diagnostics
    state = diagnostics.state()
    assert state.parameters == ("a", "b") and state.chosen == "a" and state.can
    diagnostics.choose("b")
    diagnostics.profile()
    runner.say(runner.last("_profile")[0], Phase("profile", "profiling `b` upwards"))
    fake.tick()
    assert diagnostics.state().profiling == "profiling `b` upwards" and not diagnostics.state().can
    runner.finish("_profile", made("b"))
    fake.tick()
    assert diagnostics.state().profile is not None and diagnostics.state().profiling == ""
    diagnostics.choose("a")
    assert diagnostics.state().profile is None
    fake.workspace.edit("Train", replace(fake.project, fit=results.fit(3)))
    diagnostics.choose("b")
    assert diagnostics.state().profile is None


def test_asking_again_stops_what_goes_on(fake: Session, runner: FakeRunner) -> None:
    diagnostics = opened(fake).train.diagnostics
    diagnostics.compare()
    diagnostics.profile()  # one at a time
    assert "_profile" not in [function.__name__ for _, _, function, _ in runner.submitted]
    diagnostics.compare()
    assert ("stop", runner.last("_compare")[0]) in runner.calls
    assert diagnostics.state().comparing == "stopping"
    runner.finish("_compare", Comparison((), "none", "", "The comparison was stopped.", (), False))
    fake.tick()
    comparison = diagnostics.state().comparison
    assert comparison is not None and not comparison.complete and diagnostics.state().comparing == ""


def test_the_present_fit_is_not_fitted_again(fake: Session, runner: FakeRunner) -> None:
    diagnostics = opened(fake).train.diagnostics
    diagnostics.compare()
    known = runner.last("_compare")[2][3]
    assert (known is fake.project.fit) == (fake.project.fit.seed == fake.project.spec.train.seed)  # type: ignore[union-attr]


def test_without_a_fit_nothing_can_be_asked(fake: Session, runner: FakeRunner) -> None:
    fake.workspace.open(results.project(fitted=False), None)
    diagnostics = fake.train.diagnostics
    diagnostics.profile()
    diagnostics.compare()
    assert not diagnostics.state().can
    assert not {"_profile", "_compare"} & {function.__name__ for _, _, function, _ in runner.submitted}
