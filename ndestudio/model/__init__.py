"""Hybrid models: equation text to systems, networks, simulation. JAX is imported by ``build`` and ``solve`` alone.

Functions that bear the name of their module are not repeated here, since a package cannot tell the two apart:
``from ndestudio.model.simulate import simulate``, and so for ``build`` and ``solve``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.model import library
    from ndestudio.model.analysis import Analysis, analyse, tokenise
    from ndestudio.model.augment import with_hidden_state
    from ndestudio.model.build import HybridField
    from ndestudio.model.config import (
        BasisConfig,
        InitialConfig,
        ModelConfig,
        NetworkConfig,
        ParameterConfig,
        PenaltyConfig,
        PriorConfig,
    )
    from ndestudio.model.fitted import FittedModel, NetworkWeights, Replacement, Simulation
    from ndestudio.model.initial import initial_model, model_start, start_values
    from ndestudio.model.latex import model_latex, system_latex
    from ndestudio.model.metrics import Metrics, score
    from ndestudio.model.parse import parse_system
    from ndestudio.model.replace import formula_filled, numbers_filled, replace_hole, restore_hole
    from ndestudio.model.simulate import (
        evaluate_hole,
        field,
        observe,
        quantities,
        simulate_all,
        simulate_trajectory,
    )
    from ndestudio.model.system import Hole, System

_HOME = {
    "analysis": ("Analysis", "analyse", "tokenise"),
    "augment": ("with_hidden_state",),
    "build": ("HybridField",),
    "config": (
        "BasisConfig",
        "InitialConfig",
        "ModelConfig",
        "NetworkConfig",
        "ParameterConfig",
        "PenaltyConfig",
        "PriorConfig",
    ),
    "fitted": ("FittedModel", "NetworkWeights", "Replacement", "Simulation"),
    "initial": ("initial_model", "model_start", "start_values"),
    "latex": ("model_latex", "system_latex"),
    "metrics": ("Metrics", "score"),
    "parse": ("parse_system",),
    "replace": ("formula_filled", "numbers_filled", "replace_hole", "restore_hole"),
    "simulate": (
        "evaluate_hole",
        "field",
        "observe",
        "quantities",
        "simulate_all",
        "simulate_trajectory",
    ),
    "system": ("Hole", "System"),
}
_MODULE = {name: module for module, members in _HOME.items() for name in members}

__all__ = [
    "Analysis",
    "BasisConfig",
    "FittedModel",
    "Hole",
    "HybridField",
    "InitialConfig",
    "Metrics",
    "ModelConfig",
    "NetworkConfig",
    "NetworkWeights",
    "ParameterConfig",
    "PenaltyConfig",
    "PriorConfig",
    "Replacement",
    "Simulation",
    "System",
    "analyse",
    "evaluate_hole",
    "field",
    "formula_filled",
    "initial_model",
    "library",
    "model_latex",
    "model_start",
    "numbers_filled",
    "observe",
    "parse_system",
    "quantities",
    "replace_hole",
    "restore_hole",
    "score",
    "simulate_all",
    "simulate_trajectory",
    "start_values",
    "system_latex",
    "tokenise",
    "with_hidden_state",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "library":
        return import_module("ndestudio.model.library")
    if name in _MODULE:
        return getattr(import_module(f"ndestudio.model.{_MODULE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Importing the submodule `simulate` must not put the module in the place of the function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _MODULE):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
