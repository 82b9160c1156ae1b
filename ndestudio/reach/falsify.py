"""A search for starts that get somewhere: out of a tube, or into an unsafe set. What it finds is an example, not a proof of absence.

Projected gradient ascent from several starts at once; the gradients are central differences in unit coordinates, all of them from one
batch of solutions, so that it works for every model that can be solved, events included.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ndestudio.reach.ellipsoid import Ellipsoids
from ndestudio.reach.flow import Flow
from ndestudio.reach.tube import ReachTube

Objective = Callable[
    [Float[np.ndarray, "start time state"], Float[np.ndarray, "start unit"]], Float[np.ndarray, " start"]
]
"""(states, unit coordinates) -> what should become large."""
ROUNDS = 20
"""Steps uphill."""
STEP, DIFFERENCE = 0.25, 1e-3
"""First step and distance of the differences, in unit coordinates."""


def climb(
    flow: Flow,
    objective: Objective,
    begin: Float[np.ndarray, "start unit"],
    rounds: int = ROUNDS,
    enough: float = np.inf,
) -> tuple[Float[np.ndarray, " unit"], float]:
    """The best start that is found uphill from those of ``begin``, and its value; it ends where one is above ``enough``."""
    unit = begin.copy()
    count, size = unit.shape
    value = objective(flow.states(unit), unit)
    step = np.full(count, STEP)
    for _ in range(rounds):
        if np.nanmax(value, initial=-np.inf) > enough:
            break
        moves = DIFFERENCE * np.concatenate([np.eye(size), -np.eye(size)])
        wide = (unit[:, None] + moves).reshape(-1, size)
        around = objective(flow.states(wide), wide).reshape(count, 2, size)
        with np.errstate(invalid="ignore"):
            slope = np.nan_to_num(around[:, 0] - around[:, 1])
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        tried = flow.starts.nearest(unit + step[:, None] * slope / np.where(length > 0, length, 1.0))
        there = objective(flow.states(tried), tried)
        better = there > value
        unit[better], value[better] = tried[better], there[better]
        step = np.where(better, 1.5 * step, 0.4 * step)
        if (step < 1e-6).all():
            break
    best = int(np.nanargmax(np.where(np.isfinite(value), value, -np.inf)))
    return unit[best], float(value[best])


def farthest(tube: ReachTube, flow: Flow, seed: int = 0, starts: int = 16) -> tuple[dict[str, float], float]:
    """The start that gets farthest out of a tube among those that a search finds, and how far: above 1 it has left.

    Returns
    -------
    start
        State or uncertain parameter -> value.
    reach
        Distance from the middle over that of the border, the largest of all times.
    """

    def objective(x: Float[np.ndarray, "start time state"], _: object) -> Float[np.ndarray, " start"]:
        if tube.factor is not None:
            return Ellipsoids(tube.centre, tube.factor).distances(x).max(axis=1)
        half = 0.5 * (tube.upper - tube.lower)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = np.abs(x - tube.centre) / np.where(half > 0, half, np.nan)
        return np.nanmax(parts, axis=(1, 2), initial=0.0)

    unit, reach = climb(flow, objective, flow.starts.surface(starts, np.random.default_rng(seed)))
    return named(flow, unit), reach


def named(flow: Flow, unit: Float[np.ndarray, " unit"]) -> dict[str, float]:
    """A start by name."""
    states = dict(zip(flow.model.system.states, flow.starts.states(unit[None])[0].tolist(), strict=True))
    return {**states, **dict(zip(flow.starts.parameters, flow.starts.values(unit[None])[0].tolist(), strict=True))}
