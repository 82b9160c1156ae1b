"""Sums of low powers and of one shape that laws have: saturation, inhibition, decay, a threshold.

A shape is a function of one argument with a constant within it: ``x/(K + x)``, ``1/(K + x^n)``, ``x/(K + x + x^2/L)``, ``exp(-k*x)``,
``tanh(k*x)``, roots. Its constants run over a grid, it may be multiplied by the other arguments, and which summands stay is
decided by backward elimination: sparse regression on a library (Brunton, Proctor and Kutz 2016, PNAS 113, 3932) whose
columns are the terms that textbooks write. The constants of what is offered are fitted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ndestudio.distil.linearised import MOST_TERMS, TermData, evaluate_at, monomials, rows_of, weighted_sum
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number

GRID = (0.03, 0.05, 0.09, 0.15, 0.25, 0.4, 0.7, 1.2, 2.0, 3.3, 5.5)
"""Constants, in units of the usual size of the argument (to the power it has)."""
COARSE = (0.1, 0.4, 1.6, 6.4)
POWERS = (1, 2, 3, 4, 6, 10)
HALF_POWERS = (0.5, 1.5, 2.5)
DEGREE = 2
FAMILIES, LONGEST = 16, 5
"""Families that are offered, and of each the best sums of so many summands and less: between the constants of the grid a short sum
looks worse than it is."""
PRICE = 4.0
"""Nats that a summand costs beside what the number before it does."""
RIDGE = 1e-9


def sums_with_shapes(data: TermData, operators: Sequence[str]) -> list[Expr]:
    """Sums of low powers and a shape that describe one term shortly, those of ``operators``."""
    plain = monomials(data.arguments, DEGREE)
    groups = [group for k in range(len(data.arguments)) for group in _groups(data, k, operators)]
    if not groups or not {"*", "+"} <= set(operators):
        return []
    own = len(groups[0].columns)
    known, known_size = rows_of(data, plain)
    shaped, shaped_size = rows_of(data, [column for group in groups for column in group.columns])
    rows = np.concatenate(
        [
            shaped.T.reshape(len(groups), own, -1),
            np.broadcast_to(known.T, (len(groups), *known.T.shape)),
        ],
        axis=1,
    )
    best: dict[str, dict[int, _Sum]] = {}
    for one in sorted(_on_the_way_down(rows, data.target), key=lambda one: one.length):
        if one.chosen.min() < own:
            best.setdefault(groups[one.group].family, {}).setdefault(len(one.chosen), one)
    found = []
    for family in list(best)[:FAMILIES]:
        for one in best[family].values():
            if len(one.chosen) <= LONGEST:
                k = one.group
                size = np.concatenate([shaped_size[k * own : (k + 1) * own], known_size])[one.chosen]
                columns = [*groups[k].columns, *plain]
                found.append(weighted_sum([columns[c] for c in one.chosen], one.numbers / size))
    return found


class _Sum(NamedTuple):
    length: float
    group: int
    chosen: Int[np.ndarray, " column"]
    numbers: Float[np.ndarray, " column"]


def _on_the_way_down(rows: Float[np.ndarray, "group column row"], target: Float[np.ndarray, " row"]) -> Iterator[_Sum]:
    """Backward elimination in all groups at once, and how long each sum on the way is."""
    groups, count, n = rows.shape
    gram, right = rows @ rows.transpose(0, 2, 1), rows @ target
    whole, price = float(target @ target), PRICE + 0.5 * np.log(max(n, 2))
    alive, each = np.tile(np.arange(count), (groups, 1)), np.arange(groups)[:, None]
    for left in range(count, 0, -1):
        A = gram[each[:, :, None], alive[:, :, None], alive[:, None, :]] + RIDGE * np.eye(left)
        b, inverse = right[each, alive], np.linalg.inv(A)
        x = (inverse @ b[..., None])[..., 0]
        if left <= MOST_TERMS:
            length = 0.5 * (whole - np.sum(x * b, axis=1)) + price * left
            yield from (_Sum(float(length[g]), g, alive[g], x[g]) for g in range(groups))
        worst = np.argmin(x**2 / np.diagonal(inverse, axis1=1, axis2=2), axis=1)
        keep = np.arange(left) != worst[:, None]
        alive = alive[keep].reshape(groups, left - 1)


@dataclass(frozen=True)
class _Group:
    """A shape multiplied by one, by other arguments and by products of two of them; those of a family differ in a constant."""

    family: str
    columns: tuple[Expr, ...]


def _groups(data: TermData, place: int, operators: Sequence[str]) -> Iterator[_Group]:
    name = data.arguments[place]
    others = [Name(other) for other in data.arguments if other != name]
    factors: list[Expr | None] = [None, *others, *(Binary("*", a, b) for a, b in combinations(others, 2))]
    x = data.points[:, place]
    for family, shape in _shapes(Name(name), x, operators):
        values = evaluate_at(shape, data.arguments, data.points)
        if np.isfinite(values).all() and float(np.ptp(values)) > 0.0:
            yield _Group(f"{name} {family}", tuple(_times(factor, shape) for factor in factors))


def _times(factor: Expr | None, shape: Expr) -> Expr:
    match factor, shape:
        case None, _:
            return shape
        case _, Binary("/", Number(1.0), below):  # no number that another one could stand for
            return Binary("/", factor, below)
        case _:
            return Binary("*", factor, shape)


def _shapes(x: Name, values: Float[np.ndarray, " point"], operators: Sequence[str]) -> Iterator[tuple[str, Expr]]:
    size = float(np.sqrt(np.mean(values**2)))
    positive = bool(values.min() >= 0.0)
    if not size > 0.0:
        return
    if "/" in operators:
        yield from _saturations(x, size, positive, operators)
    for rate in (part / size for part in GRID) if "exp" in operators else ():
        decay = Call("exp", (Negate(Binary("*", Number(rate), x)),))
        yield "exp", decay
        yield "x*exp", Binary("*", x, decay)
    for rate in (part / size for part in GRID) if "tanh" in operators else ():
        yield "tanh", Call("tanh", (Binary("*", Number(rate), x),))
    if "sqrt" in operators and positive:
        yield from ((f"^{power}", _power(x, power)) for power in HALF_POWERS)
    if "log" in operators and values.min() > 0.0:
        yield "log", Call("log", (x,))
        yield "x*log", Binary("*", x, Call("log", (x,)))


def _saturations(x: Name, size: float, positive: bool, operators: Sequence[str]) -> Iterator[tuple[str, Expr]]:
    """``x^m/(K + x^n)`` with m = 0, 1 and n, and ``x/(K + x + x^2/L)``: Hill, Haldane and their inhibitions."""
    halves = HALF_POWERS[1:] if positive and "sqrt" in operators else ()
    for n in (*POWERS, *halves):
        if not positive and n % 2:
            continue  # it would have a pole, or no value
        above = {0.0, 1.0, float(n)} if n <= 2 else {0.0, float(n)}
        for part in GRID:
            below = Binary("+", Number(part * size**n), _power(x, n))
            for m in sorted(above):
                yield f"{m}/{n}", Binary("/", _power(x, m) if m else Number(1.0), below)
    for half, inhibition in product(COARSE, COARSE) if positive else ():
        square = Binary("/", _power(x, 2), Number(inhibition * size))
        yield "haldane", Binary("/", x, Binary("+", Binary("+", Number(half * size), x), square))


def _power(x: Name, power: float) -> Expr:
    whole = int(power)
    base: Expr | None = None if not whole else x if whole == 1 else Binary("^", x, Number(float(whole)))
    if power == whole:
        assert base is not None
        return base
    root = Call("sqrt", (x,))
    return root if base is None else Binary("*", base, root)
