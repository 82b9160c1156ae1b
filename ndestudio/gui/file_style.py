"""How plots are saved as files: in the style of the project that the window shows."""

from __future__ import annotations

from collections.abc import Callable

from ndestudio.figures.style import FigureStyle

_source: Callable[[], FigureStyle] = FigureStyle


def ask(source: Callable[[], FigureStyle]) -> None:
    """From now on plots are saved in the style that ``source`` tells."""
    global _source
    _source = source


def current() -> FigureStyle:
    """The style of now."""
    return _source()
