"""Times that were written as dates or clocks: counted in a unit that suits their steps, from a beginning that suits their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ndestudio.data.assemble import Rows
from ndestudio.data.dataset import TimeReading
from ndestudio.data.times.calendar import DAY, MICRO
from ndestudio.data.times.clock import Clock, as_moment
from ndestudio.data.times.summer import steady, usual_step
from ndestudio.data.times.words import part_of_clock

UNITS: Mapping[str, tuple[float, str]] = {
    "s": (1.0, "seconds"),
    "min": (60.0, "minutes"),
    "h": (3600.0, "hours"),
    "d": (86_400.0, "days"),
}
"""Unit -> (its seconds, its name), shortest first."""

_OTHER: Mapping[str, tuple[float, str]] = {
    "ns": (1e-9, "nanoseconds"), "us": (1e-6, "microseconds"), "ms": (1e-3, "milliseconds"), "week": (604_800.0, "weeks"),
}  # fmt: skip
_SPELLED: Mapping[str, str] = {
    "sec": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "mins": "min", "hour": "h", "hours": "h",
    "hr": "h", "hrs": "h", "day": "d", "days": "d", "weeks": "week", "wk": "week", "µs": "us", "μs": "us",
}  # fmt: skip
_APART = 10.0
"""Trajectories whose beginnings lie so many of their lengths apart have each a time of their own."""


@dataclass(frozen=True, eq=False)
class Counted:
    """Sources whose times are numbers in one unit, and how that came about.

    Parameters
    ----------
    notes
        Sentences for the person.
    """

    sources: list[Rows]
    reading: TimeReading
    notes: tuple[str, ...]


def counted(sources: Sequence[Rows], clock: Clock) -> Counted:
    """Times counted in a unit from a beginning.

    Parameters
    ----------
    sources
        Their times as ``Clock.seconds`` gives them.
    clock
        Its unit, if it is one of time, is kept; else the longest is taken that is no longer than the mean step.
    """
    if clock.plain:
        return _as_they_stand(list(sources), clock)
    notes: list[str] = []
    given = list(sources)
    if clock.moment and not clock.zoned:
        given, said = _without_summer_time(given, clock)
        notes += said
    if not clock.moment:
        given, passed = _past_midnight(given)
        if passed:
            notes.append(f"`{clock.label}` passes midnight; the days were counted on.")
    pieces = [piece for source in given for rows in _trajectories(source) if len(piece := source.t[rows])]
    asked = _SPELLED.get(clock.unit.strip().lower(), clock.unit.strip())
    unit = asked if asked in UNITS or asked in _OTHER else _unit(pieces)
    scale, words = UNITS[unit] if unit in UNITS else _OTHER[unit]
    if not clock.moment:
        since = "0:00" if all(part.form for part in clock.parts) else "0"
        notes.insert(0, f"`{clock.label}` holds clocks or durations; the time is counted in {words} since {since}.")
        shifted = [replace(source, t=_in_unit(source.t, scale)) for source in given]
        origin = ""
    elif _far_apart(pieces):
        notes.insert(
            0, f"`{clock.label}` holds dates; the time of each trajectory is counted in {words} since its first row."
        )
        shifted = [replace(source, t=_in_unit(_from_own_begin(source), scale)) for source in given]
        origin = "the first row of each trajectory"
    else:
        first = min((float(piece.min()) for piece in pieces), default=0.0)
        origin = as_moment(round(first * MICRO) + clock.zero) + (" UTC" if clock.zoned else "")
        notes.insert(0, f"`{clock.label}` holds dates; the time is counted in {words} since {origin}.")
        shifted = [replace(source, t=_in_unit(source.t - first, scale)) for source in given]
    reading = TimeReading(clock.label, clock.form_name, unit, _step(shifted), origin)
    return Counted(shifted, reading, tuple(notes))


def per_hour(unit: str) -> float:
    """How many of a unit of time make an hour."""
    return 3600.0 / (UNITS[unit] if unit in UNITS else _OTHER[unit])[0]


def _as_they_stand(sources: list[Rows], clock: Clock) -> Counted:
    form = clock.form_name if clock.parts else "row"
    notes: tuple[str, ...] = ()
    if part_of_clock(clock.label) == "day of year":
        sources, passed = _past_the_year(sources)
        if passed:
            notes = (f"`{clock.label}` begins again with a new year; the days were counted on (no year is told).",)
    return Counted(sources, TimeReading(clock.label or "row", form, clock.unit, _step(sources)), notes)


def _past_the_year(sources: list[Rows]) -> tuple[list[Rows], bool]:
    """Days of the year that fall from the last days of one to the first of the next go on."""
    passed = False
    found = []
    for source in sources:
        t = source.t.copy()
        for rows in _trajectories(source, apart=True):
            piece = t[rows]
            if len(piece) < 2 or piece.min() < 0 or piece.max() >= 367:
                continue
            falls = np.diff(piece) < -300
            lengths = np.where(piece[:-1] >= 366, 366.0, 365.0) * falls
            passed |= bool(falls.any())
            t[rows] = piece + np.concatenate([[0.0], np.cumsum(lengths)])
        found.append(replace(source, t=t))
    return found, passed


def _step(sources: Sequence[Rows]) -> float | None:
    """Median of the steps between rows, None without any."""
    usual = usual_step(_all_steps([source.t[rows] for source in sources for rows in _trajectories(source)]))
    return None if usual is None else float(f"{usual:.12g}")


def _all_steps(pieces: Sequence[Float[np.ndarray, " _"]]) -> Float[np.ndarray, " step"]:
    if len(pieces) == 1:
        return np.diff(pieces[0])
    return np.concatenate([np.diff(piece) for piece in pieces] or [np.zeros(0)])


def _past_midnight(sources: list[Rows]) -> tuple[list[Rows], bool]:
    """Clocks of a day that fall by more than half a day go on with the next day."""
    passed = False
    found = []
    for source in sources:
        t = source.t.copy()
        for rows in _trajectories(source, apart=True):
            piece = t[rows]
            if len(piece) and piece.min() >= 0 and piece.max() <= DAY:
                days = np.concatenate([[0], np.cumsum(np.diff(piece) < -0.5 * DAY)])
                passed |= bool(days[-1])
                t[rows] = piece + days * DAY
        found.append(replace(source, t=t))
    return found, passed


def _without_summer_time(sources: list[Rows], clock: Clock) -> tuple[list[Rows], list[str]]:
    """Local times counted on where a clock was set for summer time, and what was done."""
    back: set[float] = set()
    forward: set[float] = set()
    skipped: set[float] = set()
    found = []
    for source in sources:
        t = source.t.copy()
        for rows in _trajectories(source, apart=True):
            one = steady(t[rows], clock.zero / MICRO)
            t[rows] = one.seconds
            back |= set(one.back)
            forward |= set(one.forward)
            skipped |= set(one.skipped)
        found.append(replace(source, t=t))
    notes = []
    if back:
        also = f" and forward after {_moments(forward)}" if forward else ""
        notes.append(
            f"`{clock.label}` is set back by an hour after {_moments(back)}{also}, as where summer time ends and begins; the time "
            "was counted on without these changes."
        )
    elif skipped:
        notes.append(
            f"`{clock.label}` lacks an hour after {_moments(skipped)}, as where summer time begins; it was counted as an hour "
            "without measurements. If the clock was set forward there, write times with their zone."
        )
    return found, notes


def _moments(seconds: set[float], most: int = 3) -> str:
    shown = [as_moment(round(one * MICRO)) for one in sorted(seconds)]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _trajectories(source: Rows, apart: bool = False) -> Iterator[np.ndarray | slice]:
    """Rows with a time, by trajectory; ``apart``: and by what they measure, where a column says it."""
    known = np.isfinite(source.t)
    keys = [one for one in (source.group, source.observable if apart else None) if one is not None]
    if not keys:
        yield slice(None) if known.all() else np.flatnonzero(known)
        return
    inverse = np.zeros(len(source.t), dtype=np.int64)
    for key in keys:
        codes = np.unique(key.astype(str), return_inverse=True)[1]
        inverse = np.unique(inverse * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    order = np.argsort(inverse, kind="stable")
    bounds = np.flatnonzero(np.diff(inverse[order])) + 1
    for rows in np.split(order, bounds):
        yield rows[known[rows]]


def _unit(pieces: Sequence[Float[np.ndarray, " _"]]) -> str:
    steps = _all_steps(pieces)
    if len(steps) and not steps.min() > 0:  # else the rows are in order
        steps = _all_steps([np.sort(piece) for piece in pieces])
        steps = steps[steps > 0]
    if not len(steps):
        return "d"
    step = float(np.mean(steps)) * (1 + 1e-9)
    return next((unit for unit, (seconds, _) in reversed(tuple(UNITS.items())) if step >= seconds), "s")


def _far_apart(pieces: Sequence[Float[np.ndarray, " _"]]) -> bool:
    if len(pieces) < 2:
        return False
    spans = sorted((float(piece.min()), float(piece.max())) for piece in pieces)
    apart = all(after[0] > before[1] for before, after in pairwise(spans))
    return apart and spans[-1][0] - spans[0][0] > _APART * max(end - begin for begin, end in spans)


def _from_own_begin(source: Rows) -> Float[np.ndarray, " row"]:
    t = source.t.copy()
    for rows in _trajectories(source):
        piece = t[rows]
        t[rows] = piece - piece.min() if len(piece) else piece
    return t


def _in_unit(seconds: Float[np.ndarray, " row"], scale: float) -> Float[np.ndarray, " row"]:
    """In the unit, without the digits that the seconds do not hold."""
    return np.round(seconds, 9) / scale
