"""Multiple shooting: trajectories cut into segments with starts of their own (Bock 1983; Turan and Jaeschke 2022)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Part
from ndestudio.fitting.batches import Batch, fitted_rows, make_batch, start_point
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior
from ndestudio.fitting.optimizers.minimise import LevenbergMarquardt, Monitor, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.stages.stages import Budget, Outcome, weights_objective
from ndestudio.fitting.tracker import Tracker
from ndestudio.problem.bijection import Bijection
from ndestudio.problem.initial import FREE
from ndestudio.problem.rows import Rows, bucket

LEARNED = 1e-4
"""Loss of short segments at which a law is good enough to go on with whole trajectories."""


def segments(whole: list[Rows], length: int) -> tuple[list[Rows], np.ndarray]:
    """Training trajectories cut into pieces of ``length`` samples that share their end samples, and what each follows."""
    rows, follows = [], []
    for row in whole:
        used = np.flatnonzero(row.trajectory.part[row.index] == Part.TRAIN)
        if len(used) < 2:
            continue
        last = used[-1]
        for piece, begin in enumerate(range(0, last, length)):
            rows.append(Rows(row.trajectory, row.index[begin : min(begin + length, last) + 1]))
            follows.append(len(rows) - 2 if piece else -1)
    return rows, np.array(follows)


def shooting_batch(problem: PreparedFit, length: int, steps: int, *, shared: bool = False) -> Batch:
    """Segments as a batch; the sample a segment shares with the next counts once, or (``shared``) for both."""
    whole = fitted_rows(problem)
    rows, follows = segments(whole, length)
    share = max(len(row.index) - 1 for row in rows) / max(len(row.index) - 1 for row in whole)
    batch = make_batch(problem, bucket(max(4, int(np.ceil(1.3 * steps * share)))), rows=rows, follows=follows)
    train = batch.target.train.copy()
    for k, previous in enumerate(follows):
        if previous >= 0 and not shared:
            train[previous, len(rows[previous].index) - 1] = 0.0
        del k
    return replace(batch, target=batch.target._replace(train=train / max(train.sum(), 1e-300)))


def shoot(tracker: Tracker, engine: JaxEngine, theta: Float[np.ndarray, " theta"], budget: Budget) -> Outcome:
    """Stage B: segments with free starts; the weight of the gaps between them rises tenfold every few steps.

    A start is drawn to the end of the segment before it as that was after the last step, so rows stay independent.
    """
    batch = engine.batch
    point = start_point(engine.problem, batch)._replace(theta=theta)
    objective, monitor = weights_objective(engine, batch, point), _Joining(tracker, batch, budget)
    apart = objective.prior
    objective.prior = lambda state: apart(state) if state is None else monitor.joined(apart(state), state)
    rules = Stopping(budget.steps, damping=np.inf)
    found = minimise(LevenbergMarquardt(1e-2), objective, point, stopping=rules, monitor=monitor)
    if not found.finite or monitor.best is None:
        return Outcome(point, np.inf, np.nan, "stuck")
    return Outcome(monitor.best.point, monitor.best.loss, np.nan, "converged")


class _Joining(Monitor[LmState]):
    """Draws segments together, more and more, and keeps the best state by its loss and its gaps."""

    def __init__(self, tracker: Tracker, batch: Batch, budget: Budget) -> None:
        self.tracker, self.batch, self.budget = tracker, batch, budget
        self.linked = batch.follows >= 0
        self.weight, self.gap, self.best_gap = 0.03, np.inf, np.inf
        self.best: LmState | None = None

    def joined(self, prior: Prior, state: LmState) -> Prior:
        return _joined(prior, self.batch, state, self.linked, self.weight)

    def poll(self) -> None:
        self.tracker.poll()

    def begin(self, state: LmState) -> None:
        self.best = state

    def step(self, number: int, state: LmState) -> None:
        self.gap = _gap(self.batch, state, self.linked, self.tracker.problem)
        fraction = (number - 1) / self.budget.steps
        self.tracker.step(self.batch, state.point, number, state.loss, np.nan, candidate=False, fraction=fraction)
        if number % 2 == 0:
            self.weight = min(self.weight * 3.0, 30.0)
        assert self.best is not None
        if state.loss + self.gap**2 < self.best.loss + self.best_gap**2 or number <= 4:
            self.best, self.best_gap = state, self.gap

    def ended(self, number: int, state: LmState) -> str | None:
        assert self.best is not None
        joined = self.gap < 2e-2 and state.decrease < self.budget.tolerance
        away = state.loss + self.gap**2 > 30 * (self.best.loss + self.best_gap**2)
        return "converged" if number > 9 and (joined or away) else None


def shoot_apart(tracker: Tracker, engine: JaxEngine, theta: Float[np.ndarray, " theta"], budget: Budget) -> Outcome:
    """Segments with free starts that nothing joins but the samples they share: each step is one of Levenberg-Marquardt."""
    problem, batch = tracker.problem, engine.batch
    point = start_point(problem, batch)._replace(theta=theta)
    rules = Stopping(
        budget.steps,
        decrease=budget.tolerance,
        slow=3,
        rejected_count=False,
        damping=1e6,
        loss=max(LEARNED, problem.floor),
    )
    objective, monitor = weights_objective(engine, batch, point), _Apart(tracker, batch, budget.steps)
    found = minimise(LevenbergMarquardt(1e-2), objective, point, stopping=rules, monitor=monitor)
    return Outcome(found.state.point, found.state.loss, np.nan, "converged")


class _Apart(Monitor[LmState]):
    """Reports every step, tried or made."""

    def __init__(self, tracker: Tracker, batch: Batch, steps: int) -> None:
        self.tracker, self.batch, self.steps = tracker, batch, steps

    def poll(self) -> None:
        self.tracker.poll()

    def step(self, number: int, state: LmState) -> None:
        fraction = (number - 1) / self.steps
        self.tracker.step(self.batch, state.point, number, state.loss, np.nan, candidate=False, fraction=fraction)


def first_starts(batch: Batch, pieces: Batch, point: Point, fitted: Point) -> Float[np.ndarray, "row state"]:
    """Free initial values of whole trajectories: those of their first segments, and of ``point`` where there are none."""
    free = point.free.copy()
    first = {row.trajectory.name: k for k, row in enumerate(pieces.rows) if pieces.follows[k] < 0}
    for b, name in enumerate(batch.names):
        if name in first:
            free[b] = np.where(batch.moves[b], fitted.free[first[name]], free[b])
    return free


def _joined(prior: Prior, batch: Batch, state: LmState, linked: Bool[np.ndarray, " row"], weight: float) -> Prior:
    """Draw the starts of linked rows to the ends of the rows they follow."""
    start = batch.start
    anchor, precision = prior.anchor.free.copy(), prior.free.copy()
    n = max(int(linked.sum()), 1)
    for b in np.flatnonzero(linked):
        end = state.linear.end[batch.follows[b]] * start.scale[b]
        identity = start.code[b] == 0
        z = (end - start.given[b]) / start.scale[b]
        reachable = identity & np.isfinite(z)
        # a segment that runs away must not take the next one with it
        anchor[b] = np.where(reachable, np.clip(np.nan_to_num(z), -REACH, REACH), state.point.free[b])
        precision[b] = np.where(start.mode[b] == FREE, weight / n, np.inf)
    return prior._replace(anchor=Point(prior.anchor.theta, anchor), free=precision)


REACH = 1.0
"""How far, in state scales, a segment may be drawn from where the smooth curve begins it."""


def _gap(batch: Batch, state: LmState, linked: Bool[np.ndarray, " row"], problem: PreparedFit) -> float:
    """Root mean square gap between segments, in state scales."""
    if not linked.any():
        return 0.0
    start = batch.start
    mapping = Bijection(start.code, start.lower, start.upper, start.scale, start.given)
    here = mapping.forward(state.point.free) / problem.space.constants.state_scale
    gaps = here[linked] - state.linear.end[batch.follows[linked]]
    return float(np.sqrt(np.mean(gaps**2)))
