"""Small helpers to build views: labels, buttons, cards and rows on the 8-pixel grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QTabBar,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ndestudio.gui.icons import icon
from ndestudio.gui.style_cache import forget
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.gui.widgets.flow_layout import FlowLayout

D = TypeVar("D", bound=QDialog)


def label(text: str = "", kind: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A label; kinds are those of the style sheet (`title`, `heading`, `muted`, `error`, ...)."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if kind:
        made.setProperty("kind", kind)
    made.setWordWrap(wrap)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def set_kind(widget: QWidget, kind: str, name: str = "kind") -> None:
    """Change the kind of a widget, redrawing it if it differs."""
    if widget.property(name) != kind:
        widget.setProperty(name, kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(
    text: str,
    clicked: Callable[[], object] | None = None,
    *,
    icon_name: str = "",
    kind: str = "",
    tip: str = "",
) -> QPushButton:
    """A push button; its accessible name is its text."""
    made = QPushButton(text)
    if kind:
        made.setProperty("kind", kind)
    if tip:
        made.setToolTip(tip)
    if clicked is not None:
        made.clicked.connect(lambda _=False: clicked())
    if icon_name:
        _follow_icon(made, icon_name, primary=kind == "primary")
    return made


def tool_button(icon_name: str, tip: str, clicked: Callable[[], object] | None = None) -> QToolButton:
    """An icon that acts; the tip is its accessible name too."""
    made = QToolButton()
    made.setIconSize(QSize(18, 18))
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    if clicked is not None:
        made.clicked.connect(lambda _=False: clicked())
    _follow_icon(made, icon_name)
    return made


def _follow_icon(widget: QAbstractButton, name: str, *, primary: bool = False) -> None:
    def restyle() -> None:
        c = colours()
        widget.setIcon(icon(name, c.accent_text if primary else c.muted, c.accent))

    follow(widget, restyle)


def combo(choices: Sequence[tuple[str, object]], name: str, tip: str = "") -> QComboBox:
    """A choice of (text, value) pairs."""
    made = QComboBox()
    for text, value in choices:
        made.addItem(text, value)
    made.setAccessibleName(name)
    made.setToolTip(tip or name)
    return made


def narrow(*boxes: QComboBox) -> None:
    """Let boxes be narrower than their longest choice, which then ends in an ellipsis."""
    for box in boxes:
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)


def choose(box: QComboBox, value: object) -> None:
    """Show a value without saying that it was chosen."""
    index = box.findData(value)
    if index >= 0 and index != box.currentIndex():
        blocked = box.blockSignals(True)
        box.setCurrentIndex(index)
        box.blockSignals(blocked)


def column(*parts: QWidget | QLayout | int, spacing: int = GRID, margins: int = 0) -> QVBoxLayout:
    """Widgets and layouts below each other; an int is a stretch."""
    return _fill(QVBoxLayout(), parts, spacing, margins)


def row(*parts: QWidget | QLayout | int, spacing: int = GRID, margins: int = 0) -> QHBoxLayout:
    """Widgets and layouts beside each other; an int is a stretch."""
    return _fill(QHBoxLayout(), parts, spacing, margins)


def _fill(layout, parts, spacing: int, margins: int):  # type: ignore[no-untyped-def]
    layout.setSpacing(spacing)
    layout.setContentsMargins(margins, margins, margins, margins)
    for part in parts:
        if isinstance(part, int):
            layout.addStretch(part)
        elif isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    return layout


def flow(*parts: QWidget, spacing: int = GRID) -> QWidget:
    """Widgets beside each other, in further lines where there is no room."""
    made = QWidget()
    layout = FlowLayout(made, spacing)
    for part in parts:
        layout.addWidget(part)
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    made.setSizePolicy(policy)
    return made


def holder(layout: QLayout) -> QWidget:
    """A widget for a layout."""
    made = QWidget()
    made.setLayout(layout)
    return made


def card(*parts: QWidget | QLayout | int, heading: str = "", margins: int = 2 * GRID) -> QFrame:
    """A framed surface with an optional heading."""
    made = QFrame()
    made.setProperty("kind", "card")
    content = column(*parts, margins=margins)
    if heading:
        content.insertWidget(0, label(heading, "heading"))
    made.setLayout(content)
    return made


def line() -> QFrame:
    """A thin horizontal line."""
    made = QFrame()
    made.setProperty("kind", "line")
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


class EmptyState(QWidget):
    """A sentence and a button in the place of content that is not there yet."""

    def __init__(
        self, icon_name: str, sentence: str, action: str = "", clicked: Callable[[], object] | None = None
    ) -> None:
        super().__init__()
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = label(sentence, "muted", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setMaximumWidth(420)
        self.sentence.setMinimumWidth(200)
        parts: list[QWidget | QLayout | int] = [1, self._picture, row(1, self.sentence, 1)]
        if action:
            self.button = button(action, clicked, kind="primary")
            parts.append(row(1, self.button, 1))
        parts.append(1)
        self.setLayout(column(*parts, spacing=2 * GRID, margins=2 * GRID))
        self._icon = icon_name
        follow(self, self._restyle)

    def _restyle(self) -> None:
        self._picture.setPixmap(icon(self._icon, colours().muted).pixmap(40, 40))


def quiet(*objects: QObject) -> _Quiet:
    """A context in which widgets do not signal: showing is no intent."""
    return _Quiet(objects)


class _Quiet:
    def __init__(self, objects: Sequence[QObject]) -> None:
        self._objects = objects

    def __enter__(self) -> None:
        self._before = [one.blockSignals(True) for one in self._objects]

    def __exit__(self, *_: object) -> None:
        for one, before in zip(self._objects, self._before, strict=True):
            one.blockSignals(before)


def trigger(widget: QWidget, action: str) -> None:
    """Run an action of the window that ``widget`` is in, by its name."""
    found = widget.window().findChild(QAction, action)
    if isinstance(found, QAction):
        found.trigger()


def discard(widget: QWidget) -> None:
    """Take a widget away: out of sight now, deleted when Qt gets to it."""
    widget.hide()
    forget(widget)
    widget.deleteLater()


def tab_widget(*pages: tuple[QWidget, str, str]) -> QTabWidget:
    """Tabs of (page, title, tip)."""
    tabs = QTabWidget()
    tabs.setDocumentMode(True)
    for widget, title, tip in pages:
        tabs.setTabToolTip(tabs.addTab(widget, title), f"{title}: {tip}" if tip else title)
    keep_in_sight(tabs.tabBar())
    return tabs


def keep_in_sight(bar: QTabBar) -> None:
    """Tabs become narrower where there is little room; none is scrolled away."""
    bar.setUsesScrollButtons(False)
    bar.setElideMode(Qt.TextElideMode.ElideRight)


def splitter(orientation: Qt.Orientation, *parts: QWidget) -> QSplitter:
    """Parts beside or above each other that can be resized but not lost."""
    made = QSplitter(orientation)
    for part in parts:
        made.addWidget(part)
    made.setChildrenCollapsible(False)
    made.setHandleWidth(GRID + GRID // 2)
    return made


def in_front(parent: QWidget, kind: type[D], make: Callable[[], D]) -> D:
    """The dialog of this kind that ``parent`` has, in front; there is one, made when it is first asked for."""
    opened = [dialog for dialog in parent.findChildren(kind) if dialog.isVisible()]
    dialog = opened[0] if opened else make()
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog
