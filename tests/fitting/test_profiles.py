"""Profile likelihood: intervals known otherwise, flat profiles, and where a penalty feigns a bound."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.errors import EquationError
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.uncertainty.profile_likelihood import _crossing, profile
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.progress import Phase, RecordingReporter
from tests.fitting.conftest import TINY, lotka_volterra, trajectories

T = np.linspace(0.0, 2.0, 21)
ONE = {"x": InitialConfig(value=1.0)}


def decaying(noise: float, config: ModelConfig):  # type: ignore[no-untyped-def]
    y = np.exp(-0.8 * T) + noise * np.random.default_rng(0).normal(size=len(T))
    dataset = dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))
    return fit(config, dataset, TrainConfig(preset="quick")), dataset, y


def test_the_interval_is_that_of_the_likelihood() -> None:
    config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=1.0)}, initial=ONE)
    found, dataset, y = decaying(0.1, config)
    made = profile(found.model, dataset, "k")
    k = np.linspace(0.2, 2.0, 20001)
    squares = ((y - np.exp(-k[:, None] * T)) ** 2).sum(axis=1)
    inside = k[(squares - squares.min()) / (squares.min() / 20) <= 2.086**2]
    assert made.low == pytest.approx(inside[0], abs=0.01) and made.high == pytest.approx(inside[-1], abs=0.01)
    assert made.estimate == pytest.approx(k[squares.argmin()], abs=1e-3)
    assert made.identifiable and made.complete and "identifiable" in made.sentence
    assert made.laplace == pytest.approx((made.low, made.high), abs=0.05)
    assert np.all(np.diff(made.values) > 0) and made.statistic.min() == 0.0


def test_a_flat_profile_says_not_identifiable() -> None:
    config = ModelConfig(
        equations="d(x)/dt = -(p + q)*x", parameters={n: ParameterConfig(value=0.4) for n in "pq"}, initial=ONE
    )
    found, dataset, _ = decaying(0.02, config)
    made = profile(found.model, dataset, "p")
    assert made.low is None and made.high is None
    assert "`p` is not identifiable: its profile is flat" in made.sentence


@pytest.mark.parametrize("rate", [60.0])
def test_one_side_may_be_open(rate: float) -> None:
    """A rate so fast that the data see its effect at once has a lower limit only; the solver keeps up with it."""
    config = ModelConfig(
        equations="d(h)/dt = -k*h\nd(x)/dt = k*h",
        parameters={"k": ParameterConfig(value=20.0, lower=0.0)},
        initial={"h": InitialConfig(value=1.0, fit=False), "x": InitialConfig(value=0.0)},
    )
    y = 1.0 - np.exp(-rate * T) + 0.02 * np.random.default_rng(1).normal(size=len(T))
    dataset = dataset_from_arrays(T, y[:, None], ["x"], split=SplitConfig(by="none"))
    found = fit(config, dataset, TrainConfig(preset="quick"))
    made = profile(found.model, dataset, "k")
    assert made.low is not None and made.high is None, made.sentence
    assert "`k` is at least" in made.sentence and "from above" in made.sentence


def test_a_neural_term_that_takes_over_leaves_the_profile_below_its_threshold() -> None:
    starts = [(1.0, 1.0), (2.0, 0.7)]
    data = trajectories(
        lotka_volterra, starts, np.linspace(0, 5, 21), ["x", "y"], noise=0.04, split=SplitConfig(by="none")
    )
    config = ModelConfig(
        equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abd"},
        networks={"growth": TINY},
    )
    found = fit(config, data, TrainConfig(preset="quick", time_limit=600.0))
    sure, unsure = profile(found.model, data, "b"), profile(found.model, data, "d")
    assert sure.identifiable and sure.low < 0.9 < sure.high  # type: ignore[operator]
    assert not unsure.identifiable
    assert unsure.values[-1] - unsure.values[0] > 20 * (sure.values[-1] - sure.values[0])


def test_stops_when_asked_and_refuses_what_has_no_profile() -> None:
    config = ModelConfig(
        equations="d(x)/dt = -k*x + c",
        parameters={"k": ParameterConfig(value=1.0), "c": ParameterConfig(value=0.0, fixed=True)},
        initial=ONE,
    )
    found, dataset, _ = decaying(0.1, config)
    reporter = RecordingReporter(stop_after=8)
    made = profile(found.model, dataset, "k", reporter=reporter)
    assert not made.complete and "stopped" in made.sentence
    assert next(event.stage for event in reporter.events if isinstance(event, Phase)) == "refinement"
    with pytest.raises(EquationError, match="`c` is fixed"):
        profile(found.model, dataset, "c")
    with pytest.raises(EquationError, match="no parameter `kk`"):
        profile(found.model, dataset, "kk")


def test_a_fit_that_failed_on_the_way_is_no_limit() -> None:
    z = np.arange(6.0)
    assert _crossing(z, np.array([0.0, 1.0, 9.0, 1.0, 2.0, 9.0]), 4.0, 0, 1) == pytest.approx(
        4 + (2 - np.sqrt(2)) / (3 - np.sqrt(2))
    )
    assert _crossing(z, np.array([0.0, 1.0, 9.0, 1.0, 2.0, 3.0]), 4.0, 0, 1) is None
    assert _crossing(z, np.array([9.0, 1.0, 0.0, 1.0, 1.0, 1.0]), 4.0, 2, -1) == pytest.approx(0.5)
