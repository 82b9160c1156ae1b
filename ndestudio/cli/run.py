"""`ndestudio run`: the whole job without a window."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ndestudio.cli.command import Command, add_data, add_executor, add_output, add_overrides


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to do")
    add_output(parser, "out")
    add_data(parser)
    add_overrides(parser)
    add_executor(parser)
    parser.add_argument("--profile", action="store_true", help="print where the time went, by stage and kind of work")


def _run(options: Namespace) -> int:
    """Run a spec as the command line says; returns the exit code."""
    from ndestudio.cli.execution import execute, overridden, placed, with_data
    from ndestudio.project.spec import load_spec

    spec = load_spec(options.spec)
    spec = with_data(spec, options.data, options.import_settings)
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device, solver=options.solver)
    place = placed(spec, options)
    code, _ = execute(spec, options.output, quiet=options.quiet, profile=options.profile, place=place)
    return code


COMMAND = Command(
    "run SPEC.toml -o OUT",
    "do everything a spec asks for, without a window",
    _run,
    "Load, train, distil, validate and export as a spec says. Exit code: 0 done, 1 failed, 2 bad input, "
    "130 interrupted (what was reached is saved; a second Ctrl+C ends at once).",
    _arguments,
)
