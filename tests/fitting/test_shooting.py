"""Short segments: a law where slopes of the smoothed data say little."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from ndestudio.fitting import TrainConfig
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.finalisation import guarded
from ndestudio.fitting.forward_evaluation import quick_losses
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.multiple_shooting import first_starts, shoot_apart, shooting_batch
from ndestudio.fitting.stages.stages import Budget
from ndestudio.fitting.tracker import StopRequested, Tracker
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
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


def test_a_stop_within_shooting_keeps_what_the_segments_have_learned() -> None:
    """The best model is the one whose simulation errs least, not the start that shooting set out from."""
    dataset = trajectories(_relaxation, [(2.0, 0.0), (0.5, 1.0)], np.linspace(0, 6, 25), ["x", "v"])
    equations = "d(x)/dt = v\nd(v)/dt = a*(1 - x^2)*v - x"
    parameters = {"a": ParameterConfig(value=0.0)}
    model = initial_model(ModelConfig(equations=equations, parameters=parameters), dataset, 0)
    problem = prepare_fit(model, dataset, TrainConfig(), smooth_training(dataset))
    whole, pieces = make_batch(problem, 60), shooting_batch(problem, 5, 60)
    start, fitted = start_point(problem, whole), start_point(problem, pieces)
    tracker = Tracker(problem, SilentReporter(), np.inf)

    def run() -> str:
        tracker.enter("collocation", "", 1, 2)
        tracker.step(whole, start, 0, *quick_losses(problem, whole, start), candidate=True)
        tracker.enter("shooting", "", 2, 2)
        for number, value in enumerate((0.5, 1.2, 1.5, 9.0)):
            at = fitted._replace(theta=np.full_like(fitted.theta, value))
            tracker.step(pieces, at, number, 0.1, np.nan, candidate=False)
        raise StopRequested

    assert guarded(tracker, run).reason == "stopped"
    assert tracker.best_point is not None
    assert tracker.best_point[1].theta == pytest.approx(1.5)
    assert tracker.best_stage[:2] == ("shooting", 2)
