"""Samples of a trained neural term from the region that the data support.

A neural term is only known where trajectories have led its arguments. Samples on a single curve cannot tell formulas
apart that agree on that curve, so the neighbourhood is sampled too, as far as a network can be trusted to continue
smoothly: points whose distance to the nearest visited point (arguments scaled by their spread) stays below a radius,
    with weights that fall
with this distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.expression.delays import with_slots
from ndestudio.expression.tree import Call, walk
from ndestudio.model.evaluate import algebraic_values
from ndestudio.model.fitted import FittedModel, Simulation

TIMES_PER_TRAJECTORY = 400
MOST_VISITED = 4000
"""Visited points kept for the neighbourhood search."""
RADIUS = 0.25
"""Largest distance of a sample from a visited point, in spreads of the arguments."""
SHARE_OFF_TRAJECTORY = 0.4
REACH = 0.5
"""Visited points this far (in spreads) outside the measured range of a state are dropped: the simulation ran away there."""


def sample_neural_term(
    model: FittedModel,
    dataset: Dataset,
    neural_term: str,
    count: int = 512,
    seed: int = 0,
    ensemble: Sequence[FittedModel] = (),
) -> NeuralTermSamples:
    """Evaluate the network of ``neural_term`` where the training data support it.

    Parameters
    ----------
    count
        Number of samples.
    ensemble
        Models of other seeds; where they disagree with ``model``, samples weigh less.

    Returns
    -------
    NeuralTermSamples
        Samples in physical units; weights have mean 1.

    Raises
    ------
    ValueError
        The neural term was never reached with finite arguments.
    """
    from ndestudio.model.evaluate import evaluate_neural_term

    visited = visited_arguments(model, dataset, neural_term)
    if not len(visited):
        raise ValueError(
            f"no training row reaches the neural term `{neural_term}` with finite arguments; check the fit before distilling"
        )
    generator = np.random.default_rng([seed, len(visited)])
    X, distance = _points(visited, count, generator)
    y = evaluate_neural_term(model, neural_term, X)
    weights = np.exp(-0.5 * (distance / RADIUS * 2.0) ** 2) * _agreement(ensemble, neural_term, X, y)
    good = np.isfinite(y) & np.isfinite(weights)
    X, y, weights = X[good], y[good], weights[good]
    arguments = model.system.neural_term(neural_term).arguments
    return NeuralTermSamples(neural_term, arguments, X, y, weights / np.mean(weights) if len(weights) else weights)


def visited_arguments(model: FittedModel, dataset: Dataset, neural_term: str) -> Float[np.ndarray, "visited argument"]:
    """Arguments of all calls of ``neural_term`` along the simulated training parts, without those outside the measured
    range; of a stochastic model those at the measurements."""
    if model.system.diffusion:
        from ndestudio.fitting.one_step import measured_arguments

        return measured_arguments(model, dataset, neural_term)
    rows = [_along(model, dataset, trajectory, neural_term) for trajectory in dataset.trajectories]
    points = np.concatenate([row for row in rows if row is not None] or [np.empty((0, _inputs(model, neural_term)))])
    support = model.networks[neural_term].support
    if len(points) < 20 and support is not None:
        points = np.concatenate([points, support])
    return points[np.isfinite(points).all(axis=1)]


def _inputs(model: FittedModel, neural_term: str) -> int:
    return len(model.system.neural_term(neural_term).arguments)


def _along(
    model: FittedModel, dataset: Dataset, trajectory: Trajectory, neural_term: str
) -> Float[np.ndarray, "visited argument"] | None:
    from ndestudio.solve.delays_path import earlier_values
    from ndestudio.solve.scipy_reference import simulate_trajectory

    rows = np.flatnonzero(trajectory.mask(Part.TRAIN).any(axis=1))
    if len(rows) < (1 if trajectory.is_steady_state else 2):
        return None
    kept = trajectory.t[: rows[-1] + 1]
    share = max(30, MOST_VISITED // max(1, len(dataset.trajectories)))
    t = np.unique(np.concatenate([kept, np.linspace(kept[0], kept[-1], min(TIMES_PER_TRAJECTORY, share))]))
    simulation = simulate_trajectory(model, dataset, trajectory, t=t)
    inside = _inside(model, dataset, simulation)
    values: dict[str, Any] = {"t": t[inside], **model.parameters}
    values |= {state: simulation.states[inside, k] for k, state in enumerate(model.system.states)}
    values |= {name: trajectory.input_at(t)[inside, k] for k, name in enumerate(model.inputs)}
    values |= {name: found[inside] for name, found in earlier_values(model, dataset, trajectory, t).items()}
    values |= algebraic_values(model, values)
    return _arguments(model, neural_term, values, int(inside.sum()))


def _inside(model: FittedModel, dataset: Dataset, simulation: Simulation) -> np.ndarray:
    """Rows whose observed columns stay within the measured range, a little widened."""
    stacked = np.concatenate([trajectory.measured for trajectory in dataset.trajectories])
    margin = REACH * dataset.spread()
    ok = np.isfinite(simulation.states).all(axis=1)
    for k, column in enumerate(dataset.measured_names):
        values = stacked[np.isfinite(stacked[:, k]), k]
        # a column without values has no range
        if len(values) and column in model.measured and model.system.observation(column) is not None:
            predicted = simulation.measured[:, model.measured.index(column)]
            with np.errstate(invalid="ignore"):
                ok = ok & (predicted >= values.min() - margin[k]) & (predicted <= values.max() + margin[k])
    return np.asarray(ok)


def _arguments(
    model: FittedModel, neural_term: str, values: dict[str, Any], rows: int
) -> Float[np.ndarray, "visited argument"]:
    from ndestudio.expression import evaluate
    from ndestudio.model.networks import array_neural_term

    neural_terms = {name: array_neural_term(network) for name, network in model.networks.items()}
    found = []
    for expr in model.system.expressions:
        for node in walk(with_slots(expr)):
            if isinstance(node, Call) and node.function == neural_term:
                columns = [
                    np.broadcast_to(evaluate(a, values, neural_terms=neural_terms), (rows,)) for a in node.arguments
                ]
                found.append(np.stack(columns, axis=-1))
    return np.concatenate(found) if found else np.empty((0, _inputs(model, neural_term)))


def _points(
    visited: Float[np.ndarray, "visited argument"], count: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "sample argument"], Float[np.ndarray, " sample"]]:
    """Samples and their distance to the nearest visited point, in spreads."""
    from scipy.spatial import KDTree

    spread = np.std(visited, axis=0)
    spread = np.where(spread > 0, spread, np.maximum(np.abs(visited[0]), 1e-12))
    scaled = visited / spread
    if len(scaled) > MOST_VISITED:
        scaled = scaled[generator.choice(len(scaled), MOST_VISITED, replace=False)]
    tree = KDTree(scaled)
    on = _spread_out(scaled, tree, count - round(SHARE_OFF_TRAJECTORY * count), generator)
    moving = np.ptp(scaled, axis=0) > 0
    off = _around(scaled, tree, count - len(on), moving, generator)
    points = np.concatenate([on, off])
    distance, _ = tree.query(points)
    return points * spread, np.asarray(distance, float)


def _spread_out(
    scaled: Float[np.ndarray, "visited argument"], tree: Any, count: int, generator: np.random.Generator
) -> Float[np.ndarray, "sample argument"]:
    """Visited points, drawn with chances that even out how often a neighbourhood was visited."""
    neighbours = min(10, len(scaled))
    distances, _ = tree.query(scaled, k=neighbours)
    reach = np.asarray(distances, float).reshape(len(scaled), -1)[:, -1] + 1e-6
    chance = reach / reach.sum()
    return scaled[generator.choice(len(scaled), count, replace=len(scaled) < count, p=chance)]


def _around(
    scaled: Float[np.ndarray, "visited argument"],
    tree: Any,
    count: int,
    moving: np.ndarray,
    generator: np.random.Generator,
) -> Float[np.ndarray, "sample argument"]:
    """Points near visited ones and inside their box, so that no argument leaves the range it was seen in."""
    low, high = scaled.min(axis=0), scaled.max(axis=0)
    dimensions = max(1, int(moving.sum()))
    found = np.empty((0, scaled.shape[1]))
    for _ in range(20):
        start = scaled[generator.choice(len(scaled), 4 * max(count, 1))]
        step = generator.standard_normal(start.shape) * moving * (RADIUS / np.sqrt(dimensions))
        fresh = np.clip(start + step, low, high)
        distance, _ = tree.query(fresh)
        found = np.concatenate([found, fresh[np.asarray(distance) <= RADIUS]])
        if len(found) >= count:
            break
    return found[:count]


def _agreement(
    ensemble: Sequence[FittedModel],
    neural_term: str,
    X: Float[np.ndarray, "sample argument"],
    y: Float[np.ndarray, " sample"],
) -> Float[np.ndarray, " sample"]:
    """Weight 1 where the networks of all seeds agree, less where their spread exceeds its median."""
    from ndestudio.model.evaluate import evaluate_neural_term

    others = [evaluate_neural_term(other, neural_term, X) for other in ensemble if neural_term in other.networks]
    if not others:
        return np.ones(len(X))
    variance = np.var(np.stack([y, *others]), axis=0)
    return 1.0 / (1.0 + variance / max(float(np.median(variance)), 1e-300))


def disagreement(ensemble: Sequence[FittedModel], samples: NeuralTermSamples) -> float | None:
    """Weighted standard deviation of the neural term between seeds relative to that of the neural term itself; None
    without an ensemble."""
    from ndestudio.model.evaluate import evaluate_neural_term

    others = [
        evaluate_neural_term(other, samples.neural_term, samples.X)
        for other in ensemble
        if samples.neural_term in other.networks
    ]
    if not others:
        return None
    variance = np.var(np.stack([samples.y, *others]), axis=0)
    total = float(
        np.average((samples.y - np.average(samples.y, weights=samples.weights)) ** 2, weights=samples.weights)
    )
    return float(np.sqrt(np.average(variance, weights=samples.weights) / max(total, 1e-300)))
