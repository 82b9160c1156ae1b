"""`ndestudio profile`: how far the parameters of a trained model can go."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command, add_executor
from ndestudio.cli.exit_codes import DONE, INTERRUPTED
from ndestudio.errors import ProjectError, SpecError

if TYPE_CHECKING:
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile
    from ndestudio.progress import Reporter
    from ndestudio.project.kept import Place
    from ndestudio.project.project import Project


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project file (.nde) with a trained model")
    parser.add_argument("names", metavar="NAME", nargs="*", help="parameters (default: all that were fitted)")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="write the profiles to a file, too")
    add_executor(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Profile as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow, placed
    from ndestudio.jobs import Failed
    from ndestudio.project.store import load_project

    project = load_project(options.project)
    if project.fit is None or project.dataset is None:
        raise ProjectError(f"{options.project} holds no trained model; train it first (`ndestudio run`, or the window)")
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _profiles, project, tuple(options.names), placed(project.spec, options))
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: list[Profile] = ended.result
    if options.output is not None:
        _write(options.output, found)
    if not options.quiet:
        print("\n".join(one.sentence for one in found) or "The model has no parameters that were fitted.", flush=True)
    return INTERRUPTED if interrupted else DONE


def _profiles(project: Project, names: Sequence[str], place: Place, *, reporter: Reporter) -> list[Profile]:
    from ndestudio.fitting.all_rows import rows_of
    from ndestudio.fitting.many import profiles
    from ndestudio.project.kept import opened

    assert project.fit is not None and project.dataset is not None
    model, dataset = project.fit.model, rows_of(project.fit, project.dataset)
    with opened(place) as executor:
        return profiles(model, dataset, names, project.spec.train, reporter, executor=executor)


def _write(path: Path, found: Sequence[Profile]) -> None:
    lines = ["parameter,value,statistic,misfit,threshold"]
    for one in found:
        for value, statistic, misfit in zip(one.values, one.statistic, one.misfit, strict=True):
            lines.append(f"{one.parameter},{float(value)!r},{float(statistic)!r},{float(misfit)!r},{one.threshold!r}")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None


COMMAND = Command(
    "profile PROJECT [NAME]",
    "how far parameters can go: profile likelihood",
    _command,
    "The profile likelihood of parameters of a trained model: 95% intervals that hold beyond the quadratic "
    "approximation, and which parameters the data do not determine.",
    _arguments,
)
