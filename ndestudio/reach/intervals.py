"""Arrays of intervals with outward rounding, and formulas on them.

Each operation is rounded to the next floating-point numbers outside (sums of products, too); library functions, whose errors in the
last place are known but not proven, by four. Formulas on the intervals hold every value that they take on numbers inside (the
fundamental theorem of interval arithmetic, Moore 1966).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import CONSTANTS, Binary, Call, Expr, Name, Negate, Number

ULPS = 4
"""Steps by which values of library functions are widened."""


class Unbounded(Exception):
    """A formula has no finite enclosure on these intervals; the text says why."""


class Interval:
    """Intervals [lower, upper], arrays of one shape."""

    __slots__ = ("lower", "upper")

    def __init__(self, lower: Any, upper: Any = None) -> None:
        self.lower = np.asarray(lower, dtype=float)
        self.upper = self.lower if upper is None else np.asarray(upper, dtype=float)

    def __getitem__(self, key: Any) -> Interval:
        return Interval(self.lower[key], self.upper[key])

    @property
    def middle(self) -> np.ndarray:
        return 0.5 * self.lower + 0.5 * self.upper

    @property
    def width(self) -> np.ndarray:
        return self.upper - self.lower

    @property
    def size(self) -> np.ndarray:
        """Largest absolute value."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.lower).all() and np.isfinite(self.upper).all())

    def within(self, other: Interval) -> bool:
        return bool((self.lower >= other.lower).all() and (self.upper <= other.upper).all())

    def hull(self, other: Interval) -> Interval:
        return Interval(np.minimum(self.lower, other.lower), np.maximum(self.upper, other.upper))

    def __neg__(self) -> Interval:
        return Interval(-self.upper, -self.lower)

    def __add__(self, other: Any) -> Interval:
        b = as_interval(other)
        return outward(self.lower + b.lower, self.upper + b.upper)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Interval:
        return self + -as_interval(other)

    def __rsub__(self, other: Any) -> Interval:
        return as_interval(other) + -self

    def __mul__(self, other: Any) -> Interval:
        b = as_interval(other)
        if b is self:
            return self.squared()
        return outward(*_products(self, b))

    __rmul__ = __mul__

    def squared(self) -> Interval:
        big = self.size**2
        small = np.where((self.lower <= 0) & (self.upper >= 0), 0.0, np.minimum(self.lower**2, self.upper**2))
        found = outward(small, big)
        return Interval(np.maximum(found.lower, 0.0), found.upper)

    def __truediv__(self, other: Any) -> Interval:
        b = as_interval(other)
        if ((b.lower <= 0) & (b.upper >= 0)).any():
            raise Unbounded("a divisor may be 0")
        return self * outward(1.0 / b.upper, 1.0 / b.lower)

    def __rtruediv__(self, other: Any) -> Interval:
        return as_interval(other) / self

    def whole_power(self, exponent: int) -> Interval:
        if exponent < 0:
            return Interval(1.0) / self.whole_power(-exponent)
        if exponent == 0:
            return Interval(np.ones_like(self.lower))
        half = self.whole_power(exponent // 2)
        found = half.squared()
        if exponent % 2 == 0:
            return found
        # an odd power rises: by its ends
        return outward(self.lower**exponent, self.upper**exponent, ULPS)

    def sum(self, axis: int = -1) -> Interval:
        """The sum along an axis; an interval that holds it whatever the order of the additions."""
        count = self.lower.shape[axis]
        slack = count * np.finfo(float).eps * self.size.sum(axis=axis)
        return outward(self.lower.sum(axis=axis) - slack, self.upper.sum(axis=axis) + slack)


def as_interval(value: Any) -> Interval:
    return value if isinstance(value, Interval) else Interval(value)


def outward(lower: Any, upper: Any, steps: int = 1) -> Interval:
    """The ends, moved outward by ``steps`` floating-point numbers."""
    for _ in range(steps):
        lower, upper = np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)
    return Interval(lower, upper)


def _products(a: Interval, b: Interval) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore"):
        each = a.lower * b.lower, a.lower * b.upper, a.upper * b.lower, a.upper * b.upper
    lower = np.minimum(np.minimum(each[0], each[1]), np.minimum(each[2], each[3]))
    upper = np.maximum(np.maximum(each[0], each[1]), np.maximum(each[2], each[3]))
    return lower, upper


def matrix_product(a: Any, b: Any) -> Interval:
    """a b of matrices [i, j], [j, k] (or of a matrix and a vector), of numbers or intervals."""
    a, b = as_interval(a), as_interval(b)
    if b.lower.ndim == 1:
        return (a * Interval(b.lower[None, :], b.upper[None, :])).sum(1)
    wide = a[:, :, None] * b[None, :, :]
    return wide.sum(1)


