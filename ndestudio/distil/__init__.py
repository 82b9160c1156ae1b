"""Distilling trained neural holes into formulas."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.result import Distillation, HoleDistillation, HoleSamples, Recovery, ScoredCandidate

if TYPE_CHECKING:
    from ndestudio.distil.law import fitted_law
    from ndestudio.distil.pipeline import assemble, distil
    from ndestudio.distil.recovery import recovery_test
    from ndestudio.distil.swap import put_in, with_scored

__all__ = [
    "DistilConfig",
    "Distillation",
    "HoleDistillation",
    "HoleSamples",
    "Recovery",
    "RecoveryConfig",
    "ScoredCandidate",
    "assemble",
    "distil",
    "fitted_law",
    "put_in",
    "recovery_test",
    "with_scored",
]

_HOME = {
    "assemble": "pipeline",
    "distil": "pipeline",
    "fitted_law": "law",
    "put_in": "swap",
    "with_scored": "swap",
    "recovery_test": "recovery",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ndestudio.distil.{_HOME[name]}"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
