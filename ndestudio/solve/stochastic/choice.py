"""Which stochastic method suits equations, and refusals of those that would give something else in silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SpecError
from ndestudio.expression.numeric import number_of
from ndestudio.expression.parse import did_you_mean
from ndestudio.expression.tree import names
from ndestudio.problem.dynamics import EquationDynamics
from ndestudio.problem.expressions import Functions
from ndestudio.solve.stochastic.methods import EULER, HEUN, METHODS, MILSTEIN, SRA1, Noise, StochasticMethod

TOLERANCE = 1e-4
"""Part of the largest product of a diffusion and a derivative below which two of them are the same."""


def noise_kind(
    dynamics: EquationDynamics,
    functions: Functions,
    parameters: Sequence[float],
    t: float,
    u: Float[np.ndarray, " input"],
    y: Float[np.ndarray, " state"],
    scale: Float[np.ndarray, " state"],
) -> Noise:
    """Additive, commutative or general noise.

    Noise is commutative where sum_i b_ij db_k/dx_i = sum_i b_ik db_j/dx_i for all pairs of columns; what the formulas do not
    show is looked at around ``y``, at 16 points within ``scale``.
    """
    states = {*dynamics.states}
    if not any(states & {*names(term)} for column in dynamics.columns for term in column):
        return "additive"
    if len(dynamics.noises) == 1 or _diagonal(dynamics):
        return "commutative"
    spread = dynamics.diffusion(functions, np)
    assert spread is not None
    draws = np.random.default_rng(0).uniform(-1.0, 1.0, (16, len(y)))
    points = (y + 0.5 * draws * scale).T

    def at(x: Any) -> Any:
        return spread(parameters, t, u[:, None] + np.zeros((len(u), 16)), x)

    with np.errstate(all="ignore"):
        b = at(points)
        derivative = np.stack([(at(points + e) - at(points - e)) / 2e-5 for e in _nudges(len(y))])
        # products[j, k]: column j along the derivative of column k
        products = np.einsum("ijp,iskp->jksp", b, derivative)
        apart = np.abs(products - np.swapaxes(products, 0, 1))
    size = float(np.nanmax(np.abs(products), initial=0.0))
    return "commutative" if np.nanmax(apart, initial=0.0) <= TOLERANCE * size else "general"


def _nudges(count: int) -> list[Float[np.ndarray, "state 1"]]:
    return [1e-5 * (np.arange(count) == k)[:, None] for k in range(count)]


def _diagonal(dynamics: EquationDynamics) -> bool:
    """Each noise moves one state, each state has one noise, multiplied by what depends on no other state."""
    moved = []
    for column in dynamics.columns:
        there = [k for k, term in enumerate(column) if number_of(term) != 0.0]
        if len(there) != 1:
            return False
        (k,) = there
        if ({*names(column[k])} & {*dynamics.states}) - {dynamics.states[k]}:
            return False
        moved.append(k)
    return len(set(moved)) == len(moved)


def chosen_method(name: str, dynamics: EquationDynamics, kind: Noise) -> StochasticMethod:
    """The method called ``name``, or for `"auto"` the one of highest order for the equations.

    Raises
    ------
    SpecError
        No such method, or it is not right for these equations: calculus, or noise that does not commute.
    """
    calculus = dynamics.calculus
    if name == "auto":
        if kind == "additive":
            return SRA1
        if calculus == "stratonovich":
            return HEUN
        return MILSTEIN if kind == "commutative" else EULER
    if name not in METHODS:
        known = ", ".join(f"`{one}`" for one in METHODS)
        raise SpecError(
            f"there is no stochastic method `{name}`{did_you_mean(name, METHODS)}; known are {known} and `auto`"
        )
    method = METHODS[name]
    if method.noise == "additive" and kind != "additive":
        raise SpecError(
            f"`{name}` is for additive noise, and a noise of these equations is multiplied by something that depends on "
            f"states; choose `{_other(calculus, kind)}`"
        )
    if method.calculus not in (None, calculus) and kind != "additive":
        raise SpecError(
            f"`{name}` solves equations in the sense of {_title(method.calculus)}, and these are stated in that of "
            f"{_title(calculus)}; choose `{_other(calculus, kind)}`, or convert the equations"
        )
    if method.noise == "commutative" and kind == "general":
        raise SpecError(
            f"`{name}` needs Lévy areas for these equations, whose noises do not commute, and has none; choose "
            f"`{_other(calculus, kind)}`"
        )
    return method


def _title(calculus: str | None) -> str:
    return "Stratonovich" if calculus == "stratonovich" else "Itô"


def _other(calculus: str, kind: Noise) -> str:
    if calculus == "stratonovich":
        return HEUN.name
    return EULER.name if kind == "general" else MILSTEIN.name
