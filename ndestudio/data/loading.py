"""Files to a ``Dataset``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ndestudio.data.assemble import Rows, assemble
from ndestudio.data.cells import Kind
from ndestudio.data.config import DataConfig
from ndestudio.data.covariates import with_covariates
from ndestudio.data.dataset import Column, Dataset, Source
from ndestudio.data.dates import counted
from ndestudio.data.decisions import Decision
from ndestudio.data.deviations import cleaned
from ndestudio.data.guesses import guesses
from ndestudio.data.names import TIME_NAME, suggestion
from ndestudio.data.readers.base import Head, Table
from ndestudio.data.readers.registry import reader_for
from ndestudio.data.roles import Analysed, Assignment, analyse, assign, deviation_columns, find
from ndestudio.data.times.clock import Clock
from ndestudio.data.times.forms import TimeForm
from ndestudio.data.times.settle import ClockColumns, as_number, settled
from ndestudio.errors import DataError
from ndestudio.progress import Phase, Reporter, SilentReporter


def load(config: DataConfig, reporter: Reporter | None = None, base: str | Path | None = None) -> Dataset:
    """Read the files of a configuration.

    Roles that the configuration leaves open are guessed from the head of the first file, as ``preview`` shows them.

    Parameters
    ----------
    reporter
        Hears how far reading is; reading stops within a block when it asks to.
    base
        Folder that relative file names start from (default: the working directory).

    Raises
    ------
    DataError
        With file, row and column where there are any.
    """
    reporter = SilentReporter() if reporter is None else reporter
    if not config.files:
        raise DataError("no data file is named; name at least one (`files` in the table `data` of a spec)")
    plan: _Plan | None = None
    sources: list[Rows] = []
    clocks: list[ClockColumns] = []
    files: list[Source] = []
    for number, file in enumerate(config.files):
        reporter.emit(Phase("reading", f"Reading {Path(file).name}", number + 1, len(config.files)))
        path = Path(base or ".") / file
        reader = reader_for(path, file)
        head = reader.head(path, config, file)
        if head.problems:
            raise head.problems[0]
        plan = _plan(head, config) if plan is None else plan
        columns = _match(plan, head, config)
        head = replace(head, times=_forms(plan, columns))
        table = reader.read(path, head, _kinds(plan, columns), config, reporter)
        clocks.append(_clock_columns(plan, columns, table, head.path))
        sources.append(_rows(plan, columns, table, file))
        files.append(Source(file, table.sha256))
    assert plan is not None
    plan, sources = _timed(plan, sources, clocks, config)
    return _finish(plan, sources, files, config)


@dataclass(frozen=True)
class _Plan:
    """Which columns of the first file are used for what; those of the other files are found by label."""

    path: str
    columns: tuple[Analysed, ...]
    clock: Clock | None
    clocks: tuple[Analysed, ...]
    trajectory: Analysed | None
    measured: tuple[Analysed, ...]
    inputs: tuple[Analysed, ...]
    notes: tuple[str, ...]
    deviations: tuple[Analysed | None, ...]
    covariates: frozenset[str]
    decisions: tuple[Decision, ...]

    @property
    def used(self) -> tuple[Analysed, ...]:
        return tuple(
            one
            for one in (*self.clocks, self.trajectory, *self.measured, *self.inputs, *self.deviations)
            if one is not None
        )


def _plan(head: Head, config: DataConfig) -> _Plan:
    columns, names, problems = analyse(head, config)
    assignment = assign(columns, config, head.path)
    for problem in (*problems, *assignment.problems):
        raise problem
    _refuse_text(columns, assignment, head)

    def pick(role: str) -> tuple[Analysed, ...]:
        return tuple(column for column, one in zip(columns, assignment.roles, strict=True) if one == role)

    measured = _ordered(columns, config.states, pick("state"))
    covariates = _ordered(columns, config.covariates or None, pick("covariate"))
    inputs = (*_ordered(columns, config.inputs or None, pick("input")), *covariates)
    notes = (*head.notes, *names, *assignment.notes)
    pairs = deviation_columns(columns, assignment.roles, config)
    deviations = tuple(columns[pairs[one.index]] if one.index in pairs else None for one in measured)
    clock = assignment.clock
    return _Plan(
        head.path,
        columns,
        clock,
        tuple(columns[index] for index in clock.columns) if clock else (),
        *_one(pick("trajectory")),
        measured,
        inputs,
        notes,
        deviations,
        frozenset(one.alias for one in covariates),
        guesses(replace(head, decisions=(*head.decisions, *assignment.decisions)), columns, assignment.roles, config),
    )


def _one(columns: tuple[Analysed, ...]) -> tuple[Analysed | None]:
    return (columns[0] if columns else None,)


def _ordered(
    columns: Sequence[Analysed], names: Sequence[str] | None, found: tuple[Analysed, ...]
) -> tuple[Analysed, ...]:
    if names is None:
        return found
    indices = dict.fromkeys(find(columns, name) for name in names)
    return tuple(columns[index] for index in indices if index is not None)


def _refuse_text(columns: Sequence[Analysed], assignment: Assignment, head: Head) -> None:
    for column, role in zip(columns, assignment.roles, strict=True):
        if role in ("state", "input", "covariate", "time", "deviation") and column.kind == "text":
            seen = next(text for text in column.texts if text.strip())
            raise DataError(
                f"this column is to be used as {role} but holds text such as `{seen}`; choose a column of numbers",
                path=head.path,
                row=head.rows[column.texts.index(seen)],
                column=column.label,
            )


def _match(plan: _Plan, head: Head, config: DataConfig) -> dict[int, Analysed]:
    """For each used column of the plan the column of this file with the same label."""
    if head.path == plan.path:
        return {column.index: column for column in plan.used}
    columns, _, _ = analyse(head, DataConfig(missing=config.missing, units=config.units))
    matched: dict[int, Analysed] = {}
    for wanted in plan.used:
        found = next((column for column in columns if column.label == wanted.label), None)
        if found is None:
            raise DataError(
                f"there is no column `{wanted.label}`, which {plan.path} has; files that are loaded together need the "
                "same columns",
                path=head.path,
            )
        if found.unit != wanted.unit and config.units.get(wanted.label) is None:
            raise DataError(
                f"the unit is `{found.unit or 'none'}` here and `{wanted.unit or 'none'}` in {plan.path}; convert one, "
                "or say which unit holds for all",
                path=head.path,
                column=wanted.label,
            )
        matched[wanted.index] = found
    return matched


def _kinds(plan: _Plan, columns: dict[int, Analysed]) -> dict[int, Kind]:
    kinds: dict[int, Kind] = {}
    for wanted in plan.used:
        is_name = plan.trajectory is not None and wanted.index == plan.trajectory.index
        kinds[columns[wanted.index].index] = "text" if is_name else wanted.kind
    for part in plan.clock.parts if plan.clock else ():
        # what the head leaves open is decided by all cells of all files
        kinds[columns[part.index].index] = "number" if as_number(part) else "text" if part.others else "date"
    return kinds


def _forms(plan: _Plan, columns: dict[int, Analysed]) -> dict[int, TimeForm]:
    parts = plan.clock.parts if plan.clock else ()
    return {columns[part.index].index: part.form for part in parts if part.form is not None}


def _clock_columns(plan: _Plan, columns: dict[int, Analysed], table: Table, path: str) -> ClockColumns:
    # taken out of the table, so that a long column is not held twice
    taken = {
        part.index: table.columns.pop(columns[part.index].index) for part in (plan.clock.parts if plan.clock else ())
    }
    return ClockColumns(path, taken, table.rows)


def _timed(
    plan: _Plan, sources: list[Rows], clocks: list[ClockColumns], config: DataConfig
) -> tuple[_Plan, list[Rows]]:
    if plan.clock is None:
        return plan, sources
    clock, times, decisions = settled(plan.clock, clocks, config)
    kept = tuple(
        one for one in plan.decisions if (one.topic, one.column) not in {(d.topic, d.column) for d in decisions}
    )
    plan = replace(plan, clock=clock, decisions=(*kept, *decisions))
    return plan, [replace(source, t=t) for source, t in zip(sources, times, strict=True)]


def _rows(plan: _Plan, columns: dict[int, Analysed], table: Table, file: str) -> Rows:
    def values(column: Analysed) -> np.ndarray:
        # taken out of the table, so that a long column is not held twice while the matrix is filled
        return table.columns.pop(columns[column.index].index)

    def stacked(chosen: tuple[Analysed, ...]) -> np.ndarray:
        matrix = np.empty((len(table.rows), len(chosen)))
        for index, one in enumerate(chosen):
            matrix[:, index] = values(one)
        return matrix

    group = values(plan.trajectory) if plan.trajectory else None
    deviation = None
    if any(one is not None for one in plan.deviations):
        unknown = np.full(len(table.rows), np.nan)
        deviation = np.column_stack([unknown if one is None else values(one) for one in plan.deviations])
    return Rows(
        path=file,
        stem=Path(file).stem,
        t=_count(len(table.rows), group) if plan.clock is None else np.full(len(table.rows), np.nan),
        measured=stacked(plan.measured),
        inputs=stacked(plan.inputs),
        group=group,
        rows=table.rows,
        label=plan.clock.label if plan.clock else "time",
        deviation=deviation,
    )


def _count(rows: int, group: np.ndarray | None) -> np.ndarray:
    """0, 1, 2, ... for the rows of each trajectory."""
    if group is None:
        return np.arange(rows, dtype=np.float64)
    inverse = np.unique(group.astype(str), return_inverse=True)[1]
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], inverse[order], side="left")
    counted = np.empty(rows)
    counted[order] = np.arange(rows) - starts
    return counted


def _finish(plan: _Plan, sources: list[Rows], files: list[Source], config: DataConfig) -> Dataset:
    notes = list(plan.notes)
    found = counted(sources, plan.clock or Clock(()))
    notes += found.notes
    sources = found.sources
    time = Column(TIME_NAME, found.reading.label, found.reading.unit)
    sources = _clean_deviations(plan, sources, notes)
    keep = _with_values(plan, sources, config, notes)
    sources = [_select(source, keep) for source in sources]
    measured = [plan.measured[index] for index in keep]
    dataset = assemble(
        sources,
        time,
        [_column(one) for one in measured],
        [_column(one) for one in plan.inputs],
        files=files,
        notes=notes,
        weights=_weights(measured, config),
        split=config.split,
    )
    dataset = replace(with_covariates(dataset, plan.covariates), decisions=plan.decisions, time_reading=found.reading)
    return _with_trajectory_weights(dataset, config)


def _with_values(plan: _Plan, sources: list[Rows], config: DataConfig, notes: list[str]) -> list[int]:
    keep = []
    for index, column in enumerate(plan.measured):
        if any(np.isfinite(source.measured[:, index]).any() for source in sources):
            keep.append(index)
        elif config.states is not None or len(plan.measured) == 1:
            raise DataError(
                "the column has no value in any row; ignore it, or model it as a state that is not measured",
                path=plan.path,
                column=column.label,
            )
        else:
            notes.append(f"`{column.label}` has no value in any row, and is left out.")
    if not keep:
        raise DataError("no measured column has any value; choose other columns as states", path=plan.path)
    return keep


def _select(source: Rows, keep: list[int]) -> Rows:
    if len(keep) == source.measured.shape[1]:
        return source
    deviation = None if source.deviation is None else source.deviation[:, keep]
    return replace(source, measured=source.measured[:, keep], deviation=deviation)


def _clean_deviations(plan: _Plan, sources: list[Rows], notes: list[str]) -> list[Rows]:
    from dataclasses import replace

    found = []
    for source in sources:
        if source.deviation is None:
            found.append(source)
            continue
        columns = source.deviation.copy()
        for index, one in enumerate(plan.deviations):
            if one is not None:
                columns[:, index], note = cleaned(
                    columns[:, index], path=source.path, column=one.label, rows=source.rows
                )
                notes += [note] if note else []
        found.append(replace(source, deviation=columns))
    return found


def _weights(measured: list[Analysed], config: DataConfig) -> dict[str, float]:
    weights = {one.alias: config.weights[name] for one in measured for name in one.answers_to if name in config.weights}
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise DataError(f"the weight {weight:g} must be a number that is not negative", column=name)
    return weights


def _with_trajectory_weights(dataset: Dataset, config: DataConfig) -> Dataset:
    if not config.trajectory_weights:
        return dataset
    names = [trajectory.name for trajectory in dataset.trajectories]
    for name, weight in config.trajectory_weights.items():
        if name not in names:
            raise DataError(f"there is no trajectory `{name}` to be given a weight{suggestion(name, names)}")
        if not (np.isfinite(weight) and weight >= 0):
            raise DataError(f"the weight {weight:g} of trajectory `{name}` must be a number that is not negative")
    weighted = tuple(
        replace(trajectory, weight=config.trajectory_weights.get(trajectory.name, 1.0))
        for trajectory in dataset.trajectories
    )
    return replace(dataset, trajectories=weighted)


def _column(column: Analysed) -> Column:
    return Column(column.alias, column.label, column.unit)
