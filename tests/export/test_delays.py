"""Artefacts of models with delays: what can be run agrees with the model, what has no delays refuses, all say what they read."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.errors import ExportError
from ndestudio.export import EXPORTERS, artefact, verify
from ndestudio.model import FittedModel, InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, initial_model
from tests.export.test_artefacts import parses
from tests.model.conftest import make_dataset


@pytest.fixture(scope="module")
def delayed() -> tuple[FittedModel, object]:
    t = np.linspace(1.0, 13.0, 25)
    u = np.cos(t)[:, None]
    data = make_dataset(
        ("y", "z"), [np.stack([1.0 + 0.3 * np.sin(t), np.sin(t)], axis=1)], [t], inputs=("u",), forcings=[u]
    )
    values = {"b": 2.0, "tau": 2.0, "g": 1.0, "a": 0.3}
    config = ModelConfig(
        equations="d(y)/dt = b*y(t - tau)/(1 + y(t - tau)^8) - g*y + 0.1*f(y(t - tau/3)) + 0.05*u\nd(z)/dt = y(t - 0.5) - z",
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={"y": InitialConfig(past="0.5 + a*sin(t)"), "z": InitialConfig(value=0.1)},
        networks={"f": NetworkConfig(width=3, depth=1)},
    )
    return initial_model(config, data, 0), data


@pytest.mark.parametrize("form", ["python", "c", "matlab"])
def test_programs_agree(delayed, form: str):
    model, data = delayed
    made = verify(artefact(model, form, dataset=data), model, data)
    if made.deviation is None:
        pytest.skip(made.sentence)
    assert made.deviation is not None and made.deviation < 1e-7, made.sentence
    assert "y(t - tau)" in made.text


@pytest.mark.parametrize(
    ("format", "word"), [("latex", r"y\left(t - \tau\right)"), ("json", '"delay"'), ("sympy", "delay(y, tau)")]
)
def test_what_is_read_says_the_delay(delayed, format: str, word: str):
    model, data = delayed
    assert word in artefact(model, format, dataset=data).text


@pytest.mark.parametrize(("form", "grammar"), [("julia", "tree_sitter_julia"), ("matlab", "tree_sitter_matlab")])
def test_julia_and_matlab_parse(delayed, form: str, grammar: str):
    model, data = delayed
    parses(artefact(model, form, dataset=data).text, grammar)


def test_csv_is_simulated_with_delays(delayed):
    model, data = delayed
    text = artefact(model, "csv", dataset=data).text
    assert "nan" not in text.lower() and len(text.splitlines()) > 20


@pytest.mark.parametrize("form", [name for name in EXPORTERS.known() if not EXPORTERS.get(name).delays])
def test_programs_without_delays_refuse(delayed, form: str):
    model, data = delayed
    with pytest.raises(ExportError, match=r"y\(t - tau\).*without delays; choose one of"):
        artefact(model, form, dataset=data)
