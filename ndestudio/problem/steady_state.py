"""Steady states: where a model comes to rest from its initial values, by NumPy for many rows at once.

The equations are integrated with growing steps until nothing changes (Rosenbrock's method of Shampine and Reichelt 1997,
SIAM J. Sci. Comput. 18, 1; pseudo-transient continuation: Kelley and Keyes 1998, SIAM J. Numer. Anal. 35, 508), so that the
state is one that the model reaches, and Newton's method polishes it from there only. Sums of states that the equations
conserve (an enzyme and its complex) make the Jacobian singular; they keep the values that they begin with:

    (s P - J) dy = df + s P dy0,    P: orthogonal projection on the conserved sums, any s > 0,

gives the change dy of a steady state by a change df of the slopes and dy0 of the initial values (implicit function theorem).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Trajectory
from ndestudio.errors import EquationError
from ndestudio.expression.tree import Name, walk
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.problem.structure import ProblemStructure

D, E32 = 1.0 / (2.0 + np.sqrt(2.0)), 6.0 + np.sqrt(2.0)
"""Coefficients of Rosenbrock's method."""
TOLERANCE = 1e-3
"""Relative error of a step on the way; a state counts as at least ``LEAST`` of its scale."""
LEAST = 1e-3
RESTS = 1e-8
"""Relative change of the states in a step with which they rest."""
POLISH = 3
"""Steps of Newton's method."""
EXACT = 1e-6
"""Largest last step of Newton's method."""
MOST_STEPS = 400
GROWS, SHRINKS = 6.0, 0.2
DIFFERENCE = 1e-6
UNSTABLE = 1e-7
"""Real part of an eigenvalue, over the largest of all, above which a steady state is unstable."""
PROBES = 6
"""Random slopes for each state in which conserved sums are looked for, and what they may change by, over the largest."""
CONSERVED = 1e-9

Slope = Callable[[Float[np.ndarray, "state row"]], Float[np.ndarray, "state row"]]


@dataclass(frozen=True, eq=False)
class SteadyState:
    """Where a trajectory begins that starts settled.

    Parameters
    ----------
    states
        NaN where the model does not settle.
    eigenvalues
        Of the Jacobian there, those of conserved sums left out.
    """

    states: Float[np.ndarray, " state"]
    eigenvalues: np.ndarray

    @property
    def settles(self) -> bool:
        return bool(np.isfinite(self.states).all())

    @property
    def stable(self) -> bool:
        """Whether small disturbances die out."""
        if not self.settles:
            return False
        largest = float(np.abs(self.eigenvalues).max(initial=0.0))
        return bool((np.real(self.eigenvalues) <= UNSTABLE * largest).all())


@lru_cache(128)
def _conserved(structure: ProblemStructure) -> tuple[float, ...]:
    rng = np.random.default_rng(0)
    states, count = len(structure.states), PROBES * len(structure.states) + 8
    functions = {one.name: _any_function(rng, len(one.arguments)) for one in structure.neural_terms}
    field = structure.dynamics.drift(functions, np)
    draw = lambda n: list(rng.uniform(0.5, 1.5, (n, count)))  # noqa: E731
    with np.errstate(all="ignore"):
        slopes = np.asarray(
            field(draw(len(structure.parameters)), 0.0, draw(len(structure.inputs)), np.stack(draw(states)))
        )
    slopes = slopes[:, np.isfinite(slopes).all(axis=0)]
    if slopes.shape[1] < states:
        return tuple(np.zeros(states * states))
    directions, sizes, _ = np.linalg.svd(slopes / max(float(np.abs(slopes).max()), 1e-300), full_matrices=True)
    sizes = np.pad(sizes, (0, states - len(sizes)))
    kept = directions[:, sizes <= CONSERVED * max(float(sizes.max()), 1e-300)]
    return tuple((kept @ kept.T).ravel())


def _any_function(rng: np.random.Generator, arguments: int) -> Callable[..., Any]:
    a = rng.uniform(0.5, 1.5, arguments + 1)
    return lambda *x: a[-1] + sum(np.sin(c * one) for c, one in zip(a, x, strict=False))


def conserved(structure: ProblemStructure) -> Float[np.ndarray, "state state"]:
    """Orthogonal projection on the sums of states that the equations conserve whatever their parameters and terms are; 0
    where there are none."""
    states = len(structure.states)
    return np.array(_conserved(structure)).reshape(states, states)


