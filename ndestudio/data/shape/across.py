"""Tables whose times stand in the header: a row is a run (or a quantity of one), a column is a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ndestudio.data.assemble import Rows
from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.roles import Analysed, find, telling
from ndestudio.data.shape.vocabulary import IDENTIFIERS, OBSERVABLES, PERHAPS_OBSERVABLES, is_flag, word
from ndestudio.data.times.choice import open_format, settled_format
from ndestudio.data.times.clock import Clock, Part
from ndestudio.data.times.forms import TimeForm
from ndestudio.data.times.recognise import recognise

if TYPE_CHECKING:
    import polars as pl

FEWEST = 3
"""So many times in a header make a table of this shape."""
NOWHERE = -1
"""Place of the column of times, which the file does not have."""

_UNITS = {
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes m",
    "h": "h hr hrs hour hours",
    "d": "d day days dpi dpa das dap dat",
    "week": "w wk wks week weeks wpi",
    "month": "month months mo",
    "year": "y yr yrs year years",
}
_UNIT_OF = {name: unit for unit, names in _UNITS.items() for name in names.split()}
_NUMBER = re.compile(
    r"(?P<before>[a-zµ]*)[\s_.=:\-]*(?P<number>\d+(?:[.,]\d+)?)[\s_.]*(?P<after>[a-zµ]*)(?:\s*\[yr\d+\])?",
    re.IGNORECASE,
)
_YEARS = (1500.0, 2500.0)


@dataclass(frozen=True)
class Across:
    """A table with its times in the header.

    Parameters
    ----------
    columns
        Of the times, by index.
    times
        What the headers say: seconds by the form of the clock, or numbers.
    clock
        How the headers are read; its one part belongs to no column.
    runs
        Columns that name the run of a row.
    observable
        Column that says what a row measures, None if all rows measure one quantity.
    decisions
        How this was found; an open one is a question.
    """

    columns: tuple[int, ...]
    times: tuple[float, ...]
    clock: Clock
    runs: tuple[int, ...]
    observable: int | None
    decisions: tuple[Decision, ...]


def find_across(columns: Sequence[Analysed], taken: Sequence[int], config: DataConfig) -> Across | None:
    """The times in the header, None if the table is of another shape.

    Parameters
    ----------
    taken
        Columns that the person gave a use.
    """
    if config.shape in ("wide", "long") or (config.time is not None and config.shape is None):
        return None
    asked = config.shape == "dates across"
    block = [one for one in columns if one.index not in taken and one.kind == "number" and re.search(r"\d", one.header)]
    read = _moments(block, config) or _numbers(columns, block, asked)
    if read is None:
        return None
    block, times, clock, decisions, sure = read
    inside = {one.index for one in block}
    others = [one for one in columns if one.index not in inside]
    if not asked and any(telling(one.label) and one.kind != "text" and one.missing < len(one.texts) for one in others):
        return None
    rows = "A row is a trajectory" if len(columns[0].texts) > 1 else "The row is a trajectory"
    sentence = f"{rows}, its times stand in the header (`{block[0].header}` to `{block[-1].header}`)."
    observable = _observable(others, taken, config)
    corner = observable is not None and telling(columns[observable].label)
    if corner and observable is not None and clock.plain and not clock.unit:
        clock = replace(clock, unit=columns[observable].unit)
    choices = [
        Choice("times across", {"shape": "dates across"}),
        Choice("a column for each quantity", {"shape": "wide", "time": ""}),
    ]
    guessed = (
        observable is not None and word(columns[observable].label) in PERHAPS_OBSERVABLES and not config.observable
    )
    if guessed and observable is not None:
        label = columns[observable].label
        sentence = f"The times stand in the header (`{block[0].header}` to `{block[-1].header}`), `{label}` says what a row measures."
        choices[0] = Choice(f"`{label}` says what a row measures", {"shape": "dates across", "observable": label})
        choices.insert(1, Choice(f"`{label}` names runs", {"shape": "dates across", "trajectory": label}))
    chosen = 0 if sure or asked or corner else None
    if chosen is None:
        sentence = f"the headers `{block[0].header}` to `{block[-1].header}` may be times, or numbers of columns"
    shape = Decision("shape", sentence, None, tuple(choices), chosen, certain=not guessed)
    runs = _runs(others, columns, taken, observable, config)
    places = tuple(one.index for one in block)
    return Across(places, tuple(times.tolist()), clock, runs, observable, (shape, *decisions))


_Read = tuple[list[Analysed], Float[np.ndarray, " column"], Clock, tuple[Decision, ...], bool]


def _moments(block: list[Analysed], config: DataConfig) -> _Read | None:
    """Headers that are dates."""
    import polars as pl

    block = [one for one in block if re.search(r"\d\D+\d|\d{8}|[a-z]{3}\D*\d|\d\D*[a-z]{3}", one.header, re.IGNORECASE)]
    if len(block) < FEWEST:
        return None
    # names that R makes of numbers begin with X
    cells = [
        re.sub(r"^X(?=\d)", "", one.header.strip()).replace(".", "/")
        if one.header.startswith("X")
        else one.header.strip()
        for one in block
    ]
    series = pl.Series(cells)
    reading = recognise(series, "date", "", config.time_format)
    if reading is None or (reading.form.measure != "moment" and not _durations(reading.form, series)):
        return None
    seconds, _ = reading.form.seconds(series)
    kept = [k for k in range(len(block)) if np.isfinite(seconds[k])]
    seconds = seconds[kept]
    if len(kept) < FEWEST or not np.all(np.diff(seconds) > 0):
        return None
    part = Part(index=NOWHERE, label="date", form=reading.form, others=reading.forms[1:] if reading.open else ())
    decision = open_format(part, cells[kept[0]]) if reading.open else settled_format(part, reading, cells[kept[0]])
    clock = Clock((replace(part, others=()),))
    return [block[k] for k in kept], seconds, clock, (decision,), True


def _durations(form: TimeForm, cells: pl.Series) -> bool:
    """Whether all headers are durations, as `1 h 30 min` and `0:15:00` are."""
    return form.measure == "duration" and not form.plain and not form.seconds(cells)[1].any()


def _numbers(columns: Sequence[Analysed], block: list[Analysed], asked: bool) -> _Read | None:
    """Headers that are numbers, with one unit or word."""
    found: dict[tuple[str, str], list[tuple[Analysed, float]]] = {}
    for one in block:
        match = _NUMBER.fullmatch(one.header.strip())
        if match is not None:
            before, after = match["before"].lower(), match["after"].lower()
            found.setdefault((before, after), []).append((one, float(match["number"].replace(",", "."))))
    for (before, after), members in sorted(found.items(), key=lambda item: -len(item[1])):
        times = np.array([value for _, value in members])
        if len(members) < FEWEST or not np.all(np.diff(times) > 0):
            continue
        years = bool(np.all((times >= _YEARS[0]) & (times <= _YEARS[1])))
        unit = _UNIT_OF.get(after) or _UNIT_OF.get(before) or ("year" if years and not after else "")
        plain = not before and not after
        if not (plain or unit or before in ("t", "time", "tp") or (before == "x" and years)) or (
            before and after and not unit
        ):
            continue
        if before in ("x", "y", "m", "s", "h", "d", "w") and not years and not after:
            continue  # x1, x2, ... are quantities
        counted = plain and not years and bool(np.all(np.diff(times) == 1)) and times[0] in (0, 1)
        if not asked and plain and len(members) < len(columns) - 4:
            continue
        clock = Clock((Part(index=NOWHERE, label="time"),), unit)
        return [one for one, _ in members], times, clock, (), not counted
    return None


def _observable(others: Sequence[Analysed], taken: Sequence[int], config: DataConfig) -> int | None:
    if config.observable:
        return find(others, config.observable)
    free = [one for one in others if one.index not in taken and one.kind == "text" and not one.missing]
    named = next((one.index for one in free if word(one.label) in OBSERVABLES or telling(one.label)), None)
    if named is None and len(free) == 1 and word(free[0].label) in PERHAPS_OBSERVABLES and config.trajectory is None:
        return free[0].index
    return named


def _runs(
    others: Sequence[Analysed],
    columns: Sequence[Analysed],
    taken: Sequence[int],
    observable: int | None,
    config: DataConfig,
) -> tuple[int, ...]:
    """Columns from the left until each row has a name of its own; none that says the same as one before, or all the same."""
    if config.trajectory is not None:
        names = (config.trajectory,) if isinstance(config.trajectory, str) else config.trajectory
        return tuple(place for name in names if name and (place := find(columns, name)) is not None)
    rows = len(columns[0].texts)
    base = [""] * rows if observable is None else list(columns[observable].texts)
    number = [one for one in others if one.kind == "number" and word(one.label) in IDENTIFIERS and not one.missing]
    able = [one for one in others if one.kind == "text" and one.index != observable and one.index not in taken]
    chosen: list[Analysed] = []
    for one in [*able, *number]:
        known = [base, *(list(other.texts) for other in chosen)]
        named = bool(chosen) and all(any(other.texts[row].strip() for other in chosen) for row in range(rows))
        if is_flag(one.label) or (named and len(set(zip(*known, strict=True))) == rows):
            continue
        if any(_alike(one.texts, other) for other in known) or (len(set(one.texts)) < 2 and rows > 1):
            continue
        chosen.append(one)
    return tuple(sorted(one.index for one in chosen))


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two columns tell the same rows apart, and the other names them all."""
    if not all(text.strip() for text in other):
        return False
    pairs = len(set(zip(one, other, strict=True)))
    return pairs == len(set(one)) == len(set(other))


def spread(source: Rows, times: Float[np.ndarray, " column"]) -> Rows:
    """A row for each run and time, of a source whose measured columns are times.

    Rows without a name of their own are told apart by a number.
    """
    count, width = source.measured.shape
    runs = _named(source)
    pick = np.repeat(np.arange(count), width)
    tall = replace(source, measured=np.zeros((count, 0)), group=runs, deviation=None, ends=None).rows_at(pick)
    ends = None if source.ends is None else source.ends.reshape(-1, 1, 2)
    return replace(tall, t=np.tile(times, count), measured=source.measured.reshape(-1, 1), ends=ends)


def _named(source: Rows) -> np.ndarray:
    names = source.group if source.group is not None else np.array([""] * len(source.t), dtype=object)
    kinds = source.observable if source.observable is not None else names
    seen: dict[tuple[str, str], int] = {}
    found = []
    alone = len(names) == 1
    for name, what, row in zip(names, kinds, source.rows, strict=True):
        name = str(name) or (source.stem if alone or source.observable is not None else f"row {row}")
        seen[name, str(what)] = again = seen.get((name, str(what)), 0) + 1
        found.append(name if again == 1 else f"{name} ({again})")
    return np.array(found, dtype=object)
