"""The mouse wheel scrolls; it never changes a setting that happens to lie under the pointer.

Spin boxes, choosers and sliders take the wheel for a change of their value. In a page that scrolls this changes settings
on the way, unseen. The event is caught where it enters a window, before any widget has it, and goes on to the nearest area
that scrolls: so it holds for every widget of the program, those that are made later included.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF
from PySide6.QtGui import QGuiApplication, QWheelEvent, QWindow
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QWidget,
)

_CHANGED_BY_THE_WHEEL = (QAbstractSpinBox, QComboBox, QAbstractSlider)


class WheelGuard(QObject):
    """Keeps the wheel from settings in all windows of the program, from when they first have the focus.

    Parameters
    ----------
    parent
        Who owns it: the main window.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.focusWindowChanged.connect(self._watch)

    def watch(self, widget: QWidget) -> None:
        """Keep it from the settings of a window that is shown."""
        self._watch(widget.window().windowHandle())

    def _watch(self, window: QWindow | None) -> None:
        if window is not None:
            window.removeEventFilter(self)
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Send a wheel over a setting to the area around it that scrolls."""
        if event.type() is not QEvent.Type.Wheel or not isinstance(event, QWheelEvent):
            return False
        window = _widget_of(watched)
        over = window.childAt(event.position().toPoint()) if window is not None else None
        setting = _setting(over)
        if setting is None:
            return False
        area = _scrolling(setting)
        if area is not None:
            QApplication.sendEvent(area.viewport(), _copied(event, area.viewport()))
        return True


def _widget_of(window: QObject) -> QWidget | None:
    found = QWidget.find(window.winId()) if isinstance(window, QWindow) else None
    return found if isinstance(found, QWidget) else None


def _setting(widget: QWidget | None) -> QWidget | None:
    """The control that a widget is, or is a part of, if the wheel would change it."""
    while widget is not None and not widget.isWindow():
        if isinstance(widget, QScrollBar):
            return None
        if isinstance(widget, _CHANGED_BY_THE_WHEEL):
            return widget
        widget = widget.parentWidget()
    return None


def _scrolling(widget: QWidget) -> QAbstractScrollArea | None:
    """The nearest area around a widget that has something to scroll."""
    around = widget.parentWidget()
    while around is not None:
        if isinstance(around, QAbstractScrollArea) and any(
            bar.maximum() > bar.minimum() for bar in (around.verticalScrollBar(), around.horizontalScrollBar())
        ):
            return around
        around = None if around.isWindow() else around.parentWidget()
    return None


def _copied(event: QWheelEvent, widget: QWidget) -> QWheelEvent:
    return QWheelEvent(
        QPointF(widget.mapFromGlobal(event.globalPosition())),
        event.globalPosition(),
        event.pixelDelta(),
        event.angleDelta(),
        event.buttons(),
        event.modifiers(),
        event.phase(),
        event.inverted(),
    )
