"""Penalised smoothing splines of measured columns: values, derivatives and the size of the noise.

A spline of degree `2m - 1` with a penalty on the integral of the squared `m`-th derivative; the weight of the penalty
minimises the generalised cross-validation score (Craven and Wahba 1979) with the degrees of freedom counted 1.4 times in
noisy series, which keeps it from following the noise (Kim and Gu 2004). The penalised least-squares problem is brought to
diagonal form once (Demmler and Reinsch 1975), so that each further weight costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Trajectory

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

_MOST_BINS = 4000
_FIRST_BASIS = 80
_LARGEST_BASIS = 1280
_INFLATION = 1.4
_FEW = 10
"""Below so many points the degrees of freedom are counted once: there are none to spare."""
_CLEAN = 0.01
"""Noise below this part of the standard deviation counts as none, and the curve may follow every point."""
_DECADES = 100.0
"""Growth of the gaps between samples, from the first to the last third, from which on times count as logarithmic."""
_SPIKED = 0.15
"""Noise above this part of the standard deviation may be spikes that fall between samples."""
_QUARTILE = 0.3186
"""Of the size of standard normal numbers."""
_POOR = 0.3
"""Noise above this part of the standard deviation may be an oscillation too fast for the basis."""


@dataclass(frozen=True, eq=False)
class SmoothedColumn:
    """One measured column.

    Parameters
    ----------
    spline
        None if nothing was measured.
    begin, end
        First and last measured time; outside the spline goes on as a straight line.
    noise
        Standard deviation of the measurement errors, in the unit of the column (0 where it cannot be told).
    degrees
        Effective number of parameters of the smooth curve.
    decades
        None, or the time from which on the curve is smooth in the logarithm of the time since ``begin``.
    """

    spline: BSpline | None
    begin: float
    end: float
    noise: float
    degrees: float

    decades: float | None = None

    def value(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, " query"]:
        if self.spline is None:
            return np.full(np.shape(t), np.nan)
        inside = np.clip(t, self.begin, self.end)
        return self.spline(self._place(inside)) + (t - inside) * self.derivative(inside)

    def derivative(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, " query"]:
        if self.spline is None:
            return np.full(np.shape(t), np.nan)
        inside = np.clip(t, self.begin, self.end)
        found = self.spline(self._place(inside), 1)
        return found if self.decades is None else found / (inside - self.begin + self.decades)

    def _place(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, " query"]:
        return t if self.decades is None else np.log1p((t - self.begin) / self.decades)


@dataclass(frozen=True, eq=False)
class SmoothedTrajectory:
    """Smooth curves through the measured columns of one trajectory, gaps left out."""

    name: str
    columns: tuple[SmoothedColumn, ...]

    def values(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, "query measured"]:
        """Smooth values in the units of the file (NaN for a column that was never measured)."""
        return np.stack([column.value(np.asarray(t, float)) for column in self.columns], axis=-1)

    def derivatives(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, "query measured"]:
        """First derivatives, in the unit of the column by that of time."""
        return np.stack([column.derivative(np.asarray(t, float)) for column in self.columns], axis=-1)

    def supported(self, t: Float[np.ndarray, " query"]) -> Bool[np.ndarray, "query measured"]:
        """Where a column lies between its first and last measurement."""
        t = np.asarray(t, float)
        return np.stack([(t >= column.begin) & (t <= column.end) for column in self.columns], axis=-1)

    @property
    def noise(self) -> Float[np.ndarray, " measured"]:
        """Standard deviation of the measurement errors of each column."""
        return np.array([column.noise for column in self.columns])


def smooth(trajectory: Trajectory, *, use: Bool[np.ndarray, "time measured"] | None = None) -> SmoothedTrajectory:
    """Smooth every measured column of a trajectory.

    Parameters
    ----------
    use
        Values to use (default: all that are present), such as ``trajectory.mask(Part.TRAIN)``.
    """
    mask = trajectory.present if use is None else use & trajectory.present
    columns = [
        smooth_column(trajectory.t[mask[:, index]], trajectory.measured[mask[:, index], index])
        for index in range(trajectory.measured.shape[1])
    ]
    return SmoothedTrajectory(trajectory.name, tuple(columns))


def smooth_column(t: Float[np.ndarray, " time"], y: Float[np.ndarray, " time"]) -> SmoothedColumn:
    """Smooth one column without gaps.

    Parameters
    ----------
    t
        Strictly increasing.
    """
    from scipy.interpolate import BSpline, make_interp_spline

    count = len(t)
    if count == 0:
        return SmoothedColumn(None, np.inf, -np.inf, 0.0, 0.0)
    begin, end = float(t[0]), float(t[-1])
    if count == 1:
        return SmoothedColumn(BSpline(np.array([begin, begin + 1.0]), y[:1], 0), begin, end, 0.0, 1.0)
    if count <= 3:
        return SmoothedColumn(make_interp_spline(t, y, k=count - 1), begin, end, 0.0, float(count))
    order = 3 if count >= 9 else 2
    # unit interval and unit size keep the linear algebra well conditioned in any unit
    span, level, size = end - begin, float(np.mean(y)), float(np.std(y))
    if size <= 1e-14 * max(abs(level), 1e-300):
        return SmoothedColumn(BSpline(np.array([begin, begin, end, end]), np.full(2, level), 1), begin, end, 0.0, 1.0)
    x, z = (t - begin) / span, (y - level) / size
    decades = _decades(t)
    if decades is not None:
        begin_at, x = 0.0, np.log1p((t - begin) / decades)
        span = float(x[-1])
        x = x / span
    else:
        begin_at = begin
    try:
        points = _binned(x, z)
        best = _best_fit(*points, order)
        if best.noise > _SPIKED:
            quiet = _quiet_noise(*points[:3])
            if quiet < best.noise / 3.0:
                basis = min(len(points[0]), 2 * len(best.coefficients), _LARGEST_BASIS)
                best = _fit(*points, order, basis, quiet)
    except np.linalg.LinAlgError:
        # gaps of all sizes in no order: straight lines between the points, and no word on their noise
        return SmoothedColumn(make_interp_spline(t, y, k=1), begin, end, 0.0, float(count))
    knots, coefficients = best.knots * span + begin_at, best.coefficients * size + level
    spline = BSpline(knots, coefficients, 2 * order - 1)
    return SmoothedColumn(spline, begin, end, best.noise * size, best.degrees, decades)


def _decades(t: Float[np.ndarray, " time"]) -> float | None:
    """The first gap where times are spread over decades (gaps grow along the way, a thousandfold in all), else None."""
    gaps = np.diff(t)
    third = len(gaps) // 3
    if third < 2:
        return None
    begin, middle, end = (float(np.median(part)) for part in (gaps[:third], gaps[third : 2 * third], gaps[2 * third :]))
    spread = begin < 0.5 * middle < 0.25 * end and end > _DECADES * begin
    return float(gaps[0]) if spread else None


@dataclass(frozen=True, eq=False)
class _Fit:
    knots: np.ndarray
    coefficients: np.ndarray
    score: float
    noise: float
    degrees: float


def _binned(x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Means of neighbours where there are very many points: places, values, counts, squares within the bins."""
    if len(x) <= _MOST_BINS:
        return x, z, np.ones(len(x)), 0.0
    starts = np.linspace(0, len(x), _MOST_BINS + 1).astype(int)[:-1]
    counts = np.diff(np.append(starts, len(x))).astype(float)
    places, values = np.add.reduceat(x, starts) / counts, np.add.reduceat(z, starts) / counts
    # the slope within a bin is no noise
    bins = np.repeat(np.arange(_MOST_BINS), counts.astype(int))
    slope = np.gradient(values, places)
    inner = z - values[bins] - slope[bins] * (x - places[bins])
    return places, values, counts, float(inner @ inner)


