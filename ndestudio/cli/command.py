"""What a command is, and the options that several share. Imports nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.plugins import Registry


def _no_arguments(parser: ArgumentParser) -> None:
    del parser


@dataclass(frozen=True)
class Command:
    """A command of ``ndestudio``; its module says all there is to know of it.

    Parameters
    ----------
    usage, summary
        Its line in `ndestudio --help`.
    run
        Does it; returns the exit code. What it needs is imported when it is called.
    description
        Head of its own help.
    arguments
        Adds its options to a parser.
    """

    usage: str
    summary: str
    run: Callable[[Namespace], int]
    description: str | None = None
    arguments: Callable[[ArgumentParser], None] = _no_arguments


def one_of(registry: Registry[Any], *others: str) -> dict[str, Any]:
    """How ``add_argument`` takes a name of a registry, or another word; what is not known is refused in a sentence."""

    def checked(text: str) -> str:
        try:
            return text if text in others else registry.check(text)
        except Exception as error:
            raise ArgumentTypeError(str(error)) from None

    return {"type": checked, "metavar": "{" + ",".join((*registry.known(), *others)) + "}"}


def add_output(parser: ArgumentParser, default: str) -> None:
    """The folder for results."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        default=Path(default),
        help="folder for the results (default: %(default)s)",
    )


def add_data(parser: ArgumentParser) -> None:
    """Data files in place of those of the spec, and how they are read."""
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", type=Path, help="data files to take instead of those in the spec"
    )
    add_import_settings(parser)


def add_import_settings(parser: ArgumentParser) -> None:
    """Import settings that the person kept, for the data files."""
    parser.add_argument(
        "--import-settings",
        metavar="NAME",
        help="read the data files as these import settings say, which were kept under a name",
    )


def add_allow(parser: ArgumentParser) -> None:
    """Simulators that may run; ``main`` allows them before anything else."""
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FILE",
        type=Path,
        help="let this FMU or program, which equations call, run from now on, for as long as its content stays; may be given "
        "several times",
    )


def add_executor(parser: ArgumentParser) -> None:
    """Who computes what falls into independent parts, and where results are kept as they come."""
    from ndestudio.jobs.executors.registry import FORMS

    parser.add_argument(
        "--executor",
        metavar="WHERE",
        help=f"who computes what falls into independent parts: {FORMS} (default: as [computing] of the spec says, else here)",
    )
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        type=Path,
        help="keep the result of each part as it comes: the same command again goes on where it was stopped or killed",
    )


def add_overrides(parser: ArgumentParser) -> None:
    """What of a spec can be said otherwise."""
    from ndestudio.solve.registry import AUTO, SOLVERS
    from ndestudio.symbolic.registry import ENGINES

    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of training and search, instead of that in the spec"
    )
    parser.add_argument("--engine", help="symbolic-regression engine", **one_of(ENGINES))
    parser.add_argument(
        "--solver", help="of the training simulation, instead of that in the spec", **one_of(SOLVERS, AUTO)
    )
    add_allow(parser)
    parser.add_argument("--device", choices=("cpu", "gpu"), help="where to train (default: a GPU if there is one)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
