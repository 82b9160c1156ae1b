"""`ndestudio demo`: the main job on bundled data, and the window on what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ndestudio.cli.run import PROJECT, execute, overridden
from ndestudio.cli.window import has_display, open_beside
from ndestudio.paths import examples_dir
from ndestudio.project.spec import load_spec

if TYPE_CHECKING:
    import argparse

DONE = 0


def demo_command(options: argparse.Namespace) -> int:
    """Run the lynx-hare example; returns the exit code."""
    spec = load_spec(examples_dir() / "lynx_hare" / "spec.toml")
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device)
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
