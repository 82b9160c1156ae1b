"""A model away from its data: values, ranges, and what is asked of them. It lies beside the window and blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ndestudio.figures.description import Axis, Figure, Panel
from ndestudio.gui.building import (
    EmptyState,
    button,
    choose,
    column,
    combo,
    holder,
    in_front,
    label,
    narrow,
    quiet,
    row,
    set_kind,
    splitter,
)
from ndestudio.gui.style_cache import passing
from ndestudio.gui.theme import GRID, monospace
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.gui.widgets.tables.table import Table
from ndestudio.session.explore import KINDS, ExploreController, ExploreState, Found, ValueRow
from ndestudio.session.session import Session

_NAME, _FITTED, _VALUE, _LOW, _HIGH = range(5)
_TITLES = (
    ("Name", "A parameter, an input (held at the value), or the start of a state"),
    ("Model", "In the model in use; of an input at the begin of the run"),
    ("Value", "To be taken; empty takes that of the model"),
    ("From", "Lower end of its range; empty: it is not varied"),
    ("To", "Upper end of its range"),
)
_ROW = 28
_PLOT = 232
MOST_PLOTS = 12


class ExploreDialog(QDialog):
    """Shows an ``ExploreState``."""

    def __init__(self, controller: ExploreController, parent: QWidget) -> None:
        super().__init__(parent)
        passing(self)
        self.setWindowTitle("Explore")
        self._controller = controller
        self.kind = combo([(title, kind) for kind, title, _ in KINDS], "What to find")
        for place, (_, _, tip) in enumerate(KINDS):
            self.kind.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.run = combo((), "Run", "The run whose inputs, doses and start hold")
        narrow(self.run)
        self.until = QDoubleSpinBox()
        self.until.setRange(-1e12, 1e12)
        self.until.setDecimals(3)
        self.until.setKeyboardTracking(False)
        self.until.setAccessibleName("Last time")
        self.until.setToolTip("Last time of a simulation")
        self.output = combo((), "Output", "The state or quantity whose variance is shared out")
        narrow(self.output)
        self.values = _Values(controller)
        self.start_button = button("Find", controller.start, icon_name="play", kind="primary")
        self.stop_button = button("Stop", controller.stop, icon_name="stop", tip="End it")
        self.reset_button = button("As in the model", controller.reset, tip="Take back all other values")
        self.bar = QProgressBar()
        self.words = label("", "muted", wrap=True, selectable=True)
        self.table = Table("Steady states", (("", ""),), row_height=_ROW)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.empty = EmptyState("search", "")
        self.plots: list[Plot] = []
        self._shown: Found | None = None
        self._lay_out()
        self._connect()
        self.resize(1120, 720)
        controller.attach(self)
        controller.start()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: ExploreState) -> None:
        running = state.status != "idle"
        choose(self.kind, state.kind)
        _fill(self.run, state.runs, state.run)
        self.run_row.setVisible(len(state.runs) > 1)
        _fill(self.output, state.outputs, state.output)
        self.output_row.setVisible(state.kind == "shares")
        with quiet(self.until):
            self.until.setValue(state.until)
        self.until_row.setVisible(state.kind not in ("steady", "bifurcation"))
        ranged = state.kind in ("scan", "shares", "bifurcation")
        self.values.show_rows(state.rows, ranged=ranged, whole=state.kind != "bifurcation")
        self.start_button.setVisible(not running and state.kind != "simulate")
        self.start_button.setEnabled(not state.obstacle and not state.missing)
        self.stop_button.setVisible(running and state.kind != "simulate")
        self.stop_button.setEnabled(state.status == "running")
        self.bar.setVisible(running and state.kind != "simulate")
        self.reset_button.setEnabled(any(one.value != one.fitted for one in state.rows))
        self.reset_button.setVisible(not ranged or self.reset_button.isEnabled())
        self._show_words(state, running)
        if state.found is not self._shown or state.found is None:
            self._shown = state.found
            self._show_found(state.found)
        nothing = state.found is None
        self.empty.setVisible(nothing)
        self.empty.sentence.setText(
            state.obstacle or state.missing or next(tip for k, _, tip in KINDS if k == state.kind)
        )

    def _show_words(self, state: ExploreState, running: bool) -> None:
        words = state.problem or " ".join(_sentence(one) for one in (state.found.sentences if state.found else ()))
        if state.missing and state.found is not None and not running:
            words = f"{words} {state.missing}".strip()
        self.words.setText(words)
        self.words.setVisible(bool(words))
        set_kind(self.words, "error" if state.problem else "muted")

    def _show_found(self, found: Found | None) -> None:
        self.table.setVisible(bool(found and found.header))
        if found is not None and found.header:
            self._show_table(found)
        figure = found.figure if found is not None else None
        self.area.setVisible(figure is not None)
        if figure is not None:
            self._show_figure(figure)

    def _show_table(self, found: Found) -> None:
        self.table.setColumnCount(len(found.header))
        self.table.setHorizontalHeaderLabels(list(found.header))
        self.table.setRowCount(len(found.rows))
        for number, cells in enumerate(found.rows):
            for section, text in enumerate(cells):
                cell = self.table.cell(number, section)
                cell.setText(text)
                cell.setFont(monospace(9.5))
        self.table.resizeColumnsToContents()

    def _show_figure(self, figure: Figure) -> None:
        panels = figure.panels[:MOST_PLOTS]
        while len(self.plots) < len(panels):
            plot = Plot(f"Panel {len(self.plots) + 1} of what was found")
            plot.show_legend()
            plot.setMinimumHeight(_PLOT)
            self.grid.addWidget(plot, len(self.plots) // 2, len(self.plots) % 2)
            self.plots.append(plot)
        for number, plot in enumerate(self.plots):
            plot.setVisible(number < len(panels))
            plot.show_panel(panels[number] if number < len(panels) else Panel(Axis(), Axis()))
            plot.fit()

    def done(self, result: int) -> None:
        self._controller.detach()
        super().done(result)

    # --- putting together ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        controller = self._controller
        self.kind.currentIndexChanged.connect(lambda _: controller.choose(self.kind.currentData()))
        self.run.currentIndexChanged.connect(lambda _: controller.choose_run(self.run.currentData()))
        self.output.currentIndexChanged.connect(lambda _: controller.choose_output(self.output.currentData()))
        self.until.valueChanged.connect(controller.set_until)

    def _lay_out(self) -> None:
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(96)
        self.run_row = holder(row(label("Run"), self.run))
        self.until_row = holder(row(label("Last time"), self.until, 1))
        self.output_row = holder(row(label("Output"), self.output, 1))
        self.grid = QGridLayout()
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setSpacing(GRID)
        inner = QWidget()
        inner.setLayout(self.grid)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.area.setWidget(inner)
        left = holder(
            column(
                self.kind,
                self.run_row,
                self.until_row,
                self.output_row,
                self.values,
                row(self.reset_button, 1, self.bar, self.stop_button, self.start_button),
            )
        )
        left.setMinimumWidth(360)
        right = holder(column(self.words, self.table, self.area, self.empty))
        parts = splitter(Qt.Orientation.Horizontal, left, right)
        parts.setStretchFactor(1, 1)
        parts.setSizes([420, 700])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(parts)
        for one in self.findChildren(QPushButton):
            one.setAutoDefault(False)  # Return ends the typing of a value and presses nothing


class _Values(Table):
    """Values and their ranges."""

    def __init__(self, controller: ExploreController) -> None:
        super().__init__(
            "Values", _TITLES, widths={_FITTED: 72, _VALUE: 72, _LOW: 64, _HIGH: 64}, stretch=(_NAME,), row_height=_ROW
        )
        self._controller = controller
        self._rows: tuple[ValueRow, ...] = ()
        self._state: tuple[object, ...] = ()
        self.itemChanged.connect(self._on_typed)

    def show_rows(self, rows: tuple[ValueRow, ...], *, ranged: bool, whole: bool, again: bool = False) -> None:
        """Parameters: ranged: whether ranges are shown; whole: whether starts are shown, too."""
        rows = tuple(one for one in rows if whole or not one.name.endswith("(0)"))
        if (rows, ranged) == self._state and not again:
            return
        self._state, self._rows = (rows, ranged), rows
        for section in (_LOW, _HIGH):
            self.setColumnHidden(section, not ranged)
        with quiet(self):
            self.setRowCount(len(rows))
            for number, one in enumerate(rows):
                texts = (
                    f"{one.name} ({one.unit})" if one.unit else one.name,
                    f"{one.fitted:.4g}",
                    f"{one.value:.4g}" if one.value != one.fitted else "",
                    "" if one.low is None else f"{one.low:.4g}",
                    "" if one.high is None else f"{one.high:.4g}",
                )
                for section, text in enumerate(texts):
                    cell = self.cell(number, section)
                    cell.setText(text)
                    cell.setFont(monospace(9.5))
                    flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                    cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if section >= _VALUE else flags)

    def _on_typed(self, cell: QTableWidgetItem) -> None:
        one, text = self._rows[cell.row()], cell.text().strip().replace(",", ".")
        try:
            value = float(text) if text else None
        except ValueError:
            _, ranged = self._state
            self.show_rows(self._rows, ranged=bool(ranged), whole=True, again=True)
            return
        match cell.column():
            case 2:
                self._controller.set_value(one.name, value)
            case 3:
                self._controller.set_range(one.name, value, one.high if value is not None else None)
            case 4:
                self._controller.set_range(one.name, one.low if value is not None else None, value)


def _fill(box, names: tuple[str, ...], chosen: str) -> None:  # type: ignore[no-untyped-def]
    with quiet(box):
        if [box.itemData(k) for k in range(box.count())] != list(names):
            box.clear()
            for name in names:
                box.addItem(name, name)
        box.setCurrentIndex(box.findData(chosen))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def open_explore(session: Session, parent: QWidget) -> ExploreDialog:
    """The window, in front; there is one."""
    return in_front(parent, ExploreDialog, lambda: ExploreDialog(session.explore, parent))
