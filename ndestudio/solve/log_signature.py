"""Steps of the log-ODE method: over each step the path of the inputs is replaced by its log-signature.

A controlled differential equation dy = sum_j V_j(y) dX_j, the time being one of the X, is solved over a step by following

    dy/ds = sum_j V_j(y) (change of X_j) + sum_(i<j) A_ij [V_i, V_j](y),    0 <= s <= 1,
    A_ij = 1/2 integral (X_i - X_i0) dX_j - (X_j - X_j0) dX_i,              [V, W] = (V . d)W - (W . d)V,

whatever the path does in between (Lyons 2014, Rough paths, signatures and the modelling of functions on streams; Morrill, Salvi, Kidger and
Foster 2021, Neural rough differential equations for long time series, ICML). Depth 1 has the changes alone, depth 2 the areas A as
well. Inputs are coordinates themselves, with dX_j = d(X_j), so that right-hand sides may depend on them and on the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.names import rate_name

Plain = Callable[[Any, Any, Any], Any]
"""(t, u [input, ...], y [state, ...]) -> dy/dt"""
Along = Callable[[Plain, tuple[Any, Any, Any], tuple[Any, Any, Any]], Any]
"""(function, point, direction) -> its derivative in a direction"""
NODES = np.array([-np.sqrt(0.6), 0.0, np.sqrt(0.6)]) * 0.5 + 0.5
WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0
"""Of Gauss and Legendre on 0..1: exact for the product of a cubic and the slope of one."""
PART = 1e-5
"""Step of differences, as part of the size of what changes."""


def rates_of(inputs: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """(k, j) where input ``k`` is called as the rate of change of input ``j``."""
    places = {name: k for k, name in enumerate(inputs)}
    return tuple((places[rate_name(name)], j) for j, name in enumerate(inputs) if rate_name(name) in places)


def coordinates(inputs: int, rates: Sequence[tuple[int, int]]) -> list[int]:
    """Inputs that are coordinates of the path, after the time: all that are no rates."""
    return [j for j in range(inputs) if j not in {k for k, _ in rates}]


def pairs(inputs: int, rates: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of coordinates (0: the time) whose areas follow the inputs."""
    count = 1 + len(coordinates(inputs, rates))
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def along_path(
    control: ControlPath,
    u: Float[np.ndarray, "step stage input"],
    begin: Float[np.ndarray, " step"],
    h: Float[np.ndarray, " step"],
    c: Float[np.ndarray, " stage"],
    depth: int,
) -> Float[np.ndarray, "step stage read"]:
    """What stages read: inputs on the line between the ends of the step, their mean slopes, and from depth 2 on the areas over ``h``.

    Parameters
    ----------
    u
        Values at the stages, which steps of length 0 read.
    """
    moves = h > 0
    first, last = control(begin), control(begin + h, left=True)
    length = np.where(moves, h, 1.0)
    slope = (last - first) / length[:, None]
    line = first[:, None] + slope[:, None] * (h[:, None, None] * c[:, None])
    for k, j in control.rate_of:
        line[:, :, k] = slope[:, None, j]
    line = np.where(moves[:, None, None], line, u)
    if depth < 2:
        return line
    found = np.where(moves[:, None], areas(control, begin, h) / length[:, None], 0.0)
    wide = np.broadcast_to(np.nan_to_num(found)[:, None], (*line.shape[:2], found.shape[1]))
    return np.concatenate([line, wide], axis=2)


def areas(
    control: ControlPath, begin: Float[np.ndarray, " step"], h: Float[np.ndarray, " step"]
) -> Float[np.ndarray, "step pair"]:
    """A_ij of each step; the steps follow each other."""
    columns = coordinates(len(control.times), control.rate_of)
    breaks = [one.function.breaks for one in (control.pieces[j] for j in columns) if one is not None]
    ends = np.append(begin, begin[-1] + h[-1])
    knots = np.unique(np.concatenate([ends, *breaks]))
    knots = knots[(knots >= ends[0]) & (knots <= ends[-1])]
    left, width = knots[:-1], np.diff(knots)
    step = np.searchsorted(begin, left, side="right") - 1
    nodes = left[:, None] + width[:, None] * NODES
    path = np.concatenate([nodes[..., None], control(nodes)[..., columns]], axis=2)
    path = path - np.concatenate([begin[:, None], control(begin)[:, columns]], axis=1)[step][:, None]
    slopes = np.concatenate([np.ones_like(nodes)[..., None], control.derivative(nodes)[..., columns]], axis=2)
    turned = np.einsum("kni,knj,n,k->kij", path, slopes, WEIGHTS, width)
    whole = np.zeros((len(begin), *turned.shape[1:]))
    np.add.at(whole, step, turned)
    which = pairs(len(control.times), control.rate_of)
    return np.stack([0.5 * (whole[:, i, j] - whole[:, j, i]) for i, j in which], axis=1) if which else whole[:, 0, :0]


