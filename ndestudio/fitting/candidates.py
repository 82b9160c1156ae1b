"""Constants of many candidate models fitted to one data set, one after the other, by the fit of constants.

What does not depend on the candidate is found once, from the model they are candidates for: steps of the solver, weights of
the values, noise levels, what counts as an outlier. A candidate that is far worse than the best so far is soon given up;
the others are checked at the end: where doubling the steps changes the predictions they are fitted once more on shorter
steps, by an implicit solver where the candidate is stiff.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.batches import Batch, make_batch, start_point, weighted_sum
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.divergence import FIRST, SHORTEST, Horizon
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.horizon import horizon_of
from ndestudio.fitting.measure import Measure, make_measure
from ndestudio.fitting.noise import with_noise
from ndestudio.fitting.objective import merit, robust_errors
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point
from ndestudio.fitting.optimizers.minimise import (
    LevenbergMarquardt,
    Monitor,
    OptimisationResult,
    Stopping,
    minimise,
)
from ndestudio.fitting.pieces import FINER, with_fitted_starts
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.robust import robust_squares
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.constants import ENOUGH_ROWS, LEAST_ACCURATE, MOST_STEPS
from ndestudio.fitting.stages.constants_objective import CLOSE, constants_objective
from ndestudio.fitting.stages.multiple_shooting import shooting_batch
from ndestudio.fitting.stages.restarts import goal
from ndestudio.fitting.step_count import enough_steps, on_samples, tolerance
from ndestudio.fitting.tracker import Tracker, physical_starts
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import Rows, whole_rows
from ndestudio.progress import SilentReporter

SCREENED = Stopping(30, decrease=1e-5, slow=2, slow_rejected=8, loss=CLOSE, promise=1e-6, promise_below=1e-3)
"""A candidate is refined no further than formulas can be told from each other by."""
PATIENCE = 6
"""Steps after which a fit that is still far worse than another candidate's is given up."""
SECONDS = 4.0
"""Processor time of one candidate; what it reached then is taken."""
HOPELESS = 9.0
"""Loss (squared error over the spread) from which on no finer solver will help."""


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """A model with refitted constants.

    Parameters
    ----------
    loss
        Mean squared error over spreads, weighted as in training; infinite where the model cannot be simulated.
    sentence
        What went wrong; empty if nothing did.
    """

    model: FittedModel
    loss: float
    iterations: int
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Fits candidates for a part of one model to one data set. Make it with ``make_candidates``.

    Parameters
    ----------
    problem
        Of the model that they are candidates for.
    steps
        Of the grid that suits it.
    measure
        How errors count, with the noise levels that that model leaves.
    batch
        All its trajectories, weighted so.
    horizon
        Of a chaotic model: candidates are fitted to segments then.
    """

    dataset: Dataset
    train: TrainConfig
    problem: PreparedFit
    steps: int
    measure: Measure
    batch: Batch
    horizon: Horizon | None = None

    def fit(
        self,
        model: FittedModel,
        should_stop: Callable[[], bool] = lambda: False,
        iterations: int = SCREENED.steps,
        enough: float = np.inf,
    ) -> CandidateFit:
        """Fit all free constants and initial values, from those of ``model``.

        Parameters
        ----------
        should_stop
            Asked before and after every step.
        iterations
            Steps at most, on each grid.
        enough
            Root mean square error, in spreads; a fit that is above it after ``PATIENCE`` steps is not continued, and
            one that ends above it is not repeated on shorter steps.

        Returns
        -------
        CandidateFit
            A model that cannot be simulated is a result with a sentence, no exception.
        """
        problem = self._problem(model)
        watch, iterations = _Impatient(should_stop, enough**2), 0 if should_stop() else iterations
        few, whole = self._batches(problem)
        found = self._minimised(problem, few, start_point(problem, few), iterations, watch)
        if found.finite and few is not whole and not watch.out_of_steps:
            point = Point(found.state.point.theta, start_point(problem, whole).free)
            found, few = self._minimised(problem, whole, point, iterations, watch), whole
        if not found.finite:
            return CandidateFit(model, np.inf, watch.made, "the formula cannot be simulated over the training rows")
        state, batch = found.state, few
        worth = state.loss < min(HOPELESS, enough**2) and self.horizon is None
        if worth and not watch.out_of_steps and not should_stop():
            problem, batch, state = self._checked(problem, batch, state, iterations, watch)
        return CandidateFit(_fitted(problem, batch, state.point), state.loss, watch.made)

    def objective(self, model: FittedModel) -> float:
        """The objective of training at a fitted model; the same outliers count as such for every model.

        Infinite where the model has no finite prediction.
        """
        problem = self._problem(model)
        if self.horizon is None:
            steps = enough_steps(problem, model, self.steps, LEAST_ACCURATE, MOST_STEPS)
            batch = self._laid_out(problem, steps, whole_rows(self.dataset, with_test=False))
            point = start_point(problem, batch)
        else:
            batch = self._batches(problem)[1]
            _, point = with_fitted_starts(problem, batch)
        error = robust_errors(problem, batch, point)
        loss = weighted_sum(batch.target.train, robust_squares(error, self.measure.limit))
        return merit(problem, batch, point, loss) if np.isfinite(loss) else np.inf

    def sensitivity(self, model: FittedModel) -> float:
        """Largest derivative of the predictions, over the spread, by a fitted number (which are of order one).

        Ten is usual; chaos has what the step of the differences allows. Infinite where nothing finite is predicted.
        """
        problem = self._problem(model)
        whole = self._batches(problem)[1]
        linear = VectorEngine(problem, whole).linearise(start_point(problem, whole))
        used = whole.target.train.reshape(len(linear.r), -1) > 0
        weight = np.sqrt(np.where(used, whole.target.train.reshape(used.shape), 1.0))[..., None]
        found = np.concatenate([(one / weight)[used].ravel() for one in (linear.d_theta, linear.d_free)])
        return float(np.abs(found).max(initial=0.0)) if np.isfinite(found).all() else np.inf

    def _problem(self, model: FittedModel) -> PreparedFit:
        problem = prepare_fit(model, self.dataset, self.train, train_networks=False)
        known = self.problem
        problem = replace(problem, method=known.method, time_grid=known.time_grid, least=known.least, floor=known.floor)
        return with_suitable_solver(Tracker(problem, SilentReporter(), np.inf), model, "At the start values")

    def _batches(self, problem: PreparedFit) -> tuple[Batch, Batch]:
        """Some of many trajectories, or short segments, to begin with, and all of them."""
        rows = whole_rows(self.dataset, with_test=False)
        steps = max(self.steps, problem.least)
        if self.horizon is not None:
            short = max(round(FIRST * self.horizon.samples), SHORTEST)
            lengths = (short, self.horizon.samples)
            few, whole = (shooting_batch(problem, length, FINER * steps) for length in lengths)
            return few, whole
        whole = self._laid_out(problem, steps, rows)
        thin = len(rows) // ENOUGH_ROWS
        if thin < 2 or not whole.trains[::thin].any():
            return whole, whole
        return self._laid_out(problem, steps, rows[::thin]), whole

    def _laid_out(self, problem: PreparedFit, steps: int, rows: list[Rows]) -> Batch:
        batch = make_batch(problem, steps, rows=rows, padded=False)
        if not self.problem.train.estimates_noise:
            return batch
        place = {name: k for k, name in enumerate(self.batch.names)}
        index = [place[name] for name in batch.names]
        samples = batch.target.train.shape[1]
        train = self.batch.target.train[index][:, :samples]
        values = self.batch.target.values[index][:, :samples]
        return replace(
            batch, target=batch.target._replace(values=values, train=train / max(float(train.sum()), 1e-300))
        )

    def _minimised(
        self,
        problem: PreparedFit,
        batch: Batch,
        point: Point,
        iterations: int,
        watch: _Impatient,
        damping: float = 1e-3,
    ) -> OptimisationResult[LmState]:
        objective = constants_objective(VectorEngine(problem, batch), batch, point)
        rules = replace(SCREENED, steps=iterations, promise_below=damping)
        return minimise(LevenbergMarquardt(damping), objective, point, stopping=rules, monitor=watch)

    def _checked(
        self, problem: PreparedFit, batch: Batch, state: LmState, iterations: int, watch: _Impatient
    ) -> tuple[PreparedFit, Batch, LmState]:
        """Once more on shorter steps where those of the network's model are too long for this one."""
        model = _fitted(problem, batch, state.point)
        finer = enough_steps(problem, model, batch.steps, allowed(problem, state.loss), MOST_STEPS)
        if finer == batch.steps:
            return problem, batch, state
        problem = with_suitable_solver(Tracker(problem, SilentReporter(), np.inf), model, "As fitted so far")
        again = self._laid_out(problem, on_samples(problem, finer), list(batch.rows))
        found = self._minimised(problem, again, Point(state.point.theta, state.point.free), iterations, watch, 1e-6)
        return (problem, again, found.state) if found.finite else (problem, batch, state)


