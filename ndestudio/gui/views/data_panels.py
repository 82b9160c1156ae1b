"""Panels beside the plots of the Data stage: files, split, reading details."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QFrame, QLineEdit, QToolButton, QVBoxLayout, QWidget

from ndestudio.gui.building import card, choose, column, combo, discard, label, quiet, row, tool_button
from ndestudio.gui.theme import GRID
from ndestudio.session.data.state import DataState

_SPLITS = (
    ("Automatic", "auto"),
    ("Last rows of each trajectory", "time"),
    ("Whole trajectories", "trajectory"),
    ("None: everything trains", "none"),
)
_DELIMITERS = (
    ("Guessed", None),
    ("Comma ,", ","),
    ("Semicolon ;", ";"),
    ("Tab", "\t"),
    ("Space", " "),
    ("Bar |", "|"),
)
_DECIMALS = (("Guessed", None), ("Point 1.5", "."), ("Comma 1,5", ","))
_NAMES = {"\t": "tab", " ": "space", ",": "comma", ";": "semicolon", "|": "bar", ".": "point"}


class FilesPanel(QFrame):
    """Signals: chosen(position), removed(path)."""

    chosen = Signal(int)
    removed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        self._layout.setSpacing(GRID // 2)
        self._layout.addWidget(label("Files", "heading"))
        self._rows: list[QWidget] = []
        self._shown: object = None

    def show_state(self, state: DataState) -> None:
        if state.files == self._shown:
            return
        self._shown = state.files
        for old in self._rows:
            self._layout.removeWidget(old)
            discard(old)
        self._rows = []
        for position, file in enumerate(state.files):
            name = QToolButton()
            name.setText(file.name)
            name.setToolTip(file.path)
            name.setCheckable(True)
            name.setChecked(file.shown and len(state.files) > 1)
            name.setAccessibleName(f"Show {file.name} in the table")
            name.clicked.connect(lambda _=False, position=position: self.chosen.emit(position))
            remove = tool_button("close", f"Remove {file.name}", lambda path=file.path: self.removed.emit(path))
            remove.setVisible(len(state.files) > 1)
            line = QWidget()
            line.setLayout(row(name, 1, label(file.rows, "muted"), remove, spacing=GRID))
            self._layout.addWidget(line)
            self._rows.append(line)


class SplitPanel(QFrame):
    """Which rows train, validate and test. Signals: changed(fields of the SplitConfig)."""

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.by = combo(_SPLITS, "How data are held out", "Held-out rows choose between models and judge the result")
        self.by.currentIndexChanged.connect(lambda: self.changed.emit({"by": self.by.currentData()}))
        self.parts: dict[str, QDoubleSpinBox] = {}
        boxes = row(spacing=GRID)
        for name, words in (("train", "Training"), ("validation", "Validation"), ("test", "Test")):
            box = QDoubleSpinBox()
            box.setRange(0, 100)
            box.setDecimals(0)
            box.setSuffix(" %")
            box.setKeyboardTracking(False)
            box.setAccessibleName(f"{words} part in percent")
            box.setToolTip(f"Share of the data used for {words.lower()}, in percent")
            box.valueChanged.connect(lambda value, name=name: self.changed.emit({name: value / 100}))
            self.parts[name] = box
            boxes.addLayout(column(label(words, "muted"), box, spacing=4), 1)
        self.shares = QWidget()
        self.shares.setLayout(boxes)
        inner = card(self.by, self.shares, heading="Held-out data")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(inner)

    def show_state(self, state: DataState) -> None:
        split = state.split
        choose(self.by, split.by)
        total = split.train + split.validation + split.test or 1.0
        with quiet(*self.parts.values()):
            for name, box in self.parts.items():
                box.setValue(100 * getattr(split, name) / total)
        self.shares.setVisible(split.by != "none" and not split.validation_trajectories and not split.test_trajectories)


class ReadingPanel(QFrame):
    """Delimiter, decimal sign, encoding, comments, sheet. Signals: changed(fields of the DataConfig)."""

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self.toggle = QToolButton()
        self.toggle.setText("Reading details")
        self.toggle.setCheckable(True)
        self.toggle.setToolTip("What was guessed about the file, to be corrected")
        self.toggle.setArrowType(Qt.ArrowType.RightArrow)
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.delimiter = combo(_DELIMITERS, "Delimiter", "What separates the columns")
        self.decimal = combo(_DECIMALS, "Decimal sign", "What separates the fraction of a number")
        self.encoding = QLineEdit()
        self.encoding.setAccessibleName("Encoding")
        self.encoding.setToolTip("Character encoding, such as utf-8 or latin-1; empty: guessed")
        self.comment = QLineEdit()
        self.comment.setAccessibleName("Comment sign")
        self.comment.setToolTip("Lines that begin with this are skipped; empty: guessed")
        self.sheet = combo(
            (),
            "Sheet, table or variable",
            "Sheet of a workbook, table of a database, variable or group of a file of arrays",
        )
        self._form = QFormLayout()
        self._form.setSpacing(GRID)
        self._form.addRow("Delimiter", self.delimiter)
        self._form.addRow("Decimal sign", self.decimal)
        self._form.addRow("Encoding", self.encoding)
        self._form.addRow("Comments begin with", self.comment)
        self._form.addRow("Sheet, table or variable", self.sheet)
        self._body = QWidget()
        self._body.setLayout(self._form)
        self._body.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card(self.toggle, self._body, margins=GRID))
        self._connect()

    def show_state(self, state: DataState) -> None:
        config = state.config
        for box, given, guessed in (
            (self.delimiter, config.delimiter, state.delimiter),
            (self.decimal, config.decimal, state.decimal),
        ):
            with quiet(box):
                box.setItemText(
                    0, f"Guessed: {_NAMES.get(guessed, guessed)}" if guessed and given is None else "Guessed"
                )
                choose(box, given)
        with quiet(self.encoding, self.comment):
            self.encoding.setText(config.encoding or "")
            self.encoding.setPlaceholderText(state.encoding or "guessed")
            self.comment.setText(config.comment or "")
            self.comment.setPlaceholderText(state.comment or "none found")
        for line in range(4):
            self._form.setRowVisible(line, state.text_file)
        self._form.setRowVisible(4, bool(state.choices))
        with quiet(self.sheet):
            self.sheet.clear()
            if state.choice_field == "key":
                self.sheet.addItem("All that belong together", None)
            for choice in state.choices:
                self.sheet.addItem(choice, choice)
            choose(self.sheet, getattr(config, state.choice_field))
        self._choice_field = state.choice_field

    _choice_field = "sheet"

    def _connect(self) -> None:
        self.toggle.toggled.connect(self._on_toggle)
        self.delimiter.currentIndexChanged.connect(
            lambda: self.changed.emit({"delimiter": self.delimiter.currentData()})
        )
        self.decimal.currentIndexChanged.connect(lambda: self.changed.emit({"decimal": self.decimal.currentData()}))
        self.encoding.editingFinished.connect(lambda: self._on_text("encoding", self.encoding))
        self.comment.editingFinished.connect(lambda: self._on_text("comment", self.comment))
        self.sheet.currentIndexChanged.connect(
            lambda: self.changed.emit({self._choice_field: self.sheet.currentData()})
        )

    def _on_text(self, name: str, edit: QLineEdit) -> None:
        if edit.isModified():
            edit.setModified(False)
            self.changed.emit({name: edit.text().strip() or None})

    def _on_toggle(self, on: bool) -> None:
        self._body.setVisible(on)
        self.toggle.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
