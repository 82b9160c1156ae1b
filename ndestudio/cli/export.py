"""`ndestudio export`: the equations of a project in another form."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command, add_allow, one_of
from ndestudio.cli.exit_codes import DONE
from ndestudio.errors import ExportError

if TYPE_CHECKING:
    from ndestudio.project.project import Project


def _arguments(parser: ArgumentParser) -> None:
    from ndestudio.export.registry import EXPORTERS

    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project file (.nde)")
    parser.add_argument(
        "--to",
        required=True,
        help="form; `all` writes everything into a folder",
        **one_of(EXPORTERS, "report", "all"),
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", type=Path, help="file (for `all`: folder) to write; default: the terminal"
    )
    add_allow(parser)
    parser.add_argument("--digits", type=int, metavar="N", help="significant digits of displayed numbers")


def _command(options: Namespace) -> int:
    """Write what was asked for; returns the exit code."""
    from ndestudio.project.store import load_project

    project = load_project(options.project)
    if project.fit is None:
        raise ExportError(f"{options.project}: nothing was trained in this project yet, so there is nothing to export")
    if options.digits is not None:
        if not 1 <= options.digits <= 17:
            raise ExportError(f"--digits {options.digits}: numbers can be shown with 1 to 17 significant digits")
        project = _with_digits(project, options.digits)
    if options.to == "all":
        return _write_all(project, options.output or Path("out"))
    if options.to == "report":
        from ndestudio.export import report_html

        return _put(report_html(project).encode("utf-8"), options.output)
    return _write_one(project, options.to, options.output)


def _write_one(project: Project, format_: str, path: Path | None) -> int:
    from ndestudio.export.artefacts import artefact
    from ndestudio.export.gather import job, origin_of
    from ndestudio.export.rerun import verify

    results = job(project)
    assert results.model is not None
    made = artefact(
        results.model,
        format_,
        dataset=project.dataset,
        digits=project.spec.export.digits,
        origin=origin_of(project),
    )
    if project.spec.export.verify:
        made = verify(made, results.model, project.dataset)
    code = _put(made.payload, path)
    if made.sentence:
        print(f"{made.name}: {made.sentence}", file=sys.stderr)
    return code


def _write_all(project: Project, folder: Path) -> int:
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import prepare
    from ndestudio.export import write_all
    from ndestudio.jobs.runner import Control

    prepare(folder)
    with display_for(quiet=False) as display:
        written = write_all(project, folder, Control(display.show))
    print("\n".join(str(path) for path in written))
    return DONE


def _put(content: bytes, path: Path | None) -> int:
    if path is None:
        _print(content)
        return DONE
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror or error}); name another file with -o") from None
    print(path)
    return DONE


def _print(content: bytes) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ExportError("this form is no text and cannot be shown on the terminal; name a file with -o") from None
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def _with_digits(project: Project, digits: int) -> Project:
    from dataclasses import replace

    import msgspec

    export = msgspec.structs.replace(project.spec.export, digits=digits)
    return replace(project, spec=msgspec.structs.replace(project.spec, export=export))


COMMAND = Command(
    "export PROJECT --to FORMAT",
    "write the equations of a project in another form",
    _command,
    "Write the equations of a project in another form; each form that can be run here is run and compared.",
    _arguments,
)
