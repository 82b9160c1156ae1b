"""Clocks that are set back and forward when summer time ends and begins, where cells name no zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.times.calendar import DAY

HOUR = 3600.0
_CLOSE = 1.0
"""Seconds within which a step is the usual one and an hour."""
_APART = 100 * DAY


@dataclass(frozen=True, eq=False)
class Steady:
    """Times without the changes of the clock.

    Parameters
    ----------
    back, forward
        Local times (seconds since 1970-01-01) just before the clock was set.
    skipped
        Local times before a gap like that of a beginning summer time, which was left as it is.
    """

    seconds: Float[np.ndarray, " row"]
    back: tuple[float, ...] = ()
    forward: tuple[float, ...] = ()
    skipped: tuple[float, ...] = ()


def steady(seconds: Float[np.ndarray, " row"], zero: float) -> Steady:
    """Local times of one run, counted on where the clock was set back by an hour in the night to a Sunday.

    A clock that falls by an hour less a step, in the night to a Sunday of autumn, was set back. Where that is seen, an hour that
    is missing in the night to a Sunday of spring is where it was set forward. Without it, such a gap may be one of the
    measurements, and stays.

    Parameters
    ----------
    seconds
        In order of the rows, without gaps.
    zero
        Seconds from 1970-01-01 to their beginning.
    """
    steps = np.diff(seconds)
    usual = usual_step(steps)
    if usual is None or usual > HOUR:
        return Steady(seconds)

    def local(rows: np.ndarray) -> np.ndarray:
        return seconds[rows] + zero

    falls = np.flatnonzero(steps <= 0)
    back = falls[np.abs(steps[falls] - (usual - HOUR)) < _CLOSE]
    gaps = np.flatnonzero(np.abs(steps - (usual + HOUR)) < _CLOSE)
    # up to a step behind a row the clock went before it was set
    back = back[_night(local(back) + usual)]
    gaps = gaps[_night(local(gaps) + usual) & _begins(local(gaps) + usual)]
    if len(falls) == 0:
        return Steady(seconds, skipped=tuple(local(gaps).tolist()))
    if len(back) < len(falls) or np.any(np.diff(local(back)) < _APART):
        return Steady(seconds)
    change = np.zeros(len(seconds))
    change[back + 1] += HOUR
    change[gaps + 1] -= HOUR
    moved = seconds + np.cumsum(change)
    return Steady(moved, tuple(local(back).tolist()), tuple(local(gaps).tolist()))


def usual_step(steps: Float[np.ndarray, " step"]) -> float | None:
    """Median of the steps that go on; None without any."""
    if not len(steps):
        return None
    least, most = float(steps.min()), float(steps.max())
    if least == most and most > 0:  # the rule, and quicker than a median
        return most
    forward = steps if least > 0 else steps[steps > 0]
    return float(np.median(forward)) if len(forward) else None


def _night(local: np.ndarray) -> np.ndarray:
    """Whether it is about one to four o'clock on a Sunday."""
    hour = np.mod(local, DAY) / HOUR
    sunday = np.mod(np.floor(local / DAY) + 4, 7) == 0
    return sunday & (hour >= 0.99) & (hour <= 4.01)


def _begins(local: np.ndarray) -> np.ndarray:
    """Whether summer time begins in the month: March and April in the north, August to November in the south."""
    months = local.astype("int64").astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.isin(months, (3, 4, 8, 9, 10, 11))
