"""States together with their derivatives along directions, by LSODA with a Jacobian of blocks.

The Jacobian of states and sensitivities has that of the states in each diagonal block, and Newton's iteration does with these
blocks alone (Maly and Petzold 1996, Numerical methods and software for sensitivity analysis of differential-algebraic systems,
Appl. Numer. Math. 20, 57): the band is as wide as the model, however many directions there are.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Accuracy:
    """Tolerances of the states, relative and absolute, and of their derivatives; and seconds that a solve may take."""

    rtol: float = 1e-8
    atol: float = 1e-12
    rtol_slopes: float = 1e-8
    atol_slopes: float = 1e-11
    seconds: float = 30.0


FINE, COARSE = Accuracy(), Accuracy(1e-7, 1e-10, 1e-4, 1e-7, 4.0)
"""For single evaluations, and for the many of a fit."""


class _Spent(Exception):
    pass


def integrate_sensitivities(
    flow: Callable[[float, Any, Any], Float[np.ndarray, "part state"]],
    jacobian: Callable[[float, Any], Float[np.ndarray, "state state"]],
    begin: float,
    times: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    S0: Float[np.ndarray, "direction state"],
    *,
    accuracy: Accuracy = FINE,
    breaks: Sequence[float] = (),
) -> tuple[Float[np.ndarray, "time part state"], str]:
    """States (part 0) and their derivatives (a part for each direction) at ``times``.

    Parameters
    ----------
    flow
        (t, y, S) -> slopes of the states, then those of the derivatives.
    jacobian
        (t, y) -> of the slopes by the states.
    begin, y0, S0
        Where it begins.
    times
        Not decreasing, from ``begin`` on.
    breaks
        Times at which slopes jump.

    Returns
    -------
    found
        NaN from where it failed on.
    sentence
        About that, "" if it did not.
    """
    parts, states = 1 + len(S0), len(y0)
    found = np.full((len(times), parts, states), np.nan)
    start = np.concatenate([np.asarray(y0, float)[None], np.asarray(S0, float).reshape(-1, states)])
    if not np.isfinite(start).all():
        return found, "the begin, or its derivative, is not a finite number"
    found[times <= begin] = start
    moving = times > begin
    if not moving.any() or states == 0:
        return found, ""
    deadline = time.monotonic() + accuracy.seconds
    calls = 0

    def slopes(y: np.ndarray, t: float) -> np.ndarray:
        nonlocal calls
        calls += 1
        if not calls & 63 and time.monotonic() > deadline:
            raise _Spent
        whole = y.reshape(parts, states)
        return flow(t, whole[0], whole[1:]).ravel()

    def banded(y: np.ndarray, t: float) -> np.ndarray:
        J = jacobian(t, y[:states])
        block = np.zeros((2 * states - 1, states))
        for j in range(states):
            for i in range(states):
                block[i - j + states - 1, j] = J[i, j]
        return np.tile(block, (1, parts))

    rows, sentence = _lsoda(
        slopes, banded, np.concatenate([[begin], times[moving]]), start.ravel(), states, accuracy, breaks
    )
    found[moving] = rows[1:].reshape(-1, parts, states)
    return found, sentence


def _lsoda(
    slopes: Callable[..., Any],
    banded: Callable[..., Any],
    times: Float[np.ndarray, " time"],
    start: Float[np.ndarray, " number"],
    states: int,
    accuracy: Accuracy,
    breaks: Sequence[float],
) -> tuple[Float[np.ndarray, "time number"], str]:
    from scipy.integrate import ODEintWarning, odeint

    inside = [one for one in breaks if times[0] < one < times[-1]]
    rows = np.full((len(times), len(start)), np.nan)
    rows[0] = start
    rtol, atol = np.full(len(start), accuracy.rtol_slopes), np.full(len(start), accuracy.atol_slopes)
    rtol[:states], atol[:states] = accuracy.rtol, accuracy.atol
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ODEintWarning)
            y, here = start, times[0]
            for until in [*inside, times[-1]]:
                asked = (times > here) & (times <= until)
                stretch = np.concatenate([[here], times[asked], [until]])
                whole, told = odeint(
                    slopes, y, stretch, Dfun=banded, ml=states - 1, mu=states - 1, rtol=rtol, atol=atol, full_output=True,
                    mxstep=100_000, tcrit=[until],
                )  # fmt: skip
                if told["message"] != "Integration successful." or not np.isfinite(whole).all():
                    return rows, f"the solver has no finite solution between t = {here:.6g} and {until:.6g}"
                rows[asked] = whole[1:-1]
                y, here = whole[-1], until
    except _Spent:
        return rows, "the time for this simulation is over"
    return rows, ""
