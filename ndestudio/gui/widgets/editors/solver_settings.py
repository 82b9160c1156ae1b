"""How the model is simulated while it trains: the solver, and what belongs to the solvers of diffrax."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QSpinBox, QWidget

from ndestudio.errors import SpecError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.prepared import solver_settings
from ndestudio.gui.building import choose, combo, label, narrow, quiet
from ndestudio.gui.theme import GRID
from ndestudio.solve.diffrax_adaptive import BACKSOLVE
from ndestudio.solve.registry import AUTO, SOLVERS, for_training, training_names

ADJOINTS = (
    ("Automatic", "auto"),
    ("Recursive checkpoints", "recursive"),
    ("Direct", "direct"),
    ("Forward mode", "forward"),
    ("Backsolve (inexact)", "backsolve"),
)
GRADIENTS = (
    ("Automatic", "auto"),
    ("Exact, of the simulator", "exact"),
    ("Euler approximation", "euler"),
    ("Euler, static", "euler-static"),
    ("Differences", "differences"),
    ("Offline, by slopes", "offline"),
)
CONTROLLERS = (("Automatic", "auto"), ("By the local error (PID)", "pid"), ("Constant", "constant"))
OWN = {"adjoint": "auto", "controller": "auto", "rtol": None, "atol": None, "max_steps": TrainConfig().max_steps}
"""What the program's own solvers leave no choice of."""


class SolverSettings(QWidget):
    """Signals: changed(dict of fields of ``TrainConfig``)."""

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._config: TrainConfig | None = None
        self.solver = combo(
            [("Automatic" if name == AUTO else SOLVERS.title(name), name) for name in training_names()],
            "Solver",
            "Of the training simulation. Automatic: RK4 on a fixed grid with exact derivatives, and the implicit SDIRK4 where "
            "the model is stiff. Those of diffrax choose their own steps and take longer to compile; IMEX: implicit in what is "
            "known, explicit in the networks",
        )
        self.adjoint = combo(
            ADJOINTS,
            "Derivatives",
            "How a solver of diffrax is differentiated. Automatic: forward mode for few constants, else recursive checkpoints. "
            + BACKSOLVE,
        )
        self.controller = combo(
            CONTROLLERS, "Steps", "Of a solver of diffrax: by its local error, or those of the training grid"
        )
        self.gradients = combo(
            GRADIENTS,
            "Gradients",
            "How training differentiates through simulators that the equations call. Automatic: by their own derivatives where they "
            "have some, else by the Euler approximation, which asks for one derivative at the begin of each step",
        )
        narrow(self.solver, self.adjoint, self.controller, self.gradients)
        self.rtol = _number("Relative tolerance", "1e-6", "Of a solver of diffrax, and of its implicit stages")
        self.atol = _number("Absolute tolerance", "1e-8", "Of a solver of diffrax, in units of the scale of each state")
        self.max_steps = QSpinBox()
        self.max_steps.setRange(16, 1_000_000)
        self.max_steps.setKeyboardTracking(False)
        self.max_steps.setAccessibleName("Most steps")
        self.max_steps.setToolTip("Steps after which a solver of diffrax gives up; the trial then counts as failed")
        self.problem = label("", "error", wrap=True)
        form = QFormLayout(self)
        form.setSpacing(GRID)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Solver", self.solver)
        form.addRow("Gradients", self.gradients)
        form.addRow("Derivatives", self.adjoint)
        form.addRow("Steps", self.controller)
        form.addRow("Rel. tolerance", self.rtol)
        form.addRow("Abs. tolerance", self.atol)
        form.addRow("Most steps", self.max_steps)
        form.addRow(self.problem)
        self._form = form
        self.solver.currentIndexChanged.connect(self._on_solver)
        self.adjoint.currentIndexChanged.connect(lambda _: self.changed.emit({"adjoint": self.adjoint.currentData()}))
        self.controller.currentIndexChanged.connect(
            lambda _: self.changed.emit({"controller": self.controller.currentData()})
        )
        self.gradients.currentIndexChanged.connect(
            lambda _: self.changed.emit({"gradients": self.gradients.currentData()})
        )
        self.max_steps.valueChanged.connect(lambda value: self.changed.emit({"max_steps": value}))
        self.rtol.editingFinished.connect(lambda: self._on_number(self.rtol, "rtol"))
        self.atol.editingFinished.connect(lambda: self._on_number(self.atol, "atol"))

    def show_config(self, config: TrainConfig, *, black_boxes: bool = False) -> None:
        """``black_boxes``: whether the equations call simulators."""
        self._config = config
        choose(self.gradients, config.gradients)
        self._form.setRowVisible(self.gradients, black_boxes or config.gradients != "auto")
        choose(self.solver, config.solver)
        choose(self.adjoint, config.adjoint)
        choose(self.controller, config.controller)
        with quiet(self.max_steps):
            self.max_steps.setValue(config.max_steps)
        for edit, value in ((self.rtol, config.rtol), (self.atol, config.atol)):
            edit.setText("" if value is None else f"{value:g}")
        foreign = _chooses_steps(config.solver)
        for control in (self.adjoint, self.controller, self.rtol, self.atol, self.max_steps):
            self._form.setRowVisible(control, foreign)
        self.problem.setText(_clash(config))

    def _on_solver(self, _: int) -> None:
        name = self.solver.currentData()
        self.changed.emit({"solver": name} if _chooses_steps(name) else {"solver": name, **OWN})

    def _on_number(self, edit: QLineEdit, field: str) -> None:
        text = edit.text().strip()
        try:
            value = float(text) if text else None
        except ValueError:
            value = float("nan")
        if value is not None and not 0 < value < 1:
            self.problem.setText(f"{edit.accessibleName()}: `{text}` is no number between 0 and 1.")
            return
        if self._config is None or getattr(self._config, field) != value:
            self.changed.emit({field: value})
        else:
            self.problem.setText(_clash(self._config))


def _chooses_steps(name: str) -> bool:
    return name in SOLVERS and SOLVERS.get(name).adaptive


def _clash(config: TrainConfig) -> str:
    try:
        for_training(config.solver).traced(solver_settings(config), 1)
    except SpecError as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return ""


def _number(name: str, placeholder: str, tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(placeholder)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made
