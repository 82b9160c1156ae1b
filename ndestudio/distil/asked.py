"""What was asked of a neural term holds for the formulas in its place: factors, sign, bounds, monotony."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.expression.arrays import ArrayFunction, compile_array
from ndestudio.expression.tree import Binary, Expr, Name
from ndestudio.model.config import NetworkConfig

SLACK = 1e-6
"""Part of the size of a term by which rounding may break a limit."""
STEP = 1e-4


@dataclass(frozen=True)
class Asked:
    """The limits of one neural term (see ``NetworkConfig``): all but the factors are of the quotient by these."""

    arguments: tuple[str, ...]
    config: NetworkConfig

    @property
    def factors(self) -> tuple[str, ...]:
        return tuple(name for name in self.arguments if name in self.config.factor)

    @property
    def limits(self) -> bool:
        """Whether there is anything that a formula could break."""
        config = self.config
        bounded = config.lower is not None or config.upper is not None
        return config.sign != "any" or bounded or bool(config.monotone) or bool(self.factors)

    def factor(self, points: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, " point"]:
        """Product of the factors at points (1 without any)."""
        places = [self.arguments.index(name) for name in self.factors]
        return np.prod(points[:, places], axis=1) if places else np.ones(len(points))

    def times_factor(self, quotient: Expr) -> Expr:
        """``quotient`` multiplied by the factors."""
        for name in self.factors:
            quotient = Binary("*", Name(name), quotient)
        return quotient

    def keeps(self, formula: Expr, points: Float[np.ndarray, "point argument"]) -> bool:
        """Whether ``formula`` is as asked at all of ``points``."""
        if not self.limits:
            return True
        function = compile_array(formula, {name: k for k, name in enumerate(self.arguments)})
        with np.errstate(all="ignore"):
            return self._vanishes(function, points) and self._within(function, points)

    def _vanishes(self, function: ArrayFunction, points: Float[np.ndarray, "point argument"]) -> bool:
        """Zero where a factor is."""
        size = float(np.max(np.abs(_values(function, points)), initial=0.0))
        for name in self.factors:
            there = points.copy()
            there[:, self.arguments.index(name)] = 0.0
            values = _values(function, there)
            if not (np.abs(values[np.isfinite(values)]) <= SLACK * size).all():
                return False
        return True

    def _within(self, function: ArrayFunction, points: Float[np.ndarray, "point argument"]) -> bool:
        used = self._away(points)
        N = _values(function, points[used]) / self.factor(points[used])
        if not np.isfinite(N).all():
            return False
        slack = SLACK * float(np.max(np.abs(N), initial=0.0))
        config = self.config
        low = 0.0 if config.sign == "positive" else -np.inf
        high = 0.0 if config.sign == "negative" else np.inf
        low = low if config.lower is None else max(low, config.lower)
        high = high if config.upper is None else min(high, config.upper)
        if not ((low - slack <= N) & (high + slack >= N)).all():
            return False
        return all(self._goes(function, points[used], N, slack, *item) for item in config.monotone.items())

    def _goes(
        self,
        function: ArrayFunction,
        points: Float[np.ndarray, "point argument"],
        N: Float[np.ndarray, " point"],
        slack: float,
        name: str,
        way: str,
    ) -> bool:
        place = self.arguments.index(name)
        moved = points.copy()
        moved[:, place] += STEP * (float(np.ptp(points[:, place])) or 1.0)
        change = _values(function, moved) / self.factor(moved) - N
        return bool((change >= -slack).all() if way == "increasing" else (change <= slack).all())

    def _away(self, points: Float[np.ndarray, "point argument"]) -> Bool[np.ndarray, " point"]:
        """Points that are not so near a zero of a factor that a quotient is but rounding."""
        factor = np.abs(self.factor(points))
        return factor > 1e-9 * float(factor.max(initial=0.0))


def _values(function: ArrayFunction, points: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, " point"]:
    return np.broadcast_to(np.asarray(function(list(points.T)), float), (len(points),))


def asked_of(config: NetworkConfig | None, arguments: Sequence[str]) -> Asked:
    """What the settings of a neural term ask of formulas."""
    return Asked(tuple(arguments), config or NetworkConfig())
