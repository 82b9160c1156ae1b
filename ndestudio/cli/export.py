"""`ndestudio export`: the equations of a project in another form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ndestudio.cli.displays import display_for
from ndestudio.errors import ExportError
from ndestudio.project.store import load_project

if TYPE_CHECKING:
    import argparse

    from ndestudio.project.project import Project

DONE, FAILED = 0, 1


def export_command(options: argparse.Namespace) -> int:
    """Write what was asked for; returns the exit code."""
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

        return _put(report_html(project), options.output)
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
    code = _put(made.text, path)
    if made.sentence:
        print(f"{made.name}: {made.sentence}", file=sys.stderr)
    return code


def _write_all(project: Project, folder: Path) -> int:
    from ndestudio.cli.run import prepare
    from ndestudio.export import write_all
    from ndestudio.jobs.runner import Control

    prepare(folder)
    with display_for(quiet=False) as display:
        written = write_all(project, folder, Control(display.show))
    print("\n".join(str(path) for path in written))
    return DONE


def _put(text: str, path: Path | None) -> int:
    if path is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return DONE
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror or error}); name another file with -o") from None
    print(path)
    return DONE


def _with_digits(project: Project, digits: int) -> Project:
    from dataclasses import replace

    export = msgspec.structs.replace(project.spec.export, digits=digits)
    return replace(project, spec=msgspec.structs.replace(project.spec, export=export))
