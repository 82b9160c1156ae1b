"""`ndestudio demo`: the main job on bundled data, and the window on what came out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.run import PROJECT, execute, overridden
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
        open_window(options.output / PROJECT)
    return code


def has_display() -> bool:
    """Whether a window could be seen."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return "SSH_CONNECTION" not in os.environ


def open_window(project: Path) -> None:
    """Open the window on a project in a process of its own, which outlives this one."""
    print("Opening the window on the result ...")
    subprocess.Popen(
        [sys.executable, "-m", "ndestudio", str(project.resolve())],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
