"""The fixtures of the fits, whose problems the solvers are tried on."""

from __future__ import annotations

from tests.fitting.conftest import noisy_predators, predators, private_cache

__all__ = ["noisy_predators", "predators", "private_cache"]
