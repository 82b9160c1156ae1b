"""How measured values answer to small changes of the unknown terms: what the data say of a formula, in one linear map.

Along a reference path ``x(t)`` that is close to the true one, a term ``f`` of the right-hand side changes what is measured
at ``t`` by

    H(t) integral_0^t Phi(t, s) B(s) (f(x(s)) - f_ref(s)) ds + H(t) Phi(t, 0) dx(0)

with the state-transition matrix ``Phi`` of the linearised model (variation of constants). It is the integral form of the
regression of Messenger and Bortz (2021, Multiscale Model. Simul. 19, 1474) with the test functions that the linearised
dynamics ask for: the errors of the rows are those of the measurements alone, independent of each other, so that least
squares over the rows is, to first order, maximum likelihood of the data. The noise is taken as normal and independent, with
the deviations that training found for each column (constant, proportional, of the logarithm, or given with the data);
outliers of a robust fit are left out. Nothing is differentiated, states that nobody measures are followed by the model, and
starts, parameters of the known part and other unknown terms are eliminated. Where paths part quickly (chaos) it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.distil.reference_path import ReferencePath, reference_paths
from ndestudio.expression.tree import calls
from ndestudio.fitting.measure import Measure
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.model.system import System
from ndestudio.problem.space import structure_of
from ndestudio.problem.steady_state import bordered, conserved

GROWTH = 30.0
"""Growth of a change of the state, in units of the states' sizes, after which a path begins anew."""
PARTED = 1e6
"""Growth along a whole path from which on simulating it from its start tells nothing of its end."""
FEWEST = 8
"""Measured values, beyond those that starts take, with which the data can be asked at all."""
FEW_ROWS = 10
"""Rows after which a path through the measurements begins anew: the model that carries changes along it need not be near."""
MOST_FOLD = 1.5
"""Largest change of the logarithm of a parameter in one step."""
DIFFERENCE = 1e-5
TERMS = 14
"""Of the exponential series: 0.5^15/15! is below rounding."""


@dataclass(frozen=True, eq=False)
class TermResponse:
    """One unknown term as the data see it.

    Parameters
    ----------
    points
        Arguments of the term along the reference, over all its calls.
    reference
        Values of the term that the reference has there.
    rows
        Whitened change of what is measured by the values at the points.
    """

    name: str
    arguments: tuple[str, ...]
    points: Float[np.ndarray, "point argument"]
    reference: Float[np.ndarray, " point"]
    rows: Float[np.ndarray, "row point"]


@dataclass(frozen=True, eq=False)
class Known:
    """The free parameters of the known part, and the rows before they were eliminated: a column is the change by the
    parameter's own size."""

    values: Mapping[str, float]
    columns: Float[np.ndarray, "row parameter"]
    target: Float[np.ndarray, " row"]
    rows: Mapping[str, Float[np.ndarray, "row point"]]


@dataclass(frozen=True, eq=False)
class Response:
    """All unknown terms of a model: ``target`` = sum over the terms of rows f(points) + errors of size 1.

    Starts and parameters of the known part are eliminated.

    Parameters
    ----------
    count
        Measured values less those that starts take.
    own_path
        Whether the reference is the model's own solution, not the smooth curve through the measurements.
    pieces
        Whether changes grow so along whole paths that only pieces of them can be compared.
    """

    terms: Mapping[str, TermResponse]
    target: Float[np.ndarray, " row"]
    count: int
    own_path: bool
    pieces: bool
    known: Known

    def parameters(self, values: Mapping[str, Float[np.ndarray, " point"]]) -> dict[str, float]:
        """Parameters of the known part that go with ``values`` of all terms at their points."""
        known = self.known
        error = known.target.copy()
        for name, value in values.items():
            error -= known.rows[name] @ value
        size = known.columns.shape[1]
        move = np.linalg.solve(known.columns.T @ known.columns + np.eye(size), known.columns.T @ error)
        # one that keeps its sign: a step in its logarithm
        return {
            name: float(value * np.exp(np.clip(part, -MOST_FOLD, MOST_FOLD)))
            for (name, value), part in zip(known.values.items(), move, strict=True)
        }


