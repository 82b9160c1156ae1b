"""Small datasets and models for the tests of ``ndestudio.model``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.model import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig

Maker = Callable[..., Dataset]


def make_dataset(
    names: Sequence[str],
    tables: Sequence[np.ndarray],
    times: Sequence[np.ndarray],
    *,
    inputs: Sequence[str] = (),
    forcings: Sequence[np.ndarray] | None = None,
    parts: Sequence[np.ndarray] | None = None,
) -> Dataset:
    """A dataset with one trajectory `a`, `b`, ... per table."""
    trajectories = []
    for k, (table, t) in enumerate(zip(tables, times, strict=True)):
        forcing = np.zeros((len(t), 0)) if forcings is None else forcings[k]
        part = np.full(len(t), Part.TRAIN, dtype=np.int8) if parts is None else parts[k].astype(np.int8)
        trajectories.append(Trajectory(chr(ord("a") + k), t, np.asarray(table, dtype=float), forcing, part))
    return Dataset(
        tuple(trajectories),
        Column("t", "time"),
        tuple(Column(name, name) for name in names),
        tuple(Column(name, name) for name in inputs),
    )


@pytest.fixture(scope="session")
def maker() -> Maker:
    return make_dataset


@pytest.fixture(scope="session")
def lotka() -> ModelConfig:
    """Lotka-Volterra with its true values."""
    return ModelConfig(
        equations="hare' = alpha*hare - beta*hare*lynx\nlynx' = delta*hare*lynx - gamma*lynx",
        parameters={
            "alpha": ParameterConfig(value=1.0, lower=0.0, upper=5.0),
            "beta": ParameterConfig(value=0.5, log=True),
            "delta": ParameterConfig(value=0.3, lower=0.0),
            "gamma": ParameterConfig(value=0.8),
        },
    )


@pytest.fixture(scope="session")
def hybrid() -> ModelConfig:
    """The same with both interactions unknown, under several constraints."""
    return ModelConfig(
        equations="d(hare)/dt = alpha*hare - predation(hare, lynx)\nd(lynx)/dt = growth(hare, lynx) - gamma*lynx",
        parameters={"alpha": ParameterConfig(value=1.0), "gamma": ParameterConfig(value=0.8, fixed=True)},
        networks={
            "predation": NetworkConfig(width=8, sign="positive", factor=("hare",)),
            "growth": NetworkConfig(width=8, monotone={"hare": "increasing"}),
        },
    )


@pytest.fixture(scope="session")
def lotka_data() -> Dataset:
    """Two made-up trajectories near the orbits of ``lotka`` (only magnitudes matter)."""
    t = np.linspace(0.0, 10.0, 21)
    phase = 0.9 * t[:, None] + np.array([0.0, -1.5])
    first = np.array([2.7, 2.0]) + np.array([1.6, 1.1]) * np.cos(phase)
    return make_dataset(("hare", "lynx"), (first, 0.5 * first[:15]), (t, t[:15]))


@pytest.fixture(scope="session")
def school() -> ModelConfig:
    """The boarding-school model: only the number in bed is measured."""
    return ModelConfig(
        equations="d(S)/dt = -infection(S, I)\nd(I)/dt = infection(S, I) - recovery*I\nin_bed = I",
        parameters={"recovery": ParameterConfig(value=0.5, lower=0.0, upper=5.0)},
        networks={"infection": NetworkConfig(width=8, sign="positive")},
        initial={"S": InitialConfig(value="763 - in_bed")},
    )