def allowed(problem: PreparedFit, loss: float) -> float:
    """Change of the predictions by doubling the steps, over the spread, that is accepted at a loss."""
    return float(np.clip(0.1 * np.sqrt(loss), tolerance(problem), LEAST_ACCURATE)) if np.isfinite(loss) else 0.0


def make_candidates(model: FittedModel, dataset: Dataset, train: TrainConfig | None = None) -> Candidates:
    """What all candidates for a part of ``model`` share.

    Parameters
    ----------
    model
        A fitted model; its residuals tell the noise levels, and what counts as an outlier.

    Raises
    ------
    DataError
        Settings that do not fit the data.
    """
    train = train or TrainConfig()
    problem = prepare_fit(model, dataset, train, train_networks=False)
    problem = with_suitable_solver(Tracker(problem, SilentReporter(), np.inf), model, "At the start values")
    longest = max(len(trajectory.t) for trajectory in dataset.trajectories)
    begin = on_samples(problem, max(int(np.clip(longest // 2, 32, 512)), problem.least))
    batch = make_batch(problem, begin, padded=False)
    error = robust_errors(problem, batch, start_point(problem, batch))
    loss = weighted_sum(batch.target.train, error**2)
    steps = on_samples(problem, enough_steps(problem, model, begin, allowed(problem, loss), MOST_STEPS))
    batch = with_noise(problem, make_batch(problem, steps, padded=False))
    far = loss > goal(problem) and problem.adaptive is None
    horizon = horizon_of(problem, problem.space.theta, steps) if far else None
    return Candidates(dataset, train, problem, steps, make_measure(problem, steps, horizon), batch, horizon)


def _fitted(problem: PreparedFit, batch: Batch, point: Point) -> FittedModel:
    return problem.space.fitted(point.theta, physical_starts(problem, batch, point))


class _Impatient(Monitor[LmState]):
    """Ends a fit that is far worse than another candidate's, out of time, or not wanted any more."""

    def __init__(self, should_stop: Callable[[], bool], enough: float) -> None:
        self.should_stop, self.enough = should_stop, enough
        self.end = time.thread_time() + SECONDS
        self.made, self.out_of_steps = 0, False

    def step(self, number: int, state: LmState) -> None:
        self.made += 1

    def ended(self, number: int, state: LmState) -> str | None:
        hopeless = number == PATIENCE and state.loss > self.enough
        if hopeless or time.thread_time() > self.end or self.should_stop():
            self.out_of_steps = True
            return "given up"
        return None
