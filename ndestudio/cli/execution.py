"""Jobs on the command line: run with a display, stopped by signals, ended with an exit code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from ndestudio.cli.complaints import complain
from ndestudio.cli.displays import Display, display_for
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED
from ndestudio.cli.signals import StopSignals
from ndestudio.cli.time_table import TimeTable
from ndestudio.cli.words import summary
from ndestudio.errors import SpecError
from ndestudio.jobs import Failed, Finished, Jobs
from ndestudio.paths import user_state_dir
from ndestudio.progress import Event, Phase, Reporter
from ndestudio.project.project import Project, Spec
from ndestudio.project.spec import dump_spec, load_spec, with_files

if TYPE_CHECKING:
    from argparse import Namespace

    from ndestudio.fitting.result import Fit
    from ndestudio.project.kept import Place

_DRAW_SECONDS = 0.1
PROJECT = "project.nde"


def read_job(path: Path) -> tuple[Spec, Fit | None]:
    """The spec in a file, and the fit where the file is a project."""
    if path.suffix.lower() != ".nde":
        return load_spec(path), None
    from ndestudio.project.store import load_project

    project = load_project(path)
    return project.spec, project.fit


def with_data(spec: Spec, files: Sequence[Path] | None, import_settings: str | None) -> Spec:
    """The spec with the data files of the command line, read by import settings."""
    if files:
        spec = with_files(spec, tuple(str(path.resolve()) for path in files))
    if import_settings:
        from ndestudio.data.import_settings import ImportSettingsStore

        data = ImportSettingsStore().get(import_settings).applied(spec.data)
        spec = msgspec.structs.replace(spec, data=data)
    return spec


def overridden(
    spec: Spec,
    *,
    seed: int | None = None,
    engine: str | None = None,
    device: str | None = None,
    solver: str | None = None,
) -> Spec:
    """The spec with what the command line says otherwise."""
    train: dict[str, Any] = {}
    distil: dict[str, Any] = {}
    if seed is not None:
        train["seed"] = distil["seed"] = seed
    if engine is not None:
        distil["engine"] = engine
    if device is not None:
        train["device"] = device
    if solver is not None:
        train["solver"] = solver
    return msgspec.structs.replace(
        spec,
        train=msgspec.structs.replace(spec.train, **train),
        distil=msgspec.structs.replace(spec.distil, **distil),
    )


def placed(spec: Spec, options: Namespace) -> Place:
    """Who computes, as the command line says, else the spec."""
    from ndestudio.project.kept import Place

    return Place.of(options.executor, options.results, spec)


def execute(
    spec: Spec, folder: Path, *, quiet: bool = False, profile: bool = False, place: Place | None = None
) -> tuple[int, Project | None]:
    """Run a spec and write everything into ``folder``, showing how it goes.

    Parameters
    ----------
    profile
        Print where the time went, too.
    place
        Who computes what falls into independent parts; None: this process.

    Returns
    -------
    tuple[int, Project | None]
        The exit code, and the project (None if nothing was reached).
    """
    prepare(folder)
    table = TimeTable() if profile else None
    job = run_and_export if table is None else partial(_watched, table)
    with display_for(quiet=quiet) as display:
        ended, interrupted = follow(display, partial(job, place=place), spec, folder)
    if isinstance(ended, Failed):
        return (INTERRUPTED if interrupted else failed(ended)), None
    project, written = ended.result
    if table is not None:
        with contextlib.suppress(BrokenPipeError):
            print(f"Seconds by stage and kind of work\n{table}\n", flush=True)
    if not quiet:
        with contextlib.suppress(BrokenPipeError):
            print(summary(project, folder, written), flush=True)
    if interrupted:
        print(f"ndestudio: interrupted; what was reached is in {folder}", file=sys.stderr)
        return INTERRUPTED, project
    return exit_code(project), project


def prepare(folder: Path) -> None:
    """Make the folder for results; a sentence now is better than one after minutes of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".ndestudio-probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SpecError(
            f"the folder {folder} cannot be written ({error.strerror or error}); name another with -o"
        ) from None


