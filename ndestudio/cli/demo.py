"""`ndestudio demo`: the main job on bundled data, and the window on what came out."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ndestudio.cli.command import Command, add_output, add_overrides
from ndestudio.cli.exit_codes import DONE


def _arguments(parser: ArgumentParser) -> None:
    add_output(parser, "demo-out")
    parser.add_argument("--no-window", action="store_true", help="do not open the window at the end")
    add_overrides(parser)


def _demo(options: Namespace) -> int:
    """Run the lynx-hare example; returns the exit code."""
    from ndestudio.cli.execution import PROJECT, execute, overridden
    from ndestudio.cli.window import has_display, open_beside
    from ndestudio.paths import examples_dir
    from ndestudio.project.spec import load_spec

    spec = load_spec(examples_dir() / "lynx_hare" / "spec.toml")
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device, solver=options.solver)
    if not options.quiet:
        print("From the lynx and hare counts of 1900-1920 to equations.\n", flush=True)
    code, _ = execute(spec, options.output, quiet=options.quiet)
    report = options.output / "report.html"
    if code == DONE and not options.quiet:
        print(f"\nOpen {report} in a browser to see the figures.")
    if code == DONE and not options.no_window and has_display():
        print("Opening the window on the result ...")
        open_beside(options.output / PROJECT)
    return code


COMMAND = Command(
    "demo",
    "the bundled lynx and hare data, from CSV to equations",
    _demo,
    "The main job on bundled data; opens the window on the result if there is a display.",
    _arguments,
)
