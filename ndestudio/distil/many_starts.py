"""Simulations of one model from many starts at once, for looking at many runs that might be made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import control_path
from ndestudio.data.dataset import Dataset
from ndestudio.model.fitted import FittedModel

STEPS = 200
"""Runge-Kutta steps of a run, at least."""
REFERENCE = 24
"""Runs that the reference solver is asked for at most."""
SECONDS = 0.5
"""Its wall time for each."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs that might be made: times, a start for each, and constant levels of the inputs (None without inputs)."""

    t: Float[np.ndarray, " time"]
    starts: Float[np.ndarray, "run state"]
    inputs: Float[np.ndarray, "run input"] | None


def simulated(
    model: FittedModel, dataset: Dataset, runs: Runs, *, exact: bool = False
) -> Float[np.ndarray, "run time measured"]:
    """The measured columns (order of ``dataset``) along each run; NaN from where it runs away.

    Parameters
    ----------
    exact
        By the reference solver; else all at once by Runge-Kutta steps of order four (Kutta 1901). Where these lose the
        trajectories that the model was fitted to, its equations are stiff: the reference solver is asked for the first
        `REFERENCE` runs, and the others are NaN.
    """
    order = [model.measured.index(name) for name in dataset.measured_names]
    if exact or model.system.delays:
        return _by_reference(model, runs, len(runs.starts))[..., order]
    fitted = np.array(list(model.initial.values())).reshape(-1, runs.starts.shape[1])
    levels = None if runs.inputs is None else np.tile(np.median(runs.inputs, axis=0), (len(fitted), 1))
    both = None if runs.inputs is None or levels is None else np.concatenate([levels, runs.inputs])
    found = _by_steps(model, Runs(runs.t, np.concatenate([fitted, runs.starts]), both))
    known, found = found[: len(fitted), :, order], found[len(fitted) :, :, order]
    if np.isfinite(known).all():
        return found
    return _by_reference(model, runs, REFERENCE)[..., order]


def _by_steps(model: FittedModel, runs: Runs) -> Float[np.ndarray, "run time measured"]:
    from ndestudio.model.evaluate import field, observe

    each = max(2, -(-STEPS // (len(runs.t) - 1)))
    y, states = runs.starts, [runs.starts]
    with np.errstate(all="ignore"):
        for begin, end in zip(runs.t[:-1], runs.t[1:], strict=True):
            h = (end - begin) / each
            for step in range(each):
                t = begin + step * h
                a = field(model, t, y, runs.inputs)
                b = field(model, t + h / 2, y + h / 2 * a, runs.inputs)
                c = field(model, t + h / 2, y + h / 2 * b, runs.inputs)
                y = y + h / 6 * (a + 2 * b + 2 * c + field(model, t + h, y + h * c, runs.inputs))
            states.append(y)
        inputs = None if runs.inputs is None else runs.inputs[:, None, :]
        return observe(model, runs.t, np.stack(states, axis=1), inputs)


def _by_reference(model: FittedModel, runs: Runs, most: int) -> Float[np.ndarray, "run time measured"]:
    from ndestudio.solve.scipy_reference import Budget, simulate

    found = np.full((len(runs.starts), len(runs.t), len(model.measured)), np.nan)
    for k, start in enumerate(runs.starts[:most]):
        control = None
        if runs.inputs is not None:
            control = control_path(runs.t, np.tile(runs.inputs[k], (len(runs.t), 1)))
        found[k] = simulate(model, runs.t, start, control, budget=Budget(SECONDS)).measured
    return found