def reads_time(structure: ProblemStructure) -> bool:
    """Whether slopes depend on the time itself, so that there is no steady state."""
    read = list(getattr(structure.dynamics, "rhs", ()))
    read += [expr for one in getattr(structure.dynamics, "algebraic", ()) for expr in one.expressions]
    return any(isinstance(node, Name) and node.name == "t" for one in read for node in walk(one))


def settle(
    slope: Slope,
    y0: Float[np.ndarray, "state row"],
    scale: Float[np.ndarray, " state"],
    projection: Float[np.ndarray, "state state"],
) -> Float[np.ndarray, "state row"]:
    """Steady states that are reached from ``y0``; NaN where none is within ``MOST_STEPS`` steps.

    Parameters
    ----------
    slope
        Of all rows at once.
    scale
        Typical size of each state.
    projection
        See ``conserved``.
    """
    y, least, eye = y0.astype(float).copy(), LEAST * scale[:, None], np.eye(len(y0))
    with np.errstate(all="ignore"):
        f = slope(y)
        h = 0.01 * np.min((np.abs(y) + least) / np.maximum(np.abs(f), 1e-300), axis=0)
        h = np.clip(np.where(np.isfinite(h), h, 1.0), 1e-12, 1e12)
        rests = np.zeros(y.shape[1], dtype=bool)
        for _ in range(MOST_STEPS):
            J = jacobian(slope, y, scale)
            W = eye - (D * h)[:, None, None] * J
            f = slope(y)
            k1 = _solved(W, f)
            f1 = slope(y + 0.5 * h * k1)
            k2 = _solved(W, f1 - k1) + k1
            new = y + h * k2
            k3 = _solved(W, slope(new) - E32 * (k2 - f1) - 2.0 * (k1 - f))
            size = np.maximum(np.abs(y), np.abs(new)) + least
            error = np.max(np.abs(h / 6.0 * (k1 - 2.0 * k2 + k3)) / size, axis=0) / TOLERANCE
            taken = (error <= 1.0) & np.isfinite(new).all(axis=0) & ~rests
            change = np.max(np.abs(new - y) / size, axis=0)
            newton = np.max(np.abs(newton_step(J, f, projection)) / size, axis=0)
            y = np.where(taken, new, y)
            rests |= taken & (change <= RESTS) & (newton <= np.sqrt(RESTS))
            if rests.all() or not np.isfinite(f[:, ~rests]).all():
                break
            factor = np.where(np.isfinite(error), np.clip(0.8 * error ** (-1 / 3), SHRINKS, GROWS), SHRINKS)
            h = np.clip(h * factor, 1e-14, 1e14)
        step = np.full_like(y, np.inf)
        for _ in range(POLISH):
            step = newton_step(jacobian(slope, y, scale), slope(y), projection)
            y = y + step
        good = rests & (np.max(np.abs(step) / (np.abs(y) + least), axis=0) <= EXACT)
        return np.where(good, y, np.nan)


def jacobian(
    slope: Slope, y: Float[np.ndarray, "state row"], scale: Float[np.ndarray, " state"]
) -> Float[np.ndarray, "row state state"]:
    """Of all rows, by central differences."""
    found = np.empty((y.shape[1], len(y), len(y)))
    for k in range(len(y)):
        step = DIFFERENCE * (np.abs(y[k]) + LEAST * scale[k])
        ahead, back = y.copy(), y.copy()
        ahead[k] += step
        back[k] -= step
        found[:, :, k] = ((slope(ahead) - slope(back)) / (ahead[k] - back[k])).T
    return found


def newton_step(
    J: Float[np.ndarray, "row state state"],
    f: Float[np.ndarray, "state row"],
    projection: Float[np.ndarray, "state state"],
) -> Float[np.ndarray, "state row"]:
    """To where the slopes are 0, along which conserved sums stay."""
    return _solved(bordered(J, projection), f)


def bordered(
    J: Float[np.ndarray, "*row state state"], projection: Float[np.ndarray, "state state"]
) -> Float[np.ndarray, "*row state state"]:
    """``s P - J``, which conserved sums do not make singular, s being the size of J."""
    return np.abs(J).max(axis=(-2, -1), keepdims=True) * projection - J


def _solved(W: Float[np.ndarray, "row state state"], b: Float[np.ndarray, "state row"]) -> Any:
    try:
        return np.linalg.solve(W, b.T[..., None])[..., 0].T
    except np.linalg.LinAlgError:
        return np.stack([_alone(one, part) for one, part in zip(W, b.T, strict=True)], axis=-1)


