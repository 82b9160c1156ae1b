"""Events in what is written: in words, in formulas, as data, and with parameters other than those of the model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dose
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.registry import EXPORTERS
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.solve.scipy_reference import simulate_trajectory
from tests.events import with_doses
from tests.export.archives import said
from tests.export.test_artefacts import DOCS, schema_in

DATA = with_doses(
    dataset_from_arrays(np.linspace(0.0, 4.0, 9), np.ones((9, 1)), names=["A"]),
    (Dose(0.5, 3.0), Dose(1.0, 4.0, 2.0, 2.0)),
)
CONFIG = ModelConfig(
    equations="d(A)/dt = -k*A\nd(B)/dt = 0\nat t = 2: A += 5\nat doses + lag: A += F*amount\nwhen A < B: B = A/2",
    parameters={name: ParameterConfig(value=value) for name, value in {"k": 0.5, "lag": 0.25, "F": 0.9}.items()},
    initial={"A": InitialConfig(value=1.0), "B": InitialConfig(value=0.9)},
)
MODEL = initial_model(CONFIG, DATA, 0)


def test_simulations_have_events():
    rows = artefact(MODEL, "csv", dataset=DATA).text.strip().splitlines()
    assert len(rows) == 10 and "nan" not in "".join(rows)


@pytest.mark.parametrize("form", [name for name in EXPORTERS.known() if name not in ("csv", "json", "latex", "onnx")])
def test_programs_say_their_events_in_words(form: str):
    text = said(artefact(MODEL, form, dataset=DATA))
    for words in ("at t = 2: A = A + 5", "at doses + lag: A = A + F*amount", "when B - A > 0: B = A/2"):
        assert words in text


def test_the_document_has_events_and_doses():
    from ziamath.zmath import Latex

    text = artefact(MODEL, "latex", dataset=DATA).text
    row = r"\text{at doses} + \mathrm{lag}:  &\quad A \leftarrow A + F \, \mathrm{amount}"
    assert row in text and r"\text{when } A < B" not in text and "begins of infusions" in text
    assert "<path" in Latex(row.replace("&", "")).svg()


def test_json_follows_its_schema_and_has_every_dose():
    fastjsonschema = pytest.importorskip("fastjsonschema")
    value = json.loads(artefact(MODEL, "json", dataset=DATA).text)
    fastjsonschema.compile(schema_in(DOCS / "model-json.md"))(value)
    happens = [
        (one["t"], value["events"][one["event"]]["kind"], one["amount"]) for one in value["trajectories"][0]["events"]
    ]
    assert happens == [(0.75, "doses", 3.0), (1.25, "infusions", 2.0), (2.0, "at", 0.0), (3.25, "ends", 2.0)]


def test_the_sympy_script_has_conditions_and_changes(tmp_path: Path):
    (tmp_path / "model_sympy.py").write_text(artefact(MODEL, "sympy", dataset=DATA).text, encoding="utf-8")
    script = "from model_sympy import events, doses; print([str(one['condition']) for one in events], doses['1'])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=90
    )
    assert "'-A + B'" in done.stdout and "(1, 0.5, 3.0)" in done.stdout


def test_times_and_amounts_follow_the_parameters_of_a_call(tmp_path: Path):
    (tmp_path / "model.py").write_text(artefact(MODEL, "python", dataset=DATA).text, encoding="utf-8")
    other = {"k": 0.3, "lag": 0.4, "F": 0.6}
    script = f"import model, json; print(json.dumps(model.simulate({DATA.trajectories[0].t.tolist()}, parameters={other})[:, :2].tolist()))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    expected = simulate_trajectory(replace(MODEL, parameters=other), DATA, "1", rtol=1e-10, atol=1e-12).states[:, :2]
    np.testing.assert_allclose(json.loads(done.stdout), expected, rtol=1e-8)


def test_doses_that_cannot_be_simulated_are_a_sentence():
    endless = with_doses(DATA, (Dose(0.5, 3.0, steady_state=1, interval=12.0),))
    with pytest.raises(ExportError, match=r"the events cannot be written: .1. has more doses at steady state"):
        artefact(MODEL, "python", dataset=endless)
