"""Files to a ``Dataset``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from ndestudio.data.assemble import Rows, assemble, at_rest, without_endless
from ndestudio.data.cells import Kind
from ndestudio.data.conditions import with_conditions
from ndestudio.data.config import DataConfig
from ndestudio.data.covariates import with_covariates
from ndestudio.data.dataset import Column, Dataset, Source
from ndestudio.data.dates import counted, per_hour
from ndestudio.data.decisions import open_decisions, question
from ndestudio.data.deviations import cleaned
from ndestudio.data.input_paths import with_paths
from ndestudio.data.names import TIME_NAME, suggestion
from ndestudio.data.overlay import overlaid
from ndestudio.data.plan import Plan, clock_columns, forms, kinds, make_plan, match
from ndestudio.data.readers.base import Head, Reader, Table, side_by_side, suited
from ndestudio.data.readers.registry import reader_for
from ndestudio.data.roles import Analysed
from ndestudio.data.shape.across import spread
from ndestudio.data.shape.below import side
from ndestudio.data.shape.events import plain_texts
from ndestudio.data.shape.reshape import Quantity, Shaped, columns_at, reshape
from ndestudio.data.shape.runs import run_name
from ndestudio.data.times.clock import Clock
from ndestudio.data.times.order import oldest_first
from ndestudio.data.times.settle import ClockColumns, settled
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
    plan: Plan | None = None
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
        for decision in open_decisions(head.decisions):
            raise question(decision, file)
        config = suited(config, head) if plan is None else config
        plan = make_plan(head, config) if plan is None else plan
        columns = match(plan, head, config)
        clock = frozenset(columns[part.index].index for part in (plan.clock.parts if plan.clock else ()))
        head = replace(head, times=forms(plan, columns), clock=clock)
        table = reader.read(path, head, kinds(plan, columns), config, reporter)
        clocks.append(clock_columns(plan, columns, table, file))
        texts = _texts_of_limits(reader, path, head, plan, columns, config) if config.below == "censored" else None
        sources.append(_with_ends(_rows(plan, columns, table, file), plan, columns, texts))
        files.append(Source(file, table.sha256))
    assert plan is not None
    plan, sources = _timed(plan, sources, clocks, config)
    return _finish(plan, sources, files, config)


def _timed(plan: Plan, sources: list[Rows], clocks: list[ClockColumns], config: DataConfig) -> tuple[Plan, list[Rows]]:
    """The plan with its clock settled by all rows, and the sources with their times."""
    if plan.clock is None:
        return plan, [at_rest(source) for source in sources] if config.steady else sources
    clock, times, decisions = settled(plan.clock, clocks, config)
    told = {(one.topic, one.column) for one in decisions}
    kept = (one for one in plan.decisions if (one.topic, one.column) not in told)
    plan = replace(plan, clock=clock, decisions=(*kept, *decisions))
    sources = [replace(source, t=t) for source, t in zip(sources, times, strict=True)]
    sources = [at_rest(source) if config.steady else without_endless(source) for source in sources]
    if (plan.observable is not None or plan.across is not None) and any(one.steady is not None for one in sources):
        raise DataError(
            "steady states (rows of the time `inf`) are read from tables with a column for each quantity only; write the table so",
            path=plan.path,
        )
    sources, notes = oldest_first(sources)
    return replace(plan, notes=(*plan.notes, *notes)), sources


def _rows(plan: Plan, columns: dict[int, Analysed], table: Table, file: str) -> Rows:
    def values(column: Analysed) -> np.ndarray:
        return table.columns[columns[column.index].index]

    count = len(table.rows)

    def stacked(chosen: tuple[Analysed, ...]) -> np.ndarray:
        beside = (
            None if any(one.index in plan.texts for one in chosen) else side_by_side([values(one) for one in chosen])
        )
        if beside is not None:
            return beside
        matrix = np.empty((count, len(chosen)))
        for index, one in enumerate(chosen):
            matrix[:, index] = np.nan if one.index in plan.texts else values(one)
            # taken out of the table, so that a long column is not held twice while the matrix is filled
            if one.index not in plan.texts and one.index not in twice:
                del table.columns[columns[one.index].index]
        return matrix

    twice = {one.index for one in (*plan.events.values(), *plan.deviations) if one is not None}
    group = _run_names([values(one) for one in plan.trajectory])
    deviation = None
    if any(one is not None for one in plan.deviations):
        unknown = np.full(count, np.nan)
        deviation = np.column_stack([unknown if one is None else values(one) for one in plan.deviations])
    events = {name: values(one) for name, one in plan.events.items() if one.index not in plan.texts}
    where = plan.events.get("compartment")
    return Rows(
        path=file,
        stem=Path(file).stem,
        t=_count(count, group) if plan.clock is None else np.full(count, np.nan),
        measured=stacked(plan.read_as_values),
        inputs=stacked(plan.inputs),
        group=group,
        rows=table.rows,
        label=plan.clock.label if plan.clock else "time",
        deviation=deviation,
        observable=values(plan.observable) if plan.observable else None,
        units=values(plan.unit) if plan.unit else None,
        events=events,
        compartments=None if where is None else plain_texts(values(where)),
        texts={k: plain_texts(values(one)) for k, one in enumerate(plan.inputs) if one.index in plan.texts},
    )


def _texts_of_limits(
    reader: Reader, path: Path, head: Head, plan: Plan, columns: dict[int, Analysed], config: DataConfig
) -> Table:
    """The cells of the measured columns as they are written."""
    wanted = {columns[one.index].index: "text" for one in plan.read_as_values}
    return reader.read(path, head, cast("dict[int, Kind]", wanted), config, SilentReporter())


def _with_ends(source: Rows, plan: Plan, columns: dict[int, Analysed], texts: Table | None) -> Rows:
    """Rows with the ends between which values lie whose cells name a limit (`<0.5`)."""
    if texts is None:
        return source
    ends = np.full((*source.measured.shape, 2), np.nan)
    for k, one in enumerate(plan.read_as_values):
        cells = texts.columns[columns[one.index].index]
        sides = {cell: side(str(cell)) for cell in set(cells)}
        at = np.flatnonzero([sides[cell] != 0 for cell in cells])
        rows = np.searchsorted(source.rows, texts.rows[at])
        for row, cell in zip(rows, cells[at], strict=True):
            limit = source.measured[row, k]
            if np.isfinite(limit):
                ends[row, k] = (-np.inf, limit) if sides[cell] < 0 else (limit, np.inf)
    return source if np.isnan(ends).all() else replace(source, ends=ends)


def _run_names(columns: list[np.ndarray]) -> np.ndarray | None:
    """The name of the run of each row, from the columns that name it together."""
    if not columns:
        return None
    plainly = [plain_texts(column) for column in columns]
    if len(plainly) == 1:
        return plainly[0]
    return np.array([run_name(parts) for parts in zip(*plainly, strict=True)], dtype=object)


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


def _finish(plan: Plan, sources: list[Rows], files: list[Source], config: DataConfig) -> Dataset:
    notes = list(plan.notes)
    clock = plan.clock or Clock(())
    if plan.across is not None:
        clock = plan.across.clock
        sources = [spread(source, np.array(plan.across.times)) for source in sources]
    found = counted(sources, clock)
    notes += found.notes
    time = Column(TIME_NAME, found.reading.label, found.reading.unit)
    sources = _clean_deviations(plan, found.sources, notes)
    shaped = reshape(plan, sources, config, 1.0 if clock.plain else per_hour(found.reading.unit))
    notes += shaped.notes
    keep = _with_values(plan, shaped, config, notes)
    measured = [shaped.measured[index] for index in keep]
    dataset = assemble(
        [columns_at(source, keep) for source in shaped.sources],
        time,
        [one.column for one in measured],
        [one.column for one in shaped.inputs],
        files=files,
        notes=notes,
        weights=_weights(measured, config),
        split=config.split,
    )
    dataset = with_paths(with_covariates(dataset, shaped.covariates), shaped.covariates, config)
    dataset = overlaid(with_conditions(dataset, config), config)
    decisions = (*plan.decisions, *shaped.decisions, *dataset.decisions)
    return _with_trajectory_weights(replace(dataset, decisions=decisions, time_reading=found.reading), config)


def _any_value(column: np.ndarray) -> bool:
    """Whether any value is known; the first ones mostly tell."""
    return bool(np.isfinite(column[:1000]).any() or np.isfinite(column[1000:]).any())


def _with_values(plan: Plan, shaped: Shaped, config: DataConfig, notes: list[str]) -> list[int]:
    keep = []
    for index, column in enumerate(shaped.measured):
        if any(_any_value(source.measured[:, index]) for source in shaped.sources):
            keep.append(index)
        elif config.states or len(shaped.measured) == 1:
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


def _clean_deviations(plan: Plan, sources: list[Rows], notes: list[str]) -> list[Rows]:
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


def _weights(measured: list[Quantity], config: DataConfig) -> dict[str, float]:
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
