"""The noise of each measured column, estimated together with the model by likelihood.

    error ~ Normal(0, sigma^2),   sigma^2 = (s0^2 + (s1 y)^2) / w,    y: prediction, w: weight of the value

with s1 = 0 where the noise is the same everywhere, or one of the other laws of ``problem.noise_law``. For a given model the
constants of the laws maximise the likelihood of its residuals (those that are given stay); for given constants the model is
fitted by least squares to working values under working weights; the two take turns until they stand still (iteratively
reweighted least squares with the weights at the predictions: Carroll and Ruppert 1988, Transformation and Weighting in
Regression, chapters 2 and 3). Values and weights are data of the compiled programs, so nothing compiles again.

What is made smallest is minus the log likelihood of the laws; where normal noise is proportional, the variance is held while
the model moves (generalised least squares), which stays unbiased where the variance is not quite the assumed one.
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
from ndestudio.fitting.noise_settings import is_plain, limits, most_likely, noise_of, unknowns
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.result import NoiseLevel
from ndestudio.fitting.tracker import Tracker
from ndestudio.problem.noise_law import COUNTS, FEWEST_COUNTS, NoiseLaw
from ndestudio.problem.rows import Target

ROUNDS = 4
STEADY = 0.05
"""Relative change of all levels below which the rounds end."""
SURE = 3
"""Rounds until those of Student's t go by its expected information, which is faster but may overshoot from far off."""
MANY, SOME = 60, 6
"""Rounds where working values follow the model: without, and with networks."""
STILL = 3e-4
"""Change of the trained numbers (of order one), and of the levels, below which these rounds end."""
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
    if not tracker.problem.train.estimates_noise or tracker.best_point is None:
        return reason
    batch, point = tracker.best_point
    base = batch
    most, still = ROUNDS, False
    for number in range(MANY):
        found = estimate(tracker.problem, base, point, tracker.freedom)
        if number == 0 and found.moves_values:
            most = SOME if tracker.problem.structure.neural_terms else MANY
        censored = any(law.censored for law in found.laws)
        steady = STILL if found.moves_values else STEADY
        if tracker.noise is not None and _change(tracker.noise, found) < steady and (steady == STEADY or still):
            break
        if number == most:
            if found.moves_values:
                tracker.note(
                    f"The noise and the model had not come to rest after {number} rounds; they are near the most likely ones.",
                    "warning",
                )
            break
        tracker.noise = found
        batch, after, reason = _fitted_under(
            tracker, base, point, found, again, scoring=number >= SURE and not censored
        )
        still = float(np.abs(after.theta - point.theta).max(initial=0.0)) < STILL
        point = after
        # the same rows on shorter steps; what was measured, and its weights, stay
        base = replace(batch, target=base.target) if batch.steps != base.steps else base
    tracker.noise = estimate(tracker.problem, base, point, tracker.freedom)
    if tracker.noise.moves_values:
        # how sure the parameters are is told by the expected information
        batch, point, reason = _fitted_under(tracker, base, point, tracker.noise, again, scoring=True)
    _tell(tracker, base, point)
    return reason


def tell_unused(tracker: Tracker) -> None:
    """Say that the noise of the settings was not used, where a chaotic model is fitted by segments."""
    if tracker.problem.train.estimates_noise:
        tracker.note(
            "The model is chaotic and is compared over short segments: errors count by the spread of their column, and the noise "
            "asked for (`noise`, `column_noise`) was not used.",
            "warning",
        )


def _fitted_under(
    tracker: Tracker, base: Batch, point: Point, noise: Noise, again: Callable[[Batch, Point], str], *, scoring: bool
) -> tuple[Batch, Point, str]:
    """The model fitted to the working values under the working weights of ``noise`` at ``point``."""
    weighted, floor = reweighed(tracker.problem, base, point, noise, scoring=scoring)
    tracker.problem = replace(tracker.problem, floor=floor)
    tracker.best_score = np.inf
    reason = again(weighted, point)
    assert tracker.best_point is not None
    return *tracker.best_point, reason


def _tell(tracker: Tracker, base: Batch, point: Point) -> None:
    assert tracker.noise is not None
    problem = tracker.problem
    units = {column.name: column.unit for column in problem.dataset.measured}
    found = described(problem, tracker.noise).items()
    laws = [f"{level.law(units[name])} for `{name}`" for name, level in found]
    tracker.note(f"The noise was estimated with the model: {', '.join(laws)}.")
    _, y = residuals(problem, base, point)
    for k, law in enumerate(tracker.noise.laws):
        low = (base.target.train[..., k] > 0) & (law.floored(y[..., k]) > y[..., k])
        if problem.observed[k] and low.any():
            tracker.note(
                f"{int(low.sum())} predictions of `{problem.dataset.measured_names[k]}` lie below {FEWEST_COUNTS:g}, and count as this "
                "many: a count has no probability where none is expected.",
                "warning",
            )


