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


def robust_limit(error: Float[np.ndarray, "..."], used: Bool[np.ndarray, "..."], train: TrainConfig) -> float:
    """Absolute error, in the unit of ``error``, from which on errors count linearly; infinite for squares."""
    if train.loss != "huber" or not used.any():
        return float("inf")
    return max(NORMAL * float(np.median(np.abs(error[used]))), LEAST) * train.huber_delta


def robust_factor(error: Float[np.ndarray, "..."], limit: float | Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Factor of the weight of each squared error: 1 up to the limit, limit/|error| beyond."""
    with np.errstate(all="ignore"):
        size = np.abs(error)
        return np.where(size > limit, limit / np.maximum(size, 1e-300), 1.0)


def robust_squares(error: Float[np.ndarray, "..."], limit: float) -> Float[np.ndarray, "..."]:
    """Huber's loss of each error, as a square: e^2 up to the limit, limit (2|e| - limit) beyond."""
    with np.errstate(all="ignore"):
        size = np.abs(error)
        return np.where(size > limit, limit * (2.0 * size - limit), size**2)
