"""Unbounded numbers and the physical ones they stand for, many at once, as arrays: what kind each is, is data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.model.transforms import Kind, Transform, sigmoid, softplus

_KINDS: tuple[Kind, ...] = ("identity", "lower", "upper", "both", "log", "log-lower", "log-upper", "log-both")
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
TINY = 1e-300
LOWER, LOG = _CODES["lower"], _CODES["log"]


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

    def transform(self, k: int) -> Transform:
        """That of the ``k``-th number (of one axis)."""
        numbers = float(self.lower[k]), float(self.upper[k]), float(self.scale[k])
        return Transform(_KINDS[int(self.code[k])], *numbers)

    def logarithmic(self, chosen: Bool[np.ndarray, "..."]) -> Bijection:
        """The same with the logarithms of the chosen numbers."""
        zero, one = np.where(chosen, 0.0, self.lower), np.where(chosen, 1.0, self.scale)
        offset = np.where(chosen, 0.0, self.offset)
        return Bijection(np.where(chosen, LOG, self.code).astype(np.int32), zero, self.upper, one, offset)

    def carried(self, chosen: Bool[np.ndarray, "..."], z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The unbounded numbers of ``logarithmic`` for the same physical ones."""
        return np.where(chosen, np.log(np.maximum(self.forward(z), TINY)), z)


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
