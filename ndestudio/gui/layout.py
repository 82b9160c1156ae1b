"""Where the splitters and tabs of a view stand, kept between sessions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping

from PySide6.QtWidgets import QSplitter, QTabWidget, QWidget


def remembered(view: QWidget, name: str) -> dict[str, str]:
    """Positions of everything movable in a view, as text.

    Parameters
    ----------
    name
        Of the view; begins the keys.
    """
    kept = {
        key: base64.b64encode(bytes(splitter.saveState().data())).decode() for key, splitter in _splitters(view, name)
    }
    return kept | {key: str(tabs.currentIndex()) for key, tabs in _tabs(view, name)}


def restore(view: QWidget, name: str, kept: Mapping[str, str]) -> None:
    """Put everything where it was; what does not fit any more is left as it is."""
    for key, splitter in _splitters(view, name):
        if key in kept:
            try:
                splitter.restoreState(base64.b64decode(kept[key], validate=True))
            except binascii.Error:
                continue
    for key, tabs in _tabs(view, name):
        if kept.get(key, "").isdigit() and int(kept[key]) < tabs.count():
            tabs.setCurrentIndex(int(kept[key]))


def _splitters(view: QWidget, name: str) -> Iterator[tuple[str, QSplitter]]:
    for number, splitter in enumerate(view.findChildren(QSplitter)):
        yield f"{name}/splitter{number}/{splitter.count()}", splitter


def _tabs(view: QWidget, name: str) -> Iterator[tuple[str, QTabWidget]]:
    for number, tabs in enumerate(view.findChildren(QTabWidget)):
        yield f"{name}/tabs{number}/{tabs.count()}", tabs
