"""Where the data support a neural term: the arguments that the simulated training trajectories visit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.data.dataset import Part
from ndestudio.expression.delays import with_slots
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Call, walk
from ndestudio.fitting.batches import make_batch
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.model.evaluate import algebraic_values
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.problem.rows import Rows
from ndestudio.solve.delays_path import earlier_values
from ndestudio.solve.numpy_fixed import GridSimulation

MOST = 4000
"""Samples kept of each neural term."""


def with_support(problem: PreparedFit, model: FittedModel) -> FittedModel:
    """``model`` whose networks know the arguments visited at the times of the training samples."""
    if not model.networks:
        return model
    t, u, y, earlier = _visited(problem, model)
    if not len(t):
        return model
    values: dict[str, Any] = {"t": t, **model.parameters}
    values |= {state: y[:, k] for k, state in enumerate(model.system.states)}
    values |= {name: u[:, k] for k, name in enumerate(model.inputs)}
    values |= earlier
    values |= algebraic_values(model, values)
    neural_terms = {name: array_neural_term(network) for name, network in model.networks.items()}
    networks = {}
    for name, network in model.networks.items():
        calls = [
            node
            for expr in model.system.expressions
            for node in walk(with_slots(expr))
            if isinstance(node, Call) and node.function == name
        ]
        seen = [
            np.stack(
                [np.broadcast_to(evaluate(a, values, neural_terms=neural_terms), t.shape) for a in call.arguments],
                axis=-1,
            )
            for call in calls
        ]
        support = np.concatenate(seen) if seen else np.zeros((0, len(network.arguments)))
        support = support[np.isfinite(support).all(axis=1)]
        networks[name] = replace(network, support=support[:: max(1, -(-len(support) // MOST))])
    return replace(model, networks=networks)


def _visited(
    problem: PreparedFit, model: FittedModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Times, inputs, states and delayed values of the simulated training trajectories at their samples."""
    rows = []
    for trajectory in problem.dataset.trajectories:
        used = np.flatnonzero(trajectory.part == Part.TRAIN)
        if len(used) > (0 if trajectory.is_steady_state else 1):
            rows.append(Rows(trajectory, np.arange(used[-1] + 1)))
    if not rows:
        return np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), {}
    rows = rows[:: max(1, len(rows) // 64)]
    longest = max(len(row.index) for row in rows)
    batch = make_batch(problem, int(np.clip(2 * longest, 32, 400)), rows=rows, padded=False)
    simulation = GridSimulation(problem.definition, problem.method, model)
    y = simulation.states(problem.definition.conditions(model, [row.trajectory for row in rows]), batch.grid)
    t, u, seen = [], [], []
    for k, row in enumerate(rows):
        n = len(row.index)
        t.append(row.t)
        u.append(batch.grid.sample_u[k, :n])
        seen.append(y[:, k, :n].T)
    parts = [earlier_values(model, problem.dataset, row.trajectory, row.t) for row in rows]
    earlier = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(t), np.concatenate(u), np.concatenate(seen), earlier
