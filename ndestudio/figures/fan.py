"""Simulated paths of a stochastic model as plots show them: quantiles over time, and one path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from ndestudio.data.dataset import Trajectory
    from ndestudio.model.fitted import FittedModel

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
PATHS, TIMES, SUBSTEPS = 200, 400, 4
"""Paths, times of a fan at most, and steps between two of them."""
MOST_PATHS = 5000


@dataclass(frozen=True, eq=False)
class Fan:
    """Quantiles of simulated paths.

    Parameters
    ----------
    measured
        Quantile of each measured column at each time; NaN for a column that the model has no counterpart of.
    example
        The first path.
    """

    levels: tuple[float, ...]
    measured: Float[np.ndarray, "level time measured"]
    example: Float[np.ndarray, "time measured"]
    paths: int
    seed: int
    method: str


@dataclass(frozen=True, eq=False)
class FanPath:
    """The fan of a trajectory, and the states of its first path."""

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "time state"]
    fan: Fan
    sentence: str = ""


def fan_times(trajectory: Trajectory) -> Float[np.ndarray, " time"]:
    """Times of the measurements, some of them where there are very many, and as many between where there are few."""
    t = trajectory.t
    if len(t) > TIMES:
        return t[np.unique(np.linspace(0, len(t) - 1, TIMES).astype(int))]
    return np.unique(np.concatenate([t, np.linspace(t[0], t[-1], TIMES // 2)]))


def fan(
    model: FittedModel, trajectory: Trajectory, paths: int = PATHS, seed: int = 0, *, coarse: bool = False
) -> FanPath:
    """Simulate ``paths`` paths from the initial values of a trajectory.

    Parameters
    ----------
    coarse
        Steps as long as those between measurements, without compiling anything: for a look while a model is trained.

    Raises
    ------
    EquationError, SpecError, SettingError
        As ``simulate_paths``.
    """
    from ndestudio.model.evaluate import observe
    from ndestudio.problem.conditions import initial_state
    from ndestudio.solve.stochastic.paths import simulate_paths

    t = fan_times(trajectory)
    longest = float(np.max(np.diff(t))) / max(float(np.median(np.diff(trajectory.t))), 1e-300)
    substeps = int(np.clip(np.ceil(SUBSTEPS * min(longest, 10.0)), SUBSTEPS, 40))
    start = initial_state(model, trajectory)
    if coarse:
        substeps = int(np.clip(np.ceil(longest), 1, 10))
        found = simulate_paths(model, t, start, paths, seed=seed, substeps=substeps, inputs=trajectory, backend="numpy")
    else:
        found = simulate_paths(model, t, start, paths, seed=seed, substeps=substeps, inputs=trajectory)
    u = trajectory.input_at(t) if model.inputs else None
    columns = np.stack([observe(model, t, states, u) for states in found.states])
    kept = np.where(np.isfinite(columns), columns, np.nan)
    with np.errstate(all="ignore"):
        quantiles = _quantiles(kept)
    made = Fan(LEVELS, quantiles, columns[0], paths, seed, found.method)
    return FanPath(t, found.states[0], made, found.sentence)


def _quantiles(columns: Float[np.ndarray, "path time measured"]) -> Float[np.ndarray, "level time measured"]:
    found = np.full((len(LEVELS), *columns.shape[1:]), np.nan)
    known = np.isfinite(columns).any(axis=0)
    found[:, known] = np.nanquantile(columns[:, known], LEVELS, axis=0)
    return found
