"""Nothing is cut off or overlaps, on any page, at the smallest screen, a usual and a large one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget

from ndestudio.gui.main_window import MainWindow
from ndestudio.session.ports import STAGES
from ndestudio.session.session import Session
from tests.gui.layout_walk import faults
from tests.session import results

Settle = Callable[[], None]


@pytest.mark.parametrize("size", [(960, 640), (1280, 720), (1600, 1000)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_nothing_is_cut_off_or_overlaps(
    window: MainWindow, session: Session, settle: Settle, size: tuple[int, int], qapp: QApplication
):
    session.workspace.open(results.project(fitted=True, distilled=True), None)
    window.resize(*size)
    found: dict[str, None] = {}
    for stage in STAGES:
        window.go(stage)
        settle()
        for page in _pages(window.views[stage]):
            settle()
            qapp.processEvents()
            found |= dict.fromkeys(f"{stage}{page}: {fault}" for fault in faults(window))
    assert not found, "\n".join(found)


def _pages(view: QWidget) -> Iterator[str]:
    """Each tab of a page once in front."""
    yield ""
    for tabs in view.findChildren(QTabWidget):
        before = tabs.currentIndex()
        for position in range(tabs.count()):
            if position != before and tabs.isVisible() and tabs.isTabVisible(position):
                tabs.setCurrentIndex(position)
                yield f", {tabs.tabText(position)}"
        tabs.setCurrentIndex(before)
