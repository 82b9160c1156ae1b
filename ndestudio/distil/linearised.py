"""Formulas judged in the linearised world of ``response``: fitted in milliseconds, one by one and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from ndestudio.distil.choice import fitted_constants
from ndestudio.distil.description import exactness, formula_nats, number_nats
from ndestudio.distil.laws import held
from ndestudio.distil.response import Response
from ndestudio.expression.arrays import ArrayFunction, compile_array
from ndestudio.expression.numeric import as_number, fold
from ndestudio.expression.tree import Binary, Expr, Number, substitute

_Compiled: TypeAlias = "tuple[ArrayFunction, np.ndarray, np.ndarray, int, int]"
"""A formula as a function, its points, the rows that sum over them, and where its numbers stand and how many."""

MOST_ROWS = 120
"""Rows of one term: the directions in which the data say most."""
INFORMATIVE = 0.3
"""A direction in which the whole term changes the data by less than this, in units of the noise, says nothing."""
UNSURE = 0.15
"""Standard deviation of the other unknown terms, in spreads, while one is searched; and the distance in which it changes:"""
REACH = 1.0
STEPS = 20
STEP, SMALL, DIGITS = 1e-6, 1e-4, 1e-9
"""Of differences by a number, of its size; the least size where that changes less of a formula's values than so much."""
LEAST_LEFT = 0.25
"""Part of the expected sum of squares below which formulas are not told from each other: the noise was estimated, or assumed
where there is next to none."""
MOST_TERMS = 8
"""Of a sum that is offered."""
LARGEST_SUBSET, LOOKED_AT, BEST_SUBSETS = 5, 20, 3
"""Sums of so many terms are looked for among all of so many; the best of each size that are offered."""
BOTH_WAYS = 0.1
"""Part of its range that a variable must lie on the other side of zero for its sign to matter."""


@dataclass(frozen=True, eq=False)
class TermData:
    """What the data say of one term, the others uncertain: ``target`` = ``rows`` f(points) + errors of size 1."""

    name: str
    arguments: tuple[str, ...]
    points: Float[np.ndarray, "point argument"]
    rows: Float[np.ndarray, "row point"]
    target: Float[np.ndarray, " row"]

    @property
    def spread(self) -> float:
        """Sum of squares that the best constant leaves."""
        one = self.rows.sum(axis=1)
        along = float(one @ self.target)
        return float(self.target @ self.target) - along**2 / max(float(one @ one), 1e-300)

    @property
    def noise(self) -> float:
        """The noise over the spread of the target, as standard deviations."""
        return float(np.sqrt(min(len(self.target) / max(self.spread, 1e-300), 1.0)))


def term_data(response: Response, name: str) -> TermData:
    """One term alone; the others may differ from the reference as a smooth function of their arguments."""
    from scipy.linalg import cholesky, solve_triangular

    own, target = response.terms[name], response.target.copy()
    covariance = np.eye(len(target))
    for other, term in response.terms.items():
        if other == name:
            continue
        target = target - term.rows @ term.reference
        covariance += _uncertain(term.points, term.reference, term.rows)
    factor = cholesky(covariance, lower=True)
    rows = solve_triangular(factor, own.rows, lower=True)
    target = solve_triangular(factor, target, lower=True)
    U, s, V = np.linalg.svd(rows, full_matrices=False)
    spread = float(np.sqrt(np.mean(own.reference**2))) or 1.0
    kept = int(np.clip((s * spread * np.sqrt(rows.shape[1]) > INFORMATIVE).sum(), min(8, len(s)), MOST_ROWS))
    return TermData(
        name,
        own.arguments,
        np.ascontiguousarray(own.points),
        np.ascontiguousarray(s[:kept, None] * V[:kept]),
        np.ascontiguousarray(U[:, :kept].T @ target),
    )


def quotient_by(data: TermData, factor: Float[np.ndarray, " point"]) -> TermData:
    """What the data say of the quotient of a term by ``factor``, whose values at the points are known."""
    return replace(data, rows=np.ascontiguousarray(data.rows * factor))


