"""Starts of states as standard normal numbers, by the priors of the expert: z ~ N(0, 1), start = forward(z)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ndestudio.errors import EquationError
from ndestudio.model.config import InitialConfig, ModelConfig
from ndestudio.model.encoders import encoder_problem

NORMAL, LOG_NORMAL, UNIFORM = 0, 1, 2
FARTHEST = 12.0
"""Standard deviations beyond which no start lies."""


class Coordinates(NamedTuple):
    """How the starts of the encoded states follow from standard normal numbers; a pytree of arrays.

    Parameters
    ----------
    kind
        ``NORMAL`` (middle + width z), ``LOG_NORMAL`` (middle exp(width z)) or ``UNIFORM`` (middle + width Phi(z)).
    place
        Of each encoded state among all states.
    """

    kind: Int[np.ndarray, " encoded"]
    middle: Float[np.ndarray, " encoded"]
    width: Float[np.ndarray, " encoded"]
    place: Int[np.ndarray, " encoded"]

    def forward(self, z: Any, xp: Any = np) -> Any:
        """Starts in physical units of z [..., encoded]."""
        z = xp.clip(z, -FARTHEST, FARTHEST)
        straight = self.middle + self.width * z
        grown = self.middle * xp.exp(xp.where(self.kind == LOG_NORMAL, self.width * z, 0.0))
        between = self.middle + self.width * _normal_cdf(z, xp)
        return xp.where(self.kind == LOG_NORMAL, grown, xp.where(self.kind == UNIFORM, between, straight))


def _normal_cdf(z: Any, xp: Any) -> Any:
    if xp is np:
        from scipy.special import ndtr

        return ndtr(z)
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().scipy.stats.norm.cdf(z)


def coordinates(config: ModelConfig, states: Sequence[str], scale: Float[np.ndarray, " state"]) -> Coordinates:
    """The coordinates of the encoded states, in the order of ``states``.

    Raises
    ------
    EquationError
        Settings of a start that do not go with an encoder.
    """
    found: list[tuple[int, float, float, int]] = []
    for k, state in enumerate(states):
        one = config.initial.get(state)
        if one is not None and one.encoder:
            if sentence := encoder_problem(one):
                raise EquationError(f"initial value of `{state}`: {sentence}")
            found.append((*_coordinate(one, float(scale[k])), k))
    kind, middle, width, place = zip(*found, strict=True)
    return Coordinates(
        np.array(kind, dtype=np.int32), np.array(middle), np.array(width), np.array(place, dtype=np.int32)
    )


def _coordinate(one: InitialConfig, scale: float) -> tuple[int, float, float]:
    prior = one.prior
    if prior is not None and prior.kind == "log-normal":
        assert prior.median is not None and prior.sd is not None
        return LOG_NORMAL, prior.median, prior.sd
    if prior is not None and prior.kind == "normal":
        assert prior.mean is not None and prior.sd is not None
        return NORMAL, prior.mean, prior.sd
    low, high = one.bounds
    if low is not None and high is not None:
        return UNIFORM, low, high - low
    return NORMAL, float(one.value or 0.0), scale
