"""The experiment table: one row for each run, with its condition, constants and starts; and what each condition changes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from ndestudio.data.config import ConditionConfig, DataConfig, GivenDoseConfig, RunConfig
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.data.run_doses import given_of
from ndestudio.errors import DataError

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(\S+)\s*\Z")


@dataclass(frozen=True)
class InputCell:
    """An input of a run: what it is in words, and whether the run's own setting says so."""

    text: str
    own: bool


@dataclass(frozen=True)
class ExperimentRow:
    """A run.

    Parameters
    ----------
    inputs
        Of each input of ``Experiments.inputs``.
    starts
        Initial values that the run's own setting fixes: `x = 1.5; y = 0`.
    fixed
        Those that hold, with the ones of its condition.
    given
        Its doses, even sequences in one row.
    own_doses
        Whether the run's own setting says them.
    begins
        What its own setting says of a steady state before it, as ``begin_words`` has it.
    at_rest
        Whether it is a steady state itself.
    """

    name: str
    condition: str
    doses: int
    inputs: tuple[InputCell, ...]
    starts: str
    fixed: str
    given: tuple[GivenDoseConfig, ...] = ()
    own_doses: bool = False
    begins: str = ""
    at_rest: bool = False


@dataclass(frozen=True)
class ConditionRow:
    """A condition and what it changes, as `name = value; ...`."""

    name: str
    runs: int
    parameters: str
    inputs: str
    initial: str
    note: str
    begins: str = ""


@dataclass(frozen=True)
class Experiments:
    """What the experiment table shows.

    Parameters
    ----------
    column
        Setting `condition`, "" without.
    columns
        Columns that could tell the condition.
    steady
        Whether every row is a steady state by the settings.
    """

    inputs: tuple[str, ...] = ()
    rows: tuple[ExperimentRow, ...] = ()
    conditions: tuple[ConditionRow, ...] = ()
    column: str = ""
    columns: tuple[str, ...] = ()
    steady: bool = False


def experiments(config: DataConfig, dataset: Dataset | None, columns: tuple[str, ...]) -> Experiments:
    """The table as it stands.

    Parameters
    ----------
    columns
        Labels of the columns that could tell the condition.
    """
    if dataset is None:
        return Experiments(column=config.condition or "", columns=columns, steady=config.steady)
    names = tuple(name for name in dataset.input_names if not _numbers_conditions(name, dataset, config))
    rows = tuple(_row(one, config, dataset, names) for one in dataset.trajectories)
    used = [one.condition for one in dataset.trajectories]
    order = dict.fromkeys((*config.conditions, *sorted({one for one in used if one})))
    conditions = tuple(_condition(name, config, used.count(name)) for name in order)
    return Experiments(names, rows, conditions, config.condition or "", columns, config.steady)


def categories(dataset: Dataset) -> tuple[str, ...]:
    """Inputs that stand for categories, the conditions aside."""
    return tuple(one.name for one in dataset.inputs if one.levels and one.name != dataset.condition_column)


def assignments(text: str) -> dict[str, float]:
    """`k = 0; T = 37` as name -> number.

    Raises
    ------
    DataError
        What is no assignment of a number to a name.
    """
    found: dict[str, float] = {}
    for part in re.split(r"[;\n]", text):
        if not part.strip():
            continue
        match = _ASSIGNMENT.match(part)
        try:
            value = float(match.group(2).replace(",", ".")) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not math.isfinite(value):
            raise DataError(f"`{part.strip()}` is no value of a name; write such as `k = 0; T = 37.5`")
        found[match.group(1)] = value
    return found


def written(values: Mapping[str, float]) -> str:
    """The text that ``assignments`` reads."""
    return "; ".join(f"{name} = {value:.12g}" for name, value in values.items())


SETTLED = "settled"


def begin_words(equilibrated: str | Mapping[str, float] | None) -> str:
    """ "" for as the data say, `settled` under the inputs of its begin, `S = 0` under these, or the name of a condition."""
    if equilibrated is None or isinstance(equilibrated, str):
        return equilibrated or ""
    return written(equilibrated) or SETTLED


