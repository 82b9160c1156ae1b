"""A system of the discovery benchmark: laws with constants, starts, and where it was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from ndestudio.expression import Expr, compile_system, parse_expression

States = Float[np.ndarray, "time state"]
Inputs = Float[np.ndarray, "time input"]


@dataclass(frozen=True)
class DiscoverySystem:
    """A system that is to be found from its trajectories.

    Parameters
    ----------
    group
        Field it comes from; sets the operators that engines are given (`benchmarks.symbolic.problem.OPERATORS`).
    source
        Where it was published.
    span
        Length of a trajectory, ten characteristic times.
    laws
        State -> right-hand side with numbers in it, of states, inputs and `t`.
    starts
        Values of the states, in the order of ``laws``; the first two, or all four, are simulated.
    inputs
        Name -> `"steps"` or `"wave"`, of size 1 around 0, drawn for each trajectory.
    decades
        Samples lie evenly in the logarithm of time, over so many decades; 0: evenly in time.
    """

    name: str
    group: str
    source: str
    span: float
    laws: Mapping[str, str]
    starts: tuple[tuple[float, ...], ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    decades: float = 0.0

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.laws)

    @property
    def expressions(self) -> dict[str, Expr]:
        return {state: parse_expression(text) for state, text in self.laws.items()}

    @property
    def arguments(self) -> tuple[str, ...]:
        """What an unknown right-hand side depends on: all states and inputs, and the time where a law has it."""
        from ndestudio.expression.tree import names

        timed = any("t" in names(law) for law in self.expressions.values())
        return (*self.states, *self.inputs, *(("t",) if timed else ()))

    def times(self, points: int) -> Float[np.ndarray, " time"]:
        """Sample times of a trajectory."""
        if self.decades:
            return np.concatenate([[0.0], self.span * np.logspace(-self.decades, 0.0, points - 1)])
        return np.linspace(0.0, self.span, points)

    def solve(self, t: Float[np.ndarray, " time"], start: Float[np.ndarray, " state"], u: Inputs) -> States:
        """True states at ``t`` from ``start`` under inputs ``u`` (linear between rows); rows end where it runs away."""
        slots = {name: k for k, name in enumerate(("t", *self.states, *self.inputs))}
        functions = compile_system(tuple(self.expressions.values()), slots)

        def slope(time: float, y: np.ndarray) -> list[float]:
            values = [time, *y, *[np.interp(time, t, u[:, k]) for k in range(u.shape[1])]]
            return [f(values) for f in functions]

        longest = float(np.diff(t).max()) if u.shape[1] else np.inf
        size = np.maximum(np.max(np.abs(np.array(self.starts)), axis=0), 1e-3)
        solved = solve_ivp(
            slope, (t[0], t[-1]), start, t_eval=t, method="LSODA", rtol=1e-9, atol=1e-9 * size, max_step=longest
        )
        return solved.y.T
