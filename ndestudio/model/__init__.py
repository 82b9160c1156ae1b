"""Hybrid models: equation text to systems, networks, values of their parts. No JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.model import library
    from ndestudio.model.analysis import Analysis, analyse, tokenise
    from ndestudio.model.augment import with_hidden_state
    from ndestudio.model.config import (
        BasisConfig,
        BlackBoxConfig,
        InitialConfig,
        ModelConfig,
        NetworkConfig,
        ParameterConfig,
        PenaltyConfig,
        PriorConfig,
        RandomConfig,
    )
    from ndestudio.model.evaluate import evaluate_neural_term, field, observe, quantities
    from ndestudio.model.fitted import FittedModel, NetworkWeights, Replacement, Simulation
    from ndestudio.model.initial import initial_model, model_start, start_values
    from ndestudio.model.latex import model_latex, system_latex
    from ndestudio.model.parse import parse_system
    from ndestudio.model.replace import formula_filled, numbers_filled, replace_neural_term, restore_neural_term
    from ndestudio.model.runs import for_runs
    from ndestudio.model.system import NeuralTerm, System

_HOME = {
    "analysis": ("Analysis", "analyse", "tokenise"),
    "augment": ("with_hidden_state",),
    "config": (
        "BasisConfig",
        "BlackBoxConfig",
        "InitialConfig",
        "ModelConfig",
        "NetworkConfig",
        "ParameterConfig",
        "PenaltyConfig",
        "PriorConfig",
        "RandomConfig",
    ),
    "evaluate": ("evaluate_neural_term", "field", "observe", "quantities"),
    "fitted": ("FittedModel", "NetworkWeights", "Replacement", "Simulation"),
    "initial": ("initial_model", "model_start", "start_values"),
    "latex": ("model_latex", "system_latex"),
    "parse": ("parse_system",),
    "replace": ("formula_filled", "numbers_filled", "replace_neural_term", "restore_neural_term"),
    "runs": ("for_runs",),
    "system": ("NeuralTerm", "System"),
}
_MODULE = {name: module for module, members in _HOME.items() for name in members}

__all__ = [
    "Analysis",
    "BasisConfig",
    "BlackBoxConfig",
    "FittedModel",
    "InitialConfig",
    "ModelConfig",
    "NetworkConfig",
    "NetworkWeights",
    "NeuralTerm",
    "ParameterConfig",
    "PenaltyConfig",
    "PriorConfig",
    "RandomConfig",
    "Replacement",
    "Simulation",
    "System",
    "analyse",
    "evaluate_neural_term",
    "field",
    "for_runs",
    "formula_filled",
    "initial_model",
    "library",
    "model_latex",
    "model_start",
    "numbers_filled",
    "observe",
    "parse_system",
    "quantities",
    "replace_neural_term",
    "restore_neural_term",
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
