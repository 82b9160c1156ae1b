"""Times that were written as dates: counted in a unit that suits their steps, from a beginning that suits their trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ndestudio.data.assemble import Rows

UNITS: Mapping[str, tuple[float, str]] = {
    "s": (86_400.0, "seconds"),
    "min": (1_440.0, "minutes"),
    "h": (24.0, "hours"),
    "d": (1.0, "days"),
}
"""Unit -> (how many of it make a day, its name), shortest first."""

_APART = 10.0
"""Trajectories whose beginnings lie so many of their lengths apart have each a time of their own."""


def counted(sources: list[Rows], label: str, unit: str = "") -> tuple[list[Rows], str, str]:
    """Sources whose times are days since 1970-01-01, counted from their beginning.

    Parameters
    ----------
    unit
        One of ``UNITS``; anything else leaves the choice to the steps between rows: the longest unit that is no longer
        than the median step.

    Returns
    -------
    tuple[list[Rows], str, str]
        The sources, the unit, and a note for the person.
    """
    pieces = [source.t[rows] for source in sources for rows in _trajectories(source)]
    pieces = [piece for piece in pieces if len(piece)]
    unit = unit if unit in UNITS else _unit(pieces)
    per_day, words = UNITS[unit]
    if _far_apart(pieces):
        note = f"`{label}` holds dates; the time of each trajectory is counted in {words} since its first row."
        return [replace(source, t=_in_unit(_from_own_begin(source), per_day)) for source in sources], unit, note
    first = min((float(piece.min()) for piece in pieces), default=0.0)
    begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=first)
    note = f"`{label}` holds dates; the time is counted in {words} since {begin:%Y-%m-%d %H:%M:%S}."
    return [replace(source, t=_in_unit(source.t - first, per_day)) for source in sources], unit, note


def _trajectories(source: Rows) -> Iterator[np.ndarray]:
    """Rows with a time, by trajectory."""
    known = np.isfinite(source.t)
    if source.group is None:
        yield np.flatnonzero(known)
        return
    names = source.group.astype(str)
    for name in np.unique(names):
        yield np.flatnonzero(known & (names == name))


def _unit(pieces: list[Float[np.ndarray, " row"]]) -> str:
    steps = np.concatenate([np.diff(np.sort(piece)) for piece in pieces] or [np.zeros(0)])
    steps = steps[steps > 0]
    if not len(steps):
        return "d"
    step = float(np.median(steps)) * (1 + 1e-9)
    return next((unit for unit, (per_day, _) in reversed(tuple(UNITS.items())) if step * per_day >= 1.0), "s")


def _far_apart(pieces: list[Float[np.ndarray, " row"]]) -> bool:
    if len(pieces) < 2:
        return False
    spans = sorted((float(piece.min()), float(piece.max())) for piece in pieces)
    apart = all(after[0] > before[1] for before, after in pairwise(spans))
    return apart and spans[-1][0] - spans[0][0] > _APART * max(end - begin for begin, end in spans)


def _from_own_begin(source: Rows) -> Float[np.ndarray, " row"]:
    t = source.t.copy()
    for rows in _trajectories(source):
        t[rows] -= t[rows].min() if len(rows) else 0.0
    return t


def _in_unit(days: Float[np.ndarray, " row"], per_day: float) -> Float[np.ndarray, " row"]:
    """In the unit, without the digits beyond a microsecond that days since 1970 do not hold."""
    return np.round(days * 86_400.0, 6) * (per_day / 86_400.0)
