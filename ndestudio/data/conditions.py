"""Conditions and constants of runs: which run was taken under which condition, and what is different there."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ndestudio.data.config import ConditionConfig, DataConfig, RunConfig
from ndestudio.data.dataset import Column, Dataset, Trajectory
from ndestudio.data.names import is_identifier, suggestion
from ndestudio.data.run_doses import with_given_doses
from ndestudio.errors import DataError

COLUMN = "condition"
"""Name of the input that numbers the conditions, where no column of the data does."""
NO_CONDITION = "no condition"
"""What the runs without a condition are called as a group."""


def with_conditions(dataset: Dataset, config: DataConfig) -> Dataset:
    """``dataset`` with the conditions of its runs, and the inputs and initial values that these fix.

    Raises
    ------
    DataError
        Runs, conditions or inputs that there are not, or a run without the value that others have.
    """
    if not (config.condition or config.conditions or config.runs):
        return dataset
    _check_numbers(config)
    names = [one.name for one in dataset.trajectories]
    for name in config.runs:
        if name not in names:
            raise DataError(f"[data.runs.{name}]: there is no trajectory `{name}`{suggestion(name, names)}")
    dataset = _numbered(dataset, config)
    dataset = _with_inputs(dataset, config)
    trajectories = tuple(replace(_dosed(one, config), initial=_initial(one, config)) for one in dataset.trajectories)
    dataset = replace(dataset, trajectories=trajectories)
    trajectories = tuple(equilibrated(one, dataset, config) for one in trajectories)
    parameters = {name: dict(one.parameters) for name, one in config.conditions.items()}
    return replace(dataset, trajectories=trajectories, conditions=parameters)


def groups(dataset: Dataset, column: str) -> list[tuple[str, float]]:
    """Name and number of each value that a covariate has in some run, in order of the numbers.

    Raises
    ------
    DataError
        There is no such input, or it is not constant in a run.
    """
    if column not in dataset.input_names:
        raise DataError(f"there is no covariate `{column}`{suggestion(column, dataset.input_names)}")
    place = dataset.input_names.index(column)
    found: set[float] = set()
    for one in dataset.trajectories:
        known = one.inputs[np.isfinite(one.inputs[:, place]), place]
        if np.ptp(known) > 0:
            raise DataError(
                f"`{column}` changes within trajectory `{one.name}`; groups of runs need a covariate, which has one value in "
                "each of them"
            )
        found.add(float(known[0]))
    levels = dataset.inputs[place].levels
    return [(_level(value, levels), value) for value in sorted(found)]


def _level(value: float, levels: Sequence[str]) -> str:
    return levels[int(value)] if levels else f"{value:g}"


def equilibrated(trajectory: Trajectory, dataset: Dataset, config: DataConfig) -> Trajectory:
    """``trajectory``, beginning at a steady state where its condition or run says so.

    Raises
    ------
    DataError
        A condition or an input that there is not.
    """
    own = _own(trajectory, config).equilibrated
    told = _under(trajectory, config).equilibrated if own is None else own
    if told is None:
        return trajectory
    where = f"`equilibrated` of trajectory `{trajectory.name}`"
    if trajectory.is_steady_state:
        raise DataError(f"{where}: it is a steady state itself, under its own inputs; leave `equilibrated` out")
    values: dict[str, float] = {}
    if isinstance(told, dict):
        values = told
    else:
        if told not in config.conditions:
            raise DataError(f"{where}: there is no condition `{told}`{suggestion(told, list(config.conditions))}")
        values = dict(config.conditions[told].inputs)
        for name, number in groups(dataset, dataset.condition_column):
            if name == told:
                values[dataset.condition_column] = number
    for name in values:
        if name not in dataset.input_names:
            raise DataError(f"{where}: there is no input `{name}`{suggestion(name, dataset.input_names)}")
    places = {dataset.input_names.index(name): float(value) for name, value in values.items()}
    return replace(trajectory, settles=True, settle_inputs=places)


def _check_numbers(config: DataConfig) -> None:
    tables: list[tuple[str, Mapping[str, float]]] = []
    for name, one in config.conditions.items():
        where = f"[data.conditions.{name}]"
        tables += [(where, one.parameters), (where, one.inputs), (where, one.initial)]
    for name, run in config.runs.items():
        tables += [(f"[data.runs.{name}]", run.inputs), (f"[data.runs.{name}]", run.initial)]
    for where, table in tables:
        for key, value in table.items():
            if not math.isfinite(value):
                raise DataError(f"{where}: `{key}` must be a finite number, not {value:g}")


def _numbered(dataset: Dataset, config: DataConfig) -> Dataset:
    """The condition of each run, and the input that numbers them."""
    column = _column(dataset, config)
    named = {one.name: _told(one, config, dataset, column) for one in dataset.trajectories}
    for name, one in named.items():
        if config.runs.get(name, RunConfig()).condition and config.conditions and one not in config.conditions:
            raise DataError(
                f"[data.runs.{name}]: there is no condition `{one}`{suggestion(one, list(config.conditions))}; write the table "
                f"[data.conditions.{one}], which may be empty"
            )
    used = set(named.values())
    for name in config.conditions:
        if name not in used:
            told = sorted(one for one in used if one)
            hint = suggestion(name, told) if told else "; name it in [data.runs], or a column in `condition`"
            raise DataError(f"[data.conditions.{name}]: no run is under this condition{hint}")
    if not any(used):
        return dataset
    told = tuple(replace(one, condition=named[one.name]) for one in dataset.trajectories)
    if column is not None and dataset.inputs[column].levels and not any(one.condition for one in config.runs.values()):
        # its texts are numbered already, and equations may read the numbers
        return replace(dataset, trajectories=told, condition_column=dataset.inputs[column].name)
    order = [*(one for one in config.conditions if one in used), *sorted(used - {*config.conditions, ""})]
    number = {name: float(k) for k, name in enumerate([*order, *([""] if "" in used else [])])}
    trajectories = tuple(_constant(one, None, number[one.condition]) for one in told)
    taken = {*dataset.input_names, *dataset.measured_names}
    name = COLUMN if COLUMN not in taken else f"{COLUMN}_of_run"
    added = Column(name, name, levels=tuple(one or NO_CONDITION for one in number))
    return replace(dataset, trajectories=trajectories, inputs=(*dataset.inputs, added), condition_column=name)


def _column(dataset: Dataset, config: DataConfig) -> int | None:
    if not config.condition:
        return None
    for k, one in enumerate(dataset.inputs):
        if config.condition in (one.name, one.label):
            return k
    raise DataError(
        f"`condition`: there is no covariate `{config.condition}`"
        + suggestion(config.condition, [one.label for one in dataset.inputs])
    )


def _told(trajectory: Trajectory, config: DataConfig, dataset: Dataset, column: int | None) -> str:
    own = config.runs.get(trajectory.name, RunConfig()).condition
    if own or column is None:
        return own
    values = trajectory.inputs[:, column]
    known = values[np.isfinite(values)]
    return _level(float(known[0]), dataset.inputs[column].levels)


def _constant(trajectory: Trajectory, column: int | None, value: float) -> Trajectory:
    """With ``value`` in a column of the inputs, or in one more (None)."""
    before = trajectory.inputs_before
    if column is None:
        inputs = np.column_stack([trajectory.inputs, np.full(len(trajectory.t), value)])
        before = None if before is None else np.column_stack([before, np.full(len(trajectory.t), np.nan)])
        return replace(trajectory, inputs=inputs, inputs_before=before)
    inputs = trajectory.inputs.copy()
    inputs[:, column] = value
    if before is not None:
        before = before.copy()
        before[:, column] = np.nan
    return replace(trajectory, inputs=inputs, inputs_before=before)


def _with_inputs(dataset: Dataset, config: DataConfig) -> Dataset:
    """Constant inputs of conditions and runs, those of a run in front of those of its condition."""
    given = {one.name: {**_under(one, config).inputs, **_own(one, config).inputs} for one in dataset.trajectories}
    for name in dict.fromkeys(name for values in given.values() for name in values):
        _check_input(name, dataset, given)
        new = name not in dataset.input_names
        column = None if new else dataset.input_names.index(name)
        trajectories = tuple(
            _constant(one, column, given[one.name][name]) if name in given[one.name] else one
            for one in dataset.trajectories
        )
        inputs = (*dataset.inputs, Column(name, name)) if new else dataset.inputs
        dataset = replace(dataset, trajectories=trajectories, inputs=inputs)
    return dataset


def _check_input(name: str, dataset: Dataset, given: Mapping[str, Collection[str]]) -> None:
    if name == dataset.condition_column:
        raise DataError(f"`{name}` numbers the conditions and cannot be set; set `condition` of the run")
    if name in dataset.measured_names or not is_identifier(name):
        why = "is a measured column" if name in dataset.measured_names else "is no name for equations"
        raise DataError(f"a condition or run sets the input `{name}`, which {why}; choose another name")
    if name in dataset.input_names:
        return
    bare = [one for one, values in given.items() if name not in values]
    if bare:
        raise DataError(
            f"the input `{name}` is given for some runs and not for `{bare[0]}`; give every run a value in [data.runs], or the "
            f"conditions of all (there is no column `{name}` that could say it)"
        )


def _initial(trajectory: Trajectory, config: DataConfig) -> dict[str, float]:
    return {**_under(trajectory, config).initial, **_own(trajectory, config).initial}


def _dosed(trajectory: Trajectory, config: DataConfig) -> Trajectory:
    given = _own(trajectory, config).doses
    return trajectory if given is None else with_given_doses(trajectory, given)


def _under(trajectory: Trajectory, config: DataConfig) -> ConditionConfig:
    return config.conditions.get(trajectory.condition, ConditionConfig())


def _own(trajectory: Trajectory, config: DataConfig) -> RunConfig:
    return config.runs.get(trajectory.name, RunConfig())
