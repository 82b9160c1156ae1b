"""Write docs/cli.md from the parsers of the command line, so that it cannot lie: python tools/cli_docs.py"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ndestudio.cli.arguments import parser_of, window_parser  # noqa: E402
from ndestudio.cli.registry import COMMANDS  # noqa: E402

HEAD = """\
# The command line

    ndestudio [FILE ...]         # the window, on data files, a spec or a project
    ndestudio COMMAND ...        # a job without a window

Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted with what was reached saved. Progress goes to the standard error,
results to the standard output, so that the latter can be piped.

This page is written by `python tools/cli_docs.py`.
"""


def page() -> str:
    """The text of docs/cli.md."""
    return "\n".join([HEAD, *(_section(name, parser) for name, parser in parsers())])


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Name and parser of each command, the window first."""
    yield "the window", window_parser()
    for name in COMMANDS:
        yield name, parser_of(name)


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    title = "`ndestudio`: the window" if name == "the window" else f"`ndestudio {name}`"
    usage = re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip()
    lines = [f"## {title}", "", f"    {usage}", ""]
    if parser.description:
        lines += [" ".join(parser.description.split()), ""]
    actions = [
        action for action in parser._actions if not isinstance(action, argparse._HelpAction | argparse._VersionAction)
    ]
    if actions:
        lines += ["| argument | meaning |", "| --- | --- |", *map(_row, actions)]
    return "\n".join(lines).rstrip() + "\n"


def _row(action: argparse.Action) -> str:
    metavar = action.metavar
    if metavar is None and action.choices is not None:
        metavar = ", ".join(map(str, action.choices))
    if isinstance(metavar, str) and metavar.startswith("{"):
        metavar = metavar.strip("{}").replace(",", ", ")
    value = (
        " ".join(metavar)
        if isinstance(metavar, tuple)
        else metavar or ("" if action.nargs == 0 else action.dest.upper())
    )
    if action.nargs in ("*", "+"):
        value = f"{value} ..."
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    shown = " ".join(part for part in (names, f"`{value}`" if value else "") if part)
    meaning = (action.help or "") % {"default": action.default, "prog": "ndestudio"} if action.help else ""
    return f"| {shown} | {meaning} |".replace("<", "&lt;")


if __name__ == "__main__":
    (ROOT / "docs" / "cli.md").write_text(page(), encoding="utf-8")
