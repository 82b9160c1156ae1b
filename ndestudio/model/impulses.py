"""Equations whose inputs jump: a rate of change may only multiply what stands beside it, or its jump has no meaning."""

from __future__ import annotations

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Call, Expr, Name, calls, children, names
from ndestudio.model.system import System

FAST = 1e9
"""Rates at which the right-hand sides are looked at."""
LINEAR = 1e-6


def refuse_impulses(system: System, dataset: Dataset) -> None:
    """Refuse rates of change of jumping inputs in places where they are not a factor.

    Along a jump from u- to u+ the equation d(h)/dt = f + g(h, u)*d(u)/dt becomes dh = g(h, u) du, however steep it is. A square of
    the rate would grow without end, a root of it vanish, and a network knows no such rates.

    Raises
    ------
    EquationError
        Naming input, trajectory and time of the first jump.
    """
    for one in dataset.trajectories:
        for k, jumps in one.control.impulses.items():
            rate, of = dataset.input_names[k], dataset.input_names[dict(one.rate_of)[k]]
            inside = jumps[(jumps > one.t[0]) & (jumps <= one.t[-1])]
            if rate not in system.inputs or not len(inside):
                continue
            place = f"`{of}` jumps in trajectory `{one.name}` (at {inside[0]:g})"
            if system.delays or any(event.condition is not None for event in system.events):
                raise EquationError(
                    f"{place}, and d({of})/dt cannot jump in equations with delays or with events that wait for conditions; take "
                    f"`{of}` as `linear` or `hermite` in `interpolation`"
                )
            for state, rhs in zip(system.states, system.rhs, strict=True):
                _refuse(system, state, rhs, rate, of, place)


def _refuse(system: System, state: str, rhs: Expr, rate: str, of: str, place: str) -> None:
    if rate not in names(rhs):
        return
    for neural_term in system.neural_terms:
        for call in calls(rhs, (neural_term.name,)):
            if call.function == neural_term.name and any(_reads(argument, rate) for argument in call.arguments):
                raise EquationError(
                    f"{place}, where d({of})/dt has no value, and it is an argument of `{neural_term.name}`; multiply the network by it, "
                    f"`{neural_term.name}(...)*d({of})/dt`, or take `{of}` as `linear` or `hermite` in `interpolation`",
                    name=neural_term.name,
                )
    if not _is_factor(rhs, rate, {one.name for one in system.neural_terms}):
        raise EquationError(
            f"{place}, where d({of})/dt has no value, and the equation of `{state}` does not grow in proportion to it; only "
            f"a rate that is a factor (`g*d({of})/dt`, `b*abs(d({of})/dt)`) can jump. Take `{of}` as `linear` or `hermite` in "
            "`interpolation`, or write the equation so",
            name=state,
        )


def _reads(expr: Expr, rate: str) -> bool:
    """Whether the size of the rate matters, not its sign alone."""
    if isinstance(expr, Call) and expr.function == "sign":
        return False
    if isinstance(expr, Name):
        return expr.name == rate
    return any(_reads(one, rate) for one in children(expr))


def _is_factor(rhs: Expr, rate: str, networks: set[str]) -> bool:
    """Whether a formula grows in proportion to a rate where that is very fast, at some points."""
    generator = np.random.default_rng(0)
    others = [name for name in names(rhs) if name != rate]
    functions = {name: lambda *x: 0.7 + 0.1 * sum(np.tanh(one) for one in x) for name in networks}
    for _ in range(3):
        values = {name: generator.uniform(0.5, 1.5) for name in others}
        for fast in (FAST, -FAST):
            with np.errstate(all="ignore"):
                once, twice = (float(evaluate(rhs, {**values, rate: n * fast}, np, functions)) for n in (1.0, 2.0))
            if not np.isfinite(twice) or abs(twice - 2.0 * once) > LINEAR * abs(twice) + 1e3:
                return False
    return True