def linear_response(
    model: FittedModel,
    dataset: Dataset,
    measure: Measure,
    names: Sequence[str],
    instead: FittedModel | None = None,
) -> Response | None:
    """The response to the terms ``names`` of ``model``.

    Parameters
    ----------
    measure
        How errors count in a fit of ``model``.
    instead
        ``model`` with formulas in the place of some terms, which is the reference then.

    Returns
    -------
    Response | None
        None where there is none: noise in the states, delays, a term that outputs or algebraic equations read, a path that cannot be followed.
    """
    structure = structure_of(model)
    if structure.dynamics.noises or structure.delays is not None or not structure.dynamics.differentiable:
        return None
    read_elsewhere = (*model.system.outputs.values(), *(one.residual for one in model.system.algebraic))
    if any(calls(expr, names) for expr in read_elsewhere):
        return None
    paths = reference_paths(instead or model, dataset, measure)
    if paths is None:
        return None
    field = _Field(instead or model, model.system, structure, names)
    parts = [_along(field, path, measure) for path in paths[0]]
    parts = [part for part in parts if part is not None and len(part.target) and part.is_finite]
    if not parts or sum(len(part.target) - part.starts.shape[1] for part in parts) < FEWEST:
        return None
    return joined(field, parts, paths[1])


class _Noting:
    """A neural term that notes its arguments, and whose calls can be moved one by one."""

    def __init__(self, function: Any) -> None:
        self.function, self.moved, self.call, self.seen = function, -1, 0, []

    def begin(self, moved: int = -1) -> None:
        self.moved, self.call, self.seen = moved, 0, []

    def __call__(self, *x: Any) -> Any:
        values = self.function(*x)
        self.seen.append((np.broadcast_arrays(*x), values))
        self.call += 1
        return values + 1.0 if self.call - 1 == self.moved else values


class _Field:
    """The right-hand side with its derivatives by states, parameters and unknown terms, at many points at once."""

    def __init__(self, model: FittedModel, system: System, structure: Any, names: Sequence[str]) -> None:
        self.system, self.names = system, tuple(names)
        self.called = {one.name: _Noting(_function(model, one.name)) for one in system.neural_terms}
        self.slope = structure.dynamics.drift(self.called, np)
        self.seen = structure.observation.function(structure.dynamics, self.called, np)
        self.parameters = [np.asarray(float(model.parameters[name])) for name in structure.parameters]
        configs = model.config.parameters
        free = [k for k, name in enumerate(structure.parameters) if not (name in configs and configs[name].fixed)]
        self.free = {k: float(self.parameters[k]) or 1.0 for k in free}
        self.free_names = [structure.parameters[k] for k in free]

    def at(self, t: Any, u: Any, x: Any, parameters: Any = None, moved: tuple[str, int] | None = None) -> Any:
        for name, one in self.called.items():
            one.begin(moved[1] if moved is not None and moved[0] == name else -1)
        return np.asarray(self.slope(self.parameters if parameters is None else parameters, t, u, x))

    def observe(self, t: Any, u: Any, x: Any) -> Any:
        return np.asarray(self.seen(self.parameters, t, u, x))


def _function(model: FittedModel, name: str) -> Any:
    """A neural term, or the formula in its place, as a function of arrays."""
    if name in model.networks:
        return array_neural_term(model.networks[name])
    return lambda *x: evaluate_neural_term(model, name, np.stack(np.broadcast_arrays(*x), axis=-1))


class _Derivatives(NamedTuple):
    """Along a path: of the slopes by states and parameters (those by their own size), of what is measured by states; gains
    of each call; what is measured; by how much the path's slope differs from the model's."""

    jacobian: Float[np.ndarray, "node state state"]
    parameters: list[Float[np.ndarray, "state node"]]
    seen_by: Float[np.ndarray, "node measured state"]
    gains: list[Float[np.ndarray, "state node"]]
    seen: Float[np.ndarray, "measured node"]
    off: Float[np.ndarray, "state node"]


class Called(NamedTuple):
    name: str
    points: Float[np.ndarray, "node argument"]
    values: Float[np.ndarray, " node"]


@dataclass(frozen=True, eq=False)
class Part:
    """Of one path: whitened rows, with the columns of its nodes for each call of each term, of starts and of parameters."""

    target: Float[np.ndarray, " row"]
    calls: list[Called]
    wide: Float[np.ndarray, "row point"]
    starts: Float[np.ndarray, "row start"]
    parameters: Float[np.ndarray, "row parameter"]
    grown: bool

    @property
    def is_finite(self) -> bool:
        """Not so where changes along a formula's path leave the range of numbers."""
        return all(np.isfinite(one).all() for one in (self.target, self.wide, self.starts, self.parameters))


