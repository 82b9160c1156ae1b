"""Whether the noise is in the law or in the instrument."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.cli.compare import report
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.model_comparison import compare
from ndestudio.fitting.noise_comparison import BOTH, INSTRUMENT, LAW, without_noise_text
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig

CONFIG = ModelConfig(
    equations="d(x)/dt = -k*x + s*noise",
    parameters={"k": ParameterConfig(value=1.0), "s": ParameterConfig(value=0.3)},
)


def decay(process: float, error: float) -> Dataset:
    """An Ornstein-Uhlenbeck process of rate 0.7 from 1.5 on, read with errors."""
    random, t, x = np.random.default_rng(3), 0.1 * np.arange(250), np.zeros(250)
    x[0], part = 1.5, float(np.exp(-0.07))
    step = process * np.sqrt((1.0 - part**2) / 1.4)
    for k in range(249):
        x[k + 1] = part * x[k] + step * random.normal()
    return dataset_from_arrays([t], [(x + error * random.normal(size=250))[:, None]], ["x"])


@pytest.mark.parametrize(("process", "error", "chosen"), [(0.5, 0.0, LAW), (1e-9, 0.1, INSTRUMENT), (0.5, 0.12, BOTH)])
def test_the_place_of_the_noise_is_found(process: float, error: float, chosen: str) -> None:
    found = compare(CONFIG, decay(process, error), TrainConfig(preset="quick"))
    assert found.chosen == chosen, found.sentence
    assert {one.name for one in found.models} == {LAW, INSTRUMENT, BOTH}
    assert len({one.information.values for one in found.models if one.information}) == 1
    assert found.sentence.startswith("The noise is in ")
    assert "AICc" in report(found)


def test_the_drift_alone_has_neither_noise_nor_its_networks() -> None:
    config = ModelConfig(
        equations="d(x)/dt = f(x) - k*x + q(x)*noise\nz = 2*x",
        networks={"f": NetworkConfig(), "q": NetworkConfig()},
        parameters={"k": ParameterConfig(value=2.0)},
        calculus="stratonovich",
    )
    found = without_noise_text(config, decay(0.5, 0.0))
    assert found.equations == "d(x)/dt = f(x) - k*x\nz = 2*x"
    assert [*found.networks] == ["f"] and found.parameters == config.parameters and found.calculus == "ito"


def test_further_models_are_refused_in_a_sentence() -> None:
    with pytest.raises(EquationError, match="not compared with one with noise yet"):
        compare(CONFIG, decay(0.5, 0.0), models={"other": CONFIG})
