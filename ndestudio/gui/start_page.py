"""The page of an empty project: three steps, samples, recent files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ndestudio.gui.building import button, column, discard, label, row
from ndestudio.gui.icons import application_icon, icon, picture
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.session.files import Sample

_STEPS = (
    ("1", "Drop your measurements", "A CSV with a time column; roles, units and delimiter are guessed."),
    ("2", "Write what you know", "Equations as text, with names for the terms you do not know."),
    ("3", "Train, distil, export", "Networks learn the unknown terms, then become formulas."),
)


class SampleTile(QPushButton):
    """A sample of the gallery."""

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        self.setProperty("kind", "tile")
        self.setAccessibleName(f"Sample: {sample.title}")
        self.setAccessibleDescription(sample.description)
        self.setToolTip(sample.description or sample.title)
        self._picture, self._has_thumbnail = QLabel(), bool(sample.thumbnail)
        self._picture.setFixedSize(72, 56)
        if sample.thumbnail:
            self._picture.setPixmap(picture(sample.thumbnail, 72, 56))
        title = label(sample.title, "heading")
        text = label(_short(sample.description), "muted", wrap=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addWidget(self._picture)
        layout.addLayout(column(title, text, 1, spacing=4), 1)
        for child in (self._picture, title, text):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        follow(self, self._restyle)

    def _restyle(self) -> None:
        if not self._has_thumbnail:
            self._picture.setPixmap(icon("train", colours().accent).pixmap(48, 48))


class TourOffer(QFrame):
    """Offers the tour at the first start. Signals: accepted(), declined()."""

    accepted = Signal()
    declined = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "offer")
        words = column(
            label("New here?", "heading"),
            label(
                "Three steps on the lynx and hare counts lead from measurements to equations in about a minute.",
                wrap=True,
            ),
            spacing=2,
        )
        self.accept_button = button("Take the tour", self.accepted.emit, kind="primary", icon_name="play")
        self.decline_button = button("Not now", self._decline, tip="It stays in the Help menu")
        layout = row(words, self.accept_button, self.decline_button, spacing=GRID, margins=2 * GRID)
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def _decline(self) -> None:
        self.hide()
        self.declined.emit()


class StartPage(QWidget):
    """Signals: files_chosen(list of paths), browse()."""

    files_chosen = Signal(list)
    browse = Signal()

    def __init__(self, samples: tuple[Sample, ...]) -> None:
        super().__init__()
        content = QWidget()
        content.setMaximumWidth(1040)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        inner.setSpacing(3 * GRID)
        inner.addLayout(self._header())
        self.offer = TourOffer()
        inner.addWidget(self.offer)
        inner.addLayout(self._steps())
        if samples:
            inner.addWidget(label("Samples", "title"))
            inner.addLayout(self._gallery(samples))
        self._recent_title = label("Recent", "title")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        inner.addWidget(self._recent_title)
        inner.addLayout(self._recent)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(_centred(content))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._paths: tuple[str, ...] = ()
        self._recent_title.hide()

    def show_recent(self, paths: tuple[str, ...]) -> None:
        """List recent files, newest first."""
        if paths == self._paths:
            return
        self._paths = paths
        while (item := self._recent.itemAt(0)) is not None and (widget := item.widget()) is not None:
            self._recent.removeWidget(widget)
            discard(widget)
        for path in paths:
            name = Path(path)
            made = button(
                f"{name.name}    {_home(name.parent)}", lambda path=path: self.files_chosen.emit([path]), kind="link"
            )
            made.setAccessibleName(f"Open {name.name}")
            made.setToolTip(path)
            self._recent.addWidget(made, alignment=Qt.AlignmentFlag.AlignLeft)
        self._recent_title.setVisible(bool(paths))

    def _header(self) -> QHBoxLayout:
        logo = QLabel()
        logo.setPixmap(application_icon().pixmap(56, 56))
        words = column(
            label("From measurements to equations", "hero"),
            label("Drop data files, a spec or a project anywhere in this window.", "muted"),
            spacing=4,
        )
        return row(
            logo,
            words,
            1,
            button("Open files…", self.browse.emit, icon_name="open", kind="primary"),
            spacing=2 * GRID,
        )

    def _steps(self) -> QHBoxLayout:
        layout = QHBoxLayout()
        layout.setSpacing(2 * GRID)
        for number, title, text in _STEPS:
            frame = QFrame()
            frame.setProperty("kind", "card")
            badge = label(number, "step")
            badge.setFixedSize(28, 28)
            badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
            inner = row(
                badge,
                column(label(title, "heading"), label(text, "muted", wrap=True), spacing=4),
                spacing=12,
                margins=16,
            )
            inner.setStretch(1, 1)
            inner.setAlignment(badge, Qt.AlignmentFlag.AlignTop)
            frame.setLayout(inner)
            layout.addWidget(frame, 1)
        return layout

    def _gallery(self, samples: tuple[Sample, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2 * GRID)
        for index, sample in enumerate(samples):
            tile = SampleTile(sample)
            tile.clicked.connect(lambda _=False, path=sample.spec: self.files_chosen.emit([path]))
            grid.addWidget(tile, index // 2, index % 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        return grid


def _centred(widget: QWidget) -> QWidget:
    outer = QWidget()
    layout = QHBoxLayout(outer)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addStretch(1)
    layout.addWidget(widget, 100)
    layout.addStretch(1)
    return outer


def _short(text: str, limit: int = 84) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + " …"


def _home(folder: Path) -> str:
    try:
        return f"~/{folder.relative_to(Path.home())}"
    except ValueError:
        return str(folder)
