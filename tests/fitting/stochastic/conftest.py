"""Series simulated from known stochastic models."""

import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.stated import stated_model
from ndestudio.solve.stochastic.paths import simulate_paths


def _series(equations, h, count, start, *, seed=0, substeps=10, noise=0.0, **parameters):
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in parameters.items()},
        initial={name: InitialConfig(value=value) for name, value in start.items()},
    )
    found = simulate_paths(stated_model(config), np.arange(count + 1) * h, start, seed=seed, substeps=substeps)
    values = found.states[0] + noise * np.random.default_rng(seed + 1000).normal(size=found.states[0].shape)
    assert np.isfinite(values).all()
    part = np.full(count + 1, int(Part.TRAIN), dtype=np.int8)
    one = Trajectory("run", found.t, values, np.zeros((count + 1, 0)), part)
    return Dataset((one,), Column("t", "t"), tuple(Column(name, name) for name in found.names))


@pytest.fixture(scope="session")
def series():
    return _series
