"""The parts of a view take turns, and news that come while they are drawn are drawn next."""

from itertools import pairwise
from time import perf_counter, sleep

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from ndestudio.gui.widgets.redraw import Redraw


def test_parts_that_draw_have_turns_of_their_own_and_all_that_was_asked_for_is_drawn(qtbot: QtBot):
    owner, drawn = QObject(), []

    def costly(name: str) -> None:
        sleep(0.002)
        drawn.append(name)
        if drawn == ["a"]:
            redraw.ask()  # news in the middle of the first round

    redraw = Redraw(owner, lambda: costly("a"), lambda: drawn.append("nothing"), lambda: costly("b"))
    redraw.ask()
    qtbot.waitUntil(lambda: drawn == ["a"])  # the loop had a turn between the parts
    qtbot.waitUntil(lambda: redraw.count == 2)
    assert drawn == 2 * ["a", "nothing", "b"]
    qtbot.wait(120)
    assert redraw.count == 2
    redraw.close()


def test_a_part_that_fails_does_not_end_drawing(qtbot: QtBot):
    owner, drawn = QObject(), []

    def fails() -> None:
        drawn.append("fails")
        if len(drawn) == 1:
            raise RuntimeError("once")

    redraw = Redraw(owner, fails, lambda: drawn.append("next"))
    with qtbot.captureExceptions() as caught:
        redraw.ask()
        qtbot.waitUntil(lambda: len(caught) == 1)
    redraw.ask()
    qtbot.waitUntil(lambda: redraw.count >= 1)
    assert drawn[:2] == ["fails", "next"]
    redraw.close()


def test_rounds_keep_a_distance(qtbot: QtBot):
    owner, times = QObject(), []
    redraw = Redraw(owner, lambda: times.append(perf_counter()))
    for _ in range(3):
        redraw.ask()
        qtbot.waitUntil(lambda count=redraw.count: redraw.count > count)
    assert min(b - a for a, b in pairwise(times)) > 0.06
    redraw.close()
