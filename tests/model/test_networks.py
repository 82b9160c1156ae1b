"""Neural terms: constraints hold everywhere, and the fast scalar form computes the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.model import NetworkConfig
from ndestudio.model.config import BasisConfig
from ndestudio.model.fitted import NetworkWeights
from ndestudio.model.networks import (
    array_neural_term,
    evaluate_network,
    fresh_network,
    scalar_neural_term,
    weight_signs,
)

SETTINGS = {
    "plain": NetworkConfig(width=8),
    "deep gelu": NetworkConfig(width=6, depth=3, activation="gelu"),
    "swish": NetworkConfig(width=6, activation="swish"),
    "sin": NetworkConfig(width=6, activation="sin"),
    "softplus": NetworkConfig(width=6, activation="softplus"),
    "linear": NetworkConfig(depth=0),
    "positive": NetworkConfig(width=6, sign="positive"),
    "negative": NetworkConfig(width=6, sign="negative"),
    "bounded": NetworkConfig(width=6, lower=-1.0, upper=2.0),
    "above": NetworkConfig(width=6, lower=3.0),
    "below": NetworkConfig(width=6, upper=-3.0),
    "factor": NetworkConfig(width=6, factor=("y",)),
    "rising": NetworkConfig(width=7, monotone={"x": "increasing"}),
    "falling": NetworkConfig(width=7, monotone={"x": "decreasing"}, activation="softplus"),
    "fourier": NetworkConfig(width=6, basis={"y": BasisConfig(terms=2)}, sign="positive"),
    "polynomial": NetworkConfig(width=6, depth=1, basis={"x": BasisConfig(kind="polynomial", terms=5)}, factor=("x",)),
    "pieces": NetworkConfig(depth=0, basis={"y": BasisConfig(kind="pieces", terms=4)}),
    "both": NetworkConfig(width=6, monotone={"x": "increasing", "y": "decreasing"}, lower=-1.0, upper=1.0),
}


def _wild(config: NetworkConfig, seed: int = 0) -> NetworkWeights:
    """A network as training might leave it: weights far from their start."""
    generator = np.random.default_rng(seed)
    network = fresh_network(
        "f", config, ("x", "y"), seed, center=np.array([1.0, -2.0]), scale=np.array([2.0, 5.0]), output_scale=3.0
    )
    return NetworkWeights(
        config,
        network.arguments,
        tuple(weight + 2.0 * generator.normal(size=weight.shape) for weight in network.weights),
        tuple(bias + generator.normal(size=bias.shape) for bias in network.biases),
        network.input_center,
        network.input_scale,
        network.output_scale,
    )


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(40, 2)) * np.array([4.0, 10.0])


@pytest.mark.parametrize("name", SETTINGS)
def test_scalar_and_array_forms_agree(name: str, points: np.ndarray) -> None:
    network = _wild(SETTINGS[name])
    expected = evaluate_network(network, points)
    neural_term = scalar_neural_term(network)
    assert np.allclose([neural_term(*point) for point in points.tolist()], expected, rtol=1e-10, atol=1e-12)
    assert np.array_equal(array_neural_term(network)(points[:, 0], points[:, 1]), expected)
    assert evaluate_network(network, points.reshape(4, 10, 2)).shape == (4, 10)


@pytest.mark.parametrize("name", SETTINGS)
def test_jax_and_numpy_agree(name: str, points: np.ndarray) -> None:
    import jax
    import jax.numpy as jnp

    from ndestudio.model.networks import apply_network

    network = _wild(SETTINGS[name])
    with jax.enable_x64(True):
        value = apply_network(
            network.config,
            network.arguments,
            [jnp.asarray(weight) for weight in network.weights],
            [jnp.asarray(bias) for bias in network.biases],
            network.input_center,
            network.input_scale,
            network.output_scale,
            jnp.asarray(points),
            jnp,
        )
        assert value.dtype == jnp.float64
        assert np.allclose(np.asarray(value), evaluate_network(network, points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_signs_and_bounds_hold_for_any_weights(seed: int) -> None:
    far = np.random.default_rng(seed).normal(size=(2000, 2)) * 100.0
    ranges = {"positive": (0, np.inf), "negative": (-np.inf, 0), "bounded": (-1, 2), "above": (3, np.inf)}
    ranges["below"] = (-np.inf, -3)
    for name, (low, high) in ranges.items():
        value = evaluate_network(_wild(SETTINGS[name], seed), far)
        assert value.min() >= low and value.max() <= high
    assert np.ptp(evaluate_network(_wild(SETTINGS["bounded"], seed), far)) > 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "argument", "direction"), [("rising", 0, 1), ("falling", 0, -1), ("both", 0, 1), ("both", 1, -1)]
)
def test_monotone_for_any_weights(seed: int, name: str, argument: int, direction: int) -> None:
    network = _wild(SETTINGS[name], seed)
    generator = np.random.default_rng(seed)
    start = generator.normal(size=(200, 1, 2)) * np.array([3.0, 8.0])
    step = np.zeros((1, 60, 2))
    step[0, :, argument] = np.linspace(-20, 20, 60)
    value = evaluate_network(network, start + step)
    assert np.all(direction * np.diff(value, axis=1) >= -1e-12)
    assert np.ptp(value, axis=1).max() > 1e-3


def test_a_monotone_network_is_free_in_its_other_arguments() -> None:
    network = _wild(SETTINGS["rising"], 3)
    y = np.stack([np.zeros(400), np.linspace(-40, 40, 400)], axis=1)
    change = np.diff(evaluate_network(network, y))
    assert change.min() < -1e-3 and change.max() > 1e-3


def test_no_constraint_means_no_sign_table() -> None:
    assert weight_signs(SETTINGS["plain"], ("x", "y")) is None


def test_a_factor_makes_the_neural_term_vanish() -> None:
    assert np.all(evaluate_network(_wild(SETTINGS["factor"]), np.array([[1.0, 0.0], [-7.0, 0.0]])) == 0)


def test_fresh_networks_are_small_and_repeatable() -> None:
    config = NetworkConfig(width=32)
    one, two = (fresh_network("f", config, ("x", "y"), seed=4) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, two.weights, strict=True))
    assert not np.array_equal(one.weights[0], fresh_network("g", config, ("x", "y"), seed=4).weights[0])
    assert not np.array_equal(one.weights[0], fresh_network("f", config, ("x", "y"), seed=5).weights[0])
    values = evaluate_network(one, np.random.default_rng(0).normal(size=(500, 2)))
    assert 0.0 < np.sqrt(np.mean(values**2)) < 0.3


@pytest.mark.parametrize("name", ["positive", "negative", "bounded"])
def test_constrained_networks_start_near_nothing(name: str) -> None:
    network = fresh_network("f", SETTINGS[name], ("x", "y"), 0)
    assert np.abs(evaluate_network(network, np.random.default_rng(0).normal(size=(100, 2)))).max() < 0.4
