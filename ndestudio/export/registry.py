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
        "latex": "ndestudio.export.formats.latex:EXPORTER",
        "sympy": "ndestudio.export.formats.sympy_text:EXPORTER",
        "python": "ndestudio.export.formats.python_code:EXPORTER",
        "jax": "ndestudio.export.formats.jax_code:EXPORTER",
        "julia": "ndestudio.export.formats.julia:EXPORTER",
        "matlab": "ndestudio.export.formats.matlab:EXPORTER",
        "c": "ndestudio.export.formats.c_code:EXPORTER",
        "json": "ndestudio.export.formats.json_form:EXPORTER",
        "sbml": "ndestudio.export.formats.sbml:EXPORTER",
        "fmu": "ndestudio.export.formats.fmu:EXPORTER",
        "fmu3": "ndestudio.export.formats.fmu:EXPORTER_3",
        "onnx": "ndestudio.export.formats.onnx_form:EXPORTER",
        "csv": "ndestudio.export.formats.csv_form:EXPORTER",
    },
    needs=("title", "file_name", "write"),
    error=ExportError,
)
"""Exporters by name, in the order they are offered."""
