"""Many paths at once over given increments: a loop in NumPy, or one program of JAX."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.problem.dynamics import Dynamics
from ndestudio.problem.expressions import Functions
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.stochastic.brownian import Increments
from ndestudio.solve.stochastic.methods import StochasticMethod


def march(
    method: StochasticMethod,
    dynamics: Dynamics,
    functions: Functions,
    parameters: Float[np.ndarray, " parameter"],
    t: Float[np.ndarray, " step"],
    u: Float[np.ndarray, "step_and_one input"],
    y: Float[np.ndarray, "state path"],
    steps: Increments,
    every: int,
) -> Float[np.ndarray, "sample state path"]:
    """States after each ``every`` steps, the start first; not finite from where a path leaves what the equations know.

    Parameters
    ----------
    t
        Begin of each step.
    u
        Inputs at the begin of each step, and at the end of the last; straight lines between.
    """
    drift, spread = dynamics.drift(functions, np), dynamics.diffusion(functions, np)
    assert spread is not None
    out = np.empty((len(t) // every + 1, *y.shape))
    out[0] = y
    with np.errstate(all="ignore"):
        at = _Inputs(parameters, u, 0, t[0], steps.h[0])
        carried = method.begin(at.of(drift), at.of(spread), t[0], y)
        for k in range(len(t)):
            at = _Inputs(parameters, u, k, t[k], steps.h[k])
            y, carried = method.step(
                at.of(drift), at.of(spread), t[k], steps.h[k], y, steps.w[k], steps.area[k], carried, np
            )
            if (k + 1) % every == 0:
                out[(k + 1) // every] = y
    return out


class _Inputs:
    """Fields with the inputs of a step put in."""

    def __init__(self, parameters: Any, u: Any, k: int, t: float, h: float) -> None:
        self.parameters, self.u, self.k, self.t, self.h = parameters, u, k, t, h

    def of(self, field: Any) -> Any:
        if not self.u.shape[1]:
            none = self.u[0][:, None]
            return lambda t, y: field(self.parameters, t, none, y)

        def driven(t: Any, y: Any) -> Any:
            part = (t - self.t) / self.h
            u = self.u[self.k] + part * (self.u[self.k + 1] - self.u[self.k])
            return field(self.parameters, t, u[:, None], y)

        return driven


def march_jax(
    method: StochasticMethod,
    dynamics: Dynamics,
    networks: Any,
    parameters: Float[np.ndarray, " parameter"],
    t: Float[np.ndarray, " step"],
    u: Float[np.ndarray, "step_and_one input"],
    y: Float[np.ndarray, "state path"],
    steps: Increments,
    every: int,
) -> Float[np.ndarray, "sample state path"]:
    """Like ``march``, as one program; the first call for equations and shapes compiles it.

    Parameters
    ----------
    networks
        (weights of each network, scales of each network), as ``neural_functions`` takes them.
    """
    program = _program(method, dynamics, every)
    found = program(parameters, networks, t, u, y, steps.h, steps.w, steps.area)
    return np.asarray(found)


@lru_cache(maxsize=64)
def _program(method: StochasticMethod, dynamics: Dynamics, every: int) -> Any:
    jax = get_jax()
    return jax.jit(traced_paths(method, dynamics, every))


def traced_paths(method: StochasticMethod, dynamics: Dynamics, every: int) -> Any:
    """The function of ``march_jax``, which can be differentiated by parameters, weights and starts."""
    jax = get_jax()
    import jax.numpy as jnp

    from ndestudio.problem.dynamics import neural_functions

    def paths(parameters: Any, networks: Any, t: Any, u: Any, y: Any, h: Any, w: Any, area: Any) -> Any:
        weights, scales = networks
        functions = neural_functions(dynamics.neural_terms, weights, scales, jnp)
        drift, spread = dynamics.drift(functions, jnp), dynamics.diffusion(functions, jnp)
        assert spread is not None

        def fields(begin: Any, length: Any, first: Any, last: Any) -> Any:
            def at(time: Any) -> Any:
                return (first + (time - begin) / length * (last - first))[:, None]

            return (
                lambda time, y: drift(parameters, time, at(time), y),
                lambda time, y: spread(parameters, time, at(time), y),
            )

        def one(state: Any, item: Any) -> Any:
            y, carried = state
            begin, length, first, last, dw, da = item
            a, b = fields(begin, length, first, last)
            return method.step(a, b, begin, length, y, dw, da, carried, jnp), None

        def some(state: Any, items: Any) -> Any:
            state, _ = jax.lax.scan(one, state, items)
            return state, state[0]

        a, b = fields(t[0], h[0], u[0], u[1])
        items = (t, h, u[:-1], u[1:], w, area)
        grouped = jax.tree.map(lambda x: x.reshape(x.shape[0] // every, every, *x.shape[1:]), items)
        _, found = jax.lax.scan(some, (y, method.begin(a, b, t[0], y)), grouped)
        return jnp.concatenate([y[None], found])

    return paths
