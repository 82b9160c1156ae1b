"""What the measurements alone say of the unknown terms: the weak form of the equations.

With a test function ``phi`` that vanishes, with its slope, outside a window,

    - integral phi' y_k dt = integral phi (known_k(x, t, u) + sum over the terms of gain_k f(x)) dt

for every measured state ``y_k`` (Messenger and Bortz 2021, Multiscale Model. Simul. 19, 1474). Nothing is differentiated, and
the equation of each state stands alone: unlike the response along a model's own path (``response``), what a network got wrong
in one equation does not disturb the others. The price is that the arguments of the terms are smoothed measurements. So the weak
form proposes formulas, and the response decides among them.

The noise is that of ``reference_path``; windows overlap, and rows are made independent by the covariance that the noise gives
them, both by way of ``y_k`` and by way of the arguments, which is linearised at the best model there is (Bortz, Messenger and
Dukic 2023, Bull. Math. Biol. 85, 110); that rows of different states share noise is left out, so that a law is found without
the others. A window is wider than what curves are smoothed over, so that the noise of a curve
counts there as that of the measurements does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from ndestudio.distil.reference_path import ReferencePath, direct_columns
from ndestudio.distil.response import Along, Part, Response, responses_of
from ndestudio.fitting.measure import Measure
from ndestudio.model.fitted import FittedModel

WIDTHS = (0.06, 0.16)
"""Half a window, as a part of the measured time of a trajectory."""
FEWEST_IN_WINDOW = 5
"""Measured values that half a window holds at least."""
SHIFT = 0.25
"""From one window to the next, in half windows."""
SMOOTH = 4
"""Power of the test functions (1 - s^2)^p, whose first p - 1 derivatives vanish at the ends: the trapezoidal rule is exact to that
order."""
INDEPENDENT = 1e-4
"""Variance, over the largest, of a combination of windows below which it says nothing that others do not."""


def weak_responses(
    model: FittedModel,
    measure: Measure,
    names: Sequence[str],
    paths: Sequence[ReferencePath],
    instead: FittedModel | None = None,
) -> list[Response]:
    """The weak form for the terms ``names`` of ``model``, for windows of several widths; empty where a state is not measured.

    Parameters
    ----------
    measure
        How errors count in a fit of ``model``.
    paths
        Smooth curves through the measurements, where the arguments of the terms are taken.
    instead
        ``model`` with formulas in the place of some terms: what errors of the arguments come to is taken from it.
    """
    columns = direct_columns(model)
    if columns is None or model.system.events:
        return []
    found = []
    for width in WIDTHS:
        rows = partial(_weak, columns=columns, width=width, measure=measure)
        response = responses_of(model, measure, names, paths, False, rows, instead)
        if response is not None:
            found.append(response)
    return found


def _weak(along: Along, columns: Sequence[int], width: float, measure: Measure) -> Part | None:
    """Rows of one trajectory, those of each state independent of each other.

    The integral of phi' y is that of a smooth curve, which by parts is the integral of phi times its slope, and of what is measured
    beside the curve: both sides of a true law then have the same error of the quadrature.
    """
    path, states = along.path, range(len(columns))
    measured_at = path.t[path.places]
    count = len(measured_at)
    whole = float(measured_at[-1] - measured_at[0])
    half = max(width * whole, FEWEST_IN_WINDOW * float(np.median(np.diff(measured_at))))
    if count < 2 * FEWEST_IN_WINDOW + 1 or 2.0 * half > whole:
        return None
    centres = np.arange(measured_at[0] + half, measured_at[-1] - half + 1e-9 * half, SHIFT * half)
    phi = _test(path.t, centres, half)[0] * _trapezoid(path.t)
    bump, slope = (one * _trapezoid(measured_at) for one in _test(measured_at, centres, half))
    values = [_values(path, state, column, measure) for state, column in enumerate(columns)]
    assert path.slope is not None
    by, curve = along.jacobian[path.places], path.slope.T
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for k in states:
        noise = np.concatenate([(slope * (m == k) + bump * by[:, k, m]) * values[m][1] for m in states], axis=1)
        whiten = _whitened(noise)
        if whiten is None:
            return None
        known = [whiten @ (phi @ one[k]) for one in along.parameters]
        rows.append(
            (
                whiten @ (phi @ (curve[k] - along.slopes[k]) - slope @ values[k][0]),
                np.concatenate([whiten @ (phi * gain[k]) for gain in along.gains], axis=1),
                np.stack(known, axis=1) if known else np.zeros((len(whiten), 0)),
            )
        )
    target, calls, known = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    if not np.isfinite(target).all():
        return None
    return Part(target, along.calls, calls, np.zeros((len(target), 0)), known, False)


def _values(
    path: ReferencePath, state: int, column: int, measure: Measure
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """What is measured beside the curve through a state, none where there is no value or an outlier, and the deviations."""
    y, curve = path.trajectory.measured[path.rows, column].astype(float), path.x[path.places, state]
    deviation = path.deviation[:, column] * (np.abs(curve) if measure.problem.space.constants.log[column] else 1.0)
    limit = measure.limit[column] * measure.problem.space.constants.spread[column]
    limit = np.inf if measure.problem.space.constants.log[column] else limit
    with np.errstate(invalid="ignore"):
        good = np.isfinite(y) & np.isfinite(deviation) & (np.abs(y - curve) <= limit)
    usual = float(np.median(deviation[good])) if good.any() else np.nan
    return np.where(good, y - curve, 0.0), np.where(good, deviation, usual)


def _test(
    t: Float[np.ndarray, " node"], centres: Float[np.ndarray, " window"], half: float
) -> tuple[Float[np.ndarray, "window node"], Float[np.ndarray, "window node"]]:
    """Test functions at ``t`` and their derivatives."""
    s = (t - centres[:, None]) / half
    inside = np.maximum(1.0 - s**2, 0.0)
    return inside**SMOOTH, -2.0 * SMOOTH * s * inside ** (SMOOTH - 1) / half


def _trapezoid(t: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """Weights of the trapezoidal rule."""
    step = np.diff(t)
    return 0.5 * (np.append(step, 0.0) + np.insert(step, 0, 0.0))


def _whitened(noise: Float[np.ndarray, "window row"]) -> Float[np.ndarray, "whitened window"] | None:
    """What makes errors of the windows independent and of size 1, from what each measured value adds to them."""
    if not np.isfinite(noise).all():
        return None
    size, vectors = np.linalg.eigh(noise @ noise.T)
    kept = size > INDEPENDENT * max(float(size.max(initial=0.0)), 1e-300)
    return (vectors[:, kept] / np.sqrt(size[kept])).T
