"""Chaotic models are known as such, fitted by segments, and judged over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.horizon import horizon_of
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.step_count import steps_for
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model

QUICK = TrainConfig(preset="quick", time_limit=600.0)
LORENZ = "d(x)/dt = s*(y - x)\nd(y)/dt = x*(r - z) - y\nd(z)/dt = x*y - b*z"
TRUTH = {"s": 10.0, "r": 28.0, "b": 8.0 / 3.0}


def lorenz(t: float, y: Sequence[float]) -> list[float]:
    return [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]


def measured(
    field: Callable, start: Sequence[float], t: np.ndarray, names: Sequence[str], split: str = "none"
) -> Dataset:
    y = solve_ivp(field, (t[0], t[-1]), start, t_eval=t, rtol=1e-9, atol=1e-9).y.T
    y += 0.01 * y.std(axis=0) * np.random.default_rng(0).normal(size=y.shape)
    return dataset_from_arrays(t, y, names, split=SplitConfig(by=split))  # type: ignore[arg-type]


def config(equations: str, **values: float) -> ModelConfig:
    return ModelConfig(equations=equations, parameters={k: ParameterConfig(value=v) for k, v in values.items()})


def test_chaos_is_told_from_growth_and_from_oscillation() -> None:
    def divergence(model: ModelConfig, data: Dataset) -> float | None:
        problem = prepare_fit(initial_model(model, data, 0), data, QUICK, smooth_training(data))
        found = horizon_of(problem, problem.space.theta, steps_for(problem))
        return None if found is None else found.divergence

    chaos = measured(lorenz, [-5, 6, 20], np.arange(0, 12, 0.04), ["x", "y", "z"])
    assert divergence(config(LORENZ, **TRUTH), chaos) == pytest.approx(
        1.0 / 0.9056, rel=0.35
    )  # Lyapunov exponent 0.9056
    growth = measured(lambda t, y: 0.9 * y, [0.01], np.linspace(0, 12, 100), ["x"])
    assert divergence(config("d(x)/dt = k*x", k=0.9), growth) is None
    waves = measured(
        lambda t, y: [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]],
        [1, 1],
        np.linspace(0, 40, 300),
        ["x", "y"],
    )
    known = config("d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - d*y", a=1.3, b=0.9, c=0.8, d=1.8)
    assert divergence(known, waves) is None


def test_constants_of_chaos_come_out_and_are_judged_over_segments() -> None:
    data = measured(lorenz, [-5, 6, 20], np.arange(0, 14, 0.04), ["x", "y", "z"])
    found = fit(config(LORENZ, s=5.0, r=20.0, b=1.0), data, QUICK)
    assert found.outcome is Outcome.CONVERGED
    assert "chaotic" in found.sentence
    for name, value in TRUTH.items():
        assert found.model.parameters[name] == pytest.approx(value, rel=0.005)
        low, high = found.intervals[name]
        assert high - low < 0.02 * value
    candidates = make_candidates(found.model, data, QUICK)
    assert candidates.horizon is not None
    wrong = initial_model(config(LORENZ, s=10.3, r=27.0, b=2.5), data, 0)
    refitted = candidates.fit(wrong)
    assert np.sqrt(refitted.loss) < 0.03
    assert refitted.model.parameters["b"] == pytest.approx(8 / 3, rel=0.01)
    errors, _ = candidates.measure.errors(refitted.model, {}, Part.TRAIN)
    assert float(np.sqrt(np.mean(errors**2))) < 0.03
