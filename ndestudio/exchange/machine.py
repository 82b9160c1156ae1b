"""A ``KineticModel`` as functions of numbers, for NumPy and JAX: slopes, rules, conditions and changes of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.exchange.kinetic import KineticModel, Trigger, ordered
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Call, Delay, Expr, Name, Number, names, walk

Functions = Callable[[Any], Mapping[str, Callable[..., Any]]]
"""Vector of constants -> functions that formulas call besides the known ones (networks)."""


class Machine:
    """What a simulation asks of a model.

    Parameters
    ----------
    names
        Constants in the order of the vector ``p``.
    rules
        Further quantities, which may read those of the model and be read by it.
    functions
        Of the constants; None: formulas call known functions only.

    Raises
    ------
    EquationError
        A name without a value, or values some time ago, which simulations of this kind do not have.
    """

    def __init__(
        self,
        model: KineticModel,
        constants: Sequence[str],
        rules: Mapping[str, Expr] | None = None,
        functions: Functions | None = None,
    ) -> None:
        self.model, self.states = model, model.states
        self.constants = {name: k for k, name in enumerate(constants)}
        self.rules = {**model.quantities, **(rules or {})}
        self.rates = dict(model.rates)
        self.functions = functions
        for name, expr in (*self.rates.items(), *self.rules.items()):
            if any(isinstance(node, Delay) for node in walk(expr)):
                raise EquationError(
                    f"`{name}` reads a value some time ago (`delay`), which problems of PEtab cannot have here"
                )
        order = ordered(self.rules, self.rules, "rules")
        self.rules = {name: self.rules[name] for name in order}
        self._needed: dict[tuple[Expr, ...], list[str]] = {}
        self._check()
        self._fast = self._closures(tuple(self.rates.values()))

    def _check(self) -> None:
        known = {*self.states, *self.constants, *self.rules, "t"}
        for what, expr in (*self.rates.items(), *self.rules.items()):
            for name in names(expr):
                if name not in known:
                    raise EquationError(f"`{what}` reads `{name}`, which neither the model nor the tables define")

    def needed(self, exprs: tuple[Expr, ...]) -> list[str]:
        """Rules that expressions read, in the order in which they are computed."""
        if exprs not in self._needed:
            read = {name for expr in exprs for name in names(expr) if name in self.rules}
            self._needed[exprs] = ordered(self.rules, sorted(read), "rules")
        return self._needed[exprs]

    def evaluate(
        self, exprs: Iterable[Expr], t: Any, y: Any, p: Any, xp: Any, more: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """Values of expressions; ``y`` [state, ...] and ``p`` [constant, ...] broadcast."""
        exprs = tuple(exprs)
        functions = self.functions(p) if self.functions is not None else {}
        values: dict[str, Any] = {name: p[k] for name, k in self.constants.items()}
        values |= {name: y[k] for k, name in enumerate(self.states)}
        values["t"] = t
        values |= more or {}
        for name in self.needed(exprs):
            values[name] = evaluate(self.rules[name], values, xp, functions)
        return [evaluate(expr, values, xp, functions) for expr in exprs]

    def slope(self, t: Any, y: Any, p: Any, xp: Any) -> Any:
        """dy/dt [state]."""
        found = self.evaluate(self.rates.values(), t, y, p, xp)
        if not found:
            return xp.zeros(0)
        return xp.stack([xp.asarray(one, dtype=float) for one in found])

    def _closures(
        self, exprs: tuple[Expr, ...]
    ) -> Callable[[float, Sequence[float], Sequence[float]], list[float]] | None:
        """Expressions as fast functions of floats; None where formulas call networks."""
        if self.functions is not None:
            return None
        rules = self.needed(exprs)
        order = [*self.states, "t", *self.constants, *rules]
        slots: dict[str, int] = {}
        for k, name in enumerate(order):
            slots.setdefault(name, k)
        computed = compile_system([self.rules[name] for name in rules], slots)
        wanted = compile_system(exprs, slots)

        def values(t: float, y: Sequence[float], p: Sequence[float]) -> list[float]:
            v = [*y, t, *p]
            for one in computed:
                v.append(one(v))
            return [one(v) for one in wanted]

        return values

    def field(self, p: np.ndarray) -> Callable[[float, Sequence[float]], list[float]]:
        """The slope as a function of time and a list of states, under constants."""
        fast, numbers = self._fast, p.tolist()
        if fast is not None:
            return lambda t, y: fast(t, y, numbers)
        compiled = self._jitted()
        return lambda t, y: compiled(t, np.asarray(y), p).tolist()

    def _jitted(self) -> Any:
        if not hasattr(self, "_program"):
            from ndestudio.solve.jax_backend import get_jax

            jax = get_jax()
            program = jax.jit(lambda t, y, p: self.slope(t, y, p, jax.numpy))
            self._program = lambda t, y, p: np.asarray(program(t, y, p))
        return self._program

    def holds(self, triggers: Sequence[Trigger], t: float, y: np.ndarray, p: np.ndarray) -> list[bool]:
        """Whether each condition is true."""
        indicators = tuple(Call("if", (one.condition, Number(1.0), Number(0.0))) for one in triggers)
        return [bool(float(one) > 0.5) for one in self.evaluate(indicators, t, y, p, np)]

    def changed(self, trigger: Trigger, t: Any, y: Any, p: Any, xp: Any) -> list[Any]:
        """New values of what an event changes."""
        return self.evaluate((value for _, value in trigger.changes), t, y, p, xp)

    def breaks(self, p: np.ndarray) -> list[float]:
        """Times at which right-hand sides may jump because they compare the time."""
        found = set()
        for expr in (*self.rates.values(), *self.rules.values()):
            for node in walk(expr):
                if isinstance(node, Call) and node.function in ("<", "<=", ">", ">="):
                    a, b = node.arguments
                    when = b if a == Name("t") else a if b == Name("t") else None
                    if when is not None and not any(
                        one in self.states or one == "t" or one in self.rules for one in names(when)
                    ):
                        found.add(float(self.evaluate((when,), 0.0, np.zeros(len(self.states)), p, np)[0]))
        return sorted(one for one in found if np.isfinite(one))
