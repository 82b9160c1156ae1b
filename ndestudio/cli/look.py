"""`ndestudio look`: what will happen to a data file, before anything is done with it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.cli.command import Command, add_import_settings
from ndestudio.cli.exit_codes import BAD_INPUT, DONE
from ndestudio.errors import DataError, SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ndestudio.data.config import DataConfig
    from ndestudio.data.dataset import Dataset
    from ndestudio.data.decisions import Choice, Decision
    from ndestudio.data.file_preview import ColumnPreview, Preview


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        type=Path,
        help="data files that are read together, a folder of them, or a spec whose data are looked at",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SETTING",
        help="an answer, as in the table `data` of a spec: --set 'time_format = \"day first\"'; may be given several times",
    )
    add_import_settings(parser)
    parser.add_argument(
        "--keep",
        metavar="NAME",
        help="keep how the files are read as import settings under a name, if they can be read",
    )
    parser.add_argument(
        "--head", action="store_true", help="look at the first rows only; large files are not read whole"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")


def _command(options: Namespace) -> int:
    """Look, print, keep; returns the exit code: 2 where the files cannot be read as they are."""
    config = _config(options.files, options.import_settings, options.settings)
    seen = Seen(config, whole=not options.head)
    if options.json:
        from ndestudio.json_text import json_text

        print(json_text(seen.plain()), flush=True)
    else:
        print("\n".join(seen.lines()), flush=True)
    if seen.obstacles:
        return BAD_INPUT
    if options.keep and seen.preview is not None:
        from ndestudio.data.import_settings import ImportSettingsStore, settings_from

        labels = [column.label for column in seen.preview.columns]
        kept = settings_from(options.keep, config, seen.preview.format, labels, seen.decisions)
        ImportSettingsStore().save(kept)
    return DONE


def _config(paths: Sequence[Path], import_settings: str | None, settings: Sequence[str]) -> DataConfig:
    """The settings of the data as the command line has them."""
    import tomllib

    from ndestudio.data.config import DataConfig
    from ndestudio.data.decisions import answered
    from ndestudio.data.import_settings import ImportSettingsStore

    if len(paths) == 1 and paths[0].suffix.lower() == ".toml":
        from ndestudio.project.spec import load_spec

        config = load_spec(paths[0]).data
    else:
        config = DataConfig(files=_files(paths))
    if import_settings:
        config = ImportSettingsStore().get(import_settings).applied(config)
    for text in settings:
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SpecError(
                f"`{text}` is no setting ({error}); write a name, = and a value in TOML, such as "
                "'time_format = \"day first\"'"
            ) from None
        config = answered(config, table)
    return config


def _files(paths: Sequence[Path]) -> tuple[str, ...]:
    import sys

    from ndestudio.data.folders import data_files

    found: list[str] = []
    for path in paths:
        if path.is_dir():
            folder = data_files(path)
            print(folder.sentence, file=sys.stderr)
            found += [str(one) for one in folder.files]
        else:
            found.append(str(path))
    return tuple(found)


class Seen:
    """What the files are taken for, and whether they can be read so.

    Parameters
    ----------
    whole
        Read the files to their ends, as a run would.
    """

    def __init__(self, config: DataConfig, *, whole: bool) -> None:
        from ndestudio.data import load, preview

        self.config = config
        self.preview: Preview | None = None
        self.dataset: Dataset | None = None
        self.obstacles: list[tuple[str, Decision | None]] = []
        try:
            self.preview = preview(config.files[0], config) if config.files else None
            if whole:
                self.dataset = load(config)
        except DataError as error:
            self._hold(error)
        self.decisions: tuple[Decision, ...] = self.preview.decisions if self.preview is not None else ()
        if self.dataset is not None:
            self.decisions += tuple(one for one in self.dataset.decisions if one.topic == "path")
        if self.dataset is None and self.preview is not None:
            for problem in self.preview.problems:
                self._add(str(problem), problem.decision)
            for decision in self.decisions:
                if decision.open:
                    self._add(decision.sentence, decision)

    def _hold(self, error: DataError) -> None:
        from ndestudio.data.decisions import Decision

        decision = error.decision if isinstance(error.decision, Decision) else None
        place = ", ".join(
            part
            for part in (
                error.path or "",
                f"row {error.row}" if error.row is not None else "",
                f"column `{error.column}`" if error.column else "",
            )
            if part
        )
        sentence = decision.sentence if decision else error.sentence
        self._add(f"{place}: {sentence}" if place else sentence, decision)

    def _add(self, sentence: str, decision: Decision | None) -> None:
        """An obstacle, unless it was told already with its file or in other words."""
        for told, known in self.obstacles:
            if told.endswith(sentence) or (decision is not None and known == decision):
                return
        self.obstacles.append((sentence, decision))

    def lines(self) -> list[str]:
        """For a terminal."""
        found: list[str] = []
        if self.preview is not None:
            one = self.preview
            more = f" and {len(self.config.files) - 1} more" if len(self.config.files) > 1 else ""
            found += [f"{Path(one.path).name}{more}: {one.format}, {one.rows_text}, {len(one.columns)} columns", ""]
            found += ["Columns", *_table([_cells(column) for column in one.columns]), ""]
        taken = [one for one in self.decisions if not one.open]
        if taken:
            found += ["Decisions", *(line for one in taken for line in _decision_lines(one)), ""]
        if self.obstacles:
            found.append("To be settled")
            for sentence, decision in self.obstacles:
                found.append(f"  {sentence}")
                found += [f"    {_answer(choice)}" for choice in decision.choices] if decision else []
            return found
        return [*found, *self._loaded()]

    def _loaded(self) -> list[str]:
        from ndestudio.data.dataset_words import summary, time_taken

        if self.dataset is None:
            return ["The first rows can be read."]
        notes = [f"  {note}" for note in self.dataset.notes]
        return [
            f"Time  {time_taken(self.dataset).sentence}",
            f"Read  {summary(self.dataset)}",
            *(["", "Notes", *notes] if notes else []),
        ]

    def plain(self) -> dict[str, Any]:
        """For other programs."""
        from dataclasses import asdict

        from ndestudio.data.dataset_words import time_taken

        preview, dataset = self.preview, self.dataset
        table = None
        if preview is not None:
            table = {
                "format": preview.format,
                "rows": preview.row_count,
                "rows exact": preview.row_count_exact,
                "first row": preview.row_numbers[0] if preview.row_numbers else None,
                "columns": [_plain_column(one) for one in preview.columns],
            }
        return {
            "files": list(self.config.files),
            "table": table,
            "time": asdict(time_taken(dataset)) if dataset is not None else None,
            "decisions": [_plain_decision(one) for one in self.decisions],
            "obstacles": [
                {"sentence": sentence, "question": _plain_decision(decision) if decision else None}
                for sentence, decision in self.obstacles
            ],
            "trajectories": [one.name for one in dataset.trajectories] if dataset is not None else None,
            "notes": list(dataset.notes if dataset is not None else preview.notes if preview is not None else ()),
        }


def _cells(column: ColumnPreview) -> tuple[str, ...]:
    kind = {"number": "", "text": "text"}.get(column.kind, "dates or times")
    span = "" if column.minimum is None or column.kind != "number" else f"{column.minimum:.6g} to {column.maximum:.6g}"
    missing = f"{column.missing} missing" if column.missing else ""
    return column.label, column.role, column.unit, kind or span, missing


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(len(rows[0]))] if rows else []
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _decision_lines(decision: Decision) -> list[str]:
    from ndestudio.data.decisions import TOPICS

    column = f" of `{decision.column}`" if decision.column else ""
    weak = "" if decision.certain else " (guessed with little evidence)"
    lines = [f"  {TOPICS[decision.topic]}{column}: {decision.sentence}{weak}"]
    others = [choice for place, choice in enumerate(decision.choices) if place != decision.chosen]
    return lines + [f"    or {_answer(choice)}" for choice in others] if not decision.certain else lines


def _answer(choice: Choice) -> str:
    from ndestudio.data.decisions import setting

    return f"{choice.label}: {setting(choice)}"


def _plain_column(column: ColumnPreview) -> dict[str, Any]:
    return {
        "label": column.label,
        "name": column.alias,
        "role": column.role,
        "unit": column.unit,
        "kind": column.kind,
        "missing": column.missing,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }


def _plain_decision(decision: Decision) -> dict[str, Any]:
    return {
        "topic": decision.topic,
        "sentence": decision.sentence,
        "column": decision.column,
        "certain": decision.certain,
        "chosen": decision.chosen,
        "choices": [{"label": one.label, "settings": dict(one.changes)} for one in decision.choices],
    }


COMMAND = Command(
    "look FILE ...",
    "what will happen to data files: table, time, roles, questions",
    _command,
    "Show what data files are taken for: columns and their roles, the time, each decision, and the questions that they leave "
    "open with the settings that answer them. Exit code: 0 they can be read, 2 something is to be settled.",
    _arguments,
)
