"""What can be said before training: columns that teach nothing, equations without a value where the data begin."""

from __future__ import annotations

import numpy as np

from ndestudio.data.dataset import Part, Trajectory
from ndestudio.data.input_paths import foresight
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.model.evaluate import at_rest, field, undefined_part
from ndestudio.model.initial import model_start
from ndestudio.model.schedule import before_the_begin
from ndestudio.model.units import unit_problems

FAR = 20.0
"""Ranges of all other values beyond which a value is told."""
LOOKED_AT = 50
"""Trajectories whose starts are looked at."""


def preflight_checks(problem: PreparedFit) -> list[str]:
    """Sentences on the data and the start of a fit, most often none."""
    return [
        *_units(problem),
        *([seen] if (seen := foresight(problem.dataset)) else []),
        *_empty(problem),
        *_flat(problem),
        *_alone(problem),
        *undefined_at_start(problem),
        *_too_early(problem),
    ]


def _units(problem: PreparedFit) -> list[str]:
    """Units of the equations that do not fit."""
    return [
        f"Units do not fit, and nothing was converted: {one}."
        for one in unit_problems(problem.space.model.config, problem.dataset)
    ]


def _too_early(problem: PreparedFit) -> list[str]:
    """Events at written times that come before the first row of a trajectory."""
    system, parameters = problem.space.model.system, problem.space.model.parameters
    missed: dict[str, list[str]] = {}
    for one in problem.dataset.trajectories:
        for line in before_the_begin(system, parameters, float(one.t[0])):
            missed.setdefault(line, []).append(one.name)
    return [
        f"The event `{line}` has times before the first row of {len(names)} of {len(problem.dataset.trajectories)} trajectories (such as "
        f"`{names[0]}`), where nothing happens then: a simulation begins at the first row. Give a row at an earlier time, with nothing "
        "measured, or count the event into the initial values."
        for line, names in missed.items()
    ]


def _empty(problem: PreparedFit) -> list[str]:
    """Columns that the model describes and that have no value to train on."""
    there = np.zeros(len(problem.observed), dtype=bool)
    for row in problem.dataset.trajectories:
        there |= row.mask(Part.TRAIN).any(axis=0)
    return [
        f"The column `{name}` has no measured values in the training rows: what it would show is taken as unmeasured."
        for k, name in enumerate(problem.dataset.measured_names)
        if problem.observed[k] and not there[k]
    ]


def _alone(problem: PreparedFit) -> list[str]:
    """Single values that lie far from all others of their column."""
    found = []
    for k, name in enumerate(problem.dataset.measured_names):
        parts = [row.measured[row.mask(Part.TRAIN)[:, k], k] for row in problem.dataset.trajectories]
        values = np.sort(np.concatenate(parts))
        if not problem.observed[k] or len(values) < 10:
            continue
        for value, next_to, rest in ((values[-1], values[-2], values[:-1]), (values[0], values[1], values[1:])):
            if np.ptp(rest) > 0 and abs(value - next_to) > FAR * np.ptp(rest):
                found.append(
                    f"The column `{name}` has one value, {value:.6g}, that is {abs(value - next_to) / np.ptp(rest):.3g} times the "
                    "range of all others away from them; correct it, or choose the loss `huber`."
                )
    return found


def _flat(problem: PreparedFit) -> list[str]:
    """Columns that the model describes and that never change."""
    found = []
    for k, name in enumerate(problem.dataset.measured_names):
        parts = [row.measured[row.mask(Part.TRAIN)[:, k], k] for row in problem.dataset.trajectories]
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        if problem.observed[k] and len(values) > 1 and np.ptp(values) <= 1e-9 * np.max(np.abs(values)):
            found.append(
                f"The column `{name}` is {values[0]:.6g} in all training rows: errors are taken relative to that, and it says "
                "nothing about what would change it. If it is a setting of the experiment, make it an input."
            )
    return found


def undefined_at_start(problem: PreparedFit) -> list[str]:
    """Equations without a finite value at the starts of trajectories."""
    model = at_rest(problem.space.model)
    bad: dict[str, tuple[int, str]] = {}
    rows = problem.dataset.trajectories[:LOOKED_AT]
    for row in rows:
        y = model.initial.get(row.name, model_start(model, row))
        u = row.input_at(row.t[:1])[0]
        with np.errstate(all="ignore"):
            slope = field(model, row.t[0], y, u)
        for state, value in zip(model.system.states, slope, strict=True):
            if not np.isfinite(value):
                count, reason = bad.get(state) or (
                    0,
                    _reason(problem, row, undefined_part(model, state, row.t[0], y, u)),
                )
                bad[state] = count + 1, reason
    return [
        f"The equation of `{state}` has no finite value at the start of {count} of {len(rows)} trajectories{reason}"
        for state, (count, reason) in bad.items()
    ]


def _reason(problem: PreparedFit, row: Trajectory, part: str) -> str:
    """What has no value at the start of a trajectory, and what to do about it."""
    advice = "write the equation so that it has a value there"
    if len(row.t) > 1:
        advice += f", or leave the first row out, so that the trajectory begins at {row.t[1]:.6g} with a start that is measured or estimated"
    time = problem.dataset.time.name
    return f": {part or 'a part of it is not finite'} (`{row.name}` begins at {time} = {row.t[0]:.6g}); {advice}."
