"""Models and problems in the formats of others: SBML, PEtab, PEtab SciML, Antimony."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.exchange.kinetic import KineticModel, Trigger
    from ndestudio.exchange.model_text import to_config
    from ndestudio.exchange.sbml.read import read_sbml, sbml_from_text

_HOME = {
    "KineticModel": "kinetic",
    "Trigger": "kinetic",
    "read_sbml": "sbml.read",
    "sbml_from_text": "sbml.read",
    "to_config": "model_text",
}

__all__ = ["KineticModel", "Trigger", "read_sbml", "sbml_from_text", "to_config"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f"ndestudio.exchange.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
