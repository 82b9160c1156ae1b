"""Constants of equations without unknown functions are fitted to all rows once held-out ones have judged them."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.split import resplit
from ndestudio.fitting import Outcome, TrainConfig, fit
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.progress import Note, RecordingReporter

T = np.linspace(0.0, 10.0, 25)
LOGISTIC = ModelConfig(
    equations="d(x)/dt = r*x*(1 - x/K)", parameters={"r": ParameterConfig(value=1.0), "K": ParameterConfig(value=10.0)}
)
QUICK = TrainConfig(preset="quick")


def growth(noise: float = 0.04) -> Dataset:
    """Logistic growth that ends while the capacity begins to show."""
    rng = np.random.default_rng(0)
    x = 20.0 / (1.0 + 19.0 * np.exp(-0.5 * T))
    return dataset_from_arrays(T, (x * (1.0 + noise * rng.normal(size=len(T))))[:, None], ["x"])


def test_constants_are_those_of_all_rows_and_held_out_errors_those_of_a_fit_without_them() -> None:
    data, reporter = growth(), RecordingReporter()
    found = fit(LOGISTIC, data, QUICK, reporter)
    without = fit(LOGISTIC, data, TrainConfig(preset="quick", all_rows=False))
    every = fit(LOGISTIC, resplit(data, SplitConfig(by="none")), QUICK)
    assert found.all_rows and not without.all_rows and not every.all_rows
    for name in ("r", "K"):
        assert found.model.parameters[name] == pytest.approx(every.model.parameters[name], rel=1e-4)
        assert found.intervals[name] == pytest.approx(every.intervals[name], rel=1e-3)
    assert found.metrics.validation == pytest.approx(without.metrics.validation)
    assert found.metrics.test == pytest.approx(without.metrics.test)
    assert found.metrics.train == pytest.approx(every.metrics.train, rel=1e-3)
    assert "Constants are fitted to all rows" in found.sentence
    said = [event.text for event in reporter.events if isinstance(event, Note)]
    assert len(said) == len(set(said))
    assert set(found.notes) == set(said)


def test_equations_that_do_not_suit_held_out_rows_stay_in_doubt() -> None:
    rng = np.random.default_rng(1)
    x = np.where(T < 7.0, np.exp(0.3 * T), np.exp(2.1) * np.exp(-2.0 * (T - 7.0))) * (
        1.0 + 0.01 * rng.normal(size=len(T))
    )
    model = ModelConfig(equations="d(x)/dt = r*x", parameters={"r": ParameterConfig(value=0.1)})
    found = fit(model, dataset_from_arrays(T, x[:, None], ["x"]), QUICK)
    assert found.outcome is Outcome.DOUBTFUL
    assert "doubts" in found.sentence
