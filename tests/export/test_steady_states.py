"""Programs of models that were fitted to steady states run to them."""

from __future__ import annotations

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.export.content import _track
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.solve.scipy_reference import simulate


def test_a_program_runs_to_the_steady_state() -> None:
    dataset = dataset_from_arrays(
        [np.array([np.inf])], [np.array([[1.0]])], ["x"], inputs=[np.array([[0.6]])], input_names=["S"]
    )
    config = ModelConfig(
        equations="d(x)/dt = S - k*x",
        parameters={"k": ParameterConfig(value=0.2)},
        initial={"x": InitialConfig(value=0.5)},
    )
    model = initial_model(config, dataset, 0)
    track = _track(model, dataset, dataset.trajectories[0])
    assert np.isclose(track.stop - track.start, 100.0)
    states = simulate(model, np.array([track.start, track.stop]), track.initial, track.control).states
    np.testing.assert_allclose(states[:, 0], [0.5, 3.0], rtol=1e-6)
