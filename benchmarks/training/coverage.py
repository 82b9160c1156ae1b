"""Whether 95% intervals contain the truth in 95% of simulated data sets.

    python -m benchmarks.training --only coverage [--sets 100]

Each data set is the same true system with new noise; every parameter of every data set counts. With 100 data sets the
share of one parameter is known to +-2 percentage points (one standard deviation). `z` is the estimate's distance from the
truth in units of the standard deviation that its interval claims: its mean tells of bias, its spread of false modesty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig


@dataclass(frozen=True)
class Scenario:
    """A true system, how it is measured, and the model that is fitted.

    Parameters
    ----------
    field
        dy/dt of (t, y).
    noise
        Standard deviation of each column in units of its spread.
    truth
        Parameters whose intervals are checked.
    """

    title: str
    field: Callable[[float, np.ndarray], list[float]]
    starts: tuple[tuple[float, ...], ...]
    t: np.ndarray
    names: tuple[str, ...]
    noise: tuple[float, ...]
    model: ModelConfig
    truth: Mapping[str, float]
    split: SplitConfig = SplitConfig(by="none")

    def dataset(self, seed: int) -> Dataset:
        generator = np.random.default_rng(1000 + seed)
        return dataset_from_arrays(
            [self.t] * len(self.starts),
            [y + self._sigma * generator.normal(size=y.shape) for y in self._clean],
            list(self.names),
            split=self.split,
        )

    @cached_property
    def _clean(self) -> list[np.ndarray]:
        span = (float(self.t[0]), float(self.t[-1]))
        return [solve_ivp(self.field, span, s, t_eval=self.t, rtol=1e-10, atol=1e-12).y.T for s in self.starts]

    @cached_property
    def _sigma(self) -> np.ndarray:
        return np.array(self.noise) * np.concatenate(self._clean).std(axis=0)


def predators(t: float, y: np.ndarray) -> list[float]:
    return [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]]


def saturating(t: float, y: np.ndarray) -> list[float]:
    """A predator whose losses saturate: 3 y/(1 + y)."""
    return [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 3.0 * y[1] / (1.0 + y[1])]


def harvested(t: float, y: np.ndarray) -> list[float]:
    """A stock with growth r y (1 - y/K), r = 0.9, K = 10, and a harvest 1.2 y^2/(4 + y^2) by an effort E that decays."""
    return [0.9 * y[0] * (1 - y[0] / 10.0) - y[1] * 1.2 * y[0] ** 2 / (4.0 + y[0] ** 2), -0.4 * y[1]]


def free(names: str, value: float = 1.0) -> dict[str, ParameterConfig]:
    return {name: ParameterConfig(value=value, lower=0.0) for name in names.split()}


STARTS = ((1.0, 1.0), (2.0, 0.7), (0.7, 1.5), (2.5, 2.0))
SMALL = NetworkConfig(width=8, depth=1)
PREY = "d(x)/dt = a*x - b*x*y\n"
KNOWN = Scenario(
    "mechanistic: Lotka-Volterra, 4 x 26 points, 5% noise",
    predators,
    STARTS,
    np.linspace(0, 5, 26),
    ("x", "y"),
    (0.05, 0.05),
    ModelConfig(equations=PREY + "d(y)/dt = c*x*y - d*y", parameters=free("a b c d")),
    {"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8},
)
HYBRID = replace(
    KNOWN,
    title="hybrid: Lotka-Volterra with unknown losses of y, 4 x 26 points, 5% noise",
    model=ModelConfig(equations=PREY + "d(y)/dt = c*x*y - loss(y)", parameters=free("a b c"), networks={"loss": SMALL}),
    truth={"a": 1.3, "b": 0.9, "c": 0.8},
)
SCENARIOS = (
    KNOWN,
    replace(KNOWN, title="mechanistic: the same with 15% noise in one column and 3% in the other", noise=(0.15, 0.03)),
    HYBRID,
    replace(
        HYBRID,
        title="hybrid: saturating losses of y unknown, 2 x 31 points, 10% noise",
        field=saturating,
        starts=STARTS[:2],
        t=np.linspace(0, 8, 31),
        noise=(0.10, 0.10),
    ),
    replace(
        HYBRID,
        title="hybrid: the first one, a quarter of the trajectories held out",
        split=SplitConfig(by="trajectory", train=0.75, validation=0.25, test=0.0),
    ),
    Scenario(
        "hybrid: logistic growth with an unknown harvest under a decaying effort, 4 x 26 points, 5% noise",
        harvested,
        ((1.0, 2.0), (3.0, 1.0), (8.0, 2.5), (5.0, 0.5)),
        np.linspace(0, 10, 26),
        ("n", "e"),
        (0.05, 0.05),
        ModelConfig(
            equations="d(n)/dt = r*n*(1 - n/k) - e*harvest(n)\nd(e)/dt = -q*e",
            parameters={**free("r q"), **free("k", 8.0)},
            networks={"harvest": SMALL},
        ),
        {"r": 0.9, "k": 10.0, "q": 0.4},
    ),
)


def coverage(sets: int, only: tuple[int, ...] | None = None) -> None:
    """Print the share of intervals that contain the truth, scenario by scenario."""
    print(f"\nCoverage of 95% intervals, {sets} data sets each (must reach: 90-99%)")
    for number, scenario in enumerate(SCENARIOS):
        if only is None or number in only:
            _study(scenario, sets)


def _study(scenario: Scenario, sets: int) -> None:
    inside: dict[str, list[bool]] = {name: [] for name in scenario.truth}
    z: dict[str, list[float]] = {name: [] for name in scenario.truth}
    missing, begin = 0, time.process_time()
    for seed in range(sets):
        found = fit(scenario.model, scenario.dataset(seed), TrainConfig(seed=seed))
        if set(scenario.truth) - set(found.intervals):
            missing += 1
            continue
        for name, value in scenario.truth.items():
            low, high = found.intervals[name]
            inside[name].append(low <= value <= high)
            z[name].append((0.5 * (low + high) - value) / max((high - low) / 3.92, 1e-300))
    seconds = (time.process_time() - begin) / sets
    whole = np.concatenate([np.array(part, dtype=float) for part in inside.values()])
    print(f"  {scenario.title}: {whole.mean():.1%} ({seconds:.2f} CPU-s a fit, {missing} without intervals)")
    for name, part in inside.items():
        print(f"    {name:6} {np.mean(part):6.1%}   z {np.mean(z[name]):+.2f} +- {np.std(z[name]):.2f}")
