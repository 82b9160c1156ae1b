"""Where networks of outputs begin: at the best weighted sum of the states as the middles of the priors lead them.

Without that a network of a column with a large mean starts far off, and an encoder that moves starts to make up for it may settle on a
wrong sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Trajectory
from ndestudio.expression.tree import Call, Name
from ndestudio.fitting.latent.inference import Simulator
from ndestudio.model.fitted import FittedModel, NetworkWeights

RIDGE = 1.0
"""Penalty on the squares of weights, over the squared spread of the column."""


def begun(model: FittedModel, runs: Sequence[Trajectory], simulator: Simulator) -> FittedModel:
    """``model`` with networks of outputs fitted to ``runs``, simulated from the middles of the priors."""
    grid = simulator.grid(runs)
    middle = np.zeros((1, len(runs), len(simulator.latent.priors.place)))
    y = simulator.simulated(grid, simulator.starts(runs, middle))[0][:, 0]
    networks = dict(model.networks)
    for column, name in enumerate(model.measured):
        expr = model.system.outputs.get(name)
        if not isinstance(expr, Call) or expr.function not in networks:
            continue
        values = np.concatenate([one.measured[:, column] for one in runs])
        networks[expr.function] = _begun(model, networks[expr.function], expr, runs, y, values)
    return replace(model, networks=networks)


def _begun(
    model: FittedModel,
    network: NetworkWeights,
    call: Call,
    runs: Sequence[Trajectory],
    y: Float[np.ndarray, "state run sample"],
    values: Float[np.ndarray, " n"],
) -> NetworkWeights:
    config, known = network.config, np.isfinite(values)
    plain = config.sign == "any" and config.lower is None and config.upper is None and not config.factor
    if not plain or not known.any():
        return network
    target = values[known] / network.output_scale
    offset = network.biases[-1].copy()
    offset[:] = target.mean()
    places = [
        model.system.states.index(a.name)
        for a in call.arguments
        if isinstance(a, Name) and a.name in model.system.states
    ]
    linear = config.depth == 0 and not config.monotone and not config.basis and len(places) == len(call.arguments)
    if not linear:
        return replace(network, biases=(*network.biases[:-1], offset))
    states = np.concatenate([y[places, k, : len(one.t)] for k, one in enumerate(runs)], axis=1).T
    x = ((states - network.input_center) / network.input_scale)[known]
    used = np.isfinite(x).all(axis=1)
    x, target = np.column_stack([x[used], np.ones(used.sum())]), target[used]
    penalty = RIDGE * max(float(np.var(target)), 1e-12) * np.diag([*np.ones(len(places)), 0.0])
    found = np.linalg.lstsq(x.T @ x + penalty, x.T @ target, rcond=None)[0]
    offset[:] = found[-1]
    # what does not move with these states keeps its small random weight
    weights = np.where(np.ptp(x[:, :-1], axis=0) > 1e-9, found[:-1], network.weights[0][0])
    return replace(network, weights=(weights[None],), biases=(offset,))
