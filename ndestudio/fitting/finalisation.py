"""The end of a fit: why it ended, the best model with its figures, and a sentence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Part
from ndestudio.fitting.initial_values import with_held_starts, with_starts
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.noise import described as described_noise
from ndestudio.fitting.passed_points import consider_passed
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.result import Checkpoint, Fit
from ndestudio.fitting.steady_states import steady_state_sentences
from ndestudio.fitting.step_count import accurate
from ndestudio.fitting.summary import judged
from ndestudio.fitting.support import with_support
from ndestudio.fitting.tracker import StopRequested, TimeUp, Tracker, predict
from ndestudio.fitting.uncertainty.identifiability import identify
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.progress import Phase
from ndestudio.solve.compiled import Stopped
from ndestudio.solve.device import Device
from ndestudio.solve.stiffness import stiffness

STARTS_SHARE = 0.25
"""Of the time the training took that may be spent on the starts of trajectories it left out, and at least 5 seconds."""
MOST_SCORED = 300
"""Trajectories up to which each is simulated by itself for the metrics where the training solver is not exact."""
MOST_STEPS = 1024
"""Steps of the batched solver up to which its accuracy is tried."""
FEW = 16
"""Trajectories up to which each is simulated by itself in any case."""
EXACT = 1e-4
"""Largest change of a prediction, over the spread, when the steps are halved, for the batched solver to stand for the
accurate one (its error is little more than that change, the method being of fourth order)."""


Predictions = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Trajectory -> times and measured columns."""


ON_BOUND = 1e-6
"""Distance from a bound, in units of it or of the start value, up to which a parameter lies on it."""


@dataclass(frozen=True)
class Ending:
    """Why training ended; ``reason``: one of ``StageOutcome.reason``, or `"stopped"`, `"time"`."""

    reason: str


def guarded(tracker: Tracker, run) -> Ending:
    try:
        reason = run()
    except (StopRequested, Stopped):
        reason = "stopped"
    except TimeUp:
        reason = "time"
    if reason in ("stopped", "time"):
        consider_passed(tracker)
    tracker.leave()
    return Ending(reason)


def finalise(tracker: Tracker, ending: Ending, described: Device) -> Fit:
    """The best model with its figures and a sentence."""
    problem, reporter = tracker.problem, tracker.reporter
    reporter.emit(Phase("validating", "simulating with the accurate solver"))
    model = problem.space.model
    if tracker.best_point is not None:
        model = _all_starts(tracker, tracker.model(*tracker.best_point))
        model = with_held_starts(_as_fitted(tracker), model, tracker.best_point[0].steps)
    model = with_support(problem, model)
    metrics, predicted = _scored(problem, model, tracker.best_point[0].steps if tracker.best_point is not None else 0)
    outcome, sentence = judged(tracker, ending.reason, model, metrics)
    for text in identify(problem, model, tracker.uncertainty) if tracker.uncertainty is not None else ():
        tracker.note(text, "warning")
    for text in _on_bounds(tracker, model):
        tracker.note(text)
    steps_by_error = problem.adaptive is not None and problem.adaptive.controller == "pid"
    exact = tracker.exact or steps_by_error
    if tracker.best_point is not None and not exact and not accurate(problem, tracker.best_point[0], model):
        stiff = stiffness(model, problem.dataset, problem.method, tracker.best_point[0].steps)
        tracker.note(
            stiff.sentence("As fitted")
            if stiff is not None
            else "The steps of the training solver are too long for this model; its predictions differ from those of the "
            "accurate solver. Train on from this model, or choose the preset `thorough`.",
            "warning",
        )
    for text in steady_state_sentences(model, problem.dataset):
        tracker.note(text, "warning")
    tracker.snapshot(model, 0)
    stage, iteration, loss, validation = tracker.best_stage
    best = Checkpoint(stage, iteration, loss, validation, model)
    seconds = {**tracker.seconds, "total": time.perf_counter() - tracker.made}
    laws = {} if tracker.noise is None else described_noise(problem, tracker.noise)
    return Fit(
        outcome=outcome,
        sentence=sentence,
        model=model,
        metrics=metrics,
        seed=problem.train.seed,
        device=described,
        history=tuple(tracker.histories),
        checkpoints=(*tracker.checkpoints, best),
        seconds=seconds,
        noise={
            **_residual_noise(problem, predicted or predict(problem, model), tracker.freedom),
            # what is left beside a limit is no error
            **{name: one.level for name, one in laws.items() if one.limits and not one.logarithmic},
        },
        noise_model=laws,
        intervals=_intervals(tracker, model),
        population=tracker.population,
        notes=tuple(tracker.notes),
    )


