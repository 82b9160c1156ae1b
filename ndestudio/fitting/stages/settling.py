"""The end of a fit of constants: a minimum that is one, and how sure the parameters are there.

Levenberg-Marquardt creeps where two parameters are tied (a frequency factor and an activation energy): the valley bends,
and along it the derivatives by differences drown. Here positive parameters that are tied go onto a logarithmic scale,
which straightens the valley, and the fit goes on in coordinates that the data do not mix: the principal axes of its
covariance (Bates and Watts 1988, Nonlinear Regression Analysis, section 6; Transtrum, Machta and Sethna 2011, Phys. Rev. E
83, 036701, on sloppy directions), with central differences whose step is a part of a standard deviation. Then it is
repeated from starts a few standard deviations away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ndestudio.fitting.batches import Batch
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import reweigh, with_priors
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, PathRows, Point, lm_start
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Monitor, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.at_bounds import onto_bounds, tell_signs
from ndestudio.fitting.stages.constants_objective import CLOSE, EXPLORED, descend, tried, weak_prior
from ndestudio.fitting.stages.stages import Outcome
from ndestudio.fitting.tracker import Tracker
from ndestudio.fitting.uncertainty.laplace import Uncertainty, uncertainty
from ndestudio.fitting.uncertainty.near_bounds import with_profiles
from ndestudio.problem.bijection import LOWER

TIED = 0.98
"""Correlation from which two parameters count as tied to each other."""
STEP = 0.05
"""Step of the central differences in standard deviations, and its limits in trained numbers (which are of order one):"""
SMALLEST, LARGEST = 1e-6, 1e-3
NEWS = 1e-3
"""Decrease of n log(cost) that is worth a step: it moves no parameter by more than a thirtieth of its standard deviation."""
ROUNDS = 3
LIKED = 1.5
"""Score, over that of the best point so far, up to which the minimum is taken."""
BETTER = 1.0
"""Decrease of n log(cost) from which another minimum is told as better."""
AROUND = 3.0
"""Distance of the starts around a minimum, in standard deviations, at most one trained number away."""
AXES, AT_RANDOM = 3, 4
"""Principal axes along which there are two starts each, and starts at random."""
WORK = 4e6
"""Steps of the solver, of all copies and rows, beyond which fewer starts are taken."""


def settled(tracker: Tracker, batch: Batch, outcome: Outcome, *, look_round: bool) -> Outcome:
    """Go on to the minimum, look for better ones near it, and tell how sure the parameters are.

    Parameters
    ----------
    look_round
        Whether starts around the minimum are tried.
    """
    if not np.isfinite(outcome.loss):
        return outcome
    found = judge(tracker, batch, outcome.point, outcome.linear)
    straight = _straightened(tracker, found, outcome.point) if found is not None else None
    if straight is not None:
        outcome = replace(outcome, point=straight, linear=None)
        found = judge(tracker, batch, outcome.point, None)
    outcome, found = polished(tracker, batch, outcome, found)
    if look_round and found is not None:
        better = _looked_round(tracker, batch, outcome, found)
        if better is not None:
            outcome, found = polished(tracker, batch, better, judge(tracker, batch, better.point, None))
    outcome = onto_bounds(tracker, batch, outcome)
    _take(tracker, batch, outcome)
    if look_round:
        tell_signs(tracker, batch, outcome)
    if found is not None:
        tracker.judge(with_profiles(tracker.problem, batch, found))
    return outcome


def _take(tracker: Tracker, batch: Batch, outcome: Outcome) -> None:
    """The minimum is the model, also where held-out values happened to like a point on the way to it a little better."""
    score = tracker.score(outcome.loss, outcome.validation)
    if score <= LIKED * tracker.best_score:
        tracker.best_score = np.inf
        tracker.consider(batch, outcome.point, tracker.best_stage[1], outcome.loss, outcome.validation)


def judge(tracker: Tracker, batch: Batch, point: Point, linear: Linear | None) -> Uncertainty | None:
    """How sure the parameters are where a fit ended."""
    problem = tracker.problem
    prior = weak_prior(problem, batch, point)
    if linear is None or problem.train.loss == "huber":
        engine = VectorEngine(problem, batch)
        state = lm_start(engine.linearise, point, prior)
        # at the minimum of Huber's loss that of the squares is elsewhere: the errors count as they did in the fit
        linear = (reweigh(engine, batch, state) if problem.train.loss == "huber" else state).linear
    found = uncertainty(problem, linear, point, with_priors(problem, batch, prior, linear.loss))
    if found is None:
        tracker.judge(None)
    return found


def _straightened(tracker: Tracker, found: Uncertainty, point: Point) -> Point | None:
    """Put tied parameters that are positive by their bound on a logarithmic scale; the point there, None without any."""
    deviation = np.sqrt(np.maximum(np.diag(found.covariance), 1e-300))
    correlation = np.abs(found.covariance / np.outer(deviation, deviation))
    np.fill_diagonal(correlation, 0.0)
    tied = {name for name, row in zip(found.names, correlation, strict=True) if row.max(initial=0.0) > TIED}
    space = tracker.problem.space
    mapping, names = space.constants.bijection, space.structure.parameters
    chosen = np.array([name in tied for name in names], dtype=bool) & (mapping.code == LOWER) & (mapping.lower == 0.0)
    if not chosen.any():
        return None
    logarithmic = mapping.logarithmic(chosen)

    def moved(point: Point) -> Point:
        theta = point.theta.copy()
        theta[: len(names)] = mapping.carried(chosen, theta[: len(names)])
        return Point(theta, point.free)

    constants = space.constants._replace(bijection=logarithmic)
    start = moved(Point(space.theta, np.zeros((0, 0)))).theta
    tracker.problem = replace(tracker.problem, space=replace(space, constants=constants, theta=start))
    if tracker.best_point is not None:
        tracker.best_point = (tracker.best_point[0], moved(tracker.best_point[1]))
    return moved(point)


@dataclass(frozen=True, eq=False)
class Axes:
    """Coordinates u with theta = origin + basis u for the parameters that move.

    Parameters
    ----------
    moves
        Positions in theta.
    basis
        Its columns are principal axes of the covariance, one standard deviation long (at most one trained number).
    """

    origin: Float[np.ndarray, " theta"]
    moves: Int[np.ndarray, " axis"]
    basis: Float[np.ndarray, "axis axis"]

    def theta(self, u: Float[np.ndarray, "*copy theta"]) -> Float[np.ndarray, "*copy theta"]:
        found = np.broadcast_to(self.origin, u.shape).copy()
        found[..., self.moves] += u[..., self.moves] @ self.basis.T
        return found


def principal_axes(problem: PreparedFit, point: Point, found: Uncertainty, moves: Int[np.ndarray, " axis"]) -> Axes:
    """Axes of the covariance of all parameters and shared starts."""
    normal = found.normal
    place = normal.place(moves)
    C = normal.inverse[np.ix_(place, place)] * max(found.variance / max(int(normal.values.sum()), 1), 1e-300)
    scale = np.sqrt(np.maximum(np.diag(C), 1e-300))
    values, vectors = np.linalg.eigh(C / np.outer(scale, scale))
    basis = scale[:, None] * vectors * np.sqrt(np.maximum(values, 1e-14))
    length = np.linalg.norm(basis, axis=0)
    return Axes(point.theta, moves, basis * np.clip(length, SMALLEST, 1.0) / np.maximum(length, 1e-300))


class AxesEngine:
    """Errors of a ``VectorEngine`` by coordinates along axes, differentiated by central differences."""

    def __init__(self, engine: VectorEngine, axes: Axes) -> None:
        self.engine, self.axes = engine, axes
        length = np.linalg.norm(axes.basis, axis=0)
        self.step = np.clip(STEP * length, SMALLEST, LARGEST) / length

    def linearise(self, point: Point) -> Linear:
        """Residuals and derivatives; derivatives by u stand in the places of the parameters that move."""
        engine, moves, count = self.engine, self.axes.moves, len(self.axes.moves)
        steps = [*zip(moves, self.step, strict=True)]
        copies = 1 + 2 * (count + len(engine.states))
        u, free = np.repeat(point.theta[None], copies, axis=0), np.repeat(point.free[None], copies, axis=0)
        for k, (index, h) in enumerate(steps):
            u[1 + 2 * k, index] += h
            u[2 + 2 * k, index] -= h
        for k, state in enumerate(engine.states):
            free[1 + 2 * (count + k), :, state] += FREE_STEP
            free[2 + 2 * (count + k), :, state] -= FREE_STEP
        errors, ends = engine.errors(self.axes.theta(u), free)
        h = np.concatenate([self.step, np.full(len(engine.states), FREE_STEP)])
        with np.errstate(all="ignore"):
            changes = (errors[1::2] - errors[2::2]) / (2.0 * h[:, None, None, None])
        return engine.assembled(point, errors[0], ends[0], changes, self._path(point))

    def _path(self, point: Point) -> PathRows | None:
        if self.engine.path is None:
            return None
        found = self.engine.path.linearise(Point(self.axes.theta(point.theta), point.free))
        d_theta = np.zeros_like(found.d_theta)
        d_theta[..., self.axes.moves] = found.d_theta[..., self.axes.moves] @ self.axes.basis
        return PathRows(found.r, d_theta, found.d_free)


FREE_STEP = 1e-4
"""Step of the central differences by initial values, in state scales."""


def polished(
    tracker: Tracker, batch: Batch, outcome: Outcome, found: Uncertainty | None
) -> tuple[Outcome, Uncertainty | None]:
    """Levenberg-Marquardt along the principal axes, with the axes made anew while it gains; and how sure it is there."""
    for _ in range(ROUNDS):
        if found is None:
            break
        before = outcome
        outcome = _along_axes(tracker, batch, outcome, found)
        if outcome is before:
            break
        found = judge(tracker, batch, outcome.point, None)
        if tracker.problem.values_used_train * _gain(before.loss, outcome.loss) < NEWS:
            break
    return outcome, found


def _gain(before: float, after: float) -> float:
    """Decrease of the logarithm of a loss."""
    return float(np.log(max(before, CLOSE) / max(after, CLOSE)))


def _along_axes(tracker: Tracker, batch: Batch, outcome: Outcome, found: Uncertainty) -> Outcome:
    problem, engine = tracker.problem, VectorEngine(tracker.problem, batch)
    moves = engine.moves
    alone = problem.priors is None and found.normal.moves[moves].all()
    if not len(moves) or outcome.loss < CLOSE or not alone:
        return outcome
    axes = principal_axes(problem, outcome.point, found, moves)
    turned = AxesEngine(engine, axes)
    start = Point(outcome.point.theta.copy(), outcome.point.free)
    start.theta[moves] = 0.0
    values = max(int(found.normal.values.sum()), 1)
    rules = Stopping(30, decrease=NEWS / values, promise=NEWS / values, slow=2, slow_rejected=4, loss=CLOSE)
    robust = (lambda state: reweigh(engine, batch, state)) if problem.train.loss == "huber" else None
    prior = weak_prior(problem, batch, start)
    objective = LeastSquares(turned.linearise, lambda state: prior, robust)
    result = minimise(LevenbergMarquardt(1e-6), objective, start, stopping=rules, monitor=_Polled(tracker))
    state = result.state
    if not result.finite or not state.loss <= outcome.loss * (1.0 + 1e-9):
        return outcome
    point = Point(axes.theta(state.point.theta), state.point.free)
    validation, path = state.linear.validation, state.linear.path_loss
    tracker.step(batch, point, tracker.best_stage[1], state.loss, validation, candidate=True, path=path)
    return Outcome(point, state.loss, state.linear.validation, outcome.reason)


class _Polled(Monitor[LmState]):
    """Asks whether to stop."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def poll(self) -> None:
        self.tracker.poll()


