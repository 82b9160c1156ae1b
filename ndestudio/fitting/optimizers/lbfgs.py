"""Limited-memory BFGS on plain vectors.

The optimisers live in NumPy: a step costs a few inner products, and a program that only evaluates a loss and its
gradient is all that has to be compiled. L-BFGS after Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4
and 3.5-3.6 (strong Wolfe conditions).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, " n"]
Objective = Callable[[Vector], tuple[float, Vector, Any]]
"""x -> (value, gradient, anything the caller wants to have back with the accepted point)."""

SUFFICIENT, CURVATURE = 1e-4, 0.9


@dataclass(eq=False)
class Lbfgs:
    """State between steps.

    Parameters
    ----------
    extra
        What the objective returned at ``x``.
    evaluations
        Of the objective so far.
    stuck
        No step along the steepest descent lowers the value any more.
    """

    x: Vector
    value: float
    gradient: Vector
    extra: Any
    memory: int = 20
    pairs: deque[tuple[Vector, Vector, float]] = field(default_factory=deque)
    evaluations: int = 1
    stuck: bool = False
    first_step: float = 0.05
    accepted: bool = True
    decrease: float = 1.0
    """Relative decrease of the value in the last step."""
    promised: float = np.inf
    damping: float = 0.0

    @property
    def cost(self) -> float:
        return self.value

    @property
    def loss(self) -> float:
        """The value without penalties, where the objective tells it; else infinite, which ends nothing."""
        return np.inf

    def reevaluated(self, objective: Objective) -> Lbfgs:
        """The same point and memory under an objective that changed a little."""
        value, gradient, extra = objective(self.x)
        return Lbfgs(self.x, value, gradient, extra, self.memory, self.pairs, self.evaluations + 1)

    @classmethod
    def begin(cls, objective: Objective, x: Vector, memory: int = 20) -> Lbfgs:
        value, gradient, extra = objective(x)
        return cls(x, value, gradient, extra, memory, deque(maxlen=memory))

    def step(self, objective: Objective) -> None:
        """One iteration with its line search."""
        direction = self._direction()
        slope = float(direction @ self.gradient)
        if not slope < 0 or not np.isfinite(slope):
            self.pairs.clear()
            direction, slope = -self.gradient, -float(self.gradient @ self.gradient)
        length = 1.0 if self.pairs else min(1.0, self.first_step / max(float(np.linalg.norm(self.gradient)), 1e-300))
        found = self._search(objective, direction, slope, length)
        if found is None:
            self.stuck = not self.pairs
            self.pairs.clear()
            self.first_step *= 0.1
            self.accepted, self.decrease = False, 0.0
            return
        x, value, gradient, extra = found
        s, y = x - self.x, gradient - self.gradient
        sy = float(s @ y)
        if sy > 1e-10 * float(np.linalg.norm(s)) * float(np.linalg.norm(y)):
            self.pairs.append((s, y, 1.0 / sy))
        self.accepted, self.decrease = True, (self.value - value) / max(abs(self.value), 1e-300)
        self.x, self.value, self.gradient, self.extra = x, value, gradient, extra

    def _direction(self) -> Vector:
        q = -self.gradient
        coefficients = []
        for s, y, rho in reversed(self.pairs):
            alpha = rho * float(s @ q)
            q = q - alpha * y
            coefficients.append(alpha)
        if self.pairs:
            s, y, rho = self.pairs[-1]
            q = q / (rho * float(y @ y))
        for (s, y, rho), alpha in zip(self.pairs, reversed(coefficients), strict=True):
            q = q + (alpha - rho * float(y @ q)) * s
        return q

    def _search(self, objective: Objective, direction: Vector, slope: float, length: float) -> Any:
        """A point that satisfies the strong Wolfe conditions, or the best with sufficient decrease; None if none has it."""
        low, low_value, low_slope = 0.0, self.value, slope
        high: float | None = None
        high_value = np.inf
        best = None
        for _ in range(20):
            x = self.x + length * direction
            value, gradient, extra = objective(x)
            self.evaluations += 1
            finite = np.isfinite(value) and bool(np.isfinite(gradient).all())
            here = float(gradient @ direction) if finite else np.inf
            if (
                not finite
                or value > self.value + SUFFICIENT * length * slope
                or (best is not None and value >= low_value)
            ):
                high, high_value = length, value
            else:
                best = (x, value, gradient, extra)
                if abs(here) <= -CURVATURE * slope:
                    return best
                if here >= 0:
                    high, high_value = low, low_value
                    low, low_value, low_slope = length, value, here
                else:
                    low, low_value, low_slope = length, value, here
            if high is None:
                length *= 2.5
            else:
                length = _between(low, low_value, low_slope, high, high_value)
                if abs(high - low) < 1e-10:
                    break
        return best


def _between(low: float, low_value: float, low_slope: float, high: float, high_value: float) -> float:
    """Minimum of the parabola through what is known, kept away from the ends."""
    width = high - low
    if np.isfinite(high_value):
        curvature = high_value - low_value - low_slope * width
        step = -0.5 * low_slope * width * width / curvature if curvature > 0 else 0.5 * width
    else:
        step = 0.2 * width
    fraction = step / width if width else 0.5
    return low + float(np.clip(fraction, 0.1, 0.8)) * width
