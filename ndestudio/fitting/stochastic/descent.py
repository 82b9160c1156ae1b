"""Making a likelihood largest: L-BFGS, and Newton's method for few parameters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from ndestudio.fitting.optimizers.lbfgs import Lbfgs
from ndestudio.fitting.optimizers.minimise import LimitedMemory, Monitor, Smooth, Stopping, minimise
from ndestudio.fitting.result import Checkpoint
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.problem.space import Space
from ndestudio.progress import FitSnapshot, Reporter, TrainStep

Theta = Float[np.ndarray, " theta"]
LOOK, LEAST = 15, 1.0
"""Steps over which a gain of so many nats is least."""
EVERY = 0.2
"""Seconds between two words about how it goes."""
LOOKS, MOMENTS = 0.6, 20
"""Seconds between two models that are shown, longer later on, and how many of them are kept."""


class Likelihood(Protocol):
    """What is made largest: a ``TransitionLikelihood`` or a ``FilterLikelihood``.

    Attributes
    ----------
    count
        Densities that are summed.
    free
        Places in theta of what is trained.
    """

    @property
    def space(self) -> Space: ...
    @property
    def count(self) -> int: ...
    @property
    def free(self) -> Any: ...
    def each(self, theta: Theta) -> Float[np.ndarray, " n"]: ...
    def scores(self, theta: Theta) -> Float[np.ndarray, "n free"]: ...
    def negative(self, theta: Theta) -> tuple[float, Theta]: ...
    def information(self, theta: Theta) -> Float[np.ndarray, "free free"]: ...


class Ended(Exception):
    """A wish to stop (``reason`` `"stopped"`), or the end of the time (`"time"`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Watcher(Monitor[Lbfgs]):
    """Says how it goes, asks whether to go on, and keeps the best by held-out likelihood, where rows are held out.

    Parameters
    ----------
    held_out
        Theta -> minus the log likelihood of held-out transitions, per transition; None without any.
    patience
        Looks without a better held-out value after which it ends.
    model
        Theta -> the fitted model, told now and then (``moments``), so that it can be looked at while it is made.
    """

    reporter: Reporter
    deadline: float
    parameters: Callable[[Theta], dict[str, float]]
    theta: Callable[[Float[np.ndarray, " free"]], Theta]
    held_out: Callable[[Theta], float] | None = None
    patience: int = 12
    stage: str = "likelihood"
    best: float = np.inf
    best_theta: Theta | None = None
    waited: int = 0
    losses: list[tuple[int, float, float]] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)
    told: float = 0.0
    number: int = 0
    last: Theta | None = None
    count: int = 0
    since: int = 0
    likelihood: Likelihood | None = None
    shown: float = -LOOKS
    model: Callable[[Theta], Any] | None = None
    moments: list[Checkpoint] = field(default_factory=list)

    def follow(self, likelihood: Likelihood, held_out: Transitions | None) -> None:
        """Another likelihood is made largest from now on."""
        self.likelihood, self.best, self.best_theta, self.waited = likelihood, np.inf, None, 0
        self.count, self.since = likelihood.count, len(self.losses)
        self.held_out = None
        if isinstance(likelihood, TransitionLikelihood) and held_out is not None and len(held_out):
            other, count = likelihood.on(held_out), len(held_out)
            self.held_out = lambda theta: -float(np.sum(other.each(theta))) / count

    def poll(self) -> None:
        if self.reporter.should_stop():
            raise Ended("stopped")
        if time.perf_counter() > self.deadline:
            raise Ended("time")

    def step(self, number: int, state: Lbfgs) -> None:
        del number
        self.told_value(self.theta(state.x), float(state.value))

    def told_value(self, theta: Theta, value: float) -> None:
        """A step was made: a loss per transition at ``theta``."""
        self.number += 1
        self.last, held = theta, np.nan
        if self.held_out is not None and self.number % 5 == 0:
            held = self.held_out(theta)
            self.waited += 1
            if held < self.best - 1e-6:
                self.best, self.best_theta, self.waited = held, theta.copy(), 0
        self.losses.append((self.number, value, held))
        if (now := time.perf_counter()) - self.told > EVERY:
            self.told = now
            known = None if np.isnan(held) else float(held)
            seconds = now - self.begun
            self.reporter.emit(TrainStep(self.stage, self.number, value, known, self.parameters(theta), seconds))
            self._show(theta, value, known, seconds)

    def _show(self, theta: Theta, value: float, known: float | None, seconds: float) -> None:
        """The model of now, after waits that grow with the time that has passed."""
        if self.model is None or seconds - self.shown < LOOKS * (1.0 + 0.1 * seconds):
            return
        self.shown = seconds
        made = self.model(theta)
        self.moments.append(Checkpoint(self.stage, self.number, value, known, made))
        del self.moments[1:-MOMENTS]
        self.reporter.emit(FitSnapshot(self.stage, self.number, made, {}))

    def ended(self, number: int, state: Lbfgs) -> str | None:
        del number, state
        if self.held_out is not None and self.waited >= self.patience:
            return "held out"
        values = [loss for _, loss, _ in self.losses[-LOOK:]]
        still = len(self.losses) - self.since > LOOK and (values[0] - values[-1]) * self.count < LEAST
        return "converged" if still else None


