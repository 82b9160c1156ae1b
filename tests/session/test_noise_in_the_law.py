"""A stochastic model in a session: typed, trained, looked at, distilled, gone back to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.session.model.noise import TWO_THINGS
from ndestudio.session.session import Session
from tests.session.helpers import toasts, wait


@pytest.fixture
def wandering(session: Session, tmp_path: Path) -> Session:
    """An Ornstein-Uhlenbeck process as data."""
    t, x = np.arange(400) * 0.2, np.zeros(400)
    for k, shock in enumerate(np.random.default_rng(1).normal(size=399)):
        x[k + 1] = 0.8 * x[k] + 0.25 * shock
    path = tmp_path / "x.csv"
    path.write_text("t,x\n" + "\n".join(f"{a!r},{b!r}" for a, b in zip(t.tolist(), x.tolist(), strict=True)) + "\n")
    session.files.open([path])
    wait(session)
    session.show_stage("model")
    session.model.edit_text("d(x)/dt = -k*x + s*noise")
    return session


def test_noise_is_told_and_its_sense_can_be_chosen(wandering: Session) -> None:
    state = wandering.model.state().noise
    assert state.calculus == "ito" and TWO_THINGS in state.sentence and "both senses" in state.other
    wandering.model.edit_text("d(x)/dt = -k*x + s*x*noise")
    wandering.model.choose_calculus("stratonovich")
    state = wandering.model.state().noise
    assert state.calculus == "stratonovich"
    assert "in the sense of Itô the same process is dx = (" in state.other
    wandering.undo()
    assert wandering.model.state().noise.calculus == "ito"
    wandering.model.edit_text("d(x)/dt = -k*x")
    assert wandering.model.state().noise.calculus == ""


def test_a_fan_of_as_many_paths_as_asked_for_is_simulated(wandering: Session) -> None:
    wandering.model.choose_fan(50, 4)
    wandering.model.simulate(True)
    wandering.model.state()
    wait(wandering)
    state = wandering.model.state()
    assert state.simulation_problem == ""
    assert state.simulation is not None
    (path,) = state.simulation.paths.values()
    assert path.fan is not None and (path.fan.paths, path.fan.seed) == (50, 4)


def test_it_is_trained_looked_at_and_gone_back_to(wandering: Session, shell) -> None:
    wandering.show_stage("train")
    assert wandering.train.state().stochastic
    wandering.train.start()
    wait(wandering)
    fit = wandering.project.fit
    assert fit is not None and fit.stochastic is not None
    state = wandering.train.state()
    assert [row.title for row in state.stages] == ["Prepare", "Likelihood", "Check"]
    assert state.level in ("good", "info") and not state.steps
    wandering.train.diagnostics.examine()
    wandering.train.diagnostics.look_at_law()
    wait(wandering)
    diagnostics = wandering.train.state().diagnostics
    wait(wandering)
    diagnostics = wandering.train.state().diagnostics
    assert diagnostics.residuals is not None and diagnostics.residuals.columns[0].noise == "process"
    assert diagnostics.law is not None and diagnostics.law_states == ("x",) and diagnostics.parameters == ()
    assert len(state.checkpoints) >= 1
    wandering.train.look_at_checkpoint(0)
    wandering.train.branch_from_checkpoint()
    wait(wandering)
    assert not [one for one in toasts(shell) if "cannot" in one or "knows models without noise" in one]
