"""Simulated values and noise of measurements row by row, for JAX: models with networks, and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndestudio.exchange.machine import Machine
from ndestudio.exchange.petab.likelihood import Groups

Given = Sequence[tuple[np.ndarray, np.ndarray]]


def measure(machine: Machine, groups: Groups, given: Given, t: np.ndarray) -> Callable[[Any, Any], tuple[Any, Any]]:
    """A function of states and constants [row, ...] that gives simulated values and noise [row].

    Parameters
    ----------
    given
        For each observable its placeholders: numbers, and places in the constants (-1: the number).
    t
        Time of each row.
    """
    from ndestudio.solve.jax_backend import get_jax

    jax = get_jax()
    jnp = jax.numpy

    def measured(Y: Any, P: Any) -> tuple[Any, Any]:
        simulated, noise = jnp.full(len(t), jnp.nan), jnp.full(len(t), jnp.nan)
        for (observable, rows), (numbers, places) in zip(groups, given, strict=True):

            def one(t: Any, y: Any, p: Any, number: Any, place: Any, observable: Any = observable) -> Any:
                held = jnp.where(place >= 0, p[jnp.maximum(place, 0)], number)
                more = {name: held[j] for j, name in enumerate(observable.placeholders)}
                (value,) = machine.evaluate((observable.formula,), t, y, p, jnp, more)
                more[observable.name] = value
                (sigma,) = machine.evaluate((observable.noise,), t, y, p, jnp, more)
                return jnp.asarray(value, dtype=float), jnp.asarray(sigma, dtype=float)

            value, sigma = jax.vmap(one)(t[rows], Y[rows], P[rows], numbers, places)
            simulated, noise = simulated.at[rows].set(value), noise.at[rows].set(sigma)
        return simulated, noise

    return measured


def compiled(machine: Machine, groups: Groups, given: Given, t: np.ndarray) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The same, compiled, from and to NumPy."""
    from ndestudio.solve.jax_backend import get_jax

    program = get_jax().jit(measure(machine, groups, given, t))

    def run(Y: Any, P: Any) -> tuple[Any, Any]:
        simulated, noise = program(Y, P)
        return np.array(simulated), np.array(noise)

    return run