def _uncertain(
    points: Float[np.ndarray, "point argument"],
    values: Float[np.ndarray, " point"],
    rows: Float[np.ndarray, "row point"],
) -> Float[np.ndarray, "row row"]:
    """Covariance of the rows from a term that is known up to a Gaussian process (Rasmussen and Williams 2006)."""
    from scipy.spatial.distance import cdist

    scale = points.std(axis=0)
    z = points / np.where(scale > 0, scale, 1.0)
    size = UNSURE * (float(np.std(values)) or float(np.abs(values).max()))
    kernel = size**2 * np.exp(-0.5 * cdist(z, z, "sqeuclidean") / REACH**2)
    return rows @ kernel @ rows.T


@dataclass(frozen=True, eq=False)
class Fitted:
    """Formulas with fitted numbers, the sum of squares they leave in units of the noise, and their description length."""

    formulas: Mapping[str, Expr]
    squares: float
    length: float


def fit_term(data: TermData, formula: Expr) -> Fitted:
    """``formula`` fitted to one term's data."""
    found, squares = _fitted([(data.name, data.arguments, data.points, data.rows)], data.target, {data.name: formula})
    rows, constants = len(data.target), fitted_constants(formula)
    nats = formula_nats(found[data.name], data.arguments, data.points) + number_nats(constants, rows)
    nats += exactness(constants, max(squares, rows), data.spread)
    return Fitted(found, squares, 0.5 * squares + nats)


def with_noise_unknown(data: TermData, one: Fitted) -> float:
    """The description length of ``one`` where the size of the noise is an estimate too: a network that follows every value leaves
    too little of it."""
    rows, constants = len(data.target), fitted_constants(one.formulas[data.name])
    given = exactness(constants, max(one.squares, rows), data.spread)
    found = exactness(constants, max(one.squares, LEAST_LEFT * rows), data.spread)
    fit = 0.5 * rows * np.log(max(one.squares / rows, LEAST_LEFT))
    return float(one.length - 0.5 * one.squares + fit + found - given)


def nearest(data: TermData, starts: Sequence[Expr]) -> tuple[float, Expr]:
    """The sum of squares that the best of ``starts`` leaves, and that formula, each scaled by the number that suits it best."""
    rows, size = rows_of(data, starts)
    along = np.where(size > 0, data.target @ rows, 0.0)
    k = int(np.argmax(np.abs(along)))
    left = float(data.target @ data.target - along[k] ** 2)
    return left, _scaled(starts[k], float(along[k] / size[k])) if size[k] > 0 else starts[k]


def _scaled(formula: Expr, factor: float) -> Expr:
    """``formula`` times ``factor``, which a number that it is multiplied by takes up."""
    match formula:
        case Number(value):
            return as_number(value * factor)
        case Binary("*", left, right) if (more := _scaled(left, factor)) != Binary("*", as_number(factor), left):
            return Binary("*", more, right)
        case Binary("*", left, right) if (more := _scaled(right, factor)) != Binary("*", as_number(factor), right):
            return Binary("*", left, more)
        case Binary("/", above, below):
            return Binary("/", _scaled(above, factor), below)
        case _:
            return Binary("*", as_number(factor), formula)


def fit_together(response: Response, formulas: Mapping[str, Expr]) -> Fitted:
    """Formulas for all terms of ``response`` fitted together; terms without one stay as in the reference."""
    target, parts, nats, constants = response.target, [], 0.0, 0
    for name, term in response.terms.items():
        if name in formulas:
            parts.append((name, term.arguments, term.points, term.rows))
        else:
            target = target - term.rows @ term.reference
    found, squares = _fitted(parts, target, formulas)
    for name, term in response.terms.items():
        if name in formulas:
            nats += formula_nats(found[name], term.arguments, term.points)
            constants += fitted_constants(formulas[name])
    count = response.count
    nats += number_nats(constants, count)
    nats += exactness(constants, max(squares, LEAST_LEFT * count), float(target @ target))
    # the size of the noise is an estimate too
    fit = 0.5 * count * np.log(max(squares / count, LEAST_LEFT)) if count else 0.0
    return Fitted(found, squares, float(fit) + nats)


_Part = tuple[str, tuple[str, ...], np.ndarray, np.ndarray]


