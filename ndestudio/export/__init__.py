"""A fitted model in other forms: formulas, programs, data, figures, a report. Nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.export.artefacts import Artefact, artefact
    from ndestudio.export.config import ExportConfig
    from ndestudio.export.content import Origin
    from ndestudio.export.equations import equations_json, equations_text
    from ndestudio.export.exporter import Exporter, Options, Subject, Trial
    from ndestudio.export.gather import job, origin_of
    from ndestudio.export.plots import figures
    from ndestudio.export.registry import EXPORTERS
    from ndestudio.export.report import report_html
    from ndestudio.export.rerun import verify
    from ndestudio.export.write import write_all

__all__ = [
    "EXPORTERS",
    "Artefact",
    "ExportConfig",
    "Exporter",
    "Options",
    "Origin",
    "Subject",
    "Trial",
    "artefact",
    "equations_json",
    "equations_text",
    "figures",
    "job",
    "origin_of",
    "report_html",
    "verify",
    "write_all",
]

_HOME = {
    "EXPORTERS": "registry",
    "Artefact": "artefacts",
    "artefact": "artefacts",
    "ExportConfig": "config",
    "Exporter": "exporter",
    "Options": "exporter",
    "Origin": "content",
    "Subject": "exporter",
    "Trial": "exporter",
    "equations_json": "equations",
    "equations_text": "equations",
    "figures": "plots",
    "job": "gather",
    "origin_of": "gather",
    "report_html": "report",
    "verify": "rerun",
    "write_all": "write",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        value = getattr(import_module(f"ndestudio.export.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
