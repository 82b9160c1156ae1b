"""`ndestudio profile`: how far the parameters of a trained model can go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.displays import display_for
from ndestudio.cli.main import DONE, INTERRUPTED
from ndestudio.cli.run import failed, follow
from ndestudio.errors import ProjectError, SpecError
from ndestudio.jobs import Failed
from ndestudio.progress import Reporter
from ndestudio.project.project import Project

if TYPE_CHECKING:
    import argparse

    from ndestudio.fitting.uncertainty.profile_likelihood import Profile


def profile_command(options: argparse.Namespace) -> int:
    """Profile as the command line says; returns the exit code."""
    from ndestudio.project.store import load_project

    project = load_project(options.project)
    if project.fit is None or project.dataset is None:
        raise ProjectError(f"{options.project} holds no trained model; train it first (`ndestudio run`, or the window)")
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _profiles, project, tuple(options.names))
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: list[Profile] = ended.result
    if options.output is not None:
        _write(options.output, found)
    if not options.quiet:
        print("\n".join(one.sentence for one in found) or "The model has no parameters that were fitted.", flush=True)
    return INTERRUPTED if interrupted else DONE


def _profiles(project: Project, names: Sequence[str], *, reporter: Reporter) -> list[Profile]:
    from ndestudio.fitting.uncertainty.profile_likelihood import profile

    assert project.fit is not None and project.dataset is not None
    model = project.fit.model
    settings = model.config.parameters
    free = [name for name in model.parameters if name not in settings or not settings[name].fixed]
    found = []
    for name in names or free:
        if reporter.should_stop():
            break
        found.append(profile(model, project.dataset, name, project.spec.train, reporter))
    return found


def _write(path: Path, found: Sequence[Profile]) -> None:
    lines = ["parameter,value,statistic,misfit,threshold"]
    for one in found:
        for value, statistic, misfit in zip(one.values, one.statistic, one.misfit, strict=True):
            lines.append(f"{one.parameter},{float(value)!r},{float(statistic)!r},{float(misfit)!r},{one.threshold!r}")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None
