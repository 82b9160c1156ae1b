"""Transition densities of one state on a grid: short steps by moment equations, put together by Chapman and Kolmogorov.

    p(y | x, h) = integral of p(y | z, h - d) p(z | x, d) dz

(Pedersen 1995, Scand. J. Statist. 22, 55, with sums over a grid in the place of simulations.) Nodes are evenly spaced in the
integral of dx/s(x), in which a short step has the same width everywhere, so that the sums are accurate to many digits. The
density between nodes is read from its logarithm by cubic interpolation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ndestudio.fitting.stochastic.moments import Around, moments, skewed_density
from ndestudio.fitting.stochastic.transitions import Transitions

SPACING = 0.8
"""Between nodes, in standard deviations of a short step."""
MOST_NODES, MOST_STEPS = 320, 8
BEYOND = 4.5
"""Standard deviations of a whole step that the grid goes beyond the data."""
FLOOR = 1e-280
OVER = 0.1
"""Nats by which an interpolated log density may exceed those at the nodes around it."""


@dataclass(frozen=True, eq=False)
class StateGrid:
    """Nodes, and where each transition lies between them.

    Parameters
    ----------
    nodes
        Increasing.
    weights
        Of an integral over the state.
    h
        Length of the transitions: one for all.
    steps
        Short steps in it.
    place, shares
        Of each transition, for interpolation in a matrix of densities.
    """

    nodes: Float[np.ndarray, " node"]
    weights: Float[np.ndarray, " node"]
    h: float
    steps: int
    place: Int[np.ndarray, "n 16"]
    shares: Float[np.ndarray, "n 16"]

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.nodes, self.weights, np.float64(self.h), self.place, self.shares

    def over(self, transitions: Transitions) -> StateGrid:
        """The grid for other transitions; those beyond it are read at its end."""
        place, shares = _places(self.nodes, transitions)
        return replace(self, place=place, shares=shares)


def state_grid(
    spread: Callable[[Float[np.ndarray, " x"]], Float[np.ndarray, " x"]], one: Transitions, fineness: int = 1
) -> StateGrid | None:
    """A grid for transitions of equal length; None where they differ by more than a hundredth, the state goes
    beyond what it can hold, or the model ends before the data do.

    Parameters
    ----------
    spread
        Diffusion at states, as it is known beforehand; not finite or not positive where the model ends.
    fineness
        So many times as many short steps, with nodes closer accordingly.
    """
    h = float(np.median(one.h))
    if np.max(np.abs(one.h - h)) > 0.01 * h:
        return None
    both = np.concatenate([one.y[0], one.later[0]])
    low, high = float(both.min()), float(both.max())
    most = MOST_NODES * fineness
    for steps in range(MOST_STEPS * fineness, 0, -fineness):
        spacing = SPACING * np.sqrt(h / steps) / fineness**0.5
        nodes, widths = _nodes(spread, low, high, np.sqrt(h), spacing, most)
        if nodes is not None and not (
            nodes[0] - low < nodes[1] - nodes[0] and high - nodes[-1] < nodes[-1] - nodes[-2]
        ):
            return None
        if nodes is not None and len(nodes) <= most:
            place, shares = _places(nodes, one)
            return StateGrid(nodes, widths, h, steps, place, shares)
    return None


def _nodes(
    spread: Callable[[Any], Any], low: float, high: float, root: float, spacing: float, most: int
) -> tuple[Any, Any]:
    """Nodes a constant number of widths apart from ``low`` to ``high`` and beyond."""
    with np.errstate(all="ignore"):
        middle = 0.5 * (low + high)

        def walk(x: float, sign: float, end: float) -> list[float]:
            found, over = [], 0.0
            while len(found) <= most:
                s = float(spread(np.array([x]))[0])
                half = float(spread(np.array([x + 0.5 * sign * spacing * s]))[0]) if np.isfinite(s) else np.nan
                if not (np.isfinite(half) and half > 0):
                    break
                x = x + sign * spacing * half
                if not np.isfinite(spread(np.array([x]))[0]) or not spread(np.array([x]))[0] > 0:
                    break
                found.append(x)
                if sign * (x - end) > 0:
                    over += spacing / root
                    if over > BEYOND:
                        return found
            return found

        up, down = walk(middle, 1.0, high), walk(middle, -1.0, low)
        nodes = np.array([*down[::-1], middle, *up])
        if len(up) > most or len(down) > most or len(nodes) < 8:
            return None, None
        return nodes, _widths(nodes)


def _widths(nodes: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """Derivative of the nodes by their number, to fourth order but at the ends."""
    found = np.gradient(nodes, edge_order=2)
    found[2:-2] = (8.0 * (nodes[3:-1] - nodes[1:-3]) - (nodes[4:] - nodes[:-4])) / 12.0
    return np.maximum(found, 1e-12 * np.ptp(nodes))


def _places(nodes: Any, one: Transitions) -> tuple[Any, Any]:
    """The 16 pairs of nodes around the ends of each transition (counted along the rows of a matrix), and the shares of cubic
    interpolation."""
    x = np.stack([one.y[0], one.later[0]], axis=1)
    place = np.clip(np.searchsorted(nodes, x) - 2, 0, len(nodes) - 4)
    around = nodes[place[..., None] + np.arange(4)]
    shares = np.ones_like(around)
    held = np.clip(x, nodes[0], nodes[-1])
    for j in range(4):
        for k in range(4):
            if j != k:
                shares[..., j] *= (held - around[..., k]) / (around[..., j] - around[..., k])
    pairs = (place[:, 0, None] + np.arange(4))[:, :, None] * len(nodes) + (place[:, 1, None] + np.arange(4))[:, None, :]
    both = shares[:, 0, :, None] * shares[:, 1, None, :]
    return pairs.reshape(len(pairs), 16), both.reshape(len(both), 16)


def grid_density(around: Around, grid: Any, steps: int, parts: int, xp: Any) -> Any:
    """Log density of each transition."""
    log_density = xp.log(transition_matrix(around, grid, steps, parts, xp) + FLOOR)
    _, _, _, place, shares = grid
    around_it = xp.take(log_density.reshape(-1), place)
    # beside a place that cannot be reached a cubic would swing up
    return xp.minimum((around_it * shares).sum(1), around_it.max(1) + OVER)


def transition_matrix(around: Around, grid: Any, steps: int, parts: int, xp: Any) -> Any:
    """Density of going from each node to each other after the whole step."""
    nodes, weights, h, _, _ = grid
    m, p = moments(around, 0.0 * nodes, h / steps + 0.0 * nodes, nodes[None, :], parts, xp)
    here = around(0.0 * nodes, nodes[None, :])
    lean = 0.25 * here.s_slope[0, 0, 0] / here.s[0, 0] * p[0, 0]
    short = skewed_density(m[0][:, None], p[0, 0][:, None], lean[:, None], nodes[None, :], xp)
    step = short * weights[None, :]
    # a distribution whatever the model: nodes too far apart for a width count too much, which a likelihood must not gain by, and a
    # diffusion that ends reflects
    step = step / (step.sum(1, keepdims=True) + 1e-300)
    return _power(step, steps) / weights[None, :]


def _power(matrix: Any, count: int) -> Any:
    found, square = None, matrix
    while count:
        if count % 2:
            found = square if found is None else found @ square
        count //= 2
        if count:
            square = square @ square
    return found
