"""GoTube, transcribed plainly from its publication, as the peer of our tubes.

Gruenbacher, Lechner, Hasani, Rus, Henzinger, Smolka, Grosu 2022, GoTube: scalable statistical verification of continuous-depth models,
AAAI (algorithm 1): at each time, starts are drawn from the surface of the ball in batches and integrated together with their
sensitivities; m is the largest distance from the image of the centre. A start with the distance d and the stretching factor L
(largest singular value of its sensitivity in the metric) covers a cap of the radius r that solves L r + D r^2 = mu m - d, where D
bounds the difference quotients of the stretching factors (a quantile of block maxima). Batches are drawn until the caps cover
the farthest start with the probability 1 - gamma: sqrt(1 - gamma) (1 - prod(1 - cap)) >= 1 - gamma. The tube has the radius mu m.

Integration: adaptive Dormand-Prince of JAX with 1e-10, from time to time for the starts that are there, from the beginning for new
ones, as published. Batches have one size, so that nothing is compiled again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np


@dataclass
class Result:
    """Volumes at the times, samples, CPU seconds, and whether it came to its end."""

    volumes: np.ndarray
    samples: int
    seconds: float
    finished: bool


def gotube(
    field: Callable[[Any], Any],
    centre: np.ndarray,
    radius: float,
    times: np.ndarray,
    *,
    mu: float = 1.1,
    gamma: float = 0.01,
    batch: int = 100,
    ellipsoids: bool = True,
    limit: float = 300.0,
    seed: int = 0,
) -> Result:
    """The tube of an autonomous system; it gives up after ``limit`` CPU seconds."""
    from ndestudio.solve.jax_backend import get_jax

    begin = time.process_time()
    jax = get_jax()
    jnp = jax.numpy
    size = len(centre)

    onward, measured = _programs(field)
    rng = np.random.default_rng(seed)
    t = np.asarray(times) - times[0]
    middle, middle_F = jnp.asarray(centre)[None], jnp.eye(size)[None]
    groups: list[list[Any]] = []
    unit_ball = math.pi ** (size / 2) / math.gamma(size / 2 + 1)
    volumes = [unit_ball * radius**size]

    def drawn(until: float) -> list[Any]:
        v = rng.standard_normal((batch, size))
        start = centre + radius * v / np.linalg.norm(v, axis=1, keepdims=True)
        eye = jnp.broadcast_to(jnp.eye(size), (batch, size, size))
        return [start, *onward(jnp.asarray(start), eye, until)]

    for k in range(1, len(t)):
        if time.process_time() - begin > limit:
            return Result(np.array(volumes), batch * len(groups), time.process_time() - begin, False)
        middle, middle_F = onward(middle, middle_F, t[k] - t[k - 1])
        A = np.linalg.inv(np.asarray(middle_F[0])) if ellipsoids else np.eye(size)
        groups = [[start, *onward(x, F, t[k] - t[k - 1])] for start, x, F in groups] or [drawn(t[k])]
        seen = [measured(x, F, middle[0], A) for _, x, F in groups]
        while True:
            d = np.concatenate([np.asarray(one[0]) for one in seen])
            stretch = np.concatenate([np.asarray(one[1]) for one in seen])
            starts = np.concatenate([one[0] for one in groups])
            best = float(d.max())
            if _covered(d, stretch, starts, best, mu, gamma, radius, size) >= 1.0 - gamma:
                break
            if time.process_time() - begin > limit:
                return Result(np.array(volumes), len(starts), time.process_time() - begin, False)
            groups.append(drawn(t[k]))
            seen.append(measured(groups[-1][1], groups[-1][2], middle[0], A))
        axes = abs(np.linalg.det(np.asarray(middle_F[0]))) if ellipsoids else 1.0
        volumes.append(unit_ball * (mu * best) ** size * axes)
    return Result(np.array(volumes), batch * len(groups), time.process_time() - begin, True)


@lru_cache(maxsize=4)
def _programs(field: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Compiled once for each field, so that a second run compiles nothing."""
    from ndestudio.solve.jax_backend import get_jax

    jax = get_jax()
    jnp = jax.numpy
    from jax.experimental.ode import odeint

    def augmented(state: Any, t: Any) -> Any:
        x, F = state
        slopes = lambda y, v: jax.jvp(field, (y,), (v,))  # noqa: E731
        value, columns = jax.vmap(slopes, (None, 1), (None, 1))(x, F)
        return value, columns

    @jax.jit
    def onward(x: Any, F: Any, span: Any) -> Any:
        one = lambda x, F: jax.tree_util.tree_map(  # noqa: E731
            lambda a: a[-1], odeint(augmented, (x, F), jnp.stack([0.0 * span, span]), rtol=1e-10, atol=1e-10)
        )
        return jax.vmap(one)(x, F)

    @jax.jit
    def measured(x: Any, F: Any, c: Any, A: Any) -> Any:
        return jnp.linalg.norm((x - c) @ A.T, axis=1), jnp.linalg.svd(A @ F, compute_uv=False)[:, 0]

    return onward, measured


def _covered(
    d: np.ndarray,
    stretch: np.ndarray,
    starts: np.ndarray,
    best: float,
    mu: float,
    gamma: float,
    radius: float,
    size: int,
) -> float:
    """The probability that the caps of the starts hold the farthest one."""
    from scipy.special import betainc

    D = _change_of_stretching(starts, stretch, gamma)
    room = mu * best - d
    reach = (-stretch + np.sqrt(stretch**2 + 4.0 * D * room)) / (2.0 * D) if D > 0 else room / stretch
    angle = 2.0 * np.arcsin(0.5 * np.minimum(reach, 2.0 * radius) / radius)
    cap = 0.5 * betainc(0.5 * (size - 1), 0.5, np.sin(angle) ** 2)
    cap = np.where(angle > 0.5 * np.pi, 1.0 - cap, cap)
    return math.sqrt(1.0 - gamma) * (1.0 - float(np.prod(1.0 - cap)))


def _change_of_stretching(starts: np.ndarray, stretch: np.ndarray, gamma: float) -> float:
    """A bound of the difference quotients of stretching factors: a quantile of the maxima of blocks of pairs."""
    half = len(starts) // 2
    apart = np.linalg.norm(starts[::2][:half] - starts[1::2][:half], axis=1)
    quotients = np.abs(stretch[::2][:half] - stretch[1::2][:half]) / np.maximum(apart, 1e-300)
    block = max(1, round(half**0.25))
    maxima = np.sort(quotients[: half - half % block].reshape(-1, block).max(axis=1))
    part = 1.0 - math.sqrt(1.0 - gamma)
    slack = math.sqrt(math.log(1.0 / min(part, 0.5)) / (2.0 * len(maxima)))
    return float(maxima[min(int((min(1.0 - part, 0.9999 - slack) + slack) * len(maxima)), len(maxima) - 1)])
