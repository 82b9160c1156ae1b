"""The data: files, roles, reading details, split. Reading happens on workers; the newest wish wins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from ndestudio.data.config import DataConfig, SplitConfig, ValueConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.dataset_words import summary, time_taken
from ndestudio.data.decisions import TOPICS, Decision, answered, open_decisions
from ndestudio.data.overlay import changes_by_hand
from ndestudio.errors import DataError
from ndestudio.progress import Reporter
from ndestudio.project.project import Project
from ndestudio.session import commands
from ndestudio.session.commands import Role
from ndestudio.session.data.experiment_intents import ExperimentIntents
from ndestudio.session.data.experiments import Experiments, experiments
from ndestudio.session.data.imports import ImportSettingsIntents
from ndestudio.session.data.look import Look, RowMarks, look
from ndestudio.session.data.state import (
    DataProblem,
    DataState,
    FileRow,
    column_rows,
    joined,
    open_question,
    problem_of,
    trajectory_rows,
)
from ndestudio.session.model.analysis import renewed
from ndestudio.session.ports import Context
from ndestudio.session.presenter import Presenter

if TYPE_CHECKING:
    from ndestudio.data.file_preview import Preview
    from ndestudio.jobs import Failed


class DataController(Presenter[DataState]):
    """Intents of the Data view.

    The data settings of the project say what should be loaded; ``follow`` sees to it that it is, also after an undo.
    """

    def __init__(self, context: Context, import_settings: Path | None = None) -> None:
        super().__init__(context)
        self._seen: Look | None = None
        self.imports = ImportSettingsIntents(
            import_settings, context.notifier, self._current, self._use_settings, self._on_imports
        )
        self.experiments = ExperimentIntents(
            context.notifier,
            lambda: (self._workspace.project.spec.data, self._workspace.project.dataset),
            self._use_settings,
        )
        self._table: tuple[tuple[DataConfig, Dataset | None, tuple[str, ...]], Experiments] | None = None
        self._previewed: tuple[DataConfig, int] | None = None
        self._shown_file = 0
        self._origin: WeakKeyDictionary[Dataset, DataConfig] = WeakKeyDictionary()
        self._told: WeakKeyDictionary[Dataset, tuple[str, str]] = WeakKeyDictionary()
        self._attempted: DataConfig | None = None
        self.failed: DataProblem | None = None

    @property
    def _preview(self) -> Preview | None:
        return self._seen.preview if self._seen is not None else None

    # --- intents ---------------------------------------------------------------------------------------------------

    def add_files(self, paths: Sequence[str]) -> None:
        """Open data files; dropped on a project that has data, they replace it with settings guessed anew."""
        self._shown_file = 0
        name = Path(paths[0]).name + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        project = replace(self._workspace.project, dataset=None, fit=None, distillation=None, accepted={})
        self._edit(f"Open {name}", commands.with_data(project, DataConfig(files=tuple(paths))))
        self._navigation.show_stage("data")

    def append_files(self, paths: Sequence[str]) -> None:
        """Further files with the same columns."""
        config = self._workspace.project.spec.data
        files = (*config.files, *[path for path in paths if path not in config.files])
        self._change("Add files", files=files)

    def remove_file(self, path: str) -> None:
        config = self._workspace.project.spec.data
        self._shown_file = 0
        self._change(f"Remove {Path(path).name}", files=tuple(file for file in config.files if file != path))

    def show_file(self, index: int) -> None:
        """Which file the table shows."""
        self._shown_file = index
        self.follow()
        self._navigation.refresh()

    def set_role(self, column: str, role: Role) -> None:
        """Give a column, named by its label, a role; the other roles are spelt out as they are now."""
        rows = column_rows(self._preview)
        by_role: dict[str, tuple[str, ...]] = {}
        for row in rows:
            by_role[row.role] = (*by_role.get(row.role, ()), row.label)
        config = self._workspace.project.spec.data
        runs = by_role.get("trajectory", ())
        spelt = msgspec.structs.replace(
            config,
            time=_spelt(by_role.get("time", ()), config.time),
            trajectory=runs if len(runs) > 1 else "".join(runs),
            inputs=by_role.get("input", ()),
            covariates=by_role.get("covariate", ()),
            ignore=by_role.get("ignore", ()),
        )
        if role == "time":  # the column that was it is left out, not measured
            old = tuple(one for one in by_role.get(role, ()) if one != column)
            spelt = msgspec.structs.replace(spelt, ignore=(*spelt.ignore, *old))
        states = config.states if "observable" in by_role else by_role.get("state", ())
        roles: dict[str, Role] = {row.label: row.role for row in rows}
        changed = commands.with_role(spelt, column, role, states, roles.get(column, "state"))
        self._edit(f"Use {column} as {role}", commands.with_data(self._workspace.project, changed))

    def ignore(self, name: str) -> None:
        """Leave out a column, by its label or its name in equations."""
        self.set_role(self._label(name), "ignore")

    def use_as_input(self, name: str) -> None:
        """Take a column as a measured input, by its label or its name in equations."""
        self.set_role(self._label(name), "input")

    def _label(self, name: str) -> str:
        return next((row.label for row in column_rows(self._preview) if name in (row.label, row.alias)), name)

    def answer(self, decision: Decision, position: int) -> None:
        """Take one of the choices of a decision, in one edit."""
        choice = decision.choices[position]
        self._take(f"{TOPICS[decision.topic]}: {choice.label}", choice.changes)

    def set_time_columns(self, labels: Sequence[str] | None) -> None:
        """The columns that make the time together; () lets the program guess, None counts the rows."""
        if labels is None:
            self._take("Count the rows as time", {"time": ""})
            return
        names = tuple(labels)
        time = None if not names else names[0] if len(names) == 1 else names
        self._take(f"Time: {', '.join(names) or 'guessed'}", {"time": time})

    def set_time_format(self, form: str | None) -> None:
        """How the times are written: one of the names in ``DataConfig``, or a pattern; None lets the program guess."""
        self._take(f"Time format: {form or 'guessed'}", {"time_format": form})

    def set_rows(self, **changes: int | None) -> None:
        """Which rows of the file hold the names, the units, the beginning and the end of the table; None: guessed."""
        words = {"header_row": "names", "units_row": "units", "first_row": "first row", "last_row": "last row"}
        told = ", ".join(
            f"{words[name]} {'guessed' if row is None else row or 'none'}" for name, row in changes.items()
        )
        self._take(f"Rows of the table: {told}", changes)

    def set_alias(self, column: str, alias: str) -> None:
        """The name of a column in equations."""
        if not alias.isidentifier():
            self._notifier.toast(f"`{alias}` cannot be a name in equations: use letters, digits and `_`.", "warning")
            self._shown = None
            self._navigation.refresh()
            return
        config = self._workspace.project.spec.data
        self._change(f"Rename {column}", names={**config.names, column: alias})

    def set_unit(self, column: str, unit: str) -> None:
        config = self._workspace.project.spec.data
        self._change(f"Unit of {column}", units={**config.units, column: unit})

    def set_path(self, column: str, kind: str) -> None:
        """How an input goes between its samples, a name in ``control_path.KINDS``; "" lets the program guess."""
        config = self._workspace.project.spec.data
        kinds: dict[str, Any] = {name: one for name, one in config.interpolation.items() if name != column}
        self._change(f"Path of {column}", interpolation={**kinds, column: kind} if kind else kinds)

    def set_period(self, column: str, text: str) -> None:
        """After which time an input repeats itself beyond its samples; "" for never."""
        config = self._workspace.project.spec.data
        kept = {name: one for name, one in config.periodic.items() if name != column}
        if text:
            try:
                period = float(text.replace(",", "."))
            except ValueError:
                period = 0.0
            if not 0 < period < float("inf"):
                self._notifier.toast(
                    f"`{text}` is no period: give a positive number in units of the time, or nothing.", "warning"
                )
                self._shown = None
                self._navigation.refresh()
                return
            kept[column] = period
        self._change(f"Period of {column}", periodic=kept)

    def set_rate(self, column: str, wanted: bool) -> None:
        """Whether the rate of change of an input is an input, too."""
        config = self._workspace.project.spec.data
        kept = tuple(name for name in config.rates if name != column)
        self._change(f"Rate of {column}", rates=(*kept, column) if wanted else kept)

    def set_reading(self, **changes: Any) -> None:
        """Delimiter, decimal, encoding, comment, sheet or key; None lets the program guess."""
        self._change("Reading details", **changes)

    def set_split(self, **changes: Any) -> None:
        """Change fields of the ``SplitConfig``; the loaded rows are divided anew at once."""
        project = self._workspace.project
        split: SplitConfig = msgspec.structs.replace(project.spec.data.split, **changes)
        self._resplit("Split", commands.with_split(project, split, None))

    def set_part(self, trajectory: str, part: Part) -> None:
        """Put a whole trajectory into a part."""
        project = commands.with_trajectory_part(self._parts_spelt(), trajectory, part)
        self._resplit(f"Use {trajectory} for {part.name.lower()}", project)

    def change_value(self, run: str, column: str, time: float, value: float | None) -> None:
        """Have a measured value another than in the file; None: leave it out."""
        config = self._workspace.project.spec.data
        others = tuple(one for one in config.values if (one.run, one.column, one.time) != (run, column, time))
        made = ValueConfig(run=run, column=column, time=time, value=value)
        what = f"Leave out {column}" if value is None else f"Change {column}"
        self._change(f"{what} at {time:g}", values=(*others, made))

    def trim(self, low: float | None = None, high: float | None = None) -> None:
        """Take the rows from ``low`` on, or up to ``high``; the other end stays as it is."""
        first, last = self._workspace.project.spec.data.span or (-math.inf, math.inf)
        span = (first if low is None else low, last if high is None else high)
        self._change("Rows that are taken", span=span)

    def set_weight(self, trajectory: str, weight: float) -> None:
        """Factor of a trajectory in the loss."""
        project = commands.with_trajectory_weight(self._workspace.project, trajectory, weight)
        if project.dataset is not None:
            self._origin[project.dataset] = _wanted(project)
        self._edit(f"Weight of {trajectory}", project)

    def retry(self) -> None:
        """Read again, after a file was put right."""
        self._attempted = self._previewed = None
        self.follow()
        self._navigation.refresh()

    # --- keeping data and settings together ------------------------------------------------------------------------

    def trust(self, project: Project) -> None:
        """The data of an opened project belong to its settings."""
        if project.dataset is not None:
            self._origin[project.dataset] = _wanted(project)
        self._attempted = self._previewed = None
        self._seen, self.failed, self._shown_file = None, None, 0

    def follow(self) -> None:
        """The project changed: look at, and load, what its settings name."""
        config = self._workspace.project.spec.data
        if not config.files:
            self._seen, self._previewed, self.failed = None, None, None
            self._attempted = None
            return
        wanted = (config, self._shown_file)
        if self._previewed != wanted:
            self._previewed = wanted
            path = config.files[min(self._shown_file, len(config.files) - 1)]
            self._tasks.start(
                "preview", "", look, path, config, self.imports.path, done=self._on_look, failed=self._on_unseen
            )
        config = _wanted(self._workspace.project)
        if self.stale and self._attempted != config:
            self._attempted, self.failed = config, None
            name = Path(config.files[0]).name
            self._tasks.start(
                "load",
                f"Reading {name}",
                _load,
                config,
                done=lambda dataset: self._on_loaded(config, dataset),
                failed=self._on_failed,
            )

    @property
    def stale(self) -> bool:
        """Whether the loaded data are not those the settings name."""
        project = self._workspace.project
        if project.dataset is None:
            return bool(project.spec.data.files)
        wanted = _wanted(project)
        return not _covers(self._origin.get(project.dataset, wanted), wanted)

    def _on_look(self, seen: Look) -> None:
        self._seen = seen
        if seen.error is not None and self.failed is None:
            self._complain(seen.error)

    def _on_unseen(self, failed: Failed) -> None:
        self._seen = None
        self._on_failed(failed)

    def _on_loaded(self, config: DataConfig, dataset: Dataset) -> None:
        project = self._workspace.project
        if not _covers(config, _wanted(project)):
            return
        self._origin[dataset] = config
        self._attempted = None
        before = project.dataset
        project = commands.with_dataset(project, dataset)
        project = commands.with_model(project, renewed(project.spec.model, before, dataset))
        self._workspace.amend(project)

    def _on_failed(self, failed: Failed) -> None:
        if isinstance(failed.error, DataError):
            self._complain(failed.error)
        else:
            self.failed = DataProblem(failed.sentence, "")
        self._navigation.refresh()

    def _complain(self, error: DataError) -> None:
        config = self._workspace.project.spec.data
        place = ", ".join(part for part in (Path(error.path).name if error.path else "", _place(error)) if part)
        file = config.files.index(error.path) if error.path in config.files else -1
        self.failed = problem_of(error, config, place, file)
        if file not in (-1, self._shown_file):
            self.show_file(file)

    def _current(self) -> tuple[DataConfig, Preview | None]:
        return self._workspace.project.spec.data, self._preview

    def _on_imports(self) -> None:
        """Other settings may fit the file now."""
        self._previewed = None
        self.follow()
        self._navigation.refresh()

    def _resplit(self, text: str, project: Project) -> None:
        """Divide the rows anew on a worker (no file is read), then make it one edit."""
        dataset = self._workspace.project.dataset
        if dataset is None:
            self._edit(text, project)
            return
        split = project.spec.data.split
        self._tasks.start(
            "split", "", _resplit, dataset, split, done=lambda made: self._on_resplit(text, project, dataset, made)
        )

    def _on_resplit(self, text: str, project: Project, old: Dataset, made: Dataset) -> None:
        if self._workspace.project.dataset is not old:
            return
        project = commands.with_split(self._workspace.project, project.spec.data.split, made)
        self._origin[made] = _wanted(project)
        self._edit(text, project)

    def _parts_spelt(self) -> Project:
        """The project with the present part of each trajectory spelt out in the split."""
        project = self._workspace.project
        rows = trajectory_rows(project.dataset)
        split = msgspec.structs.replace(
            project.spec.data.split,
            by="trajectory",
            validation_trajectories=tuple(row.name for row in rows if row.part is Part.VALIDATION),
            test_trajectories=tuple(row.name for row in rows if row.part is Part.TEST),
        )
        return commands.with_data(project, msgspec.structs.replace(project.spec.data, split=split))

    def _take(self, text: str, changes: Mapping[str, Any]) -> None:
        try:
            config = answered(self._workspace.project.spec.data, changes)
        except DataError as error:
            self._notifier.toast(f"{error}.", "error")
            return
        self._edit(text, commands.with_data(self._workspace.project, config))

    def _use_settings(self, text: str, config: DataConfig) -> None:
        self._edit(text, commands.with_data(self._workspace.project, config))

    def _change(self, text: str, **changes: Any) -> None:
        project = self._workspace.project
        self._edit(text, commands.with_data(project, msgspec.structs.replace(project.spec.data, **changes)))

    def _edit(self, text: str, project: Project) -> None:
        self._workspace.edit(text, project)

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> DataState:
        project = self._workspace.project
        config, preview, seen = project.spec.data, self._preview, self._seen
        loading = self._tasks.running("load")
        words, time_text = self._words(project.dataset)
        return DataState(
            config=config,
            split=config.split,
            files=_files(config, self._shown_file, preview),
            columns=column_rows(preview, project.spec.data),
            head=preview.head if preview else (),
            row_numbers=preview.row_numbers if preview else (),
            delimiter=config.delimiter or (preview.delimiter or "" if preview else ""),
            decimal=config.decimal or (preview.decimal or "" if preview else ""),
            encoding=config.encoding or (preview.encoding or "" if preview else ""),
            comment=config.comment or (preview.comment or "" if preview else ""),
            text_file=preview is None or preview.format == "text",
            choices=preview.choices if preview else (),
            choice_field="sheet" if preview and preview.format == "excel" else "key",
            problems=self._problems(),
            notes=project.dataset.notes if project.dataset else preview.notes if preview else (),
            trajectories=trajectory_rows(project.dataset),
            experiments=self._experiments(config, project.dataset, _tellers(preview)),
            dataset=project.dataset,
            stale=self.stale,
            summary=words,
            busy=loading.title if loading else "",
            decisions=(*preview.decisions, *changes_by_hand(config)) if preview else (),
            time_text=time_text,
            time_columns=tuple(column.label for column in preview.with_role("time")) if preview else (),
            raw=seen.raw if seen and seen.raw and seen.raw.cells else None,
            marks=seen.marks if seen else RowMarks(),
            panels=seen.panels if seen else (),
            offers=tuple(name for name in seen.offers if name not in self.imports.dismissed) if seen else (),
            import_settings=self.imports.names,
        )

    def _experiments(self, config: DataConfig, dataset: Dataset | None, columns: tuple[str, ...]) -> Experiments:
        """The experiment table, made once of each data set and setting: there may be thousands of runs."""
        asked = (config, dataset, columns)
        if self._table is None or self._table[0] != asked:
            self._table = (asked, experiments(*asked))
        return self._table[1]

    def _problems(self) -> tuple[DataProblem, ...]:
        config, preview, file = self._workspace.project.spec.data, self._preview, self._shown_file
        problems = [] if preview is None else [problem_of(one, config, _place(one), file) for one in preview.problems]
        known = {(one.sentence, one.column) for one in problems}
        questions = [open_question(one, file) for one in open_decisions(preview.decisions)] if preview else []
        problems += [one for one in questions if (one.sentence, one.column) not in known]
        problems = joined(problems)
        if self.failed is not None and all(one.sentence != self.failed.sentence for one in problems):
            problems.append(self.failed)
        return tuple(problems)

    def _words(self, dataset: Dataset | None) -> tuple[str, str]:
        """What was loaded and what was taken as the time; told once of each data set, for it may be long."""
        if dataset is None:
            return "", ""
        if dataset not in self._told:
            self._told[dataset] = summary(dataset), time_taken(dataset).sentence
        return self._told[dataset]


def _spelt(labels: Sequence[str], given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    """The columns that tell the time as a setting."""
    return given if not labels else labels[0] if len(labels) == 1 else tuple(labels)


def _tellers(preview: Preview | None) -> tuple[str, ...]:
    """Columns that could tell the condition of a run."""
    columns = () if preview is None else preview.columns
    return tuple(one.label for one in columns if one.role in ("trajectory", "covariate", "ignore"))


def _files(config: DataConfig, shown: int, preview: Preview | None) -> tuple[FileRow, ...]:
    return tuple(
        FileRow(path, Path(path).name, preview.rows_text if preview and index == shown else "", index == shown)
        for index, path in enumerate(config.files)
    )


def _place(problem: Any) -> str:
    row = f"row {problem.row}" if problem.row is not None else ""
    column = f"column {problem.column}" if problem.column else ""
    return ", ".join(part for part in (row, column) if part)


def _wanted(project: Project) -> DataConfig:
    """How the data are to be read: as the settings say, with the rates of change of inputs that the equations use, and from the
    first dose on."""
    from ndestudio.model.statements import data_for

    data = project.spec.data
    equations = project.spec.model.equations
    dosed = project.dataset is not None and any(one.doses for one in project.dataset.trajectories)
    return data_for(data, equations) if data.inputs or dosed else data


def _covers(config: DataConfig, wanted: DataConfig) -> bool:
    """Whether data that were read by ``config`` are what is wanted; a rate of change more does no harm."""
    return set(wanted.rates) <= set(config.rates) and msgspec.structs.replace(config, rates=wanted.rates) == wanted


def _load(config: DataConfig, *, reporter: Reporter) -> Dataset:
    from ndestudio.data import load

    return load(config, reporter)


def _resplit(dataset: Dataset, split: SplitConfig, *, reporter: Reporter) -> Dataset:
    from ndestudio.data import resplit

    del reporter
    return resplit(dataset, split)
