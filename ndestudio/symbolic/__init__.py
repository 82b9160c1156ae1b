"""Symbolic regression: engines behind one protocol, their fronts, and an estimator in scikit-learn's manner.

Nothing here loads a compiled core, SciPy or SymPy before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.symbolic.engine import Engine, SearchConfig, SearchProblem, SearchResult
    from ndestudio.symbolic.evolution import EvolutionEngine
    from ndestudio.symbolic.front import Candidate, Front
    from ndestudio.symbolic.presets import OPERATORS, PRESETS, Preset, resolve_operators
    from ndestudio.symbolic.pysr_engine import PysrEngine
    from ndestudio.symbolic.registry import ENGINES
    from ndestudio.symbolic.regressor import SymbolicRegressor

_HOME = {
    "ENGINES": "registry",
    "OPERATORS": "presets",
    "PRESETS": "presets",
    "Candidate": "front",
    "Engine": "engine",
    "EvolutionEngine": "evolution",
    "Front": "front",
    "Preset": "presets",
    "PysrEngine": "pysr_engine",
    "SearchConfig": "engine",
    "SearchProblem": "engine",
    "SearchResult": "engine",
    "SymbolicRegressor": "regressor",
    "resolve_operators": "presets",
}

__all__ = [
    "ENGINES",
    "OPERATORS",
    "PRESETS",
    "Candidate",
    "Engine",
    "EvolutionEngine",
    "Front",
    "Preset",
    "PysrEngine",
    "SearchConfig",
    "SearchProblem",
    "SearchResult",
    "SymbolicRegressor",
    "resolve_operators",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f"ndestudio.symbolic.{_HOME[name]}"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
