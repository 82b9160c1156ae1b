"""The tables in a file of arrays: in each group the variables that run along one time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ndestudio.data.readers.clock import Clock, clock_of, is_time_name, long_axes
from ndestudio.data.readers.nodes import Group, Variable, text_of, texts_of
from ndestudio.data.readers.orientation import Orientation

_NAMING = ("column", "name", "label", "variable", "header", "legend", "state", "species", "field", "channel", "signal")
"""Parts of the names of variables that name the columns of a matrix beside them."""
_GENERIC = frozenset({"value", "values", "data", "measurement", "measurements", "array"})
"""Names of variables that say less than the name of their group."""


@dataclass(frozen=True, eq=False)
class Series:
    """One column: the values of a variable along one of its axes.

    Parameters
    ----------
    origin
        Path of the variable in the file.
    place
        On the other axes, in their order.
    """

    label: str
    variable: Variable
    origin: str
    axis: int = 0
    place: tuple[int, ...] = ()
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Block:
    """A table in the file.

    Parameters
    ----------
    path
        Names of the groups that it lies in.
    clock
        Label of its time, None if it has none.
    shared
        Whether that time lies in a group above it.
    constants
        Single values beside it.
    item
        Whether it is one of a list or of numbered groups.
    """

    path: tuple[str, ...]
    rows: int
    series: tuple[Series, ...]
    clock: str | None = None
    shared: bool = False
    constants: Mapping[str, float | str] = field(default_factory=dict)
    item: bool = False

    @property
    def measured(self) -> tuple[Series, ...]:
        return tuple(one for one in self.series if one.label != self.clock)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(one.label for one in self.measured)


def blocks_of(group: Group, orientation: Orientation) -> list[Block]:
    """All tables of a file, in its order."""
    return _find(group, _Above((), None, {}, False), orientation)


@dataclass(frozen=True, eq=False)
class _Above:
    """What groups above one say of it: its path, a time, single values, and whether it is an item of a list."""

    path: tuple[str, ...]
    clock: Clock | None
    constants: Mapping[str, float | str]
    item: bool


def _find(group: Group, above: _Above, orientation: Orientation) -> list[Block]:
    group = _runs_of_lists(group)
    variables = {name: one for name, one in group.variables.items() if one.usable}
    own = clock_of(variables, orientation)
    if own is not None and own.across is None and not _leads(own, group):
        own = None if above.clock is not None else own
    clock = own or above.clock
    here = replace(above, clock=clock, constants={**above.constants, **_constants(variables)})
    blocks = _own_blocks(variables, here, own is None, orientation)
    if group.listed and above.path:
        blocks = [_numbered_labels(block, set(variables), above.path[-1]) for block in blocks]
    numbered = group.listed or _numbered(group.groups)
    shared = clock if clock is not None and clock.across is None else None
    below = [
        block
        for name, child in group.groups.items()
        for block in _find(child, _Above((*above.path, name), shared, here.constants, numbered), orientation)
    ]
    return _joined(blocks, below, own, above.path)


def _numbered_labels(block: Block, places: set[str], name: str) -> Block:
    """The columns of a list of arrays by the name of the list: `x_1`, `x_2`."""
    own = [one.origin.rsplit("/", 1)[-1] in places for one in block.series]
    renamed = (
        replace(one, label=f"{name}_{one.label}") if mine else one for one, mine in zip(block.series, own, strict=True)
    )
    return replace(block, series=tuple(renamed))


def _leads(clock: Clock, group: Group) -> bool:
    """Whether anything beside or below a time runs along it."""
    others = [one for name, one in group.variables.items() if name != clock.name]
    return any(clock.length in one.shape for one in others) or bool(group.groups)


def _own_blocks(variables: Mapping[str, Variable], here: _Above, shared: bool, orientation: Orientation) -> list[Block]:
    path, clock = here.path, here.clock
    rows = clock.length if clock else _commonest(variables, orientation)
    if clock is not None and shared and not any(rows in one.shape for one in variables.values()):
        clock, rows = None, _commonest(variables, orientation)
    if rows < 2:
        return []
    name, shared = clock and clock.name, shared and clock is not None
    runs = _run_axis(variables, rows, clock)
    if runs is None:
        series = _table(variables, path, rows, clock, orientation)
        if clock is not None and shared and series:
            series = [_clock_series(clock, path[:-1]), *series]
        return [Block(path, rows, tuple(series), name, shared, here.constants, here.item)] if series else []
    return [
        Block(
            (*path, str(run + 1)), rows, series, name, shared, {**here.constants, **_of_run(variables, runs, run)}, True
        )
        for run, series in _run_tables(variables, path, rows, clock, shared, runs)
    ]


def _clock_series(clock: Clock, path: tuple[str, ...], run: int | None = None) -> Series:
    places = tuple(
        0 if axis != clock.across else run or 0 for axis in range(len(clock.variable.shape)) if axis != clock.axis
    )
    return Series(clock.name, clock.variable, "/".join((*path, clock.name)), clock.axis, places, clock.variable.unit)


def _table(
    variables: Mapping[str, Variable], path: tuple[str, ...], rows: int, clock: Clock | None, orientation: Orientation
) -> list[Series]:
    """The columns of one table: vectors as they are, matrices column by column."""
    found: list[Series] = []
    for name, one in variables.items():
        axes = long_axes(one.shape)
        along = [axis for axis in axes if one.shape[axis] == rows]
        if not along or len(axes) > 2:
            continue
        axis = along[0] if len(along) == 1 else orientation.of_square("/".join((*path, name)), one, axes, clock)
        others = [other for other in axes if other != axis]
        origin = "/".join((*path, name))
        if not others:
            found.append(Series(name, one, origin, axis, (0,) * (len(one.shape) - 1), one.unit))
            continue
        count = one.shape[others[0]]
        labels = _labels(
            name, count, variables, alone=clock is None and len(_matrices(variables)) == len(variables) == 1
        )
        for place, label in enumerate(labels):
            places = tuple(place if other == others[0] else 0 for other in range(len(one.shape)) if other != axis)
            found.append(Series(label, one, origin, axis, places, one.unit))
    if clock is not None:
        found.sort(key=lambda series: series.label != clock.name)
    return found


def _labels(name: str, count: int, variables: Mapping[str, Variable], alone: bool) -> list[str]:
    """Names of the columns of a matrix: those that a vector of texts beside it gives, else numbers."""
    if len(own := variables[name].names) == count and len(set(own)) == count:
        return list(own)
    naming = [
        texts
        for other, one in variables.items()
        if any(part in other.lower() for part in _NAMING) and len(texts := texts_of(one)) == count
    ]
    if len(naming) == 1 and len(set(naming[0])) == count and all(naming[0]):
        return list(naming[0])
    return [f"{'column' if alone else name}_{place + 1}" for place in range(count)]


def _matrices(variables: Mapping[str, Variable]) -> list[str]:
    return [name for name, one in variables.items() if len(long_axes(one.shape)) == 2]


def _commonest(variables: Mapping[str, Variable], orientation: Orientation) -> int:
    """The length that most columns have, the larger of two that equally many have."""
    lengths: Counter[int] = Counter()
    for name, one in variables.items():
        axes = long_axes(one.shape)
        if len(axes) == 1:
            lengths[one.shape[axes[0]]] += 1
        elif len(axes) == 2:
            axis = orientation.of_alone(name, one, axes)
            lengths[one.shape[axis]] += one.shape[axes[0] + axes[1] - axis]
    return max(lengths, key=lambda length: (lengths[length], length)) if lengths else 0


def _run_axis(variables: Mapping[str, Variable], rows: int, clock: Clock | None) -> int | None:
    """How many runs the variables hold side by side, None if they are of one run."""
    if clock is not None and clock.across is not None:
        return clock.variable.shape[clock.across]
    for one in variables.values():
        axes = long_axes(one.shape)
        if len(axes) == 3 and one.dtype.kind in "biuf" and rows in (one.shape[axes[1]], one.shape[axes[2]]):
            return one.shape[axes[0]]
    return None


def _run_tables(
    variables: Mapping[str, Variable], path: tuple[str, ...], rows: int, clock: Clock | None, shared: bool, runs: int
) -> Iterator[tuple[int, tuple[Series, ...]]]:
    """The columns of each run of arrays with the axes (run, time), (run, time, column) or (run, column, time)."""
    own_axis = clock is not None and clock.across is not None
    for run in range(runs):
        series = [_clock_series(clock, path[:-1] if shared else path, run)] if clock else []
        for name, one in variables.items():
            axes = long_axes(one.shape)
            if (clock and name == clock.name and not shared) or one.dtype.kind not in "biuf":
                continue
            lengths = [one.shape[axis] for axis in axes]
            origin = "/".join((*path, name))
            if len(axes) == 1 and lengths[0] == rows != runs:
                series.append(Series(name, one, origin, axes[0], (0,) * (len(one.shape) - 1), one.unit))
            elif len(axes) == 2 and sorted(lengths) == sorted((runs, rows)):
                axis = _time_axis(one, axes, clock, rows) if own_axis else axes[1] if lengths[1] == rows else axes[0]
                series.append(_at(one, name, origin, axis, {axes[0] + axes[1] - axis: run}))
            elif len(axes) == 3 and runs in lengths and rows in lengths:
                axis, across, rest = _three(one, axes, clock, runs, rows)
                labels = _labels(name, one.shape[rest], variables, alone=False)
                series += [_at(one, label, origin, axis, {across: run, rest: n}) for n, label in enumerate(labels)]
        if len(series) > bool(clock):
            yield run, tuple(series)


def _time_axis(one: Variable, axes: Sequence[int], clock: Clock | None, rows: int) -> int:
    """Of a matrix with a run on one axis: the axis that the time has in its own matrix where lengths do not tell."""
    fitting = [axis for axis in axes if one.shape[axis] == rows]
    if len(fitting) == 1 or clock is None or clock.across is None:
        return fitting[0]
    return axes[0] if clock.axis < clock.across else axes[1]


def _three(one: Variable, axes: Sequence[int], clock: Clock | None, runs: int, rows: int) -> tuple[int, int, int]:
    """Axes of the time, of the runs and of the columns of an array with three."""
    if clock is not None and clock.across is not None and clock.axis < clock.across and one.shape[axes[0]] == rows:
        across = axes[1] if one.shape[axes[1]] == runs else axes[2]
        return axes[0], across, next(axis for axis in axes[1:] if axis != across)
    axis = axes[1] if one.shape[axes[1]] == rows else axes[2]
    return axis, axes[0], next(other for other in axes[1:] if other != axis)


def _at(one: Variable, label: str, origin: str, axis: int, places: Mapping[int, int]) -> Series:
    place = tuple(places.get(other, 0) for other in range(len(one.shape)) if other != axis)
    return Series(label, one, origin, axis, place, one.unit)


def _constants(variables: Mapping[str, Variable]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for name, one in variables.items():
        if one.size == 1 and one.dtype.kind in "biuf":
            found[name] = float(one.values().reshape(-1)[0])
        elif (text := text_of(one)) is not None:
            found[name] = text
    return found


def _of_run(variables: Mapping[str, Variable], runs: int, run: int) -> dict[str, float | str]:
    """What vectors with one value for each run say of it."""
    found: dict[str, float | str] = {}
    for name, one in variables.items():
        if long_axes(one.shape) and one.size == runs:
            value = np.ravel(one.values())[run]
            found[name] = float(value) if one.dtype.kind in "biuf" else str(value)
    return found


def _joined(blocks: list[Block], below: list[Block], own: Clock | None, path: tuple[str, ...]) -> list[Block]:
    """The table of a group with those below it that are part of it; the others as they are."""
    if own is None and not blocks:
        return _as_one(below, path)
    rows = blocks[0].rows if len(blocks) == 1 else own.length if own else 0
    attached = [
        one for one in below if one.rows == rows and len(one.path) > len(path) and (one.shared or one.clock is None)
    ]
    if (
        not attached
        or len(blocks) > 1
        or (len(attached) > 1 and _alike(attached) and not _columns_of_their_own(attached))
    ):
        return [*([] if below and _only_clock(blocks, own) else blocks), *below]
    first = blocks[0] if blocks else Block(path, rows, (_clock_series(own, path),) if own else (), own and own.name)
    whole = replace(first, series=(*first.series, *_renamed(attached, first.series, len(path))))
    return [whole, *(one for one in below if one not in attached)]


def _only_clock(blocks: Sequence[Block], own: Clock | None) -> bool:
    return own is not None and all(not block.measured for block in blocks)


def _as_one(below: list[Block], path: tuple[str, ...]) -> list[Block]:
    """Tables of neighbouring groups as one, where they have different columns over the same time."""
    if len(below) < 2 or len({block.rows for block in below}) > 1 or _alike(below):
        return below
    if any(block.item for block in below) or len({block.clock is None for block in below}) > 1:
        return below
    times = [block.series[0] for block in below if block.clock is not None]
    if times and not _equal_times(times):
        return below
    labels = Counter(label for block in below for label in block.labels)
    if max(labels.values()) > 1:
        return below
    first = below[0]
    return [replace(first, path=path, series=(*first.series, *(one for block in below[1:] for one in block.measured)))]


def _equal_times(times: Sequence[Series]) -> bool:
    first = np.ravel(times[0].variable.values())
    return all(np.array_equal(first, np.ravel(one.variable.values())) for one in times[1:])


def _alike(blocks: Sequence[Block]) -> bool:
    return len({block.labels for block in blocks}) == 1


def _columns_of_their_own(blocks: Sequence[Block]) -> bool:
    """Whether each of several groups holds one column, called `value` or the like, that is named by its group."""
    return all(len(one.measured) == 1 and one.labels[0].lower() in _GENERIC and not one.item for one in blocks)


def _renamed(attached: Sequence[Block], taken: Sequence[Series], depth: int) -> Iterator[Series]:
    """The columns of tables below a group, by the name of their own group where their own is generic or there twice."""
    labels = Counter([one.label for one in taken] + [label for block in attached for label in block.labels])
    generic = _columns_of_their_own(attached)
    for block in attached:
        where = ".".join(block.path[depth:])
        for one in block.measured:
            if generic:
                yield replace(one, label=where)
            else:
                yield replace(one, label=f"{where}.{one.label}") if labels[one.label] > 1 else one


def _numbered(groups: Mapping[str, Group]) -> bool:
    """Whether the names of groups differ in a number alone (`run_1`, `run_2`; `1`, `2`)."""
    stems = {name.rstrip("0123456789") for name in groups}
    return len(groups) > 1 and len(stems) == 1 and all(name[-1:].isdigit() for name in groups)


def _runs_of_lists(group: Group) -> Group:
    """Lists of arrays side by side (`t{1}, t{2}` and `x{1}, x{2}`) as a list of runs."""
    lists = {
        name: one.variables
        for name, one in group.groups.items()
        if one.listed and one.variables and len(one.variables) == len(one.members)
    }
    if group.listed or not lists:
        return group
    timed = next((name for name in lists if is_time_name(name)), None)
    if timed is None:
        return group
    count = len(lists[timed])
    lists = {name: found for name, found in lists.items() if len(found) == count}
    rest = {name: one for name, one in group.members.items() if name not in lists}
    runs = {
        str(run + 1): Group({name: list(found.values())[run] for name, found in lists.items()}) for run in range(count)
    }
    return Group({**rest, "runs": Group(runs, listed=True)})
