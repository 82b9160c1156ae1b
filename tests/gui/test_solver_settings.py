"""Solver settings: what belongs to diffrax shows with its solvers only, and what does not go together is said."""

from __future__ import annotations

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from ndestudio.fitting.config import TrainConfig
from ndestudio.gui.widgets.editors.solver_settings import SolverSettings


class Panel(SolverSettings):
    """Takes its own changes, as the project does."""

    def __init__(self) -> None:
        super().__init__()
        self.config = TrainConfig()
        self.changed.connect(self._take)
        self.show_config(self.config)

    def _take(self, fields: dict) -> None:
        self.config = msgspec.structs.replace(self.config, **fields)
        self.show_config(self.config)


@pytest.fixture
def panel(qtbot: QtBot) -> Panel:
    made = Panel()
    qtbot.addWidget(made)
    return made


def test_details_show_with_the_solvers_they_belong_to(panel: Panel) -> None:
    assert panel.adjoint.isHidden() and panel.rtol.isHidden()
    panel.solver.setCurrentIndex(panel.solver.findData("diffrax-kvaerno5"))
    assert not panel.adjoint.isHidden() and not panel.max_steps.isHidden()
    panel.adjoint.setCurrentIndex(panel.adjoint.findData("forward"))
    panel.rtol.setText("1e-4")
    panel.rtol.editingFinished.emit()
    assert (panel.config.adjoint, panel.config.rtol) == ("forward", 1e-4)
    panel.solver.setCurrentIndex(panel.solver.findData("sdirk4"))
    assert panel.config == TrainConfig(solver="sdirk4")  # settings without effect do not stay behind


def test_settings_that_clash_and_bad_numbers_are_said_in_place(panel: Panel) -> None:
    panel.solver.setCurrentIndex(panel.solver.findData("diffrax-kencarp4"))
    panel.adjoint.setCurrentIndex(panel.adjoint.findData("backsolve"))
    assert "The adjoint `backsolve` cannot be used with `diffrax-kencarp4`" in panel.problem.text()
    panel.adjoint.setCurrentIndex(panel.adjoint.findData("recursive"))
    assert panel.problem.text() == ""
    panel.atol.setText("tiny")
    panel.atol.editingFinished.emit()
    assert "`tiny` is no number between 0 and 1" in panel.problem.text()
    assert panel.config.atol is None
