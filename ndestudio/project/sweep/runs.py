"""The results of a sweep as the runs of one project, for the window."""

from __future__ import annotations

from dataclasses import replace

from ndestudio.errors import SpecError
from ndestudio.project.project import Project, Run
from ndestudio.project.store import load_project
from ndestudio.project.sweep.folder import SweepFolder
from ndestudio.project.sweep.run import best


def as_project(folder: SweepFolder, most: int = 100) -> Project:
    """The project of the best result, with the runs of up to ``most`` results, best first, named by their values.

    Raises
    ------
    SpecError
        No project was kept.
    """
    runs: list[Run] = []
    chosen: Project | None = None
    for row in best(folder.rows(), most):
        path = folder.project(row.key)
        if path is None:
            continue
        project = load_project(path)
        chosen = chosen or project
        name = ", ".join(f"{setting.rpartition('.')[2]} {value}" for setting, value in row.values.items())
        runs += [replace(run, name=f"{run.name}: {name}" if name else run.name) for run in project.runs]
    if chosen is None:
        raise SpecError(
            f"no projects were kept in {folder.path}; make the sweep with --keep, and remove its results first"
        )
    return replace(chosen, runs=tuple(runs))