def _looked_round(tracker: Tracker, batch: Batch, outcome: Outcome, found: Uncertainty) -> Outcome | None:
    """A better minimum that starts around this one lead to; None where they all lead back or end higher."""
    problem, engine = tracker.problem, VectorEngine(tracker.problem, batch)
    if not len(engine.moves) or outcome.loss < CLOSE or not found.normal.moves[engine.moves].all():
        return None
    starts = _around(problem, outcome.point, principal_axes(problem, outcome.point, found, engine.moves))
    copies = batch.grid.step.size * (1 + len(engine.moves) + len(engine.states))
    starts = starts[: max(int(WORK / copies), 2)]
    best = min(tried(tracker, batch, starts, EXPLORED), key=lambda state: state.cost)
    if problem.values_used_train * _gain(outcome.loss, best.loss) < BETTER:
        return None
    ended = descend(tracker, batch, best.point)
    tracker.note(
        f"A start beside the first minimum led to a better one (error {np.sqrt(ended.loss):.2%} instead of "
        f"{np.sqrt(outcome.loss):.2%} of the spread), which is taken."
    )
    return ended


def _around(problem: PreparedFit, point: Point, axes: Axes) -> list[Point]:
    """Starts along the longest axes, both ways, and at random; the same for the same seed."""
    generator = np.random.default_rng(problem.train.seed + 29)
    count = len(axes.moves)
    longest = np.argsort(-np.linalg.norm(axes.basis, axis=0))[:AXES]
    moves = [sign * AROUND * np.eye(count)[k] for k in longest for sign in (1, -1)]
    moves += [AROUND * generator.normal(size=count) for _ in range(AT_RANDOM)]
    found = []
    for move in moves:
        change = axes.basis @ move
        theta = point.theta.copy()
        theta[axes.moves] += change / max(float(np.abs(change).max()), 1.0)
        found.append(Point(theta, point.free.copy()))
    return found