def _alone(W: Float[np.ndarray, "state state"], b: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
    try:
        return np.linalg.solve(W, b)
    except np.linalg.LinAlgError:
        return np.full(len(b), np.nan)


def settled_start(
    model: FittedModel, structure: ProblemStructure, trajectory: Trajectory, y0: Float[np.ndarray, " state"]
) -> SteadyState:
    """Where ``model`` settles from ``y0`` under the inputs of ``trajectory.settle_point``.

    Raises
    ------
    EquationError
        The equations have no steady states.
    """
    refuse_noise(model.system, "a steady state")
    refuse_unsettled(structure)
    slope = _slope(model, structure, trajectory)
    scale, projection = _scale(model, len(y0)), conserved(structure)
    y = settle(slope, np.asarray(y0, float)[:, None], scale, projection)
    if not np.isfinite(y).all():
        return SteadyState(y[:, 0], np.zeros(0))
    values = np.linalg.eigvals(jacobian(slope, y, scale)[0])
    sums = round(float(np.trace(projection)))
    return SteadyState(y[:, 0], values[np.argsort(np.abs(values))[sums:]])


def settled_rows(
    model: FittedModel,
    structure: ProblemStructure,
    inputs: Float[np.ndarray, "row input"],
    starts: Float[np.ndarray, "row state"],
) -> tuple[Float[np.ndarray, "row state"], Bool[np.ndarray, " row"]]:
    """Where ``model`` settles from each of ``starts`` under each of ``inputs`` (NaN where it does not), and whether small disturbances
    die out there.

    Raises
    ------
    EquationError
        The equations have no steady states.
    """
    refuse_unsettled(structure)
    slope = _slope_under(model, structure, inputs.T)
    scale, projection = _scale(model, starts.shape[1]), conserved(structure)
    y = settle(slope, starts.T, scale, projection)
    sums = round(float(np.trace(projection)))
    stable = np.zeros(len(starts), dtype=bool)
    found = np.isfinite(y).all(axis=0)
    with np.errstate(all="ignore"):
        J = jacobian(slope, y, scale)
    for k in np.flatnonzero(found & np.isfinite(J).all(axis=(1, 2))):
        values = np.linalg.eigvals(J[k])
        stable[k] = SteadyState(y[:, k], values[np.argsort(np.abs(values))[sums:]]).stable
    return y.T, stable


def _scale(model: FittedModel, states: int) -> Float[np.ndarray, " state"]:
    return np.ones(states) if model.scale is None else np.where(model.scale > 0, model.scale, 1.0)


def _slope(model: FittedModel, structure: ProblemStructure, trajectory: Trajectory) -> Slope:
    return _slope_under(model, structure, trajectory.settle_point[:, None])


def _slope_under(model: FittedModel, structure: ProblemStructure, under: Float[np.ndarray, "input row"]) -> Slope:
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    field = structure.dynamics.drift(functions, np)
    values = [np.asarray(float(model.parameters[name])) for name in structure.parameters]
    return lambda y: np.asarray(field(values, 0.0, under, y))


def refuse_unsettled(structure: ProblemStructure) -> None:
    """Raise where steady states make no sense.

    Raises
    ------
    EquationError
        Equations that read the time, or delayed values.
    """
    if reads_time(structure):
        raise EquationError(
            "the data have steady states, and the equations read the time `t`, so that they never come to rest; write what drives "
            "them as an input, or leave out the rows of the time `inf`"
        )
    if structure.delays is not None:
        raise EquationError(
            f"the data have steady states, and the equations read `{structure.delays.slots[0]}`; steady states of equations with "
            "delays are not found yet. Leave out the rows of the time `inf`"
        )


def other_steady_states(
    model: FittedModel,
    structure: ProblemStructure,
    trajectory: Trajectory,
    starts: Sequence[Float[np.ndarray, " state"]],
) -> list[SteadyState]:
    """Different steady states that are reached from ``starts``, in their order."""
    found: list[SteadyState] = []
    scale = _scale(model, len(structure.states))
    for start in starts:
        one = settled_start(model, structure, trajectory, start)
        near: Bool[np.ndarray, " found"] = np.array(
            [np.abs(one.states - old.states).max(initial=0.0) <= 1e-4 * float(scale.max()) for old in found], dtype=bool
        )
        if one.settles and not near.any():
            found.append(one)
    return found
