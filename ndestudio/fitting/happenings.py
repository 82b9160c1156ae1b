"""Grids of a fit in which events move: they are laid out anew for each point that is looked at."""

from __future__ import annotations

from dataclasses import replace

from ndestudio.errors import DataError, EquationError
from ndestudio.fitting.batches import Batch
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.model.schedule import schedule
from ndestudio.solve.delays import grid_breaks
from ndestudio.solve.event_times import happening
from ndestudio.solve.numpy_fixed import VectorModel, initial_values
from ndestudio.solve.time_grid import make_grid


def moving(problem: PreparedFit) -> bool:
    """Whether the time of an event depends on what is fitted."""
    return any(one.moves for one in problem.structure.dynamics.events)


def laid_out(problem: PreparedFit, batch: Batch, vector: VectorModel, point: Point) -> Batch | None:
    """``batch`` with its grid where the events are at ``point``; None where events cannot happen as ``point`` says (a lag that is
    negative, a dose at steady state that goes on beyond the next one)."""
    model, constants = problem.space.fitted(point.theta, {}), problem.space.constants
    count, states = len(problem.structure.parameters), len(problem.structure.states)
    values = constants.bijection.forward(point.theta[:count])
    shared = constants.shared.forward(point.theta[len(point.theta) - states :])
    parameters = [values[k].reshape(1, 1) for k in range(count)]
    y0 = initial_values(vector, parameters, shared.reshape(-1, 1, 1), batch.start, point.free[None])[:, 0]
    width = len(batch.grid.step)
    rows = [*batch.rows, *[batch.rows[0]] * (width - len(batch.rows))]
    events = []
    for k, row in enumerate(rows):
        try:
            known = schedule(model.system, model.parameters, row.trajectory).within(row.t[0], row.t[-1])
        except (DataError, EquationError):
            return None
        events.append(happening(model, row.control, known, row.t, y0[:, k]))
    breaks = grid_breaks(problem.definition, problem.method, model, rows)
    samples = batch.grid.sample_t.shape[1]
    few = bool(problem.structure.neural_terms)
    grid = make_grid(rows, batch.steps, problem.method, samples, problem.time_grid, breaks, events=events, bounded=few)
    return replace(batch, grid=grid)
