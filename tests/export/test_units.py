"""Artefacts of a model whose units do not fit say so, and how its numbers are meant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.dataset import Column
from ndestudio.export import EXPORTERS, artefact
from ndestudio.model import ModelConfig, ParameterConfig, initial_model
from tests.export.archives import said
from tests.model.conftest import make_dataset


@pytest.mark.parametrize("format", [name for name in EXPORTERS.known() if name not in ("csv", "onnx")])
@pytest.mark.parametrize(("unit", "told"), [("1/h", True), ("1/s", False)])
def test_a_unit_that_does_not_fit_is_said(format: str, unit: str, told: bool):
    t = np.linspace(0.0, 7200.0, 20)
    data = make_dataset(("c",), [4.0 * np.exp(-2.5e-4 * t)[:, None]], [t])
    data = replace(data, time=Column("t", "t", "s"), measured=(Column("c", "c", "mM"),))
    config = ModelConfig(equations="d(c)/dt = -k*c", parameters={"k": ParameterConfig(value=2.5e-4, unit=unit)})
    text = said(artefact(initial_model(config, data, 0), format, dataset=data))
    assert ("nothing is converted" in text) == told
    if format != "sbml":  # which has no place for a remark on a parameter
        assert ("the equations take its number in 1/s" in text) == told
