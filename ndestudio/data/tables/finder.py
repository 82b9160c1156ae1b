"""The table among the raw rows of a text file or a sheet: the longest run of rows of equal width and stable kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ndestudio.data.tables.headers import Header, find_header
from ndestudio.data.tables.kinds import CellKind, is_summary, kinds_of_row
from ndestudio.data.tables.layout import Layout, Other, RawRow
from ndestudio.data.tables.times_above import heads_times

_BRIDGE = 3
"""So many odd rows in a row may stand inside a table."""


@dataclass(frozen=True)
class Given:
    """What the person or an instrument's rule says of the rows; None leaves it to the finder, 0 says there is none."""

    header_row: int | None = None
    units_row: int | None = None
    first_row: int | None = None
    last_row: int | None = None


@dataclass
class Run:
    """Neighbouring rows of one shape; ``stop`` is the place behind the last one, ``timed`` whether times head its columns."""

    start: int
    stop: int
    cells: int
    filled: int
    patterns: Counter[tuple[CellKind, ...]] = field(default_factory=Counter)
    fitting: int = 0
    repeats: list[int] = field(default_factory=list)
    timed: bool = False
    _usual: list[CellKind] | None = None

    def counts(self) -> list[Counter[CellKind]]:
        """How often a column holds a kind of cell, empty ones aside."""
        found: list[Counter[CellKind]] = [Counter() for _ in range(max(map(len, self.patterns), default=0))]
        for pattern, times in self.patterns.items():
            for counts, kind in zip(found, pattern, strict=False):
                if kind:
                    counts[kind] += times
        return found

    def kinds(self) -> list[CellKind]:
        """What most cells of each column look like."""
        if self._usual is None:
            counts = self.counts()
            self._usual = [max(one, key=lambda kind: (one[kind], kind)) if any(one.values()) else "" for one in counts]
        return self._usual

    def add(self, kinds: Sequence[CellKind], times: int = 1) -> None:
        """Count a row with these kinds of cells (``times`` -1: no longer)."""
        pattern = tuple(kinds)
        self.fitting += times
        self.patterns[pattern] += times
        # what is usual changes while a run is young, or where a rare pattern comes to the fore
        if self._usual is None or list(pattern) != self._usual or times < 0:
            self._usual = None

    def score(self, rows: Sequence[RawRow]) -> float:
        """How much of a table the run is: rows times columns of numbers and dates."""
        kinds = self.kinds()
        columns = sum(kind in ("n", "d") for kind in kinds)
        if kinds and kinds[0] == "t" and "d" not in kinds and not self.timed:
            first = [row.cells[0] for row in rows[self.start : self.stop] if row.cells]
            if len(set(first)) == len(first):  # names and values of settings, more likely than measurements
                return 0.3 * self.fitting * columns
        return float(self.fitting * columns)


def find(
    rows: Sequence[RawRow],
    decimal: str = ".",
    extra: frozenset[str] = frozenset(),
    given: Given = Given(),
    to_the_end: bool = True,
) -> Layout | None:
    """The table among raw rows, or None if there are no rows of numbers.

    Parameters
    ----------
    rows
        All rows that are not empty, comments among them.
    extra
        The person's markers of missing values, in lower case.
    given
        What is known already.
    to_the_end
        Whether ``rows`` are all rows of the file, not only its beginning.
    """
    kinds: list[list[CellKind]] = [kinds_of_row(row.cells, decimal, extra) for row in rows]
    found = find_runs(rows, kinds, given)
    if not found:
        return None
    best = max(found, key=lambda run: (run.score(rows), -run.start))
    _extend(best, rows, kinds, given)
    header = find_header(
        rows, kinds, best.start, best.kinds(), best.filled, best.cells, given.header_row, given.units_row
    )
    return _layout(rows, best, header, found, kinds, given, to_the_end)


