"""Where trajectories begin: initial values that are measured, estimated, shared by all trajectories, or given by formulas.

Which of these holds for a state of a trajectory is data, not structure: estimating an initial value compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from ndestudio.expression.tree import Expr
from ndestudio.problem.bijection import Bijection
from ndestudio.problem.dynamics import Dynamics
from ndestudio.problem.expressions import Functions, bind
from ndestudio.problem.periodic import Regimens

GIVEN, FREE, SHARED, FORMULA = 0, 1, 2, 3
"""Modes: a number that is not trained; one trained for each trajectory; one trained for all; an expression."""


class Start(NamedTuple):
    """Where the initial values of rows come from; a pytree of arrays.

    Parameters
    ----------
    mode
        ``GIVEN``, ``FREE``, ``SHARED`` or ``FORMULA`` for each state.
    given
        The value when given.
    lower, upper, code, scale
        Bijection of the free ones.
    first
        Measured columns and inputs at the trajectory's first row, for formulas;.
    t
        Its first time.
    settles
        1 where a row begins at the steady state that is reached from these values, else 0.
    under
        Inputs under which it settles.
    regimens
        Numbers of the doses that have been repeated for ever, see ``periodic.regimen_numbers``.
    """

    mode: Int[np.ndarray, "*row state"]
    given: Float[np.ndarray, "*row state"]
    lower: Float[np.ndarray, "*row state"]
    upper: Float[np.ndarray, "*row state"]
    code: Int[np.ndarray, "*row state"]
    scale: Float[np.ndarray, "*row state"]
    first: Float[np.ndarray, "*row column"]
    t: Float[np.ndarray, "*row"]
    settles: Int[np.ndarray, "*row"]
    under: Float[np.ndarray, "*row input"]
    regimens: Float[np.ndarray, "*row slot number"]


Starts = Callable[[Sequence[Any], Any, Any, Start], Any]
"""(parameters, shared [state, ...], free [..., state], start) -> y0 [state, ...]."""


class InitialCondition(Protocol):
    """A map from what is trained and what was measured to the states at the begin; hashable."""

    def function(self, dynamics: Dynamics, functions: Functions, xp: Any) -> Starts:
        """The map, prepared once for many calls."""
        ...


@dataclass(frozen=True)
class FirstValues:
    """Initial values by state: given, free, shared, or an expression of first measurements; an ``InitialCondition``.

    Parameters
    ----------
    expressions
        Of each state, None where there is none.
    columns
        Measured columns and inputs they may read.
    settle
        Whether some rows settle before they begin.
    regimens
        Doses that have been repeated for ever; None where there are none.
    """

    expressions: tuple[Expr | None, ...]
    columns: tuple[str, ...]
    settle: bool = False
    regimens: Regimens | None = None

    def function(self, dynamics: Dynamics, functions: Functions, xp: Any) -> Starts:
        bound = bind(self.expressions, (*self.columns, *dynamics.parameters, "t"), functions, xp)

        def starts(parameters: Sequence[Any], shared: Any, free: Any, start: Start) -> Any:
            y0 = start.given
            if xp is not np or (start.mode == FREE).any():
                mapping = Bijection(start.code, start.lower, start.upper, start.scale, start.given)
                y0 = xp.where(start.mode == FREE, mapping.forward(free, xp), y0)
            y0 = xp.broadcast_to(y0, free.shape)
            v = [*xp.moveaxis(start.first, -1, 0), *parameters, start.t]
            found = []
            for k, formula in enumerate(bound):
                value = xp.where(start.mode[..., k] == SHARED, shared[k], y0[..., k])
                if formula is not None:
                    value = xp.where(start.mode[..., k] == FORMULA, formula(v), value)
                found.append(xp.broadcast_to(value, y0.shape[:-1]))
            return xp.stack(found)

        return starts
