"""Stochastic systems whose law is known: series of 10,000 samples, made by a seed, and what the law says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.integrate

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.stated import stated_model
from ndestudio.solve.stochastic.paths import simulate_paths

SAMPLES = 10_000
Monomials = dict[tuple[int, ...], float]
"""Exponents of the states -> coefficient."""


@dataclass(frozen=True)
class System:
    """A stochastic model and how it is sampled.

    Parameters
    ----------
    equations
        With parameters.
    law
        State -> drift, and `"noise"`-less names: `"s2_x"` the squared diffusion of state x, as coefficients of monomials.
    step
        Time between samples.
    runs
        Trajectories that share the samples.
    escape
        A passage whose mean time is looked at, (from, to).
    """

    equations: str
    parameters: Mapping[str, float]
    drift: Mapping[str, Monomials]
    squared: Mapping[str, Monomials]
    start: Mapping[str, float]
    step: float
    learned: str
    networks: tuple[str, ...]
    runs: int = 1
    stationary: bool = True
    escape: tuple[float, float] | None = None
    substeps: int = 50
    known: Mapping[str, float] = field(default_factory=dict)

    def stated(self) -> FittedModel:
        return stated_model(
            ModelConfig(
                equations=self.equations,
                parameters={name: ParameterConfig(value=value) for name, value in self.parameters.items()},
                initial={name: InitialConfig(value=value) for name, value in self.start.items()},
            )
        )

    def series(self, seed: int, samples: int = SAMPLES, error: float = 0.0) -> Dataset:
        """Measured series; ``error`` is the standard deviation of errors of measurement."""
        each = samples // self.runs
        t = np.arange(each + 1) * self.step
        # a run that a root stops begins anew by another seed
        for attempt in range(20):
            found = simulate_paths(
                self.stated(), t, dict(self.start), self.runs, seed=seed + 1000 * attempt, substeps=self.substeps
            ).states
            if np.isfinite(found).all():
                break
        else:
            raise RuntimeError("no path stays where its law is defined")
        if error:
            found = found + error * np.random.default_rng(seed + 500).normal(size=found.shape)
        return dataset_from_arrays([t] * self.runs, list(found), list(self.start), split=SplitConfig(by="none"))


LINE = "d(x)/dt = f(x) + s(x)*noise"
SYSTEMS: dict[str, System] = {
    "ornstein-uhlenbeck": System(
        "d(x)/dt = -theta*x + s*noise",
        {"theta": 0.8, "s": 0.7},
        {"x": {(1,): -0.8}},
        {"x": {(0,): 0.49}},
        {"x": 0.0},
        1.2,
        LINE,
        ("f", "s"),
    ),
    "double well": System(
        "d(x)/dt = a*x - b*x^3 + s*noise",
        {"a": 1.0, "b": 1.0, "s": 0.7},
        {"x": {(1,): 1.0, (3,): -1.0}},
        {"x": {(0,): 0.49}},
        {"x": 1.0},
        0.5,
        LINE,
        ("f", "s"),
        escape=(-1.0, 1.0),
    ),
    "root": System(
        "d(x)/dt = theta*(mu - x) + s*sqrt(x)*noise",
        {"theta": 0.8, "mu": 1.2, "s": 0.6},
        {"x": {(0,): 0.96, (1,): -0.8}},
        {"x": {(1,): 0.36}},
        {"x": 1.0},
        1.0,
        LINE,
        ("f", "s"),
        escape=(0.5, 1.8),
    ),
    "logistic": System(
        "d(x)/dt = r*x*(1 - x/K) + s*x*noise",
        {"r": 1.2, "K": 2.0, "s": 0.5},
        {"x": {(1,): 1.2, (2,): -0.6}},
        {"x": {(2,): 0.25}},
        {"x": 1.5},
        1.0,
        LINE,
        ("f", "s"),
        escape=(0.7, 3.0),
    ),
    "geometric": System(
        "d(x)/dt = m*x + s*x*noise",
        {"m": 0.6, "s": 0.5},
        {"x": {(1,): 0.6}},
        {"x": {(2,): 0.25}},
        {"x": 1.0},
        0.15,
        LINE,
        ("f", "s"),
        runs=400,
        stationary=False,
    ),
    "lotka-volterra": System(
        "d(x)/dt = a*x - b*x*y + s*x*noise_1\nd(y)/dt = c*x*y - d*y + q*y*noise_2",
        {"a": 1.0, "b": 0.8, "c": 0.6, "d": 0.9, "s": 0.2, "q": 0.2},
        {"x": {(1, 0): 1.0, (1, 1): -0.8}, "y": {(1, 1): 0.6, (0, 1): -0.9}},
        {"x": {(2, 0): 0.04}, "y": {(0, 2): 0.04}},
        {"x": 1.5, "y": 1.2},
        0.1,
        "d(x)/dt = a*x - f(x, y) + s(x)*noise_1\nd(y)/dt = g(x, y) - d*y + q(y)*noise_2",
        ("f", "g", "s", "q"),
        runs=100,
        stationary=False,
    ),
    "limit cycle": System(
        "d(x)/dt = y + s*x*noise_1\nd(y)/dt = m*(1 - x^2)*y - x + q*noise_2",
        {"m": 1.0, "s": 0.15, "q": 0.3},
        {"x": {(0, 1): 1.0}, "y": {(0, 1): 1.0, (2, 1): -1.0, (1, 0): -1.0}},
        {"x": {(2, 0): 0.0225}, "y": {(0, 0): 0.09}},
        {"x": 1.0, "y": 0.5},
        0.1,
        "d(x)/dt = y + s(x)*noise_1\nd(y)/dt = f(x, y) - x + q(x)*noise_2",
        ("f", "s", "q"),
    ),
}


def density(drift: np.ndarray, square: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Stationary density on a grid, by the zero flux of the Fokker-Planck equation."""
    inner = scipy.integrate.cumulative_trapezoid(2.0 * drift / square, x, initial=0.0)
    found = np.exp(inner - inner.max()) / square
    return found / np.trapezoid(found, x)


def passage(drift: np.ndarray, square: np.ndarray, x: np.ndarray, begin: float, end: float) -> float:
    """Mean time of the first passage from ``begin`` up to ``end``, reflected at ``x[0]`` (Gardiner 2009, section 5.5)."""
    inner = scipy.integrate.cumulative_trapezoid(2.0 * drift / square, x, initial=0.0)
    inner -= inner.max()
    below = scipy.integrate.cumulative_trapezoid(2.0 * np.exp(inner) / square, x, initial=0.0)
    outer = scipy.integrate.cumulative_trapezoid(np.exp(-inner) * below, x, initial=0.0)
    return float(np.interp(end, x, outer) - np.interp(begin, x, outer))
