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
from jaxtyping import Float

from ndestudio.fitting.batches import Batch, start_point
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.noise_levels import Noise
from ndestudio.fitting.noise_settings import likely_law, limits, noise_of, unknowns
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
    ends = ends_of(problem, batch)
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
        between = None if ends is None or np.isnan(ends[:, :, k]).all() else ends[:, :, k][used]
        laws[k] = likely_law(settings, predicted, observed, w, own=own, ends=between, log=bool(log[k]), delta=delta)
        square = laws[k].scale(predicted, w) ** 2 if laws[k].kind == "student" else laws[k].variance(predicted) / w
        typical[k] = float(np.sqrt(np.mean(square)))
    return Noise(tuple(laws), typical)


def ends_of(problem: PreparedFit, batch: Batch) -> Float[np.ndarray, "row sample measured 2"] | None:
    """Ends between which values lie of which only a limit is known, as compared (NaN: measured); None where all were measured."""
    if not problem.dataset.censored_columns:
        return None
    found = np.full((*batch.target.values.shape, 2), np.nan)
    for place, row in enumerate(batch.rows):
        if row.trajectory.ends is not None:
            found[place, : len(row.index)] = row.trajectory.ends[row.index]
    log = problem.space.constants.log[:, None]
    with np.errstate(all="ignore"):
        logarithms = np.where(found > 0, np.log(found), np.where(np.isnan(found), np.nan, -np.inf))
    return np.where(log, logarithms, found)


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
    ends = ends_of(problem, batch)
    target, spread = batch.target, problem.space.constants.spread
    w = np.where(target.train > 0, _relative(target.train), _relative(target.validation))
    values, factor = target.values.copy(), np.zeros(w.shape)
    with np.errstate(all="ignore"):
        for k, law in enumerate(noise.laws):
            own = None if ends is None else ends[:, :, k]
            here = law.working(y[..., k], target.values[..., k], w[..., k], scoring=scoring, ends=own)
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
    ends = ends_of(problem, batch)
    for k, (law, name) in enumerate(zip(noise.laws, problem.dataset.measured_names, strict=True)):
        used = batch.target.train[..., k] > 0
        if used.any():
            own = None if ends is None else ends[used, k]
            found += float(law.log_density(y[used, k], batch.target.values[used, k], relative[used, k], own).sum())
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


def _limits(problem: PreparedFit, name: str) -> str:
    """What is known of values beyond limits, in words."""
    found = [limits(noise_of(problem.train, name, log=False))]
    if name in problem.dataset.censored_columns:
        k = problem.dataset.measured_names.index(name)
        count = sum(
            int((~np.isnan(one.ends[:, k]).all(axis=1)).sum())
            for one in problem.dataset.trajectories
            if one.ends is not None
        )
        found.append(f"{count} values known to lie beyond a limit only")
    return ", ".join(one for one in found if one)


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
                limits=_limits(problem, name),
            )
    return found
