"""`ndestudio desktop`: an entry in the menu of the desktop, and project files that open by a double click (Linux)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE, FAILED
from ndestudio.errors import SpecError

MIME = "application/x-ndestudio"
_ENTRY = """\
[Desktop Entry]
Type=Application
Name=NDE Studio
GenericName=Hybrid modelling of dynamics
Comment=From measured time series to equations
Exec={command} %F
Icon=ndestudio
Terminal=false
Categories=Science;Math;DataVisualization;
MimeType={mime};
StartupWMClass=ndestudio
"""
_TYPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{mime}">
    <comment>NDE Studio project</comment>
    <comment xml:lang="de">NDE-Studio-Projekt</comment>
    <sub-class-of type="application/zip"/>
    <icon name="ndestudio"/>
    <glob pattern="*.nde" weight="60"/>
  </mime-type>
</mime-info>
"""
_TOOLS = (("update-mime-database", "mime"), ("update-desktop-database", "applications"))


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("install", "remove"), help="put the entry there, or take it away")


def _command(options: Namespace) -> int:
    """Install or remove; returns the exit code."""
    if not sys.platform.startswith("linux"):
        print("ndestudio: `desktop` is for Linux; other systems get their entry from the installer", file=sys.stderr)
        return FAILED
    root = data_home()
    for path, content in _files(root).items():
        try:
            if options.what == "install":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise SpecError(f"{path} cannot be changed ({error.strerror or error})") from None
        print(f"{'wrote' if options.what == 'install' else 'removed'} {path}")
    for tool, folder in _TOOLS:
        if shutil.which(tool) and (root / folder).is_dir():
            subprocess.run([tool, str(root / folder)], check=False, capture_output=True, timeout=60)
    return DONE


def data_home() -> Path:
    """Where a person's own entries are, by the XDG base directories."""
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if given.startswith("/") else Path.home() / ".local" / "share"


def _files(root: Path) -> dict[Path, bytes]:
    from ndestudio.paths import resources_dir

    command = f"{_quoted(sys.executable)} -m ndestudio"
    return {
        root / "applications" / "ndestudio.desktop": _ENTRY.format(command=command, mime=MIME).encode(),
        root / "mime" / "packages" / "ndestudio.xml": _TYPE.format(mime=MIME).encode(),
        root / "icons" / "hicolor" / "scalable" / "apps" / "ndestudio.svg": (
            resources_dir() / "icons" / "ndestudio.svg"
        ).read_bytes(),
    }


def _quoted(path: str) -> str:
    """As the Desktop Entry Specification quotes an argument of `Exec`; `%` stands for itself when doubled."""
    kept = (
        path.replace("\\", "\\\\\\\\")
        .replace('"', '\\\\"')
        .replace("`", "\\\\`")
        .replace("$", "\\\\$")
        .replace("%", "%%")
    )
    return f'"{kept}"' if any(sign in path for sign in " \t\n\"'\\><~|&;$*?#()`%") else path


COMMAND = Command(
    "desktop install|remove",
    "menu entry, icon and file type of projects (Linux)",
    _command,
    "Put NDE Studio into the menu of the desktop, with its icon, and have project files (.nde) opened by it; or take that away. Only files of "
    "your own are written ($XDG_DATA_HOME, else ~/.local/share).",
    _arguments,
)