def find_runs(rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], given: Given) -> list[Run]:
    """All runs of rows that could be a table, those with numbers only."""
    runs: list[Run] = []
    current: Run | None = None
    place = 0
    while place < len(rows):
        row = rows[place]
        if row.comment or not _allowed(row, given):
            current = current if row.comment else None
            place += 1
            continue
        if current is not None and _fits(current, row, kinds[place]):
            _add(current, place, row, kinds[place])
            place += 1
            continue
        if current is not None and (bridge := _bridge(current, rows, kinds, place, given)):
            current.repeats += [one for one in range(place, bridge) if _repeats(current, rows, one)]
            place = bridge
            continue
        current = Run(place, place + 1, len(row.cells), row.filled)
        _add(current, place, row, kinds[place])
        runs.append(current)
        place += 1
    for run in runs:
        _trim(run, rows, kinds)
    runs = _merged(runs, rows, kinds)
    for run in runs:
        run.timed = run.start > 0 and heads_times(rows, kinds, run.start - 1)
    runs = [run for run in runs if run.stop - run.start > 1 or not heads_times(rows, kinds, run.start)]
    return [run for run in runs if any(kind in ("n", "d") for kind in run.kinds()) and run.fitting]


def _allowed(row: RawRow, given: Given) -> bool:
    first = max(given.first_row or 0, (given.header_row or 0) + 1, (given.units_row or 0) + 1)
    return row.line >= first and (not given.last_row or row.line <= given.last_row)


def _fits(run: Run, row: RawRow, kinds: list[CellKind]) -> bool:
    if not any(kinds):  # only markers of missing values
        return len(row.cells) == run.cells
    if len(row.cells) != run.cells and row.filled != run.filled:
        return False
    usual = run.kinds()
    if kinds == usual:
        return True
    if kinds[0] in ("n", "d") and kinds[0] == usual[0] and len(row.cells) == run.cells and len(usual) > 1:
        return True  # it begins as the others do, whatever stands behind
    agreeing = conflicting = 0
    for place, (kind, other) in enumerate(zip(kinds, usual, strict=False)):
        if not kind or not other:
            continue
        if kind == other:
            agreeing += 1
        elif place == 0 and "t" in (kind, other):
            return False
        else:
            conflicting += 1
    return agreeing >= 1 and conflicting <= agreeing


def _add(run: Run, place: int, row: RawRow, kinds: list[CellKind]) -> None:
    run.stop = place + 1
    run.filled = max(run.filled, row.filled)
    run.cells = max(run.cells, len(row.cells)) if run.fitting < 2 else run.cells
    run.add(kinds)


def _bridge(run: Run, rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], place: int, given: Given) -> int:
    """Where the run goes on behind rows that are odd or repeat its header; 0 if it does not."""
    for behind in range(place + 1, min(place + _BRIDGE + 1, len(rows))):
        row = rows[behind]
        if not _allowed(row, given) or not _fits(run, row, kinds[behind]) or row.comment:
            continue
        between = range(place, behind)
        if all(_repeats(run, rows, one) for one in between):
            return behind
        if run.fitting > 1 and all(_odd(rows, kinds, one, run) for one in between) and not row.gap:
            return behind
    return 0


def _repeats(run: Run, rows: Sequence[RawRow], place: int) -> bool:
    """Whether a row repeats one of the lines above the run; in a title, numbers may differ."""
    above = range(max(run.start - 4, 0), run.start)
    return any(
        rows[place].cells == rows[one].cells or (one < run.start - 1 and _same_title(rows[place], rows[one]))
        for one in above
    )


def _same_title(row: RawRow, other: RawRow) -> bool:
    title = _without_digits(row)
    return len(row.cells) == len(other.cells) and bool(title) and title == _without_digits(other)


def _without_digits(row: RawRow) -> str:
    return "".join(letter for letter in "|".join(row.cells) if not letter.isdigit()).strip("| .,-+")


def _odd(rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], place: int, run: Run) -> bool:
    """Whether a row inside a table is one of its rows, badly written, and no title or header of another table."""
    if rows[place].gap:
        return False
    usual = run.kinds()
    cells = kinds[place]
    if any(kind in ("n", "d") for kind in cells):
        return True
    return len(rows[place].cells) == run.cells and not (usual and usual[0] == "t")


