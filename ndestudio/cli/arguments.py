"""The command line as ``argparse`` sees it. Imports nothing heavy: `--help` and `--version` answer at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ndestudio import __version__
from ndestudio.cli.registry import COMMANDS, command

_EPILOG = """\
commands:
{commands}

Without a command the window opens on the named files: data files, one spec (.toml), or one project (.nde).
`ndestudio COMMAND --help` says more.
"""
_WIDTH = 24


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; ``command`` is one of ``COMMANDS`` or `"window"`.

    Raises
    ------
    SystemExit
        After printing help (0), the version (0) or what is wrong (2).
    """
    if argv and argv[0] in COMMANDS:
        chosen = command(argv[0])
        parser = argparse.ArgumentParser(prog=f"ndestudio {argv[0]}", description=chosen.description)
        chosen.arguments(parser)
        options = parser.parse_args(argv[1:])
        options.command = argv[0]
        return options
    options = _window().parse_args(argv)
    options.command = "window"
    return options


class _Parser(argparse.ArgumentParser):
    """Asks the commands for their lines only when help is printed."""

    def format_help(self) -> str:
        found = (command(name) for name in COMMANDS)
        lines = (f"  {one.usage.ljust(_WIDTH)}  {one.summary}" for one in found)
        self.epilog = _EPILOG.format(commands="\n".join(lines))
        return super().format_help()


def _window() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ndestudio",
        usage="ndestudio [-h] [--version] [FILE ...] | ndestudio COMMAND ...",
        description="From measured time series to equations: hybrid mechanistic + neural ODEs, distilled into formulas.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ndestudio {__version__}")
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="data files, one spec or one project")
    return parser
