"""Symbolic regression: engines behind one protocol, their fronts, and an estimator in scikit-learn's manner.

Nothing here loads a compiled core, SciPy or SymPy before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ndestudio.errors import SettingError
from ndestudio.symbolic.engine import Engine, SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.presets import OPERATORS, PRESETS, Preset, resolve_operators

if TYPE_CHECKING:
    from ndestudio.symbolic.evolution import EvolutionEngine
    from ndestudio.symbolic.pysr_engine import PysrEngine
    from ndestudio.symbolic.regressor import SymbolicRegressor

ENGINES: tuple[str, ...] = ("evolution", "pysr")

_LAZY = {
    "EvolutionEngine": "ndestudio.symbolic.evolution",
    "PysrEngine": "ndestudio.symbolic.pysr_engine",
    "SymbolicRegressor": "ndestudio.symbolic.regressor",
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
    "engine",
    "resolve_operators",
]


def engine(name: str) -> Engine:
    """The engine called ``name``: one of ``ENGINES``.

    Raises:
        SettingError: for another name.
    """
    if name == "evolution":
        from ndestudio.symbolic.evolution import EvolutionEngine

        return EvolutionEngine()
    if name == "pysr":
        from ndestudio.symbolic.pysr_engine import PysrEngine

        return PysrEngine()
    raise SettingError(f"unknown engine `{name}`; known are {', '.join(ENGINES)}")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
