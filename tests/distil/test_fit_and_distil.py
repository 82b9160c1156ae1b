"""A network trained, distilled and handed over: what was asked of the training holds to the end.

The data follow x' = -0.7 x. One value is far off, or the initial values must lie where no trajectory begins.
"""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.distil import DistilConfig, distil
from ndestudio.expression import parse_expression
from ndestudio.fitting import TrainConfig, fit, refit
from ndestudio.fitting.candidates import make_candidates
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import replace_neural_term
from tests.distil.test_pipeline import Telling

K = 0.7
T = np.linspace(0.0, 5.0, 21)
FORMULA = "0.6*x"


def decays(starts: tuple[float, ...], outlier: float = 0.0) -> Dataset:
    generator = np.random.default_rng(0)
    values = [start * np.exp(-K * T)[:, None] + 0.004 * generator.standard_normal((len(T), 1)) for start in starts]
    values[0][14, 0] += outlier
    return dataset_from_arrays([T] * len(starts), values, ["x"], split=SplitConfig(by="none"))


def three_ways(
    data: Dataset, train: TrainConfig, initial: InitialConfig | None = None
) -> tuple[FittedModel, FittedModel, FittedModel]:
    """The formula as it is screened, as it is refitted, and as it is handed over."""
    config = ModelConfig(
        equations="d(x)/dt = -f(x)",
        networks={"f": NetworkConfig(width=8, depth=1)},
        initial={"x": initial} if initial is not None else {},
    )
    trained = fit(config, data, train).model
    model = replace_neural_term(trained, "f", parse_expression(FORMULA))
    screened = make_candidates(trained, data, train).fit(model).model
    handed = distil(trained, data, DistilConfig(candidates=1), train=train, engine=Telling(FORMULA)).model
    return screened, refit(model, data, train).model, handed


def test_an_outlier_moves_neither_the_formula_nor_the_initial_values() -> None:
    starts = (0.2, 0.5, 1.6)
    found = three_ways(decays(starts, outlier=3.0), TrainConfig(preset="quick", loss="huber", time_limit=600.0))
    for model in found:
        assert model.parameters["f_1"] == pytest.approx(K, abs=0.01)
        assert [float(one[0]) for one in model.initial.values()] == pytest.approx(starts, abs=0.01)
    rates = [model.parameters["f_1"] for model in found]
    assert max(rates) - min(rates) < 1e-3


def test_bounds_of_initial_values_are_kept_to_the_end() -> None:
    train = TrainConfig(preset="quick", time_limit=600.0)
    found = three_ways(decays((1.0, 1.0, 1.0)), train, InitialConfig(lower=1.5, upper=2.0))
    for model in found:
        assert [float(one[0]) for one in model.initial.values()] == pytest.approx([1.5] * 3, abs=1e-3)
        assert all(float(one[0]) >= 1.5 for one in model.initial.values())
    rates = [model.parameters["f_1"] for model in found]
    assert max(rates) - min(rates) < 1e-3
