"""Whether a law that was found is the true one: the same structure, and constants within a tenth.

The numbers of the truth are freed (a factor is given to every term and argument that has none) and fitted to the values of
the found formula. The structure is right where that succeeds exactly, in the box and thirty times beyond it: two formulas of
elementary functions that agree at random points are the same function, so this is what SymPy's `simplify(found - form) == 0`
decides, without its hours and its rounding. A truth may be written otherwise: `equal_forms.py` lists the ways.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.discovery.equal_forms import equal_forms, without_phases
from benchmarks.symbolic.score import freed
from ndestudio.errors import EquationError
from ndestudio.expression import Expr, evaluate, fold, parse_expression, to_text
from ndestudio.expression.tree import names
from ndestudio.model.replace import parametrise

CONSTANTS = 0.1
"""Relative error of a constant that is allowed."""
EXACT = 1e-7
"""Root mean square difference of equal formulas over the spread of the truth; only rounding makes one."""
FAR = 30.0
"""How far beyond the box formulas must agree too: a sine of a small argument agrees with a line in the box."""
POINTS = 240
WHERE = 3.0
"""Without a box names lie in +-WHERE."""

Box = Mapping[str, tuple[float, float]]
Relation = tuple[str, Mapping[str, float], float]
"""A state that is a sum of others with factors, and a constant, in all data."""
Columns = dict[str, np.ndarray]
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """How a found formula compares with the truth.

    Parameters
    ----------
    structure
        The found formula is the truth with other constants.
    worst
        The largest relative error of a constant; infinite without the structure.
    form
        The way of writing the truth that matched; empty if none did.
    """

    structure: bool
    worst: float
    form: str

    @property
    def right(self) -> bool:
        """The structure, with constants within `CONSTANTS`."""
        return self.structure and self.worst <= CONSTANTS


NOT_THE_TRUTH = Comparison(False, math.inf, "")


def right_structure(found: Expr | str, truth: Expr | str, box: Box | None = None) -> bool:
    """Whether ``found`` is ``truth`` with constants that are off by at most a tenth.

    Parameters
    ----------
    found, truth
        Formulas with numbers in them, as text in the grammar of equations or parsed.
    box
        Name -> limits within which the formulas are compared; where the data lie. Matters where functions have no
        value, or where signs matter: `w^2` is `w*abs(w)` of positive w.
    """
    return compared(found, truth, box).right


def right_laws(found: Mapping[str, Expr | str], truth: Mapping[str, Expr | str], box: Box | None = None) -> bool:
    """Whether all formulas of ``truth`` are found; those of other names in ``found`` do not matter."""
    return all(name in found and right_structure(found[name], formula, box) for name, formula in truth.items())


def compared(
    found: Expr | str, truth: Expr | str, box: Box | None = None, relations: Sequence[Relation] = ()
) -> Comparison:
    """How ``found`` compares with ``truth``; see `right_structure` for the first arguments.

    Parameters
    ----------
    relations
        What states obey in all data. Laws that are equal where it holds are equal: no data tell `1 - s` from `i + r` of
        a closed population.

    Notes
    -----
    A formula that cannot be read, or has no value where the truth has one, is not the truth.
    """
    law = _read(truth)
    try:
        formula = without_phases(_read(found))
    except EquationError:
        return NOT_THE_TRUTH
    if not set(names(formula)) <= {*names(law), *(box or {}), "pi"}:
        return NOT_THE_TRUTH
    near, far = _points(law, box, relations)
    target = _values(formula, near)
    if not target.size or not np.isfinite(target).all():
        return NOT_THE_TRUTH
    best = NOT_THE_TRUTH
    for form in equal_forms(law):
        one = _as_form(form, formula, target, near, far)
        if one.structure and one.worst < best.worst:
            best = one
        if best.right:
            break
    return best


def _read(formula: Expr | str) -> Expr:
    return fold(parse_expression(formula) if isinstance(formula, str) else formula)


def _points(truth: Expr, box: Box | None, relations: Sequence[Relation] = ()) -> tuple[Columns, Columns]:
    """Random points of the box where the truth has a value, and points far beyond it."""
    generator = np.random.default_rng(zlib.crc32(to_text(truth).encode()))
    variables = [name for name in dict.fromkeys([*names(truth), *(box or {})]) if name != "pi"]
    limits = {name: (box or {}).get(name, (-WHERE, WHERE)) for name in variables}
    near = {name: generator.uniform(low, high, 4 * POINTS) for name, (low, high) in limits.items()}
    near = _related(near, relations)
    inside = np.isfinite(_values(truth, near))
    for name, _, _ in relations:
        low, high = limits[name]
        inside &= (near[name] >= low) & (near[name] <= high)
    keep = np.flatnonzero(inside)[:POINTS]
    near = {name: values[keep] for name, values in near.items()}
    far = {name: values * generator.uniform(1.0, FAR, len(values)) for name, values in near.items()}
    return near, _related(far, relations)


def _related(columns: Columns, relations: Sequence[Relation]) -> Columns:
    """``columns`` with the states that relations give instead of their own values."""
    given = {
        name: constant + sum((factor * columns[other] for other, factor in factors.items()), start=np.zeros(1))
        for name, factors, constant in relations
    }
    return {**columns, **given}


def _values(expr: Expr, columns: Columns) -> Float[np.ndarray, " point"]:
    count = max((np.size(values) for values in columns.values() if np.ndim(values)), default=POINTS)
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(expr, columns), float), (count,)).copy()


def _as_form(form: Expr, found: Expr, target: np.ndarray, near: Columns, far: Columns) -> Comparison:
    """``found`` as a member of the family of ``form``."""
    shape, numbers = parametrise(freed(fold(form)), "constant")
    start = np.array(list(numbers.values()))
    if not start.all():
        return NOT_THE_TRUTH
    spread = float(np.std(target)) or float(np.abs(target).max()) or 1.0

    def values(c: np.ndarray, columns: Columns) -> np.ndarray:
        return _values(shape, {**columns, **dict(zip(numbers, c, strict=True))})

    end = _fitted(lambda c: (values(c, near) - target) / spread, start)
    error = (values(end, near) - target) / spread
    if not (np.isfinite(error).all() and np.sqrt(np.mean(error**2)) < EXACT):
        return NOT_THE_TRUTH
    if not _agree(values(end, far), _values(found, far)):
        return NOT_THE_TRUTH
    worst = float(np.max(np.abs(end / start - 1), initial=0.0))
    return Comparison(True, worst, to_text(form))


def _agree(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal at nearly all points where both have a value (near a root of either rounding is all there is)."""
    there = np.isfinite(left) & np.isfinite(right)
    if there.sum() < 20:
        return True
    left, right = left[there], right[there]
    return bool(np.mean(np.abs(left - right) <= 1e-5 * (np.abs(left) + np.abs(right))) > 0.9)


