"""One loop for every fit: a step of an optimizer, a look at the stopping rules, a word to who watches.

What differs between fits is data: the objective, the optimizer, and the stopping rules (`Stopping`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.optimizers.lbfgs import Lbfgs
from ndestudio.fitting.optimizers.levenberg_marquardt import (
    Linear,
    LmState,
    LookAhead,
    Point,
    Prior,
    lm_rebase,
    lm_start,
    lm_step,
)

Vector = Float[np.ndarray, " n"]


class Progressing(Protocol):
    """What the loop reads of an optimizer's state.

    Attributes
    ----------
    cost
        Value of the objective.
    loss
        The part that the data make.
    accepted
        Whether the last step was taken.
    decrease
        Relative decrease of the cost by it.
    promised
        The same as the model of the optimizer predicted it.
    damping
        How short steps have become.
    stuck
        No step lowers the value any more.
    """

    @property
    def cost(self) -> float: ...
    @property
    def loss(self) -> float: ...
    @property
    def accepted(self) -> bool: ...
    @property
    def decrease(self) -> float: ...
    @property
    def promised(self) -> float: ...
    @property
    def damping(self) -> float: ...
    @property
    def stuck(self) -> bool: ...


State = TypeVar("State", bound=Progressing)


@dataclass(frozen=True)
class Stopping:
    """When a minimisation ends by itself.

    Parameters
    ----------
    steps
        Steps at most.
    decrease
        Relative decrease of the cost below which a step is slow.
    slow, slow_rejected
        Slow steps in a row that end it where the last one was accepted, and where it was rejected.
    rejected_count
        Whether a rejected step counts as slow; otherwise it begins the count anew.
    least
        Relative decrease below which one accepted step ends it.
    damping
        Damping of Levenberg-Marquardt beyond which no step is worth trying.
    loss
        Loss of the data at which nothing is left to gain.
    promise, promise_below
        Relative decrease that a step must promise to be tried, while the damping is below ``promise_below``.
    window
        Steps over which the decrease is looked at instead of step by step (0: step by step).
    """

    steps: int
    decrease: float = 0.0
    slow: int = 2
    slow_rejected: int = 8
    rejected_count: bool = True
    least: float = 0.0
    damping: float = 1e8
    loss: float = 0.0
    promise: float = 0.0
    promise_below: float = np.inf
    window: int = 0

    def promised(self, state: Progressing) -> float:
        """The decrease that the next step must promise."""
        return self.promise if state.damping < self.promise_below else 0.0


class Objective(Protocol[State]):
    """What is minimised: a value with its gradient, or residuals that can be linearised (``Smooth``, ``LeastSquares``).

    An objective whose penalties follow the noise level, or whose errors are weighted by how far off they are, changes
    a little between steps.
    """

    def renewed(self, state: State) -> State:
        """The state under the objective as it is now."""
        ...

    def steady(self, state: State) -> bool:
        """Whether what the objective follows stands still, so that a slow step means that the fit has arrived."""
        ...


Minimised = TypeVar("Minimised", contravariant=True)


class Optimizer(Protocol[Minimised, State]):
    """A method with its settings; it has no state of its own."""

    def begin(self, objective: Minimised, x: Any) -> State:
        """Evaluate a point, or take up a state."""
        ...

    def step(self, objective: Minimised, state: State, least: float) -> State:
        """One step, tried or made; one that promises a smaller relative decrease than ``least`` is not tried."""
        ...


class Monitor(Generic[State]):
    """Watches a minimisation; this one looks away."""

    def poll(self) -> None:
        """Before each step; may raise to end everything (a wish to stop, the clock)."""

    def begin(self, state: State) -> None:
        """The start was evaluated."""

    def step(self, number: int, state: State) -> None:
        """A step was made, or tried."""

    def ended(self, number: int, state: State) -> str | None:
        """A reason to end that the stopping rules do not know; None to go on."""
        return None


@dataclass(frozen=True, eq=False)
class OptimisationResult(Generic[State]):
    """Where a minimisation ended.

    Parameters
    ----------
    state
        Of the optimizer, at the best point it reached.
    reason
        ``"converged"``, ``"close"`` (the loss of the data is next to nothing), ``"limit"`` (steps), ``"stuck"`` (no finite
        value at the start), or what the monitor said.
    steps
        Made or tried.
    """

    state: State
    reason: str
    steps: int

    @property
    def finite(self) -> bool:
        return self.reason != "stuck"


@dataclass
class Watch:
    """Counts what the stopping rules speak of."""

    stopping: Stopping
    slow: int = 0
    number: int = 0
    before: float | None = None

    def reached(self, state: Progressing, promise: float, steady: Callable[[], bool]) -> str | None:
        """Why the step that should have promised ``promise`` was the last; None where it was not."""
        rules = self.stopping
        self.number += 1
        if rules.loss and state.loss < rules.loss:
            return "close"
        if state.stuck or state.damping > rules.damping or state.promised < promise:
            return "converged"
        if rules.window:
            return self._windowed(state, steady)
        if state.accepted or rules.rejected_count:
            self.slow = self.slow + 1 if state.decrease < rules.decrease else 0
        else:
            self.slow = 0
        enough = rules.slow if state.accepted else rules.slow_rejected
        at_once = state.accepted and state.decrease < rules.least
        return "converged" if (self.slow >= enough or at_once) and steady() else None

    def _windowed(self, state: Progressing, steady: Callable[[], bool]) -> str | None:
        if self.number % self.stopping.window or self.before is None:
            return None
        arrived = self.before - state.cost <= self.stopping.window * self.stopping.decrease * state.cost
        self.before = None
        return "converged" if arrived and steady() else None


def minimise(
    optimizer: Optimizer[Any, State],
    objective: Objective[State],
    x: Any,
    *,
    stopping: Stopping,
    monitor: Monitor[State] | None = None,
) -> OptimisationResult[State]:
    """Minimise ``objective`` from ``x`` until a stopping rule or the monitor ends it.

    Parameters
    ----------
    optimizer
        The method (``LevenbergMarquardt`` for ``LeastSquares``, ``LimitedMemory`` for ``Smooth``).
    x
        Where to begin, or a state to go on from.
    stopping, monitor
        Rules that end it, and who watches and may end it too.

    Returns
    -------
    OptimisationResult
        Not converging is a result, no exception; what the monitor raises goes through.
    """
    monitor = monitor or Monitor()
    state = optimizer.begin(objective, x)
    if not np.isfinite(state.cost):
        return OptimisationResult(state, "stuck", 0)
    monitor.begin(state)
    watch = Watch(stopping)
    for number in range(1, stopping.steps + 1):
        monitor.poll()
        state = objective.renewed(state)
        if watch.before is None:
            watch.before = state.cost
        promise = stopping.promised(state)
        state = optimizer.step(objective, state, promise)
        monitor.step(number, state)
        now = state
        reason = watch.reached(state, promise, lambda: objective.steady(now)) or monitor.ended(number, state)  # noqa: B023
        if reason:
            return OptimisationResult(state, reason, number)
    return OptimisationResult(state, "limit", stopping.steps)


@dataclass(eq=False)
class LeastSquares:
    """Squares of residuals under penalties, for Levenberg-Marquardt.

    Parameters
    ----------
    linearise
        Residuals and their derivatives at a point.
    prior
        Penalties at a state: they may follow its loss. None at the start, where there is none yet.
    robust
        Errors weighted anew at an accepted state; None for plain squares.
    ahead
        Takes the steps where several points are linearised at about the cost of one.
    """

    linearise: Callable[[Point], Linear]
    prior: Callable[[LmState | None], Prior]
    robust: Callable[[LmState], LmState] | None = None
    refined: Callable[[LmState], bool] | None = None
    ahead: LookAhead | None = None
    current: Prior = field(init=False)

    def renewed(self, state: LmState) -> LmState:
        if self.robust is not None and state.accepted:
            state = self.robust(state)
        self.current = self.prior(state)
        return lm_rebase(state, self.current)

    def steady(self, state: LmState) -> bool:
        return True if self.refined is None else self.refined(state)


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Arguments: damping: to begin with."""

    damping: float = 1e-3

    def begin(self, objective: LeastSquares, x: Point | LmState) -> LmState:
        if isinstance(x, LmState):
            objective.current = objective.prior(x)
            return replace(lm_rebase(x, objective.current), damping=self.damping, growth=2.0)
        objective.current = objective.prior(None)
        return lm_start(objective.linearise, x, objective.current, self.damping)

    def step(self, objective: LeastSquares, state: LmState, least: float) -> LmState:
        if objective.ahead is not None:
            return objective.ahead.step(state, objective.current, least)
        return lm_step(objective.linearise, state, objective.current, least)