def _along(field: _Field, path: ReferencePath, measure: Measure) -> Part | None:
    """None where the model has no finite slopes on the way."""
    scale = np.asarray(measure.problem.space.constants.state_scale, float)
    made, base, gains, parameters = _slopes(field, path)
    t, x, u = path.t, np.ascontiguousarray(path.x.T), path.trajectory.input_at(path.t).T
    with np.errstate(all="ignore"):
        seen_by = _by_states(lambda moved: field.observe(t, u, moved), x, scale)
        off = base - path.slope.T if path.slope is not None else np.zeros_like(x)
        jacobian = _jacobian(field, path, scale)
        found = _Derivatives(jacobian, parameters, seen_by, gains, field.observe(t, u, x), off)
    if not (np.isfinite(base).all() and np.isfinite(found.jacobian).all()):
        return None
    if path.trajectory.is_steady_state:
        return at_steady_state(path, found, made, measure)
    return _propagated(path, found, made, scale, measure)


def _jacobian(
    field: _Field, path: ReferencePath, scale: Float[np.ndarray, " state"]
) -> Float[np.ndarray, "node state state"]:
    t, x, u = path.t, np.ascontiguousarray(path.x.T), path.trajectory.input_at(path.t).T
    with np.errstate(all="ignore"):
        return _by_states(lambda moved: field.at(t, u, moved), x, scale)


def _by_states(
    function: Callable[[np.ndarray], np.ndarray],
    x: Float[np.ndarray, "state node"],
    scale: Float[np.ndarray, " state"],
) -> Float[np.ndarray, "node value state"]:
    """Derivatives of ``function`` by each state."""
    found = []
    for j in range(len(x)):
        ends = np.repeat(x[None], 2, axis=0)
        ends[0, j] += DIFFERENCE * scale[j]
        ends[1, j] -= DIFFERENCE * scale[j]
        found.append((function(ends[0]) - function(ends[1])).T / (2.0 * DIFFERENCE * scale[j]))
    return np.stack(found, axis=-1)


def _slopes(
    field: _Field, path: ReferencePath
) -> tuple[list[Called], np.ndarray, list[Float[np.ndarray, "state node"]], list[Float[np.ndarray, "state node"]]]:
    """Calls of the terms along a path, slopes there, and what a change of each call and of each parameter adds to them."""
    t, x, u = path.t, np.ascontiguousarray(path.x.T), path.trajectory.input_at(path.t).T
    with np.errstate(all="ignore"):
        base = field.at(t, u, x)
        made = [
            Called(
                name, np.stack([np.broadcast_to(a, t.shape) for a in arguments], axis=-1), np.broadcast_to(v, t.shape)
            )
            for name in field.names
            for arguments, v in field.called[name].seen
        ]
        gains = []
        for name in field.names:
            count = sum(1 for one in made if one.name == name)
            gains += [field.at(t, u, x, moved=(name, k)) - base for k in range(count)]
        return made, base, gains, [_by_parameter(field, k, t, u, x) for k in field.free]


class Along(NamedTuple):
    """A path and the slopes of a model there, with what a change of each call of a term, and of each parameter by its own size,
    adds to them, and their derivatives by the states."""

    path: ReferencePath
    calls: list[Called]
    slopes: Float[np.ndarray, "state node"]
    gains: list[Float[np.ndarray, "state node"]]
    parameters: list[Float[np.ndarray, "state node"]]
    jacobian: Float[np.ndarray, "node state state"]


def responses_of(
    model: FittedModel,
    measure: Measure,
    names: Sequence[str],
    paths: Sequence[ReferencePath],
    own: bool,
    parts: Callable[[Along], Part | None],
    instead: FittedModel | None = None,
) -> Response | None:
    """The response to the terms ``names`` of ``model`` where ``parts`` makes the rows of a path; None without any.

    Parameters
    ----------
    own
        Whether the paths are the model's.
    instead
        ``model`` with formulas in the place of some terms.
    """
    field = _Field(instead or model, model.system, structure_of(model), names)
    scale = np.asarray(measure.problem.space.constants.state_scale, float)
    made = [parts(Along(path, *_slopes(field, path), _jacobian(field, path, scale))) for path in paths]
    found = [one for one in made if one is not None and len(one.target)]
    return joined(field, found, own) if found else None


