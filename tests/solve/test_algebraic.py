"""Algebraic equations against closed forms: solved at every point, fitted, with neural terms, exported; index above 1 is told."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError, ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import verify
from ndestudio.fitting import fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.programs import gradient_of
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import quantities
from ndestudio.model.initial import initial_model
from ndestudio.model.latex import system_latex
from ndestudio.model.parse import parse_system
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device
from ndestudio.solve.scipy_reference import simulate

T = np.linspace(0.0, 6.0, 13)
ENZYME = """
d(S)/dt = -k2*C
E = E0 - C
0 = k1*E*S - (km + k2)*C for C from 0
"""


def parameters(**values: float) -> dict[str, ParameterConfig]:
    return {name: ParameterConfig(value=value) for name, value in values.items()}


def enzyme(k2: float = 1.5) -> ModelConfig:
    known = {"k1": 2.0, "km": 0.5, "E0": 1.0}
    fixed = {name: ParameterConfig(value=value, fixed=True) for name, value in known.items()}
    return ModelConfig(equations=ENZYME, parameters={**fixed, "k2": ParameterConfig(value=k2, lower=0.0)})


def dataset(names: list[str], columns: np.ndarray, t: np.ndarray = T) -> Dataset:
    return dataset_from_arrays([t], [columns], names)


def michaelis(k2: float = 1.5) -> np.ndarray:
    explicit = ModelConfig(equations="d(S)/dt = -k2*S/((0.5 + k2)/2 + S)", parameters=parameters(k2=k2))
    model = initial_model(explicit, dataset(["S"], np.full((len(T), 1), 3.0)), 0)
    return simulate(model, T, np.array([3.0])).states


def test_the_quasi_steady_complex_gives_michaelis_and_menten() -> None:
    model = initial_model(enzyme(), dataset(["S"], michaelis()), 0)
    found = simulate(model, T, np.array([3.0]))
    np.testing.assert_allclose(found.states, michaelis(), rtol=1e-6)
    bound = quantities(model, T, found.states)["C"]
    np.testing.assert_allclose(bound, found.states[:, 0] / (1.0 + found.states[:, 0]), rtol=1e-12)


def test_the_tension_of_a_pendulum_keeps_its_length() -> None:
    """The constraint, differentiated twice, gives the tension: index 1 (Hairer and Wanner 1996, section VII.1)."""
    config = ModelConfig(
        equations="x' = u\ny' = v\nu' = -T*x\nv' = -T*y - g\n0 = u^2 + v^2 - g*y - T*(x^2 + y^2) for T from g",
        parameters=parameters(g=9.81),
    )
    t = np.linspace(0.0, 2.0, 9)
    angle = ModelConfig(equations="a' = w\nw' = -9.81*sin(a)")
    swing = initial_model(angle, dataset(["a"], np.ones((9, 1)), t), 0)
    a = simulate(swing, t, np.array([0.8, 0.0])).states[:, 0]
    model = initial_model(config, dataset(["x", "y"], np.ones((9, 2)), t), 0)
    found = simulate(model, t, np.array([math.sin(0.8), -math.cos(0.8), 0.0, 0.0])).states
    np.testing.assert_allclose(found[:, :2], np.stack([np.sin(a), -np.cos(a)], axis=1), atol=1e-6)


@pytest.mark.parametrize("acid", [0.0, 0.02])
def test_an_acid_base_equilibrium_over_fourteen_decades(acid: float) -> None:
    """The charge balance of a titration; without the weak acid it is a quadratic equation, else the root is looked at itself."""
    config = ModelConfig(
        equations="d(B)/dt = q\n0 = 10^(-pH) + B - Kw*10^pH - A*Ka/(Ka + 10^(-pH)) for pH from 7",
        parameters=parameters(q=0.01, Kw=1e-14, Ka=1.8e-5, A=acid),
    )
    B = np.array([-0.1, -1e-3, 0.0, 1e-5, 0.019, 0.02, 0.1])
    model = initial_model(config, dataset(["B"], B[:, None], np.arange(7.0)), 0)
    pH = quantities(model, np.zeros(7), B[:, None])["pH"]
    H, balance = 10.0**-pH, 0.0
    if not acid:
        np.testing.assert_allclose(H[B <= 0], (-B + np.sqrt(B**2 + 4e-14))[B <= 0] / 2.0, rtol=1e-9)
    balance = H + B - 1e-14 / H - acid * 1.8e-5 / (1.8e-5 + H)
    assert np.abs(balance / (H + np.abs(B) + 1e-14 / H)).max() < 1e-9


def with_a_network() -> ModelConfig:
    """A term of the algebraic equation is unknown."""
    config = enzyme(1.2)
    text = config.equations.replace("*C for C", "*C + f(S, C) for C")
    return msgspec.structs.replace(config, equations=text, networks={"f": NetworkConfig(width=2, depth=1)})


def test_sensitivities_are_those_by_differences() -> None:
    S = michaelis()[:, 0]
    data = dataset(["S", "C"], np.column_stack([S, S / (1.3 + S)]))
    problem = prepare_fit(initial_model(with_a_network(), data, 0), data, TrainConfig())
    batch = make_batch(problem, 24)
    point = start_point(problem, batch)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.prepare()
    engine.ready(SilentReporter())
    linear = engine.linearise(point)
    direction = np.random.default_rng(0).standard_normal(len(point.theta)) * problem.space.free
    h = 1e-5
    ends = [engine.linearise(point._replace(theta=point.theta + s * h * direction)).r for s in (1, -1)]
    by_difference = (ends[0] - ends[1]) / (2 * h)
    assert np.abs(linear.d_theta @ direction - by_difference).max() < 1e-6 * np.abs(by_difference).max()
    errors, _ = VectorEngine(problem, batch).errors(point.theta[None], point.free[None])
    weighted = (np.sqrt(batch.target.train) * errors[0]).reshape(linear.r.shape)
    np.testing.assert_allclose(weighted, linear.r, atol=1e-9)
    gradient = gradient_of(problem, batch, device("cpu")[0])
    gradient.prepare(point)
    gradient.ready(point, SilentReporter())
    _, _, (by_theta, _) = gradient._programs[0](point.theta, point.free, *gradient.data)
    expected = 2.0 * np.einsum("rk,rkt->t", linear.r, linear.d_theta)
    np.testing.assert_allclose(by_theta, expected, atol=1e-8 * np.abs(expected).max())


def test_a_rate_is_fitted_through_the_equation() -> None:
    data = dataset(["S"], michaelis(1.5))
    found = fit(enzyme(0.4), data, TrainConfig(preset="quick"))
    assert found.model.parameters["k2"] == pytest.approx(1.5, rel=1e-3)


def test_where_there_is_no_root_the_simulation_ends() -> None:
    config = ModelConfig(equations="d(x)/dt = -z\n0 = z^2 - x + 0.5 for z from 0.5")
    model = initial_model(config, dataset(["x"], np.ones((len(T), 1))), 0)
    found = simulate(model, T, np.array([1.0]))
    assert found.sentence and np.isnan(found.states[-1, 0])
    assert np.isnan(quantities(model, np.zeros(1), np.array([[0.4]]))["z"][0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("d(x)/dt = -z\n0 = x^2 - 1 for z", "index above 1"),
        ("d(x)/dt = -z\n0 = x + y for z\n0 = z - y + w for y\n0 = x - w for w", ""),
        ("d(x)/dt = -z\n0 = x + y for z\n0 = x - y for y", "index above 1"),
        ("d(x)/dt = -z\n0 = x^2 - z", "say what it is solved for"),
        ("d(x)/dt = -z\n0 = z^2 - x for z from y\n0 = y - z for y", "which is unknown itself"),
        ("d(x)/dt = -x\n0 = x - 1 for x", "has an equation already"),
        ("d(x)/dt = -x(t - 1)\n0 = z - x for z", "delays cannot have algebraic equations"),
    ],
)
def test_what_cannot_be_solved_is_told(text: str, sentence: str) -> None:
    config = ModelConfig(equations=text)
    if not sentence:
        assert parse_system(config, (), ()).unknowns == ("z", "y", "w")
        return
    with pytest.raises(EquationError, match=sentence):
        parse_system(config, (), ())


def test_equations_are_shown_as_written() -> None:
    assert system_latex(enzyme())[2].startswith("0 = ")
    assert system_latex(parse_system(enzyme(), ("S",), ()))[1].startswith("0 = ")


def test_a_python_program_comes_to_the_same() -> None:
    data = dataset(["S"], michaelis())
    model = initial_model(with_a_network(), data, 0)
    checked = verify(artefact(model, "python", dataset=data), model, data)
    assert checked.deviation is not None and checked.deviation < 1e-6, checked.sentence


def test_a_jax_program_has_the_roots_and_their_derivatives(tmp_path: Path) -> None:
    import jax

    data = dataset(["S"], michaelis())
    model = initial_model(enzyme(), data, 0)
    path = tmp_path / "model_jax.py"
    path.write_text(artefact(model, "jax", dataset=data).text)
    described = importlib.util.spec_from_file_location("model_jax", path)
    assert described is not None and described.loader is not None
    program = importlib.util.module_from_spec(described)
    described.loader.exec_module(program)
    rate = jax.jacfwd(lambda S: program.field(0.0, [S], [], program.PARAMETERS)[0])
    for S in (0.2, 2.0):
        assert float(program.field(0.0, [S], [], program.PARAMETERS)[0]) == pytest.approx(
            -1.5 * S / (1.0 + S), rel=1e-10
        )
        assert float(rate(S)) == pytest.approx(-1.5 / (1.0 + S) ** 2, rel=1e-10)


def test_forms_without_them_refuse() -> None:
    data = dataset(["S"], michaelis())
    model = initial_model(enzyme(), data, 0)
    refusing = [name for name in EXPORTERS.known() if EXPORTERS.get(name).refusal(model)]
    assert set(EXPORTERS.known()) - set(refusing) == {"python", "jax", "latex", "json", "csv"}
    with pytest.raises(ExportError, match="algebraic equation"):
        artefact(model, "julia", dataset=data)


def test_the_model_as_data_follows_its_schema() -> None:
    fastjsonschema = pytest.importorskip("fastjsonschema")
    model = initial_model(enzyme(), dataset(["S"], michaelis()), 0)
    value = json.loads(artefact(model, "json").text)
    page = (Path(__file__).parents[2] / "docs" / "model-json.md").read_text(encoding="utf-8")
    fastjsonschema.compile(json.loads(re.findall(r"```json\n(.*?)```", page, re.S)[-1]))(value)
    assert [one["name"] for one in value["algebraic"]] == ["C"] and value["algebraic"][0]["start"] == "0"
