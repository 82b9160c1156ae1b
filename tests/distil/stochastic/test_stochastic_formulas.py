"""Formulas for drift and diffusion: responses, sparse polynomials, the whole way."""

from dataclasses import replace

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data.dataset import Column, Dataset, Trajectory
from ndestudio.distil.pipeline import distil
from ndestudio.distil.stochastic.curves import curve_responses
from ndestudio.distil.stochastic.formulas import polynomials, ranked
from ndestudio.distil.stochastic.responses import Response, cells, responses
from ndestudio.errors import SettingError
from ndestudio.expression import to_text
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.initial import initial_model
from ndestudio.model.stated import stated_model
from ndestudio.solve.stochastic.paths import simulate_paths


def series(equations, h, count, seed=0):
    model = stated_model(ModelConfig(equations=equations, initial={"x": InitialConfig(value=1.0)}))
    found = simulate_paths(model, np.arange(count + 1) * h, {"x": 1.0}, seed=seed, substeps=5)
    values = found.states[0]
    one = Trajectory("run", found.t, values, np.zeros((count + 1, 0)), np.zeros(count + 1, dtype=np.int8))
    return Dataset((one,), Column("t", "t"), (Column("x", "x"),))


NETWORKS = {name: NetworkConfig(width=6, depth=1) for name in ("f", "s")}
CONFIG = ModelConfig(equations="d(x)/dt = f(x) + s(x)*noise", networks=NETWORKS)


def test_responses_say_what_the_networks_should_be():
    data = series("d(x)/dt = 1.0 - x + 0.5*noise", 0.1, 4000)
    model = initial_model(CONFIG, data, 0)
    constant = replace(model.networks["s"], weights=tuple(0 * w for w in model.networks["s"].weights))
    scale = 0.5 / np.logaddexp(constant.biases[-1][0], 0.0)
    flat = replace(constant, output_scale=float(scale))
    model = replace(model, networks={**model.networks, "s": flat})
    pairs = transitions(model, data)
    # weak slopes of fresh networks: the response of one step of scoring is near the truth already
    drift, _ = responses(model, "f", pairs, 2)
    line = np.polyfit(drift.X[:, 0], drift.y, 1, w=np.sqrt(drift.information))
    np.testing.assert_allclose(line, [-1.0, 1.0], atol=0.25)
    _, square = responses(model, "s", pairs, 2)
    assert np.average(square.y, weights=square.information) == pytest.approx(0.25, rel=0.1)


def test_curves_follow_the_law_where_steps_are_long():
    data = series("d(x)/dt = x - x^3 + 0.7*noise", 0.5, 3000)
    model = initial_model(CONFIG, data, 0)
    constant = replace(model.networks["s"], weights=tuple(0 * w for w in model.networks["s"].weights))
    flat = replace(constant, output_scale=float(0.5 / np.logaddexp(constant.biases[-1][0], 0.0)))
    model = replace(model, networks={**model.networks, "s": flat})
    pairs = transitions(model, data)
    found = curve_responses(model, ["f", "s"], pairs)
    assert found is not None
    drift, spread, square = found["f"][0], found["s"][0], found["s"][1]
    x = drift.X[:, 0]
    # twice the misfit of the truth is about as many as there are knots
    assert drift.misfit(x - x**3) < 0.5 * len(x) + 12
    assert spread.misfit(np.full(len(spread.y), 0.7)) < 0.5 * len(x) + 12
    assert spread.misfit(np.full(len(spread.y), 0.9)) > 100
    assert drift.misfit(-0.3 * x) > 40
    best = min(ranked(("x",), drift, None, (), (), 3000, 3), key=lambda one: one.nats)
    assert to_text(best.expression).count("x") == 2 and "x^3" in to_text(best.expression)
    assert square.misfit(np.full(len(square.y), 0.49)) < 0.5 * len(x) + 12


def test_sparse_polynomials():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2.0, (100, 2))
    y = 0.8 * X[:, 0] - 0.4 * X[:, 0] * X[:, 1] + 0.01 * rng.normal(size=100)
    response = Response(X, y, np.full(100, 1e4))
    best = min(ranked(("x", "y"), response, None, (), (), 2000, 3), key=lambda one: one.nats)
    text = to_text(best.expression)
    assert text.startswith("0.79") and "*x - 0.39" in text and text.endswith("*x*y")
    assert len(polynomials(("x", "y"), response, 2000)) == 18


def test_cells_hold_equally_many():
    labels = cells(np.random.default_rng(0).normal(size=(1000, 2)), 32)
    assert np.bincount(labels).min() > 15 and labels.max() == 31


def test_drift_and_constant_diffusion_are_found():
    data = series("d(x)/dt = 1.0 - 0.7*x + 0.5*noise", 0.1, 4000, seed=2)
    fit = nde.fit(CONFIG, data, nde.TrainConfig(preset="quick", density="euler"))
    config = nde.DistilConfig(evaluations=20_000, candidates=3)
    found = distil(fit.model, data, config)
    assert found.outcome == "done" and set(found.neural_terms) == {"f", "s"}
    x = np.array([[0.0], [1.0], [2.0]])
    np.testing.assert_allclose(evaluate_neural_term(found.model, "s", x), 0.5, rtol=0.05)
    np.testing.assert_allclose(evaluate_neural_term(found.model, "f", x), 1.0 - 0.7 * x[:, 0], atol=0.3)
    assert found.model.replacements["s"].expression == nde.parse_expression("s_1")
    low, high = found.intervals["s_1"]
    assert low < 0.5 < high
    assert "shortest description" in found.neural_terms["f"].reason
    with pytest.raises(SettingError, match="no effect on models with noise"):
        distil(fit.model, data, nde.DistilConfig(templates={"f": "a*x"}))
