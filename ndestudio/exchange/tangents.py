"""Derivatives of a model's slopes by states and constants, from formulas: no program is compiled for them.

Each rate and rule is differentiated by the names that stand in it. With B the partial derivatives, v the tangents of states and
constants, and q those of the rules, q = B_qv v + B_qq q, and the tangents of the slopes are B_fv v + B_fq q.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.exchange.machine import Machine
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.derivative import differentiate
from ndestudio.expression.tree import Expr, names


class Tangents:
    """Slopes of a ``Machine`` without networks, and how they move along directions."""

    def __init__(self, machine: Machine) -> None:
        rates = tuple(machine.rates.values())
        rules = machine.needed(rates)
        self._states, self._rules, width = len(machine.states), len(rules), len(machine.constants)
        columns = {name: self._states + k for name, k in machine.constants.items()}
        columns |= {name: k for k, name in enumerate(machine.states)}
        columns |= {name: self._states + width + k for k, name in enumerate(rules)}
        order = [*machine.states, "t", *machine.constants, *rules]
        slots: dict[str, int] = {}
        for k, name in enumerate(order):
            slots.setdefault(name, k)
        self._computed = compile_system([machine.rules[name] for name in rules], slots)
        self._slopes = compile_system(rates, slots)
        # rows are the rules, then the states
        partials: list[Expr] = []
        self._rows: list[int] = []
        self._columns: list[int] = []
        for row, expr in enumerate([*(machine.rules[name] for name in rules), *rates]):
            for name in names(expr):
                if name in columns:
                    self._rows.append(row)
                    self._columns.append(columns[name])
                    partials.append(differentiate(expr, name))
        self._partials = compile_system(partials, slots)
        self._shape = (self._rules + self._states, self._states + width + self._rules)
        self._chained = any(
            row < self._rules and column >= self._states + width
            for row, column in zip(self._rows, self._columns, strict=True)
        )

    def _matrices(self, t: float, y: Any, p: Sequence[float]) -> tuple[list[float], np.ndarray]:
        """Values of the slopes, and derivatives [state, state and constant]."""
        v = [*y.tolist(), t, *p]
        for one in self._computed:
            v.append(one(v))
        B = np.zeros(self._shape)
        B[self._rows, self._columns] = [one(v) for one in self._partials]
        known = self._shape[1] - self._rules
        whole = B[self._rules :, :known]
        if self._rules:
            inner = B[: self._rules, :known]
            if self._chained:
                inner = np.linalg.solve(np.eye(self._rules) - B[: self._rules, known:], inner)
            whole = whole + B[self._rules :, known:] @ inner
        return [one(v) for one in self._slopes], whole

    def flow(
        self,
        t: float,
        y: Float[np.ndarray, " state"],
        S: Float[np.ndarray, "direction state"],
        p: Sequence[float],
        dp: Any,
    ) -> Float[np.ndarray, "part state"]:
        """Slopes of states, then of each direction."""
        slopes, by = self._matrices(t, y, p)
        found = np.empty((1 + len(S), self._states))
        found[0] = slopes
        found[1:] = S @ by[:, : self._states].T + dp @ by[:, self._states :].T
        return found

    def jacobian(
        self, t: float, y: Float[np.ndarray, " state"], p: Sequence[float]
    ) -> Float[np.ndarray, "state state"]:
        """Derivatives of the slopes by the states."""
        return self._matrices(t, y, p)[1][:, : self._states]
