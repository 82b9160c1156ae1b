"""Lorenz-63 without one of its terms, and the two-layer Lorenz-96 whose fast layer is replaced by a function of the slow one.

Lorenz 1963, J. Atmos. Sci. 20, 130; Lorenz 1996, Predictability: a problem partly solved (ECMWF); the constants of the second one are
those of Wilks 2005, Q. J. R. Meteorol. Soc. 131, 389. The known parts are callables with exact derivatives, so that fits with every
kind of gradient see the very same model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ndestudio.blackbox import register_callable
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.model import ModelConfig, NetworkConfig

SLOW, FAST = 8, 32
"""Slow variables of Lorenz-96, and fast ones of each."""


_MADE: dict[tuple[object, ...], tuple[Dataset, list[np.ndarray], np.ndarray]] = {}


@dataclass(frozen=True)
class Problem:
    """A system with its known part.

    Parameters
    ----------
    field
        The whole system, [state] -> [state].
    states
        Names of those that are measured, the first ones.
    model
        The hybrid model.
    sample, length, windows
        Time between samples, and of a trajectory; trajectories for training and validation.
    horizon
        Of a forecast.
    inner
        Step with which the truth is simulated.
    gap
        Time between two trajectories.
    """

    name: str
    field: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray
    states: tuple[str, ...]
    model: ModelConfig
    sample: float
    length: float
    windows: int
    horizon: float
    inner: float
    gap: float

    def data(self, seed: int, noise: float) -> tuple[Dataset, list[np.ndarray], np.ndarray]:
        """Noisy windows for training, and the truth of those forecast: [time, state] each, at the times returned last.

        Parameters
        ----------
        noise
            Standard deviation over that of the state.
        """
        key = (self.name, seed, noise, self.sample, self.length, self.windows)
        if key not in _MADE:
            _MADE[key] = self._data(seed, noise)
        return _MADE[key]

    def _data(self, seed: int, noise: float) -> tuple[Dataset, list[np.ndarray], np.ndarray]:
        random = np.random.default_rng(seed)
        t = np.arange(round(self.length / self.sample) + 1) * self.sample
        ahead = np.arange(round(self.horizon / self.sample) + 1) * self.sample
        y = self._path(self.start, 5.0, 5.0)[-1]
        known, truth, count = [], [], len(self.states)
        for k in range(self.windows + 20):
            y = self._path(y, self.gap, self.gap)[-1]
            path = self._path(y, float((t if k < self.windows else ahead)[-1]), self.sample)[:, :count]
            (known if k < self.windows else truth).append(path)
        spread = np.std(np.concatenate(known), axis=0)
        noisy = [one + noise * spread * random.normal(size=one.shape) for one in known]
        split = SplitConfig(by="trajectory", train=0.75, validation=0.25, test=0.0)
        return dataset_from_arrays([t] * self.windows, noisy, list(self.states), split=split), truth, ahead

    def _path(self, y: np.ndarray, length: float, sample: float) -> np.ndarray:
        """Classical Runge-Kutta steps of at most ``inner``."""
        found, each = [y], max(round(sample / self.inner), 1)
        h = sample / each
        for _ in range(round(length / sample)):
            for _ in range(each):
                a = self.field(y)
                b = self.field(y + h / 2 * a)
                c = self.field(y + h / 2 * b)
                y = y + h / 6 * (a + 2 * b + 2 * c + self.field(y + h * c))
            found.append(y)
        return np.array(found)


def lorenz63() -> Problem:
    """The missing term is -x z of the second equation."""

    def known(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
        return 10.0 * (y - x), 28.0 * x - y, x * y - 8.0 / 3.0 * z

    def derivative(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        one, none = np.ones_like(x), np.zeros_like(x)
        return np.array([[-10 * one, 10 * one, none], [28 * one, -one, none], [y, x, -8 / 3 * one]]).transpose(2, 0, 1)

    register_callable("lorenz", known, arguments=("x", "y", "z"), outputs=("x", "y", "z"), derivative=derivative)
    call = 'blackbox("lorenz")(x, y, z)'
    equations = f"d(x)/dt = {call}\nd(y)/dt = {call} + f(x, z)\nd(z)/dt = {call}"
    return Problem(
        "Lorenz-63",
        lambda s: np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]]),
        np.array([1.0, 2.0, 20.0]),
        ("x", "y", "z"),
        ModelConfig(equations=equations, networks={"f": NetworkConfig(width=24)}),
        0.1,
        1.0,
        40,
        1.0,
        0.005,
        2.0,
    )


def lorenz96() -> Problem:
    """The missing term is what the fast layer does to each slow variable, learned as one function of that variable."""
    forcing, coupling, ratio = 18.0, 1.0, 10.0

    def slow(x: np.ndarray) -> np.ndarray:
        return -np.roll(x, 1, 0) * (np.roll(x, 2, 0) - np.roll(x, -1, 0)) - x + forcing

    def field(s: np.ndarray) -> np.ndarray:
        x, y = s[:SLOW], s[SLOW:]
        scale = coupling * ratio / ratio
        dy = -ratio * ratio * np.roll(y, -1) * (np.roll(y, -2) - np.roll(y, 1)) - ratio * y
        dx = slow(x) - scale * y.reshape(SLOW, FAST).sum(axis=1)
        return np.concatenate([dx, dy + scale * np.repeat(x, FAST)])

    def derivative(*x: np.ndarray) -> np.ndarray:
        X = np.array(x)
        found = np.zeros((X.shape[1], SLOW, SLOW))
        for k in range(SLOW):
            found[:, k, k - 1] += -(X[k - 2] - X[(k + 1) % SLOW])
            found[:, k, k - 2] += -X[k - 1]
            found[:, k, (k + 1) % SLOW] += X[k - 1]
            found[:, k, k] -= 1.0
        return found

    names = tuple(f"x{k + 1}" for k in range(SLOW))
    register_callable(
        "slow", lambda *x: tuple(slow(np.array(x))), arguments=names, outputs=names, derivative=derivative
    )
    call = f'blackbox("slow")({", ".join(names)})'
    equations = "\n".join(f"d({name})/dt = {call} + f({name})" for name in names)
    start = np.concatenate([forcing * (0.5 + 0.5 * np.sin(np.arange(SLOW))), 0.1 * np.cos(np.arange(SLOW * FAST))])
    return Problem(
        "Lorenz-96",
        field,
        start,
        names,
        ModelConfig(equations=equations, networks={"f": NetworkConfig(width=16)}),
        0.1,
        0.6,
        16,
        0.6,
        0.002,
        0.4,
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {"lorenz63": lorenz63, "lorenz96": lorenz96}


def forecast_error(predicted: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Root mean square error of forecasts over the standard deviation of each state; infinite where one failed."""
    spread = np.std(np.concatenate(list(truth)), axis=0)
    errors = np.array([(a - b) / spread for a, b in zip(predicted, truth, strict=True)])
    return float(np.sqrt(np.mean(errors**2))) if np.isfinite(errors).all() else float("inf")