def at_steady_state(path: ReferencePath, by: _Derivatives, made: list[Called], measure: Measure) -> Part | None:
    """Of a steady state: how it answers to changes of the slopes there (implicit function theorem, ``problem.steady_state``)."""
    projection = conserved(measure.problem.structure)
    J = by.jacobian[0]
    gains = np.stack([*(gain[:, 0] for gain in by.gains), *(one[:, 0] for one in by.parameters)], axis=-1)
    try:
        moved = np.linalg.solve(bordered(J, projection), np.concatenate([gains, projection], axis=-1))
    except np.linalg.LinAlgError:
        return None
    rows = _compared(path, by, 0, 0, measure)
    if not rows or not np.isfinite(moved).all():
        return None
    H, wide = np.array([row[1] for row in rows]), len(made)
    M, target = H @ moved, np.array([row[0] for row in rows])
    free = M[:, gains.shape[1] :] * np.abs(J).max() if projection.any() else np.zeros((len(rows), 0))
    return Part(target, made, M[:, :wide], free, M[:, wide : gains.shape[1]], False)


def _by_parameter(field: _Field, k: int, t: Any, u: Any, x: Any) -> Float[np.ndarray, "state node"]:
    """Change of the slopes by a change of a parameter by its own size."""
    value, size = float(field.parameters[k]), field.free[k]
    ends = []
    for step in (DIFFERENCE * size, -DIFFERENCE * size):
        moved = [*field.parameters[:k], np.asarray(value + step), *field.parameters[k + 1 :]]
        ends.append(field.at(t, u, x, moved))
    return (ends[0] - ends[1]) / (2.0 * DIFFERENCE)


def _propagated(
    path: ReferencePath, by: _Derivatives, made: list[Called], scale: Float[np.ndarray, " state"], measure: Measure
) -> Part:
    """Solves the linearised equations for a unit change at every node, for starts, parameters and the path's own error."""
    n, S = len(path.t), by.jacobian.shape[1]
    E, first, second = _steps(0.5 * (by.jacobian[:-1] + by.jacobian[1:]), np.diff(path.t))
    wide = len(made) * n
    D = np.zeros((S, wide + len(by.parameters) + 1))
    extra = np.stack([*by.parameters, by.off], axis=-1)  # state, node, column
    starts, whole, grown, pieces, since = np.eye(S), np.eye(S), False, 1, 0
    row_at = {int(place): k for k, place in enumerate(path.places)}
    rows: list[tuple[float, np.ndarray, np.ndarray, int]] = []
    for j in range(n):
        if j in row_at:
            for error, H in _compared(path, by, row_at[j], j, measure):
                rows.append((error, H @ D, H @ starts, pieces - 1))
            since += 1
        if j == n - 1:
            break
        far = float(np.abs(starts / scale[:, None] * scale).max()) > GROWTH
        if (far or (path.slope is not None and since >= FEW_ROWS)) and n - j > 3:
            D[:], starts, since, pieces = 0.0, np.eye(S), 0, pieces + 1
        D, starts = E[j] @ D, E[j] @ starts
        if not grown:
            whole = E[j] @ whole
            grown = bool(np.abs(whole / scale[:, None] * scale).max() > PARTED)
        for c, gain in enumerate(by.gains):
            D[:, c * n + j] += first[j] @ gain[:, j]
            D[:, c * n + j + 1] += second[j] @ gain[:, j + 1]
        D[:, wide:] += first[j] @ extra[:, j] + second[j] @ extra[:, j + 1]
    M = np.array([row[1] for row in rows]).reshape(len(rows), D.shape[1])
    at_start = np.zeros((len(rows), S * pieces))
    for k, row in enumerate(rows):
        at_start[k, row[3] * S : (row[3] + 1) * S] = row[2]
    target = np.array([row[0] for row in rows]) - M[:, -1]
    return Part(target, made, M[:, :wide], at_start, M[:, wide:-1], grown)


