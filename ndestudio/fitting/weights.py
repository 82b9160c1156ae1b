"""What each training value weighs, for those who fit outside the stages of training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.noise import estimate, reweighed
from ndestudio.fitting.problem import make_problem
from ndestudio.fitting.step_count import steps_for
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import make_target, whole_rows


def value_weights(
    model: FittedModel, dataset: Dataset, train: TrainConfig
) -> Mapping[str, Float[np.ndarray, "time measured"]]:
    """Trajectory -> weights of its values in squares of errors over spreads; 0 where a value does not train, 1 on average.

    Columns, trajectories and standard deviations of single values weigh as in training, and so does the noise law of the
    settings, its levels estimated from the residuals of ``model``.
    """
    problem = make_problem(model, dataset, train, train_networks=False)
    rows = whole_rows(dataset, with_test=False)
    if train.noise == "spread":
        longest = max(len(row.index) for row in rows)
        target = make_target(rows, dataset, problem.observed, problem.space.constants.log, longest)
    else:
        batch = make_batch(problem, steps_for(problem), rows=rows, padded=False)
        point = start_point(problem, batch)
        target = reweighed(problem, batch, point, estimate(problem, batch, point)).target
    used = max(int((target.train > 0).sum()), 1)
    found = {}
    for row, weight in zip(rows, target.train, strict=True):
        whole = np.zeros(row.trajectory.measured.shape)
        whole[row.index] = used * weight[: len(row.index)]
        found[row.trajectory.name] = whole
    return found
