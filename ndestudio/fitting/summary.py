"""What a training came to, as an outcome and a sentence for a person."""

from __future__ import annotations

import numpy as np

from ndestudio.data.dataset import Part
from ndestudio.expression.tree import Call, walk
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.preflight import undefined_at_start
from ndestudio.fitting.prepared import BELOW, FEWEST_SAMPLES, PreparedFit, away_from_neighbours
from ndestudio.fitting.result import CHAOTIC, Outcome
from ndestudio.fitting.stages.restarts import absurd
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.scipy_reference import Budget, simulate_trajectory
from ndestudio.wording import percent

LITTLE = 0.7
"""Training error, in spreads, above which a model explains little."""
MISFIT, MISSED = 2.0, 0.1
"""A training error this many times the noise, and at least so many spreads, is no noise."""
BEYOND = 3.0
"""The same of held-out data, in units of the training error or the noise."""
UNKNOWN = 1e-3
"""Noise, in spreads, below which it is not named."""
QUIET, QUIET_SQUARE = 0.9, 0.62
"""Part of the errors of single values that are no jumps, and the mean square of such a part of normal ones."""
LOOKED_AT = 8
"""Trajectories simulated to find out where a model leaves its data, and the seconds for each."""
LOOKED_FOR = Budget(seconds=1.0)


def judged(tracker: Tracker, reason: str, model: FittedModel, metrics: Metrics) -> tuple[Outcome, str]:
    """Outcome and sentence.

    Parameters
    ----------
    reason
        One of ``stages.Outcome.reason``, or `"stopped"`, `"time"`.
    model
        The best one; ``metrics``: its errors by the accurate solver.
    """
    if tracker.best_point is None:
        return _nothing(tracker, reason)
    train, held = metrics.train.get("mean", float("nan")), metrics.validation.get("mean")
    error = f"training error {_percent(train)}" + (f", validation error {_percent(held)}" if held is not None else "")
    error += " of the spread"
    if np.isinf(train):
        return Outcome.DIVERGED, (
            "The fit of the training solver does not hold: simulated accurately, trajectories run away. "
            + (_went_below(tracker.problem, model) or _shorter(tracker.problem))
        )
    if tracker.horizon is not None:
        return _chaotic(tracker, reason, tracker.horizon)
    if reason == "stopped":
        return Outcome.STOPPED, f"Training was stopped; the best model so far is kept ({error})."
    if reason in ("time", "limit"):
        limit = "time" if reason == "time" else "number of steps"
        told = f"The limit of {limit} was reached; the best model is kept ({error})."
        return Outcome.LIMIT, told + _but(tracker, model, train, held) + _absurd(tracker)
    if reason == "stuck":
        return (
            Outcome.DIVERGED,
            f"No step improved the fit ({error}). Try another seed, other start values, or the preset `thorough`.",
        )
    doubt = _but(tracker, model, train, held) + _absurd(tracker)
    if doubt:
        return Outcome.DOUBTFUL, f"Training ended, with doubts ({error})." + doubt
    if reason == "overfit":
        return (
            Outcome.CONVERGED,
            f"Stopped when the validation error began to rise; the best model is kept ({error}).",
        )
    return Outcome.CONVERGED, f"Converged ({error})."


def _chaotic(tracker: Tracker, reason: str, horizon: Horizon) -> tuple[Outcome, str]:
    """Whole trajectories part whatever the law; what counts is the error over a horizon."""
    problem, error = tracker.problem, float(np.sqrt(tracker.best_stage[2]))
    unit = f" {problem.dataset.time.unit}" if problem.dataset.time.unit else ""
    told = (
        f"{CHAOTIC}: neighbouring trajectories part e-fold every {horizon.divergence:.3g}{unit}, so it was fitted "
        f"and is judged over segments of {horizon.time:.3g}{unit} (training error {_percent(error)} of the spread); errors of "
        "whole trajectories say nothing of it."
    )
    if reason == "stopped":
        return Outcome.STOPPED, f"Training was stopped; the best model so far is kept. {told}"
    if reason in ("time", "limit"):
        return Outcome.LIMIT, f"The limit of {'time' if reason == 'time' else 'number of steps'} was reached. {told}"
    if error > max(MISFIT * float(np.sqrt(problem.floor)), MISSED):
        return Outcome.DOUBTFUL, f"Training ended, with doubts: even over segments the data are missed. {told}"
    return Outcome.CONVERGED, f"Converged. {told}"


def _percent(value: float) -> str:
    return percent(value, failed="without bounds")


def _nothing(tracker: Tracker, reason: str) -> tuple[Outcome, str]:
    """Before the first fit of whole trajectories."""
    if reason == "stopped":
        return Outcome.STOPPED, "Training was stopped before the first fit of whole trajectories; the start is kept."
    if reason == "time":
        waited = tracker.seconds.get("compiling", 0.0)
        spent = f"; {waited:.0f} s went into compiling, which is kept for the next training" if waited >= 0.5 else ""
        return Outcome.LIMIT, (
            f"The limit of time was reached before the first fit of whole trajectories{spent}. Train on, or allow more time."
        )
    if undefined := undefined_at_start(tracker.problem):
        return Outcome.DIVERGED, f"No simulation of the whole trajectories stayed finite. {' '.join(undefined)}"
    return Outcome.DIVERGED, (
        "No simulation of the whole trajectories stayed finite. Check the equations and units, bound the parameters, "
        "or shorten the trajectories."
    )


