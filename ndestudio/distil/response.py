"""How measured values answer to small changes of the unknown terms: what the data say of a formula, in one linear map.

Along a reference path ``x(t)`` that is close to the true one, a term ``f`` of the right-hand side changes what is measured
at ``t`` by

    H(t) integral_0^t Phi(t, s) B(s) (f(x(s)) - f_ref(s)) ds + H(t) Phi(t, 0) dx(0)

with the state-transition matrix ``Phi`` of the linearised model (variation of constants). It is the integral form of the
regression of Messenger and Bortz (2021, Multiscale Model. Simul. 19, 1474) with the test functions that the linearised
dynamics ask for: the errors of the rows are those of the measurements alone, independent of each other, so that least
squares over the rows is, to first order, maximum likelihood of the data. Nothing is differentiated, states that nobody
measures are followed by the model, and starts, parameters of the known part and other unknown terms are eliminated. Where
paths part quickly (chaos) it begins anew, from the smooth curve through the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.smoothing import SmoothedTrajectory, smooth
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.expression.tree import calls
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.model.system import System
from ndestudio.problem.space import structure_of

NODES = 480
"""Points, over all trajectories, at which a term is evaluated."""
GROWTH = 30.0
"""Growth of a change of the state, in units of the states' sizes, after which a path begins anew."""
FEW_ROWS = 10
"""Rows after which a path through the measurements begins anew: the model that carries changes along it need not be near."""
FEWEST = 8
"""Measured values, beyond those that starts take, with which the data can be asked at all."""
FAR = 1.5
"""Ratio of what the model misses the data by to the noise up to which its own path is the reference."""
MOST_FOLD = 1.5
"""Largest change of the logarithm of a parameter in one step."""
PARTED = 300.0
"""Growth along a whole path from which on simulating it from its start tells nothing of its end."""
DIFFERENCE = 1e-5
LEAST_NOISE = 1e-4
"""Smallest noise that is assumed, of the spread of a column: below, solvers and linearisation err more."""


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
class Response:
    """All unknown terms of a model. ``target`` is what is measured beyond the reference, in units of the noise, as are the
    rows of the terms; starts and parameters of the known part are eliminated.

    Parameters
    ----------
    count
        Measured values.
    left
        Sum of squares that no term can explain.
    own_path
        Whether the reference is the model's own solution, not the smooth curve through the measurements.
    sigma
        Noise of each measured column.
    known
        The known part's parameters.
    pieces
        Whether changes grow so along whole paths that only pieces of them can be compared.
    """

    terms: Mapping[str, TermResponse]
    target: Float[np.ndarray, " row"]
    count: int
    left: float
    own_path: bool
    sigma: Float[np.ndarray, " measured"]
    known: Known
    pieces: bool

    def parameters(self, values: Mapping[str, Float[np.ndarray, " point"]]) -> dict[str, float]:
        """Parameters of the known part that go with ``values`` of all terms at their points."""
        known = self.known
        error = known.target - sum(known.rows[name] @ value for name, value in values.items())
        A, b = known.columns.T @ known.columns + np.eye(known.columns.shape[1]), known.columns.T @ error
        move = np.linalg.solve(A, b) if len(b) else b
        # one that keeps its sign: a step in its logarithm
        return {
            name: float(value * np.exp(np.clip(part, -MOST_FOLD, MOST_FOLD)))
            for (name, value), part in zip(known.values.items(), move, strict=True)
        }


@dataclass(frozen=True, eq=False)
class Known:
    """The free parameters of the known part, and the rows before they were eliminated: a column is the change by the
    parameter's own size."""

    values: Mapping[str, float]
    columns: Float[np.ndarray, "row parameter"]
    target: Float[np.ndarray, " row"]
    rows: Mapping[str, Float[np.ndarray, "row point"]]


class _Called:
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


def linear_response(
    model: FittedModel,
    dataset: Dataset,
    problem: PreparedFit,
    names: Sequence[str],
    instead: FittedModel | None = None,
) -> Response | None:
    """The response to the terms ``names`` of ``model``.

    Parameters
    ----------
    problem
        Scales and settings of a fit of ``model``.
    instead
        ``model`` with formulas in the place of some terms, which is the reference then.

    Returns
    -------
    Response | None
        None where there is none: noise in the states, a term that outputs read, a path that cannot be followed.
    """
    structure = structure_of(model)
    if structure.dynamics.noises or not structure.dynamics.differentiable:
        return None
    if any(calls(expr, names) for expr in model.system.outputs.values()):
        return None
    paths = _paths(instead or model, dataset)
    if paths is None:
        return None
    curves, sigma, own = paths
    field = _Field(instead or model, model.system, structure, names)
    parts = [_along(field, path, problem, sigma) for path in curves]
    parts = [part for part in parts if part is not None and len(part.target)]
    if not parts or sum(len(part.target) - part.starts.shape[1] for part in parts) < FEWEST:
        return None
    return _joined(field, parts, own, sigma)


