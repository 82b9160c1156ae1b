"""What networks are called with at measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Call, walk
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term


def call_arguments(
    model: FittedModel,
    name: str,
    t: Float[np.ndarray, " n"],
    y: Float[np.ndarray, "state n"],
    u: Float[np.ndarray, "input n"],
) -> Float[np.ndarray, "n argument"]:
    """Arguments of the first call of the network ``name`` in drift or diffusion, at states."""
    values: dict[str, Any] = {"t": t, **model.parameters}
    values |= dict(zip(model.system.states, y, strict=True))
    values |= dict(zip(model.inputs, u, strict=True))
    functions = {each: array_neural_term(network) for each, network in model.networks.items()}
    everything = [*model.system.rhs, *(term for column in model.system.diffusion.values() for term in column)]
    for expr in everything:
        for node in walk(expr):
            if isinstance(node, Call) and node.function == name:
                called = [evaluate(argument, values, neural_terms=functions) for argument in node.arguments]
                return np.stack([np.broadcast_to(one, t.shape) for one in called], axis=-1)
    raise KeyError(name)