def follow(display: Display, function: Callable[..., Any], *args: Any) -> tuple[Finished | Failed, bool]:
    """Run a function as a job, show its events until it ends, and pass on the wish to stop.

    Returns
    -------
    tuple[Finished | Failed, bool]
        The last event, and whether the person interrupted.
    """
    jobs = Jobs()

    def stop() -> None:
        for id_ in jobs.active():
            jobs.stop(id_)

    with StopSignals(stop, before_exit=lambda: display.__exit__(None, None, None)) as signals:
        id_ = jobs.submit("run", function, *args)
        if signals.received:
            jobs.stop(id_)
        told = False
        while True:
            for _, event in jobs.drain(timeout=_DRAW_SECONDS):
                if isinstance(event, Finished | Failed):
                    jobs.join(id_)
                    return event, signals.received
                display.show(event)
            if signals.received and not told:
                told = True
                display.say("stopping; what was reached will be saved (Ctrl+C again ends at once)")
            display.tick()


def run_and_export(
    spec: Spec,
    folder: Path,
    *,
    reporter: Reporter,
    on_stage: Callable[[str], object] | None = None,
    place: Place | None = None,
) -> tuple[Project, list[Path]]:
    """The job: run a spec, keep the project after each stage, write the results.

    Parameters
    ----------
    on_stage
        Called with the name of each stage as it begins.
    place
        Who computes what falls into independent parts; None: this process.

    Returns
    -------
    tuple[Project, list[Path]]
        The project and the files written.
    """
    from ndestudio.export import write_all
    from ndestudio.project.kept import opened
    from ndestudio.project.pipeline import run
    from ndestudio.project.ro_crate import write_ro_crate
    from ndestudio.project.store import save_project

    path = folder / PROJECT
    begins = on_stage or (lambda stage: None)

    def kept(reached: Project) -> None:
        save_project(reached, path)
        begins("distil" if reached.fit is not None else "train")

    begins("data")
    with opened(place) as executor:
        project = run(spec, reporter, on_stage=kept, executor=executor)
    written = [save_project(project, path)]
    if project.fit is None:
        return project, written
    started = perf_counter()
    begins("export")
    reporter.emit(Phase("export", "Writing equations, code, figures and the report"))
    bare = with_files(spec, tuple(Path(name).name for name in spec.data.files))
    today = datetime.now(UTC).date().isoformat()
    written += write_all(project, folder, _Unstoppable(reporter), date=today, spec_text=dump_spec(bare))
    written.append(write_ro_crate(project, folder, written))
    project = replace(project, seconds={**project.seconds, "export": perf_counter() - started})
    return project, written


def _watched(
    table: TimeTable, spec: Spec, folder: Path, *, reporter: Reporter, place: Place | None = None
) -> tuple[Project, list[Path]]:
    def began(stage: str) -> None:
        table.stage = stage

    with table.looking():
        return run_and_export(spec, folder, reporter=reporter, on_stage=began, place=place)


def exit_code(project: Project) -> int:
    """0 if there are equations, 1 if training or distilling failed."""
    from ndestudio.fitting.result import Outcome

    if project.fit is None or project.fit.outcome is Outcome.DIVERGED:
        return FAILED
    if project.distillation is not None and project.distillation.outcome == "failed":
        return FAILED
    return DONE


class _Unstoppable:
    """What was reached is written even when the person asked to stop."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        self._reporter.emit(event)

    def should_stop(self) -> bool:
        return False


def failed(ended: Failed) -> int:
    """Say how a job failed; returns the exit code."""
    if ended.error is not None:
        return complain(ended.error)
    log = user_state_dir() / "last-error.txt"
    try:
        log.write_text(ended.details, encoding="utf-8")
        where = str(log)
    except OSError:
        where = "nowhere, for the disk refused it"
    print(f"ndestudio: {ended.sentence.replace('the log has', f'{where} has')}", file=sys.stderr)
    return FAILED
