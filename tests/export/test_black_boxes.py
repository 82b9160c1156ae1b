"""Simulators in what is written: Python drives them, other forms refuse with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.blackbox import allow, close_all
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import NdeStudioError
from ndestudio.export import artefact
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import verify
from ndestudio.model import ModelConfig, initial_model
from tests.blackbox.conftest import fmus, own_store, program

__all__ = ["fmus", "own_store"]

T = np.arange(6) * 0.5
DATA = dataset_from_arrays([T], [np.exp(-T)[:, None]], ["x"])


@pytest.mark.parametrize(
    ("box", "equations"),
    [
        ("spiral", "d(x)/dt = {0} - 0.2*x*y\nd(y)/dt = {0}"),
        ("program", "x(t + 0.5) = {0} + 0.1*x^2\ny(t + 0.5) = y"),
    ],
)
def test_a_python_program_drives_the_simulator(fmus: dict[str, Path], tmp_path: Path, box: str, equations: str) -> None:
    path = fmus["spiral"] if box == "spiral" else program(tmp_path / "half", "out = [0.5*x[0] + 0.1*x[1]]")
    config = ModelConfig(equations=equations.format(f'blackbox("{path}")(x, y)'), initial={})
    model = initial_model(config, DATA, 0)
    with pytest.raises(NdeStudioError, match="nobody has allowed"):
        artefact(model, "python", dataset=DATA)
    allow(path)
    written = verify(artefact(model, "python", dataset=DATA), model, DATA)
    assert written.deviation is not None and written.deviation < 1e-6, written.sentence
    for name in ("julia", "c", "matlab", "jax", "sympy", "json", "sbml"):
        assert path.name in (EXPORTERS.get(name).refusal(model) or "")
    assert r"\mathrm" in artefact(model, "latex", dataset=DATA).text
    close_all()


def test_a_program_of_steps_without_a_simulator(tmp_path: Path) -> None:
    model = initial_model(ModelConfig(equations="x(t + 0.5) = 0.6*x"), DATA, 0)
    assert verify(artefact(model, "python", dataset=DATA), model, DATA).deviation == 0.0
    assert "in steps of 0.5" in (EXPORTERS.get("julia").refusal(model) or "")