@dataclass(frozen=True, eq=False)
class _Path:
    trajectory: Trajectory
    t: Float[np.ndarray, " node"]
    x: Float[np.ndarray, "node state"]
    slope: Float[np.ndarray, "node state"] | None
    """Of the reference where it is no solution of the model."""


def _paths(
    model: FittedModel, dataset: Dataset
) -> tuple[list[_Path], Float[np.ndarray, " measured"], bool] | None:
    from ndestudio.solve.scipy_reference import simulate_trajectory

    grids = _grids(dataset)
    smoothed = {
        one.name: smooth(one, use=(one.part != Part.TEST)[:, None] & one.present) for one in dataset.trajectories if one.name in grids
    }
    own: list[_Path] = []
    squares, count = np.zeros(len(dataset.measured_names)), np.zeros(len(dataset.measured_names))
    for trajectory in dataset.trajectories:
        if trajectory.name not in grids:
            continue
        t = grids[trajectory.name]
        found = simulate_trajectory(model, dataset, trajectory, t=t)
        own.append(_Path(trajectory, t, found.states, None))
        rows, at = _rows(trajectory, t)
        for k, column in enumerate(dataset.measured_names):
            if column in model.measured and model.system.observation(column) is not None:
                error = found.measured[at, model.measured.index(column)] - trajectory.measured[rows, k]
                good = np.isfinite(trajectory.measured[rows, k])
                squares[k] += np.sum(error[good] ** 2)
                count[k] += good.sum()
    missed = np.sqrt(squares / np.maximum(count, 1))
    noise = np.sqrt(np.mean([one.noise**2 for one in smoothed.values()], axis=0))
    floor = LEAST_NOISE * dataset.spread()
    used = count > 0
    good = bool(np.isfinite(missed[used]).all()) and bool((missed[used] <= FAR * np.maximum(noise, floor)[used]).all())
    direct = _direct(model)
    if good or direct is None:
        if not np.isfinite(missed[used]).all():
            return None
        sigma = np.minimum(missed, np.where(noise > 0, np.maximum(noise, 0.7 * missed), missed)) if good else missed
        return own, np.maximum(sigma, floor), True
    curves = []
    for path in own:
        one = smoothed[path.trajectory.name]
        x, slope = one.values(path.t)[:, direct], one.derivatives(path.t)[:, direct]
        if np.isfinite(x).all():
            curves.append(_Path(path.trajectory, path.t, x, slope))
    return (curves, np.maximum(noise, floor), False) if curves else None


def _direct(model: FittedModel) -> list[int] | None:
    """The measured column that is each state; None if a state is not measured."""
    from ndestudio.expression.tree import Name

    found = []
    for state in model.system.states:
        places = [k for k, name in enumerate(model.measured) if model.system.observation(name) == Name(state)]
        if not places:
            return None
        found.append(places[0])
    return found


