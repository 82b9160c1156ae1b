"""Relatives of a model side by side: the data support what made them, and the sentence says so."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import EquationError
from ndestudio.fitting import TrainConfig, compare, fit
from ndestudio.fitting.metrics import score
from ndestudio.fitting.uncertainty.information_criteria import information
from ndestudio.fitting.validation import held_out_error
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.progress import Phase, RecordingReporter
from tests.fitting.conftest import PREDATORS, TINY, lotka_volterra, trajectories

QUICK = TrainConfig(preset="quick", time_limit=600.0)
FEW = TrainConfig(preset="quick", stages=("collocation",), iterations={"collocation": 20}, time_limit=600.0)
"""Where it does not matter how well the models fit."""
SPLIT = SplitConfig(by="trajectory", train=0.6, validation=0.2, test=0.2)
HYBRID = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - loss(y)",
    parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abc"},
    networks={"loss": TINY},
)


def predators(split: SplitConfig = SPLIT) -> Dataset:
    starts = [(1.0, 1.0), (2.0, 0.7), (0.7, 1.5), (2.5, 2.0), (1.5, 1.2)]
    return trajectories(lotka_volterra, starts, np.linspace(0, 5, 21), ["x", "y"], noise=0.05, split=split)


def test_data_of_a_hybrid_support_it() -> None:
    data = predators()
    known = fit(HYBRID, data, QUICK)
    reporter = RecordingReporter()
    found = compare(HYBRID, data, QUICK, reporter, known=known)
    rows = {one.name: one for one in found.models}
    assert set(rows) == {"hybrid", "mechanistic only", "neural only"}
    assert rows["hybrid"].fit is known
    assert found.chosen == "hybrid" and found.held_out == "test" and found.complete
    assert found.sentence.startswith("The data support `hybrid`: test error")
    hybrid, bare = rows["hybrid"], rows["mechanistic only"]
    assert hybrid.held_out is not None and bare.held_out is not None and hybrid.held_out < 0.1 < bare.held_out
    assert hybrid.information is not None and bare.information is not None
    assert hybrid.information.aicc < bare.information.aicc  # type: ignore[operator]
    assert [event.text for event in reporter.events if isinstance(event, Phase) and event.stage == "compare"] == [
        "hybrid (1 of 3)",
        "mechanistic only (2 of 3)",
        "neural only (3 of 3)",
    ]


def test_what_does_as_well_with_less_is_supported() -> None:
    """Physics that is complete, and a network beside it that is not needed."""
    more = ModelConfig(
        equations=PREDATORS.equations.replace("- d*y", "- d*y + extra(x)"),
        parameters=PREDATORS.parameters,
        networks={"extra": TINY},
    )
    found = compare(more, predators(), QUICK)
    assert found.chosen == "mechanistic only", found.sentence
    assert "with fewer parameters" in found.sentence or "AICc" in found.sentence


def test_further_models_and_names() -> None:
    data = predators(SplitConfig(by="none"))
    found = compare(PREDATORS, data, FEW, models={"no predation": _without_predation()})
    assert {one.name for one in found.models} == {"as written", "neural only", "no predation"}
    assert found.held_out == "none" and "No rows were held out" in found.sentence
    assert found.models[-1].name == "no predation"
    with pytest.raises(EquationError, match="two models called `as written`"):
        compare(PREDATORS, data, FEW, models={"as written": PREDATORS})


def test_stopping_keeps_what_was_fitted() -> None:
    data = predators()
    found = compare(HYBRID, data, QUICK, RecordingReporter(stop_after=0))
    assert found.models == () and not found.complete and "stopped" in found.sentence


def test_criteria_are_those_of_their_definitions() -> None:
    data = predators(SplitConfig(by="none"))
    made = fit(PREDATORS, data, QUICK)
    found = information(made.model, data, QUICK)
    assert found is not None
    n = sum(int(tr.present.sum()) for tr in data.trajectories)
    assert found.values == n
    assert found.parameters == pytest.approx(4 + 2 * 5 + 2, abs=0.01)  # parameters, initial values, noise levels
    assert found.aic == pytest.approx(2 * found.parameters - 2 * found.log_likelihood)
    k = found.parameters
    assert found.aicc == pytest.approx(found.aic + 2 * k * (k + 1) / (n - k - 1))
    assert found.bic == pytest.approx(k * np.log(n) - 2 * found.log_likelihood)


def test_the_noise_of_a_held_out_start_is_no_error_of_the_model() -> None:
    data = predators()
    made = fit(PREDATORS, data, QUICK)
    plain = score(made.model, data).test["mean"]
    fair = held_out_error(made.model, data, Part.TEST, QUICK)
    assert fair is not None and fair < plain and fair == pytest.approx(0.05, abs=0.02)  # the noise
    assert held_out_error(made.model, predators(SplitConfig(by="none")), Part.TEST, QUICK) is None


def _without_predation() -> ModelConfig:
    return ModelConfig(
        equations="d(x)/dt = a*x\nd(y)/dt = -d*y",
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "ad"},
    )
