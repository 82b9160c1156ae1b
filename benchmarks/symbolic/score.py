"""Whether a formula is the right one: one measure for all engines."""

from __future__ import annotations

import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.symbolic.problem import BenchmarkProblem, Samples
from ndestudio.distil.forms import simplest, summands
from ndestudio.expression import Binary, Call, Expr, Negate, Number, evaluate, fold, parse_expression, to_sympy
from ndestudio.expression.tree import size, substitute, transform
from ndestudio.model.replace import parametrise

EXACT = 1e-12
"""NMSE on the training rows."""
EXTRAPOLATES = 1e-6
"""NMSE on the wider box."""
LONGER = 1.3
"""Size allowed relative to the truth's."""
CONSTANTS = 0.05
"""Relative error of constants that is allowed with noise."""


@dataclass(frozen=True)
class Assessment:
    """What a front came to.

    Parameters
    ----------
    recovered
        By the strict rule (noise-free), or right structure with constants within 5% (noisy).
    fitted
        Some member has an NMSE below ``EXACT`` on the noiseless training rows.
    error, wide
        NMSE of the judged formula on noiseless training rows and on the wider box.
    """

    recovered: bool
    fitted: bool
    formula: str
    error: float
    wide: float


def nmse(expr: Expr, names: Sequence[str], X: Float[np.ndarray, "row variable"], y: Float[np.ndarray, " row"]) -> float:
    """Mean squared error over the variance of y; infinite where the formula has no value."""
    with np.errstate(all="ignore"):
        values = np.broadcast_to(evaluate(expr, {name: X[:, k] for k, name in enumerate(names)}), y.shape)
        error = float(np.mean((values - y) ** 2) / np.var(y))
    return error if math.isfinite(error) else math.inf


