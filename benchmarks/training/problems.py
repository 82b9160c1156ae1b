"""Data, models and measures of the training benchmarks."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.scipy_reference import simulate

TRUTH = {"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8}
WIDTH = 32
ALL = SplitConfig(by="none")
HELD = SplitConfig(by="trajectory", train=0.85, validation=0.15, test=0.0)


def field(t: float, y: np.ndarray) -> list[float]:
    """Lotka-Volterra with the constants of ``TRUTH``."""
    a, b, c, d = TRUTH.values()
    return [a * y[0] - b * y[0] * y[1], c * y[0] * y[1] - d * y[1]]


def trajectories_from(starts: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Lotka-Volterra from each of ``starts`` [row, state], all as one system: [row, time, state]."""

    def slope(time: float, y: np.ndarray) -> np.ndarray:
        return np.array(field(time, y.reshape(2, -1))).ravel()

    y = solve_ivp(slope, (0, t[-1]), starts.T.ravel(), t_eval=t, rtol=1e-9, atol=1e-9, method="DOP853").y
    return y.reshape(2, len(starts), len(t)).transpose(1, 2, 0)


def measurements(trajectories: int, points: int, noise: float, seed: int, end: float = 10.0) -> Dataset:
    """Noisy trajectories from random starts; every seventh or so validates."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0, end, points)
    drawn = [(generator.uniform(0.5, 3, 2), generator.normal(size=(points, 2))) for _ in range(trajectories)]
    y = trajectories_from(np.array([start for start, _ in drawn]), t)
    values = [one + noise * one.std(axis=0) * error for one, (_, error) in zip(y, drawn, strict=True)]
    return dataset_from_arrays([t] * trajectories, values, ["x", "y"], split=HELD)


HYBRID = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
    parameters={name: ParameterConfig(value=TRUTH[name], fixed=True) for name in "abd"},
    networks={"growth": NetworkConfig(width=WIDTH, depth=2)},
)
"""The race: one unknown interaction."""
NEURAL = ModelConfig(
    equations="d(x)/dt = f(x, y)\nd(y)/dt = g(x, y)", networks={"f": NetworkConfig(), "g": NetworkConfig()}
)
"""Two states, nothing known."""
BOTH = ModelConfig(
    equations="d(x)/dt = alpha*x + first(x, y)\nd(y)/dt = second(x, y) - delta*y",
    parameters={"alpha": ParameterConfig(value=1.3, fixed=True), "delta": ParameterConfig(value=1.8, fixed=True)},
    networks={"first": NetworkConfig(), "second": NetworkConfig()},
)
"""The scenario of Rackauckas et al. (2020), Universal differential equations: both interactions unknown."""


def unseen() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, starts and true trajectories of the race that no fit sees."""
    generator = np.random.default_rng(12345)
    t, starts = np.linspace(0, 10, 100), generator.uniform(0.7, 2.7, (8, 2))
    return t, starts, trajectories_from(starts, t)


def trajectory_error(model: FittedModel, t: np.ndarray, starts: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error on unseen starts over the standard deviation."""
    return relative_error(np.stack([simulate(model, t, start).states for start in starts]), truth)


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error over the standard deviation, the mean of the states."""
    error = np.sqrt(np.mean((found - truth) ** 2, axis=(0, 1))) / truth.std(axis=(0, 1))
    return float(error.mean()) if np.isfinite(error).all() else float("inf")


def term_error(model: FittedModel, neural_term: str, X: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error of a learned term at ``X`` over the standard deviation of the true one."""
    return float(np.sqrt(np.mean((evaluate_neural_term(model, neural_term, X) - truth) ** 2)) / truth.std())


def oscillators(seed: int = 5678) -> tuple[np.ndarray, np.ndarray]:
    """Times and 256 trajectories of y' = (x_1, -x_0), x = y / (1 + y): the data of diffrax's neural ODE example."""
    generator = np.random.default_rng(seed)
    t, starts = np.linspace(0, 10, 100), generator.uniform(-0.6, 1.0, (256, 2))

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        x = y.reshape(-1, 2) / (1 + y.reshape(-1, 2))
        return np.stack([x[:, 1], -x[:, 0]], axis=1).ravel()

    y = solve_ivp(slope, (0, 10), starts.ravel(), t_eval=t, rtol=1e-8, atol=1e-8).y
    return t, y.reshape(256, 2, len(t)).transpose(0, 2, 1)


def spiral() -> tuple[np.ndarray, np.ndarray]:
    """Times and the one trajectory of the spiral y' = y^3 A that torchdiffeq's demonstration learns (30 points to 1.5)."""
    A = np.array([[-0.1, 2.0], [-2.0, -0.1]])
    t = np.linspace(0, 1.5, 30)
    return t, solve_ivp(lambda _, y: (y**3) @ A, (0, 1.5), [2.0, 0.0], t_eval=t, rtol=1e-9, atol=1e-9).y.T


def interactions(seed: int) -> tuple[Dataset, np.ndarray]:
    """31 points on [0, 3] with 0.5% noise, and the true states there."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0, 3, 31)
    y = solve_ivp(field, (0, 3), [0.44249296, 4.6280594], t_eval=t, rtol=1e-10, atol=1e-10).y.T
    noisy = y + 0.005 * y.mean(axis=0) * generator.normal(size=y.shape)
    return dataset_from_arrays([t], [noisy], ["x", "y"], split=ALL), y


def chain(states: int, trajectories: int, points: int, noise: float = 0.02) -> tuple[ModelConfig, Dataset]:
    """Tanks in a row, each emptying into the next by an unknown law of its level (the same for all): any number of states."""
    names = [f"s{k}" for k in range(states)]
    lines = ["d(s0)/dt = 1 + 0.8*sin(t) - q(s0)"] + [f"d(s{k})/dt = q(s{k - 1}) - q(s{k})" for k in range(1, states)]
    generator = np.random.default_rng(0)
    t = np.linspace(0, 10, points)

    def slope(time: float, y: np.ndarray) -> np.ndarray:
        out = 2.0 * y / (0.5 + np.abs(y))
        return np.concatenate([[1 + 0.8 * np.sin(time)], out[:-1]]) - out

    values = []
    for _ in range(trajectories):
        y = solve_ivp(slope, (0, 10), generator.uniform(0.1, 2, states), t_eval=t, rtol=1e-8, atol=1e-8).y.T
        values.append(y + noise * y.std(axis=0) * generator.normal(size=y.shape))
    config = ModelConfig(equations="\n".join(lines), networks={"q": NetworkConfig(width=16)})
    return config, dataset_from_arrays([t] * trajectories, values, names, split=HELD if trajectories > 6 else ALL)
