"""Ellipsoids around clouds of points, one for each time: {x : |W (x - c)| <= 1} with W = L^-1 for the shape P = L L^T."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

ROUNDS = 25
"""Steps of the multiplicative algorithm."""
ROUND = 0.9
"""Distance of the nearest sample over that of the farthest, from which on an image of the surface counts as an ellipsoid."""
THIN = 1e-9
"""Smallest semi-axis over the longest, of clouds in units of their own widths."""


@dataclass(frozen=True, eq=False)
class Ellipsoids:
    """An ellipsoid at each time: {centre + factor v : |v| <= 1}.

    Parameters
    ----------
    factor
        Lower triangular; the shape matrix is factor factor^T.
    """

    centre: Float[np.ndarray, "time state"]
    factor: Float[np.ndarray, "time state state"]

    @property
    def shape(self) -> Float[np.ndarray, "time state state"]:
        return self.factor @ np.swapaxes(self.factor, 1, 2)

    @property
    def half_widths(self) -> Float[np.ndarray, "time state"]:
        """Of the box around each ellipsoid."""
        return np.sqrt(np.einsum("tij,tij->ti", self.factor, self.factor))

    @property
    def volumes(self) -> Float[np.ndarray, " time"]:
        """Volume of each (area for two states, length for one)."""
        size = self.centre.shape[1]
        unit = math.pi ** (size / 2) / math.gamma(size / 2 + 1)
        return unit * np.abs(np.prod(np.einsum("tii->ti", self.factor), axis=1))

    def distances(self, x: Float[np.ndarray, "start time state"]) -> Float[np.ndarray, "start time"]:
        """Of points from the centre, 1 on the surface; infinite where a state is not finite."""
        apart = np.moveaxis(x, 0, -1) - self.centre[:, :, None]
        with np.errstate(invalid="ignore"):
            solved = np.linalg.inv(self.factor) @ apart
            lengths = np.sqrt(np.einsum("tis,tis->ts", solved, solved))
        return np.where(np.isfinite(lengths), lengths, np.inf).T

    def scaled(self, by: Float[np.ndarray, " time"] | float) -> Ellipsoids:
        return Ellipsoids(self.centre, self.factor * np.reshape(by, (-1, 1, 1)))

    def projected(self, places: list[int]) -> Float[np.ndarray, "time kept kept"]:
        """Shape matrices of the shadows on some states."""
        return self.shape[:, places][:, :, places]


def around(
    x: Float[np.ndarray, "start time state"],
    unit: Float[np.ndarray, "start unit"],
    error: Float[np.ndarray, "time state"],
) -> Ellipsoids:
    """Small ellipsoids that hold all points at each time: the smaller of two kinds.

    One is the image of the set of starts under the linear map that fits best (exact where the flow is linear), the other
    the ellipsoid of least volume around the points (for bent images).

    Parameters
    ----------
    unit
        The starts of the points, in unit coordinates.
    error
        By which each state may be wrong, so that no ellipsoid is thinner.
    """
    size = np.abs(x).max(axis=(0, 1)) + 1e-300
    widths = np.maximum(np.ptp(x, axis=0), 1e-12 * size)
    middle = x.mean(axis=0)
    units = (x - middle) / widths
    floor = np.einsum("ti,ij->tij", np.maximum(THIN, error / widths), np.eye(x.shape[2]))

    def holding(places: Any, centre: Any, root: Any) -> tuple[Ellipsoids, Any]:
        """Scaled to hold the points, and how far out the nearest point is."""
        # the shape is root^T root; by its triangular factor, since its square would lose thin ellipsoids
        upper = np.linalg.qr(np.concatenate([root, floor[places]], axis=1), mode="r")
        wide = widths[places]
        one = Ellipsoids(middle[places] + wide * centre, wide[:, :, None] * np.swapaxes(upper, 1, 2))
        far = one.distances(x[:, places])
        return one.scaled(np.maximum(far.max(axis=0), 1e-300)), far.min(axis=0) / np.maximum(far.max(axis=0), 1e-300)

    image, nearest = holding(slice(None), *_image(units, unit))
    # where all points lie on the image of the surface there is nothing to gain
    bent = np.flatnonzero(nearest < ROUND)
    if not len(bent):
        return image
    least, _ = holding(bent, *_least_volume(units[:, bent]))
    better = bent[least.volumes < image.volumes[bent]]
    chosen = np.searchsorted(bent, better)
    centre, factor = image.centre.copy(), image.factor.copy()
    centre[better], factor[better] = least.centre[chosen], least.factor[chosen]
    return Ellipsoids(centre, factor)


def _image(
    x: Float[np.ndarray, "start time state"], unit: Float[np.ndarray, "start unit"]
) -> tuple[Float[np.ndarray, "time state"], Float[np.ndarray, "time row state"]]:
    """The image of the unit coordinates under the linear map that fits best."""
    fitted = linear_fit(x, unit)
    return fitted[0], np.moveaxis(fitted[1:], 0, 1)


def linear_fit(
    x: Float[np.ndarray, "start time state"], unit: Float[np.ndarray, "start unit"]
) -> Float[np.ndarray, "unit+1 time state"]:
    """The constant and the slopes of the linear map from unit coordinates that fits best, at each time."""
    design = np.concatenate([np.ones((len(unit), 1)), unit], axis=1)
    return (np.linalg.pinv(design) @ x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])


def _least_volume(
    x: Float[np.ndarray, "start time state"],
) -> tuple[Float[np.ndarray, "time state"], Float[np.ndarray, "time row state"]]:
    """Ellipsoids of least volume around points, by the multiplicative algorithm for D-optimal designs (Silvey, Titterington
    and Torsney 1978; Khachiyan 1996, Math. Oper. Res. 21, 307)."""
    points = np.moveaxis(x, 0, 1)
    times, count, size = points.shape
    lifted = np.concatenate([points, np.ones((times, count, 1))], axis=2)
    weight = np.full((times, count), 1.0 / count)
    ridge = 1e-12 * np.eye(size + 1)
    for _ in range(ROUNDS):
        moment = np.swapaxes(lifted * weight[:, :, None], 1, 2) @ lifted + ridge
        leverage = np.einsum("tsi,tsi->ts", lifted @ np.linalg.inv(moment), lifted)
        weight = weight * leverage / (size + 1)
        weight /= weight.sum(axis=1, keepdims=True)
    centre = np.einsum("ts,tsi->ti", weight, points)
    apart = points - centre[:, None]
    return centre, np.sqrt(size * weight)[:, :, None] * apart