def _best_fit(x: np.ndarray, z: np.ndarray, weight: np.ndarray, within: float, order: int) -> _Fit:
    """Enlarge the basis until that no longer lowers the score."""
    size = min(len(x), _FIRST_BASIS)
    best = _fit(x, z, weight, within, order, size)
    while size < min(len(x), _LARGEST_BASIS):
        size = min(2 * size, len(x), _LARGEST_BASIS)
        new = _fit(x, z, weight, within, order, size)
        if new.score < 0.95 * best.score:
            best = new
        elif best.noise < _POOR or size >= _LARGEST_BASIS / 2:
            return best
    return best


def _quiet_noise(x: np.ndarray, z: np.ndarray, weight: np.ndarray) -> float:
    """Noise where the series is quiet: the lower quartile of how far points lie from the cubics through their neighbours.

    Spikes narrower than a few samples look like noise to cross-validation, but unlike noise they are not everywhere
    (pseudo-residuals: Gasser, Sroka and Jennen-Steinmetz 1986, Biometrika 73, 625). Infinite with too few points.
    """
    if len(x) < _FEW:
        return np.inf
    middle = np.arange(2, len(x) - 2)
    near = middle[:, None] + np.array([-2, -1, 1, 2])
    places = x[near] - x[middle][:, None]
    weights = np.ones_like(places)
    for j in range(4):
        for k in range(4):
            if k != j:
                weights[:, j] *= places[:, k] / (places[:, k] - places[:, j])
    away = np.abs(z[middle] - np.sum(weights * z[near], axis=1)) / np.sqrt(1.0 + np.sum(weights**2, axis=1))
    return float(np.quantile(away * np.sqrt(weight[middle]), 0.25)) / _QUARTILE


