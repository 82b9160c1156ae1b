"""What the Data view shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.session.commands import Role

if TYPE_CHECKING:
    from ndestudio.data.file_preview import Preview


@dataclass(frozen=True)
class FileRow:
    path: str
    name: str
    rows: str
    shown: bool


@dataclass(frozen=True)
class ColumnRow:
    """A column of the file. `alias`: its name in equations; `detail`: kind, range and missing values, for a tooltip."""

    label: str
    alias: str
    unit: str
    role: Role
    numeric: bool
    missing: int
    detail: str


@dataclass(frozen=True)
class DataProblem:
    """Something to put right. `row` is the 1-based line in the file, where there is one; `remedy` as in ``DataError``.

    file: position among the files of the one it is in, -1 where that is not known.
    """

    sentence: str
    place: str
    row: int | None = None
    column: str | None = None
    remedy: tuple[str, str] = ("", "")
    file: int = -1

    @property
    def action(self) -> str:
        """Words for the button that puts it right, "" where there is none."""
        kind, value = self.remedy
        return {"missing": f"Take {value} as not measured", "count": "Count the rows instead"}.get(kind, "")


@dataclass(frozen=True)
class TrajectoryRow:
    """A trajectory; `part` is None when its rows belong to several parts."""

    name: str
    rows: int
    start: float
    end: float
    part: Part | None
    weight: float


@dataclass(frozen=True)
class DataState:
    """Arguments:
    config: as the person gave it; `preview` shows what was guessed for the rest.
    head, row_numbers: first rows as text, and their lines in the file.
    busy: what is being read, "" if nothing is.
    summary: what was loaded, a sentence.
    """

    config: DataConfig
    split: SplitConfig
    files: tuple[FileRow, ...]
    columns: tuple[ColumnRow, ...]
    head: tuple[tuple[str, ...], ...]
    row_numbers: tuple[int, ...]
    delimiter: str
    decimal: str
    encoding: str
    comment: str
    text_file: bool
    choices: tuple[str, ...]
    problems: tuple[DataProblem, ...]
    notes: tuple[str, ...]
    trajectories: tuple[TrajectoryRow, ...]
    dataset: Dataset | None
    stale: bool
    summary: str
    busy: str


def column_rows(preview: Preview | None) -> tuple[ColumnRow, ...]:
    if preview is None:
        return ()
    rows = []
    for column in preview.columns:
        detail = [{"number": "numbers", "time": "dates or times", "text": "text"}.get(column.kind, column.kind)]
        if column.minimum is not None and column.maximum is not None:
            detail.append(f"{column.minimum:.6g} to {column.maximum:.6g}")
        if column.missing:
            detail.append(f"{column.missing} missing")
        rows.append(
            ColumnRow(
                label=column.label,
                alias=column.alias,
                unit=column.unit,
                role=column.role,
                numeric=column.numeric,
                missing=column.missing,
                detail=", ".join(detail),
            )
        )
    return tuple(rows)


def trajectory_rows(dataset: Dataset | None) -> tuple[TrajectoryRow, ...]:
    if dataset is None:
        return ()
    return tuple(
        TrajectoryRow(
            name=one.name,
            rows=len(one.t),
            start=float(one.t[0]),
            end=float(one.t[-1]),
            part=Part(int(one.part[0])) if (one.part == one.part[0]).all() else None,
            weight=one.weight,
        )
        for one in dataset.trajectories
    )


def summary(dataset: Dataset | None) -> str:
    """What was loaded, in a sentence."""
    if dataset is None:
        return ""
    count = len(dataset.trajectories)
    parts = [
        f"{dataset.rows:,} rows",
        f"{count} trajector{'y' if count == 1 else 'ies'}",
        "states " + ", ".join(dataset.measured_names),
    ]
    if dataset.inputs:
        parts.append("inputs " + ", ".join(dataset.input_names))
    missing = sum(int((~one.present).sum()) for one in dataset.trajectories)
    if missing:
        parts.append(f"{missing} missing value{'' if missing == 1 else 's'}")
    return " · ".join(parts)
