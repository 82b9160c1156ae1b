"""The noise of each measured column, estimated together with the model by likelihood.

    error ~ Normal(0, sigma^2),   sigma^2 = (s0^2 + (s1 y)^2) / w,    y: prediction, w: weight of the value

with s1 = 0 where the noise is the same everywhere. For a given model s0 and s1 maximise the likelihood of its residuals;
for given s0 and s1 the model is fitted with weights 1/sigma^2; the two take turns until the levels stand still
(iteratively reweighted least squares with the weights at the predictions: Carroll and Ruppert 1988, Transformation and
Weighting in Regression, chapters 2 and 3). Weights are data of the compiled programs, so nothing compiles again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.noise_levels import Noise
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.result import NoiseLevel
from ndestudio.fitting.tracker import Tracker
from ndestudio.problem.rows import Target

ROUNDS = 4
STEADY = 0.05
"""Relative change of all levels below which the rounds end."""
SMALLEST = 1e-3
"""Smallest constant part, as a part of the residuals' root mean square: a value met exactly must not weigh everything."""
FEWEST = 8
"""Values of a column from which a proportional part is estimated."""


def refine(tracker: Tracker, again: Callable[[Batch, Point], str], reason: str) -> str:
    """Estimate the noise at the best point and fit again under its weights, in turns.

    Parameters
    ----------
    again
        Fits on a batch from a point and tells why it ended.

    Returns
    -------
    str
        Why the last fit ended; ``tracker.noise`` holds the levels.
    """
    if tracker.problem.train.noise == "spread" or tracker.best_point is None:
        return reason
    batch, point = tracker.best_point
    base = batch
    for _ in range(ROUNDS):
        found = estimate(tracker.problem, base, point, tracker.freedom)
        if tracker.noise is not None and _change(tracker.noise, found) < STEADY:
            break
        tracker.noise = found
        weighted = reweighed(tracker.problem, base, point, found)
        tracker.problem = replace(tracker.problem, floor=_floor(tracker.problem, weighted, base, point, found))
        tracker.best_score = np.inf
        reason = again(weighted, point)
        batch, point = tracker.best_point
        base = batch if batch.steps != base.steps else base
    tracker.noise = estimate(tracker.problem, base, point, tracker.freedom)
    units = {column.name: column.unit for column in tracker.problem.dataset.measured}
    found = described(tracker.problem, tracker.noise).items()
    laws = [f"{level.law(units[name])} for `{name}`" for name, level in found]
    tracker.note(f"The noise was estimated with the model: {', '.join(laws)}.")
    return reason


def estimate(
    problem: PreparedFit, batch: Batch, point: Point, freedom: Float[np.ndarray, " measured"] | None = None
) -> Noise:
    """Levels of all columns from the residuals of training values at ``point``.

    Parameters
    ----------
    batch
        With the weights of the data alone.
    freedom
        Variances of each column are divided by it: a fit follows its data closer than the truth would.
    """
    error, y = residuals(problem, batch, point)
    count = error.shape[-1]
    constant, proportional, typical = np.ones(count), np.zeros(count), np.ones(count)
    delta = problem.train.huber_delta if problem.train.loss == "huber" else np.inf
    log = problem.space.constants.log
    for k in range(count):
        used = (batch.target.train[..., k] > 0) & np.isfinite(error[..., k])
        if not used.any():
            continue
        w = _relative(batch.target.train)[..., k][used]
        e, level = error[..., k][used] * np.sqrt(w), np.abs(y[..., k][used])
        varies = problem.train.noise == "proportional" and not log[k] and len(e) >= FEWEST
        s0, s1 = levels(e, level if varies else None, delta)
        if freedom is not None:
            s0, s1 = s0 / np.sqrt(freedom[k]), s1 / np.sqrt(freedom[k])
        constant[k], proportional[k] = s0, s1
        typical[k] = float(np.sqrt(np.mean((s0**2 + (s1 * level) ** 2) / w)))
    return Noise(constant, proportional, typical)


