"""Fit a stochastic model whose measurements have errors of their own, by the likelihood of a filter."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Checkpoint, Fit, Outcome, StageHistory
from ndestudio.fitting.stochastic.check import intervals
from ndestudio.fitting.stochastic.descent import Ended, Theta, Watcher, descend, scoring
from ndestudio.fitting.stochastic.filtering import Filter, FilterLikelihood, Measurements, measurements
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.particles import particle_likelihood
from ndestudio.fitting.stochastic.result import StochasticFit
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.diffusion import sde_text
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.space import Space
from ndestudio.progress import FitSnapshot, Note, Phase, Reporter
from ndestudio.solve.jax_backend import device

STEPS = {"quick": 20, "balanced": 60, "thorough": 300}
APART = 8
"""Samples between those from which a start is fitted, where the errors of measurements count less."""
FEWEST = 100
CHECKED, PARTICLES = 300, 500
"""Rows that a particle filter looks at, and its particles."""
MOST_PARTS = 8
SAME = 0.5
"""Nats by which more steps of the moment equations must change the likelihood to be taken."""
SECONDS = {"quick": 30.0, "balanced": 120.0, "thorough": 600.0}


def fit_filtered(model: FittedModel, dataset: Dataset, train: TrainConfig, reporter: Reporter) -> Fit:
    """The model and the errors of its measurements with the largest likelihood of a filter (see ``filtering``)."""
    begun = time.perf_counter()
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    reporter.emit(Phase("preparing", "a start from samples that are further apart"))
    space = stochastic_space(model)
    data = measurements(model, dataset)
    known = _known(dataset, train, data)
    levels = np.array([known.get(k, level) for k, level in enumerate(_levels(data))])
    watcher = Watcher(reporter, begun + limit, space.parameters, lambda x: x)
    watcher.model = lambda theta: space.fitted(theta[: len(space.theta)], {})
    kind: Filter = "cubature" if len(model.system.states) == 1 else "extended"
    kind = kind if train.filter == "auto" else train.filter
    likelihood = FilterLikelihood(space, data, 1, tuple(known), kind)
    theta, reason = space.theta, "converged"
    try:
        theta = np.concatenate([_start(model, dataset, space, watcher, train), np.log(levels)])
        reporter.emit(Phase("likelihood", f"filter over {likelihood.count} measurements"))
        while likelihood.parts < MOST_PARTS and not np.isfinite(likelihood.each(theta)).all():
            likelihood = replace(likelihood, parts=2 * likelihood.parts)
        watcher.follow(likelihood, None)
        if space.structure.neural_terms:
            l2 = 1.0 if train.l2 is None else train.l2
            theta, reason = descend(likelihood, theta, watcher, steps=STEPS[train.preset], l2=l2)
        else:
            theta, reason = scoring(likelihood, theta, watcher)
            while likelihood.parts < MOST_PARTS and reason == "converged":
                finer = replace(likelihood, parts=2 * likelihood.parts)
                if abs(float(np.sum(finer.each(theta) - likelihood.each(theta)))) < SAME:
                    break
                likelihood = finer
                theta, reason = scoring(likelihood, theta, watcher)
    except Ended as ended:
        reason = ended.reason
        if watcher.last is not None and len(watcher.last) > len(space.theta):
            theta = watcher.last
    if len(theta) == len(space.theta):
        theta = np.concatenate([theta, np.log(levels)])
    return _finished(model, dataset, likelihood, theta, reason, watcher, train, begun)


def _start(model: FittedModel, dataset: Dataset, space: Space, watcher: Watcher, train: TrainConfig) -> Theta:
    """A fit of transitions between samples some way apart, as far as all states are measured."""
    try:
        most = len(transitions(model, dataset))
        data = transitions(model, dataset, every=int(np.clip(most // FEWEST, 1, APART)))
    except DataError:
        return space.theta
    likelihood = TransitionLikelihood(space, data, "euler")
    if not np.isfinite(likelihood.negative(space.theta)[0]):
        return space.theta
    watcher.follow(likelihood, None)
    if space.structure.neural_terms:
        l2 = 1.0 if train.l2 is None else train.l2
        return descend(likelihood, space.theta, watcher, steps=60, l2=l2)[0]
    theta, _ = descend(likelihood, space.theta, watcher, steps=60)
    return scoring(replace(likelihood, density="moments"), theta, watcher)[0]


def _levels(data: Measurements) -> list[float]:
    """Start of the errors of each column: minus the covariance of neighbouring changes, which errors alone make negative."""
    found = []
    for column in data.values.T:
        change = np.diff(column)
        change[data.start[1:]] = np.nan
        pair = change[1:] * change[:-1]
        whole = float(np.nanvar(change))
        covariance = float(np.nanmean(pair)) if np.isfinite(pair).any() else 0.0
        found.append(float(np.sqrt(np.clip(-covariance, 1e-3 * whole, 0.5 * whole))) or 1e-3)
    return found


def _known(dataset: Dataset, train: TrainConfig, data: Measurements) -> dict[int, float]:
    """Columns (by their place among those that are filtered) whose errors are given."""
    found = {}
    for k, column in enumerate(data.columns):
        settings = train.column_noise.get(dataset.measured_names[column])
        if settings is not None and settings.constant is not None:
            found[k] = float(settings.constant)
    return found


def _finished(
    model: FittedModel,
    dataset: Dataset,
    likelihood: FilterLikelihood,
    theta: Theta,
    reason: str,
    watcher: Watcher,
    train: TrainConfig,
    begun: float,
) -> Fit:
    space = likelihood.space
    fitted = space.fitted(theta, {})
    each = likelihood.each(theta)
    failed = reason == "stuck" or not np.isfinite(each).all()
    names = [dataset.measured_names[k] for k in likelihood.data.columns]
    noise = dict(zip(names, map(float, likelihood.levels(theta)), strict=True))
    limits = {}
    if not failed and not space.structure.neural_terms:
        limits = intervals(likelihood, theta)
    notes = () if failed else _checked(fitted, dataset, likelihood, theta, noise)
    for text in notes:
        watcher.reporter.emit(Note(text, "warning"))
    values = {} if failed else {"train": float(np.mean(each))}
    for name, part in (("validation", Part.VALIDATION), ("test", Part.TEST)):
        if not failed and dataset.has(part):
            held = replace(likelihood, data=measurements(fitted, dataset, part))
            if held.count:
                values[name] = float(np.mean(held.each(theta)))
    outcome, sentence = _judged(reason, failed, likelihood.count, values, noise)
    steps = np.array(watcher.losses or [(0, np.nan, np.nan)])
    seconds = time.perf_counter() - begun
    history = StageHistory("likelihood", steps[:, 0], steps[:, 1], steps[:, 2], seconds)
    last = Checkpoint("likelihood", len(steps), float(steps[-1, 1]), values.get("validation"), fitted)
    watcher.reporter.emit(FitSnapshot("likelihood", len(steps), fitted, {}))
    return Fit(
        outcome=outcome,
        sentence=sentence,
        model=fitted,
        metrics=Metrics(),
        seed=train.seed,
        device=device("cpu")[1],
        history=(history,),
        checkpoints=(last,),
        seconds={"likelihood": seconds, "total": seconds},
        noise=noise,
        intervals=limits,
        notes=notes,
        stochastic=StochasticFit("filter", likelihood.count, values, tuple(sde_text(fitted.system)), noise),
    )


def _checked(
    model: FittedModel, dataset: Dataset, likelihood: FilterLikelihood, theta: Theta, noise: dict[str, float]
) -> tuple[str, ...]:
    """Whether a particle filter finds another likelihood for the first rows, which are not normal then."""
    own = likelihood.rows(theta)
    rows = min(CHECKED, len(own))
    found = [particle_likelihood(model, dataset, noise, particles=PARTICLES, seed=k, most=rows) for k in range(3)]
    counted = likelihood.data.counted[:rows]
    totals = np.array([float(one.each[counted].sum()) for one in found])
    lost = max(one.lost for one in found)
    apart = float(totals.mean() - own[:rows][counted].sum())
    error = float(totals.std(ddof=1)) + 0.01 * int(counted.sum())
    if lost == 0 and abs(apart) < 4.0 * error:
        return ()
    told = f"{lost} measurements lie where no particle came" if lost else f"theirs differs by {apart:+.1f} nats"
    return (
        f"A particle filter over the first {int(counted.sum())} measurements disagrees with the likelihood of the filter: {told}. States are "
        "not normal between measurements, so that numbers and limits are less sure than they look; measure more often.",
    )


def _judged(
    reason: str, failed: bool, count: int, values: dict[str, float], noise: dict[str, float]
) -> tuple[Outcome, str]:
    if failed:
        return Outcome.DIVERGED, (
            "The filter has no likelihood: drift or diffusion is not finite where the filter came to, or steps are too long for its "
            "moment equations. Look at the start values, and at roots and logarithms in the equations."
        )
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    errors = ", ".join(f"`{name}` {value:.3g}" for name, value in noise.items())
    sentence = (
        f"Fitted by the likelihood of a filter over {count} measurements; mean log likelihood of one: {told}. Standard "
        f"deviation of the errors of measurement: {errors}."
    )
    if reason == "stopped":
        return Outcome.STOPPED, f"Stopped. {sentence}"
    if reason in ("time", "limit"):
        return Outcome.LIMIT, f"The search ended before it stood still. {sentence}"
    return Outcome.CONVERGED, sentence


def smoothed_states(
    model: FittedModel, dataset: Dataset, noise: dict[str, float]
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Trajectory -> times, states [time, state] and their standard deviations, given all measurements of the trajectory.

    Parameters
    ----------
    noise
        Measured column -> standard deviation of its errors, such as ``StochasticFit.measurement_noise``.
    """
    data = measurements(model, dataset, None)
    space = stochastic_space(model)
    levels = [noise[dataset.measured_names[k]] for k in data.columns]
    theta = np.concatenate([space.theta, np.log(levels)])
    mean, covariance = FilterLikelihood(space, data).smoothed(theta)
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    return {
        one.name: (data.t[data.run == k], mean[data.run == k], spread[data.run == k])
        for k, one in enumerate(dataset.trajectories)
    }
