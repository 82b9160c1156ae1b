"""The commands there are: name, and where each is described, in the order of the help. A new one is a module and a line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.cli.command import Command

COMMANDS: dict[str, str] = {
    "look": "ndestudio.cli.look",
    "run": "ndestudio.cli.run",
    "demo": "ndestudio.cli.demo",
    "recover": "ndestudio.cli.recover",
    "compare": "ndestudio.cli.compare",
    "profile": "ndestudio.cli.profile",
    "paths": "ndestudio.cli.paths",
    "predict": "ndestudio.cli.predict",
    "sweep": "ndestudio.cli.sweep",
    "collect": "ndestudio.cli.collect",
    "replay": "ndestudio.cli.replay",
    "next": "ndestudio.cli.next",
    "explore": "ndestudio.cli.explore",
    "tube": "ndestudio.cli.tube",
    "export": "ndestudio.cli.export",
    "petab": "ndestudio.cli.petab",
    "convert": "ndestudio.cli.convert",
    "desktop": "ndestudio.cli.desktop",
    "info": "ndestudio.cli.info",
}


def command(name: str) -> Command:
    """The command called ``name``, one of ``COMMANDS``."""
    return import_module(COMMANDS[name]).COMMAND
