"""Predictions of runs from their histories, with bands, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Dose, Part, Trajectory
from ndestudio.errors import SpecError
from ndestudio.fitting.latent.history import history_rows
from ndestudio.fitting.latent.inference import AT_ONCE, Posterior, Simulator, noise_of, posterior
from ndestudio.fitting.latent.result import FutureScores, LatentFit, RunPrediction
from ndestudio.model.fitted import FittedModel

LEVEL = 0.9
"""Of the bands whose coverage is told."""
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
    noise = np.where(np.isfinite(noise), noise, 0.0) * np.random.default_rng([seed, 11]).normal(size=values.shape)
    log = latent.scales.log
    if log is None or not log.any():
        return values + noise
    with np.errstate(over="ignore"):
        return np.where(log, values * np.exp(np.where(log, noise, 0.0)), values + noise)


def future_scores(simulator: Simulator, dataset: Dataset, part: Part) -> FutureScores | None:
    """Errors after the history over the runs of ``part``; None without such values."""
    latent, model = simulator.latent, simulator.model
    runs = [one for one in dataset.trajectories if _future(one, latent, part).any()]
    if not runs:
        return None
    columns = [k for k, name in enumerate(model.measured) if name in latent.noise]
    spread = _spread(latent)[columns]
    squares, scores, inside, count = [], [], 0, 0
    chunk = max(1, AT_ONCE // latent.draws)
    for first in range(0, len(runs), chunk):
        some = runs[first : first + chunk]
        z = _resampled(posterior(simulator, some, latent.draws, latent.seed), latent.seed)
        _, seen = simulator.simulated(simulator.grid(some), simulator.starts(some, z))
        noisy = with_noise(np.moveaxis(seen, 0, -1), latent, model.measured, latent.seed)
        for k, one in enumerate(some):
            mask = _future(one, latent, part)[:, columns]
            n = len(one.t)
            truth = (one.measured[:, columns] / spread)[mask]
            mean = (seen[:, :, k, :n].mean(axis=1).T[:, columns] / spread)[mask]
            drawn = np.moveaxis(noisy[:, k, :n][..., columns] / spread, 0, -1)[mask]
            squares.append(float(np.mean((mean - truth) ** 2)))
            scores.append(crps(drawn, truth))
            low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=-1)
            inside += int(((low <= truth) & (truth <= high)).sum())
            count += len(truth)
    scored = np.concatenate(scores)
    return FutureScores(float(np.sqrt(np.mean(squares))), float(scored.mean()), inside / count, len(runs), count)


def _spread(latent: LatentFit) -> Float[np.ndarray, " measured"]:
    return latent.scales.value_spread


def _future(one: Trajectory, latent: LatentFit, part: Part) -> np.ndarray:
    return one.mask(part) & ~history_rows(one, latent.scales.length)[:, None]


def crps(draws: Float[np.ndarray, "value draw"], truth: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Continuous ranked probability score of an ensemble, E|X - x| - E|X - X'|/2, by its sorted draws."""
    count = draws.shape[1]
    ordered = np.sort(draws, axis=1)
    rank = 2.0 * np.arange(1, count + 1) - count - 1
    between = (ordered * rank).sum(axis=1) / (count * max(count - 1, 1))
    return np.abs(draws - truth[:, None]).mean(axis=1) - between
