"""Everything can be done by keyboard and read out: names, tooltips, the way of the Tab key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QScrollArea,
    QScrollBar,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ndestudio.gui.dialogs import AboutDialog, DeviceDialog, ShortcutsDialog
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.plug_ins_dialog import open_plug_ins
from ndestudio.session.ports import STAGES, Stage
from ndestudio.session.session import Session
from tests.session import results

Settle = Callable[[], None]
COMPOSITE = (QComboBox, QAbstractSpinBox, QAbstractItemView, QTabBar, QLineEdit, QMenuBar, QKeySequenceEdit)
CONTROLS = (
    *(QAbstractButton, QComboBox, QAbstractItemView, QAbstractSpinBox, QLineEdit, QAbstractSlider),
    *(QPlainTextEdit, QTabBar, QKeySequenceEdit),
)
ASKS = (QComboBox, QAbstractSpinBox, QLineEdit, QAbstractSlider)


@pytest.fixture
def project(window: MainWindow, session: Session) -> None:
    session.workspace.open(results.project(fitted=True, distilled=True), None)


def controls(root: QWidget) -> list[QWidget]:
    """Everything a person operates, each composite control once."""
    return [w for w in root.findChildren(QWidget) if isinstance(w, CONTROLS) and not _is_part(w) and _can_focus(w)]


def _can_focus(widget: QWidget) -> bool:
    return widget.focusPolicy() != Qt.FocusPolicy.NoFocus and not isinstance(widget, (QScrollBar, QHeaderView))


def _is_part(widget: QWidget) -> bool:
    """Whether it belongs to another control, as the line of a spin box and the button of a tab bar do.

    A control in a cell of a table is one of its own.
    """
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QAbstractItemView):
            return False
        if isinstance(parent, COMPOSITE):
            return True
        parent = parent.parentWidget()
    return False


def name_of(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or ("tabs" if isinstance(widget, QTabBar) else "")


def complaints(root: QWidget) -> list[str]:
    found = []
    for widget in controls(root):
        where = f"{type(widget).__name__} `{name_of(widget)}` in {type(widget.parentWidget()).__name__}"
        if not name_of(widget).strip():
            found.append(f"{where} has no accessible name")
        needs_tip = isinstance(widget, ASKS) or (isinstance(widget, QAbstractButton) and not widget.text())
        if needs_tip and not widget.toolTip() and not isinstance(widget.parentWidget(), QAbstractItemView):
            found.append(f"{where} has no tooltip")
    return sorted(set(found))[:40]


@pytest.mark.parametrize("stage", STAGES)
def test_every_control_of_a_stage_can_be_read_out(window: MainWindow, project: None, settle: Settle, stage: Stage):
    window.go(stage)
    settle()
    assert len(controls(window.views[stage])) > 3
    assert complaints(window.views[stage]) == []


def test_what_surrounds_the_stages_can_be_read_out(window: MainWindow, settle: Settle):
    settle()
    assert complaints(window.start_page) == []
    assert complaints(window.rail) == []
    assert complaints(window.status) == []


@pytest.mark.parametrize("kind", ["about", "device", "plug-ins", "shortcuts"])
def test_dialogs_can_be_read_out(window: MainWindow, session: Session, settle: Settle, kind: str):
    if kind == "about":
        dialog: QWidget = AboutDialog(window)
    elif kind == "device":
        session.device = results.fit().device
        dialog = DeviceDialog(session, window)
    elif kind == "plug-ins":
        dialog = open_plug_ins(session, window)
        settle()
    else:
        dialog = ShortcutsDialog(window.actions_, session.settings, window)
    assert controls(dialog)
    assert complaints(dialog) == []
    dialog.close()


@pytest.mark.parametrize("stage", STAGES)
def test_tab_leads_to_every_control_and_back(
    window: MainWindow, project: None, settle: Settle, qtbot: QtBot, stage: Stage
):
    window.go(stage)
    settle()
    window.activateWindow()
    window.rail.buttons[stage].setFocus(Qt.FocusReason.TabFocusReason)
    start = QApplication.focusWidget()
    visited: list[QWidget] = []
    for _ in range(600):
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus is start and visited:
            break
        visited.append(focus)
        window.focusNextPrevChild(True)
    else:
        pytest.fail(f"Tab does not lead back; it went through {[type(w).__name__ for w in visited[-20:]]}")
    wanted = [
        w
        for w in controls(window.views[stage])
        if w.isVisible() and w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus and not _exclusive(w)
    ]
    seen = set(map(id, visited)) | {id(parent) for w in visited for parent in _parents(w)}
    missed = [f"{type(w).__name__} `{name_of(w)}`" for w in wanted if id(w) not in seen and not _in_cell(w)]
    assert missed == []


def _exclusive(widget: QWidget) -> bool:
    """Buttons of an exclusive group are reached by arrows from the one that is on."""
    return isinstance(widget, QAbstractButton) and widget.group() is not None and not widget.isChecked()


def _in_cell(widget: QWidget) -> bool:
    """Controls in cells are reached by the arrows of their table."""
    return any(isinstance(parent, QAbstractItemView) for parent in _parents(widget))


def _parents(widget: QWidget) -> list[QWidget]:
    found, parent = [], widget.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        found.append(parent)
        parent = parent.parentWidget()
    return found
