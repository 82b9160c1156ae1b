"""Settings of exporting (the `[export]` table of a spec)."""

from __future__ import annotations

import msgspec

from ndestudio.figures.style import FigureStyle


class ExportConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `run` writes beside equations.json, project.nde and report.html.

    Attributes
    ----------
    formats
        Any of `latex sympy python jax julia matlab c json csv`, and of those that installed packages add.
    figures
        File types of the figures, any of `svg pdf png csv` (csv: the numbers behind them).
    verify
        Run each artefact that can be run here again and compare it with the model.
    digits
        Significant digits of numbers in displayed equations (code always carries all of them).
    style
        How figures look.
    """

    formats: tuple[str, ...] = ("latex", "sympy", "python", "jax", "julia", "matlab", "c", "json", "csv")
    figures: tuple[str, ...] = ("svg", "png")
    verify: bool = True
    digits: int = 5
    style: FigureStyle = FigureStyle()
