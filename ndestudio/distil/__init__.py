"""Distilling trained neural terms into formulas."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ndestudio.distil.config import DistilConfig, NextRunConfig, RecoveryConfig
from ndestudio.distil.result import Distillation, NeuralTermDistillation, NeuralTermSamples, Recovery, ScoredCandidate
from ndestudio.distil.suggested import NextRun, SuggestedRun

if TYPE_CHECKING:
    from ndestudio.distil.assembly import assemble
    from ndestudio.distil.ground_truth import fitted_ground_truth
    from ndestudio.distil.next_run import suggest_next_run, with_next_run
    from ndestudio.distil.pipeline import distil
    from ndestudio.distil.recovery import recovery_test
    from ndestudio.distil.substitution import substitute_formula, with_scored

__all__ = [
    "DistilConfig",
    "Distillation",
    "NeuralTermDistillation",
    "NeuralTermSamples",
    "NextRun",
    "NextRunConfig",
    "Recovery",
    "RecoveryConfig",
    "ScoredCandidate",
    "SuggestedRun",
    "assemble",
    "distil",
    "fitted_ground_truth",
    "recovery_test",
    "substitute_formula",
    "suggest_next_run",
    "with_next_run",
    "with_scored",
]

_HOME = {
    "assemble": "assembly",
    "distil": "pipeline",
    "fitted_ground_truth": "ground_truth",
    "substitute_formula": "substitution",
    "suggest_next_run": "next_run",
    "with_next_run": "next_run",
    "with_scored": "substitution",
    "recovery_test": "recovery",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ndestudio.distil.{_HOME[name]}"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
