"""The grid of states for a model, where there can be one, and fits on grids that follow the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.expression.numeric import evaluate
from ndestudio.fitting.stochastic.descent import Theta, Watcher, scoring
from ndestudio.fitting.stochastic.grid import StateGrid, state_grid
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term

MOST_GRIDS = 5
SAME = 0.2
"""Nats by which a new grid must change the likelihood for another fit."""
EXACT = 1.0
"""Nats that a grid twice as fine may change."""


def grid_of(model: FittedModel, data: Transitions, fineness: int = 1) -> StateGrid | None:
    """A grid for a model of one state that reads neither inputs nor time; None where there can be none."""
    (state,) = model.system.states
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    entries = [column[0] for column in model.system.diffusion.values()]

    def spread(x: np.ndarray) -> np.ndarray:
        values = {**model.parameters, state: x}
        total = sum(np.asarray(evaluate(one, values, neural_terms=functions)) ** 2 for one in entries)
        return np.sqrt(np.broadcast_to(total, x.shape))

    return state_grid(spread, data, fineness)


def fitted_on_grid(
    likelihood: TransitionLikelihood,
    theta: Theta,
    watcher: Watcher | None = None,
    *,
    steps: int = 20,
    most: float = np.inf,
    fineness: int = 1,
) -> tuple[TransitionLikelihood, Theta, str] | None:
    """A model of few numbers fitted on a grid that is its own: nodes that were laid for another diffusion are too far apart where the
    fitted one is small, and the likelihood there is wrong. The grid is finer where that changes the likelihood.

    Parameters
    ----------
    most
        Minus the log likelihood from which the first grid will do.
    fineness
        Of the first grid.

    Returns
    -------
    The likelihood on the last grid, theta, and why the fit ended; None where the model has no grid.
    """
    reason, before = "converged", np.nan
    for _ in range(MOST_GRIDS):
        grid = grid_of(likelihood.space.fitted(theta, {}), likelihood.transitions, fineness)
        if grid is None:
            return None
        likelihood = replace(likelihood, density="grid", parts=1, grid=grid)
        value = float(np.sum(likelihood.each(theta)))
        if not np.isfinite(value):
            return None
        if abs(value - before) < SAME:
            if fineness > 1:
                return likelihood, theta, reason
            finer = grid_of(likelihood.space.fitted(theta, {}), likelihood.transitions, 2)
            if finer is None or abs(float(np.sum(replace(likelihood, grid=finer).each(theta))) - value) < EXACT:
                return likelihood, theta, reason
            fineness = 2
            likelihood = replace(likelihood, grid=finer)
        theta, reason = scoring(likelihood, theta, watcher, steps=steps)
        if reason == "stuck":
            return None
        before = float(np.sum(likelihood.each(theta)))
        if -before > most:
            break
    return likelihood, theta, reason