def begin_of(text: str, conditions: Collection[str]) -> str | dict[str, float] | None:
    """The setting that ``begin_words`` writes.

    Raises
    ------
    DataError
        What is neither.
    """
    if not text:
        return None
    if text == SETTLED:
        return {}
    if text in conditions:
        return text
    if "=" not in text:
        known = f", or one of the conditions {', '.join(conditions)}" if conditions else ""
        raise DataError(
            f"`{text}` is no begin; type `{SETTLED}` for the steady state under the run's first inputs, `S = 0` for that under others{known}"
        )
    return assignments(text)


def with_run(
    config: DataConfig,
    name: str,
    *,
    condition: str | None = None,
    inputs: Mapping[str, float | None] | None = None,
    initial: Mapping[str, float] | None = None,
    doses: tuple[GivenDoseConfig, ...] | msgspec.UnsetType | None = msgspec.UNSET,
    **others: object,
) -> DataConfig:
    """Other settings of a run; a value of None takes an input's own constant away, or its own doses. Conditions it names come to
    be."""
    run = config.runs.get(name, RunConfig())
    if condition is not None:
        run = msgspec.structs.replace(run, condition=condition)
    if inputs is not None:
        kept = {**run.inputs, **inputs}
        run = msgspec.structs.replace(
            run, inputs={key: float(value) for key, value in kept.items() if value is not None}
        )
    if initial is not None:
        run = msgspec.structs.replace(run, initial=dict(initial))
    if not isinstance(doses, msgspec.UnsetType):
        run = msgspec.structs.replace(run, doses=doses)
    run = msgspec.structs.replace(run, **others)
    runs = {**config.runs, name: run}
    if run == RunConfig():
        del runs[name]
    conditions = config.conditions
    if condition and config.conditions and condition not in conditions:
        conditions = {**conditions, condition: ConditionConfig()}
    return msgspec.structs.replace(config, runs=runs, conditions=conditions)


def with_condition(config: DataConfig, name: str, **changes: object) -> DataConfig:
    """Other settings of a condition; one that changes nothing is not written down."""
    changed = msgspec.structs.replace(config.conditions.get(name, ConditionConfig()), **changes)
    conditions = {**config.conditions, name: changed}
    if changed == ConditionConfig():
        del conditions[name]
    return msgspec.structs.replace(config, conditions=conditions)


def with_new_input(config: DataConfig, dataset: Dataset, name: str, value: float) -> DataConfig:
    """An input with one value in every run, which is then changed run by run."""
    for one in dataset.trajectories:
        config = with_run(config, one.name, inputs={name: value})
    return config


def _numbers_conditions(name: str, dataset: Dataset, config: DataConfig) -> bool:
    """Whether an input only numbers the conditions: it stands in a column of its own."""
    told = {config.condition, *(column.label for column in dataset.inputs if column.label == config.condition)}
    return name == dataset.condition_column and name not in told


def _row(one: Trajectory, config: DataConfig, dataset: Dataset, names: tuple[str, ...]) -> ExperimentRow:
    own = config.runs.get(one.name, RunConfig())
    cells = tuple(InputCell(_input_words(one, dataset, name), name in own.inputs) for name in names)
    given = given_of(one.doses) if own.doses is None else own.doses
    return ExperimentRow(
        one.name,
        one.condition,
        len(one.doses),
        cells,
        written(own.initial),
        written(one.initial),
        given,
        own.doses is not None,
        begin_words(own.equilibrated),
        one.is_steady_state,
    )


def _input_words(one: Trajectory, dataset: Dataset, name: str) -> str:
    place = dataset.input_names.index(name)
    known = one.inputs[np.isfinite(one.inputs[:, place]), place]
    if not known.size:
        return ""
    low, high = float(known.min()), float(known.max())
    levels = dataset.inputs[place].levels
    if low == high:
        return levels[int(low)] if levels else f"{low:.6g}"
    kind = one.input_kinds[place] if place < len(one.input_kinds) else "linear"
    return f"{low:.4g} to {high:.4g} ({kind})"


def _condition(name: str, config: DataConfig, runs: int) -> ConditionRow:
    one = config.conditions.get(name, ConditionConfig())
    begins = begin_words(one.equilibrated)
    return ConditionRow(
        name, runs, written(one.parameters), written(one.inputs), written(one.initial), one.note, begins
    )


__all__ = [
    "ConditionRow",
    "ExperimentRow",
    "Experiments",
    "InputCell",
    "assignments",
    "begin_of",
    "begin_words",
    "categories",
    "experiments",
    "with_condition",
    "with_new_input",
    "with_run",
    "written",
]
