"""Formulas worth trying for a network of a stochastic model: sparse polynomials and what the engine finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.distil.description import formula_nats, is_sound, number_nats
from ndestudio.distil.search import skeleton
from ndestudio.distil.stochastic.responses import Response
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import evaluate, number_of
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.tree import Call, Expr, Number
from ndestudio.model.replace import parametrise

DEGREE, MOST_TERMS, MOST_ARGUMENTS = 3, 6, 3
EACH_SIZE = 3
"""Polynomials of two and of three terms that are tried."""


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula for a network.

    Parameters
    ----------
    expression
        In the arguments of the network.
    nats
        Its description length on the response: misfit, form and numbers.
    """

    expression: Expr
    nats: float


def length(expr: Expr, names: Sequence[str], X: Float[np.ndarray, "cell argument"], count: int) -> float:
    """Length of a formula with its fitted numbers, in nats, where there are ``count`` transitions."""
    return formula_nats(expr, names, X) + number_nats(len(parametrise(expr, "c")[1]), count)


def ranked(
    names: Sequence[str],
    direct: Response,
    squared: Response | None,
    found: Sequence[Expr],
    found_squared: Sequence[Expr],
    count: int,
    most: int,
) -> list[Formula]:
    """The formulas of shortest description, of different structure.

    Parameters
    ----------
    squared
        Response of the square, None for a drift.
    found, found_squared
        Formulas of the engine for the network and its square.
    count
        Transitions.
    most
        How many are returned.
    """
    formulas = [_judged(one, one, names, direct, count) for one in (*polynomials(names, direct, count), *found)]
    if squared is not None:
        both = (*polynomials(names, squared, count), *found_squared)
        formulas += [_judged(_root(one), one, names, squared, count) for one in both]
    best: dict[str, Formula] = {}
    for one in sorted((one for one in formulas if one is not None), key=lambda one: one.nats):
        best.setdefault(skeleton(one.expression), one)
    by_numbers: dict[int, list[Formula]] = {}
    for one in best.values():
        by_numbers.setdefault(len(parametrise(one.expression, "c")[1]), []).append(one)
    # near each other in length, long forms would crowd out the short ones that they imitate
    short = [one for count_of in (0, 1, 2) for one in by_numbers.get(count_of, [])[:3]]
    rest = [one for one in best.values() if one not in short]
    return [*short, *rest[: max(most - len(short), 2)]]


def _root(expr: Expr) -> Expr:
    value = number_of(expr)
    return Number(float(np.sqrt(value))) if value is not None and value > 0 else Call("sqrt", (expr,))


def _judged(expr: Expr, fitted: Expr, names: Sequence[str], response: Response, count: int) -> Formula | None:
    values = dict(zip(names, response.X.T, strict=True))
    try:
        at = np.broadcast_to(evaluate(fitted, values), response.y.shape)
        if not np.isfinite(at).all() or not is_sound(expr, names, response.X):
            return None
        return Formula(expr, response.misfit(at) + length(expr, names, response.X, count))
    except (EquationError, ValueError):
        return None


def polynomials(names: Sequence[str], response: Response, count: int) -> list[Expr]:
    """Polynomials to the third degree: the best of few terms, and more terms taken away one by one where the misfit rises least."""
    del count
    if len(names) > MOST_ARGUMENTS:
        return []
    powers = [one for degree in range(DEGREE + 1) for one in combinations_with_replacement(range(len(names)), degree)]
    columns = np.stack([np.prod(response.X[:, list(one)], axis=1) for one in powers], axis=1)
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    A, b = response.white(columns / scale), response.goal
    active = list(range(len(powers)))
    found = []
    while active:
        if len(active) <= MOST_TERMS:
            solution = np.linalg.lstsq(A[:, active], b, rcond=None)[0] / scale[active]
            terms = [(value, [names[k] for k in powers[j]]) for value, j in zip(solution, active, strict=True)]
            found.append(_expression(terms))
        if len(active) == 1:
            break
        losses = []
        for j in active:
            rest = [k for k in active if k != j]
            r = b - A[:, rest] @ np.linalg.lstsq(A[:, rest], b, rcond=None)[0]
            losses.append((float(r @ r), j))
        active.remove(min(losses)[1])
    return [*found, *_few(names, powers, A, b, scale), *_single(names, powers, A, b, scale)]


def _few(
    names: Sequence[str], powers: Sequence[tuple[int, ...]], A: np.ndarray, b: np.ndarray, scale: np.ndarray
) -> list[Expr]:
    """The best polynomials of two and of three terms, which taking away one by one may miss."""
    products, toward, whole = A.T @ A, A.T @ b, float(b @ b)
    found = []
    for size in (2, 3):
        fits: list[tuple[float, list[int], Any]] = []
        for some in combinations(range(len(powers)), size):
            place = list(some)
            solution = np.linalg.lstsq(products[np.ix_(place, place)], toward[place], rcond=None)[0]
            fits.append((whole - float(solution @ toward[place]), place, solution / scale[place]))
        fits.sort(key=lambda one: one[0])
        for _, place, values in fits[:EACH_SIZE]:
            terms = [(float(value), [names[k] for k in powers[j]]) for value, j in zip(values, place, strict=True)]
            found.append(_expression(terms))
    return found


def _single(
    names: Sequence[str], powers: Sequence[tuple[int, ...]], A: np.ndarray, b: np.ndarray, scale: np.ndarray
) -> list[Expr]:
    """A constant, and single powers and products to the second degree."""
    few = [k for k, one in enumerate(powers) if len(one) <= 2]
    values = [float(A[:, k] @ b / max(A[:, k] @ A[:, k], 1e-300) / scale[k]) for k in few]
    return [_expression([(value, [names[j] for j in powers[k]])]) for value, k in zip(values, few, strict=True)]


def _expression(terms: Sequence[tuple[float, list[str]]]) -> Expr:
    text = ""
    for value, factors in terms:
        powers = [
            f"{name}^{factors.count(name)}" if factors.count(name) > 1 else name for name in dict.fromkeys(factors)
        ]
        part = "*".join([repr(abs(float(value))), *powers])
        text += f" {'-' if value < 0 else '+'} {part}" if text else f"{'-' if value < 0 else ''}{part}"
    return parse_expression(text)
