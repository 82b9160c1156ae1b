"""Options of holes, each with a system that is not learned without it."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.model.config import BasisConfig, ModelConfig, NetworkConfig
from ndestudio.train import Fit, TrainConfig, fit
from tests.train.conftest import trajectories

SETTINGS = TrainConfig(preset="quick", iterations={"collocation": 100, "polish": 40}, time_limit=60.0)
LINEAR = NetworkConfig(depth=0)


def test_a_driven_oscillator_needs_time_dependence_and_a_period_carries_it_on() -> None:
    """x'' = -4 x - 0.3 x' + 2 cos(1.5 t) (Fourier basis; Massaroli et al. 2020). The last third is forecast."""
    split = SplitConfig(by="time", train=0.6, validation=0.1, test=0.3)
    data = trajectories(
        lambda t, y: [y[1], -4 * y[0] - 0.3 * y[1] + 2 * np.cos(1.5 * t)],
        [(1.0, 0.0), (-0.5, 1.0)],
        np.linspace(0, 15, 91),
        ["x", "v"],
        noise=0.01,
        split=split,
    )
    driven = NetworkConfig(depth=0, basis={"t": BasisConfig(terms=1, start=0.0, end=2 * np.pi / 1.5)})
    found = learned(data, "d(x)/dt = v\nd(v)/dt = f(x, v, t)", f=driven)
    without = learned(data, "d(x)/dt = v\nd(v)/dt = f(x, v)", f=NetworkConfig(width=8, depth=1))
    assert found.metrics.test["mean"] < 0.05
    assert without.metrics.test["mean"] > 0.4
    trend = NetworkConfig(depth=0)
    assert learned(data, "d(x)/dt = v\nd(v)/dt = f(x, v, t)", f=trend).metrics.test["mean"] > 0.4


@pytest.mark.parametrize(
    ("basis", "rate"),
    [
        (BasisConfig(kind="pieces", terms=3), lambda t: -1.0 if t < 2 else (0.8 if t < 4 else -0.3)),
        (BasisConfig(kind="polynomial", terms=2), lambda t: -1.0 + 0.9 * (t / 3) ** 2),
    ],
)
def test_a_law_that_changes_is_followed(basis: BasisConfig, rate) -> None:
    data = trajectories(
        lambda t, y: [rate(t) * y[0]], [(1.0,), (2.0,)], np.linspace(0, 6, 61), ["x"], split=SplitConfig(by="none")
    )
    found = learned(data, "d(x)/dt = f(x, t)", f=NetworkConfig(depth=0, basis={"t": basis}))
    assert found.metrics.train["mean"] < 0.02
    assert learned(data, "d(x)/dt = f(x, t)", f=LINEAR).metrics.train["mean"] > 0.1


def learned(data: Dataset, equations: str, settings: TrainConfig = SETTINGS, **networks: NetworkConfig) -> Fit:
    return fit(ModelConfig(equations=equations, networks=networks), data, settings)