def _but(tracker: Tracker, model: FittedModel, train: float, held: float | None) -> str:
    """What speaks against the model, and what to do; "" if nothing does."""
    problem = tracker.problem
    noise = float(np.sqrt(problem.floor))
    missed = train
    if problem.train.loss == "huber":  # outliers do not speak against a model that leaves them aside
        missed = min(train, float(np.sqrt(tracker.best_stage[2])))
    if missed > LITTLE:
        return f" The model explains little of the training data. {_went_below(problem, model) or _shorter(problem)}"
    if tracker.noise is not None:  # the noise is told under the weights of its law, and so is the error
        missed = min(missed, float(np.sqrt(tracker.best_stage[2])))
    known = f"their noise (about {noise:.1%} of the spread)" if noise > UNKNOWN else "noise would explain"
    if problem.smooth and missed > max(MISFIT * noise, MISSED):
        return (
            f" The training data are missed by far more than {known}. "
            f"{_went_below(problem, model) or _shorter(problem)}"
        )
    if not problem.smooth and tracker.noise is None:
        scatter = _scatter(problem)
        if scatter is not None and missed > max(BEYOND * scatter, MISSED):
            return (
                f" The training data are missed by far more than single values scatter (about {scatter:.1%} of the spread). "
                f"{_went_below(problem, model) or _shorter(problem)}"
            )
    if held is None or not held > max(BEYOND * train, BEYOND * noise, MISSED):
        return ""
    if not any(
        (one.part == Part.TRAIN).any() and (one.part == Part.VALIDATION).any() for one in problem.dataset.trajectories
    ):
        return " Held-out trajectories are missed: " + _undetermined(problem)
    return " The held-out later samples are missed: they lead where the training samples do not, or " + _undetermined(
        problem
    )


def _scatter(problem: PreparedFit) -> float | None:
    """Noise in spreads where states jump and no curve is smooth; None where there are too few values to tell.

    It is that of single values against the line between their neighbours, without the tenth that lies furthest off: jumps.
    """
    found = []
    for k in np.flatnonzero(problem.observed):
        if problem.space.constants.log[k]:
            return None
        far = [away_from_neighbours(one, int(k)) for one in problem.dataset.trajectories]
        errors = np.sort(np.abs(np.concatenate(far)))
        if len(errors) < FEWEST_SAMPLES:
            return None
        quiet = errors[: int(np.ceil(QUIET * len(errors)))]
        found.append(float(np.mean(quiet**2)) / QUIET_SQUARE / problem.space.constants.spread[k] ** 2)
    return float(np.sqrt(np.mean(found))) if found else None


def _absurd(tracker: Tracker) -> str:
    """Parameters that ended beyond all sense, and what to do; "" if there are none."""
    if tracker.best_point is None:
        return ""
    found = absurd(tracker.problem, tracker.best_point[1].theta)
    if not found:
        return ""
    sure = tracker.uncertainty.intervals if tracker.uncertainty is not None else {}
    parts = [
        f"`{name}` ended at {value:.3g} (start {start:.3g})"
        for name, (value, start) in found.items()
        if not (name in sure and sure[name][1] - sure[name][0] < abs(value))
    ]
    if not parts:
        return ""
    return (
        f" {' and '.join(parts)}, from other starts too: the data draw it beyond all sense. Check the sign and form of the "
        "terms it stands in, bound it, or fix it."
    )


def _undetermined(problem: PreparedFit) -> str:
    if not problem.structure.neural_terms:
        return "the equations or the start values do not suit all of the data."
    names = " and ".join(f"`{neural_term.name}`" for neural_term in problem.structure.neural_terms)
    several = any(len(neural_term.arguments) > 1 for neural_term in problem.structure.neural_terms)
    fewer = "fewer arguments, " if several else ""
    return (
        f"the training data do not determine {names} there. Train on more trajectories that differ, or say more about it "
        f"({fewer}a sign, a factor, a smaller network)."
    )


def _shorter(problem: PreparedFit) -> str:
    """What to try where whole trajectories are lost."""
    samples = "a term that acts between two samples cannot be seen; sample more densely there"
    if not problem.structure.neural_terms:
        return "The equations may not suit the data, or the start values are too far off."
    return (
        "Errors may grow too fast along whole trajectories: train on shorter ones (from more starts), "
        f"or on fewer unknowns. Also, {samples}."
    )


def _went_below(problem: PreparedFit, model: FittedModel) -> str:
    """A sentence about a state that becomes negative although its data never are; "" if there is none."""
    spread = dict(zip(problem.dataset.measured_names, problem.dataset.spread(), strict=True))
    lowest = {
        name: min(float(np.nanmin(one.measured[:, k], initial=np.inf)) for one in problem.dataset.trajectories)
        for k, name in enumerate(problem.dataset.measured_names)
    }
    for one in problem.dataset.trajectories[:LOOKED_AT]:
        states = simulate_trajectory(model, problem.dataset, one, budget=LOOKED_FOR).states
        for k, state in enumerate(model.system.states):
            if state not in spread or not np.isfinite(lowest[state]) or lowest[state] < -BELOW * spread[state]:
                continue
            values = states[:, k][np.isfinite(states[:, k])]
            if len(values) and values.min() < -2 * BELOW * spread[state]:
                return f"`{state}` becomes negative in the simulation, which its data never are{_factor(model, k)}."
    return ""


def _factor(model: FittedModel, k: int) -> str:
    """Which neural term could vanish with the state."""
    state = model.system.states[k]
    called = {node.function for node in walk(model.system.rhs[k]) if isinstance(node, Call)}
    for name, network in model.networks.items():
        if name in called and state in network.arguments and state not in network.config.factor:
            return f". If `{name}` vanishes where `{state}` does, say so: make `{state}` a factor of it (settings of the network)"
    return ": give it, or the term, bounds that keep it positive"
