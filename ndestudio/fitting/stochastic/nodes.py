"""Moment equations solved at a few starts for all transitions of one state.

Mean and variance after a step are smooth functions of the start ``y`` and the length ``h`` where neither time nor inputs count, so
that they are had at nodes and read between them by Lagrange's polynomials through the six nearest starts (and, where lengths
differ, through Chebyshev nodes of the length). The gradient is that of what is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ndestudio.fitting.stochastic.moments import Around, Moments, moments
from ndestudio.fitting.stochastic.transitions import Transitions

STARTS, LENGTHS, NEAR = 256, 5, 6
EQUAL = 1e-6
"""Relative differences of the lengths that are none (times that were rounded when they were written)."""
WIDEST = 4.0
"""Ratio of the lengths up to which they are read between nodes."""
WORTH = 4
"""Transitions for each node from which nodes are worth their while."""


@dataclass(frozen=True, eq=False)
class StartNodes:
    """Starts and lengths at which moments are had, and where each transition lies between them.

    Parameters
    ----------
    y, h
        Starts and lengths; there is a node for each pair.
    place, shares
        Of each transition: the starts around it and their weights.
    by_length
        Of each transition: the weights of the lengths.
    """

    y: Float[np.ndarray, " start"]
    h: Float[np.ndarray, " length"]
    place: Int[np.ndarray, "n near"]
    shares: Float[np.ndarray, "n near"]
    by_length: Float[np.ndarray, "n length"]

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.y, self.h, self.place, self.shares, self.by_length


def start_nodes(one: Transitions) -> StartNodes | None:
    """Nodes for transitions of one state; None where they are not worth it, or lengths differ too much."""
    low, high = float(one.h.min()), float(one.h.max())
    if high > WIDEST * low:
        return None
    lengths = np.array([float(np.median(one.h))]) if high - low <= EQUAL * high else _chebyshev(low, high)
    y = one.y[0]
    if len(one) < WORTH * STARTS * len(lengths) or not np.ptp(y) > 0:
        return None
    middle = float(np.median(y))
    scale = max(float(np.subtract(*np.quantile(y, (0.9, 0.1)))), 1e-6 * float(np.ptp(y)))
    even = np.linspace(np.arcsinh((y.min() - middle) / scale), np.arcsinh((y.max() - middle) / scale), STARTS)
    starts = middle + scale * np.sinh(even)
    first = np.clip(np.searchsorted(starts, y) - NEAR // 2, 0, STARTS - NEAR)
    around = first[:, None] + np.arange(NEAR)
    by_start = _shares(starts[around], y)
    by_length = _shares(np.broadcast_to(lengths, (len(one), len(lengths))), one.h)
    return StartNodes(starts, lengths, around, by_start, by_length)


def moments_between(around: Around, nodes: Any, h: Any, y: Any, parts: int, xp: Any, *, second: bool) -> Moments:
    """``moments`` of each transition, read from those of the nodes: speeds of the mean, logarithms of variances.

    Parameters
    ----------
    nodes
        ``StartNodes.arrays``.
    """
    points, spans, place, shares, by_length = nodes
    starts, lengths = xp.repeat(points, len(spans)), xp.tile(spans, len(points))
    m, p = moments(around, 0.0 * starts, lengths, starts[None, :], parts, xp, second=second)
    known = xp.stack([(m[0] - starts) / lengths, xp.log(p[0, 0] / lengths)], axis=1).reshape(len(points), -1)
    rows = (known[place] * shares[:, :, None]).sum(1).reshape(len(place), -1, 2)
    found = (rows * by_length[:, :, None]).sum(1)
    return y + (found[:, 0] * h)[None], (xp.exp(found[:, 1]) * h)[None, None]


def _chebyshev(low: float, high: float) -> Float[np.ndarray, " length"]:
    places = np.cos(np.pi * (np.arange(LENGTHS) + 0.5) / LENGTHS)
    return 0.5 * (low + high) + 0.5 * (high - low) * places


def _shares(nodes: Float[np.ndarray, "n near"], x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n near"]:
    """Weights of Lagrange's polynomial at ``x``."""
    found = np.ones_like(nodes)
    for j in range(nodes.shape[1]):
        for k in range(nodes.shape[1]):
            if j != k:
                found[:, j] *= (x - nodes[:, k]) / (nodes[:, j] - nodes[:, k])
    return found
