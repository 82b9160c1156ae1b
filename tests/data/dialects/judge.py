"""What ``load`` made of a file of known content: right, asked about, or wrong in silence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ndestudio.data import DataConfig, Dataset, load
from ndestudio.data.dataset import Trajectory
from ndestudio.errors import DataError
from tests.data.dialects.clocks import SECONDS
from tests.data.dialects.columns import Run, Table
from tests.data.dialects.files import Made

Outcome = Literal["right", "asked", "refused", "said", "wrong", "crash"]
_TOPICS = {
    "time": {"time", "unit", "format"},
    "unit": {"unit", "time"},
    "values": {"missing", "format"},
    "runs": {"trajectory", "shape"},
    "columns": {"role", "shape", "header", "table", "trajectory"},
}
"""Kind of a fault -> topics of the decisions that can be about it."""


@dataclass(frozen=True)
class Verdict:
    """How a file was read, and the sentence or the fault."""

    outcome: Outcome
    why: str = ""


def judged(made: Made, folder: Path) -> Verdict:
    """Load a file and compare it with what it holds."""
    path = folder / made.name
    path.write_bytes(made.content)
    try:
        dataset = load(DataConfig(files=(str(path),)))
    except DataError as error:
        return Verdict("asked" if error.decision is not None else "refused", str(error))
    except Exception as error:  # whatever it is, it is a fault of the program
        return Verdict("crash", f"{type(error).__name__}: {error}")
    finally:
        path.unlink()
    fault = _fault(dataset, made.table)
    if fault is None:
        return Verdict("right")
    kind, sentence, column = fault
    return Verdict("said" if _said(dataset, kind, column) else "wrong", f"{kind}: {sentence}")


def _said(dataset: Dataset, kind: str, column: str) -> bool:
    """Whether a guess with little evidence, or a sentence, is about just this."""
    doubts = (one for one in dataset.decisions if not one.certain and one.topic in _TOPICS[kind])
    if any(not column or one.column in (None, column) or f"`{column}`" in one.sentence for one in doubts):
        return True
    return bool(column) and any(f"`{column}`" in note and "left out" in note for note in dataset.notes)


Fault = tuple[str, str, str]


def _fault(dataset: Dataset, table: Table) -> Fault | None:
    if "replicates" in table.features:
        return _fault_of_replicates(dataset, table)
    if len(dataset.trajectories) != len(table.runs):
        names = [one.name for one in dataset.trajectories]
        return "runs", f"{len(names)} instead of {len(table.runs)}: {names[:6]}", ""
    columns = _columns(dataset, table)
    if isinstance(columns, tuple):
        return columns
    for run, trajectory in zip(table.runs, _in_order(dataset, table.runs), strict=True):
        rows = _rows(dataset, table, run, trajectory)
        if isinstance(rows, tuple):
            return rows
        for label, values in run.values.items():
            found = trajectory.measured[:, columns[label]]
            fault = _differ(label, np.array(values), rows, found)
            if fault is not None:
                return fault
    return None


def _columns(dataset: Dataset, table: Table) -> dict[str, int] | Fault:
    """Label -> place among the measured columns."""
    labels = [one.label for one in dataset.measured]
    wanted = list(table.runs[0].values)
    if wanted == [""]:
        return {"": 0} if len(labels) == 1 else ("columns", f"{labels} instead of one quantity", "")
    if "units no header" in table.features:
        places = dict(zip(wanted, range(len(labels)), strict=False))
        return places if len(labels) == len(wanted) else ("columns", f"{labels} instead of {wanted}", "")
    found: dict[str, int] = {}
    for label in wanted:
        places = [index for index, one in enumerate(labels) if _same(one, label)]
        if len(places) != 1:
            return "columns", f"`{label}` is not among {labels}", label
        found[label] = places[0]
    more = [one for index, one in enumerate(labels) if index not in found.values()]
    return ("columns", f"`{more[0]}` is no measurement", more[0]) if more else found


def _same(label: str, wanted: str) -> bool:
    plain = wanted.replace(" ", "_")
    return label in (wanted, plain) or bool(re.fullmatch(rf"{re.escape(plain)}_[A-Za-z]+", label.replace(" ", "_")))


def _in_order(dataset: Dataset, runs: Sequence[Run]) -> list[Trajectory]:
    """The trajectories of the runs, by name where the names tell."""
    by_name = {_plain(one.name): one for one in dataset.trajectories}
    if len(runs) > 1 and all(_plain(run.name) in by_name for run in runs):
        return [by_name[_plain(run.name)] for run in runs]
    return list(dataset.trajectories)


def _plain(name: str) -> str:
    return re.sub(r"\W", "", name).lower()


def _rows(dataset: Dataset, table: Table, run: Run, trajectory: Trajectory) -> np.ndarray | Fault:
    """The row of the run of each time of a trajectory."""
    clock, unit = table.times, dataset.time.unit
    t = trajectory.t
    if clock.form in ("numbers", "unit by name"):
        wanted = np.array(clock.plain)
        if unit in SECONDS and not np.isclose(SECONDS[unit] * clock.plain[-1], run.seconds[-1]):
            return "unit", f"{unit} is not the unit of {clock.names[0]}", ""
        if unit in SECONDS and not table.told and clock.form == "numbers":
            return "unit", f"{unit} is told nowhere", ""
    else:
        wanted = np.array(run.seconds)
        if unit not in SECONDS:
            return "time", f"the unit is `{unit}`; t is {t[:3]} of `{dataset.time.label}` for {clock.cells[:3]}", ""
        t = t * SECONDS[unit]
    if clock.moment:
        # the first rows may have no value
        lead = next((k for k in range(len(wanted)) if not all(np.isnan(v[k]) for v in run.values.values())), 0)
        t, wanted = t - t[0], wanted - wanted[lead if len(t) < len(wanted) else 0]
    span = max(abs(wanted[-1] - wanted[0]), 1e-9)
    rows = np.abs(t[:, None] - wanted[None, :]).argmin(axis=1)
    if not np.allclose(wanted[rows], t, rtol=0, atol=2e-6 * span) or len(set(rows)) < len(rows):
        return "time", f"t is {t[:4]} of `{dataset.time.label}` for {wanted[:4]} ({clock.cells[:2]})", ""
    return rows


def _differ(label: str, wanted: np.ndarray, rows: np.ndarray, found: np.ndarray) -> Fault | None:
    lost = np.setdiff1d(np.arange(len(wanted)), rows)
    if np.isfinite(wanted[lost]).any():
        return "values", f"`{label}` lacks {int(np.isfinite(wanted[lost]).sum())} rows", label
    if not np.allclose(wanted[rows], found, rtol=1e-9, atol=0, equal_nan=True):
        place = int(np.flatnonzero(~np.isclose(wanted[rows], found, rtol=1e-9, atol=0, equal_nan=True))[0])
        return "values", f"`{label}` is {found[place]} for {wanted[rows][place]}", label
    return None


def _fault_of_replicates(dataset: Dataset, table: Table) -> Fault | None:
    """Each reading a run or a quantity of its own, as the decision says."""
    label = next(iter(table.runs[0].values))
    if len(dataset.trajectories) == len(table.runs) and len(dataset.measured) == 1:
        read = [(one, 0) for one in dataset.trajectories]
    elif len(dataset.trajectories) == 1 and len(dataset.measured) == len(table.runs):
        read = [(dataset.trajectories[0], place) for place in range(len(table.runs))]
    else:
        return "runs", f"{len(dataset.trajectories)} runs of {[one.label for one in dataset.measured]}", ""
    for run, (trajectory, place) in zip(table.runs, read, strict=True):
        rows = _rows(dataset, table, run, trajectory)
        if isinstance(rows, tuple):
            return rows
        fault = _differ(label, np.array(run.values[label]), rows, trajectory.measured[:, place])
        if fault is not None:
            return fault
    return None