def _on_bounds(tracker: Tracker, model: FittedModel) -> list[str]:
    """Which parameters lie on a bound that they were given, and how far from it the data allow them."""
    found, intervals = [], _intervals(tracker, model)
    for name, settings in model.config.parameters.items():
        value = model.parameters.get(name)
        if value is None or settings.fixed or tracker.best_point is None:
            continue
        for side, bound, far in (("lower", settings.bounds[0], 1), ("upper", settings.bounds[1], 0)):
            if bound is None or abs(value - bound) > ON_BOUND * max(abs(bound), abs(settings.value), 1e-300):
                continue
            text = f"`{name}` lies on its {side} bound {bound:g}"
            limits = intervals.get(name)
            if limits is not None and np.isfinite(limits[far]) and limits[far] != bound:
                text += f"; the data allow it {'up' if far else 'down'} to {limits[far]:.3g} (95%)"
            found.append(f"{text}.")
    return found


def _intervals(tracker: Tracker, model: FittedModel) -> dict[str, tuple[float, float]]:
    """Limits of parameters, those of the likelihood of a population where there is one."""
    found = _with_estimates(model, tracker.uncertainty.intervals) if tracker.uncertainty is not None else {}
    return {**found, **(_with_estimates(model, tracker.population.intervals) if tracker.population is not None else {})}


def _with_estimates(model: FittedModel, intervals: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Limits that hold the estimate: held-out values may have chosen a model beside the minimum that they belong to."""
    return {
        name: (min(low, model.parameters[name]), max(high, model.parameters[name]))
        for name, (low, high) in intervals.items()
        if np.isfinite(low) and np.isfinite(high)
    }


def _as_fitted(tracker: Tracker) -> PreparedFit:
    """The problem with the fitted parameters in the place of the start values."""
    problem = tracker.problem
    if tracker.best_point is None:
        return problem
    return replace(problem, space=replace(problem.space, theta=tracker.best_point[1].theta))


def _all_starts(tracker: Tracker, model: FittedModel) -> FittedModel:
    """Initial values of the trajectories that were left out of the fit because others said enough."""
    if tracker.best_point is None or not model.networks:
        return model
    batch = tracker.best_point[0]
    if len(batch.names) == len(tracker.problem.dataset.trajectories):
        return model
    seconds = max(5.0, STARTS_SHARE * tracker.elapsed)
    model, left = with_starts(_as_fitted(tracker), model, set(batch.names), batch.steps, seconds)
    if left:
        tracker.note(f"{left} trajectories keep their measured start: there was no time to estimate it.")
    return model


def _scored(problem: PreparedFit, model: FittedModel, steps: int) -> tuple[Metrics, Predictions]:
    """Metrics by the accurate solver; of many trajectories by the batched one, a hundred times faster, once halving its
    steps changes nothing, with the predictions of that.

    Parameters
    ----------
    steps
        Of the grid the model was trained on.
    """
    count = len(problem.dataset.trajectories)
    if count <= FEW:
        return score(model, problem.dataset), {}
    longest = max(len(trajectory.t) for trajectory in problem.dataset.trajectories)
    steps, exact = max(steps, 32), False
    coarse, fine = (predict(problem, model, number) for number in (steps, 2 * steps))
    while not (exact := _same(problem, coarse, fine)) and steps < max(2 * longest, MOST_STEPS):
        steps *= 2
        coarse, fine = fine, predict(problem, model, 2 * steps)
    if not exact and count <= MOST_SCORED:
        return score(model, problem.dataset), {}
    found = fine if count == len(fine) else predict(problem, model, steps if exact else 2 * steps, None)
    simulations = {name: Simulation(t, np.zeros((len(t), 0)), measured) for name, (t, measured) in found.items()}
    return score(model, problem.dataset, simulations=simulations), found


def _same(problem: PreparedFit, one: Predictions, other: Predictions) -> bool:
    spread = problem.dataset.spread()
    with np.errstate(all="ignore"):
        away = [np.abs(one[name][1] - other[name][1])[:, problem.observed] / spread[problem.observed] for name in one]
        return all(bool((change <= EXACT).all()) for change in away)


def _residual_noise(
    problem: PreparedFit, predictions: Predictions, freedom: Float[np.ndarray, " measured"] | None
) -> dict[str, float]:
    """Standard deviation of the noise by the residuals at training rows, in the unit of the column.

    Parameters
    ----------
    freedom
        Part of the values of each column that the fit leaves free; residuals are smaller than the noise by its root.
    """
    found: dict[str, float] = {}
    for k, name in enumerate(problem.dataset.measured_names):
        errors = []
        for trajectory in problem.dataset.trajectories:
            if problem.observed[k] and trajectory.name in predictions:
                mask = trajectory.mask(Part.TRAIN)[:, k]
                errors.append((predictions[trajectory.name][1][:, k] - trajectory.measured[:, k])[mask])
        residuals = np.concatenate(errors) if errors else np.zeros(0)
        residuals = residuals[np.isfinite(residuals)]
        if residuals.size:
            found[name] = float(np.sqrt(np.mean(residuals**2) / (1.0 if freedom is None else freedom[k])))
    return found