def _fitted(
    parts: Sequence[_Part], target: Float[np.ndarray, " row"], formulas: Mapping[str, Expr]
) -> tuple[dict[str, Expr], float]:
    """Levenberg-Marquardt on all numbers of the formulas."""
    from ndestudio.model.replace import parametrise

    functions: list[_Compiled] = []
    theta: list[float] = []
    forms = {}
    for name, arguments, points, rows in parts:
        form, values = parametrise(formulas[name], "number", set(arguments), held(formulas[name]))
        slots = {argument: k for k, argument in enumerate((*arguments, *values))}
        functions.append((compile_array(form, slots), points, rows, len(theta), len(values)))
        forms[name] = (form, list(values), len(theta))
        theta += list(values.values())
    x = np.array(theta, float)
    with np.errstate(all="ignore"):
        x, squares = _minimised(functions, target, x)
    found = {}
    for name, (form, symbols, at) in forms.items():
        numbers = {symbol: as_number(float(x[at + k])) for k, symbol in enumerate(symbols)}
        found[name] = fold(substitute(form, numbers))
    return found, squares


def _minimised(
    functions: Sequence[_Compiled], target: Float[np.ndarray, " row"], x: Float[np.ndarray, " number"]
) -> tuple[Float[np.ndarray, " number"], float]:
    """Numbers with the least squares (Levenberg 1944, Marquardt 1963), and the squares."""
    error, J = _linearised(functions, target, x)
    squares = float(error @ error)
    if not np.isfinite(squares) or not len(x):
        return x, squares if np.isfinite(squares) else np.inf
    damping = 1e-3
    for _ in range(STEPS):
        A, b = J.T @ J, J.T @ error
        if not np.isfinite(A).all():
            break
        scale = np.sqrt(np.maximum(np.diag(A), 1e-300))
        gained = 0.0
        for _ in range(5):
            move = (
                np.linalg.lstsq(A / np.outer(scale, scale) + damping * np.eye(len(x)), b / scale, rcond=1e-12)[0]
                / scale
            )
            trial = _residual(functions, target, x + move)
            value = float(trial @ trial)
            if np.isfinite(value) and value < squares:
                gained, x, squares, damping = squares - value, x + move, value, max(damping / 10, 1e-9)
                break
            damping *= 8
        if gained < 1e-3 + 1e-6 * squares:
            break
        error, J = _linearised(functions, target, x)
    return x, squares


def _residual(
    functions: Sequence[_Compiled], target: Float[np.ndarray, " row"], x: Float[np.ndarray, " number"]
) -> Float[np.ndarray, " row"]:
    error = target
    for function, points, rows, at, count in functions:
        values = function([*points.T, *x[at : at + count]])
        error = error - rows @ np.broadcast_to(values, (len(points),))
    return error


def _linearised(
    functions: Sequence[_Compiled], target: Float[np.ndarray, " row"], x: Float[np.ndarray, " number"]
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, "row number"]]:
    J = np.zeros((len(target), len(x)))
    error = target
    for function, points, rows, at, count in functions:
        own = x[at : at + count]
        step = STEP * np.where(own != 0.0, np.abs(own), SMALL)
        values = _moved(function, points, own, step)
        # a number that is small beside what it stands with needs a larger step, one that is small as all there is does not
        lost = np.abs(values[1:] - values[0]).max(axis=1, initial=0.0) < DIGITS * np.abs(values[0]).max(initial=0.0)
        if (lost & (step < STEP * SMALL)).any():
            step = np.where(lost, np.maximum(step, STEP * SMALL), step)
            values = _moved(function, points, own, step)
        error = error - rows @ values[0]
        J[:, at : at + count] = rows @ ((values[1:] - values[0]) / step[:, None]).T
    return error, J


def _moved(
    function: ArrayFunction,
    points: Float[np.ndarray, "point argument"],
    own: Float[np.ndarray, " number"],
    step: Float[np.ndarray, " number"],
) -> Float[np.ndarray, "moved point"]:
    """Values of a formula, and those with each of its numbers changed by its step."""
    count = len(own)
    copies = np.repeat(own[None], count + 1, axis=0)
    copies[np.arange(1, count + 1), np.arange(count)] += step
    return np.broadcast_to(function([*points.T, *copies.T[..., None]]), (count + 1, len(points)))