def _rising(function: Any, low: float = -np.inf) -> Any:
    def of(x: Interval) -> Interval:
        if (x.lower < low).any() or (low == 0.0 and function is np.log and (x.lower <= 0).any()):
            raise Unbounded(f"the argument of `{function.__name__}` may leave where it is defined")
        with np.errstate(all="ignore"):
            return outward(function(x.lower), function(x.upper), ULPS)

    return of


def sine(x: Interval, shift: float = 0.0) -> Interval:
    """sin(x + shift pi/2)."""
    ends = [np.sin(end) if shift == 0.0 else np.cos(end) for end in (x.lower, x.upper)]
    lower, upper = np.minimum(*ends), np.maximum(*ends)
    slack = 1e-12 * (1.0 + x.size)
    # a maximum at pi/2 - shift pi/2 + 2 pi k, a minimum half a period on; what lies close to one is taken to hold it
    for top, ends_at in ((True, 0.5 - 0.5 * shift), (False, 1.5 - 0.5 * shift)):
        first = np.ceil((x.lower - slack) / (2 * np.pi) - 0.5 * ends_at)
        holds = 2 * np.pi * (first + 0.5 * ends_at) <= x.upper + slack
        upper, lower = (np.where(holds, 1.0, upper), lower) if top else (upper, np.where(holds, -1.0, lower))
    found = outward(lower, upper, ULPS)
    return Interval(np.maximum(found.lower, -1.0), np.minimum(found.upper, 1.0))


def absolute(x: Interval) -> Interval:
    holds = (x.lower <= 0) & (x.upper >= 0)
    return Interval(np.where(holds, 0.0, np.minimum(np.abs(x.lower), np.abs(x.upper))), x.size)


FUNCTIONS: dict[str, Any] = {
    "exp": _rising(np.exp),
    "log": _rising(np.log, 0.0),
    "sqrt": _rising(np.sqrt, 0.0),
    "tanh": _rising(np.tanh),
    "sin": sine,
    "cos": lambda x: sine(x, 1.0),
    "abs": absolute,
    "min": lambda a, b: Interval(np.minimum(a.lower, b.lower), np.minimum(a.upper, b.upper)),
    "max": lambda a, b: Interval(np.maximum(a.lower, b.lower), np.maximum(a.upper, b.upper)),
}
"""Functions of the equation language with an enclosure of their own; others go by their definition."""


def enclose(expr: Expr, values: Mapping[str, Interval]) -> Interval:
    """An interval that holds the values of a formula wherever its names are within theirs.

    Raises
    ------
    Unbounded
        Some value may not be finite there.
    EquationError
        A function that has no enclosure.
    """
    match expr:
        case Number(value):
            return Interval(value)
        case Name(name):
            return outward(np.pi, np.pi) if name in CONSTANTS and name not in values else values[name]
        case Negate(operand):
            return -enclose(operand, values)
        case Binary("^", left, right):
            return power(enclose(left, values), right, values)
        case Binary(operator, left, right):
            a, b = enclose(left, values), enclose(right, values)
            if operator == "*" and left == right:
                return a.squared()
            return a + b if operator == "+" else a - b if operator == "-" else a * b if operator == "*" else a / b
        case Call(function, arguments):
            if function in FUNCTIONS:
                return FUNCTIONS[function](*(enclose(one, values) for one in arguments))
            return enclose(written_out(function, arguments), values)
    raise EquationError("delayed values have no enclosure here")


def power(base: Interval, exponent: Expr, values: Mapping[str, Interval]) -> Interval:
    whole = whole_number(exponent)
    if whole is not None:
        return base.whole_power(whole)
    return FUNCTIONS["exp"](enclose(exponent, values) * FUNCTIONS["log"](base))


def whole_number(expr: Expr) -> int | None:
    """The exponent as a whole number, None where it is none."""
    if isinstance(expr, Negate):
        inner = whole_number(expr.operand)
        return None if inner is None else -inner
    if isinstance(expr, Number) and float(expr.value).is_integer() and abs(expr.value) <= 64:
        return int(expr.value)
    return None


def written_out(function: str, arguments: tuple[Expr, ...]) -> Expr:
    """A function by simpler ones.

    Raises
    ------
    EquationError
        It has no definition by simpler ones.
    """
    if function == "tan":
        return Binary("/", Call("sin", arguments), Call("cos", arguments))
    known = find(function)
    if known is None or not known.definition:
        raise EquationError(
            f"`{function}` has no enclosure by intervals here; write it by simpler functions, or ask for a statistical tube"
        )
    return definition(known, arguments)
