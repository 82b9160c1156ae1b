"""Brownian paths that a seed determines, at any resolution: halving the steps refines the same path.

On each interval a path is known by its increment W and its space-time area H (the mean of the path over the interval, counted
from the chord). Both are halved by their exact law given the whole (Foster, Oberhauser and Lyons 2020, An optimal polynomial
approximation of Brownian motion, SIAM J. Numer. Anal. 58, 1393; the midpoint rule of diffrax's virtual Brownian tree).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SettingError

BLOCK = 16
"""Paths drawn together; path k is the same however many are asked for."""
MOST_NUMBERS = 400_000_000
"""Normal numbers of one call (3.2 GB)."""


@dataclass(frozen=True, eq=False)
class Increments:
    """Increments of Brownian paths over steps.

    Parameters
    ----------
    h
        Lengths of the steps, in the unit of time.
    w
        Increments, of variance ``h``.
    area
        Space-time areas H, of variance ``h``/12 and independent of ``w``: the integral of the path over a step, counted
        from its begin, is ``h`` (``w``/2 + H).
    """

    h: Float[np.ndarray, " step"]
    w: Float[np.ndarray, "step noise path"]
    area: Float[np.ndarray, "step noise path"]

    def halved(self, generator_seed: tuple[int, int]) -> Increments:
        """The same paths over steps half as long."""
        count, noises, paths = self.w.shape
        draw = normals(generator_seed, count, 2 * noises, paths)
        root = np.sqrt(self.h)[:, None, None]
        z, n = draw[:, :noises] * root / 4.0, draw[:, noises:] * root / np.sqrt(12.0)
        w, area = np.empty((2 * count, noises, paths)), np.empty((2 * count, noises, paths))
        w[::2] = 0.5 * self.w + 1.5 * self.area + z
        w[1::2] = 0.5 * self.w - 1.5 * self.area - z
        area[::2] = 0.25 * self.area - 0.5 * z + 0.5 * n
        area[1::2] = 0.25 * self.area - 0.5 * z - 0.5 * n
        return Increments(np.repeat(self.h / 2.0, 2), w, area)

    def doubled(self) -> Increments:
        """The same paths over steps twice as long; the number of steps is even."""
        w, area = self.w, self.area
        joined = 0.5 * (area[::2] + area[1::2]) + 0.25 * (w[::2] - w[1::2])
        return Increments(self.h[::2] + self.h[1::2], w[::2] + w[1::2], joined)


def brownian(
    t: Float[np.ndarray, " time"], noises: int, paths: int, seed: int, halvings: int = 0, *, areas: bool = True
) -> Increments:
    """Increments of independent Brownian paths between the times ``t``.

    Parameters
    ----------
    t
        Increasing.
    seed
        Determines the paths, together with the number of times and noises: path k is the same for any number of paths.
    halvings
        How often each step is halved; the paths stay the same.
    areas
        Whether areas are asked for; without halvings they need not be drawn then (and are 0).

    Raises
    ------
    SettingError
        The numbers make no sense, or there would be too many of them.
    """
    h = np.diff(np.asarray(t, dtype=float))
    if not (np.isfinite(h).all() and (h > 0).all()):
        raise SettingError("the times of Brownian paths must be finite and increase")
    if halvings < 0 or paths < 1 or seed < 0:
        raise SettingError(
            "a simulation needs at least one path, a seed of 0 or more, and no negative number of halvings"
        )
    if (len(h) << halvings) * max(noises, 1) * paths > MOST_NUMBERS:
        raise SettingError(
            f"{paths} paths of {len(h) << halvings} steps are more than fit into memory at once; ask for fewer paths or steps"
        )
    root = np.sqrt(h)[:, None, None]
    w = normals((seed, 0), len(h), noises, paths)
    w *= root
    area = np.zeros_like(w)
    if areas or halvings:
        area = normals((seed, 1), len(h), noises, paths)
        area *= root / np.sqrt(12.0)
    found = Increments(h, w, area)
    for level in range(halvings):
        found = found.halved((seed, 2 + level))
    return found


def normals(key: tuple[int, int], steps: int, noises: int, paths: int) -> Float[np.ndarray, "step noise path"]:
    """Standard normal numbers; those of a path do not depend on how many paths there are."""
    out = np.empty((steps, noises, paths))
    for block in range(-(-paths // BLOCK)):
        first = block * BLOCK
        width = min(BLOCK, paths - first)
        drawn = _generator(*key, block).standard_normal((steps, noises, BLOCK))
        out[:, :, first : first + width] = drawn[:, :, :width]
    return out


def _generator(seed: int, level: int, block: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(_sequence(seed, level, block)))


@lru_cache(maxsize=4096)
def _sequence(seed: int, level: int, block: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, level, block])
