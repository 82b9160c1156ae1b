"""Steps of stochastic methods, the same code for NumPy and JAX, and what each method needs.

Orders of convergence are those of the mean error of a path (strong) and of means (weak). Sources: Kloeden and Platen 1992,
Numerical Solution of Stochastic Differential Equations (sections 10.2, 10.3, 11.1); Roessler 2010, Runge-Kutta methods for
the strong approximation of solutions of stochastic differential equations, SIAM J. Numer. Anal. 48, 922 (SRA1); Kidger,
Foster, Li and Lyons 2021, Efficient and accurate gradients for neural SDEs (reversible Heun).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Noise = Literal["general", "commutative", "additive"]
Drift = Callable[[Any, Any], Any]
"""(t, y [state, ...]) -> [state, ...]"""
Spread = Callable[[Any, Any], Any]
"""(t, y [state, ...]) -> [state, noise, ...]"""


@dataclass(frozen=True)
class StochasticMethod:
    """A method and what it needs.

    Parameters
    ----------
    calculus
        `"ito"` or `"stratonovich"`; None: noise is additive, where both are the same.
    noise
        Widest kind of noise that it is right for.
    areas
        Whether it needs the space-time areas of the paths.
    strong
        Strong order for the kind of noise it is made for.
    begin
        (drift, spread, t, y) -> what it carries from step to step beside the states.
    step
        (drift, spread, t, h, y, w, area, carried, xp) -> (states, carried); w and area [noise, ...].
    """

    name: str
    title: str
    calculus: Literal["ito", "stratonovich"] | None
    noise: Noise
    areas: bool
    strong: float
    step: Callable[..., tuple[Any, Any]]
    begin: Callable[..., Any] = lambda drift, spread, t, y: ()


def applied(b: Any, w: Any) -> Any:
    """Diffusion [state, noise, ...] times increments [noise, ...]."""
    return (b * w).sum(1)


def _euler(drift: Drift, spread: Spread, t: Any, h: Any, y: Any, w: Any, area: Any, carried: Any, xp: Any) -> Any:
    return y + drift(t, y) * h + applied(spread(t, y), w), carried


def _milstein(drift: Drift, spread: Spread, t: Any, h: Any, y: Any, w: Any, area: Any, carried: Any, xp: Any) -> Any:
    b, ahead, root = spread(t, y), y + drift(t, y) * h, xp.sqrt(h)
    moved = ahead + applied(b, w)
    for j in range(b.shape[1]):
        slope = (spread(t, ahead + b[:, j] * root) - b) / root
        twice = w[j] * w
        twice = twice - h * _unit(j, w, xp)
        moved = moved + 0.5 * applied(slope, twice)
    return moved, carried


def _unit(j: int, w: Any, xp: Any) -> Any:
    return (xp.arange(w.shape[0]) == j).astype(w.dtype).reshape(-1, *[1] * (w.ndim - 1))


def _sra1(drift: Drift, spread: Spread, t: Any, h: Any, y: Any, w: Any, area: Any, carried: Any, xp: Any) -> Any:
    mean = 0.5 * w + area
    a, now, then = drift(t, y), spread(t, y), spread(t + h, y)
    inner = y + 0.75 * h * a + 1.5 * applied(then, mean)
    moved = y + h * (a + 2.0 * drift(t + 0.75 * h, inner)) / 3.0 + applied(then, w) + applied(now - then, mean)
    return moved, carried


def _heun(drift: Drift, spread: Spread, t: Any, h: Any, y: Any, w: Any, area: Any, carried: Any, xp: Any) -> Any:
    first = drift(t, y) * h + applied(spread(t, y), w)
    second = drift(t + h, y + first) * h + applied(spread(t + h, y + first), w)
    return y + 0.5 * (first + second), carried


def _reversible_begin(drift: Drift, spread: Spread, t: Any, y: Any) -> Any:
    return y, drift(t, y), spread(t, y)


def _reversible(drift: Drift, spread: Spread, t: Any, h: Any, y: Any, w: Any, area: Any, carried: Any, xp: Any) -> Any:
    beside, a, b = carried
    beside = 2.0 * y - beside + a * h + applied(b, w)
    later, wider = drift(t + h, beside), spread(t + h, beside)
    return y + 0.5 * (a + later) * h + 0.5 * applied(b + wider, w), (beside, later, wider)


EULER = StochasticMethod("euler-maruyama", "Euler-Maruyama", "ito", "general", False, 0.5, _euler)
MILSTEIN = StochasticMethod("milstein", "Milstein", "ito", "commutative", False, 1.0, _milstein)
SRA1 = StochasticMethod("sra1", "Strong order 1.5 (SRA1)", None, "additive", True, 1.5, _sra1)
HEUN = StochasticMethod("stochastic-heun", "Stochastic Heun", "stratonovich", "general", False, 0.5, _heun)
REVERSIBLE_HEUN = StochasticMethod(
    "reversible-heun", "Reversible Heun", "stratonovich", "general", False, 0.5, _reversible, _reversible_begin
)

METHODS: dict[str, StochasticMethod] = {one.name: one for one in (EULER, MILSTEIN, SRA1, HEUN, REVERSIBLE_HEUN)}
"""Methods by name. A further one is a step and a line here."""
