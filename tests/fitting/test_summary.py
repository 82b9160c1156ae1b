"""What is said at the end: held-out starts, doubts, and which point is the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.multiple_shooting import first_starts, shooting_batch
from ndestudio.fitting.summary import judged
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from tests.fitting.conftest import HYBRID, PREDATORS, lotka_volterra, trajectories

HELD = SplitConfig(by="trajectory", validation_trajectories=("3",))
STARTS = [(1.0, 1.0), (2.0, 0.7), (0.7, 1.5)]


@pytest.fixture(scope="module")
def cycles() -> Dataset:
    """Four periods; the first sample of the held-out trajectory is far off."""
    plain = trajectories(lotka_volterra, STARTS, np.linspace(0, 18, 91), ["x", "y"], noise=0.03, split=HELD)
    rows = [row.measured.copy() for row in plain.trajectories]
    rows[2][0] = (1.1, 0.9)
    return dataset_from_arrays([row.t for row in plain.trajectories], rows, ["x", "y"], split=HELD)


def _tracker(config: ModelConfig, dataset: Dataset) -> Tracker:
    model = initial_model(config, dataset, 0)
    problem = prepare_fit(model, dataset, TrainConfig(), smooth_training(dataset))
    batch = make_batch(problem, 64)
    return Tracker(problem, SilentReporter(), np.inf, best_point=(batch, start_point(problem, batch)))


def test_a_bad_first_sample_of_a_held_out_trajectory_is_no_error_of_the_model(cycles: Dataset) -> None:
    found = fit(PREDATORS, cycles)
    assert found.outcome is Outcome.CONVERGED
    assert found.metrics.validation["mean"] < 0.08
    assert found.model.initial["3"] == pytest.approx(STARTS[2], rel=0.1)
    kept = fit(PREDATORS, cycles, TrainConfig(fit_initial=False))
    assert kept.metrics.validation["mean"] > 0.2


def test_a_point_above_the_noise_is_no_better_for_a_lucky_validation_error(cycles: Dataset) -> None:
    tracker = _tracker(HYBRID, cycles)
    tracker.problem = replace(tracker.problem, floor=0.0025)
    assert tracker.score(0.0025, 0.014) < tracker.score(0.024, 0.0035)
    assert tracker.score(0.0020, 0.0045) > tracker.score(0.0030, 0.0030)


def test_segments_hand_their_first_starts_on(cycles: Dataset) -> None:
    problem = _tracker(HYBRID, cycles).problem
    batch, pieces = make_batch(problem, 64), shooting_batch(problem, 10, 64)
    fitted = start_point(problem, pieces)
    fitted = fitted._replace(free=np.arange(fitted.free.size, dtype=float).reshape(fitted.free.shape) + 1)
    point = start_point(problem, batch)
    found = first_starts(batch, pieces, point, fitted)
    first = next(k for k, row in enumerate(pieces.rows) if pieces.follows[k] < 0 and row.trajectory.name == "2")
    np.testing.assert_array_equal(found[batch.names.index("2")], fitted.free[first])
    np.testing.assert_array_equal(found[batch.names.index("3")], point.free[batch.names.index("3")])


@pytest.mark.parametrize(
    ("train", "held", "outcome", "words"),
    [
        (0.03, 0.04, Outcome.CONVERGED, "Converged (training error 3.00%, validation error 4.00% of the spread)."),
        (0.03, 0.9, Outcome.DOUBTFUL, "do not determine `growth` there"),
        (0.5, 0.6, Outcome.DOUBTFUL, "missed by far more than their noise"),
        (0.9, 0.9, Outcome.DOUBTFUL, "explains little"),
        (np.inf, np.inf, Outcome.DIVERGED, "run away"),
    ],
)
def test_only_what_holds_is_called_converged(
    cycles: Dataset, train: float, held: float, outcome: Outcome, words: str
) -> None:
    tracker = _tracker(HYBRID, cycles)
    metrics = Metrics(train={"mean": train}, validation={"mean": held})
    found, sentence = judged(tracker, "converged", tracker.problem.space.model, metrics)
    assert found is outcome and words in sentence
    assert "inf" not in sentence


def test_a_state_that_leaves_its_data_below_zero_is_named() -> None:
    t = np.linspace(0, 4, 21)
    dataset = dataset_from_arrays([t], [np.exp(-t)], ["x"], split=SplitConfig(by="none"))
    config = ModelConfig(equations="d(x)/dt = -k", parameters={"k": ParameterConfig(value=1.0, fixed=True)})
    tracker = _tracker(config, dataset)
    sentence = judged(tracker, "converged", tracker.problem.space.model, Metrics(train={"mean": 5.0}))[1]
    assert "`x` becomes negative in the simulation, which its data never are" in sentence
