"""Branches of steady states over one value, with their folds, Hopf and branch points.

Pseudo-arclength continuation (Keller 1977, in: Applications of Bifurcation Theory, Academic Press, 359; Kuznetsov 2004, Elements of
Applied Bifurcation Theory, chapter 10): a step along the tangent, then Newton's method across it, in states and value together, so that
a branch is followed around its folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.errors import SettingError
from ndestudio.explore.case import Case, variable, with_values
from ndestudio.explore.steady import MARGINAL, Slopes, steady_states
from ndestudio.progress import Reporter, SilentReporter

SEEDS = 5
"""Values at which steady states are looked for to begin branches with."""
SEED_STARTS = 24
FIRST_STEP, SHORTEST, LONGEST = 0.01, 1e-7, 0.05
"""Steps, where the whole range of the value is 1 and each state is measured by its scale."""
MOST_POINTS = 4000
NEWTON = 8
TIGHT = 1e-10
FAR = 1e3
"""Scales beyond which a branch is left."""
NEAR = 2e-3
"""Distance from a branch within which a point belongs to it."""
DIFFERENCE = 1e-6
BISECTIONS = 40

PointKind = Literal["fold", "branch point", "Hopf point"]
_KINDS: tuple[PointKind, ...] = ("fold", "branch point", "Hopf point")


@dataclass(frozen=True, eq=False)
class Branch:
    """Steady states along a curve.

    Parameters
    ----------
    values
        Of what is varied; a branch may turn back.
    eigenvalues
        At each point (rows), the largest real part first.
    ended
        Why it ends at its first and last point, in words.
    """

    values: Float[np.ndarray, " point"]
    states: Float[np.ndarray, "point state"]
    eigenvalues: np.ndarray
    ended: tuple[str, str]

    @property
    def stable(self) -> Bool[np.ndarray, " point"]:
        return np.real(self.eigenvalues[:, 0]) < 0


@dataclass(frozen=True, eq=False)
class SpecialPoint:
    """Where the number or stability of steady states changes.

    Parameters
    ----------
    kind
        At a fold two steady states meet and vanish; at a Hopf point oscillations begin, with ``period``; at a branch point two
        branches cross.
    """

    kind: PointKind
    value: float
    states: Float[np.ndarray, " state"]
    period: float = np.nan


@dataclass(frozen=True, eq=False)
class Bifurcations:
    """Branches of steady states of a case over ``name``.

    Parameters
    ----------
    points
        Special points in the order of the value, each once.
    sentence
        What was not done, "" if nothing.
    """

    name: str
    lower: float
    upper: float
    states: tuple[str, ...]
    branches: tuple[Branch, ...]
    points: tuple[SpecialPoint, ...]
    sentence: str


def bifurcations(
    case: Case,
    name: str,
    lower: float,
    upper: float,
    reporter: Reporter | None = None,
    *,
    seconds: float = 60.0,
) -> Bifurcations:
    """Follow steady states while a parameter or input goes from ``lower`` to ``upper``.

    Branches are begun from the steady states found at five values in the range; one that none of these belongs to is missed.

    Parameters
    ----------
    seconds
        What it may take; a sentence says what it was not enough for.

    Raises
    ------
    SettingError
        An unknown name, an initial value, an empty range, equations with noise or that read the time.
    """
    if name not in variable(case) or name.endswith("(0)"):
        with_values(case, {name: 0.0})
        raise SettingError(f"steady states are followed over a parameter or an input, and `{name}` is an initial value")
    if not lower < upper:
        raise SettingError(f"the range of `{name}` from {lower:g} to {upper:g} is empty")
    told = SilentReporter() if reporter is None else reporter
    end = monotonic() + seconds
    follower = _Follower(case, name, lower, upper, end, told)
    branches: list[Branch] = []
    points: list[SpecialPoint] = []
    sentence = ""
    for value in np.linspace(lower, upper, SEEDS):
        for one in steady_states(with_values(case, {name: float(value)}), starts=SEED_STARTS):
            if monotonic() > end or told.should_stop():
                sentence = f"Not all branches were followed: the {seconds:g} s were over"
                break
            start = follower.point(one.states, float(value))
            if any(follower.on(branch, start) for branch in branches):
                continue
            branch, found = follower.branch(start)
            branches.append(branch)
            points += [point for point in found if not any(follower.same(point, other) for other in points)]
    crossings = [one for one in points if one.kind == "branch point"]  # an arm of a pitchfork turns back there, too
    points = [one for one in points if one.kind != "fold" or not any(follower.near(one, other) for other in crossings)]
    return Bifurcations(
        name,
        lower,
        upper,
        case.model.system.states,
        tuple(branches),
        tuple(sorted(points, key=lambda p: p.value)),
        sentence,
    )


class _Follower:
    """One value and the states that can move, measured by the range and by their scales: the space that branches live in."""

    def __init__(self, case: Case, name: str, lower: float, upper: float, end: float, reporter: Reporter) -> None:
        self._case, self._name, self._lower, self._range = case, name, lower, upper - lower
        self._end, self._reporter = end, reporter
        self._slopes = Slopes(case)
        self._scale = self._slopes.scale
        self._basis = self._slopes.basis
        self._cached: tuple[float, Slopes] | None = None

    def _at(self, value: float) -> Slopes:
        if self._cached is None or self._cached[0] != value:
            self._cached = (value, self._slopes.moved(with_values(self._case, {self._name: value})))
        return self._cached[1]

    # x: coordinates in the basis, over a common size; then the value, 0 to 1

    def _split(self, x: Float[np.ndarray, " space"]) -> tuple[Float[np.ndarray, " state"], float]:
        y = self._slopes.start + self._basis @ (x[:-1] * self._sizes)
        return y, self._lower + self._range * float(x[-1])

    @property
    def _sizes(self) -> Float[np.ndarray, " moving"]:
        """Typical size along each direction of the basis."""
        return np.sqrt((self._basis**2).T @ self._scale**2)

    def point(self, y: Float[np.ndarray, " state"], value: float) -> Float[np.ndarray, " space"]:
        z = self._basis.T @ (y - self._slopes.start) / self._sizes
        return np.append(z, (value - self._lower) / self._range)

    def _residual(self, x: Float[np.ndarray, " space"]) -> Float[np.ndarray, " moving"]:
        y, value = self._split(x)
        with np.errstate(all="ignore"):
            return self._basis.T @ self._at(value)(y) / self._sizes

    def _derivative(self, x: Float[np.ndarray, " space"]) -> Float[np.ndarray, "moving space"]:
        y, value = self._split(x)
        J = self._basis.T @ self._at(value).jacobian(y) @ self._basis
        J = J * self._sizes[None, :] / self._sizes[:, None]
        ahead, back = x.copy(), x.copy()
        ahead[-1] += DIFFERENCE
        back[-1] -= DIFFERENCE
        rate = (self._residual(ahead) - self._residual(back)) / (2.0 * DIFFERENCE)
        return np.column_stack([J, rate])

    def _tangent(
        self, x: Float[np.ndarray, " space"], before: Float[np.ndarray, " space"] | None
    ) -> Float[np.ndarray, " space"]:
        """Unit vector along the branch, on in the direction of ``before``."""
        found = np.linalg.svd(self._derivative(x))[2][-1]
        return -found if before is not None and found @ before < 0 else found

    def _corrected(
        self, guess: Float[np.ndarray, " space"], tangent: Float[np.ndarray, " space"]
    ) -> Float[np.ndarray, " space"] | None:
        """The point of the branch in the plane through ``guess`` across ``tangent``."""
        x, step = guess.copy(), np.full_like(guess, np.inf)
        for _ in range(NEWTON):
            A = self._derivative(x)
            if not np.isfinite(A).all():
                return None
            matrix = np.vstack([A, tangent])
            b = np.append(self._residual(x), tangent @ (x - guess))
            try:
                step = np.linalg.solve(matrix, -b)
            except np.linalg.LinAlgError:
                return None
            x = x + step
            if not np.isfinite(x).all() or np.abs(x[:-1]).max(initial=0.0) > FAR:
                return None
            if np.abs(step).max() <= TIGHT * (1.0 + np.abs(x).max()):
                return x
        return x if np.abs(step).max() <= np.sqrt(TIGHT) else None

    def branch(self, start: Float[np.ndarray, " space"]) -> tuple[Branch, list[SpecialPoint]]:
        """The whole branch through a point, from both of its sides."""
        tangent = self._tangent(start, None)
        forward, why_after = self._walk(start, tangent)
        closed = why_after == "it closes"
        backward, why_before = ([start], why_after) if closed else self._walk(start, -tangent)
        rows = [*reversed(backward[1:]), *forward]
        special = self._special(rows)
        split = [self._split(row) for row in rows]
        eigenvalues = np.stack([self._at(value).eigenvalues(y) for y, value in split])
        branch = Branch(
            np.array([value for _, value in split]),
            np.stack([y for y, _ in split]),
            eigenvalues,
            (why_before, why_after),
        )
        return branch, special

    def _walk(
        self, start: Float[np.ndarray, " space"], tangent: Float[np.ndarray, " space"]
    ) -> tuple[list[Float[np.ndarray, " space"]], str]:
        rows, step, away = [start], FIRST_STEP, False
        x = start
        while len(rows) < MOST_POINTS:
            if monotonic() > self._end or self._reporter.should_stop():
                return rows, "the time was over"
            new = self._corrected(x + step * tangent, tangent)
            turned = None if new is None else self._tangent(new, tangent)
            if new is None or turned is None or turned @ tangent < 0.9 or np.linalg.norm(new - x) > 2.0 * step:
                step *= 0.5
                if step < SHORTEST:
                    return rows, "it cannot be followed further"
                continue
            if not -1e-9 <= new[-1] <= 1.0 + 1e-9:
                return [*rows, *self._last(x, tangent, step)], "the range ends"
            x, tangent = new, turned
            rows.append(x)
            gone = float(np.linalg.norm(x - start))
            away = away or gone > 3.0 * LONGEST
            if away and gone < 0.75 * step:
                return [*rows, start], "it closes"
            if turned @ tangent > 0.99:
                step = min(1.3 * step, LONGEST)
        return rows, f"it has more than {MOST_POINTS} points"

    def _last(
        self, x: Float[np.ndarray, " space"], tangent: Float[np.ndarray, " space"], step: float
    ) -> list[Float[np.ndarray, " space"]]:
        """The point where the branch leaves the range."""
        if abs(tangent[-1]) < 1e-12:
            return []
        edge = 1.0 if tangent[-1] > 0 else 0.0
        guess = x + (edge - x[-1]) / tangent[-1] * tangent
        across = np.zeros_like(x)
        across[-1] = 1.0
        guess[-1] = edge
        found = self._corrected(guess, across)
        near = found is not None and float(np.linalg.norm(found - x)) < 3.0 * max(step, FIRST_STEP)
        return [found] if found is not None and near else []

    # --- special points --------------------------------------------------------------------------------------------

    def _special(self, rows: Sequence[Float[np.ndarray, " space"]]) -> list[SpecialPoint]:
        found: list[SpecialPoint] = []
        if len(rows) < 2:
            return found
        ahead = [rows[min(k + 1, len(rows) - 1)] - rows[max(k - 1, 0)] for k in range(len(rows))]
        tests = [self._tests(row, along) for row, along in zip(rows, ahead, strict=True)]
        for k in range(len(rows) - 1):
            for kind, before, after in zip(_KINDS, tests[k], tests[k + 1], strict=True):
                if before * after < 0:
                    found += self._place(kind, rows[k], rows[k + 1])
        return found

    def _tests(self, x: Float[np.ndarray, " space"], along: Float[np.ndarray, " space"]) -> tuple[float, float, float]:
        """What changes its sign at a fold, at a branch point and at a Hopf point; ``along``: the way the branch is followed."""
        A = self._derivative(x)
        tangent = np.linalg.svd(A)[2][-1]
        tangent = -tangent if tangent @ along < 0 else tangent
        y, value = self._split(x)
        values = self._at(value).eigenvalues(y)
        size = float(np.abs(values).max(initial=1e-300))
        pairs = [float(one.real) for one in values if one.imag > MARGINAL * size]
        return (
            float(tangent[-1]),
            float(np.linalg.slogdet(np.vstack([A, tangent]))[0]),
            min(pairs, key=abs, default=np.nan),
        )

    def _place(
        self, kind: PointKind, a: Float[np.ndarray, " space"], b: Float[np.ndarray, " space"]
    ) -> list[SpecialPoint]:
        """By bisection along the chord, each time back onto the branch."""
        test, chord = _KINDS.index(kind), (b - a) / max(float(np.linalg.norm(b - a)), 1e-300)
        sign = np.sign(self._tests(a, chord)[test])
        for _ in range(BISECTIONS):
            middle = self._corrected(0.5 * (a + b), chord)
            if middle is None or np.linalg.norm(b - a) < 1e-9:
                break
            value = self._tests(middle, chord)[test]
            if np.isnan(value):
                return []
            a, b = (middle, b) if np.sign(value) == sign else (a, middle)
        y, value = self._split(0.5 * (a + b))
        if kind != "Hopf point":
            return [SpecialPoint(kind, value, y)]
        pairs = [one for one in self._at(value).eigenvalues(y) if one.imag > 0]
        if not pairs:
            return []
        return [SpecialPoint(kind, value, y, 2.0 * np.pi / float(min(pairs, key=lambda one: abs(one.real)).imag))]

    def same(self, one: SpecialPoint, other: SpecialPoint) -> bool:
        return one.kind == other.kind and self.near(one, other)

    def near(self, one: SpecialPoint, other: SpecialPoint) -> bool:
        a, b = self.point(one.states, one.value), self.point(other.states, other.value)
        return float(np.linalg.norm(a - b)) <= NEAR

    def on(self, branch: Branch, x: Float[np.ndarray, " space"]) -> bool:
        """Whether a point lies on a branch, between two of its points."""
        rows = np.stack([self.point(y, value) for y, value in zip(branch.states, branch.values, strict=True)])
        if len(rows) == 1:
            return bool(np.linalg.norm(rows[0] - x) <= NEAR)
        a, d = rows[:-1], np.diff(rows, axis=0)
        share = np.clip(((x - a) * d).sum(axis=1) / np.maximum((d**2).sum(axis=1), 1e-300), 0.0, 1.0)
        return bool((np.linalg.norm(a + share[:, None] * d - x, axis=1) <= NEAR).any())
