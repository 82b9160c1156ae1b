"""The one Runge-Kutta step: explicit or diagonally implicit, in NumPy or JAX, of states or of states with their sensitivities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndestudio.solve.tableau import Tableau

Stage = Callable[[int, Any, Any], Any]
"""(number of the stage, y + h sum_j a_ij k_j, a guess of the slope) -> slope k_i."""
Advance = Callable[[Any, Any, Sequence[float], Sequence[Any]], Any]
"""(y, h, weights, slopes) -> y + h sum_j weight_j k_j."""


def advanced(y: Any, h: Any, weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    """y + h sum_j weight_j k_j for arrays whose last axes are those of ``h``."""
    for weight, k in zip(weights, slopes, strict=True):
        if weight:
            y = y + (weight * h) * k
    return y


def step(
    method: Tableau, stage: Stage, y: Any, h: Any, guess: Any = None, advance: Advance = advanced
) -> tuple[Any, list[Any]]:
    """One step of length ``h``.

    Parameters
    ----------
    stage
        Evaluates the field at an explicit stage; solves k = f(t + c h, base + h gamma k) at an implicit one.
    y
        An array or, with an ``advance`` that knows it, a tree of arrays.
    guess
        Slope to begin the first implicit stage with; the others begin with the slope of the stage before.

    Returns
    -------
    y : as ``y``
        At the end of the step. The implicit methods are stiffly accurate: the state of the last stage, which keeps its digits
        where slopes are huge (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, section IV.8).
    slopes : list
        Of the stages.
    """
    slopes: list[Any] = []
    base = y
    for i, row in enumerate(method.a):
        base = advance(y, h, row, slopes)
        slopes.append(stage(i, base, slopes[-1] if slopes else guess))
    if method.implicit:
        return advance(base, h, (method.gamma,), slopes[-1:]), slopes
    return advance(y, h, method.b, slopes), slopes
