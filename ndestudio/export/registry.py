"""The forms a model can be written in. A new one is a module and a line here, or a package with an entry point
``ndestudio.exporters``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ndestudio.errors import ExportError
from ndestudio.plugins import Registry

if TYPE_CHECKING:
    from ndestudio.export.exporter import Exporter

EXPORTERS: Registry[Exporter] = Registry(
    "exporters",
    "export format",
    {
        "latex": "ndestudio.export.latex:EXPORTER",
        "sympy": "ndestudio.export.sympy_text:EXPORTER",
        "python": "ndestudio.export.python_code:EXPORTER",
        "jax": "ndestudio.export.jax_code:EXPORTER",
        "julia": "ndestudio.export.julia:EXPORTER",
        "matlab": "ndestudio.export.matlab:EXPORTER",
        "c": "ndestudio.export.c_code:EXPORTER",
        "json": "ndestudio.export.json_form:EXPORTER",
        "csv": "ndestudio.export.csv_form:EXPORTER",
    },
    needs=("title", "file_name", "write"),
    error=ExportError,
)
"""Exporters by name, in the order they are offered."""
