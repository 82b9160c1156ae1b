"""Rates of change of inputs over steps that lead across several pieces of their paths.

A path that is sampled more finely than the states move needs no step for each sample, but its slope at single times within a
step is not what drives the states: its integral is. So stages of such a step read the quadratic that has the integral and the
first two moments of the slope over the step (its projection on Legendre polynomials), and the path that has this slope and the
same ends. The states then miss the product of what is left of the slope and what a quadratic leaves of g(h, u) only; neither depends
on how many samples lie on a piece.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath, Piecewise


def with_mean_slopes(
    control: ControlPath,
    u: Float[np.ndarray, "step stage input"],
    begin: Float[np.ndarray, " step"],
    h: Float[np.ndarray, " step"],
    c: Float[np.ndarray, " stage"],
) -> Float[np.ndarray, "step stage input"]:
    """Inputs at the stages of steps, those whose rates are read and their rates in place of their values at single times.

    Parameters
    ----------
    u
        Values at the stages, which stay where a step lies within one piece.
    begin, h, c
        Times and lengths of the steps, and the places of the stages in them.
    """
    found = u
    for k, j in control.rate_of:
        pieces = control.pieces[j]
        if pieces is None:
            continue
        breaks, end = pieces.function.breaks, begin + h
        across = np.searchsorted(breaks, end, "left") > np.searchsorted(breaks, begin, "right")
        if across.any():
            found = u.copy() if found is u else found
            value, slope = _quadratic(pieces.function, begin[across], h[across], c)
            found[across, :, j], found[across, :, k] = value, slope
    return found


def _quadratic(
    path: Piecewise, begin: Float[np.ndarray, " step"], h: Float[np.ndarray, " step"], c: Float[np.ndarray, " stage"]
) -> tuple[Float[np.ndarray, "step stage"], Float[np.ndarray, "step stage"]]:
    """The path with the projected slope, and that slope, at the stages."""
    first, change, mean, moment = moments(path, begin, h)
    m0, m1, m2 = change, change - mean, change - 2.0 * moment
    c0, c1, c2 = (part[:, None] for part in (m0, 3.0 * (2.0 * m1 - m0), 5.0 * (6.0 * m2 - 6.0 * m1 + m0)))
    value = first[:, None] + c0 * c + c1 * (c**2 - c) + c2 * (2.0 * c**3 - 3.0 * c**2 + c)
    return value, (c0 + c1 * (2.0 * c - 1.0) + c2 * (6.0 * c**2 - 6.0 * c + 1.0)) / h[:, None]


def moments(
    path: Piecewise, begin: Float[np.ndarray, " step"], h: Float[np.ndarray, " step"]
) -> tuple[np.ndarray, ...]:
    """The value at the begin of each step, how far it goes, and the integrals of 1 and x times (value - value at the begin), x
    running from 0 to 1 over the step."""
    end = begin + h
    first, last = path.at(begin), path.at(end, left=True)
    (area0, turn0), (area1, turn1) = (_integrals(path, at) for at in (begin, end))
    away = begin - path.breaks[0]
    mean = (area1 - area0) / h
    moment = (turn1 - turn0 - away * (area1 - area0)) / h**2
    return first, last - first, mean - first, moment - 0.5 * first


def _integrals(path: Piecewise, t: Float[np.ndarray, " time"]) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of the value, and of the time since the first break times the value, from the first break to ``t``."""
    breaks, c = path
    begin = breaks - breaks[0]

    def of_piece(k: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, q, r = c[k].T
        area = s * (a + s * (b / 2 + s * (q / 3 + s * r / 4)))
        turn = s**2 * (a / 2 + s * (b / 3 + s * (q / 4 + s * r / 5)))
        return area, turn + begin[k] * area

    places = np.arange(len(breaks) - 1)
    whole = [np.append(0.0, np.cumsum(part)) for part in of_piece(places, np.diff(breaks))]
    k = np.clip(np.searchsorted(breaks, t, side="right") - 1, 0, len(breaks) - 1)
    s = t - breaks[k]
    ahead = s < 0  # before the first break the value stays
    parts = [np.where(ahead, c[0, 0] * s**n / n, part) for n, part in enumerate(of_piece(k, s), 1)]
    return whole[0][k] + parts[0], whole[1][k] + parts[1]
