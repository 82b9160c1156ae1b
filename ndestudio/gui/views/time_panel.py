"""What was taken as the time, and the choosers that say otherwise: the columns, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QMenu, QPushButton, QSizePolicy, QVBoxLayout

from ndestudio.data.decisions import Decision
from ndestudio.gui.building import combo, label, quiet
from ndestudio.gui.theme import GRID
from ndestudio.session.data.state import DataState

FORMATS = (
    ("Guessed", None),
    ("ISO, 2020-12-31 18:00", "iso"),
    ("Day first, 31.12.2020", "day first"),
    ("Month first, 12/31/2020", "month first"),
    ("Year first, 2020/12/31", "year first"),
    ("Clock, 18:30:00", "clock"),
    ("Duration, 36:30:00", "duration"),
    ("Minutes and seconds, 90:15", "minutes and seconds"),
    ("Digits, 202012311800", "compact"),
    ("Seconds since 1970", "unix s"),
    ("Milliseconds since 1970", "unix ms"),
    ("Microseconds since 1970", "unix us"),
    ("Nanoseconds since 1970", "unix ns"),
    ("Excel day numbers", "excel"),
    ("MATLAB day numbers", "matlab"),
    ("Julian days", "julian"),
    ("Modified Julian days", "modified julian"),
    ("Decimal years, 2020.5", "decimal year"),
    ("Plain numbers", "number"),
)
_FORMAT_TIP = (
    "How the times are written. A pattern such as %d.%m.%Y %H:%M can be typed: %d day, %m month, %b its name, %Y year, "
    "%y its last two digits, %H hour, %I with %p for am and pm, %M minute, %S second"
)


class TimePanel(QFrame):
    """Signals: columns_chosen(labels, or None to count the rows), format_chosen(name or pattern, or None)."""

    columns_chosen = Signal(object)
    format_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.words = label("", "muted", wrap=True, selectable=True)
        self.columns = QPushButton()
        self.columns.setProperty("kind", "choice")
        self.columns.setAccessibleName("Columns of the time")
        self.columns.setToolTip(
            "The column that is the time, or several that make it together: date and clock, year and day"
        )
        self.columns.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self.columns)
        self.menu.aboutToShow.connect(self.menu_now)
        self.columns.clicked.connect(
            lambda: self.menu.popup(self.columns.mapToGlobal(QPoint(0, self.columns.height())))
        )
        self.form = combo(FORMATS, "How the times are written", _FORMAT_TIP)
        self.form.setEditable(True)
        self.form.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.form.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.form.setMinimumContentsLength(12)
        self.form.activated.connect(lambda place: self._say(self.form.itemData(place)))
        line = self.form.lineEdit()
        assert line is not None
        line.setAccessibleName("How the times are written")
        line.editingFinished.connect(self._on_typed)
        self._given: str | None = None
        self._labels: tuple[str, ...] = ()
        self._taken: tuple[str, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID)
        form = QFormLayout()
        form.setSpacing(GRID)
        form.addRow("Columns", self.columns)
        form.addRow("Written as", self.form)
        layout.addWidget(label("Time", "heading"))
        layout.addWidget(self.words)
        layout.addLayout(form)

    def show_state(self, state: DataState) -> None:
        self.words.setText(state.time_text.replace("`", "") if not state.stale else "")
        self.words.setVisible(bool(self.words.text()))
        self._labels = tuple(column.label for column in state.columns)
        self._taken = _taken(state)
        counted = state.config.time == ""
        across = not self._taken and bool(state.time_text) and not state.stale
        words = "The rows are counted" if counted else "The names of columns" if across else "None found: choose"
        self.columns.setText(", ".join(self._taken) or words)
        self.columns.setEnabled(bool(self._labels))
        self._given = state.config.time_format
        place = next((n for n, (_, value) in enumerate(FORMATS) if value == self._given), -1)
        with quiet(self.form):
            self.form.setItemText(0, _guessed(state.decisions))
            self.form.setCurrentIndex(place)
            if place < 0:
                self.form.setEditText(self._given or "")

    def menu_now(self) -> QMenu:
        """The columns, those of the time checked."""
        menu = self.menu
        menu.clear()
        for name in self._labels:
            action = menu.addAction(name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(name in self._taken)
            action.triggered.connect(lambda on, name=name: self._toggle(name, on))
        menu.addSeparator()
        menu.addAction("Count the rows: 0, 1, 2, …").triggered.connect(lambda _=False: self.columns_chosen.emit(None))
        menu.addAction("Guess").triggered.connect(lambda _=False: self.columns_chosen.emit(()))
        return menu

    def _toggle(self, name: str, on: bool) -> None:
        chosen = {*self._taken, name} if on else {*self._taken} - {name}
        self.columns_chosen.emit(tuple(one for one in self._labels if one in chosen))

    def _on_typed(self) -> None:
        text = self.form.currentText().strip()
        if text == self.form.itemText(0):
            self._say(None)
            return
        known = dict(FORMATS) | {value: value for _, value in FORMATS if value}
        self._say(known.get(text, text or None))

    def _say(self, value: str | None) -> None:
        if value != self._given:
            self._given = value
            self.format_chosen.emit(value)


def _guessed(decisions: Sequence[Decision]) -> str:
    """`Guessed: day first`, by what was recognised."""
    found = [
        str(one.choices[one.chosen].changes["time_format"])
        for one in decisions
        if one.chosen is not None and one.choices and "time_format" in one.choices[one.chosen].changes
    ]
    return f"Guessed: {', '.join(dict.fromkeys(found))}" if found else "Guessed"


def _taken(state: DataState) -> tuple[str, ...]:
    """Labels of the columns that make the time: those that were named, else the one that was found."""
    given = state.config.time
    if isinstance(given, tuple):
        return given
    return (given,) if given else state.time_columns
