"""What a model's penalties along the path are, with their scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Call, Expr, calls
from ndestudio.model.evaluate import algebraic_values
from ndestudio.model.fitted import FittedModel

STEP = 1e-4
"""Change of a state, in its scales, by which the scale of a penalty is found."""


@dataclass(frozen=True, eq=False)
class PathPenalty:
    """Arguments: expression: zero where the penalty is. scale: in its unit. weight: of its mean square."""

    expression: Expr
    scale: float
    weight: float


def path_penalties(model: FittedModel, state_scale: Float[np.ndarray, " state"]) -> tuple[PathPenalty, ...]:
    """The penalties of a model that weigh anything."""
    found = []
    for name, expression in model.system.penalties.items():
        config = model.config.penalties[name]
        if config.weight > 0:
            scale = config.scale or _scale(model, expression, state_scale)
            found.append(PathPenalty(expression, scale, config.weight))
    return tuple(found)


def _scale(model: FittedModel, expression: Expr, state_scale: Float[np.ndarray, " state"]) -> float:
    """Root of the sum of squared changes when each state changes by its scale; its size, or 1, where none changes it."""
    # `min(x, 0)` does not move where x is positive
    whole = expression.arguments[0] if isinstance(expression, Call) and expression.function == "min" else expression
    if calls(whole) and any(call.function in model.networks for call in calls(whole)):
        return 1.0
    starts = np.array(list(model.initial.values())) if model.initial else np.zeros((1, len(state_scale)))
    values: dict[str, float] = {**dict.fromkeys(model.inputs, 0.0), **model.parameters, "t": 0.0}

    def at(y: Float[np.ndarray, " state"]) -> float:
        with np.errstate(all="ignore"):
            point = {**values, **dict(zip(model.system.states, y, strict=True))}
            return float(evaluate(whole, {**point, **algebraic_values(model, point)}))

    middle = starts.mean(axis=0)
    here = at(middle)
    moved = [at(middle + STEP * size * np.eye(len(state_scale))[k]) for k, size in enumerate(state_scale)]
    change = np.nan_to_num((np.array(moved) - here) / STEP, nan=0.0, posinf=0.0, neginf=0.0)
    size = float(np.sqrt(np.sum(change**2)))
    return size or (abs(here) if np.isfinite(here) else 0.0) or 1.0
