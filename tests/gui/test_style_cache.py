"""Controls that are gone leave nothing in Qt's own caches, which no count of Python's objects shows."""

import ctypes
import gc
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QComboBox, QPlainTextEdit, QSpinBox, QVBoxLayout, QWidget

from ndestudio.gui import icons, theme
from ndestudio.gui.building import discard
from ndestudio.gui.widgets.plots.plot import Plot

COUNT = 20
EACH = 700
"""Bytes that a widget may leave; not forgotten by the style, either of these leaves more than twice as many."""

FIELDS = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def used() -> int:
    """Bytes in use within the C library."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        pytest.skip("the C library does not say what is in use")
    mallinfo.restype = Mallinfo
    return mallinfo().uordblks


def controls() -> QWidget:
    made = QWidget()
    box = QComboBox()
    box.addItems(["one", "two"])
    layout = QVBoxLayout(made)
    for one in (box, QSpinBox(), QPlainTextEdit()):
        layout.addWidget(one)
    made.show()
    QApplication.processEvents()
    return made


def left_behind(qapp: QApplication, make: Callable[[], QWidget]) -> float:
    """Bytes that a widget leaves, by the best of four rounds: tables within the library grow now and then, a leak always."""
    apart, sizes, marks = [], random.Random(0), []
    for _ in range(6):
        for _ in range(COUNT):
            made = make()
            discard(made)
            del made
            gc.collect(0)
            qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            # a new control at an old address takes the old one's place in the cache: keep addresses apart
            apart.append(ctypes.create_string_buffer(sizes.randint(50, 800)))
        qapp.processEvents()
        gc.collect()
        apart.clear()
        marks.append(used())
    return min(later - earlier for earlier, later in pairwise(marks[1:])) / COUNT


def test_the_style_forgets_controls_that_are_gone(qapp: QApplication, light: theme.Theme):
    assert left_behind(qapp, controls) < EACH


def test_the_style_forgets_the_forms_of_a_plot(qapp: QApplication, light: theme.Theme):
    assert left_behind(qapp, lambda: Plot("a plot")) < EACH


def test_an_icon_is_drawn_once(qapp: QApplication):
    assert icons.icon("play", "#123456") is icons.icon("play", "#123456")
    assert icons.pixmap("play", "#123456", 16).cacheKey() == icons.pixmap("play", "#123456", 16).cacheKey()