def evaluate_at(
    formula: Expr, arguments: Sequence[str], points: Float[np.ndarray, "point argument"]
) -> Float[np.ndarray, " point"]:
    """Values of a formula at points."""
    function = compile_array(formula, {name: k for k, name in enumerate(arguments)})
    with np.errstate(all="ignore"):
        return np.broadcast_to(function(list(points.T)), (len(points),))


def sums_of_powers(data: TermData) -> list[Expr]:
    """Polynomials that describe one term shortly."""
    count = len(data.arguments)
    found = []
    for exponents in (_up_to(count, 3 if count > 1 else 5), _exponents(count, len(data.target))):
        columns = [_monomial(data.arguments, e) for e in exponents]
        found += [*_subsets(data, columns), *_eliminated(data, columns)]
    return found


def sums_of_known(data: TermData, known: Sequence[Expr]) -> list[Expr]:
    """Sums of low powers, of what ``known`` are sums of, and of ``x*abs(x)``, the drag of a fast body.

    Parameters
    ----------
    known
        Formulas in the names of the arguments, of this term and of others.
    """
    from ndestudio.distil.forms import summands
    from ndestudio.distil.search import skeleton
    from ndestudio.expression.tree import Binary, Call, Name, names

    columns = monomials(data.arguments, 3 if len(data.arguments) <= 3 else 2)
    for k, name in enumerate(data.arguments):
        low, high = float(data.points[:, k].min()), float(data.points[:, k].max())
        if min(-low, high) > BOTH_WAYS * max(-low, high):
            columns.append(Binary("*", Name(name), Call("abs", (Name(name),))))
    seen = {skeleton(one) for one in columns}
    for formula in known:
        for _, part in summands(formula):
            text = skeleton(part)
            if names(part) and set(names(part)) <= set(data.arguments) and text not in seen:
                seen.add(text)
                columns.append(part)
    return [*_subsets(data, columns), *_eliminated(data, columns)]


def sums_with_waves(data: TermData, functions: Sequence[str]) -> list[Expr]:
    """Sums of powers and of sines and cosines, as laws of angles are: of an argument, or of the difference of two.

    Parameters
    ----------
    functions
        Those of `sin` and `cos` that may be used.
    """
    from ndestudio.expression.tree import Binary, Call, Name

    angles: list[Expr] = [Name(name) for name in data.arguments]
    angles += [Binary("-", Name(one), Name(other)) for one, other in combinations(data.arguments, 2)]
    waves = [Call(name, (angle,)) for angle in angles for name in functions]
    if not waves:
        return []
    columns = [*monomials(data.arguments, 3 if len(data.arguments) < 3 else 2), *waves]
    return [*_subsets(data, columns), *_eliminated(data, columns)]


def _eliminated(data: TermData, columns: Sequence[Expr]) -> list[Expr]:
    """Backward elimination: the sums of at most ``MOST_TERMS`` of ``columns`` on the way down."""
    rows, size = rows_of(data, columns)
    alive = [k for k in range(len(columns)) if size[k] > 0][: len(data.target) - 2]
    found = []
    while alive:
        Q, R = np.linalg.qr(rows[:, alive])
        if np.abs(np.diag(R)).min() < 1e-9:
            alive.pop(int(np.abs(np.diag(R)).argmin()))
            continue
        inverse = np.linalg.inv(R)
        x = inverse @ (Q.T @ data.target)
        if len(alive) <= MOST_TERMS:
            found.append(weighted_sum([columns[k] for k in alive], x / size[alive]))
        alive.pop(int(np.argmin(x**2 / np.sum(inverse**2, axis=1))))
    return found


