"""Between the units of the file and numbers of order one, both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset, Part


@dataclass(frozen=True, eq=False)
class Scaling:
    """Scaled state `z = (y - center) / scale` and scaled time `tau = (t - start) / duration`.

    Arguments:
        center, scale: of each measured column, in its unit; ``scale`` is positive.
        start, duration: in the unit of time; ``duration`` is positive.
    """

    center: Float[np.ndarray, " measured"]
    scale: Float[np.ndarray, " measured"]
    start: float = 0.0
    duration: float = 1.0

    @classmethod
    def of(cls, dataset: Dataset, *, centred: bool = True, part: Part | None = Part.TRAIN) -> Scaling:
        """Mean and standard deviation of each measured column, earliest time and longest duration.

        Arguments:
            centred: whether to subtract the mean; without, the scale is the root mean square, and zero stays zero.
            part: rows to use (training rows, so that nothing of the held-out ones is used); None for all. Columns that
                have no value there take all rows.
        """
        stacked = np.concatenate([one.measured for one in dataset.trajectories])
        if part is not None:
            used = np.concatenate([one.mask(part) for one in dataset.trajectories])
            used[:, ~used.any(axis=0)] = True
            stacked = np.where(used, stacked, np.nan)
        known = np.isfinite(stacked)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, stacked, 0.0)
        center = filled.sum(axis=0) / count if centred else np.zeros(stacked.shape[1])
        scale = np.sqrt((np.where(known, stacked - center, 0.0) ** 2).sum(axis=0) / count)
        tiny = scale <= 1e-12 * np.max(np.abs(filled), axis=0, initial=0.0)
        scale = np.where(tiny, np.where(np.abs(center) > 0, np.abs(center), 1.0), scale)
        start = min(float(one.t[0]) for one in dataset.trajectories)
        return cls(center, scale, start, dataset.span())

    def to_scaled(self, y: Float[np.ndarray, "*time measured"]) -> Float[np.ndarray, "*time measured"]:
        return (y - self.center) / self.scale

    def from_scaled(self, z: Float[np.ndarray, "*time measured"]) -> Float[np.ndarray, "*time measured"]:
        return z * self.scale + self.center

    def time_to_scaled(self, t: Float[np.ndarray, "*time"]) -> Float[np.ndarray, "*time"]:
        return (t - self.start) / self.duration

    def time_from_scaled(self, tau: Float[np.ndarray, "*time"]) -> Float[np.ndarray, "*time"]:
        return tau * self.duration + self.start

    def derivative_to_scaled(self, dy: Float[np.ndarray, "*time measured"]) -> Float[np.ndarray, "*time measured"]:
        """From dy/dt to dz/dtau."""
        return dy * (self.duration / self.scale)

    def derivative_from_scaled(self, dz: Float[np.ndarray, "*time measured"]) -> Float[np.ndarray, "*time measured"]:
        """From dz/dtau to dy/dt."""
        return dz * (self.scale / self.duration)


def positive_columns(dataset: Dataset) -> Bool[np.ndarray, " measured"]:
    """Which measured columns have only values above zero, so that a logarithm and positive states make sense."""
    stacked = np.concatenate([one.measured for one in dataset.trajectories])
    return np.all(~np.isfinite(stacked) | (stacked > 0), axis=0)


def non_negative_columns(dataset: Dataset) -> Bool[np.ndarray, " measured"]:
    """Which measured columns have no value below zero (amounts, concentrations, counts)."""
    stacked = np.concatenate([one.measured for one in dataset.trajectories])
    return np.all(~np.isfinite(stacked) | (stacked >= 0), axis=0)
