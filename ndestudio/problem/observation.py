"""What of the states is measured, and how a prediction is compared with a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.expression.tree import Call, Expr, Name, walk
from ndestudio.expression.tree import names as names_in
from ndestudio.problem.dynamics import Dynamics, Field, roots_of
from ndestudio.problem.expressions import Functions, bind
from ndestudio.problem.neural_groups import bind_all


@dataclass(frozen=True)
class Observation:
    """The model's counterpart of each measured column, None for a column without one; hashable."""

    measured: tuple[str, ...]
    expressions: tuple[Expr | None, ...]

    def function(self, dynamics: Dynamics, functions: Functions, xp: Any) -> Field:
        """Predicted columns [measured, ...] from parameters, time, inputs and states.

        A column without counterpart is NaN in NumPy; in JAX it is 0, since the derivative of NaN would reach the others.
        """
        names = (*dynamics.states, *dynamics.inputs, *dynamics.parameters, "t")
        algebraic = getattr(dynamics, "algebraic", ()) if self._reads(dynamics) else ()
        roots = roots_of(algebraic, names, functions, xp)
        whole = (*names, *(one.name for one in algebraic))
        bound = bind(self.expressions, whole, functions, xp) if xp is np else []
        together = None if xp is np else bind_all(self.expressions, whole, functions, xp)

        def observe(parameters: Any, t: Any, u: Any, y: Any) -> Any:
            v = [*y, *u, *parameters, t]
            v += roots(v)
            if together is not None:
                seen = [0.0 * t if value is None else value for value in together(v)]
                return xp.stack([xp.asarray(value, dtype=y.dtype) for value in seen])
            out = np.full((len(bound), *y.shape[1:]), np.nan)
            for k, function in enumerate(bound):
                if function is not None:
                    out[k] = function(v)
            return out

        return observe

    def _reads(self, dynamics: Dynamics) -> bool:
        """Whether a column depends on what algebraic equations give."""
        unknowns = {one.name for one in getattr(dynamics, "algebraic", ())}
        return any(expr is not None and unknowns & set(names_in(expr)) for expr in self.expressions)

    def reads_parameters(self, dynamics: Dynamics) -> bool:
        """Whether a column depends on parameters or neural terms other than through the states."""
        if self._reads(dynamics):
            return True
        trained = {*dynamics.parameters, *(neural_term.name for neural_term in dynamics.neural_terms)}
        nodes = [node for expr in self.expressions if expr is not None for node in walk(expr)]
        return any(
            (isinstance(node, Name) and node.name in trained) or (isinstance(node, Call) and node.function in trained)
            for node in nodes
        )
