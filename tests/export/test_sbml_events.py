"""Events in exported SBML, read back and simulated beside the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.export.artefacts import artefact
from ndestudio.solve.scipy_reference import simulate_trajectory
from tests.exchange.test_sbml_import import run
from tests.export.test_conformance import Case, model

pytest.importorskip("libsbml", reason="libSBML is not installed")


def jumping(begin: float, text: str) -> Case:
    """Six units of time with an input that jumps from 1 to 4 after two of them."""
    t = np.linspace(begin, begin + 6.0, 13)
    u = np.where(t < begin + 2.0, 1.0, 4.0)
    data = dataset_from_arrays(t, np.zeros((13, 1)), names=["A"], inputs=u, input_names=["u"])
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=("hold",)),))
    return model(text, data, {}, {"A": 1.0}), data


@pytest.mark.parametrize("begin", [0.0, 1.5])
@pytest.mark.parametrize(
    "event",
    [
        "at t = {jump}: A += 3*u",
        "at t = {jump}: A += 3*u\nat t = {jump}: A *= 0.5*u",
        "every 1 from 0 to 4: A += 1",
        "at t = {end}: A = 100",
        "when A < 0.7: A = 2 + u",
    ],
)
def test_a_file_has_the_events_of_the_model(begin: float, event: str) -> None:
    event = event.format(jump=begin + 2.0, end=begin + 6.0)
    subject, data = jumping(begin, f"d(A)/dt = -0.3*A + 0.1*u\n{event}")
    text = artefact(subject, "sbml", dataset=data).text
    t = np.linspace(0.23, 5.87, 20)
    expected = simulate_trajectory(
        subject, data, data.trajectories[0], t=np.array([begin, *(begin + t)]), rtol=1e-10, atol=1e-12
    ).states[1:, 0]
    np.testing.assert_allclose(run(text, list(t))["A"], expected, rtol=1e-6)
