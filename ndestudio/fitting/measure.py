"""How far simulated trajectories are from the data, counted as training counts errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.dataset import Part, Trajectory
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.divergence import Horizon
from ndestudio.fitting.noise import with_noise
from ndestudio.fitting.objective import robust_errors
from ndestudio.fitting.pieces import simulated_by_pieces
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.robust import robust_limit, robust_squares
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.problem.rows import whole_rows


@dataclass(frozen=True, eq=False)
class Measure:
    """Errors of predictions by the settings of training: logarithms, weights, noise levels, robust loss.

    Parameters
    ----------
    weights
        Trajectory -> weight of each value in the squares of its part; 1 on average, 0 where it does not count.
    limit
        Errors of a column beyond it, in spreads, count linearly; infinite for squares. The same for all models compared.
    values
        Trajectory -> what predictions are compared with where that is not what was measured (limits of detection).
    horizon, steps
        Of chaotic models, which are judged over segments whatever their whole simulations are; and steps of a grid for
        whole trajectories.
    """

    problem: PreparedFit
    weights: Mapping[str, Float[np.ndarray, "time measured"]]
    limit: Float[np.ndarray, " measured"]
    horizon: Horizon | None = None
    steps: int = 0
    values: Mapping[str, Float[np.ndarray, "time measured"]] = field(default_factory=dict)

    def errors(
        self, model: FittedModel, simulations: Mapping[str, Simulation], part: Part
    ) -> tuple[Float[np.ndarray, " value"], Int[np.ndarray, " value"]]:
        """Signed roots of what each value of a part adds, and the series (trajectory and column) it belongs to.

        Infinite where a simulation failed.
        """
        problem, found, series = self.problem, [np.empty(0)], [np.empty(0, dtype=int)]
        if self.horizon is not None:
            simulations = simulated_by_pieces(model, problem, self.horizon, part, self.steps)
        for k, column in enumerate(problem.dataset.measured_names):
            if column not in model.measured or model.system.observation(column) is None:
                continue
            mine = model.measured.index(column)
            for trajectory in problem.dataset.trajectories:
                rows, weight = self._rows(trajectory, k, part)
                simulation = simulations.get(trajectory.name)
                predicted = np.full(int(rows.sum()), np.inf) if simulation is None else simulation.measured[rows, mine]
                error = self._compared(predicted, self.values.get(trajectory.name, trajectory.measured)[rows, k], k)
                found.append(np.sign(error) * np.sqrt(weight * robust_squares(error, float(self.limit[k]))))
                series.append(np.full(len(predicted), len(series)))
        values = np.concatenate(found)
        return np.where(np.isfinite(values), values, np.inf), np.concatenate(series)

    def _rows(self, trajectory: Trajectory, column: int, part: Part) -> tuple[np.ndarray, Float[np.ndarray, " value"]]:
        rows = trajectory.mask(part)[:, column]
        weight = self.weights.get(trajectory.name)
        if weight is None:
            return rows, np.ones(int(rows.sum()))
        rows = rows & (weight[:, column] > 0)
        return rows, weight[rows, column]

    def _compared(
        self, predicted: Float[np.ndarray, " value"], measured: Float[np.ndarray, " value"], column: int
    ) -> Float[np.ndarray, " value"]:
        constants = self.problem.space.constants
        with np.errstate(all="ignore"):
            if constants.log[column]:
                floored = np.maximum(predicted, constants.floor[column])
                return (np.log(floored) - np.log(measured)) / constants.spread[column]
            return (predicted - measured) / constants.spread[column]


def make_measure(problem: PreparedFit, steps: int, horizon: Horizon | None = None) -> Measure:
    """The measure of training, with the noise levels that the model of ``problem`` leaves.

    Parameters
    ----------
    steps
        Of the grid on which that model is simulated.
    horizon
        Of a chaotic model.
    """
    rows = whole_rows(problem.dataset, with_test=False)
    batch = make_batch(problem, steps, rows=rows, padded=False)
    batch = with_noise(problem, batch)
    error, used = robust_errors(problem, batch, start_point(problem, batch)), batch.target.train > 0
    limit = robust_limit(error, used & np.isfinite(error), problem.train)
    found, values, log = {}, {}, problem.space.constants.log
    for row, train, validation, target in zip(rows, *batch.target[1:], batch.target.values, strict=True):
        whole = np.zeros(row.trajectory.measured.shape)
        size = len(row.index)
        whole[row.index] = _on_average(batch.target.train) * train[:size]
        whole[row.index] += _on_average(batch.target.validation) * validation[:size]
        found[row.trajectory.name] = whole
        if problem.train.column_noise:
            counts = whole[row.index] > 0
            moved = np.where(log, np.exp(np.where(log, target[:size], 0.0)), target[:size])
            kept = row.trajectory.measured.copy()
            kept[row.index] = np.where(counts, moved, kept[row.index])
            values[row.trajectory.name] = kept
    return Measure(problem, found, limit, horizon, steps, values)


def _on_average(weight: Float[np.ndarray, "..."]) -> int:
    return int(np.count_nonzero(weight))
