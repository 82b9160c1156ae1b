"""What happens to states at an event whose time depends on what is fitted, the same for NumPy and JAX.

The grid has a step of length 0 where the event is with the parameters at hand. With others it is a little earlier or later, by
delta: the states flow to it, jump, and flow back,

    y+ = flow(-delta) jump(flow(delta) y),        delta = tau(p) - t, or -g/(dg/dt) for a condition g = 0,

so that derivatives have the term of the moved time (the saltation matrix; di Bernardo et al. 2008, Piecewise-smooth Dynamical
Systems, section 2.5) without being written out, by differences as well as by automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.problem.dynamics import Clock, EventShape, Jump

DIFFERENCE = 1e-6
"""Step of the derivative of a condition in time, in units of 1 + |t|."""

Flow = Callable[[Any, Any, Any], Any]
"""(t, u, y) -> dy/dt"""


def happened(
    xp: Any,
    shape: EventShape,
    jump: Jump,
    clock: Clock | None,
    field: Flow,
    parameters: Sequence[Any],
    t: Any,
    u: Any,
    y: Any,
    given: Any,
    moment: Any,
    here: Any,
) -> Any:
    """States after an event.

    Parameters
    ----------
    here
        Where it happens at all; elsewhere the result means nothing, and is finite.
    """
    if clock is None:
        return jump(parameters, t, u, y, given)
    if shape.condition is None:
        delta = clock(parameters, t, u, y, moment, given) - t
    else:
        e, slope = DIFFERENCE * (1.0 + xp.abs(t)), field(t, u, y)
        ahead, behind = (clock(parameters, t + s * e, u, y + s * e * slope, moment, given) for s in (1.0, -1.0))
        rate = (ahead - behind) / (2.0 * e)
        delta = -clock(parameters, t, u, y, moment, given) / xp.where(here & (rate != 0), rate, 1.0)
    delta = xp.where(here, delta, 0.0)
    there = jump(parameters, t + delta, u, _flow(field, t, u, y, delta), given)
    return _flow(field, t + delta, u, there, -delta)


def _flow(field: Flow, t: Any, u: Any, y: Any, h: Any) -> Any:
    """One step of the classical Runge-Kutta method."""
    k1 = field(t, u, y)
    k2 = field(t + 0.5 * h, u, y + 0.5 * h * k1)
    k3 = field(t + 0.5 * h, u, y + 0.5 * h * k2)
    k4 = field(t + h, u, y + h * k3)
    return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
