"""Settings of exporting (the `[export]` table of a spec)."""

from __future__ import annotations

import msgspec


class ExportConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `run` writes beside equations.json, project.nde and report.html.

    Attributes:
        formats: any of `latex sympy python jax julia matlab c json csv`, and of those that installed packages add.
        figures: file types of the figures.
        verify: run each artefact that can be run here again and compare it with the model.
        digits: significant digits of numbers in displayed equations (code always carries all of them).
    """

    formats: tuple[str, ...] = ("latex", "sympy", "python", "jax", "julia", "matlab", "c", "json", "csv")
    figures: tuple[str, ...] = ("svg", "png")
    verify: bool = True
    digits: int = 5