def _fit(
    x: np.ndarray, z: np.ndarray, weight: np.ndarray, within: float, order: int, size: int, most: float = np.inf
) -> _Fit:
    """The smoothing spline with ``size`` basis functions whose weight cross-validation chooses, or, with ``most``, the
    smoothest one that leaves no more than that as noise."""
    from scipy.interpolate import BSpline
    from scipy.linalg import cholesky, eigh, solve_triangular

    degree = 2 * order - 1
    knots = _knots(x, size, degree)
    basis = BSpline.design_matrix(x, knots, degree)
    gram = np.asarray((basis.T @ basis.multiply(weight[:, None])).todense())
    moment = basis.T @ (weight * z)
    penalty = _penalty(knots, degree, order, size)
    penalty *= np.trace(gram) / np.trace(penalty)
    # relative to both together, so that points which nearly coincide do no harm: share 1 is all data, share 0 all penalty
    factor = cholesky(gram + penalty, lower=True)
    inner = solve_triangular(factor, solve_triangular(factor, gram, lower=True).T, lower=True)
    share, directions = eigh((inner + inner.T) / 2)
    share = np.clip(share, 0.0, 1.0)
    rotated = directions.T @ solve_triangular(factor, moment, lower=True)
    rotated[share < 1e-14] = 0.0
    points = float(weight.sum())
    total = float(weight @ (z * z)) + within
    weights = np.logspace(-18, 8, 261)
    divisor = np.maximum(share + weights[:, None] * (1.0 - share), 1e-300)
    fitted = (2.0 - share / divisor) / divisor
    squares = np.maximum(total - fitted @ (rotated**2), 1e-15 * total)
    degrees = (share / divisor).sum(axis=1)
    noise = np.sqrt(squares / np.maximum(points - degrees, 0.02 * points))
    plain = _scores(points, squares, degrees, 1.0)
    pick = int(np.argmin(plain))
    if np.isfinite(most):
        score, pick = plain, int(np.flatnonzero(noise <= max(most, float(noise.min())))[-1])
    elif len(x) < _FEW or noise[pick] < _CLEAN:
        score = plain
    else:
        score = _scores(points, squares, degrees, _INFLATION)
        pick = int(np.argmin(score))
    coefficients = solve_triangular(factor.T, directions @ (rotated / divisor[pick]), lower=False)
    return _Fit(knots, coefficients, float(score[pick]), float(noise[pick]), float(degrees[pick]))


def _scores(points: float, squares: np.ndarray, degrees: np.ndarray, inflation: float) -> np.ndarray:
    left = points - inflation * degrees
    return np.where(left > 0.02 * points, points * squares / np.maximum(left, 1e-9) ** 2, np.inf)


def _knots(x: np.ndarray, size: int, degree: int) -> np.ndarray:
    """Knots for ``size`` basis functions, as dense as the points: averages of ``degree`` neighbours (Schoenberg)."""
    places = np.interp(np.linspace(0, len(x) - 1, size), np.arange(len(x)), x)
    inner = np.convolve(places[1:-1], np.full(degree, 1.0 / degree), mode="valid") if size > degree + 1 else places[:0]
    return np.concatenate([np.full(degree + 1, x[0]), inner, np.full(degree + 1, x[-1])])


def _penalty(knots: np.ndarray, degree: int, order: int, size: int) -> np.ndarray:
    """Integral of the product of the ``order``-th derivatives of each two basis functions (Gauss-Legendre, exact)."""
    from scipy.interpolate import BSpline

    nodes, weights = np.polynomial.legendre.leggauss(degree - order + 1)
    breaks = np.unique(knots)
    half = np.diff(breaks) / 2
    places = ((breaks[:-1] + half)[:, None] + half[:, None] * nodes).ravel()
    values = BSpline(knots, np.eye(size), degree)(places, order)
    return values.T @ (values * (half[:, None] * weights).ravel()[:, None])