def _grids(dataset: Dataset) -> dict[str, Float[np.ndarray, " node"]]:
    """Times of the nodes of each trajectory: those of its rows, with more between where they are few."""
    used = {one.name: np.flatnonzero(((one.part != Part.TEST)[:, None] & one.present).any(axis=1)) for one in dataset.trajectories}
    used = {name: rows for name, rows in used.items() if len(rows) > 1}
    total = sum(len(rows) for rows in used.values())
    between = int(np.clip(NODES // max(total, 1), 1, 8))
    found = {}
    for one in dataset.trajectories:
        if one.name in used:
            t = one.t[: used[one.name][-1] + 1]
            parts = np.linspace(0.0, 1.0, between, endpoint=False)
            found[one.name] = np.append((t[:-1, None] + np.diff(t)[:, None] * parts).ravel(), t[-1])
    return found


def _rows(trajectory: Trajectory, t: Float[np.ndarray, " node"]) -> tuple[np.ndarray, np.ndarray]:
    """Rows that count and their places among the nodes."""
    rows = np.flatnonzero(((trajectory.part != Part.TEST)[:, None] & trajectory.present).any(axis=1))
    return rows, np.searchsorted(t, trajectory.t[rows] - 1e-12 * max(1.0, abs(float(t[-1]))))


class _Field:
    """The right-hand side with its derivatives by states, parameters and unknown terms, at many points at once."""

    def __init__(self, model: FittedModel, system: System, structure: Any, names: Sequence[str]) -> None:
        self.system, self.names = system, tuple(names)
        self.called = {one.name: _Called(_function(model, one.name)) for one in system.neural_terms}
        self.slope = structure.dynamics.drift(self.called, np)
        self.seen = structure.observation.function(structure.dynamics, self.called, np)
        self.parameters = [np.asarray(float(model.parameters[name])) for name in structure.parameters]
        self.parameter_names = structure.parameters
        configs = model.config.parameters
        self.free = [
            k for k, name in enumerate(structure.parameters) if not (name in configs and configs[name].fixed)
        ]
        self.states = len(structure.states)

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


@dataclass(frozen=True, eq=False)
class _Part:
    """Of one path: whitened rows, with the columns of its nodes for each call of each term, of starts and of parameters."""

    target: Float[np.ndarray, " row"]
    terms: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]
    starts: Float[np.ndarray, "row start"]
    parameters: Float[np.ndarray, "row parameter"]
    pieces: bool


def _along(field: _Field, path: _Path, problem: PreparedFit, sigma: Float[np.ndarray, " measured"]) -> _Part | None:
    t, x = path.t, np.ascontiguousarray(path.x.T)
    u = path.trajectory.input_at(t).T
    base = field.at(t, u, x)
    calls = {name: [(np.stack([np.broadcast_to(a, t.shape) for a in arguments], axis=-1), np.broadcast_to(value, t.shape).copy()) for arguments, value in field.called[name].seen] for name in field.names}
    if not np.isfinite(base).all():
        return None
    gains = {name: [field.at(t, u, x, moved=(name, k)) - base for k in range(len(found))] for name, found in calls.items()}
    scale = np.asarray(problem.space.constants.state_scale, float)
    jacobian = np.empty((len(t), len(x), len(x)))
    outputs = []
    seen = field.observe(t, u, x)
    for j in range(len(x)):
        step = DIFFERENCE * scale[j]
        up, down = x.copy(), x.copy()
        up[j] += step
        down[j] -= step
        jacobian[:, :, j] = ((field.at(t, u, up) - field.at(t, u, down)) / (2 * step)).T
        outputs.append((field.observe(t, u, up) - field.observe(t, u, down)).T / (2 * step))
    H = np.stack(outputs, axis=-1)  # node, measured, state
    known = []
    for k in field.free:
        value = float(field.parameters[k])
        step = DIFFERENCE * (abs(value) or 1.0)
        ends = [[*field.parameters[:k], np.asarray(value + e), *field.parameters[k + 1 :]] for e in (step, -step)]
        known.append((field.at(t, u, x, ends[0]) - field.at(t, u, x, ends[1])) / (2 * step) * (abs(value) or 1.0))
    off = base - path.slope.T if path.slope is not None else None
    if not (np.isfinite(jacobian).all() and np.isfinite(H).all()):
        return None
    return _propagated(path, jacobian, H, seen, calls, gains, known, off, scale, sigma, field)


def _propagated(path, jacobian, H, seen, calls, gains, known, off, scale, sigma, field) -> _Part:  # type: ignore[no-untyped-def]
    t = path.t
    h = np.diff(t)
    S, n = jacobian.shape[1], len(t)
    E, first, second = _steps(0.5 * (jacobian[:-1] + jacobian[1:]), h)
    columns = [gain for name in field.names for gain in gains[name]]
    wide = len(columns) * n
    p = len(known)
    D = np.zeros((S, wide + p + 1))  # nodes of the calls, parameters, the reference's own error
    starts = np.eye(S)
    begun, whole, grown = [0], np.eye(S), False  # rows before each new start
    rows, places = _rows(path.trajectory, t)
    place_of = {int(place): int(row) for place, row in zip(places, rows, strict=True)}
    target, found, at_start, owner = [], [], [], []
    extra = np.stack([*known, off if off is not None else np.zeros((S, n))], axis=-1)  # state, node, column
    for j in range(n):
        if j in place_of:
            measured = path.trajectory.measured[place_of[j]]
            for k in np.flatnonzero(np.isfinite(measured) & np.isfinite(seen[:, j])):
                target.append((measured[k] - seen[k, j]) / sigma[k])
                found.append(H[j, k] @ D / sigma[k])
                at_start.append(H[j, k] @ starts / sigma[k])
                owner.append(len(begun) - 1)
        if j == n - 1:
            break
        growth = np.abs(starts / scale[:, None] * scale).max()
        long = path.slope is not None and len(owner) - begun[-1] >= FEW_ROWS * len(seen)
        if (growth > GROWTH or long) and n - j > 3:
            D[:] = 0.0
            starts = np.eye(S)
            begun.append(len(owner))
        D = E[j] @ D
        starts = E[j] @ starts
        if not grown:
            whole = E[j] @ whole
            grown = bool(np.abs(whole / scale[:, None] * scale).max() > PARTED)
        for c, gain in enumerate(columns):
            D[:, c * n + j] += first[j] @ gain[:, j]
            D[:, c * n + j + 1] += second[j] @ gain[:, j + 1]
        D[:, wide:] += first[j] @ extra[:, j] + second[j] @ extra[:, j + 1]
    M = np.array(found)
    target = np.array(target) - M[:, -1]
    owner = np.array(owner)
    start_columns = np.zeros((len(target), S * len(begun)))
    for row, (one, values) in enumerate(zip(owner, at_start, strict=True)):
        start_columns[row, one * S : (one + 1) * S] = values
    terms: dict[str, list] = {}
    c = 0
    for name in field.names:
        terms[name] = []
        for points, value in calls[name]:
            terms[name].append((points, value, M[:, c * n : (c + 1) * n]))
            c += 1
    return _Part(target, terms, start_columns, M[:, wide : wide + p], grown)


def _steps(J: Float[np.ndarray, "step state state"], h: Float[np.ndarray, " step"]):  # type: ignore[no-untyped-def]
    """exp(hJ) and what the values of a term at both ends of a step add, for a term that is linear between."""
    from scipy.linalg import expm

    n, S = len(h), J.shape[1]
    A = np.zeros((n, 3 * S, 3 * S))
    A[:, :S, :S] = J * h[:, None, None]
    A[:, :S, S : 2 * S] = np.eye(S)
    A[:, S : 2 * S, 2 * S :] = np.eye(S)
    e = expm(A)
    one, two = e[:, :S, S : 2 * S], e[:, :S, 2 * S :]
    return e[:, :S, :S], h[:, None, None] * (one - two), h[:, None, None] * two


def _joined(field: _Field, parts: list[_Part], own: bool, sigma: np.ndarray) -> Response:
    from scipy.linalg import block_diag, qr

    cleared = []
    left_rows = 0
    for part in parts:
        Q = _basis(part.starts)
        columns = np.concatenate([part.target[:, None], part.parameters, *[m for name in field.names for _, _, m in part.terms[name]]], axis=1)
        cleared.append(columns - Q @ (Q.T @ columns))
        left_rows += len(part.target) - Q.shape[1]
    p = parts[0].parameters.shape[1]
    target = np.concatenate([c[:, 0] for c in cleared])
    known = np.concatenate([c[:, 1 : 1 + p] for c in cleared])
    wide = block_diag(*[c[:, 1 + p :] for c in cleared])
    whole, whole_rows, columns = target, wide, known
    # a parameter of the known part may change by about its size
    if p:
        Q, R = qr(np.concatenate([known, np.eye(p)]), mode="economic")
        Q = Q[: len(target)]
        target, wide = target - Q @ (Q.T @ target), wide - Q @ (Q.T @ wide)
    order: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    points: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    values: dict[str, list[np.ndarray]] = {name: [] for name in field.names}
    at = 0
    for part in parts:
        for name in field.names:
            for x, value, m in part.terms[name]:
                order[name].append(np.arange(at, at + m.shape[1]))
                points[name].append(x)
                values[name].append(value)
                at += m.shape[1]
    reference = np.zeros(wide.shape[1])
    for name in field.names:
        for where, value in zip(order[name], values[name], strict=True):
            reference[where] = value
    target = target + wide @ reference
    U, s, V = np.linalg.svd(wide, full_matrices=False)
    spread = float(np.sqrt(np.mean(reference**2))) or 1.0
    kept = s * spread * np.sqrt(wide.shape[1]) > 0.1
    rows, goal = s[kept, None] * V[kept], U[:, kept].T @ target
    left = float(target @ target - goal @ goal)
    terms = {
        name: TermResponse(name, field.system.neural_term(name).arguments, np.concatenate(points[name]), np.concatenate(values[name]), rows[:, np.concatenate(order[name])])
        for name in field.names
    }
    order_of = {name: np.concatenate(order[name]) for name in field.names}
    parameters = {field.parameter_names[k]: float(field.parameters[k]) or 1.0 for k in field.free}
    known_part = Known(
        parameters, columns, whole + whole_rows @ reference, {name: whole_rows[:, at] for name, at in order_of.items()}
    )
    return Response(terms, goal, left_rows, max(left, 0.0), own, sigma, known_part, any(part.pieces for part in parts))


def _basis(columns: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row kept"]:
    U, s, _ = np.linalg.svd(columns, full_matrices=False)
    return U[:, s > 1e-10 * max(float(s.max(initial=0.0)), 1e-300)]