def optimised(
    expr: Expr, names: Sequence[str], X: Float[np.ndarray, "row variable"], y: Float[np.ndarray, " row"]
) -> Expr:
    """``expr`` with its numbers refitted in double precision; engines that compute in single precision need it."""
    from scipy.optimize import least_squares

    form, values = parametrise(expr, "constant")
    if not values or len(values) > 40:
        return expr
    columns = {name: X[:, k] for k, name in enumerate(names)}
    spread = float(np.std(y))

    def residuals(c: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            r = (
                np.broadcast_to(evaluate(form, {**columns, **dict(zip(values, c, strict=True))}), y.shape) - y
            ) / spread
        return np.where(np.isfinite(r), r, 1e6)

    start = np.array(list(values.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solution = least_squares(
            residuals, start, x_scale=np.maximum(np.abs(start), 1e-8), xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=60
        )
    numbers = dict(zip(values, solution.x, strict=True))
    better = substitute(form, {name: Number(float(value)) for name, value in numbers.items() if name in values})
    return better if nmse(better, names, X, y) < nmse(expr, names, X, y) else expr


def read(texts: Sequence[str]) -> list[Expr]:
    """The formulas that our grammar can read; others (functions it does not have) are left out."""
    from ndestudio.errors import EquationError

    found = []
    for text in texts:
        try:
            found.append(fold(parse_expression(text)))
        except EquationError:
            continue
    return found


def judge_clean(problem: BenchmarkProblem, samples: Samples, formulas: Sequence[Expr]) -> Assessment:
    """The strict rule: the simplest member that reproduces the rows must be the truth, or as short and as right beyond."""
    best: Expr | None = None
    for formula in sorted(formulas, key=size):
        error = nmse(formula, problem.names, samples.X, samples.y_clean)
        if EXACT <= error < 1e-5:
            formula = optimised(formula, problem.names, samples.X, samples.y_clean)
            error = nmse(formula, problem.names, samples.X, samples.y_clean)
        if error < EXACT:
            return _strict(problem, samples, formula, error)
        if best is None or error < nmse(best, problem.names, samples.X, samples.y_clean):
            best = formula
    if best is None:
        return Assessment(False, False, "", math.inf, math.inf)
    return _assessment(problem, samples, best, recovered=False)


def _strict(problem: BenchmarkProblem, samples: Samples, formula: Expr, error: float) -> Assessment:
    wide = nmse(formula, problem.names, samples.X_wide, samples.y_wide)
    short = simplest(formula)
    truth = fold(parse_expression(problem.truth))
    allowed = LONGER * min(size(truth), size(simplest(truth)))
    right = wide < EXTRAPOLATES and (min(size(formula), size(short)) <= allowed or _same(short, truth))
    return Assessment(right, True, _text(short), error, wide)


def _same(formula: Expr, truth: Expr) -> bool:
    """Equal for SymPy, with constants rounded to ten digits."""
    import sympy

    if size(formula) > 60:
        return False
    try:
        with _limited(20):
            difference = sympy.nsimplify(to_sympy(formula) - to_sympy(truth), rational=True, tolerance=1e-9)
            return sympy.simplify(difference) == 0
    except (TimeoutError, NotImplementedError, ValueError, TypeError, RecursionError, AttributeError):
        return False


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in the block after this time, where the platform has alarms: SymPy may think for hours."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def late(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge_noisy(problem: BenchmarkProblem, samples: Samples, formula: Expr) -> Assessment:
    """Right structure and constants within 5%.

    The truth's numbers are freed (and a factor is given to every term and argument that has none) and fitted to the values of
    ``formula``, starting from the truth: the structure is right if that succeeds exactly, the constants if none moved by more.
    """
    return _assessment(problem, samples, formula, recovered=_same_structure(problem, samples, formula))


def _same_structure(problem: BenchmarkProblem, samples: Samples, formula: Expr) -> bool:
    form, values = parametrise(freed(fold(parse_expression(problem.truth))), "constant")
    columns = {name: samples.X[:, k] for k, name in enumerate(problem.names)}
    with np.errstate(all="ignore"):
        target = np.broadcast_to(evaluate(formula, columns), samples.y.shape)
    if not np.isfinite(target).all():
        return False
    spread = float(np.std(samples.y_clean))
    start = np.array(list(values.values()))

    def residuals(c: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            r = (evaluate(form, {**columns, **dict(zip(values, c, strict=True))}) - target) / spread
        return np.where(np.isfinite(r), r, 1e3) * np.ones(len(target))

    end = _nearest_solution(residuals, start)
    exact = float(np.mean(residuals(end) ** 2)) < 1e-9
    return exact and bool(np.all(np.abs(end - start) <= CONSTANTS * np.abs(start)))


def _nearest_solution(residuals: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> np.ndarray:
    """Gauss-Newton with steps of least norm in logarithms: of all equal parametrisations the one nearest to ``start``."""
    z = np.zeros(len(start))
    for _ in range(20):
        c = start * np.exp(z)
        r = residuals(c)
        J = np.stack([(residuals(start * np.exp(z + d)) - r) / 1e-7 for d in 1e-7 * np.eye(len(z))], axis=-1)
        step = np.linalg.lstsq(J, -r, rcond=1e-6)[0]
        step *= min(1.0, 0.5 / max(float(np.max(np.abs(step))), 1e-12))
        z = np.clip(z + step, -5.0, 5.0)
        if np.max(np.abs(step)) < 1e-12:
            break
    return start * np.exp(z)


def freed(expr: Expr) -> Expr:
    """``expr`` with a factor 1 for each term of a sum, and each argument of a function, that has no number in it."""

    def change(node: Expr) -> Expr:
        match node:
            case Binary("+" | "-", _, _):
                total: Expr | None = None
                for sign, operand in summands(node):
                    term = operand if _has_number(operand) else Binary("*", Number(1.0), operand)
                    if total is None:
                        total = term if sign > 0 else Binary("*", Number(-1.0), term)
                    else:
                        total = Binary("+" if sign > 0 else "-", total, term)
                return total or node
            case Call(function, arguments):
                return Call(function, tuple(a if _has_number(a) else Binary("*", Number(1.0), a) for a in arguments))
            case _:
                return node

    freed_inside = transform(expr, change)
    return freed_inside if _has_number(freed_inside) else Binary("*", Number(1.0), freed_inside)


def _has_number(expr: Expr) -> bool:
    """Whether a number scales ``expr`` as a whole."""
    match expr:
        case Number() | Negate(Number()):
            return True
        case Negate(operand):
            return _has_number(operand)
        case Binary("*", left, right):
            return _has_number(left) or _has_number(right)
        case Binary("/", left, right):
            return _has_number(left) or _has_number(right)
        case Binary("+" | "-", left, right):
            return _has_number(left) and _has_number(right)
        case _:
            return False


def _assessment(problem: BenchmarkProblem, samples: Samples, formula: Expr, recovered: bool) -> Assessment:
    error = nmse(formula, problem.names, samples.X, samples.y_clean)
    wide = nmse(formula, problem.names, samples.X_wide, samples.y_wide)
    return Assessment(recovered, error < EXACT, _text(formula), error, wide)


def _text(expr: Expr) -> str:
    from ndestudio.expression import to_text

    return to_text(expr)
