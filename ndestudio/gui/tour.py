"""Coach marks of the tour: a card that points at real controls. It covers nothing but itself and never blocks."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent, QPen, QShortcut
from PySide6.QtWidgets import QFrame, QMainWindow, QVBoxLayout, QWidget

from ndestudio.gui.building import button, label, row
from ndestudio.gui.theme import GRID, colours
from ndestudio.session.tour import STEPS, Stop, TourController, TourState

_WIDTH = 348
_GAP = 12
_TARGETS: dict[Stop, tuple[str, tuple[str, ...], str]] = {
    "data": ("data", ("continue_button",), "tabs"),
    "model": ("model", ("continue_button",), "left_tabs"),
    "train": ("train", ("start_button",), ""),
    "training": ("train", ("trajectories",), "right_tabs"),
    "trained": ("train", ("continue_button",), "right_tabs"),
    "poor": ("train", ("go_on_button",), "right_tabs"),
    "distil": ("distil", ("start_button",), ""),
    "searching": ("distil", ("pareto", "strip"), "lower_tabs"),
    "equations": ("distil", ("equations",), "lower_tabs"),
    "missed": ("distil", ("again_button", "start_button"), ""),
}
"""Stop -> stage, the controls to point at (the first one that can be seen), and where the card lies: in the lower right corner
of a part that can be spared; "": beside the control."""


class Ring(QWidget):
    """A rounded line around what is pointed at."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        soft = QColor(colours().accent)
        soft.setAlpha(60)
        for pen, inset in ((QPen(soft, 5), 3), (QPen(QColor(colours().accent), 2), 3)):
            painter.setPen(pen)
            painter.drawRoundedRect(self.rect().adjusted(inset, inset, -inset, -inset), 9, 9)


class TourCard(QFrame):
    """The words of a stop, with what comes next. Shows a ``TourState``."""

    def __init__(self, window: QMainWindow, tour: TourController, views: dict) -> None:  # type: ignore[type-arg]
        super().__init__(window)
        self._window, self._tour, self._views = window, tour, views
        self._state = TourState()
        self.setProperty("kind", "coach")
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName("Tour")
        self.ring = Ring(window)
        self.step = label("", "muted")
        self.title = label("", "heading")
        self.text = label("", wrap=True)
        self.leave_button = button("Leave the tour", tour.leave, kind="link", tip="The project stays as it is (Esc)")
        self.next_button = button(
            "Go on", tour.go_on, kind="primary", tip="Let the tour do this step; you may do it yourself, too"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, GRID + GRID // 2)
        layout.setSpacing(GRID)
        for one in (self.step, self.title, self.text):
            layout.addWidget(one)
        layout.addLayout(row(self.leave_button, 1, self.next_button))
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(tour.leave)
        self.hide()
        window.installEventFilter(self)

    def show_state(self, state: TourState) -> None:
        before, self._state = self._state, state
        if not state.stop:
            self.hide()
            self.ring.hide()
            return
        self.step.setText(f"Tour, step {state.step} of {STEPS}")
        self.title.setText(state.title)
        self.text.setText(state.text)
        self.next_button.setText(state.action or "Go on")
        self.next_button.setVisible(bool(state.action))
        self.leave_button.setVisible(not state.ends)
        if state.stop == "equations" and before.stop != state.stop and (view := self._views.get("distil")) is not None:
            view.lower_tabs.setCurrentWidget(view.equations)
        self.show()
        self.place()
        if before.stop != state.stop and state.action:
            self.next_button.setFocus()

    def place(self) -> None:
        """Beside what is pointed at, inside the window."""
        if not self._state.stop:
            return
        self.adjustSize()
        self.resize(_WIDTH, max(self.heightForWidth(_WIDTH), self.sizeHint().height()))
        stage, names, spare = _TARGETS.get(self._state.stop, ("", (), ""))
        target = next((found for name in names if (found := self._control(stage, name)) is not None), None)
        under = self._control(stage, spare) if spare else None
        self.ring.setVisible(target is not None)
        if target is not None:
            self.ring.setGeometry(self._in_window(target).adjusted(-6, -6, 6, 6))
            self.ring.raise_()
        if under is not None:
            self.move(_corner(self._in_window(under), self.size()))
        elif target is not None:
            self.move(_beside(self._in_window(target), self.size(), self._window.rect()))
        else:
            self.move(_corner(self._window.rect().adjusted(0, 0, 0, -4 * GRID), self.size()))
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest, QEvent.Type.Show) and not self.isHidden():
            self.place()
        return False

    def _control(self, stage: str, name: str) -> QWidget | None:
        """A part of a view that can be seen now."""
        control = getattr(self._views.get(stage), name, None)
        return control if isinstance(control, QWidget) and control.isVisible() else None

    def _in_window(self, widget: QWidget) -> QRect:
        return QRect(widget.mapTo(self._window, QPoint(0, 0)), widget.size())


def _corner(place: QRect, size: QSize) -> QPoint:
    return QPoint(place.right() - size.width() - GRID, place.bottom() - size.height() - GRID)


def _beside(place: QRect, size: QSize, window: QRect) -> QPoint:
    """Below what is pointed at where there is room, else above it."""
    left = min(max(place.center().x() - size.width() // 2, 2 * GRID), window.width() - size.width() - 2 * GRID)
    if place.bottom() + _GAP + size.height() <= window.height() - 4 * GRID:
        return QPoint(left, place.bottom() + _GAP)
    return QPoint(left, max(4 * GRID, place.top() - _GAP - size.height()))
