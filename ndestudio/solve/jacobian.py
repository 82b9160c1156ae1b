"""Jacobians of a vector field: by differences in NumPy, by differentiation in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.solve.jax_backend import get_jax

SMALL = 1e-3
"""A state is never taken for smaller than this part of its size, in steps of differences and in tests of convergence."""


def by_differences(
    field: Callable[[Any], Any],
    y: Float[np.ndarray, "state *any"],
    size: Float[np.ndarray, "state *any"],
    *,
    relative: float = 1e-7,
    central: bool = False,
) -> tuple[Float[np.ndarray, "state *any"], Float[np.ndarray, "state state *any"]]:
    """Value and Jacobian of ``field`` at ``y``, all perturbed copies in one call.

    Parameters
    ----------
    field
        dy/dt [state, copy, ...] of y [state, copy, ...].
    size
        Typical size of each state, for steps where it is near 0.
    relative
        Step over the size of a state.
    central
        Differences to both sides, of second order; else to one side, which is good enough for Newton's method.

    Returns
    -------
    value : Float[np.ndarray, "state *any"]
    jacobian : Float[np.ndarray, "state state *any"]
        [state, by state, ...].
    """
    states = len(y)
    step = relative * np.maximum(np.abs(y), SMALL * size)
    wide = np.repeat(y[:, None], 1 + states * (2 if central else 1), axis=1)
    for k in range(states):
        wide[k, 1 + k] += step[k]
        if central:
            wide[k, 1 + states + k] -= step[k]
    found = field(wide)
    value, up = found[:, 0], found[:, 1 : 1 + states]
    jacobian = (up - found[:, 1 + states :]) / (2 * step[None]) if central else (up - found[:, :1]) / step[None]
    return value, jacobian


def by_state(field: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """(p, constants, t, u, y) -> value [state] and Jacobian [state, by state], of one row; traced by JAX."""

    def pair(p: Any, constants: Any, t: Any, u: Any, y: Any) -> tuple[Any, Any]:
        by_y, value = get_jax().jacfwd(lambda x: (field(p, constants, t, u, x),) * 2, has_aux=True)(y)
        return value, by_y

    return pair


def by_state_and_parameters(field: Callable[..., Any]) -> Callable[..., tuple[Any, Any, Any]]:
    """(p, constants, t, u, y) -> value [state], Jacobian [state, by state] and [state, by number of p]; traced by JAX.

    Backwards: a pass through the networks for each state, not one for each of their weights.
    """

    def triple(p: Any, constants: Any, t: Any, u: Any, y: Any) -> tuple[Any, Any, Any]:
        def twice(p: Any, y: Any) -> tuple[Any, Any]:
            return (field(p, constants, t, u, y),) * 2

        (by_p, by_y), value = get_jax().jacrev(twice, argnums=(0, 1), has_aux=True)(p, y)
        return value, by_y, by_p

    return triple
