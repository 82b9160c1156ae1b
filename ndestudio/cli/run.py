"""`ndestudio run`: the whole job without a window."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ndestudio.cli.command import Command, add_data, add_import_settings, add_output, add_overrides


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to do")
    add_output(parser, "out")
    add_data(parser)
    add_import_settings(parser)
    add_overrides(parser)


def _run(options: Namespace) -> int:
    """Run a spec as the command line says; returns the exit code."""
    import msgspec

    from ndestudio.cli.execution import execute, overridden
    from ndestudio.project.spec import load_spec, with_files

    spec = load_spec(options.spec)
    if options.data:
        spec = with_files(spec, tuple(str(path.resolve()) for path in options.data))
    if options.import_settings:
        from ndestudio.data.import_settings import ImportSettingsStore

        settings = ImportSettingsStore().get(options.import_settings)
        spec = msgspec.structs.replace(spec, data=settings.applied(spec.data))
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device)
    code, _ = execute(spec, options.output, quiet=options.quiet)
    return code


COMMAND = Command(
    "run SPEC.toml -o OUT",
    "do everything a spec asks for, without a window",
    _run,
    "Load, train, distil, validate and export as a spec says. Exit code: 0 done, 1 failed, 2 bad input, "
    "130 interrupted (what was reached is saved; a second Ctrl+C ends at once).",
    _arguments,
)
