"""The tables in a file whose axes have names: variables over one time, at one or several stations.

Source: NetCDF Climate and Forecast Metadata Conventions 1.11, chapter 9 (discrete sampling geometries).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ndestudio.data.readers import cf
from ndestudio.data.readers.blocks import Block, Series
from ndestudio.data.readers.clock import is_time_name
from ndestudio.data.readers.nodes import Group, Variable, variable

_PLACES = re.compile(
    r".*(?:station|stn|site|trajectory|traj|profile|plot|run|member|ensemble|realization|subject|replicate|rep|sample|series"
    r"|instance|feature|location|point|lat|lon|latitude|longitude|batch|experiment|trial|case|sensor|x|y|node|cell|id|name)s?\Z"
)
"""Names of dimensions along which one goes from one trajectory to another."""
ANONYMOUS = "#"
"""In the name of an axis that has none of its own: its elements are columns."""
_MOST_RUNS = 10_000

Attributes = Mapping[Variable, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class _Level:
    """The variables of one group, with those of the groups above it that share its dimensions."""

    path: tuple[str, ...]
    variables: Mapping[str, Variable]
    attributes: Attributes

    def told(self, one: Variable) -> Mapping[str, Any]:
        return self.attributes.get(one, {})


def tables_of(root: Group, attributes: Attributes) -> tuple[Block, ...] | None:
    """The tables of a file, None where no time is among its dimensions."""
    return tuple(_of_group(root, (), {}, attributes)) or None


def _of_group(
    group: Group, path: tuple[str, ...], above: Mapping[str, Variable], attributes: Attributes
) -> Iterator[Block]:
    own = {name: _as_text(one) for name, one in group.variables.items()}
    told = {
        changed: attributes.get(one, {})
        for (_, changed), one in zip(own.items(), group.variables.values(), strict=True)
    }
    level = _Level(path, {**above, **own}, {**attributes, **told})
    for clock in _clocks(level):
        if any(clock[1] in one.axes for one in own.values()):
            yield from _of_clock(level, own, *clock)
    coordinates = {name: one for name, one in level.variables.items() if one.axes == (name,)}
    for name, child in group.groups.items():
        yield from _of_group(child, (*path, name), coordinates, level.attributes)


def _as_text(one: Variable) -> Variable:
    """An array of single characters as one of texts."""
    if one.dtype.kind != "S" or one.dtype.itemsize != 1 or len(one.shape) < 1 or one.size > 10**7:
        return one
    values = np.ascontiguousarray(one.values())
    joined = values.view(f"S{values.shape[-1]}")[..., 0]
    texts = np.char.strip(np.char.decode(joined, "utf-8", "replace"), "\0 ")
    return variable(texts.astype(object), one.unit, one.axes[:-1])


def _clocks(level: _Level) -> list[tuple[str, str]]:
    """Times with the dimension along which each goes on: coordinates first, by their attributes before their names."""
    found: list[tuple[tuple[bool, bool], str, str]] = []
    for name, one in level.variables.items():
        by_attribute = cf.is_time(level.told(one)) or one.dtype.kind == "M"
        by_name = is_time_name(name) and len(one.axes) == 1
        if not one.axes or not (by_attribute or by_name) or "bounds" in name or name.endswith("_bnds"):
            continue
        if one.dtype.kind not in "biufMUO":
            continue
        axis = next((axis for axis in reversed(one.axes) if not _is_place(level, axis)), one.axes[-1])
        if one.shape[one.axes.index(axis)] > 1:
            found.append(((name != axis, not by_attribute), name, axis))
    if any(not rank[1] for rank, _, _ in found):
        found = [one for one in found if not one[0][1]]
    best: dict[str, tuple[tuple[bool, bool], str]] = {}
    for rank, name, axis in found:
        if axis not in best or rank < best[axis][0]:
            best[axis] = rank, name
    return [(name, axis) for axis, (_, name) in best.items()]


def _is_place(level: _Level, axis: str) -> bool:
    """Whether a dimension goes over trajectories: by its name, by its role, or since texts name its places."""
    if is_time_name(axis) or ANONYMOUS in axis:
        return False
    for one in level.variables.values():
        told = level.told(one)
        if one.axes == (axis,) and ("cf_role" in told or cf.text(told.get("axis")).upper() in ("X", "Y")):
            return True
        if one.axes == (axis,) and one.dtype.kind in "UO":
            return True
    return bool(_PLACES.match(axis.lower()))


def _of_clock(level: _Level, own: Mapping[str, Variable], clock: str, axis: str) -> Iterator[Block]:
    time = level.variables[clock]
    rows = time.shape[time.axes.index(axis)]
    measured = {
        name: one for name, one in own.items() if axis in one.axes and name != clock and not _beside(level, name, one)
    }
    ragged = _ragged(level, axis, rows)
    across = list(
        dict.fromkeys(
            other
            for one in (time, *measured.values())
            for other, length in zip(one.axes, one.shape, strict=False)
            if other != axis and length > 1 and (_is_place(level, other) or other in time.axes)
        )
    )
    lengths = [
        next(one.shape[one.axes.index(other)] for one in (time, *measured.values()) if other in one.axes)
        for other in across
    ]
    if not measured or int(np.prod(lengths, dtype=object)) > _MOST_RUNS:
        return
    for places in product(*(range(length) for length in lengths)):
        at = dict(zip(across, places, strict=True))
        series = [*_series(level, clock, time, axis, at, rows), *ragged]
        for name, one in measured.items():
            series += _series(level, name, one, axis, at, rows)
        names = (", ".join(_place_name(level, other, place) for other, place in at.items()),) if at else ()
        yield Block((*level.path, *names), rows, tuple(series), clock, False, _constants(level, at), bool(at))


def _beside(level: _Level, name: str, one: Variable) -> bool:
    """Whether a variable says something of others: bounds, flags of quality, the index of a ragged array."""
    told = level.told(one)
    bounds = {cf.text(level.told(other).get("bounds")) for other in level.variables.values()}
    flags = "flag_meanings" in told or "flag_values" in told or "status_flag" in cf.text(told.get("standard_name"))
    return name in bounds or flags or "instance_dimension" in told or not one.usable


def _series(level: _Level, name: str, one: Variable, axis: str, at: Mapping[str, int], rows: int) -> Iterator[Series]:
    """The columns of a variable at one place; along further dimensions, such as depth, it is several."""
    along = one.axes.index(axis)
    if one.shape[along] != rows:
        return
    rest = [
        other
        for other, length in zip(one.axes, one.shape, strict=True)
        if other != axis and other not in at and length > 1
    ]
    counts = [one.shape[one.axes.index(other)] for other in rest]
    if int(np.prod(counts, dtype=object)) > 1000:
        return
    for further in product(*(range(count) for count in counts)):
        chosen = {**at, **dict(zip(rest, further, strict=True))}
        place = tuple(chosen.get(other, 0) for other in one.axes if other != axis)
        label = _label(level, name, one, list(zip(rest, further, strict=True)))
        yield Series(label, one, "/".join((*level.path, name)), along, place, one.unit)


def _label(level: _Level, name: str, one: Variable, further: Sequence[tuple[str, int]]) -> str:
    """What one column of a variable is called: as the file names it, else by its places along further dimensions."""
    if len(further) == 1 and len(one.names) == one.shape[one.axes.index(further[0][0])] == len(set(one.names)):
        return one.names[further[0][1]]
    places = (
        str(index + 1) if ANONYMOUS in axis else _place_name(level, axis, index, short=True) for axis, index in further
    )
    return "_".join((name, *places))


def _place_name(level: _Level, axis: str, place: int, *, short: bool = False) -> str:
    """What a place along a dimension is called: its text, the dimension with the value of its coordinate or its number.

    Parameters
    ----------
    short
        Without the name of the dimension.
    """
    texts = [one for one in level.variables.values() if one.axes == (axis,) and one.dtype.kind in "UO"]
    texts.sort(key=lambda one: "cf_role" not in level.told(one))
    for one in texts:
        names = [_written(value) for value in np.ravel(one.values())]
        if len(set(names)) == len(names):
            return names[place]
    coordinate = level.variables.get(axis)
    known = coordinate is not None and coordinate.axes == (axis,)
    number = _written(np.ravel(coordinate.values())[place]) if coordinate is not None and known else str(place + 1)
    return number if short else f"{axis} {number}"


def _written(value: Any) -> str:
    if isinstance(value, (np.floating, float)):
        return f"{float(value):g}"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _constants(level: _Level, at: Mapping[str, int]) -> dict[str, float | str]:
    """Values that hold for a whole place."""
    found: dict[str, float | str] = {}
    for name, one in level.variables.items():
        if len(one.axes) != 1 or one.axes[0] not in at or one.dtype.kind not in "biufUO":
            continue
        value = np.ravel(one.values())[at[one.axes[0]]]
        found[name] = float(value) if one.dtype.kind in "biuf" else _written(value)
    return found


def _ragged(level: _Level, axis: str, rows: int) -> Sequence[Series]:
    """The names of the trajectories of rows that lie one below the other, by counts or by an index."""
    for one in level.variables.values():
        told = level.told(one)
        if cf.text(told.get("sample_dimension")) == axis and len(one.axes) == 1:
            counts = np.nan_to_num(one.values()).astype(np.int64)
            if counts.min() < 0 or counts.sum() != rows:
                continue
            places = np.repeat(np.arange(len(counts)), counts)
            return (_names_of(level, one.axes[0], places, axis),)
        if cf.text(told.get("instance_dimension")) and one.axes == (axis,):
            places = np.nan_to_num(one.values()).astype(np.int64)
            return (_names_of(level, cf.text(told["instance_dimension"]), places, axis),)
    return ()


def _names_of(level: _Level, instances: str, places: np.ndarray, axis: str) -> Series:
    names = {int(place): _place_name(level, instances, int(place)) for place in np.unique(places)}
    texts = np.array([names[int(place)] for place in places], dtype=object)
    return Series("trajectory", variable(texts, axes=(axis,)), "trajectory", 0)
