"""What a recovery test makes of data with doses and events."""

from __future__ import annotations

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dose
from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.drawn import drawn_noise
from ndestudio.distil.ground_truth import measure
from ndestudio.distil.recovery import _jumps
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from tests.events import with_doses


def test_noise_is_told_between_jumps_and_synthetic_data_have_the_doses():
    t = np.unique(np.concatenate([np.linspace(0.0, 36.0, 49), [12.1, 24.1]]))
    noise = 0.4 * np.random.default_rng(0).standard_normal(len(t))
    x = sum(np.where(t >= 12.0 * k, 50.0 * np.exp(-0.3 * np.maximum(t - 12.0 * k, 0.0)), 0.0) for k in range(3))
    x = np.where(t >= 30.0, x - 10.0 * np.exp(-0.3 * (t - 30.0)), x)
    data = dataset_from_arrays(t, x + noise, ["x"], split=SplitConfig(by="none"))
    data = with_doses(data, [Dose(12.0 * k, 50.0) for k in range(3)])
    config = ModelConfig(
        equations="d(x)/dt = -k*x\nat doses: x += amount\nat t = 30: x -= 10",
        parameters={"k": ParameterConfig(value=0.3)},
        initial={"x": InitialConfig(value=0.0, fit=False)},
    )
    truth = initial_model(config, data, 0)
    cuts = _jumps(truth, data)
    assert cuts["1"].tolist() == [12.0, 24.0, 30.0]
    drawn = drawn_noise(data, RecoveryConfig(), TrainConfig(), cuts=cuts)
    assert 0.25 < drawn.levels(data)["x"] < 0.6
    made = measure(truth, data, drawn, 0).trajectories[0]
    assert made.doses == data.trajectories[0].doses
    assert np.sqrt(np.mean((made.measured[:, 0] - x) ** 2)) < 1.0
