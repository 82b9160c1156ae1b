"""Cubic Hermite interpolation between grid points, for NumPy and JAX."""

from __future__ import annotations

from typing import Any


def hermite(ya: Any, yb: Any, da: Any, db: Any, q: Any) -> Any:
    """Cubic with values ya, yb and slopes da, db (per step) at 0 and 1, at q."""
    p = 1.0 - q
    return ya * ((1.0 + 2.0 * q) * p * p) + yb * ((3.0 - 2.0 * q) * q * q) + da * (q * p * p) - db * (p * q * q)


def hermite_slope(ya: Any, yb: Any, da: Any, db: Any, q: Any) -> Any:
    """Derivative of ``hermite`` by q."""
    return 6.0 * q * (1.0 - q) * (yb - ya) + da * (1.0 - q) * (1.0 - 3.0 * q) + db * q * (3.0 * q - 2.0)
