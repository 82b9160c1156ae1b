"""Solutions and their derivatives by compiled programs, for conditions outside of a fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndestudio.problem.conditions import Condition
from ndestudio.problem.problem import Problem
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.base import Linearisation, Method
from ndestudio.solve.compiled import CACHE
from ndestudio.solve.delays import grid_breaks
from ndestudio.solve.event_times import happening_in
from ndestudio.solve.jax_backend import device, get_jax
from ndestudio.solve.jax_fixed import carried, knots_of, make_functions, simulated
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Grid, make_grid

EXACT = (1e-9, 1e-11)
"""Relative and absolute tolerance of adaptive solutions that no fit is made through."""


def sensitivity_program(structure: ProblemStructure, method: Method) -> Callable[..., Any]:
    """(theta, constants, y0, grid) -> states at the samples and their derivatives by theta and by y0. To be compiled."""
    jax = get_jax()
    jnp, f, size, states = jax.numpy, make_functions(structure), structure.size, len(structure.states)

    def traced(theta: Any, y0: Any, constants: Any, row: Any) -> Any:
        assert not isinstance(method, Tableau)
        t, paths, knots = row
        y = method.states_at(f.field, f.known, f.physical(theta, constants), constants, t, paths, knots, y0)
        return y, y

    def run(theta: Any, constants: Any, y0: Any, grid: Grid) -> Any:
        if not isinstance(method, Tableau):
            rows = (grid.sample_t, grid.paths, knots_of(grid))
            derivative = jax.jacfwd(traced, argnums=(0, 1), has_aux=True)
            (by_theta, by_initial), y = jax.vmap(derivative, (None, 0, None, 0))(theta, y0, constants, rows)
            return y, by_theta, by_initial
        phi, rate = jax.jvp(lambda z: f.physical(z, constants), (theta,), (jnp.ones_like(theta),))
        S0 = jnp.broadcast_to(jnp.eye(states, size + states, size), (len(y0), states, size + states))
        _, (y, S) = carried(f, method, size, phi, constants, grid, y0, S0)
        return y, S[..., :size] * rate, S[..., size:]

    return run


def solution_program(structure: ProblemStructure, method: Method) -> Callable[..., Any]:
    """(theta, constants, y0, grid) -> states at the samples. To be compiled."""
    jax, f = get_jax(), make_functions(structure)
    return lambda theta, constants, y0, grid: simulated(
        f, jax, method, f.physical(theta, constants), constants, grid, y0
    )[1]


def solutions(
    problem: Problem, method: Method, tableau: Tableau, steps: int, theta: Any, conditions: Sequence[Condition]
) -> list[Any]:
    """States at the times of each condition, by a compiled program."""
    (y,) = _run("solution", solution_program, problem, method, tableau, steps, theta, conditions)
    return [y[k, : len(one.t)] for k, one in enumerate(conditions)]


def linearisations(
    problem: Problem, method: Method, tableau: Tableau, steps: int, theta: Any, conditions: Sequence[Condition]
) -> list[Linearisation]:
    """States at the times of each condition with their derivatives, by a compiled program."""
    parts = _run("sensitivity", sensitivity_program, problem, method, tableau, steps, theta, conditions)
    return [Linearisation(*(part[k, : len(one.t)] for part in parts)) for k, one in enumerate(conditions)]


def _run(
    kind: str,
    program: Callable[..., Any],
    problem: Problem,
    method: Method,
    tableau: Tableau,
    steps: int,
    theta: Any,
    conditions: Sequence[Condition],
) -> tuple[np.ndarray, ...]:
    numbers = problem.numbers._replace(tolerance=np.array(EXACT))
    y0 = np.stack([one.initial for one in conditions])
    theta = np.asarray(theta, dtype=float)
    model = problem.space.fitted(theta, {})
    breaks = grid_breaks(problem, tableau, model, conditions)
    own = not isinstance(method, Tableau)
    grid = make_grid(conditions, steps, tableau, breaks=breaks, events=happening_in(model, conditions), paths=own)
    arguments = (theta, numbers, y0, grid)
    structure = problem.structure
    made = CACHE.get((kind, structure, method), lambda: program(structure, method), arguments, device("cpu")[0])
    found = made.result()[0](*arguments)
    return tuple(np.asarray(part) for part in (found if isinstance(found, tuple) else (found,)))