def levels(e: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"] | None, delta: float = np.inf) -> tuple[float, float]:
    """s0 and s1 that make errors ``e`` at values ``y`` most likely (s1 = 0 for ``y`` None).

    The variance is written as k (1 - p + p y^2 / mean(y^2)): k is profiled out, p found on a line.

    Parameters
    ----------
    delta
        Errors beyond this many levels count as that many (Huber 1981, Robust Statistics, proposal 2).
    """
    size = float(np.sqrt(np.mean(e**2)))
    if size == 0:
        return 1e-12 * (1.0 if y is None else max(float(np.max(y)), 1e-300)), 0.0
    mean_square = 0.0 if y is None else float(np.mean(y**2))
    if y is None or mean_square == 0:
        return float(np.sqrt(_scale(e**2, delta))), 0.0
    shape = y**2 / mean_square
    least = SMALLEST**2
    logits = np.linspace(-9.0, -np.log(least), 65)

    def cost(logit: float) -> float:
        part = 1.0 / (1.0 + np.exp(-logit))
        relative = np.maximum(1.0 - part, least) + part * shape
        return len(e) * float(np.log(_scale(e**2 / relative, delta))) + float(np.sum(np.log(relative)))

    costs = [cost(z) for z in logits]
    best = int(np.argmin(costs))
    fine = np.linspace(logits[max(best - 1, 0)], logits[min(best + 1, len(logits) - 1)], 21)
    part = 1.0 / (1.0 + np.exp(-min(fine, key=cost)))
    # as likely without a proportional part: the simpler noise
    if costs[0] - min(costs) < 2.0:
        return float(np.sqrt(_scale(e**2, delta))), 0.0
    rest = max(1.0 - part, least)
    k = _scale(e**2 / (rest + part * shape), delta)
    return float(np.sqrt(k * rest)), float(np.sqrt(k * part / mean_square))


def _scale(squares: Float[np.ndarray, " n"], delta: float) -> float:
    """Mean square, or its robust counterpart where errors beyond ``delta`` levels are cut."""
    value = float(np.mean(squares))
    if not np.isfinite(delta):
        return max(value, 1e-300)
    # E min(z^2, d^2) of a standard normal z
    inside = 2.0 * float(scipy.stats.norm.cdf(delta)) - 1.0
    expected = inside - 2.0 * delta * float(scipy.stats.norm.pdf(delta)) + delta**2 * (1.0 - inside)
    value = max((1.4826**2) * float(np.median(squares)), 1e-300)
    for _ in range(30):
        new = max(float(np.mean(np.minimum(squares, delta**2 * value))) / expected, 1e-300)
        if abs(new - value) < 1e-6 * value:
            break
        value = new
    return value


def residuals(
    problem: PreparedFit, batch: Batch, point: Point
) -> tuple[Float[np.ndarray, "row sample measured"], Float[np.ndarray, "row sample measured"]]:
    """Errors and predictions of whole trajectories, as compared; by the solver in NumPy."""
    model = problem.space.fitted(point.theta, {})
    engine = VectorEngine(replace(problem, space=replace(problem.space, model=model)), batch)
    error = engine.errors(point.theta[None], point.free[None])[0][0] * problem.space.constants.spread
    return error, batch.target.values + error


def reweighed(problem: PreparedFit, batch: Batch, point: Point, noise: Noise) -> Batch:
    """The batch with weights over sigma^2 at the predictions of ``point``; each part sums to 1 again."""
    _, y = residuals(problem, batch, point)
    with np.errstate(all="ignore"):
        factor = problem.space.constants.spread**2 / noise.variance(y)
    factor = np.where(np.isfinite(factor), factor, 0.0)
    target = batch.target
    return replace(
        batch, target=Target(target.values, _normal(target.train * factor), _normal(target.validation * factor))
    )


def with_noise(problem: PreparedFit, batch: Batch) -> Batch:
    """The batch with the weights of the noise levels in the residuals of the model, where the settings ask for them."""
    if problem.train.noise == "spread":
        return batch
    point = start_point(problem, batch)
    return replace(batch, target=reweighed(problem, batch, point, estimate(problem, batch, point)).target)


def _normal(weight: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    total = float(weight.sum())
    return weight / total if total > 0 else weight


def _relative(train: Float[np.ndarray, "row sample measured"]) -> Float[np.ndarray, "row sample measured"]:
    """Weights of the data over their mean in the column; 1 where nothing trains."""
    used = train > 0
    mean = train.sum(axis=(0, 1)) / np.maximum(used.sum(axis=(0, 1)), 1)
    return np.where(used, train / np.where(mean > 0, mean, 1.0), 1.0)


def _floor(problem: PreparedFit, weighted: Batch, base: Batch, point: Point, noise: Noise) -> float:
    """The loss that the noise amounts to under the new weights."""
    _, y = residuals(problem, base, point)
    variance = noise.variance(y) / problem.space.constants.spread**2 / _relative(base.target.train)
    return float(np.sum(np.where(np.isfinite(variance), weighted.target.train * variance, 0.0)))


def _change(before: Noise, after: Noise) -> float:
    def relative(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
        size = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-300)
        return float(np.max(np.abs(a - b) / size, initial=0.0))

    return max(relative(before.typical, after.typical), relative(before.proportional, after.proportional))


def described(problem: PreparedFit, noise: Noise) -> dict[str, NoiseLevel]:
    """Levels by column, of the columns that the model describes."""
    names = problem.dataset.measured_names
    return {
        name: NoiseLevel(
            float(noise.typical[k]),
            float(noise.constant[k]),
            float(noise.proportional[k]),
            bool(problem.space.constants.log[k]),
        )
        for k, name in enumerate(names)
        if problem.observed[k]
    }