def with_brackets(f: Plain, inputs: Sequence[str], along: Along, xp: Any) -> Plain:
    """The field of a step: that of ``f`` and the brackets times the areas, which follow the inputs.

    sum_(i<j) a_ij [V_i, V_j] = sum_j (sum_i a_ij V_i) . dV_j for a skew a, so that each of the fields is differentiated once.
    """
    rates, count = rates_of(inputs), len(inputs)
    columns, which = coordinates(count, rates), pairs(count, rates)
    if not which:
        return f
    place = {j: n for n, j in enumerate(columns, 1)}
    driven = {0: None, **{place[j]: k for k, j in rates}}

    def field(t: Any, read: Any, y: Any) -> Any:
        u = read[:count]
        area = {pair: read[count + n] for n, pair in enumerate(which)}

        def skew(i: int, j: int) -> Any:
            return 0.0 if i == j else (area[i, j] if i < j else -area[j, i])

        def at_rate(k: int | None) -> Plain:
            """The right-hand sides where one rate is 1 and the others are 0; none: all are 0."""
            fixed = {one: 1.0 if one == k else 0.0 for one, _ in rates}

            def value(t: Any, u: Any, y: Any) -> Any:
                rows = [0.0 * u[n] + fixed[n] if n in fixed else u[n] for n in range(count)]
                return f(t, xp.stack(rows) if rows else u, y)

            return value

        still = at_rate(None)
        resting = still(t, u, y)
        fields = {n: resting if k is None else at_rate(k)(t, u, y) - resting for n, k in driven.items()}

        def direction(j: int) -> tuple[Any, Any, Any]:
            moved = [0.0 * u[n] + (skew(place[n], j) if n in place else 0.0) for n in range(count)]
            return skew(0, j) + 0.0 * t, xp.stack(moved), sum(skew(i, j) * one for i, one in fields.items()) + 0.0 * y

        point, total = (t, u, y), f(t, u, y)
        rest = direction(0)
        for n, k in driven.items():
            if k is not None:
                way = direction(n)
                total = total + along(at_rate(k), point, way)
                rest = tuple(a - b for a, b in zip(rest, way, strict=True))
        return total + along(still, point, rest)

    return field


def by_differences(scale: tuple[Any, Any, Any]) -> Along:
    """Derivatives in a direction by central differences.

    Parameters
    ----------
    scale
        Sizes of time, inputs [input] and states [state].
    """

    def along(f: Plain, point: tuple[Any, Any, Any], way: tuple[Any, Any, Any]) -> Any:
        t, u, y = point
        parts = [np.abs(way[0]) / scale[0]]
        for rows, sizes in ((way[1], scale[1]), (way[2], scale[2])):
            parts += [np.abs(row) / size for row, size in zip(rows, sizes, strict=True)]
        largest = parts[0]
        for one in parts[1:]:
            largest = np.maximum(largest, one)
        e = PART / np.where(largest > 0, largest, 1.0)
        wide = np.broadcast_shapes(np.shape(e), y.shape[1:])
        e = np.broadcast_to(e, wide)
        u, wu = (np.broadcast_to(_lined(rows, len(wide)), (len(rows), *wide)) for rows in (u, way[1]))
        ahead, behind = (f(t + s * way[0], u + s * wu, y + s * way[2]) for s in (e, -e))
        return (ahead - behind) / (2.0 * e)

    return along


def _lined(rows: Any, axes: int) -> Any:
    """Rows with as many axes after the first, new ones before the last."""
    while rows.ndim < axes + 1:
        rows = rows[:, None]
    return rows


def by_jax(f: Plain, point: tuple[Any, Any, Any], way: tuple[Any, Any, Any]) -> Any:
    """Derivatives in a direction in forward mode."""
    import jax

    return jax.jvp(f, point, way)[1]
