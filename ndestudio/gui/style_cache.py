"""Lets the style forget controls that are gone.

Under a style sheet Qt keeps what it worked out for the inner parts of controls (the line of a spin box, the list of a combo
box, the inside of a scroll area) by their address: some 900 bytes each. It drops this when a widget that can have a style
of its own is destroyed, and never for those parts (``QStyleSheetStyle::renderRule`` makes the entry, ``initObject`` refuses
to watch them; seen with Qt 6.10). A window that was opened and closed left 0.1 MB behind.
"""

from __future__ import annotations

from PySide6.QtCore import SIGNAL, QObject, Qt
from PySide6.QtWidgets import QDialog, QLabel, QWidget
from shiboken6 import isValid

_DESTROYED = SIGNAL("destroyed(QObject*)")
_watched: list[QLabel] = []


def renew() -> None:
    """After a style sheet was set: it has a cache of its own, which has to watch something."""
    for old in filter(isValid, _watched):
        old.deleteLater()
    one = QLabel()
    one.ensurePolished()
    _watched[:] = [one]


def forget(widget: QWidget) -> None:
    """Have the style drop what it keeps about a widget and all within, once they are destroyed.

    Qt's cache learns of the end of widgets it watches by their ``destroyed``; here that of one such widget passes on the end
    of others.
    """
    if not _watched or not isValid(_watched[0]):
        return
    for one in (widget, *widget.findChildren(QWidget)):
        QObject.connect(one, _DESTROYED, _watched[0], _DESTROYED)


def passing(dialog: QDialog) -> None:
    """A dialog that is deleted when it is closed, and then forgotten."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.finished.connect(lambda _: forget(dialog))
