"""Predictions of runs from their histories, with bands, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

from ndestudio.data.dataset import Dataset, Dose, Part, Trajectory
from ndestudio.errors import SpecError
from ndestudio.fitting.latent.history import history_rows
from ndestudio.fitting.latent.inference import AT_ONCE, Posterior, Simulator, noise_of, posterior
from ndestudio.fitting.latent.result import FutureScores, LatentFit, RunPrediction
from ndestudio.model.fitted import FittedModel

LEVEL = 0.9
"""Of the bands whose coverage is told."""
WIDEST, HALVINGS = 4.0, 6
"""Largest factor of the noise, and how often the interval of factors is halved."""
WIDE = 1e3
"""Scales of a state beyond which the field reads no further."""


def simulator_of(model: FittedModel, latent: LatentFit, clip: np.ndarray | None = None) -> Simulator:
    """What simulates a model with an encoder."""
    if clip is None:
        scale = np.ones(len(model.system.states)) if model.scale is None else np.asarray(model.scale)
        clip = WIDE * np.stack([-scale, scale])
    return Simulator(model, latent, clip)


def predict_run(
    model: FittedModel,
    latent: LatentFit | None,
    run: Trajectory,
    *,
    doses: Sequence[Dose] | None = None,
    level: float = LEVEL,
    draws: int | None = None,
    until: float | None = None,
    points: int = 0,
) -> RunPrediction:
    """Predict a run from its history.

    Parameters
    ----------
    latent
        ``Fit.latent`` of the fit that ``model`` is of.
    doses
        What is given instead from the end of the history on (what if); None: what was given. Doses within the history are those
        that were given, whatever is said here.
    level
        Of the bands, between 0 and 1.
    until
        Time up to which it is predicted; None: to the last row.
    points
        Further times at even distances, for smooth curves.

    Raises
    ------
    SpecError
        The model has no encoder, or a level that is none.
    """
    if latent is None:
        raise SpecError(
            'the starts of this model are not read from histories; set `encoder = "history"` for initial values'
        )
    if not 0.0 < level < 1.0:
        raise SpecError(f"the level of a band lies between 0 and 1, not {level:g}")
    simulator = simulator_of(model, latent)
    found = posterior(simulator, [run], latent.draws if draws is None else draws, latent.seed)
    end = float(run.t[0] + latent.scales.length)
    asked = _asked(run, doses, end, until, points)
    z = _resampled(found, latent.seed)
    states, seen = simulator.simulated(simulator.grid([asked]), simulator.starts([asked], z))
    y, values = states[:, :, 0].transpose(1, 2, 0), seen[:, :, 0].transpose(1, 2, 0)
    noisy = with_noise(values, latent, model.measured, latent.seed)
    low, middle, high = np.nanquantile(noisy, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    state_low, state_high = np.quantile(y, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return RunPrediction(
        run.name,
        asked.t,
        end,
        model.measured,
        model.system.states,
        values.mean(axis=0),
        middle,
        low,
        high,
        y.mean(axis=0),
        state_low,
        state_high,
        simulator.starts([asked], z)[:, :, 0].T,
        values,
        float(found.effective[0]),
        level,
    )


def _asked(run: Trajectory, doses: Sequence[Dose] | None, end: float, until: float | None, points: int) -> Trajectory:
    """The run with the times and doses that are asked for."""
    t = run.t if until is None else run.t[run.t <= until]
    last = float(run.t[-1]) if until is None else until
    if last > t[-1]:
        t = np.append(t, last)
    if points:
        t = np.union1d(t, np.linspace(float(t[0]), last, points))
    width = run.measured.shape[1]
    given = run.doses
    if doses is not None:
        given = (*(one for one in run.doses if one.time < end), *(one for one in doses if one.time >= end))
    known = run.input_at(t)
    return replace(
        run,
        t=t,
        measured=np.full((len(t), width), np.nan),
        inputs=known,
        part=np.zeros(len(t), dtype=np.int8),
        deviation=None,
        doses=tuple(sorted(given, key=lambda one: one.time)),
        inputs_before=None,
        ends=None,
    )


def _resampled(found: Posterior, seed: int) -> Float[np.ndarray, "draw run encoded"]:
    """Draws of equal weight, by systematic resampling."""
    count, runs = found.weights.shape
    place = (np.arange(count) + np.random.default_rng([seed, 7]).random()) / count
    out = np.empty_like(found.z)
    for k in range(runs):
        index = np.minimum(np.searchsorted(np.cumsum(found.weights[:, k]), place), count - 1)
        out[:, k] = found.z[index, k]
    return out


def with_noise(
    values: Float[np.ndarray, "draw *any measured"], latent: LatentFit, measured: Sequence[str], seed: int
) -> Float[np.ndarray, "draw *any measured"]:
    """What would be measured: predictions with measurement noise."""
    noise = noise_of(latent, measured)
    noise = latent.widening * np.where(np.isfinite(noise), noise, 0.0) * _even_normal(values.shape, seed)
    log = latent.scales.log
    if log is None or not log.any():
        return values + noise
    with np.errstate(over="ignore"):
        return np.where(log, values * np.exp(np.where(log, noise, 0.0)), values + noise)


def _even_normal(shape: tuple[int, ...], seed: int) -> Float[np.ndarray, "..."]:
    """Normal quantiles over draws, shuffled for each column, the same at all times: bands of few draws are smooth."""
    z = ndtri((np.arange(shape[0]) + 0.5) / shape[0])
    generator = np.random.default_rng([seed, 11])
    columns = np.stack([generator.permutation(z) for _ in range(shape[-1])], axis=-1)
    return np.broadcast_to(columns.reshape(shape[0], *[1] * (len(shape) - 2), shape[-1]), shape)


@dataclass(frozen=True, eq=False)
class Future:
    """What a run showed after its history, and what was predicted of it without noise.

    Parameters
    ----------
    mask
        Values that are judged.
    """

    truth: Float[np.ndarray, "time measured"]
    seen: Float[np.ndarray, "draw time measured"]
    mask: Bool[np.ndarray, "time measured"]


def futures(simulator: Simulator, dataset: Dataset, part: Part) -> list[Future]:
    """Of the runs of ``part`` that have values after their history."""
    latent = simulator.latent
    shown = np.array([name in latent.noise for name in simulator.model.measured])
    runs = [one for one in dataset.trajectories if _future(one, latent, part)[:, shown].any()]
    found: list[Future] = []
    chunk = max(1, AT_ONCE // latent.draws)
    for first in range(0, len(runs), chunk):
        some = runs[first : first + chunk]
        z = _resampled(posterior(simulator, some, latent.draws, latent.seed), latent.seed)
        _, seen = simulator.simulated(simulator.grid(some), simulator.starts(some, z))
        for k, one in enumerate(some):
            drawn = seen[:, :, k, : len(one.t)].transpose(1, 2, 0)
            found.append(Future(one.measured, drawn, _future(one, latent, part) & shown))
    return found


def future_scores(found: Sequence[Future], latent: LatentFit, measured: Sequence[str]) -> FutureScores | None:
    """Errors after the history; None without such values."""
    if not found:
        return None
    spread = latent.scales.value_spread
    squares, scores, inside, count = [], [], 0, 0
    for one in found:
        truth, mean = one.truth / spread, one.seen.mean(axis=0) / spread
        drawn = np.moveaxis(with_noise(one.seen, latent, measured, latent.seed) / spread, 0, -1)[one.mask]
        squares.append(float(np.mean((mean - truth)[one.mask] ** 2)))
        scores.append(crps(drawn, truth[one.mask]))
        inside += _inside(drawn, truth[one.mask])
        count += len(drawn)
    scored = np.concatenate(scores)
    return FutureScores(float(np.sqrt(np.mean(squares))), float(scored.mean()), inside / count, len(found), count)


def _inside(drawn: Float[np.ndarray, "value draw"], truth: Float[np.ndarray, " value"]) -> int:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=-1)
    return int(((low <= truth) & (truth <= high)).sum())


def widening(found: Sequence[Future], latent: LatentFit, measured: Sequence[str]) -> float:
    """Factor of the noise, at least 1, with which 90% bands hold 90% of what held-out runs show after their history.

    Bands know nothing of how uncertain weights and parameters are, which few training runs leave.
    """
    if not found:
        return 1.0
    values = sum(int(one.mask.sum()) for one in found)

    def coverage(factor: float) -> float:
        wide = replace(latent, widening=factor)
        inside = 0
        for one in found:
            drawn = np.moveaxis(with_noise(one.seen, wide, measured, latent.seed), 0, -1)[one.mask]
            inside += _inside(drawn, one.truth[one.mask])
        return inside / values

    if not np.isfinite(found[0].seen).all() or coverage(1.0) >= LEVEL:
        return 1.0
    low, high = 1.0, WIDEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if coverage(middle) >= LEVEL else (middle, high)
    return high


def _future(one: Trajectory, latent: LatentFit, part: Part) -> np.ndarray:
    return one.mask(part) & ~history_rows(one, latent.scales.length)[:, None]


def crps(draws: Float[np.ndarray, "value draw"], truth: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Continuous ranked probability score of an ensemble, E|X - x| - E|X - X'|/2, by its sorted draws."""
    count = draws.shape[1]
    ordered = np.sort(draws, axis=1)
    rank = 2.0 * np.arange(1, count + 1) - count - 1
    between = (ordered * rank).sum(axis=1) / (count * max(count - 1, 1))
    return np.abs(draws - truth[:, None]).mean(axis=1) - between