def estimate(
    problem: PreparedFit, batch: Batch, point: Point, freedom: Float[np.ndarray, " measured"] | None = None
) -> Noise:
    """Laws of all columns from the residuals of training values at ``point``.

    Parameters
    ----------
    batch
        With the weights of the data alone.
    freedom
        Variances of each column are divided by it: a fit follows its data closer than the truth would.
    """
    error, y = residuals(problem, batch, point)
    count = error.shape[-1]
    laws, typical = [NoiseLaw("constant")] * count, np.ones(count)
    delta = problem.train.huber_delta if problem.train.loss == "huber" else np.inf
    log = problem.space.constants.log
    relative = _relative(batch.target.train)
    for k, name in enumerate(problem.dataset.measured_names):
        used = (batch.target.train[..., k] > 0) & np.isfinite(error[..., k])
        if not used.any():
            continue
        w, predicted, observed = relative[..., k][used], y[..., k][used], batch.target.values[..., k][used]
        settings = noise_of(problem.train, name, log=bool(log[k]))
        own = 1.0 if freedom is None else float(np.sqrt(freedom[k]))
        if is_plain(settings):
            e, level = error[..., k][used] * np.sqrt(w), np.abs(predicted)
            varies = settings.kind == "proportional" and not log[k] and len(e) >= FEWEST
            s0, s1 = levels(e, level if varies else None, delta)
            laws[k] = NoiseLaw(settings.kind, s0 / own, s1 / own)
        else:
            laws[k] = most_likely(settings, predicted, observed, w, own)
        square = laws[k].scale(predicted, w) ** 2 if laws[k].kind == "student" else laws[k].variance(predicted) / w
        typical[k] = float(np.sqrt(np.mean(square)))
    return Noise(tuple(laws), typical)


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


def reweighed(
    problem: PreparedFit, batch: Batch, point: Point, noise: Noise, *, scoring: bool = True
) -> tuple[Batch, float]:
    """The batch with the working values and weights of the laws at the predictions of ``point``, and the loss that the noise
    amounts to under them; weights of each part sum to 1 again."""
    _, y = residuals(problem, batch, point)
    target, spread = batch.target, problem.space.constants.spread
    w = np.where(target.train > 0, _relative(target.train), _relative(target.validation))
    values, factor = target.values.copy(), np.zeros(w.shape)
    with np.errstate(all="ignore"):
        for k, law in enumerate(noise.laws):
            here = law.working(y[..., k], target.values[..., k], w[..., k], scoring=scoring)
            usable = np.isfinite(here[0]) & np.isfinite(here[1])
            values[..., k] = np.where(usable, here[0], target.values[..., k])
            factor[..., k] = np.where(usable, here[1] / w[..., k], 0.0) * spread[k] ** 2
        train = _normal(target.train * factor)
        expected = np.where(factor > 0, train / (factor * w), 0.0)
    return replace(batch, target=Target(values, train, _normal(target.validation * factor))), float(expected.sum())


def with_noise(problem: PreparedFit, batch: Batch) -> Batch:
    """The batch with the working values and weights of the noise in the residuals of the model, where the settings ask for
    them."""
    if not problem.train.estimates_noise:
        return batch
    point = start_point(problem, batch)
    return reweighed(problem, batch, point, estimate(problem, batch, point))[0]


def log_likelihood(problem: PreparedFit, batch: Batch, point: Point) -> tuple[float, int]:
    """Of the training values under the laws that their residuals make most likely, and how many constants these took.

    Parameters
    ----------
    batch
        With the weights of the data alone.
    """
    noise, (_, y) = estimate(problem, batch, point), residuals(problem, batch, point)
    found, count, relative = 0.0, 0, _relative(batch.target.train)
    for k, (law, name) in enumerate(zip(noise.laws, problem.dataset.measured_names, strict=True)):
        used = batch.target.train[..., k] > 0
        if used.any():
            found += float(law.log_density(y[used, k], batch.target.values[used, k], relative[used, k]).sum())
            count += unknowns(noise_of(problem.train, name, log=bool(problem.space.constants.log[k])))
    return found, count


def _normal(weight: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    total = float(weight.sum())
    return weight / total if total > 0 else weight


def _relative(train: Float[np.ndarray, "row sample measured"]) -> Float[np.ndarray, "row sample measured"]:
    """Weights of the data over their mean in the column; 1 where nothing trains."""
    used = train > 0
    mean = train.sum(axis=(0, 1)) / np.maximum(used.sum(axis=(0, 1)), 1)
    return np.where(used, train / np.where(mean > 0, mean, 1.0), 1.0)


def _change(before: Noise, after: Noise) -> float:
    def relative(a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."]) -> float:
        size = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-300)
        return float(np.max(np.abs(a - b) / size, initial=0.0))

    return max(relative(before.typical, after.typical), relative(before.numbers, after.numbers))


def described(problem: PreparedFit, noise: Noise) -> dict[str, NoiseLevel]:
    """Levels by column, of the columns that the model describes."""
    found, names = {}, problem.dataset.measured_names
    for k, (name, law) in enumerate(zip(names, noise.laws, strict=True)):
        if problem.observed[k]:
            log = bool(problem.space.constants.log[k])
            found[name] = NoiseLevel(
                level=float(noise.typical[k]),
                constant=0.0 if law.kind in COUNTS else law.constant,
                proportional=law.proportional,
                logarithmic=log,
                kind=law.kind,
                freedom=law.freedom if law.kind == "student" else 0.0,
                dispersion=law.dispersion,
                limits=limits(noise_of(problem.train, name, log=False)),
            )
    return found
