"""Unbounded numbers and the physical ones they stand for, many at once, as arrays: what kind each is, is data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ndestudio.model.transforms import Transform, sigmoid, softplus

_CODES = {
    "identity": 0,
    "lower": 1,
    "upper": 2,
    "both": 3,
    "log": 4,
    "log-lower": 5,
    "log-upper": 6,
    "log-both": 7,
}


class Bijection(NamedTuple):
    """``Transform`` of many numbers at once, as arrays; ``offset`` shifts the identity kind."""

    code: Int[np.ndarray, "..."]
    lower: Float[np.ndarray, "..."]
    upper: Float[np.ndarray, "..."]
    scale: Float[np.ndarray, "..."]
    offset: Float[np.ndarray, "..."]

    def forward(self, z: Any, xp: Any = np) -> Any:
        """Physical values of the unbounded numbers ``z``; see ``ndestudio.model.transforms``."""
        low = self.lower + self.scale * softplus(z, xp)
        high = self.upper - self.scale * softplus(-z, xp)
        both = self.lower + (self.upper - self.lower) * sigmoid(z, xp)
        kind = self.code % 4
        value = xp.where(
            kind == 1, low, xp.where(kind == 2, high, xp.where(kind == 3, both, self.offset + self.scale * z))
        )
        log = self.code >= 4
        with np.errstate(over="ignore"):  # a trial step may lead anywhere
            return xp.where(log, xp.exp(xp.where(log, value, 0.0)), value)


def bijection(transforms: Sequence[Transform], offsets: Sequence[float] | None = None) -> Bijection:
    """Stack transforms. A logarithmic kind without bounds has scale 1 and no offset."""
    log = [transform.kind.startswith("log") for transform in transforms]
    return Bijection(
        code=np.array([_CODES[transform.kind] for transform in transforms], dtype=np.int32),
        lower=np.array([transform.lower for transform in transforms], dtype=float),
        upper=np.array([transform.upper for transform in transforms], dtype=float),
        scale=np.array([1.0 if k else t.scale for k, t in zip(log, transforms, strict=True)], dtype=float),
        offset=np.array(offsets if offsets is not None else np.zeros(len(transforms)), dtype=float),
    )
