"""Hybrid models whose networks were made to follow known functions, without training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.model import FittedModel, ModelConfig, NetworkConfig, evaluate_neural_term, initial_model
from ndestudio.model.fitted import NetworkWeights

Field = Callable[[float, np.ndarray], list[float]]


def make_dataset(
    field: Field,
    starts: np.ndarray,
    t: np.ndarray,
    names: tuple[str, ...],
    noise: float = 0.0,
    held_out: int = 1,
    seed: int = 0,
) -> Dataset:
    """Solutions of ``field`` with Gaussian noise relative to their spread; the last ``held_out`` trajectories validate."""
    generator = np.random.default_rng(seed)
    solutions = [solve_ivp(field, (t[0], t[-1]), y0, t_eval=t, rtol=1e-10, atol=1e-12).y.T for y0 in starts]
    spread = np.std(np.concatenate(solutions), axis=0)
    trajectories = []
    for k, solution in enumerate(solutions):
        part = Part.TRAIN if k < len(solutions) - held_out else Part.VALIDATION
        values = solution + noise * spread * generator.standard_normal(solution.shape)
        trajectories.append(
            Trajectory(f"run{k}", t, values, np.zeros((len(t), 0)), np.full(len(t), part, dtype=np.int8))
        )
    return Dataset(tuple(trajectories), Column("t", "t"), tuple(Column(name, name) for name in names))


def with_networks(
    model: FittedModel, dataset: Dataset, functions: dict[str, Callable[[np.ndarray], np.ndarray]], error: float = 0.0
) -> FittedModel:
    """``model`` whose networks follow ``functions`` of the argument columns: random features, last layer by least squares.

    Parameters
    ----------
    error
        Relative size of a smooth deviation that is added, as a trained network would have.
    """
    generator = np.random.default_rng(1)
    networks: dict[str, NetworkWeights] = {}
    for name, network in model.networks.items():
        lows, highs = network.input_center - 2.5 * network.input_scale, network.input_center + 2.5 * network.input_scale
        X = generator.uniform(lows, highs, (2000, len(lows)))
        y = functions[name](X)
        if error:
            z = (X - network.input_center) / network.input_scale
            y = y + error * np.std(y) * np.sin(1.3 * z[:, 0] + 0.7) * np.cos(0.9 * z[:, -1])
        weights: list[np.ndarray] = [3.0 * w for w in network.weights[:-1]] + [network.weights[-1]]
        biases: list[np.ndarray] = [generator.uniform(-2, 2, b.shape) for b in network.biases[:-1]] + [
            network.biases[-1]
        ]
        h = (X - network.input_center) / network.input_scale
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h = np.tanh(h @ w.T + b)
        A = np.column_stack([h, np.ones(len(h))])
        solution = np.linalg.lstsq(A, y / network.output_scale, rcond=1e-12)[0]
        weights[-1], biases[-1] = solution[None, :-1], solution[-1:]
        networks[name] = replace(network, weights=tuple(weights), biases=tuple(biases))
    result = replace(model, networks=networks)
    for name, function in functions.items():
        X = np.stack([networks[name].input_center])
        assert abs(evaluate_neural_term(result, name, X) - function(X))[0] < 0.1 * (1 + abs(function(X))[0])
    return result


WIDE = NetworkConfig(width=50, depth=1)


@pytest.fixture(scope="session")
def lotka_volterra() -> tuple[FittedModel, Dataset]:
    """x' = a x - p(x, y), y' = q(x, y) - d y with 5% noise; p = 0.9xy + 0.1x as a network may share a term with the known part."""
    starts = np.random.default_rng(3).uniform(0.6, 2.5, (7, 2))
    dataset = make_dataset(
        lambda t, y: [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]],
        starts,
        np.linspace(0.0, 6.0, 40),
        ("x", "y"),
        noise=0.05,
        held_out=2,
    )
    config = ModelConfig(equations="d(x)/dt = a*x - p(x, y)\nd(y)/dt = q(x, y) - d*y", networks={"p": WIDE, "q": WIDE})
    model = initial_model(config, dataset, 0)
    model = with_networks(
        model,
        dataset,
        {"p": lambda X: 0.9 * X[:, 0] * X[:, 1] + 0.1 * X[:, 0], "q": lambda X: 0.8 * X[:, 0] * X[:, 1]},
        error=0.03,
    )
    return replace(model, parameters={"a": 1.4, "d": 1.8}), dataset


@pytest.fixture(scope="session")
def oscillator() -> tuple[FittedModel, Dataset]:
    """x' = y/(1 + y), y' = -x/(1 + x) without noise, both right-hand sides unknown."""
    starts = np.random.default_rng(5).uniform(0.3, 1.5, (8, 2)) * np.array([1.0, 0.0]) + np.array([0.0, 0.5])
    dataset = make_dataset(
        lambda t, y: [y[1] / (1 + y[1]), -y[0] / (1 + y[0])], starts, np.linspace(0.0, 1.2, 20), ("x", "y"), held_out=2
    )
    config = ModelConfig(equations="d(x)/dt = f(x, y)\nd(y)/dt = g(x, y)", networks={"f": WIDE, "g": WIDE})
    model = initial_model(config, dataset, 0)
    functions = {
        "f": lambda X: X[:, 1] / (1 + np.maximum(X[:, 1], -0.5)),
        "g": lambda X: -X[:, 0] / (1 + np.maximum(X[:, 0], -0.5)),
    }
    return with_networks(model, dataset, functions, error=0.003), dataset
