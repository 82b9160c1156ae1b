"""Networks as ONNX say what they say here."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.model.networks import apply_network


def test_onnxruntime_computes_the_same(driven) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, data = driven
    session = runtime.InferenceSession(
        artefact(model, "onnx", dataset=data).payload, providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=(7, len(network.arguments))) for name, network in model.networks.items()}
    found = dict(zip((one.name for one in session.get_outputs()), session.run(None, given), strict=True))
    for name, one in model.networks.items():
        expected = apply_network(
            one.config,
            one.arguments,
            one.weights,
            one.biases,
            one.input_center,
            one.input_scale,
            one.output_scale,
            given[name],
        )
        np.testing.assert_allclose(np.asarray(found[f"{name}_value"])[:, 0], expected, rtol=1e-12, atol=1e-13)


def test_a_model_of_formulas_is_refused(predator_prey) -> None:
    with pytest.raises(ExportError, match="no network"):
        artefact(predator_prey[0], "onnx", dataset=predator_prey[1])
