"""The fixtures of the fits, whose problems the solvers are tried on."""

from __future__ import annotations

from tests.fitting.conftest import noisy_predators, predators, private_cache
from tests.model.conftest import hybrid, lotka, lotka_data, maker, school

__all__ = ["hybrid", "lotka", "lotka_data", "maker", "noisy_predators", "predators", "private_cache", "school"]