def _trim(run: Run, rows: Sequence[RawRow], kinds: Sequence[list[CellKind]]) -> None:
    """Leave out first rows that have text, or times, above all columns of numbers: they are headers."""
    usual = run.kinds()
    numeric = [index for index, kind in enumerate(usual) if kind in ("n", "d")]
    while run.fitting > 1 and run.stop - run.start > 1:
        cells = kinds[run.start]
        above = [cells[index] for index in numeric if index < len(cells)]
        named = bool(above) and "t" in above and not any(kind in ("n", "d") for kind in above)
        if not named and not heads_times(rows, kinds, run.start):
            return
        run.add(cells, -1)
        run.start += 1


def _merged(runs: list[Run], rows: Sequence[RawRow], kinds: Sequence[list[CellKind]]) -> list[Run]:
    """Join neighbours that differ only in whether their first cells, the names of runs, look like numbers."""
    merged: list[Run] = []
    for run in runs:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.stop == run.start
            and not rows[run.start].gap
            and _same_but_first(before, run, rows)
        ):
            for place in range(run.start, run.stop):
                _add(before, place, rows[place], kinds[place])
            continue
        merged.append(run)
    return merged


def _same_but_first(one: Run, other: Run, rows: Sequence[RawRow]) -> bool:
    if one.cells != other.cells or one.cells < 3 or one.fitting < 2:
        return False
    kinds, others = one.kinds(), other.kinds()
    names = [row.cells[0] for row in rows[one.start : one.stop]]
    return kinds[1:] == others[1:] and "n" in kinds[1:] and len(set(names)) < len(names)


def _extend(run: Run, rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], given: Given) -> None:
    """Take in rows at the end that begin like the others but are cut off or too long: a person has to see them."""
    usual = run.kinds()
    while run.stop < len(rows):
        row = rows[run.stop]
        cells = kinds[run.stop]
        if row.comment or row.gap or not _allowed(row, given) or not cells:
            return
        begins = usual[0] in ("n", "d") and cells[0] == usual[0]
        stray = (
            run.stop == len(rows) - 1
            and len(row.cells) == run.cells
            and cells[0] == "t"
            and not is_summary(row.cells[0])
            and usual[0] in ("n", "d")
            and all(kind in ("", other) for kind, other in zip(cells[1:], usual[1:], strict=False))
        )
        if not begins and not stray:
            return
        run.stop += 1


def _layout(
    rows: Sequence[RawRow],
    run: Run,
    header: Header,
    runs: Sequence[Run],
    kinds: Sequence[list[CellKind]],
    given: Given,
    to_the_end: bool,
) -> Layout:
    table = set(header.places) | set(range(run.start, run.stop))
    below = tuple(row for row in rows[run.stop :] if not row.comment)
    cut = bool(below) or bool(given.last_row)
    last = rows[run.stop - 1].line if cut else 0
    if given.last_row and not to_the_end and run.stop == len(rows):
        last = given.last_row
    columns = tuple(range(len(header.names)))
    empty: list[CellKind] = [""] * len(columns)
    usual = run.kinds() + empty
    return Layout(
        header_row=header.row,
        units_row=header.units_row,
        first_row=rows[run.start].line,
        last_row=last if (to_the_end or given.last_row) else 0,
        width=len(header.names),
        least=min(run.cells, len(header.names)),
        names=header.names,
        units=header.units,
        kinds=tuple(usual[: len(columns)]),
        extra_rows=tuple(
            rows[place].line for place in header.places if rows[place].line not in (header.row, header.units_row)
        ),
        groups=header.groups,
        repeats=tuple(rows[place].line for place in run.repeats),
        above=sum(place < run.start and place not in table and not rows[place].comment for place in range(run.start)),
        below=below if to_the_end or below else (),
        columns=columns,
        names_missing=header.names_missing,
        sure_units=header.sure_units,
        sure_end=not below or below[0].gap or is_summary(below[0].cells[0]) or len(below[0].cells) != run.cells,
        others=tuple(
            _other(rows, kinds, one) for one in runs if one is not run and one.fitting > 2 and one.score(rows) >= 6
        ),
    )


def _other(rows: Sequence[RawRow], kinds: Sequence[list[CellKind]], run: Run) -> Other:
    header = find_header(rows, kinds, run.start, run.kinds(), run.filled, run.cells, None, None)
    return Other(header.row, rows[run.start].line, rows[run.stop - 1].line, header.names)
