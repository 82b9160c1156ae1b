"""A problem of the benchmark: a formula, the box its variables are drawn from, and where it comes from.

Every engine gets the same rows. Noise-free data are scored by the strict rule of ``score.py``; noisy data by structure and
constants. The operator set belongs to the class of the problem, never to the problem itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

BASE = ("+", "-", "*", "/", "sin", "cos", "exp")

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "anchor": BASE,
    "nguyen": (*BASE, "log", "sqrt", "^"),
    "keijzer": (*BASE, "log", "sqrt", "^"),
    "livermore": (*BASE, "log", "sqrt", "^"),
    "ecology": (*BASE, "log", "sqrt"),
    "chemistry": (*BASE, "sqrt"),
    "mechanics": (*BASE, "sqrt", "tanh", "abs"),
    "neuroscience": (*BASE, "tanh"),
    "epidemics": BASE,
    "pharmacology": (*BASE, "log"),
    "further": (*BASE, "log", "sqrt", "tanh", "abs"),
}
"""Class -> building blocks: the same basis for all, widened where textbooks of the class need it."""

TEXTBOOK = ("ecology", "chemistry", "mechanics", "neuroscience", "epidemics", "pharmacology")
CLASSIC = ("nguyen", "keijzer", "livermore")


@dataclass(frozen=True)
class BenchmarkProblem:
    """One formula to be found.

    Parameters
    ----------
    truth
        The formula in the grammar of the equations.
    box
        Variable -> lower and upper limit; rows are drawn uniformly.
    rows
        Number of training rows.
    source
        Where the formula (or the set) was published.
    """

    name: str
    group: str
    truth: str
    box: Mapping[str, tuple[float, float]]
    rows: int
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.box)

    @property
    def operators(self) -> tuple[str, ...]:
        return OPERATORS[self.group]


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of a problem: training (``y`` may carry noise) and noiseless rows of the wider box."""

    X: Float[np.ndarray, "row variable"]
    y: Float[np.ndarray, " row"]
    y_clean: Float[np.ndarray, " row"]
    X_wide: Float[np.ndarray, "wide variable"]
    y_wide: Float[np.ndarray, " wide"]


def wider(limits: tuple[float, float]) -> tuple[float, float]:
    """A box half a width larger: a quarter on each side, or all of it upwards where the variable is never negative."""
    low, high = limits
    width = high - low
    return (low, high + 0.5 * width) if low >= 0 else (low - 0.25 * width, high + 0.25 * width)


def truth_values(problem: BenchmarkProblem, X: Float[np.ndarray, "row variable"]) -> Float[np.ndarray, " row"]:
    """The formula at the rows of ``X``."""
    from ndestudio.expression import evaluate, parse_expression

    columns = {name: X[:, index] for index, name in enumerate(problem.names)}
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(parse_expression(problem.truth), columns), float), (len(X),)).copy()


def draw(
    problem: BenchmarkProblem, *, seed: int, noise: float = 0.0, rows: int | None = None, wide_rows: int = 1000
) -> Samples:
    """Training rows and rows of the wider box.

    Parameters
    ----------
    seed
        Another seed draws other rows (and other noise).
    noise
        Standard deviation of Gaussian noise on y, relative to the standard deviation of y.
    rows
        Instead of the problem's own number.
    """
    generator = np.random.default_rng([zlib.crc32(problem.name.encode()), seed])
    X, y = _finite_rows(problem, problem.box, problem.rows if rows is None else rows, generator)
    wide_box = {name: wider(limits) for name, limits in problem.box.items()}
    X_wide, y_wide = _finite_rows(problem, wide_box, wide_rows, generator)
    noisy = y + noise * float(np.std(y)) * generator.standard_normal(len(y))
    return Samples(X, noisy, y, X_wide, y_wide)


def _finite_rows(
    problem: BenchmarkProblem, box: Mapping[str, tuple[float, float]], rows: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "row variable"], Float[np.ndarray, " row"]]:
    low, high = np.array(list(box.values()), float).T
    X = np.empty((0, len(low)))
    y = np.empty(0)
    for _ in range(20):
        fresh = generator.uniform(low, high, (2 * rows, len(low)))
        values = truth_values(problem, fresh)
        good = np.isfinite(values)
        X, y = np.concatenate([X, fresh[good]]), np.concatenate([y, values[good]])
        if len(y) >= rows:
            return X[:rows], y[:rows]
    raise ValueError(f"{problem.name}: the formula is not finite in most of its box")
