"""What the Data view shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.decisions import Choice, Decision
from ndestudio.session.commands import Role
from ndestudio.session.data.experiments import Experiments
from ndestudio.session.data.look import RowMarks

if TYPE_CHECKING:
    from ndestudio.data.file_preview import FileProblem, Preview
    from ndestudio.data.raw_rows import RawRows
    from ndestudio.errors import DataError
    from ndestudio.figures.description import Panel


@dataclass(frozen=True)
class FileRow:
    path: str
    name: str
    rows: str
    shown: bool


@dataclass(frozen=True)
class ColumnRow:
    """A column of the file. `alias`: its name in equations; `detail`: kind, range and missing values, for a tooltip;
    `path`: how an input goes between its samples, "" where the program guesses; `period` after which it repeats itself, "" for none;
    `rate`: whether its rate of change is an input, too."""

    label: str
    alias: str
    unit: str
    role: Role
    numeric: bool
    missing: int
    detail: str
    path: str = ""
    period: str = ""
    rate: bool = False


@dataclass(frozen=True)
class DataProblem:
    """Something to put right.

    Parameters
    ----------
    row
        1-based line in the file, where there is one.
    decision
        The answers that put it right, where there are any: a question that the file leaves open, or a remedy.
    file
        Position among the files of the one it is in, -1 where that is not known.
    rows
        All lines of which it is true, where there are several.
    """

    sentence: str
    place: str
    row: int | None = None
    column: str | None = None
    decision: Decision | None = None
    file: int = -1
    rows: tuple[int, ...] = ()

    @property
    def question(self) -> bool:
        """Whether the file is not wrong but leaves something open."""
        return self.decision is not None and bool(self.decision.sentence)

    @property
    def answers(self) -> tuple[str, ...]:
        """Words for the buttons that put it right."""
        return tuple(choice.label for choice in self.decision.choices) if self.decision else ()


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
    time_text: what was taken as the time, a sentence; "" before anything was.
    time_columns: labels of the columns that make the time; none where the rows are counted.
    raw: the first rows as they are written, None of a format without lines; marks says which of them are what.
    panels: columns of the file over the time, shown while nothing is loaded.
    choice_field: the setting that takes one of the choices.
    offers: names of import settings that were saved for files of this shape; import_settings: of all.
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
    decisions: tuple[Decision, ...] = ()
    time_text: str = ""
    time_columns: tuple[str, ...] = ()
    raw: RawRows | None = None
    marks: RowMarks = RowMarks()
    panels: tuple[Panel, ...] = ()
    offers: tuple[str, ...] = ()
    import_settings: tuple[str, ...] = ()
    choice_field: Literal["sheet", "key"] = "sheet"
    experiments: Experiments = Experiments()


def column_rows(preview: Preview | None, config: DataConfig | None = None) -> tuple[ColumnRow, ...]:
    if preview is None:
        return ()
    rows, config = [], config or DataConfig()
    for column in preview.columns:
        period = config.periodic.get(column.label)
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
                path=config.interpolation.get(column.label, ""),
                period="" if period is None else f"{period:g}",
                rate=column.label in config.rates,
            )
        )
    return tuple(rows)


def problem_of(found: FileProblem | DataError, config: DataConfig, place: str, file: int) -> DataProblem:
    """A complaint about a file, with its answers as buttons."""
    decision = found.decision if isinstance(found.decision, Decision) else _remedy(found.remedy, config)
    asked = isinstance(found.decision, Decision)
    sentence = decision.sentence if asked and decision else found.sentence
    return DataProblem(sentence, place, found.row, found.column, decision, file)


def open_question(decision: Decision, file: int) -> DataProblem:
    """A decision that the file leaves open, as a problem."""
    place = f"column {decision.column}" if decision.column else ""
    return DataProblem(decision.sentence, place, column=decision.column, decision=decision, file=file)


def joined(problems: Sequence[DataProblem]) -> list[DataProblem]:
    """Problems, those of many rows that are the same told once."""
    groups: dict[tuple[object, ...], list[DataProblem]] = {}
    for one in problems:
        groups.setdefault((one.sentence, one.column, one.file), []).append(one)
    return [group[0] if len(group) == 1 else _of_rows(group) for group in groups.values()]


def _of_rows(group: Sequence[DataProblem]) -> DataProblem:
    rows = [one.row for one in group if one.row is not None]
    if not rows:
        return group[0]
    *most, last = [str(row) for row in rows[:4]]
    few = ", ".join([*most, last]) + f" and {len(rows) - 4} more" if len(rows) > 4 else f"{', '.join(most)} and {last}"
    column = f", column {group[0].column}" if group[0].column else ""
    return replace(group[0], place=f"rows {few}{column}", rows=tuple(rows))


def _remedy(remedy: tuple[str, str], config: DataConfig) -> Decision | None:
    match remedy:
        case ("missing", cell):
            choice = Choice(f"Take {cell} as not measured", {"missing": (*config.missing, cell)})
            return Decision("missing", "", choices=(choice,), chosen=None)
        case ("count", _):
            return Decision("time", "", choices=(Choice("Count the rows instead", {"time": ""}),), chosen=None)
    return None


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
