"""Formulas judged in the linearised world of ``response``: fitted in milliseconds, one by one and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.distil.choice import fitted_constants
from ndestudio.distil.description import formula_nats, number_nats
from ndestudio.distil.response import Response
from ndestudio.expression.arrays import compile_array
from ndestudio.expression.numeric import as_number, fold
from ndestudio.expression.tree import Expr, substitute

MOST_ROWS = 120
"""Rows of one term: the directions in which the data say most."""
INFORMATIVE = 0.3
"""A direction in which the whole term changes the data by less than this, in units of the noise, says nothing."""
UNSURE = 0.15
"""Standard deviation of the other unknown terms, in spreads, while one is searched; and the distance in which it changes:"""
REACH = 1.0
STEPS = 20


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
    spread = float(np.std(own.reference)) or float(np.abs(own.reference).max()) or 1.0
    kept = int(np.clip((s * spread * np.sqrt(rows.shape[1]) > INFORMATIVE).sum(), min(8, len(s)), MOST_ROWS))
    return TermData(
        name,
        own.arguments,
        np.ascontiguousarray(own.points),
        np.ascontiguousarray(s[:kept, None] * V[:kept]),
        np.ascontiguousarray(U[:, :kept].T @ target),
    )


def _uncertain(
    points: Float[np.ndarray, "point argument"], values: Float[np.ndarray, " point"], rows: Float[np.ndarray, "row point"]
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
    rows = len(data.target)
    nats = formula_nats(found[data.name], data.arguments, data.points) + number_nats(fitted_constants(formula), rows)
    return Fitted(found, squares, 0.5 * squares + nats)


def fit_together(response: Response, formulas: Mapping[str, Expr]) -> Fitted:
    """Formulas for all terms of ``response`` fitted together; terms without one stay as in the reference."""
    target, parts, nats = response.target, [], 0.0
    for name, term in response.terms.items():
        if name in formulas:
            parts.append((name, term.arguments, term.points, term.rows))
        else:
            target = target - term.rows @ term.reference
    found, squares = _fitted(parts, target, formulas)
    squares += response.left
    for name, term in response.terms.items():
        if name in formulas:
            nats += formula_nats(found[name], term.arguments, term.points)
            nats += number_nats(fitted_constants(formulas[name]), response.count)
    count = response.count
    # the size of the noise is an estimate too
    fit = 0.5 * count * np.log(max(squares, 1e-300) / count) if count else 0.0
    return Fitted(found, squares, float(fit) + nats)


_Part = tuple[str, tuple[str, ...], np.ndarray, np.ndarray]


def _fitted(
    parts: Sequence[_Part], target: Float[np.ndarray, " row"], formulas: Mapping[str, Expr]
) -> tuple[dict[str, Expr], float]:
    """Levenberg-Marquardt on all numbers of the formulas."""
    from ndestudio.model.replace import parametrise

    functions, theta, forms = [], [], {}
    for name, arguments, points, rows in parts:
        form, values = parametrise(formulas[name], "number", set(arguments))
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


def _minimised(functions, target, x):  # type: ignore[no-untyped-def]
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
            move = np.linalg.lstsq(A / np.outer(scale, scale) + damping * np.eye(len(x)), b / scale, rcond=1e-12)[0] / scale
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


def _residual(functions, target, x):  # type: ignore[no-untyped-def]
    error = target
    for function, points, rows, at, count in functions:
        values = function([*points.T, *x[at : at + count]])
        error = error - rows @ np.broadcast_to(values, (len(points),))
    return error


def _linearised(functions, target, x):  # type: ignore[no-untyped-def]
    J = np.zeros((len(target), len(x)))
    error = target
    for function, points, rows, at, count in functions:
        own = x[at : at + count]
        step = 1e-6 * np.maximum(np.abs(own), 1e-4)
        copies = np.repeat(own[None], count + 1, axis=0)
        copies[np.arange(1, count + 1), np.arange(count)] += step
        values = np.broadcast_to(function([*points.T, *copies.T[..., None]]), (count + 1, len(points)))
        error = error - rows @ values[0]
        J[:, at : at + count] = rows @ ((values[1:] - values[0]) / step[:, None]).T
    return error, J


def sums_of_powers(data: TermData, products: bool = True) -> list[Expr]:
    """Polynomials that describe one term shortly: backward elimination over monomials.

    Parameters
    ----------
    products
        Whether variables may be multiplied with each other.
    """
    exponents = _exponents(len(data.arguments), len(data.target), products)
    columns = np.stack([np.prod(data.points**np.array(e), axis=1) for e in exponents], axis=1)
    rows = data.rows @ columns
    size = np.linalg.norm(rows, axis=0)
    alive = [k for k in range(len(exponents)) if np.isfinite(size[k]) and size[k] > 0]
    found = []
    while alive:
        Q, R = np.linalg.qr(rows[:, alive] / size[alive])
        if np.abs(np.diag(R)).min() < 1e-10:
            alive.pop(int(np.abs(np.diag(R)).argmin()))
            continue
        inverse = np.linalg.inv(R)
        x = inverse @ (Q.T @ data.target)
        if len(alive) <= 8:
            found.append(_polynomial(data.arguments, [exponents[k] for k in alive], x / size[alive]))
        alive.pop(int(np.argmin(x**2 / np.sum(inverse**2, axis=1))))
    return found


def _exponents(arguments: int, rows: int, products: bool) -> list[tuple[int, ...]]:
    from itertools import product as every

    degree = {1: 6, 2: 5, 3: 4}.get(arguments, 3)
    while True:
        found = [
            e
            for e in every(range(degree + 1), repeat=arguments)
            if sum(e) <= degree and (products or sum(1 for one in e if one) <= 1)
        ]
        if degree == 1 or len(found) <= 0.6 * rows:
            return sorted(found, key=lambda e: (sum(e), e))
        degree -= 1


def _polynomial(arguments: Sequence[str], exponents: Sequence[tuple[int, ...]], numbers: Sequence[float]) -> Expr:
    from ndestudio.expression.tree import Binary, Name, Number

    total: Expr | None = None
    for exponent, number in zip(exponents, numbers, strict=True):
        term: Expr = as_number(float(number))
        for name, power in zip(arguments, exponent, strict=True):
            if power:
                factor: Expr = Name(name) if power == 1 else Binary("^", Name(name), Number(float(power)))
                term = Binary("*", term, factor)
        total = term if total is None else Binary("+", total, term)
    assert total is not None
    return total
