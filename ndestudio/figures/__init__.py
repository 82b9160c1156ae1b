"""What figures show, as plain data, and how they are written to files. Nothing heavy is imported before it is used.

Examples
--------
Every figure of a project, as wide as a journal's column:

>>> from ndestudio.export import figures, job                          # doctest: +SKIP
>>> from ndestudio.figures import FigureStyle, save                    # doctest: +SKIP
>>> style = FigureStyle(width="single", font_size=7, palette="grey")   # doctest: +SKIP
>>> for figure in figures(job(project)):                               # doctest: +SKIP
...     save(figure, f"{figure.name}.pdf", style)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.figures.data_table import csv_text
    from ndestudio.figures.description import Axis, Figure, Panel
    from ndestudio.figures.matplotlib_renderer import render, save
    from ndestudio.figures.style import FigureStyle

__all__ = ["Axis", "Figure", "FigureStyle", "Panel", "csv_text", "render", "save"]

_HOME = {
    "Axis": "description",
    "Figure": "description",
    "Panel": "description",
    "FigureStyle": "style",
    "csv_text": "data_table",
    "render": "matplotlib_renderer",
    "save": "matplotlib_renderer",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        value = getattr(import_module(f"ndestudio.figures.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