def descend(
    likelihood: Likelihood, theta: Theta, watcher: Watcher, *, steps: int, l2: float = 0.0
) -> tuple[Theta, str]:
    """Theta with the largest likelihood (per transition, less ``l2`` times half the sum of squared weights), and why it ended."""
    free, count = likelihood.free, likelihood.count
    weights = np.zeros(len(theta))
    weights[likelihood.space.weights] = l2
    begin = theta.copy()

    def whole(x: Float[np.ndarray, " free"]) -> Theta:
        full = begin.copy()
        full[free] = x
        return full

    def value(x: Float[np.ndarray, " free"]) -> tuple[float, Float[np.ndarray, " free"], None]:
        full = whole(x)
        loss, gradient = likelihood.negative(full)
        loss, gradient = loss + 0.5 * float(weights @ full**2), gradient + weights * full
        return loss / count, gradient[free] / count, None

    watcher.theta = whole
    if not len(free):
        return theta, "converged"
    result = minimise(
        LimitedMemory(),
        Smooth(value),
        theta[free],
        stopping=Stopping(steps=steps, decrease=1e-9, slow=5),
        monitor=watcher,
    )
    found = whole(result.state.x)
    if result.reason == "held out" and watcher.best_theta is not None:
        found = watcher.best_theta
    return found, result.reason


def scoring(
    likelihood: Likelihood, theta: Theta, watcher: Watcher | None = None, *, steps: int = 40
) -> tuple[Theta, str]:
    """Theta with the largest likelihood of a model with few free numbers, by the method of scoring.

    The information is the sum of squares of the scores of the transitions (Berndt, Hall, Hall and Hausman 1974), damped as by
    Levenberg and Marquardt.
    """
    free, theta = likelihood.free, theta.copy()
    value = -float(likelihood.each(theta).sum())
    if not len(free) or not np.isfinite(value):
        return theta, "converged" if not len(free) else "stuck"
    damping, growth = 1e-4, 4.0
    for _ in range(steps):
        if watcher is not None:
            watcher.poll()
        scores = likelihood.scores(theta)
        if not np.isfinite(scores).all():
            return theta, "stuck"
        matrix, slope = scores.T @ scores, scores.sum(axis=0)
        moved, there, trial = False, value, theta
        while damping < 1e8:
            direction = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix) + 1e-12), slope)
            trial = theta.copy()
            trial[free] += direction
            there = -float(likelihood.each(trial).sum())
            if np.isfinite(there) and there < value:
                moved = True
                break
            damping *= growth
            if float(slope @ direction) < 1e-6:
                break
        if not moved:
            return theta, "converged"
        gained, theta, value = value - there, trial, there
        damping = max(damping / 10.0, 1e-9)
        if watcher is not None:
            watcher.told_value(theta, value / likelihood.count)
        if gained < 1e-5:
            return theta, "converged"
    return theta, "limit"
