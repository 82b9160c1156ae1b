"""Numbers that mark a missing value, such as -999: found by their form, by repetition and by their distance from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from ndestudio.data.cells import LARGEST
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.shape.vocabulary import word
from ndestudio.decoding import from_toml

_NINES = tuple(10.0**k - 1 for k in range(1, 8))
_TENTHS = tuple(one + part for one in _NINES[1:6] for part in (0.9, 0.99))
_BELOW_ZERO = (
    *(-one for one in (*_NINES, *_TENTHS)),
    *(-float(str(digit) * n) for digit in (6, 7, 8) for n in (3, 4, 5)),
    -100.0,
    -200.0,
    -1000.0,
    -6999.0,
    -7999.0,
    -8190.0,
    -10000.0,
    -32767.0,
    -32768.0,
    -99990.0,
    -2147483648.0,
)
_ABOVE_ZERO = (*_NINES[1:], *_TENTHS, 6999.0, 7999.0, 32767.0, 65535.0, 2147483647.0)
MARKS = frozenset((*_BELOW_ZERO, *_ABOVE_ZERO))
"""Numbers that programs and instruments write for "not measured" (-9999 FLUXNET, -200 UCI Air Quality, 9999 NOAA, ...)."""
HUGE = 1e15
"""From here on any number that stands alone is one: 1e20 (CMIP), 9.96921e36 (NetCDF), 1e30, ..."""
REPEATED, FAR, FARTHER = 0.5, 3.0, 10.0
"""How many ranges of all other values a mark lies away from them: one that repeats, a single one, a single one on the side
where the others are, too."""

OTHERS = 4
"""So many other values are needed to judge a single one by their range."""

DISTANT, LARGE = 10.0, 999.0
"""With fewer of them, or where they are all the same, a mark has to be ``DISTANT`` times as large as they are, or, below 0 where
they are above it, the square of that times their range away. Positive ones count from ``LARGE`` on, negative ones from -99."""


@dataclass(frozen=True)
class Rule:
    """A kind of file in which a number is known to mark missing values.

    Parameters
    ----------
    headers
        Columns that all are there, as ``vocabulary.word`` has them.
    missing
        The marks.
    any
        Columns of which one is there, where any are named.
    """

    name: str
    headers: tuple[str, ...]
    missing: tuple[float, ...]
    any: tuple[str, ...] = ()


@cache
def rules() -> tuple[Rule, ...]:
    """The kinds of files, from `markers.toml`."""
    text = files("ndestudio.data.shape").joinpath("markers.toml").read_bytes()
    return tuple(from_toml(text, dict[str, list[Rule]])["rule"])


def ruled(headers: Iterable[str]) -> Rule | None:
    """The rule for a table with these columns."""
    there = {word(header) for header in headers}
    return next(
        (one for one in rules() if there.issuperset(one.headers) and (not one.any or there.intersection(one.any))), None
    )


def find_sentinels(columns: Mapping[str, Float[np.ndarray, " row"]]) -> dict[str, tuple[float, ...]]:
    """Label of a column -> the numbers in it that look like marks of missing values.

    A number of that form lies beyond all other values, farther if it is there only once. What is one in a column is one in
    every other beyond whose values it lies.
    """
    found: dict[str, list[float]] = {}
    extremes: dict[str, list[tuple[float, float]]] = {}
    for label, values in columns.items():
        extremes[label] = list(_extremes(values))
        for value, distance in extremes[label]:
            if distance > 1.0:
                found.setdefault(label, []).append(value)
    known = {value for values in found.values() for value in values}
    for label, values in extremes.items():
        more = [value for value, _ in values if value in known and value not in found.get(label, ())]
        if more:
            found.setdefault(label, []).extend(more)
    return {label: tuple(sorted(found[label])) for label in columns if label in found}


def _extremes(values: Float[np.ndarray, " row"]) -> Iterable[tuple[float, float]]:
    """Numbers of the form of a mark that lie beyond all others, and how far in units of what is far enough."""
    if len(values) < 3 or not could_mark(np.fmin.reduce(values), np.fmax.reduce(values)):
        return
    values = values[~(np.abs(values) > LARGEST)]  # an error of its own
    rest = values[np.isfinite(values)]
    marks: list[float] = []
    while len(rest) > 1:
        ends = [end for end in (float(rest.min()), float(rest.max())) if _is_mark(end) and end not in marks]
        if not ends:
            break
        marks.append(max(ends, key=abs))
        rest = rest[rest != marks[-1]]
    # a mark is beyond what is left when all that look like marks are taken away
    least, most = (float(rest.min()), float(rest.max())) if len(rest) else (0.0, 0.0)
    spread = max(most - least, 1e-3 * max(abs(least), abs(most)))
    for mark in marks:
        gap = max(least - mark, mark - most)
        count = int((values == mark).sum())
        if gap <= 0:
            continue
        if spread == 0 or len(rest) < (OTHERS if count == 1 else 2):
            yield mark, (2.0 if _distant(mark, rest) else 0.5)
            continue
        if abs(mark) >= HUGE:
            enough = FAR * spread
        elif mark < 0 <= least:
            enough = (0.05 if count > 2 else REPEATED if count > 1 else FAR) * spread
        else:
            enough = (1.0 if count > 1 else FARTHER) * spread
        yield mark, gap / enough


def _distant(mark: float, rest: Float[np.ndarray, " other"]) -> bool:
    """Whether a mark is by orders of magnitude larger than the few other values, or than none where it stands alone."""
    if not len(rest):
        return mark <= -LARGE or abs(mark) >= HUGE
    if not (mark <= -99 or mark >= LARGE):
        return False
    least, most = float(rest.min()), float(rest.max())
    below = mark < 0 <= least and least < most and least - mark >= DISTANT**2 * (most - least)
    return below or abs(mark) >= DISTANT * max(abs(least), abs(most))


def could_mark(low: float, high: float) -> bool:
    """Whether a column with this least and this largest value can hold a mark."""
    return _is_mark(float(low)) or _is_mark(float(high))


def _is_mark(value: float) -> bool:
    return value in MARKS or abs(value) >= HUGE


def sentinel_question(found: Mapping[str, tuple[float, ...]], rows: Mapping[str, int]) -> Decision:
    """One question for all columns.

    Parameters
    ----------
    found
        As from ``find_sentinels``.
    rows
        Label -> how many rows hold such a number.
    """
    said = "; ".join(
        f"`{label}` holds {' and '.join(f'{value:g}' for value in values)} in {_rows(rows[label])}"
        for label, values in list(found.items())[:5]
    ) + (f"; and {len(found) - 5} other columns" if len(found) > 5 else "")
    sentence = f"{said}, far from all other values: that looks like a mark for a missing value"
    choices = (
        Choice("missing values", {"sentinels": dict(found)}),
        Choice("measured values", {"sentinels": dict.fromkeys(found, ())}),
    )
    column = next(iter(found)) if len(found) == 1 else None
    return Decision("missing", sentence, column, choices, chosen=None)


def open_marks(
    columns: Mapping[str, Float[np.ndarray, " row"]], headers: Iterable[str], config: DataConfig
) -> Decision | None:
    """The question about the marks in some columns, None if there is none to ask."""
    rule = ruled(headers)
    known = frozenset(rule.missing if rule else ()) | {one for marks in config.sentinels.values() for one in marks}
    cleaned = {
        label: without(values, tuple(known)) for label, values in columns.items() if label not in config.sentinels
    }
    found = find_sentinels(cleaned)
    if not found:
        return None
    return sentinel_question(
        found, {label: int(np.isin(columns[label], marks).sum()) for label, marks in found.items()}
    )


def settled_marks(columns: Mapping[str, Float[np.ndarray, " row"]], config: DataConfig) -> Decision | None:
    """What was said about the marks in some columns, None if nothing was."""
    said = config.sentinels
    found = find_sentinels({label: columns[label] for label in said if label in columns})
    marks = {label: said[label] or found.get(label, ()) for label in said}
    marks = {label: taken for label, taken in marks.items() if taken}
    if not marks:
        return None
    missing = any(said.values())
    told = "; ".join(
        f"`{label}`: {' and '.join(f'{one:g}' for one in taken)}" for label, taken in list(marks.items())[:5]
    )
    rest = f"; and {len(marks) - 5} other columns" if len(marks) > 5 else ""
    sentence = f"{told}{rest} {'mark what was not measured' if missing else 'were measured'}, as was said."
    choices = (
        Choice("missing values", {"sentinels": dict(said) if missing else marks}),
        Choice("measured values", {"sentinels": dict.fromkeys(said, ())}),
    )
    column = next(iter(marks)) if len(marks) == 1 else None
    return Decision("missing", sentence, column, choices, chosen=0 if missing else 1)


def without(values: Float[np.ndarray, "*row"], marks: Sequence[float]) -> Float[np.ndarray, "*row"]:
    """Values with marks as NaN."""
    return np.where(np.isin(values, list(marks)), np.nan, values) if len(marks) else values


def _rows(count: int) -> str:
    return "one row" if count == 1 else f"{count} rows"
