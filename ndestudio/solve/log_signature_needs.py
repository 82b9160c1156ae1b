"""Problems that steps of the log-ODE method can solve."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndestudio.problem.problem import Problem
from ndestudio.solve.log_signature import rates_of
from ndestudio.solve.tableau import Tableau

LINEAR = 1e-9


def refused_signature(problem: Problem, method: Tableau) -> str | None:
    """Why not, and what can; None if they can."""
    title, structure = f"`{method.name}`", problem.structure
    if structure.delays is not None:
        return f"{title} has no delays, and the equations read `{structure.delays.slots[0]}`; choose `auto`"
    if method.depth < 2:
        return None
    if structure.dynamics.events:
        return f"{title} solves without events, and the model has some; choose `log-ode-1` or `auto`"
    rates = rates_of(structure.inputs)
    for one in problem.dataset.trajectories:
        if tuple(sorted(one.rate_of)) != tuple(sorted(rates)):
            return (
                f"{title} takes inputs that are called as rates of change of others for these, and in trajectory `{one.name}` they are "
                "columns of their own; rename them"
            )
    crooked = _crooked(problem, [k for k, _ in rates])
    if crooked is not None:
        return (
            f"{title} needs equations in which rates of change are factors, and that of `{crooked[0]}` is not linear in "
            f"`{crooked[1]}` (its absolute value, its sign, a power of it, an argument of a network); choose `log-ode-1` or `auto`"
        )
    return None


def _crooked(problem: Problem, rates: list[int]) -> tuple[str, str] | None:
    """A state whose right-hand side is not linear in all rates together, and a rate."""
    if not rates:
        return None
    structure, generator = problem.structure, np.random.default_rng(0)
    functions: dict[str, Any] = {
        one.name: lambda *x: 0.7 + 0.1 * sum(np.tanh(part) for part in x) for one in structure.neural_terms
    }
    slope = structure.dynamics.drift(functions, np)
    count = 6
    draw = lambda n: generator.uniform(0.3, 1.7, (n, count))  # noqa: E731
    y, u, p, t = draw(len(structure.states)), draw(len(structure.inputs)), draw(len(structure.parameters)), draw(1)[0]
    for k in rates:
        values = []
        for rate in (-2.0, 1.0, 4.0):
            moved = u.copy()
            moved[k] = rate
            with np.errstate(all="ignore"):
                values.append(slope(list(p), t, moved, y))
        low, middle, high = values
        off = np.abs(low + high - 2.0 * middle) > LINEAR * (np.abs(low) + np.abs(high) + 1e-300)
        if off.any():
            return structure.states[int(np.argmax(off.any(axis=1)))], structure.inputs[k]
    return None
