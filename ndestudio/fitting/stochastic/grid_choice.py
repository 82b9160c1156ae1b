"""The grid of states for a model, where there can be one."""

from __future__ import annotations

import numpy as np

from ndestudio.expression.numeric import evaluate
from ndestudio.fitting.stochastic.grid import StateGrid, state_grid
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term


def grid_of(model: FittedModel, data: Transitions) -> StateGrid | None:
    """A grid for a model of one state that reads neither inputs nor time; None where there can be none."""
    (state,) = model.system.states
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    entries = [column[0] for column in model.system.diffusion.values()]

    def spread(x: np.ndarray) -> np.ndarray:
        values = {**model.parameters, state: x}
        total = sum(np.asarray(evaluate(one, values, neural_terms=functions)) ** 2 for one in entries)
        return np.sqrt(np.broadcast_to(total, x.shape))

    return state_grid(spread, data)
