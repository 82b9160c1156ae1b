"""The exported form of a neural term has the values of the neural term."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.export.networks import RAW, exported
from ndestudio.expression.numeric import evaluate
from ndestudio.model.config import BasisConfig, NetworkConfig
from ndestudio.model.networks import activation, evaluate_network, fresh_network
from ndestudio.model.transforms import sigmoid, softplus

CONFIGS = [
    NetworkConfig(width=6, depth=2, activation="tanh"),
    NetworkConfig(width=6, depth=1, activation="gelu", sign="positive"),
    NetworkConfig(width=6, depth=2, activation="swish", sign="negative", factor=("b",)),
    NetworkConfig(width=5, depth=2, activation="softplus", monotone={"a": "increasing", "b": "decreasing"}),
    NetworkConfig(width=5, depth=3, activation="softplus", monotone={"a": "increasing"}, lower=-1.0, upper=3.0),
    NetworkConfig(width=5, depth=2, activation="tanh", monotone={"b": "decreasing"}, lower=0.5),
    NetworkConfig(width=5, depth=2, activation="sin", upper=2.0, factor=("b", "a")),
    NetworkConfig(width=5, depth=0, activation="sin"),
    NetworkConfig(width=5, depth=2, basis={"b": BasisConfig(terms=2)}, factor=("a",)),
    NetworkConfig(width=5, depth=1, basis={"a": BasisConfig(kind="polynomial", terms=4)}, sign="negative"),
    NetworkConfig(width=5, depth=1, basis={"b": BasisConfig(kind="pieces", terms=3)}),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_values(config: NetworkConfig) -> None:
    network = fresh_network(
        "f", config, ("a", "b"), 7, center=np.array([0.2, -1.0]), scale=np.array([2.0, 0.5]), output_scale=1.7
    )
    X = np.random.default_rng(0).normal(size=(40, 2))
    form = exported(network)
    seen = {"a": X[:, 0], "b": X[:, 1]}
    entering = np.stack([np.broadcast_to(evaluate(one, seen), 40) for one in form.inputs], axis=-1)
    h = (entering - form.center) / form.scale
    for index, (weights, biases) in enumerate(form.layers):
        h = activation(form.activation, h, np) if index else h
        h = h @ weights.T + biases
    values = {RAW: h[:, 0], "a": X[:, 0], "b": X[:, 1]}
    found = evaluate(form.output, values, neural_terms={"softplus": softplus, "sigmoid": sigmoid})
    np.testing.assert_allclose(found, evaluate_network(network, X), rtol=1e-12, atol=1e-14)
