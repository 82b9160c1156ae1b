"""From tables to a ``Dataset``: rows sorted into trajectories, checked, and split.

What can be set aside without touching anything else is set aside with a note: rows without a time, trajectories with
fewer than two usable rows. What is ambiguous is an error with its row: times that repeat or decrease.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int64

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Column, Dataset, Dose, Part, Source, Trajectory
from ndestudio.data.split import resplit
from ndestudio.errors import DataError


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one source.

    Parameters
    ----------
    path
        How errors call the source; None for arrays.
    stem
        Name of the trajectory if ``group`` is None.
    t
        NaN where the time is missing.
    group
        Name of the trajectory of each row ("" where missing), or None.
    rows
        Place of each row in the file (1-based).
    label
        Of the time column.
    deviation
        Standard deviations of the measured values (NaN where unknown), or None.
    observable
        What each row measures, in a long table ("" where missing), else None.
    events
        Setting of `[data.doses]` -> its column.
    doses
        Name of a trajectory (as in ``group``, or ``stem``) -> its doses.
    before
        Values of inputs just before a step that two rows at one time stand for (NaN elsewhere), or None.
    compartments
        Where the dose of each row goes, or None.
    units
        Unit of the value of each row of a long table, or None.
    texts
        Place of an input that is written as text -> its texts, which are not numbered yet.
    ends
        Between which values lie of which no more is known (NaN: measured; -inf, inf: no end), or None.
    steady
        Rows that are steady states (their time is NaN), or None.
    """

    path: str | None
    stem: str
    t: Float[np.ndarray, " row"]
    measured: Float[np.ndarray, "row measured"]
    inputs: Float[np.ndarray, "row input"]
    group: np.ndarray | None
    rows: Int64[np.ndarray, " row"]
    label: str = "time"
    deviation: Float[np.ndarray, "row measured"] | None = None
    observable: np.ndarray | None = None
    events: Mapping[str, Float[np.ndarray, " row"]] = field(default_factory=dict)
    doses: Mapping[str, tuple[Dose, ...]] = field(default_factory=dict)
    before: Float[np.ndarray, "row input"] | None = None
    compartments: np.ndarray | None = None
    units: np.ndarray | None = None
    texts: Mapping[int, np.ndarray] = field(default_factory=dict)
    ends: Float[np.ndarray, "row measured 2"] | None = None
    steady: Bool[np.ndarray, " row"] | None = None

    def rows_at(self, pick: Int64[np.ndarray, " picked"]) -> Rows:
        """Some of the rows, in this order."""

        def picked(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[pick]

        return replace(
            self,
            t=self.t[pick],
            measured=self.measured[pick],
            inputs=self.inputs[pick],
            group=picked(self.group),
            rows=self.rows[pick],
            deviation=picked(self.deviation),
            ends=picked(self.ends),
            observable=picked(self.observable),
            events={name: values[pick] for name, values in self.events.items()},
            before=picked(self.before),
            compartments=picked(self.compartments),
            units=picked(self.units),
            texts={place: values[pick] for place, values in self.texts.items()},
            steady=picked(self.steady),
        )


def without_endless(source: Rows) -> Rows:
    """Rows of the time `inf` marked as steady states."""
    endless = source.t == np.inf
    return replace(source, t=np.where(endless, np.nan, source.t), steady=endless) if endless.any() else source


def at_rest(source: Rows) -> Rows:
    """All rows marked as steady states."""
    return replace(source, t=np.full(len(source.t), np.nan), steady=np.ones(len(source.t), dtype=bool))


_Pick: TypeAlias = np.ndarray | slice
"""Which rows of a source make a trajectory."""


@dataclass
class _Notes:
    sentences: list[str] = field(default_factory=list)

    def rows(self, path: str | None, rows: np.ndarray, why: str) -> None:
        if len(rows) == 0:
            return
        shown = ", ".join(str(row) for row in rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
        self.sentences.append(
            f"{_where(path)}{'row' if len(rows) == 1 else 'rows'} {shown}: {why}; set aside, the rest is used."
        )


def assemble(
    sources: Sequence[Rows],
    time: Column,
    measured: Sequence[Column],
    inputs: Sequence[Column] = (),
    *,
    files: Sequence[Source] = (),
    notes: Sequence[str] = (),
    weights: Mapping[str, float] | None = None,
    split: SplitConfig | None = None,
) -> Dataset:
    """Build a dataset.

    Raises
    ------
    DataError
        Times that repeat or decrease, or nothing usable left.
    """
    kept = _Notes(list(notes))
    trajectories = [
        one
        for source, name, group, pick in _grouped(sources, kept)
        for one in _trajectory(source, name, group, pick, kept)
    ]
    if not trajectories:
        reasons = " ".join(kept.sentences[len(notes) :])
        raise DataError(
            f"no trajectory with at least two measured rows is left. {reasons}".strip(),
            path=sources[0].path if sources else None,
        )
    _check_inputs(trajectories, inputs)
    dataset = Dataset(
        tuple(trajectories),
        time,
        tuple(measured),
        tuple(inputs),
        tuple(files),
        tuple(kept.sentences),
        dict(weights or {}),
    )
    return resplit(dataset, SplitConfig() if split is None else split)


def _grouped(sources: Sequence[Rows], notes: _Notes) -> Iterator[tuple[Rows, str, str | None, _Pick]]:
    """Source, name, group and row indices of each trajectory, in order of appearance; names are made unique."""
    found: list[tuple[Rows, str, _Pick]] = []
    for source in sources:
        if source.group is None:
            found.append((source, source.stem, slice(None)))
            continue
        names, first, inverse = np.unique(source.group.astype(str), return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(len(names) + 1))
        for number in np.argsort(first):
            pick = order[bounds[number] : bounds[number + 1]]
            if names[number]:
                found.append((source, str(names[number]), pick))
            else:
                notes.rows(source.path, source.rows[pick], "the trajectory is not named")
    repeated = {name for name in (one[1] for one in found) if sum(name == other[1] for other in found) > 1}
    taken: set[str] = set()
    for source, name, pick in found:
        unique = f"{source.stem}/{name}" if name in repeated and source.group is not None else name
        base, number = unique, 2
        while unique in taken:
            unique, number = f"{base} ({number})", number + 1
        taken.add(unique)
        yield source, unique, None if source.group is None else name, pick


def _steady_states(source: Rows, name: str, pick: _Pick, alone: bool, notes: _Notes) -> Iterator[Trajectory]:
    """Each row that is a steady state, as a trajectory of one sample that begins settled."""
    rows = np.arange(len(source.t))[pick]
    unmeasured = ~np.isfinite(source.measured[rows]).any(axis=1)
    notes.rows(source.path, source.rows[rows[unmeasured]], "nothing was measured of the steady state")
    rows = rows[~unmeasured]
    for number, row in enumerate(rows, 1):
        numbered = f" {number}" if len(rows) > 1 else ""
        yield Trajectory(
            f"{name}{numbered}" if alone else f"{name} at rest{numbered}",
            np.zeros(1),
            source.measured[row : row + 1],
            source.inputs[row : row + 1],
            np.full(1, Part.TRAIN, dtype=np.int8),
            deviation=None if source.deviation is None else source.deviation[row : row + 1],
            ends=_some_ends(source, slice(row, row + 1)),
            settles=True,
        )


def _trajectory(source: Rows, name: str, group: str | None, pick: _Pick, notes: _Notes) -> Iterator[Trajectory]:
    if source.steady is not None:
        pick = np.arange(len(source.t))[pick]
        steady = source.steady[pick]
        yield from _steady_states(source, name, pick[steady], bool(steady.all()), notes)
        pick = pick[~steady]
        if not len(pick):
            return
    timed = np.isfinite(source.t[pick])
    if not timed.all():
        pick = np.arange(len(source.t))[pick]
        notes.rows(source.path, source.rows[pick[~timed]], "the time is missing")
        pick = pick[timed]
    t, measured, rows = source.t[pick], source.measured[pick], source.rows[pick]
    usable = _usable(measured)
    if usable < 2:
        place = f"row {rows[0]}" if len(rows) == 1 else f"{len(rows)} rows"
        seen = "no measured value" if usable == 0 else "only one measured row"
        notes.sentences.append(
            f"{_where(source.path)}trajectory `{name}` ({place}) has {seen} where two are needed; set aside, "
            "the rest is used."
        )
        return
    _check_times(source, name, t, rows)
    part = np.full(len(t), Part.TRAIN, dtype=np.int8)
    deviation = None if source.deviation is None else source.deviation[pick]
    doses = source.doses.get(source.stem if group is None else group, ())
    before = None if source.before is None else source.before[pick]
    before = before if before is not None and np.isfinite(before).any() else None
    yield Trajectory(
        name,
        t,
        measured,
        source.inputs[pick],
        part,
        deviation=deviation,
        ends=_some_ends(source, pick),
        doses=tuple(sorted(doses, key=lambda one: one.time)),
        inputs_before=before,
    )


def _some_ends(source: Rows, pick: _Pick) -> np.ndarray | None:
    """Ends of the values of some rows; None where all of them were measured."""
    ends = None if source.ends is None else source.ends[pick]
    return None if ends is None or np.isnan(ends).all() else ends


def _usable(measured: np.ndarray) -> int:
    """Rows with a value; at least two of the first thousand are enough to know."""
    first = int(np.isfinite(measured[:1000]).any(axis=1).sum())
    return first if first >= 2 else first + int(np.isfinite(measured[1000:]).any(axis=1).sum())


def _check_times(source: Rows, name: str, t: np.ndarray, rows: np.ndarray) -> None:
    steps = np.diff(t)
    if np.all(steps > 0):
        return
    place = int(np.flatnonzero(steps <= 0)[0]) + 1
    of = f" in trajectory `{name}`" if source.group is not None else ""
    if steps[place - 1] == 0:
        sentence = (
            f"the time {t[place]:.10g} is there twice{of} (also in row {rows[place - 1]}); keep one of the rows, or if "
            "they are different experiments, give each its own file or its own name in a trajectory column"
        )
    else:
        sentence = (
            f"the time falls from {t[place - 1]:.10g} to {t[place]:.10g}{of}; sort the rows by time, or if a new "
            "experiment begins here, give each its own file or its own name in a trajectory column"
        )
    raise DataError(sentence, path=source.path, row=int(rows[place]), column=source.label)


def _check_inputs(trajectories: Sequence[Trajectory], inputs: Sequence[Column]) -> None:
    for trajectory in trajectories:
        for column, values in zip(inputs, trajectory.inputs.T, strict=True):
            if not np.isfinite(values).any():
                raise DataError(
                    f"the input has no value in trajectory `{trajectory.name}`; an input needs at least one there, or "
                    "ignore the column",
                    column=column.label,
                )


def _where(path: str | None) -> str:
    return f"{path}, " if path else ""
