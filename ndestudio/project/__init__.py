"""The project file, spec files, and the whole job in one call. Names are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.project.pipeline import recover, run
    from ndestudio.project.project import Project, Run, Spec
    from ndestudio.project.script import python_script
    from ndestudio.project.spec import dump_spec, in_use, load_spec, parse_spec, with_base, with_files
    from ndestudio.project.store import load_project, save_project

_HOME = {
    "recover": "pipeline",
    "run": "pipeline",
    "Project": "project",
    "Run": "project",
    "python_script": "script",
    "Spec": "project",
    "dump_spec": "spec",
    "in_use": "spec",
    "load_spec": "spec",
    "parse_spec": "spec",
    "with_base": "spec",
    "with_files": "spec",
    "load_project": "store",
    "save_project": "store",
}

__all__ = [
    "Project",
    "Run",
    "Spec",
    "dump_spec",
    "in_use",
    "load_project",
    "load_spec",
    "parse_spec",
    "python_script",
    "recover",
    "run",
    "save_project",
    "with_base",
    "with_files",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
