"""Small systems with known answers; networks of a few units, so that compiling and fitting take about a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig

TINY = NetworkConfig(width=6, depth=1)


def trajectories(
    field: Callable,
    starts: Sequence[Sequence[float]],
    t: np.ndarray,
    names: Sequence[str],
    *,
    noise: float = 0.0,
    seed: int = 0,
    split: SplitConfig | None = None,
) -> Dataset:
    """Solutions of ``field(t, y)``; ``noise`` in standard deviations of each column."""
    generator = np.random.default_rng(seed)
    values = []
    for start in starts:
        y = solve_ivp(field, (t[0], t[-1]), start, t_eval=t, rtol=1e-10, atol=1e-12).y.T
        values.append(y + noise * y.std(axis=0) * generator.normal(size=y.shape))
    return dataset_from_arrays([t] * len(values), values, names, split=split)


def lotka_volterra(t: float, y: Sequence[float]) -> list[float]:
    """a = 1.3, b = 0.9, c = 0.8, d = 1.8."""
    return [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]]


PREDATORS = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - d*y",
    parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abcd"},
)
HYBRID = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
    parameters={
        "a": ParameterConfig(value=1.0, lower=0.0),
        "b": ParameterConfig(value=1.0, lower=0.0),
        "d": ParameterConfig(value=1.8, fixed=True),
    },
    networks={"growth": TINY},
)
EPIDEMIC = ModelConfig(
    equations="d(S)/dt = -beta*S*I\nd(I)/dt = beta*S*I - gamma*I\nin_bed = I",
    parameters={
        "beta": ParameterConfig(value=1e-3, lower=0.0, log=True),
        "gamma": ParameterConfig(value=0.3, lower=0.0),
    },
    initial={"S": InitialConfig(value="763 - in_bed")},
)


@pytest.fixture
def predators() -> Dataset:
    """Four trajectories of Lotka-Volterra without noise, all for training."""
    starts = [(1.0, 1.0), (2.0, 0.7), (0.7, 1.5), (2.5, 2.0)]
    return trajectories(lotka_volterra, starts, np.linspace(0, 5, 26), ["x", "y"], split=SplitConfig(by="none"))


@pytest.fixture
def noisy_predators() -> Dataset:
    """Six trajectories with 3% noise; one validates and one tests."""
    starts = [(1.0, 1.0), (2.0, 0.7), (0.7, 1.5), (2.5, 2.0), (1.5, 1.2), (1.2, 0.8)]
    return trajectories(lotka_volterra, starts, np.linspace(0, 5, 26), ["x", "y"], noise=0.03, split=SplitConfig())
