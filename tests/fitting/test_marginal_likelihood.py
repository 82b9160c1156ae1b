"""The strength of the penalty by the marginal likelihood: both ways to count, the maximum it finds, when it is
asked."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point, Prior
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.marginal_likelihood import (
    determined_weights,
    follow_marginal_likelihood,
    uses_marginal_likelihood,
)
from ndestudio.fitting.stages.stages import Budget
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from tests.fitting.conftest import HYBRID, lotka_volterra, trajectories


def problem_of(dataset: Dataset, train: TrainConfig | None = None) -> PreparedFit:
    model = initial_model(HYBRID, dataset, 0)
    return prepare_fit(model, dataset, train or TrainConfig(), smooth_training(dataset))


@pytest.fixture
def short() -> Dataset:
    """One trajectory of 31 points with half a percent of noise, nothing held out."""
    t = np.linspace(0, 3, 31)
    return trajectories(lotka_volterra, [(0.44, 4.6)], t, ["x", "y"], noise=0.005, split=SplitConfig(by="none"))


def random_fit(problem: PreparedFit, rows: int, residuals: int, seed: int = 0) -> tuple[Linear, Prior]:
    generator = np.random.default_rng(seed)
    size, states = problem.structure.size, 2
    moves = np.zeros((rows, states), dtype=bool)
    moves[: rows - 1, 0] = True
    V = generator.normal(size=(rows, residuals, states)) * moves[:, None, :]
    nothing = np.zeros((rows, states))
    linear = Linear(
        generator.normal(size=(rows, residuals)),
        generator.normal(size=(rows, residuals, size)),
        V,
        float("nan"),
        nothing,
        nothing,
    )
    theta = np.where(problem.space.free, 3.0, np.inf)
    return linear, Prior(Point(np.zeros(size), nothing), theta, np.where(moves, 1e-9, np.inf))


@pytest.mark.parametrize("residuals", [4, 40], ids=["fewer values than weights", "more"])
def test_determined_weights_are_counted_as_the_dense_formula_does(short: Dataset, residuals: int) -> None:
    problem = problem_of(short)
    linear, prior = random_fit(problem, 3, residuals)
    rows, free = linear.r.shape[0], np.isfinite(prior.theta)
    J = linear.d_theta.reshape(-1, problem.structure.size)[:, free]
    starts = [np.kron(np.eye(rows)[:, b], np.ones(residuals)) * linear.d_free[..., 0].ravel() for b in range(rows - 1)]
    A = np.concatenate([J, np.array(starts).T], axis=1)
    precision = np.concatenate([prior.theta[free], np.full(rows - 1, 1e-9)])
    inverse = np.linalg.inv(A.T @ A + np.diag(precision))
    weights = np.flatnonzero(free)[:, None] == np.arange(problem.structure.size)[problem.space.weights]
    ours = np.flatnonzero(weights.any(axis=1))
    expected = len(ours) - float(np.sum(precision[ours] * np.diag(inverse)[ours]))
    found, values = determined_weights(problem, linear, prior)
    assert found == pytest.approx(expected, rel=1e-6)
    assert values == linear.r.size - (rows - 1)


class Straight:
    """An engine whose residuals are straight in the weights: y = J w + noise of variance 0.01, w of variance 1."""

    def __init__(self, problem: PreparedFit) -> None:
        self.problem, self.batch = problem, make_batch(problem, 20)
        generator = np.random.default_rng(2)
        free, self.size = problem.space.free.copy(), problem.structure.size
        free[: problem.space.weights.start] = False
        self.J = generator.normal(size=(60, self.size)) * np.geomspace(1, 1e-3, self.size) * free
        self.y = self.J @ generator.normal(size=self.size) + 0.1 * generator.normal(size=60)

    def linearise(self, point: Point) -> Linear:
        nothing: np.ndarray = np.zeros(point.free.shape)
        r = self.J @ point.theta - self.y
        return Linear(r[None], self.J[None], np.zeros((1, 60, nothing.shape[1])), float("nan"), nothing, nothing)

    def marginal_likelihood(self, l2: float) -> float:
        """Its logarithm, up to a constant, at the best noise level."""
        A = np.eye(60) + self.J @ self.J.T / l2
        return -30 * float(np.log(self.y @ np.linalg.solve(A, self.y))) - 0.5 * float(np.linalg.slogdet(A)[1])


@pytest.mark.parametrize("begin", [0.1, 30.0])
def test_a_fit_ends_under_the_strength_that_makes_the_data_most_likely(short: Dataset, begin: float) -> None:
    problem = problem_of(short)
    engine = Straight(problem)
    tracker = Tracker(problem, SilentReporter(), deadline=np.inf)
    start = start_point(problem, engine.batch)
    outcome = follow_marginal_likelihood(tracker, engine, start._replace(theta=begin * start.theta), Budget(200, 1e-6))  # type: ignore[arg-type]
    l2 = tracker.strength
    assert outcome.reason == "converged" and l2 is not None
    assert tracker.best_point is not None and tracker.best_point[1] is outcome.point
    assert engine.marginal_likelihood(l2) > max(
        engine.marginal_likelihood(1.2 * l2), engine.marginal_likelihood(l2 / 1.2)
    )
    assert 0.003 < l2 < 0.03


def test_only_noisy_data_without_held_out_values_are_asked(short: Dataset, noisy_predators: Dataset) -> None:
    def asked(dataset: Dataset, train: TrainConfig | None = None) -> bool:
        problem = problem_of(dataset, train)
        return uses_marginal_likelihood(problem, make_batch(problem, 20))

    assert asked(short)
    assert not asked(short, TrainConfig(l2=1e-6))
    assert not asked(noisy_predators)
    t = np.linspace(0, 5, 80)
    clean = trajectories(lotka_volterra, [(1.0, 1.0)], t, ["x", "y"], split=SplitConfig(by="none"))
    assert not asked(clean)
