"""What of the states is measured, and how a prediction is compared with a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.expression.tree import Call, Expr, Name, walk
from ndestudio.problem.dynamics import Dynamics, Field
from ndestudio.problem.expressions import Functions, bind


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
        bound = bind(self.expressions, names, functions, xp)

        def observe(parameters: Any, t: Any, u: Any, y: Any) -> Any:
            v = [*y, *u, *parameters, t]
            if xp is not np:
                seen = [0.0 * t if function is None else function(v) for function in bound]
                return xp.stack([xp.asarray(value, dtype=y.dtype) for value in seen])
            out = np.full((len(bound), *y.shape[1:]), np.nan)
            for k, function in enumerate(bound):
                if function is not None:
                    out[k] = function(v)
            return out

        return observe

    def reads_parameters(self, dynamics: Dynamics) -> bool:
        """Whether a column depends on parameters or neural terms other than through the states."""
        trained = {*dynamics.parameters, *(neural_term.name for neural_term in dynamics.neural_terms)}
        nodes = [node for expr in self.expressions if expr is not None for node in walk(expr)]
        return any(
            (isinstance(node, Name) and node.name in trained) or (isinstance(node, Call) and node.function in trained)
            for node in nodes
        )