def _subsets(data: TermData, columns: Sequence[Expr]) -> list[Expr]:
    """The best sums of one, two, ... ``LARGEST_SUBSET`` of ``columns``, out of all (of the likeliest ``LOOKED_AT``)."""
    rows, size = rows_of(data, columns)
    likely = _likely(rows, data.target, [k for k in range(len(columns)) if size[k] > 0])
    gram, right = rows.T @ rows, rows.T @ data.target
    found = []
    for count in range(1, min(LARGEST_SUBSET, len(likely)) + 1):
        chosen = np.array(list(combinations(likely, count)))
        A = gram[chosen[:, :, None], chosen[:, None, :]] + 1e-9 * np.eye(count)
        x = np.linalg.solve(A, right[chosen][..., None])[..., 0]
        gain = np.sum(x * right[chosen], axis=1)
        for place in np.argsort(-gain, kind="stable")[:BEST_SUBSETS]:
            pick = chosen[place]
            found.append(weighted_sum([columns[k] for k in pick], x[place] / size[pick]))
    return found


def _likely(rows: Float[np.ndarray, "row column"], target: Float[np.ndarray, " row"], alive: list[int]) -> list[int]:
    """Columns in the order in which forward selection takes them (orthogonal least squares: Chen, Billings, Luo 1989)."""
    if len(alive) <= LOOKED_AT:
        return alive
    left, target, found = rows.copy(), target.copy(), []
    while len(found) < LOOKED_AT:
        norm = np.linalg.norm(left, axis=0)
        good = (norm > 1e-4) & np.isin(np.arange(rows.shape[1]), alive) & ~np.isin(np.arange(rows.shape[1]), found)
        if not good.any():
            break
        gain = np.where(good, (left.T @ target) ** 2 / np.where(good, norm, 1.0) ** 2, -1.0)
        best = int(np.argmax(gain))
        found.append(best)
        q = left[:, best] / norm[best]
        target = target - q * (q @ target)
        left = left - np.outer(q, q @ left)
    return sorted(found)


def rows_of(
    data: TermData, columns: Sequence[Expr]
) -> tuple[Float[np.ndarray, "row column"], Float[np.ndarray, " column"]]:
    """Rows of ``columns``, scaled to length 1, and their lengths (0: no finite values)."""
    with np.errstate(all="ignore"):
        values = [evaluate_at(one, data.arguments, data.points) for one in columns]
        rows = data.rows @ np.stack(values, axis=1)
        size = np.linalg.norm(rows, axis=0)
    size = np.where(np.isfinite(size), size, 0.0)
    return np.where(size > 0, rows / np.where(size > 0, size, 1.0), 0.0), size


def _exponents(arguments: int, rows: int) -> list[tuple[int, ...]]:
    degree = {1: 6, 2: 5, 3: 4}.get(arguments, 3)
    while degree > 1 and len(_up_to(arguments, degree)) > 0.6 * rows:
        degree -= 1
    return _up_to(arguments, degree)


def _up_to(arguments: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials of at most this degree."""
    from itertools import product as every

    found = [e for e in every(range(degree + 1), repeat=arguments) if sum(e) <= degree]
    return sorted(found, key=lambda e: (sum(e), e))


def monomials(arguments: Sequence[str], degree: int) -> list[Expr]:
    """All products of powers of ``arguments`` of at most this degree, 1 among them."""
    return [_monomial(arguments, e) for e in _up_to(len(arguments), degree)]


def _monomial(arguments: Sequence[str], exponents: Sequence[int]) -> Expr:
    from ndestudio.expression.tree import Binary, Name, Number

    total: Expr | None = None
    for name, power in zip(arguments, exponents, strict=True):
        if power:
            factor: Expr = Name(name) if power == 1 else Binary("^", Name(name), Number(float(power)))
            total = factor if total is None else Binary("*", total, factor)
    return Number(1.0) if total is None else total


def weighted_sum(columns: Sequence[Expr], numbers: Float[np.ndarray, " column"]) -> Expr:
    """``columns`` multiplied by ``numbers`` and added up."""
    from ndestudio.expression.tree import Binary, Number

    total: Expr | None = None
    for column, number in zip(columns, numbers, strict=True):
        value = as_number(float(number))
        match column:
            case Number(1.0):
                term: Expr = value
            case Binary("/", Number(1.0), below):  # one number, not two that say the same
                term = Binary("/", value, below)
            case _:
                term = Binary("*", value, column)
        total = term if total is None else Binary("+", total, term)
    assert total is not None
    return total
