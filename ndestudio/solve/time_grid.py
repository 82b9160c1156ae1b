"""Laying out the steps of a grid: by time and samples, or by a measure of the steps that a model wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SHARE = 0.7
"""Part of the steps that follows the measure; the rest follows the samples, for a model that will change."""
SPARSE = 0.8
"""Where there are fewer gaps between samples than this part of the steps, every sample lies on a grid point."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Steps wanted from the begin up to each of ``times`` (increasing)."""

    times: Float[np.ndarray, " knot"]
    measure: Float[np.ndarray, " knot"]

    @property
    def total(self) -> float:
        return float(self.measure[-1])

    def at(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        return np.interp(t, self.times, self.measure)

    def moved(self, begin: float, end: float) -> Mesh:
        """The same measure for a trajectory with other times: from its begin on, cut or stretched at the end."""
        times = self.times - self.times[0] + begin
        return (
            Mesh(times, self.measure)
            if end <= times[-1]
            else Mesh(np.append(times, end), np.append(self.measure, self.total + 1))
        )


def uniform_times(t: Float[np.ndarray, " sample"], steps: int) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid from the first to the last sample, half by time and half by the rank of the samples."""
    measure = 0.5 * (t - t[0]) / (t[-1] - t[0]) + 0.5 * np.arange(len(t)) / (len(t) - 1)
    return np.interp(np.linspace(0.0, 1.0, steps + 1), measure, t)


def mesh_times(t: Float[np.ndarray, " sample"], steps: int, mesh: Mesh) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid by ``mesh``; few samples all lie on grid points, so that nothing is interpolated there."""
    fine = np.unique(np.concatenate([t, mesh.times[(mesh.times > t[0]) & (mesh.times < t[-1])]]))
    wanted = mesh.at(fine)
    span = wanted[-1] - wanted[0]
    rank = np.interp(fine, t, np.arange(len(t)) / (len(t) - 1))
    share = SHARE if span > 0 else 0.0
    measure = share * (wanted - wanted[0]) / (span or 1.0) + (1 - share) * rank
    if len(t) - 1 > SPARSE * steps:
        return np.interp(np.linspace(0.0, 1.0, steps + 1), measure, fine)
    ends = np.interp(t, fine, measure)
    counts = _counts(np.diff(ends), steps)
    times = [
        np.interp(np.linspace(ends[k], ends[k + 1], count + 1)[:-1], measure, fine) for k, count in enumerate(counts)
    ]
    for k, part in enumerate(times):
        part[0] = t[k]
    return np.append(np.concatenate(times), t[-1])


def _counts(share: Float[np.ndarray, " gap"], steps: int) -> list[int]:
    """Steps of each gap, at least one, ``steps`` together, in proportion to ``share``."""
    low, high = 0.0, float(steps) / max(float(share.max()), 1e-12)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.maximum(1, np.floor(middle * share)).sum() <= steps else (low, middle)
    counts = np.maximum(1, np.floor(low * share)).astype(int)
    for k in np.argsort(-(share / counts), kind="stable")[: steps - int(counts.sum())]:
        counts[k] += 1
    while (left := steps - int(counts.sum())) > 0:
        counts[np.argsort(-(share / counts), kind="stable")[:left]] += 1
    return counts.tolist()
