"""Inputs that have one value in each trajectory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import DataError

SAME = 1e-9
"""Relative difference up to which values of a covariate are the same."""


def with_covariates(dataset: Dataset, names: Collection[str]) -> Dataset:
    """``dataset`` with the inputs called ``names`` constant in each trajectory, wherever in it the value was written.

    Raises
    ------
    DataError
        A trajectory has different values.
    """
    columns = [k for k, name in enumerate(dataset.input_names) if name in names]
    if not columns:
        return dataset
    labels = [column.label for column in dataset.inputs]
    filled = tuple(_filled(trajectory, columns, labels) for trajectory in dataset.trajectories)
    return replace(dataset, trajectories=filled)


def _filled(trajectory: Trajectory, columns: list[int], labels: list[str]) -> Trajectory:
    inputs = trajectory.inputs.copy()
    for k in columns:
        known = inputs[np.isfinite(inputs[:, k]), k]
        if np.ptp(known) > SAME * np.abs(known).max():
            other = known[np.abs(known - known[0]) > SAME * np.abs(known).max()][0]
            raise DataError(
                f"trajectory `{trajectory.name}` has the values {known[0]:g} and {other:g} of this covariate, which has one value "
                "in each trajectory; correct the file, or use the column as an input",
                column=labels[k],
            )
        inputs[:, k] = known[0]
    return replace(trajectory, inputs=inputs)
