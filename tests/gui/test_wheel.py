"""The wheel scrolls and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ndestudio.gui.wheel import WheelGuard


@pytest.fixture
def area(qtbot: QtBot) -> Iterator[QScrollArea]:
    inner, area = QWidget(), QScrollArea()
    layout = QVBoxLayout(inner)
    box = QComboBox()
    box.addItems(["a", "b", "c", "d"])
    spin, slider = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
    for one in (box, spin, slider):
        layout.addWidget(one)
    inner.setMinimumHeight(2000)
    layout.addStretch(1)
    area.setWidget(inner)
    area.setWidgetResizable(True)
    qtbot.addWidget(area)
    area.resize(300, 300)
    area.show()
    qtbot.waitExposed(area)
    guard = WheelGuard(area)
    guard.watch(area)
    yield area


def turn(widget: QWidget) -> None:
    """One click of the wheel over the middle of a widget, as a window gets it."""
    window = widget.window()
    place = widget.mapTo(window, widget.rect().center())
    QTest.wheelEvent(window.windowHandle(), QPointF(place), QPoint(0, -120))
    QApplication.processEvents()


@pytest.mark.parametrize("kind", [QComboBox, QSpinBox, QSlider])
def test_the_wheel_over_a_setting_scrolls_the_page(area: QScrollArea, kind: type[QWidget]):
    control = area.findChild(kind)
    assert control is not None
    before = area.verticalScrollBar().value()
    control.setFocus()
    turn(control)
    value = control.currentIndex() if isinstance(control, QComboBox) else control.value()  # type: ignore[attr-defined]
    assert value == 0
    assert area.verticalScrollBar().value() > before


def test_the_wheel_elsewhere_is_left_alone(area: QScrollArea):
    before = area.verticalScrollBar().value()
    turn(area.viewport())
    assert area.verticalScrollBar().value() > before
