"""Events in what is written: told where they cannot be had, never left out unseen."""

import json

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.registry import EXPORTERS
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model

MODEL = initial_model(
    ModelConfig(
        equations="d(A)/dt = -k*A\nat t = 2: A += 5",
        parameters={"k": ParameterConfig(value=0.5)},
        initial={"A": InitialConfig(value=1.0)},
    ),
    dataset_from_arrays(np.linspace(0.0, 4.0, 9), np.ones((9, 1)), names=["A"]),
    0,
)
DATA = dataset_from_arrays(np.linspace(0.0, 4.0, 9), np.ones((9, 1)), names=["A"])


@pytest.mark.parametrize("form", [name for name in EXPORTERS.known() if name != "csv"])
def test_programs_refuse_events(form: str):
    with pytest.raises(ExportError, match="the model has events"):
        artefact(MODEL, form, dataset=DATA)


def test_simulations_have_events():
    rows = artefact(MODEL, "csv", dataset=DATA).text.strip().splitlines()
    found = {float(row.split(",")[2]): float(row.split(",")[-1]) for row in rows[1:]}
    assert found[2.0] == pytest.approx(np.exp(-1.0) + 5.0, rel=1e-6)
    assert json.dumps(sorted(found)) == json.dumps(sorted(DATA.trajectories[0].t.tolist()))