@dataclass(eq=False)
class Smooth:
    """A value with its gradient, for L-BFGS.

    Parameters
    ----------
    value
        x -> (value, gradient, anything to have back with an accepted point).
    renew
        Adjusts what the value follows (a noise level) at a state; True if the value at the same point changed.
    refined
        Whether what the value follows stands still at a state.
    every
        Steps from one adjustment to the next.
    """

    value: Callable[[Vector], tuple[float, Vector, Any]]
    renew: Callable[[Lbfgs], bool] | None = None
    refined: Callable[[Lbfgs], bool] | None = None
    every: int = 20
    made: int = 0

    def renewed(self, state: Lbfgs) -> Lbfgs:
        due = self.renew is not None and self.made and self.made % self.every == 0
        return state.reevaluated(self.value) if due and self.renew is not None and self.renew(state) else state

    def steady(self, state: Lbfgs) -> bool:
        return True if self.refined is None else self.refined(state)


@dataclass(frozen=True)
class LimitedMemory:
    """L-BFGS. Arguments: memory: pairs of steps and changes of the gradient that are kept."""

    memory: int = 20

    def begin(self, objective: Smooth, x: Vector) -> Lbfgs:
        return Lbfgs.begin(objective.value, x, self.memory)

    def step(self, objective: Smooth, state: Lbfgs, least: float) -> Lbfgs:
        del least
        objective.made += 1
        state.step(objective.value)
        return state
