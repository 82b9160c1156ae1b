"""Trajectories as CSV: what was measured and what the model says, with units in the header."""

from __future__ import annotations

import csv
import io

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import ExportError
from ndestudio.export.exporter import Exporter, written_as_they_are
from ndestudio.model.fitted import FittedModel


def trajectories_csv(model: FittedModel, dataset: Dataset | None) -> str:
    """One row per measured time: trajectory, part, time, inputs, measured columns, their simulation, hidden states.

    A missing value is an empty field. Simulated columns have `simulated` behind their label.

    Raises
    ------
    ExportError
        Without data.
    """
    if dataset is None:
        raise ExportError("there are no measured trajectories to write; open the data first")
    if model.system.diffusion:
        return paths_csv(model, dataset)
    from ndestudio.solve.scipy_reference import simulate_trajectory

    hidden = [index for index, name in enumerate(model.system.states) if name not in dataset.measured_names]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    simulated = [_title(f"{column.label} simulated", column.unit) for column in dataset.measured]
    states = [
        _title(f"{model.system.states[index]} simulated", model.config.units.get(model.system.states[index], ""))
        for index in hidden
    ]
    known = [column.title for column in (dataset.time, *dataset.inputs, *dataset.measured)]
    writer.writerow(["trajectory", "part", *known, *simulated, *states])
    for trajectory in dataset.trajectories:
        simulation = simulate_trajectory(model, dataset, trajectory)
        table = np.column_stack(
            [trajectory.t, trajectory.inputs, trajectory.measured, simulation.measured, simulation.states[:, hidden]]
        )
        for part, row in zip(trajectory.part, table, strict=True):
            writer.writerow([trajectory.name, Part(int(part)).name.lower(), *(_field(value) for value in row)])
    return stream.getvalue()


LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
PATHS, SUBSTEPS = 1000, 10


def paths_csv(model: FittedModel, dataset: Dataset) -> str:
    """Like ``trajectories_csv`` for a model with noise: quantiles of simulated paths in place of one simulation."""
    from ndestudio.model.initial import model_start
    from ndestudio.solve.stochastic.paths import simulate_paths

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    units = {column.name: column.unit for column in dataset.measured} | dict(model.config.units)
    known = [column.title for column in (dataset.time, *dataset.inputs, *dataset.measured)]
    made = [
        _title(f"{state} {100 * level:g}% of {PATHS} paths", units.get(state, ""))
        for state in model.system.states
        for level in LEVELS
    ]
    writer.writerow(["trajectory", "part", *known, *made])
    for trajectory in dataset.trajectories:
        start = np.asarray(model_start(model, trajectory), dtype=float)
        found = simulate_paths(model, trajectory.t, start, PATHS, substeps=SUBSTEPS, inputs=trajectory)
        quantiles = np.moveaxis(found.quantiles(LEVELS), 0, 2).reshape(len(trajectory.t), -1)
        table = np.column_stack([trajectory.t, trajectory.inputs, trajectory.measured, quantiles])
        for part, row in zip(trajectory.part, table, strict=True):
            writer.writerow([trajectory.name, Part(int(part)).name.lower(), *(_field(value) for value in row)])
    return stream.getvalue()


def _title(label: str, unit: str) -> str:
    return f"{label} [{unit}]" if unit else label


def _field(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else ""


EXPORTER = Exporter(
    "csv",
    "CSV of trajectories",
    "trajectories.csv",
    lambda subject, options: trajectories_csv(subject.model, subject.dataset),
    label="CSV",
    description="Simulated trajectories",
    proof="Values of the model itself; there is nothing to run.",
    delays=True,
    events=True,
    algebraic=True,
    noise=True,
    black_boxes=written_as_they_are,
)
