"""Opening the window from the command line."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

from ndestudio.cli.exit_codes import BAD_INPUT, FAILED


def window_command(files: list[Path], *, new: bool = False) -> int:
    """Open the window on files and stay until it is closed; returns the exit code.

    Parameters
    ----------
    new
        Open another window where there is one already.
    """
    for path in files:
        if not path.exists():
            print(f"ndestudio: {path}: there is no such file (for a command see `ndestudio --help`)", file=sys.stderr)
            return BAD_INPUT
    if not can_show():
        print(
            "ndestudio: there is no display to open a window on; `ndestudio run SPEC.toml` does the same work without one",
            file=sys.stderr,
        )
        return FAILED
    gc.disable()  # hundreds of modules leave nothing to collect; looking for it takes a tenth of the start
    try:
        from ndestudio.gui.app import main
    except ImportError as error:
        if not (error.path or "").endswith((".so", ".dylib", ".pyd")):  # no compiled part that does not load
            raise
        print(
            f"ndestudio: the window needs a system library that is missing ({error}); on Debian and Ubuntu install it with "
            "`sudo apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libxcb-cursor0`",
            file=sys.stderr,
        )
        return FAILED
    finally:
        gc.enable()
    return main([str(path) for path in files], alone=has_display() and not new)


def can_show() -> bool:
    """Whether Qt has something to draw on, if only memory."""
    if os.environ.get("QT_QPA_PLATFORM"):
        return True
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def has_display() -> bool:
    """Whether a person could see a window."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal") or not can_show():
        return False
    return sys.platform.startswith("linux") or "SSH_CONNECTION" not in os.environ


def open_beside(project: Path) -> None:
    """Open the window on a project in a process of its own, which outlives this one."""
    subprocess.Popen(
        [sys.executable, "-m", "ndestudio", "--new-window", str(project.resolve())],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
