"""`ndestudio replay`: what was done in a project, and doing it again - on the same data, on others, with other settings."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ndestudio.progress import Reporter
    from ndestudio.project.project import Project
    from ndestudio.project.replay.again import Replay
    from ndestudio.project.replay.history import Step
    from ndestudio.project.replay.verdict import Number

REPORT = "replay.json"


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT.nde", type=Path, help="a project with results")
    parser.add_argument("--list", action="store_true", help="print what was done, and do nothing")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", type=Path, help="data files to take instead of those of the project"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        help="a setting of all steps, as 'train.seed=3'; once for each",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, default=Path("replay"), help="folder (default: %(default)s)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.02,
        metavar="PART",
        help="relative difference that counts as the same (default: 0.02)",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Replay as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import PROJECT, failed, follow, prepare
    from ndestudio.jobs import Failed
    from ndestudio.project.replay.history import history
    from ndestudio.project.ro_crate import write_ro_crate
    from ndestudio.project.store import load_project, save_project

    project = load_project(options.project)
    if options.list:
        print(told(history(project)))
        return DONE
    prepare(options.output)
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _again, project, options.data, tuple(options.set), options.tolerance)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: Replay = ended.result
    written = [save_project(found.project, options.output / PROJECT), _write(options.output / REPORT, found)]
    write_ro_crate(found.project, options.output, written)
    if not options.quiet:
        print(report(found), flush=True)
    if interrupted:
        return INTERRUPTED
    return (
        FAILED
        if found.same_data and not options.set and any(one.verdict == "different" for one in found.numbers)
        else DONE
    )


def _again(
    project: Project, data: Sequence[Path] | None, settings: tuple[str, ...], tolerance: float, *, reporter: Reporter
) -> Replay:
    from ndestudio.project.replay.again import absolute, replay, settings_changed

    files = absolute(tuple(data)) if data else None
    change = settings_changed(settings) if settings else None
    return replay(project, reporter, files=files, change=change, tolerance=tolerance)


def told(steps: Sequence[Step]) -> str:
    """The history for a terminal."""
    lines = []
    for number, step in enumerate(steps, start=1):
        lines.append(f"{number}. {step.title}" + (f"  ({step.when})" if step.when else ""))
        lines += [f"     {line}" for line in step.details]
    return "\n".join(lines)


def report(found: Replay) -> str:
    """The verdicts as a table, for a terminal."""
    rows = [("", "before", "now", "apart", "verdict"), *(_cells(one) for one in found.numbers)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", found.sentence, *found.notes])


def _cells(one: Number) -> tuple[str, ...]:
    apart = "" if one.apart is None else f"{one.apart:.2%}"
    return (one.name, one.before, one.now or "–", apart, one.verdict)


def _write(path: Path, found: Replay) -> Path:
    from ndestudio.errors import SpecError
    from ndestudio.json_text import json_text

    content = {
        "sentence": found.sentence,
        "same data": found.same_data,
        "notes": list(found.notes),
        "numbers": [
            {"name": one.name, "before": one.before, "now": one.now, "apart": one.apart, "verdict": one.verdict}
            for one in found.numbers
        ],
    }
    try:
        path.write_text(json_text(content), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another folder with -o") from None
    return path


COMMAND = Command(
    "replay PROJECT.nde",
    "do again what led to a project's results, also on new data",
    _command,
    "Do again the trainings, the search and the choices of a project: on its own data, on other files (--data), or with settings changed "
    "(--set). Each number gets a verdict: exact, within tolerance, different, not verified. Exit code: 0 done, 1 a number is different "
    "although data and settings are the same, 2 bad input, 130 interrupted.",
    _arguments,
)
