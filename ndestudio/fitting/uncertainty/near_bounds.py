"""Limits of parameters for which a quadratic approximation says nothing: at a bound, or hardly determined.

The trained number of a parameter at its bound runs to infinity, and with it Laplace's limits. Here the profile likelihood
gives them in physical units (the statistic of ``profile_likelihood``): where even the bound itself is compatible with the
data it is the limit, and the interval has one other end; a side on which the profile never reaches its threshold has
none, and then no interval is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior, lm_start
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.constants_objective import weak_prior
from ndestudio.fitting.uncertainty.laplace import LEVEL, Uncertainty, column_noise

UNSURE = 0.6
"""Standard deviation of the trained number (which is of order one) from which the profile decides."""
FIRST = 1e-3
"""The first distance from the estimate that is tried, in units of the start value, and the factor to the next ones."""
FURTHER, MOST = 4.0, 14
HALVINGS = 8
CLOSE = 0.02
"""Relative accuracy of the root of the statistic at a limit."""
STEPS = 12
"""Steps of a fit with the parameter held."""


def with_profiles(problem: PreparedFit, batch: Batch, found: Uncertainty) -> Uncertainty:
    """``found`` with limits by profiles where its own mean nothing; without those that would be open."""
    if problem.train.loss == "huber" or problem.train.estimates_noise:
        return found
    deviation = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    bounded = problem.space.constants.bijection.code
    names = problem.structure.parameters
    unsure = [
        name
        for name, width in zip(found.names, deviation, strict=True)
        if width > UNSURE and bounded[names.index(name)] != 0
    ]
    intervals, sure = dict(found.intervals), set()
    for name in unsure:
        limits = _Profile(problem, batch, found, names.index(name)).limits()
        if limits is None:
            del intervals[name]
        else:
            intervals[name] = limits
            sure.add(name)
    return replace(found, intervals=intervals, profiled=frozenset(sure))


@dataclass(frozen=True)
class _Place:
    """A value of the parameter with its statistic (less than the threshold: compatible with the data)."""

    value: float
    root: float
    point: Point


class _Profile:
    """Fits with one parameter held at values in physical units."""

    def __init__(self, problem: PreparedFit, batch: Batch, found: Uncertainty, index: int) -> None:
        self.problem, self.index, self.told = problem, index, found.point
        self.mapping, self.count = problem.space.constants.bijection, len(problem.structure.parameters)
        self.batch = _equalised(problem, batch, found)
        self.engine = VectorEngine(problem, self.batch)
        prior = weak_prior(problem, self.batch, found.point)
        best = self._fitted(found.point, with_priors(problem, self.batch, prior, self._loss(found.point)))
        self.prior = with_priors(problem, self.batch, prior, best.loss)
        self.least, self.best = best.cost, best.point
        values = int(found.normal.values.sum())
        spare = max(values - found.effective, 1.0)
        self.variance = best.loss / spare
        self.threshold = float(scipy.stats.t.ppf(0.5 + LEVEL / 2, spare))
        self.value = self._physical(best.point.theta)
        config = problem.space.model.config.parameters.get(problem.structure.parameters[index])
        self.unit = abs(config.value if config is not None else self.value) or 1.0

    def limits(self) -> tuple[float, float] | None:
        """Both ends; None where a side is open."""
        low, high = self._end(-1), self._end(1)
        if low is None or high is None:
            return None
        told = self._physical(self.told.theta)
        return min(low, told), max(high, told)

    def _end(self, side: int) -> float | None:
        bound = self._bound(side)
        inside, outside = _Place(self.value, 0.0, self.best), None
        step = max(FIRST * self.unit, FIRST * abs(self.value))
        for _ in range(MOST):
            value = inside.value + side * step
            beyond = bound is not None and side * (value - bound) >= 0.0
            place = self._at(bound if beyond and bound is not None else value, inside.point)
            if place is None or place.root > self.threshold:
                outside = place or _Place(value, np.inf, inside.point)
                break
            inside = place
            if beyond:
                return bound
            step *= FURTHER
        if outside is None:
            return None
        return self._between(inside, outside)

    def _between(self, inside: _Place, outside: _Place) -> float:
        """Where the root of the statistic passes the threshold: it is nearly a straight line."""
        for _ in range(HALVINGS):
            if np.isfinite(outside.root):
                share = (self.threshold - inside.root) / max(outside.root - inside.root, 1e-12)
                share = float(np.clip(share, 0.1, 0.9))
            else:
                share = 0.5
            place = self._at(inside.value + share * (outside.value - inside.value), inside.point)
            if place is None:
                outside = _Place(inside.value + share * (outside.value - inside.value), np.inf, inside.point)
                continue
            if abs(place.root - self.threshold) < CLOSE * self.threshold:
                return place.value
            inside, outside = (place, outside) if place.root < self.threshold else (inside, place)
        return inside.value

    def _at(self, value: float, start: Point) -> _Place | None:
        theta = start.theta.copy()
        theta[self.index] = self._trained(value)
        held = self.prior.theta.copy()
        held[self.index] = np.inf
        state = self._fitted(Point(theta, start.free), self.prior._replace(theta=held))
        if not np.isfinite(state.cost):
            return None
        return _Place(value, float(np.sqrt(max(state.cost - self.least, 0.0) / self.variance)), state.point)

    def _fitted(self, start: Point, prior: Prior) -> LmState:
        values = max(self.problem.values_used_train, 1)
        rules = Stopping(STEPS, decrease=0.01 / values, slow=1, slow_rejected=4, promise=1e-3 / values)
        objective = LeastSquares(self.engine.linearise, lambda state: prior)
        return minimise(LevenbergMarquardt(1e-4), objective, start, stopping=rules).state

    def _loss(self, point: Point) -> float:
        return lm_start(self.engine.linearise, point, weak_prior(self.problem, self.batch, point)).loss

    def _physical(self, theta: Float[np.ndarray, " theta"]) -> float:
        return float(self.mapping.forward(theta[: self.count])[self.index])

    def _trained(self, value: float) -> float:
        """The trained number of a value; on the bound itself, next to it."""
        return float(self.mapping.transform(self.index).inverse(np.float64(value)))

    def _bound(self, side: int) -> float | None:
        """The bound on one side in physical units; 0 for a logarithmic scale without one; None where there is none."""
        transform = self.mapping.transform(self.index)
        log = transform.kind.startswith("log")
        kind = transform.kind.removeprefix("log-")
        physical = np.exp if log else float
        if side < 0:
            if kind in ("lower", "both"):
                return float(physical(transform.lower))
            return 0.0 if log else None
        return float(physical(transform.upper)) if kind in ("upper", "both") else None


def _equalised(problem: PreparedFit, batch: Batch, found: Uncertainty) -> Batch:
    """Each column weighed by its own noise, so that one number is the variance of all."""
    normal = found.normal
    noise = column_noise(normal, normal.effective)
    if noise is None or not (noise > 0).all():
        return batch
    factor = np.zeros(len(problem.structure.measured))
    factor[normal.columns] = noise.mean() / noise
    train = batch.target.train * factor
    return replace(batch, target=batch.target._replace(train=train / train.sum()))
