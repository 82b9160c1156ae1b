"""Huber's loss: the one place that says from where on an error counts linearly, and what it weighs then.

An error beyond ``huber_delta`` noise levels weighs in proportion less (iteratively reweighted least squares); the noise
level is the median of the absolute errors, made one of a normal distribution (Huber and Ronchetti 2009, Robust Statistics,
section 7.8).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.fitting.config import TrainConfig

NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute value."""
LEAST = 1e-12
FEW = 8
"""Values from which a column has a noise level of its own."""
FEWEST, HALF, FAR = 9, 2, 12.0
"""Values from which outliers are looked for, neighbours on each side, and noise levels beyond which a value is one."""


def robust_limit(
    error: Float[np.ndarray, "... measured"], used: Bool[np.ndarray, "... measured"], train: TrainConfig
) -> Float[np.ndarray, " measured"]:
    """Absolute error of each column, in the unit of ``error``, from which on errors count linearly; infinite for squares.

    The noise of columns differs; one with few values takes the level of all.
    """
    columns = error.shape[-1]
    if train.loss != "huber" or not used.any():
        return np.full(columns, np.inf)
    common = float(np.median(np.abs(error[used])))
    parts = [np.abs(error[..., k][used[..., k]]) for k in range(columns)]
    found = [float(np.median(part)) if len(part) >= FEW else common for part in parts]
    return np.maximum(NORMAL * np.array(found), LEAST) * train.huber_delta


def without_outliers(series: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Values of a series, in the order of time, without those far from the median of their neighbours."""
    values = series[np.isfinite(series)]
    if len(values) < FEWEST:
        return values
    padded = np.pad(values, HALF, mode="reflect")
    away = np.abs(values - np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * HALF + 1), axis=1))
    level = NORMAL * float(np.median(away))
    return values[away <= FAR * level] if level > 0 else values


def robust_factor(error: Float[np.ndarray, "..."], limit: float | Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Factor of the weight of each squared error: 1 up to the limit, limit/|error| beyond."""
    with np.errstate(all="ignore"):
        size = np.abs(error)
        return np.where(size > limit, limit / np.maximum(size, 1e-300), 1.0)


def robust_squares(
    error: Float[np.ndarray, "..."], limit: float | Float[np.ndarray, " measured"]
) -> Float[np.ndarray, "..."]:
    """Huber's loss of each error, as a square: e^2 up to the limit, limit (2|e| - limit) beyond."""
    with np.errstate(all="ignore"):
        size = np.abs(error)
        return np.where(size > limit, limit * (2.0 * size - limit), size**2)
