"""Distilling trained neural holes into formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ndestudio.distil.config import DistilConfig
from ndestudio.distil.result import Distillation, HoleDistillation, HoleSamples, ScoredCandidate

if TYPE_CHECKING:
    from ndestudio.distil.pipeline import assemble, distil

__all__ = [
    "DistilConfig",
    "Distillation",
    "HoleDistillation",
    "HoleSamples",
    "ScoredCandidate",
    "assemble",
    "distil",
]


def __getattr__(name: str) -> Any:
    if name in ("assemble", "distil"):
        from ndestudio.distil import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
