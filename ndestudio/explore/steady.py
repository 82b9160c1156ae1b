"""Steady states from many starts, with what happens near them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.stats
from jaxtyping import Float

from ndestudio.errors import SettingError
from ndestudio.explore.case import Case, point_inputs
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.evaluate import field
from ndestudio.problem.space import structure_of
from ndestudio.problem.steady_state import conserved, jacobian, reads_time, settled_rows

STARTS = 64
REACH = 5.0
"""Starts go up to this many times the scales of the states."""
SAME = 1e-4
"""Relative distance below which two steady states are one."""
ZERO = 1e-9
MARGINAL = 1e-7
"""Real part of an eigenvalue, over the largest of all, that counts as 0."""
Kind = Literal["stable node", "stable focus", "saddle", "unstable node", "unstable focus", "centre or marginal"]


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """A steady state.

    Parameters
    ----------
    states
        In the order of the model.
    eigenvalues
        Of the Jacobian there, without those of conserved sums, the largest real part first.
    reached
        Whether simulations end there.
    """

    states: Float[np.ndarray, " state"]
    eigenvalues: np.ndarray
    kind: Kind
    reached: bool

    @property
    def stable(self) -> bool:
        return self.kind in ("stable node", "stable focus")


class Slopes:
    """dy/dt of a case at rest, on the states that can move while conserved sums keep the values they begin with.

    Raises
    ------
    SettingError
        Equations with noise or delays, or that read the time.
    """

    def __init__(self, case: Case) -> None:
        refuse_noise(case.model.system, "a steady state")
        if case.model.system.delays:
            raise SettingError(
                "the equations read delayed values; whether they rest stably is not known here. Simulate instead, over a long time"
            )
        self.case = case
        self.model = case.model
        structure = structure_of(self.model)
        if reads_time(structure):
            raise SettingError(
                "the equations read the time `t`, so that nothing rests; write what drives them as an input, and hold it"
            )
        self.structure = structure
        self.u = point_inputs(case)
        self.start = case.start
        count = len(self.start)
        projection = conserved(structure)
        sizes, directions = np.linalg.eigh(projection)
        self.basis = directions[:, sizes < 0.5] if count else np.zeros((0, 0))
        scale = np.ones(count) if case.model.scale is None else np.where(case.model.scale > 0, case.model.scale, 1.0)
        self.scale = np.maximum(scale, np.where(np.abs(case.start) > 0, np.abs(case.start), scale * 1e-3))

    def moved(self, case: Case) -> Slopes:
        """The same at other values of parameters or inputs."""
        other = copy(self)
        other.case, other.model, other.u = case, case.model, point_inputs(case)
        return other

    def __call__(self, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        return field(self.model, 0.0, y, self.u)

    def rows(self, y: Float[np.ndarray, "state row"]) -> Float[np.ndarray, "state row"]:
        return field(self.model, 0.0, y.T, np.broadcast_to(self.u, (y.shape[1], len(self.u)))).T

    def jacobian(self, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, "state state"]:
        return jacobian(self.rows, y[:, None], self.scale)[0]

    def eigenvalues(self, y: Float[np.ndarray, " state"]) -> np.ndarray:
        J = self.basis.T @ self.jacobian(y) @ self.basis
        if not np.isfinite(J).all():
            return np.full(len(J), np.nan, dtype=complex)
        found = np.asarray(scipy.linalg.eigvals(J), dtype=complex)
        return found[np.argsort(-np.real(found))]

    def within(self, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        """The nearest point with the conserved sums of the start."""
        return self.start + self.basis @ (self.basis.T @ (y - self.start))

    def never_negative(self) -> np.ndarray:
        """States that are not negative at the start and cannot become so: their slope at 0 is not negative wherever the
        others are not."""
        rng, count = np.random.default_rng(0), len(self.start)
        points = rng.uniform(0.0, REACH, (200, count)) * self.scale
        kept = self.start >= 0
        for k in np.flatnonzero(kept):
            there = np.where(kept, points, points - 0.5 * REACH * self.scale)
            there[:, k] = 0.0
            with np.errstate(all="ignore"):
                slope = self.rows(there.T)[k]
            finite = slope[np.isfinite(slope)]
            kept[k] = bool(len(finite)) and bool((finite >= -ZERO * self.scale[k]).all())
        return kept


def steady_states(case: Case, *, starts: int = STARTS, seed: int = 0) -> tuple[Equilibrium, ...]:
    """Steady states that simulations from many starts come to, and those that Newton's method finds from there: unstable ones, too. Others may
    exist.

    Parameters
    ----------
    starts
        Places from which they are looked for: the start of the case and a Latin hypercube up to five times the scales of the states.
        Sums that the equations conserve keep the value that they have at the start of the case.

    Returns
    -------
    tuple[Equilibrium, ...]
        The one that the case itself comes to first, then by the first state. States that cannot become negative are not.

    Raises
    ------
    SettingError
        Equations with noise or delays, or that read the time.
    """
    slopes = Slopes(case)
    if not slopes.basis.shape[1]:
        return ()
    positive = slopes.never_negative()
    low = np.where(positive, 0.0, -REACH * slopes.scale)
    draws = scipy.stats.qmc.LatinHypercube(len(case.start), rng=np.random.default_rng(seed)).random(max(starts, 1))
    points = [case.start, *(slopes.within(row) for row in low + draws * (REACH * slopes.scale - low))]
    points = [row for row in points if (row[positive] >= -ZERO).all()]
    inputs = np.broadcast_to(slopes.u, (len(points), len(slopes.u)))
    settled, _ = settled_rows(slopes.model, slopes.structure, inputs, np.stack(points))
    found: list[Equilibrium] = []
    for row in settled:
        if np.isfinite(row).all():
            _add(found, slopes, row, reached=True)
    for row in points:
        polished = newton(slopes, row)
        if polished is not None and (polished[positive] >= -ZERO * slopes.scale[positive]).all():
            _add(found, slopes, polished, reached=False)
    own = found[:1] if np.isfinite(settled[0]).all() else []
    return (*own, *sorted(found[len(own) :], key=lambda one: tuple(one.states)))


def newton(slopes: Slopes, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"] | None:
    """A zero of the slopes near ``y``, conserved sums as they are; None where there is none."""
    basis, scale = slopes.basis, slopes.scale

    def residual(z: Float[np.ndarray, " moving"]) -> Float[np.ndarray, " moving"]:
        with np.errstate(all="ignore"):
            found = basis.T @ (slopes(y + basis @ z) / scale)
        return np.where(np.isfinite(found), found, 1e6)

    z = np.zeros(basis.shape[1])
    found = scipy.optimize.root(residual, z, method="hybr", options={"xtol": 1e-12})
    there = y + basis @ found.x
    rate = float(np.abs(slopes.eigenvalues(there)).max(initial=0.0)) if np.isfinite(there).all() else np.nan
    small = np.abs(residual(found.x)).max(initial=0.0) <= 1e-8 * max(rate, 1e-300)
    return there if np.isfinite(rate) and small else None


def _add(found: list[Equilibrium], slopes: Slopes, y: Float[np.ndarray, " state"], *, reached: bool) -> None:
    for one in found:
        if (np.abs(one.states - y) <= SAME * (np.abs(y) + 1e-3 * slopes.scale)).all():
            return
    values = slopes.eigenvalues(y)
    found.append(Equilibrium(y, values, kind_of(values), reached))


def kind_of(values: np.ndarray) -> Kind:
    """What eigenvalues say of the neighbourhood."""
    size = float(np.abs(values).max(initial=0.0))
    real = np.where(np.abs(np.real(values)) <= MARGINAL * size, 0.0, np.real(values))
    if not np.isfinite(size) or (real == 0).any():
        return "centre or marginal"
    turns = bool((np.abs(np.imag(values)) > MARGINAL * size).any())
    if (real < 0).all():
        return "stable focus" if turns else "stable node"
    if (real > 0).all():
        return "unstable focus" if turns else "unstable node"
    return "saddle"