def _fitted(residuals: Function, start: Float[np.ndarray, " number"]) -> Float[np.ndarray, " number"]:
    """Gauss-Newton in the logarithms of the numbers that matter, from ``start``; the others stay as they are.

    Of numbers that say the same (both factors of a product) the first is fitted, and one that is written before a 1.
    """
    order = sorted(range(len(start)), key=lambda k: abs(abs(start[k]) - 1.0) < 1e-12)
    chosen: list[int] | None = None
    z = np.zeros(len(start))
    for _ in range(40):
        c = start * np.exp(z)
        r = residuals(c)
        if not np.isfinite(r).all():
            return start
        J = _jacobian(lambda z: residuals(start * np.exp(z)), z)
        if not np.isfinite(J).all():
            return c
        if chosen is None:
            chosen = _independent(J, order)
        step = np.zeros(len(z))
        step[chosen] = np.linalg.lstsq(J[:, chosen], -r, rcond=1e-12)[0]
        largest = float(np.max(np.abs(step), initial=0.0))
        step *= min(1.0, 0.5 / max(largest, 1e-12))
        z = np.clip(z + step, -5.0, 5.0)
        if largest < 1e-13:
            break
    return start * np.exp(z)


def _jacobian(f: Function, z: Float[np.ndarray, " number"]) -> Float[np.ndarray, "point number"]:
    return np.stack([(f(z + d) - f(z - d)) / 2e-6 for d in 1e-6 * np.eye(len(z))], axis=-1)


def _independent(J: Float[np.ndarray, "point number"], order: Sequence[int]) -> list[int]:
    """Columns that are no combination of those before them, in this order."""
    basis: list[np.ndarray] = []
    kept = []
    for k in order:
        column = J[:, k]
        size = float(np.linalg.norm(column))
        if not size:
            continue
        rest = column / size
        for _ in range(2):
            for direction in basis:
                rest = rest - direction * (direction @ rest)
        if (left := float(np.linalg.norm(rest))) > 1e-7:
            basis.append(rest / left)
            kept.append(k)
    return sorted(kept)
