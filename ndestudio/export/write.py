"""Everything a job leaves in its folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ndestudio.errors import ExportError
from ndestudio.export.artefacts import Artefact, artefact
from ndestudio.export.content import Origin
from ndestudio.export.equations import equations_text
from ndestudio.export.gather import Job, ProjectLike, job, origin_of
from ndestudio.export.plots import recipes
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import TOLERANCE, verify
from ndestudio.figures.description import Figure
from ndestudio.figures.style import FigureStyle
from ndestudio.progress import Note, Phase, Progress, Reporter, SilentReporter

FIGURE_TYPES = ("svg", "pdf", "png", "csv")
PROGRAMS = 2
"""Artefacts that are run again side by side, while figures are drawn."""


def write_all(
    project: ProjectLike, folder: str | Path, reporter: Reporter | None = None, *, date: str = "", spec_text: str = ""
) -> tuple[Path, ...]:
    """Write equations.json, the report, the figures and the artefacts asked for by `[export]` of the spec.

    Each file appears whole or not at all. An artefact that cannot be written, or that does not agree with the model when
    it is run again, is a note to the reporter, not an error. A stop ends the writing between two files.

    Parameters
    ----------
    folder
        Made if it is missing; figures go into `figures` within.
    date
        ISO 8601, for the origin in the artefacts; "" leaves it out.
    spec_text
        The specification as TOML, for the report.

    Returns
    -------
    tuple[Path, ...]
        The files written, in order.

    Raises
    ------
    ExportError
        The folder cannot be written, or the spec asks for a form that does not exist.
    """
    reporter = reporter or SilentReporter()
    config = project.spec.export
    formats = [EXPORTERS.check(name) for name in config.formats]
    unknown = [name for name in config.figures if name not in FIGURE_TYPES]
    if unknown:
        raise ExportError(f"figures cannot be written as `{unknown[0]}`; known are {', '.join(FIGURE_TYPES)}")
    folder = Path(folder)
    gathered = job(project)
    reporter.emit(Phase("export", f"Writing to {folder.name or folder}"))
    written = [write_text(folder / "equations.json", equations_text(project))]
    with ThreadPoolExecutor(PROGRAMS, "check") as checks:
        checked = _checked(gathered, formats, origin_of(project, date), checks, reporter)
        drawn = _figures(gathered, reporter)
        files, svgs = _save_figures(folder / "figures", drawn, config.figures, config.style, reporter)
        written += files
        artefacts: list[Artefact] = []
        for index, (name, result) in enumerate(checked.items()):
            if reporter.should_stop():
                return tuple(written)
            reporter.emit(Progress(0.4 + 0.5 * index / len(checked), text=f"Writing {name}"))
            made = result()
            if made.deviation is not None:
                disagrees = not made.deviation <= TOLERANCE
                reporter.emit(Note(f"{made.name}: {made.sentence}", "warning" if disagrees else "info"))
            artefacts.append(made)
            written.append(write_bytes(folder / made.name, made.payload))
    if not reporter.should_stop():
        from ndestudio.export.report import report_html

        page = report_html(
            project, figures=drawn, svgs=svgs, artefacts=tuple(artefacts), date=date, spec_text=spec_text
        )
        written.append(write_text(folder / "report.html", page))
    reporter.emit(Progress(1.0))
    return tuple(written)


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> Path:
    """Write beside the place, then put it there in one step.

    Raises
    ------
    ExportError
        When the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(temporary).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error.strerror or error}); choose another folder") from error
    return path


def _figures(gathered: Job, reporter: Reporter) -> tuple[Figure, ...]:
    made: list[Figure] = []
    tasks = recipes(gathered)
    for index, task in enumerate(tasks):
        if reporter.should_stop():
            break
        reporter.emit(Progress(0.2 * index / len(tasks), text="Gathering what figures show"))
        figure = task()
        if figure is not None:
            made.append(figure)
    return tuple(made)


def _save_figures(
    folder: Path, drawn: tuple[Figure, ...], types: tuple[str, ...], style: FigureStyle, reporter: Reporter
) -> tuple[list[Path], dict[str, bytes]]:
    """The files written, and the SVG of each figure for the report."""
    from ndestudio.figures.data_table import csv_text
    from ndestudio.figures.matplotlib_renderer import render

    written: list[Path] = []
    svgs: dict[str, bytes] = {}
    for index, figure in enumerate(drawn):
        if reporter.should_stop():
            break
        reporter.emit(Progress(0.2 + 0.2 * index / len(drawn), text="Drawing figures"))
        svgs[figure.name] = render(figure, "svg", style)
        if "svg" in types:
            written.append(write_bytes(folder / f"{figure.name}.svg", svgs[figure.name]))
        if "pdf" in types:
            written.append(write_bytes(folder / f"{figure.name}.pdf", render(figure, "pdf", style)))
        if "png" in types:
            written.append(write_bytes(folder / f"{figure.name}.png", render(figure, "png", style)))
        if "csv" in types:
            written.append(write_text(folder / f"{figure.name}.csv", csv_text(figure)))
    return written, svgs


def _checked(
    gathered: Job, formats: list[str], origin: Origin, checks: ThreadPoolExecutor, reporter: Reporter
) -> dict[str, Callable[[], Artefact]]:
    """Each form's artefact, at the latest when it is asked for; those that can be run are run again meanwhile."""
    config = gathered.project.spec.export
    found: dict[str, Callable[[], Artefact]] = {}
    if gathered.model is None:
        return found
    for name in formats:
        if reporter.should_stop():
            break
        try:
            made = artefact(gathered.model, name, dataset=gathered.dataset, digits=config.digits, origin=origin)
        except ExportError as error:
            reporter.emit(Note(f"{name} was not written: {error}", "warning"))
            continue
        if config.verify:
            check = partial(verify, made, gathered.model, gathered.dataset, should_stop=reporter.should_stop)
            found[name] = checks.submit(check).result
        else:
            found[name] = partial(_same, made)
    return found


def _same(made: Artefact) -> Artefact:
    return made
