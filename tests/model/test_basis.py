"""Weights that vary along a basis: the functions are those of the literature, and bad settings are told."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import evaluate
from ndestudio.model.basis import SCALED, functions
from ndestudio.model.config import BasisConfig, ModelConfig, NetworkConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.networks import evaluate_network

S = np.linspace(-1.0, 1.0, 101)


def values(kind: str, terms: int, s: np.ndarray) -> np.ndarray:
    return np.stack([np.broadcast_to(evaluate(f, {SCALED: s}), s.shape) for f in functions(kind, terms)])


def test_fourier_is_orthogonal_and_has_the_period_of_the_interval() -> None:
    found = values("fourier", 3, S)
    assert found.shape == (6, 101)
    np.testing.assert_allclose(found, values("fourier", 3, S + 2.0), atol=1e-12)
    np.testing.assert_allclose(found[:, :-1] @ found[:, :-1].T / 50, np.eye(6), atol=1e-12)


def test_polynomials_are_those_of_chebyshev_and_are_held_beyond_the_interval() -> None:
    expected = np.cos(np.arange(1, 8)[:, None] * np.arccos(S))
    np.testing.assert_allclose(values("polynomial", 7, S), expected, atol=1e-12)
    np.testing.assert_array_equal(values("polynomial", 7, np.array([5.0]))[:, 0], np.ones(7))


def test_pieces_are_constant_and_equally_long() -> None:
    found = values("pieces", 4, np.array([-3.0, -0.6, -0.4, 0.1, 0.6, 9.0]))
    assert found.sum(axis=0).tolist() == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("basis", "span"), [(BasisConfig(), (2.0, 6.0)), (BasisConfig(start=0.0, end=3.0), (0.0, 3.0))]
)
def test_the_interval_is_that_of_the_data_or_as_set(basis: BasisConfig, span: tuple[float, float]) -> None:
    t = np.linspace(2, 6, 9)
    data = dataset_from_arrays([t], [np.sin(t)[:, None]], ["x"])
    config = ModelConfig(equations="d(x)/dt = f(x, t)", networks={"f": NetworkConfig(width=4, basis={"t": basis})})
    network = initial_model(config, data, 0).networks["f"]
    low, high = (network.input_center + sign * network.input_scale for sign in (-1, 1))
    assert (low[1], high[1]) == pytest.approx(span)
    inside = np.column_stack([np.full(5, 0.3), np.linspace(*span, 5)])
    assert np.ptp(evaluate_network(network, inside)) > 0
    assert evaluate_network(network, inside + np.array([0, span[1] - span[0]])) == pytest.approx(
        evaluate_network(network, inside)
    )


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (NetworkConfig(basis={"u": BasisConfig()}), "`u` is none of its arguments"),
        (NetworkConfig(basis={"t": BasisConfig(), "x": BasisConfig()}), "with one argument, not with several"),
        (NetworkConfig(basis={"t": BasisConfig()}, monotone={"x": "increasing"}), "cannot be monotone and vary"),
        (NetworkConfig(basis={"t": BasisConfig(terms=0)}), "must be 1 to 24"),
        (NetworkConfig(basis={"t": BasisConfig(start=3.0, end=3.0)}), "not below its end"),
    ],
)
def test_bad_settings_are_told(network: NetworkConfig, sentence: str) -> None:
    data = dataset_from_arrays([np.arange(3.0)], [np.ones((3, 1))], ["x"])
    with pytest.raises(EquationError, match=sentence):
        initial_model(ModelConfig(equations="d(x)/dt = f(x, t)", networks={"f": network}), data, 0)
