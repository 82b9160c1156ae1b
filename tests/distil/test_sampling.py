"""Samples lie where the data are, and beside the trajectories as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import KDTree

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.distil.sampling import RADIUS, disagreement, sample_neural_term, visited_arguments
from ndestudio.model import FittedModel, ModelConfig, NetworkConfig, evaluate_neural_term, initial_model
from ndestudio.model.config import BasisConfig


def test_samples_stay_near_visited_points(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lotka_volterra
    samples = sample_neural_term(model, dataset, "p", count=300, seed=1)
    visited = visited_arguments(model, dataset, "p")
    spread = visited.std(axis=0)
    distance, _ = KDTree(visited / spread).query(samples.X / spread)
    assert samples.X.shape == (300, 2)
    assert samples.arguments == ("x", "y")
    # some points thinned out of the tree may be nearer than those kept
    assert distance.max() <= RADIUS + 1e-9
    assert (distance > 0.02).mean() > 0.2
    assert (distance < 1e-6).mean() > 0.3
    assert (visited.min(axis=0) - 1e-9 <= samples.X).all() and (visited.max(axis=0) + 1e-9 >= samples.X).all()


def test_values_are_those_of_the_neural_term_and_weights_fall_with_distance(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    model, dataset = lotka_volterra
    samples = sample_neural_term(model, dataset, "q", count=200)
    np.testing.assert_allclose(samples.y, evaluate_neural_term(model, "q", samples.X))
    assert samples.weights.mean() == pytest.approx(1.0)
    visited = visited_arguments(model, dataset, "q")
    spread = visited.std(axis=0)
    distance, _ = KDTree(visited / spread).query(samples.X / spread)
    assert samples.weights[distance < 1e-6].min() > samples.weights[distance > 0.5 * RADIUS].max()


def test_same_seed_same_samples(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    first, again, other = (sample_neural_term(*lotka_volterra, "p", count=50, seed=s).X for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_validation_trajectories_are_not_visited(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lotka_volterra
    fewer = replace(dataset, trajectories=dataset.trajectories[:5])
    np.testing.assert_allclose(
        visited_arguments(model, dataset, "p").max(), visited_arguments(model, fewer, "p").max(), rtol=0.05
    )
    held_out = replace(dataset, trajectories=dataset.trajectories[5:])
    with pytest.raises(ValueError, match="no training row"):
        sample_neural_term(model, held_out, "p")


def test_disagreeing_networks_weigh_less(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lotka_volterra
    network = model.networks["p"]
    # the other seed agrees at small x and drifts away at large x
    weights = (*network.weights[:-1], network.weights[-1] + 0.02 * (network.weights[0][:, 0] > 0))
    other = replace(model, networks={**model.networks, "p": replace(network, weights=weights)})
    samples = sample_neural_term(model, dataset, "p", ensemble=(other,))
    apart = np.abs(evaluate_neural_term(other, "p", samples.X) - samples.y)
    assert np.corrcoef(apart, samples.weights)[0, 1] < -0.2
    assert 0.0 < (disagreement((other,), samples) or 0.0) < 1.0
    assert disagreement((), samples) is None


def test_calls_with_expressions_and_one_argument(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    _, dataset = lotka_volterra
    config = ModelConfig(
        equations="d(x)/dt = 0.1*f(x*y) - 0.1*x\nd(y)/dt = 0.1*f(y) - 0.1*y",
        networks={"f": NetworkConfig(width=4, depth=1)},
    )
    model = initial_model(config, dataset, 0)
    samples = sample_neural_term(model, dataset, "f", count=64)
    assert samples.X.shape == (64, 1)
    assert np.isfinite(samples.y).all()


def test_a_neural_term_that_varies_in_time_is_sampled_over_the_whole_time() -> None:
    basis = {"t": BasisConfig(terms=2)}
    config = ModelConfig(equations="d(x)/dt = f(x, t)", networks={"f": NetworkConfig(width=4, depth=1, basis=basis)})
    t = np.linspace(0, 6, 61)
    data = dataset_from_arrays([t], [np.exp(-0.3 * t)[:, None]], ["x"], split=SplitConfig(by="none"))
    model = initial_model(config, data, 0)
    found = sample_neural_term(model, data, "f", 200, 0)
    assert found.arguments == ("x", "t") and found.X.shape == (200, 2)
    assert found.X[:, 1].min() < 0.5 and found.X[:, 1].max() > 5.5
    np.testing.assert_allclose(found.y, evaluate_neural_term(model, "f", found.X))
