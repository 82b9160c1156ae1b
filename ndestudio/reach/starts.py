"""The set of starts: a ball (or ellipsoid) of states times a box of parameters, drawn from and walked on in unit coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class StartSet:
    """{(centre + radius z, middle + half b): |z| <= 1, |b_k| <= 1}; unit coordinates are (z, b) of what is uncertain.

    Parameters
    ----------
    centre, radius
        Of each state; a radius of 0 fixes it.
    parameters
        Names of the uncertain parameters.
    lower, upper
        Their limits.
    """

    centre: Float[np.ndarray, " state"]
    radius: Float[np.ndarray, " state"]
    parameters: tuple[str, ...]
    lower: Float[np.ndarray, " parameter"]
    upper: Float[np.ndarray, " parameter"]

    @property
    def moving(self) -> Int[np.ndarray, " moving"]:
        """Places of the states whose start is uncertain."""
        return np.flatnonzero(self.radius > 0)

    @property
    def size(self) -> int:
        """Unit coordinates of a start."""
        return len(self.moving) + len(self.parameters)

    def states(self, unit: Float[np.ndarray, "start unit"]) -> Float[np.ndarray, "start state"]:
        found = np.tile(self.centre, (len(unit), 1))
        found[:, self.moving] += self.radius[self.moving] * unit[:, : len(self.moving)]
        return found

    def values(self, unit: Float[np.ndarray, "start unit"]) -> Float[np.ndarray, "start parameter"]:
        """Values of the uncertain parameters."""
        half = 0.5 * (self.upper - self.lower)
        return self.lower + half * (1.0 + unit[:, len(self.moving) :])

    def inside(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "start unit"]:
        """Starts drawn uniformly from the set."""
        moving = len(self.moving)
        lengths = rng.random((count, 1)) ** (1.0 / max(moving, 1))
        box = rng.uniform(-1.0, 1.0, (count, len(self.parameters)))
        return np.concatenate([lengths * _directions(count, moving, rng), box], axis=1)

    def surface(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "start unit"]:
        """Starts on the surface of the ball (evenly), parameters in the box and, every second start, at its corners."""
        directions = _directions(count, len(self.moving), rng)
        box = rng.uniform(-1.0, 1.0, (count, len(self.parameters)))
        box[::2] = np.where(box[::2] < 0, -1.0, 1.0)
        return np.concatenate([directions, box], axis=1)

    def nearest(self, unit: Float[np.ndarray, "start unit"]) -> Float[np.ndarray, "start unit"]:
        """The nearest points of the set."""
        moving = len(self.moving)
        found = unit.copy()
        lengths = np.linalg.norm(found[:, :moving], axis=1, keepdims=True)
        found[:, :moving] /= np.maximum(lengths, 1.0)
        found[:, moving:] = np.clip(found[:, moving:], -1.0, 1.0)
        return found


def _directions(count: int, size: int, rng: np.random.Generator) -> Float[np.ndarray, "start size"]:
    """Evenly distributed unit vectors."""
    drawn = rng.standard_normal((count, size))
    return drawn / np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-300)
