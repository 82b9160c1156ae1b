"""The Model stage: equations as text and typeset, problems in place, tables, library, live simulation."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from ndestudio.gui.building import EmptyState, button, card, column, holder, label, row, tab_widget
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.editors.equation_editor import EquationEditor
from ndestudio.gui.widgets.editors.library_tree import LibraryTree
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.math_view import MathList
from ndestudio.gui.widgets.noise_bar import FanBar, NoiseBar
from ndestudio.gui.widgets.page_header import PageHeader
from ndestudio.gui.widgets.plots.trajectory_plot import TrajectoryPlot
from ndestudio.gui.widgets.problem_list import ProblemList
from ndestudio.gui.widgets.tables.initial_table import InitialTable
from ndestudio.gui.widgets.tables.network_table import NetworkTable
from ndestudio.gui.widgets.tables.parameter_table import ParameterTable
from ndestudio.session.model.controller import ModelController
from ndestudio.session.model.state import ModelState
from ndestudio.session.session import Session

_LOW = 720


class ModelView(QWidget):
    """Signals say what a person wants; see ``connect``."""

    proceed = Signal()
    advice_followed = Signal(object)
    unknown_wanted = Signal()
    hidden_wanted = Signal()
    fitted_wanted = Signal()
    inserted = Signal(str, str, int)
    simulation_looked_at = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._state: ModelState | None = None
        self.summary = ElidedLabel()
        self.continue_button = button(
            "Continue to Train", self.proceed.emit, kind="primary", tip="Fit the model (Ctrl+3)"
        )
        self.unknown_button = button(
            "All unknown", self.unknown_wanted.emit, icon_name="network", tip="One unknown function per measured column"
        )
        self.hidden_button = button(
            "Hidden state",
            self.hidden_wanted.emit,
            icon_name="add",
            tip="Add a state that nobody measured, with an unknown equation; every unknown function reads it, for what the "
            "measured states alone cannot tell (augmented neural ODE)",
        )
        self.editor = EquationEditor()
        self.problems = ProblemList("Problems of the equations")
        self.math = MathList("Equations, typeset", scale=1.1)
        self.parameters = ParameterTable()
        self.fitted_button = button("Start from fitted values", self.fitted_wanted.emit, kind="link")
        self.networks = NetworkTable()
        self.initial = InitialTable()
        self.library = LibraryTree()
        self.noise = NoiseBar()
        self.fan = FanBar()
        self.simulation = TrajectoryPlot()
        self.simulation_note = label("", "muted", wrap=True)
        self._lay_out()
        self.problems.chosen.connect(self._go_to_problem)
        self.problems.acted.connect(self._act_on_problem)
        self.library.chosen.connect(lambda kind, key: self.inserted.emit(kind, key, self.editor.insert_position()))
        self.right_tabs.currentChanged.connect(lambda: self.simulation_looked_at.emit(self._simulation_visible()))

    def show_state(self, state: ModelState) -> None:
        self._state = state
        self.editor.show_text(state.text)
        self.editor.show_words(state.words)
        self.editor.show_problems((*state.problems, *state.doubts))
        self._show_problems(state)
        self.math.show_formulas([row.formula for row in state.equations])
        self.math_stack.setCurrentIndex(1 if state.equations else 0)
        count = len([one for one in state.advice if one.level != "info"]) if state.problems else 0
        words = f"{count} problem{'' if count == 1 else 's'} to put right" if count else state.summary
        self.summary.show_text(words, "error" if state.problems else "muted")
        self.continue_button.setEnabled(not state.obstacle)
        self.unknown_button.setEnabled(state.dataset is not None)
        self.hidden_button.setEnabled(bool(state.networks) and not state.problems)
        self.parameters.show_rows(state.parameters)
        self.parameter_stack.setCurrentIndex(1 if state.parameters else 0)
        self.fitted_button.setVisible(any(row.fitted is not None for row in state.parameters))
        self.networks.show_rows(state.networks)
        self.network_stack.setCurrentIndex(1 if state.networks else 0)
        self.initial.show_rows(state.initial)
        self.left_tabs.setTabText(0, _counted("Parameters", len(state.parameters)))
        self.left_tabs.setTabText(1, _counted("Networks", len(state.networks)))
        self.library.show_entries(state.library)
        self.noise.show_noise(state.noise)
        self.fan.show_fan(state.noise.fan)
        self.fan.setVisible(bool(state.noise.calculus))
        self._show_simulation(state)

    def reset_layout(self) -> None:
        self.splitter.setSizes([672, 488])
        self.left.setSizes([300, 330])
        self.right.setSizes([280, 350])

    def _lay_out(self) -> None:
        buttons = (self.hidden_button, self.unknown_button, self.continue_button)
        header = PageHeader("Model", self.summary, *buttons, spacing=2 * GRID)
        self.parameter_stack = _stacked(
            EmptyState("settings", "Free names in the equations appear here as parameters."),
            holder(column(self.parameters, row(self.fitted_button, 1), spacing=4)),
        )
        self.network_stack = _stacked(
            EmptyState(
                "network", "Call a function that is not known yet, such as f(x, y), and declare it as a network."
            ),
            self.networks,
        )
        self.left_tabs = tab_widget(
            (self.parameter_stack, "Parameters", "Values or starts, bounds, units"),
            (self.network_stack, "Networks", "Shapes of the unknown functions"),
            (self.initial, "Initial values", "Where trajectories begin, and whether that is estimated"),
        )
        self.left = QSplitter(Qt.Orientation.Vertical)
        self.left.addWidget(card(self.editor, self.noise, self.problems, heading="Equations"))
        self.left.addWidget(card(self.left_tabs, margins=GRID))
        self.math_stack = _stacked(EmptyState("model", "The typeset equations appear here while you write."), self.math)
        simulated = column(self.simulation_note, self.fan, self.simulation, spacing=GRID, margins=GRID)
        self.right_tabs = tab_widget(
            (self.library, "Library", "Terms and systems to start from"),
            (holder(simulated), "Simulation", "The model with the values of the tables against the data, live"),
        )
        self.right = QSplitter(Qt.Orientation.Vertical)
        self.right.addWidget(card(self.math_stack, heading="Typeset"))
        self.right.addWidget(card(self.right_tabs, margins=GRID))
        self.splitter = QSplitter()
        self.splitter.addWidget(self.left)
        self.splitter.addWidget(self.right)
        for splitter in (self.left, self.right, self.splitter):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(2 * GRID)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        outer.setSpacing(2 * GRID)
        outer.addWidget(header)
        outer.addWidget(self.splitter, 1)
        self.reset_layout()

    def _show_problems(self, state: ModelState) -> None:
        self.problems.show_problems(
            [
                (
                    f"Line {one.problem.line}" if one.problem else "",
                    one.sentence,
                    one.level,
                    (one.action,) if one.action else (),
                )
                for one in state.advice
            ],
            limit=3 if self.height() > _LOW else 2,
        )

    def _go_to_problem(self, position: int) -> None:
        if self._state is not None and position < len(self._state.advice):
            problem = self._state.advice[position].problem
            if problem is not None:
                self.editor.go_to(problem)

    def _act_on_problem(self, position: int, _: int = 0) -> None:
        if self._state is not None and position < len(self._state.advice):
            self.advice_followed.emit(self._state.advice[position])

    def _show_simulation(self, state: ModelState) -> None:
        if state.dataset is None:
            note = "Open data to see the model beside them."
        elif state.simulation_problem:
            note = state.simulation_problem
        else:
            failed = (
                [path.sentence for path in state.simulation.paths.values() if path.sentence] if state.simulation else []
            )
            fan = "Paths begin where the data do. " if state.noise.calculus else ""
            note = failed[0] if failed else f"{fan}With the values of the tables; {_networks_words(state)}"
        self.simulation_note.setText(note)
        if state.dataset is not None:
            self.simulation.show_model(state.dataset, state.simulation)

    def _simulation_visible(self) -> bool:
        return self.right_tabs.currentIndex() == 1


def connect(view: ModelView, session: Session) -> None:
    """The view's signals become intents of the session."""
    model = session.model
    view.proceed.connect(lambda: session.show_stage("train"))
    view.editor.edited.connect(model.edit_text)
    view.advice_followed.connect(model.follow_advice)
    view.unknown_wanted.connect(model.start_from_unknown)
    view.hidden_wanted.connect(model.add_hidden_state)
    view.fitted_wanted.connect(model.take_fitted)
    view.inserted.connect(model.insert)
    view.simulation_looked_at.connect(model.simulate)
    view.noise.calculus_chosen.connect(model.choose_calculus)
    view.fan.changed.connect(model.choose_fan)
    view.parameters.edited.connect(lambda name, field, value: model.change_parameter(name, **{field: value}))
    view.parameters.values_chosen.connect(model.set_values)
    view.parameters.spread_edited.connect(lambda name, text: _spread_edited(view, model, name, text))
    view.parameters.renamed.connect(model.rename)
    view.parameters.renamed.connect(lambda *_: view.parameters.reshow())
    view.parameters.refused.connect(lambda sentence: session.toast(sentence, "warning"))
    view.networks.edited.connect(lambda name, changes: model.change_network(name, **changes))
    view.networks.removed.connect(model.remove_network)
    view.initial.edited.connect(lambda state, changes: model.change_initial(state, **changes))


def _spread_edited(view: ModelView, model: ModelController, name: str, text: str) -> None:
    """The spread of a population; what is refused is put back."""
    model.set_spread(name, text)
    view.parameters.reshow()


def _networks_words(state: ModelState) -> str:
    if any(row.fitted is not None for row in state.parameters):
        return "trained networks are kept where they still fit."
    return "untrained networks contribute next to nothing." if state.networks else "drag a slider to see its effect."


def _stacked(empty: QWidget, content: QWidget) -> QStackedWidget:
    stack = QStackedWidget()
    stack.addWidget(empty)
    stack.addWidget(content)
    return stack


def _counted(words: str, count: int) -> str:
    return f"{words} ({count})" if count else words
