"""Whole trajectories by L-BFGS, for models and data too large for a Jacobian."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import Gradient
from ndestudio.fitting.forward_evaluation import held_out
from ndestudio.fitting.objective import robust_errors, with_priors
from ndestudio.fitting.optimizers.lbfgs import Lbfgs
from ndestudio.fitting.optimizers.levenberg_marquardt import Point, Prior
from ndestudio.fitting.optimizers.minimise import LimitedMemory, Monitor, Smooth, Stopping, minimise
from ndestudio.fitting.robust import robust_limit
from ndestudio.fitting.stages.stages import MOST_NOISE, Budget, Outcome, penalty
from ndestudio.fitting.tracker import Tracker

JUDGED_EVERY = 3
"""Steps of L-BFGS from one look at held-out trajectories to the next."""
EVERY = 40
"""Steps after which penalties and the limit of Huber's loss follow the noise level."""


def follow_lbfgs(tracker: Tracker, program: Gradient, batch: Batch, point: Point, budget: Budget) -> Outcome:
    """L-BFGS on a batch, for models and data too large for a Jacobian."""
    watched = _Descent(tracker, program, batch, point, budget.steps)
    rules = Stopping(budget.steps, window=EVERY, decrease=0.1 * budget.tolerance)
    objective = Smooth(watched.value, watched.strengthen, every=EVERY)
    watched.strengthen(None)
    begin = np.concatenate([point.theta, point.free.ravel() / watched.unit])
    found = minimise(LimitedMemory(), objective, begin, stopping=rules, monitor=watched)
    if not found.finite:
        return Outcome(point, np.inf, np.nan, "stuck")
    return Outcome(watched.at(found.state.x), float(found.state.extra[0]), watched.validation, found.reason)


class _Descent(Monitor[Lbfgs]):
    """The loss of whole trajectories as a function of one vector, and what is looked at on its way down."""

    def __init__(self, tracker: Tracker, program: Gradient, batch: Batch, point: Point, steps: int) -> None:
        problem = tracker.problem
        self.tracker, self.program, self.batch, self.steps = tracker, program, batch, steps
        self.count, self.shape = len(point.theta), point.free.shape
        self.mask = np.concatenate([problem.space.free, batch.moves.ravel()]).astype(float)
        # a start matters to its own trajectory only: in these units its curvature is like that of the rest
        self.unit = float(np.sqrt(max(batch.trains.sum(), 1)))
        self.start = point
        self.has_validation = bool(batch.target.validation.any())
        self.best, self.since, self.validation = np.inf, 0, float("nan")
        self.prior = Prior(point, np.zeros(self.count), np.zeros(self.shape))

    def at(self, x: Float[np.ndarray, " n"]) -> Point:
        return Point(x[: self.count].copy(), self.unit * x[self.count :].reshape(self.shape))

    def value(self, x: Float[np.ndarray, " n"]) -> tuple[float, np.ndarray, np.ndarray]:
        """The loss with its penalties; its figures have the part of penalties along the path behind them."""
        point = self.at(x)
        found, slope = self.program(point), self.prior.slope(point)
        theta, free = found.theta + 2 * slope.theta, found.free + 2 * slope.free
        gradient = np.concatenate([theta, self.unit * free.ravel()]) * self.mask
        return found.loss + self.prior.value(point), gradient, np.append(found.extra, found.path)

    def strengthen(self, state: Lbfgs | None) -> bool:
        """Penalties, priors and the limit of Huber's loss for the present noise level."""
        problem, space = self.tracker.problem, self.tracker.problem.space
        loss = 0.1 if state is None else float(state.extra[0])
        theta = np.zeros(self.count)
        theta[space.weights] = penalty(problem, loss) * space.free[space.weights]
        anchor = self.start.theta.copy()
        anchor[space.weights] = 0.0
        plain = Prior(Point(anchor, self.start.free), theta, np.zeros(self.shape))
        self.prior = with_priors(problem, self.batch, plain, loss, MOST_NOISE)
        if problem.train.loss == "huber":
            point = self.start if state is None else self.at(state.x)
            error = robust_errors(problem, self.batch, point)
            used = (self.batch.target.train > 0) & np.isfinite(error)
            self.program.limit(np.minimum(robust_limit(error, used, problem.train), 1e30))
        return True

    def poll(self) -> None:
        self.tracker.poll()

    def begin(self, state: Lbfgs) -> None:
        self.report(0, state)

    def step(self, number: int, state: Lbfgs) -> None:
        self.report(number, state)
        if number % EVERY == 0:
            loss = float(state.extra[0])
            self.tracker.checkpoint(self.batch, self.at(state.x), number, loss, self.validation)

    def report(self, number: int, state: Lbfgs) -> None:
        tracker, point, train = self.tracker, self.at(state.x), float(state.extra[0])
        judged = not self.has_validation or number % JUDGED_EVERY == 0
        if self.has_validation and judged:
            fitted = held_out(tracker.problem, self.batch, point)
            self.validation = float(state.extra[1]) if fitted is None else fitted
        fraction, path = number / self.steps, float(state.extra[-1])
        tracker.step(self.batch, point, number, train, self.validation, candidate=judged, fraction=fraction, path=path)
        if judged:
            score = tracker.score(train, self.validation)
            self.best, self.since = (score, 0) if score < 0.999 * self.best else (self.best, self.since + 1)
        else:
            self.since += 1

    def ended(self, number: int, state: Lbfgs) -> str | None:
        return "overfit" if self.has_validation and self.since > 150 else None
