"""Short segments: a law where slopes of the smoothed data say little."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ndestudio.fitting import TrainConfig
from ndestudio.fitting.batches import start_point
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.multiple_shooting import first_starts, shoot_apart, shooting_batch
from ndestudio.fitting.stages.stages import Budget
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device
from tests.fitting.conftest import trajectories


def _relaxation(t: float, y: ArrayLike) -> list[float]:
    x, v = np.asarray(y)
    return [v, 1.5 * (1 - x**2) * v - x]


def test_the_law_between_few_samples_of_a_period_is_found_by_short_segments() -> None:
    dataset = trajectories(_relaxation, [(2.0, 0.0), (0.5, 1.0), (1.0, -2.0)], np.linspace(0, 15, 31), ["x", "v"])
    equations = "d(x)/dt = v\nd(v)/dt = f(x, v) - x"
    model = initial_model(ModelConfig(equations=equations, networks={"f": NetworkConfig(width=12)}), dataset, 0)
    problem = prepare_fit(model, dataset, TrainConfig(), smooth_training(dataset))
    pieces = shooting_batch(problem, 3, 90, shared=True)
    assert (pieces.target.train[pieces.follows[pieces.follows >= 0]][:, 3] > 0).all()  # shared samples count for both
    engine = JaxEngine(problem, pieces, device("cpu")[0])
    engine.ready(SilentReporter())
    tracker = Tracker(problem, SilentReporter(), np.inf)
    start = start_point(problem, pieces)
    before = float(np.sum(engine.linearise(start).r ** 2))
    found = shoot_apart(tracker, engine, start.theta, Budget(80, 0.01))
    assert found.loss < 0.03 * before
    assert first_starts(pieces, pieces, start, found.point).shape == start.free.shape
