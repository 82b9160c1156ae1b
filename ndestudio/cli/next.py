"""`ndestudio next`: what to measure next, to tell apart the laws that the data leave."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE, INTERRUPTED
from ndestudio.errors import ProjectError, SpecError

if TYPE_CHECKING:
    from ndestudio.distil.config import NextRunConfig
    from ndestudio.distil.suggested import NextRun
    from ndestudio.progress import Reporter
    from ndestudio.project.project import Project


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project file (.nde) with a distilled model")
    parser.add_argument(
        "--start",
        metavar="NAME=LOW:HIGH",
        action="append",
        default=[],
        help="limits of the start of a state (one number fixes it); default: the measured starts widened by half",
    )
    parser.add_argument(
        "--input",
        metavar="NAME=LOW:HIGH",
        action="append",
        default=[],
        help="limits of the level of an input; default: the measured range widened by half",
    )
    parser.add_argument("--duration", type=float, help="length of a run (default: that of the longest trajectory)")
    parser.add_argument("--points", type=int, help="samples of a run (default: those of the longest trajectory)")
    parser.add_argument("--runs", type=int, help="how many runs to suggest (default: as the spec says)")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="write what each law predicts, too")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Suggest as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow
    from ndestudio.jobs import Failed
    from ndestudio.project.store import load_project

    project = load_project(options.project)
    if project.fit is None or project.dataset is None or project.distillation is None:
        raise ProjectError(
            f"{options.project} holds no distilled model; distil it first (`ndestudio run`, or the window)"
        )
    config = _settings(project.spec.next_run, options)
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _suggested, project, config)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: NextRun = ended.result
    if options.output is not None:
        _write(options.output, found, project.dataset.measured_names)
    if not options.quiet:
        print("\n".join(_lines(found)), flush=True)
    return INTERRUPTED if interrupted else DONE


def _settings(config: NextRunConfig, options: Namespace) -> NextRunConfig:
    import msgspec

    changes: dict[str, object] = {
        "starts": {**config.starts, **_limits(options.start, "--start")},
        "inputs": {**config.inputs, **_limits(options.input, "--input")},
    }
    for name in ("duration", "points", "runs"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    made = msgspec.structs.replace(config, **changes)
    return made if made.runs >= 1 else msgspec.structs.replace(made, runs=1)


def _limits(given: Sequence[str], option: str) -> dict[str, tuple[float, float]]:
    found = {}
    for text in given:
        name, equals, limits = text.partition("=")
        low, _, high = limits.partition(":")
        try:
            found[name.strip()] = float(low), float(high or low)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise SpecError(
                f"`{option} {text}` is not understood; write `{option} x=0.5:4`, or `{option} x=2` to fix it"
            )
    return found


def _suggested(project: Project, config: NextRunConfig, *, reporter: Reporter) -> NextRun:
    from ndestudio.distil import suggest_next_run

    assert project.fit is not None and project.dataset is not None and project.distillation is not None
    spec = project.spec
    return suggest_next_run(
        project.fit, project.distillation, project.dataset, config, reporter.should_stop, spec.train
    )


def _lines(found: NextRun) -> list[str]:
    lines = [found.sentence]
    if len(found.formulas) > 1:
        lines += ["", "Laws that the data leave"]
        for weight, formulas in zip(found.weights, found.formulas, strict=True):
            lines.append(f"  {weight:4.0%}  " + "; ".join(f"{name} = {text}" for name, text in formulas.items()))
    return lines


def _write(path: Path, found: NextRun, columns: Sequence[str]) -> None:
    """A row for each time of each run: what each law predicts, in the order of the laws."""
    names = [f"{column} (law {k + 1})" for k in range(len(found.formulas)) for column in columns]
    lines = [",".join(["run", "time", *names])]
    for number, run in enumerate(found.runs):
        for row, t in enumerate(run.t):
            values = [float(value) for predicted in run.predictions for value in predicted[row]]
            lines.append(",".join([str(number + 1), f"{float(t)!r}", *(f"{value!r}" for value in values)]))
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None


COMMAND = Command(
    "next PROJECT",
    "what to measure next: the run that tells laws apart",
    _command,
    "The laws that the data leave, and the start (and levels of inputs), among those that are allowed, from which they "
    "differ most in units of the noise. Exit code: 0 done, 1 failed, 2 bad input.",
    _arguments,
)
