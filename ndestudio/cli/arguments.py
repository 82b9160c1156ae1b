"""The command line as ``argparse`` sees it. Imports nothing heavy: `--help` and `--version` answer at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ndestudio import __version__
from ndestudio.cli.command import add_allow
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
        options = parser_of(argv[0]).parse_args(argv[1:])
        options.command = argv[0]
        return options
    options = window_parser().parse_args(argv)
    options.command = "window"
    return options


def parser_of(name: str) -> argparse.ArgumentParser:
    """What the command called ``name`` takes."""
    chosen = command(name)
    parser = argparse.ArgumentParser(prog=f"ndestudio {name}", description=chosen.description)
    chosen.arguments(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """Asks the commands for their lines only when help is printed."""

    def format_help(self) -> str:
        found = (command(name) for name in COMMANDS)
        lines = (f"  {one.usage.ljust(_WIDTH)}  {one.summary}" for one in found)
        self.epilog = _EPILOG.format(commands="\n".join(lines))
        return super().format_help()


def window_parser() -> argparse.ArgumentParser:
    """What ``ndestudio`` takes without a command."""
    parser = _Parser(
        prog="ndestudio",
        usage="ndestudio [-h] [--version] [--new-window] [FILE ...] | ndestudio COMMAND ...",
        description="From measured time series to equations: hybrid mechanistic + neural ODEs, distilled into formulas.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ndestudio {__version__}")
    add_allow(parser)
    parser.add_argument(
        "--new-window", action="store_true", help="open another window (default: the one that is there opens the files)"
    )
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="data files, one spec or one project")
    return parser