def _compared(
    path: ReferencePath, by: _Derivatives, row: int, node: int, measure: Measure
) -> list[tuple[float, Float[np.ndarray, " state"]]]:
    """Whitened errors of the values of one row, and how they change with the states."""
    found, constants = [], measure.problem.space.constants
    measured = path.trajectory.measured[path.rows[row]]
    for k, value in enumerate(measured):
        seen, deviation = by.seen[k, node], path.deviation[row, k]
        if not (np.isfinite(value) and np.isfinite(seen) and np.isfinite(deviation)):
            continue
        error, slope = value - seen, by.seen_by[node, k]
        if constants.log[k]:
            if value <= 0.0 or seen <= 0.0:
                continue
            error, slope = np.log(value / seen), slope / seen
        if abs(error) <= measure.limit[k] * constants.spread[k] and np.isfinite(slope).all():
            found.append((float(error / deviation), slope / deviation))
    return found


def _steps(
    J: Float[np.ndarray, "step state state"], h: Float[np.ndarray, " step"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """exp(hJ) and what the values of a term at both ends of a step add, for a term that is linear between."""
    n, S = len(h), J.shape[1]
    A = np.zeros((n, 3 * S, 3 * S))
    A[:, :S, :S] = J * h[:, None, None]
    A[:, :S, S : 2 * S] = np.eye(S)
    A[:, S : 2 * S, 2 * S :] = np.eye(S)
    e = _exponentials(A)
    one, two = e[:, :S, S : 2 * S], e[:, :S, 2 * S :]
    return e[:, :S, :S], h[:, None, None] * (one - two), h[:, None, None] * two


def _exponentials(A: Float[np.ndarray, "step row row"]) -> Float[np.ndarray, "step row row"]:
    """exp(A) of many small matrices at once: the series of a part of A whose norm is at most a half, squared again (scaling and
    squaring: Higham 2008, Functions of Matrices, chapter 10). SciPy's takes them one by one."""
    norm = np.abs(A).sum(axis=-1).max(axis=-1, initial=0.0)
    halvings = np.ceil(np.log2(np.maximum(norm, 0.5) / 0.5))
    part = A / 2.0 ** halvings[:, None, None]
    term = total = np.broadcast_to(np.eye(A.shape[-1]), A.shape)
    for k in range(1, TERMS + 1):
        term = term @ part / k
        total = total + term
    for k in range(int(halvings.max(initial=0.0))):
        total = np.where((k < halvings)[:, None, None], total @ total, total)
    return total


def joined(field: _Field, parts: list[Part], own: bool) -> Response:
    """All paths below each other, starts and parameters eliminated."""
    cleared = [_without(part.starts, part) for part in parts]
    target = np.concatenate([part.target for part in cleared])
    known = np.concatenate([part.parameters for part in cleared])
    rows: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    points: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    values: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    at = 0
    for part in cleared:
        for c, call in enumerate(part.calls):
            n = len(call.values)
            block = np.zeros((len(target), n))
            block[at : at + len(part.target)] = part.wide[:, c * n : (c + 1) * n]
            rows[call.name].append(block)
            points[call.name].append(call.points)
            values[call.name].append(call.values)
        at += len(part.target)
    whole = {name: np.concatenate(blocks, axis=1) for name, blocks in rows.items()}
    reference = {name: np.concatenate(parts) for name, parts in values.items()}
    for name in field.names:
        target = target + whole[name] @ reference[name]
    Q = _within_size(known)
    terms = {
        name: TermResponse(
            name,
            field.system.neural_term(name).arguments,
            np.concatenate(points[name]),
            reference[name],
            whole[name] - Q @ (Q.T @ whole[name]),
        )
        for name in field.names
    }
    sizes = dict(zip(field.free_names, field.free.values(), strict=True))
    count = sum(len(part.target) - part.starts.shape[1] for part in parts)
    pieces = any(part.grown for part in parts)
    return Response(terms, target - Q @ (Q.T @ target), count, own, pieces, Known(sizes, known, target, whole))


def _without(columns: Float[np.ndarray, "row column"], part: Part) -> Part:
    """``part`` orthogonal to ``columns``."""
    U, s, _ = np.linalg.svd(columns, full_matrices=False)
    Q = U[:, s > 1e-10 * max(float(s.max(initial=0.0)), 1e-300)]

    def clear(values: np.ndarray) -> np.ndarray:
        return values - Q @ (Q.T @ values)

    return Part(clear(part.target), part.calls, clear(part.wide), part.starts, clear(part.parameters), part.grown)


def _within_size(known: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row parameter"]:
    """A basis of what parameters change, those that may change by about their size counted so."""
    p = known.shape[1]
    Q, _ = np.linalg.qr(np.concatenate([known, np.eye(p)]))
    return Q[: len(known)]
