"""The command line as ``argparse`` sees it. Imports nothing heavy: `--help` and `--version` answer at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ndestudio import __version__

COMMANDS = ("run", "demo", "recover", "compare", "profile", "export", "info")
FORMATS = ("latex", "sympy", "python", "jax", "julia", "matlab", "c", "json", "csv")
"""Targets of `export`; a test holds them equal to those of ``ndestudio.export``."""

_EPILOG = """\
commands:
  run SPEC.toml -o OUT      do everything a spec asks for, without a window
  demo                      the bundled lynx and hare data, from CSV to equations
  recover SPEC.toml         would a known law be found with these settings, on data like these?
  compare SPEC.toml         the model beside its mechanistic part and a plain neural ODE
  profile PROJECT [NAME]    how far parameters can go: profile likelihood
  export PROJECT --to FORMAT  write the equations of a project in another form
  info                      versions, devices, engines, folders

Without a command the window opens on the named files: data files, one spec (.toml), or one project (.nde).
`ndestudio COMMAND --help` says more.
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; ``command`` is one of ``COMMANDS`` or `"window"`.

    Raises:
        SystemExit: after printing help (0), the version (0) or what is wrong (2).
    """
    if argv and argv[0] in COMMANDS:
        return _commands().parse_args(argv)
    options = _window().parse_args(argv)
    options.command = "window"
    return options


def _window() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ndestudio",
        usage="ndestudio [-h] [--version] [FILE ...] | ndestudio COMMAND ...",
        description="From measured time series to equations: hybrid mechanistic + neural ODEs, distilled into formulas.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ndestudio {__version__}")
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="data files, one spec or one project")
    return parser


def _commands() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ndestudio")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands.add_parser("run", help="do everything a spec asks for, without a window"))
    _add_demo(commands.add_parser("demo", help="from the bundled lynx and hare data to equations"))
    _add_recover(
        commands.add_parser("recover", help="would a known law be found with these settings, on data like these?")
    )
    _add_compare(commands.add_parser("compare", help="the model beside its mechanistic part and a plain neural ODE"))
    _add_profile(commands.add_parser("profile", help="how far parameters can go: profile likelihood"))
    _add_export(commands.add_parser("export", help="write the equations of a project in another form"))
    commands.add_parser("info", help="versions, devices, engines, folders")
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Load, train, distil, validate and export as a spec says. Exit code: 0 done, 1 failed, 2 bad input, "
        "130 interrupted (what was reached is saved; a second Ctrl+C ends at once)."
    )
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="what to do")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        default=Path("out"),
        help="folder for the results (default: %(default)s)",
    )
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", type=Path, help="data files to take instead of those in the spec"
    )
    _add_overrides(parser)


def _add_recover(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make data from a chosen law at the times, gaps and noise of the real ones, train and distil on them, and say whether "
        "the law was found. The law is that of the table [recovery] of the spec, or of --law and --set. Exit code: 0 found "
        "(or not to be told apart), 1 not found, 2 bad input, 130 interrupted."
    )
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="data, model and settings; or a project (.nde)")
    parser.add_argument(
        "--law",
        action="append",
        default=[],
        metavar="HOLE=FORMULA",
        help="formula of an unknown function, as 'growth = r*x*(1 - x/K)'; once for each",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="value of a parameter of the law, as K=5"
    )
    parser.add_argument(
        "--noise", type=float, metavar="PART", help="noise as a part of the spread (default: as in the data)"
    )
    parser.add_argument("--fit-law", action="store_true", help="fit the constants of the law to the real data first")
    parser.add_argument("-o", "--output", metavar="FILE.json", type=Path, help="write the verdict to a file, too")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", type=Path, help="data files to take instead of those in the spec"
    )
    _add_overrides(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fit the model of a spec, its mechanistic part (unknown functions taken out) and a plain neural ODE to the same data; "
        "print held-out errors and information criteria, and which model the data support. Exit code: 0 done, 1 failed, "
        "2 bad input, 130 interrupted."
    )
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="data, model and settings; or a project (.nde)")
    parser.add_argument("-o", "--output", metavar="FILE.json", type=Path, help="write the table to a file, too")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", type=Path, help="data files to take instead of those in the spec"
    )
    _add_overrides(parser)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The profile likelihood of parameters of a trained model: 95% intervals that hold beyond the quadratic "
        "approximation, and which parameters the data do not determine."
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project file (.nde) with a trained model")
    parser.add_argument("names", metavar="NAME", nargs="*", help="parameters (default: all that were fitted)")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="write the profiles to a file, too")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = "The main job on bundled data; opens the window on the result if there is a display."
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        default=Path("demo-out"),
        help="folder for the results (default: %(default)s)",
    )
    parser.add_argument("--no-window", action="store_true", help="do not open the window at the end")
    _add_overrides(parser)


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of training and search, instead of that in the spec"
    )
    parser.add_argument("--engine", choices=("evolution", "pysr"), help="symbolic-regression engine")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="where to train (default: a GPU if there is one)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the equations of a project in another form; each form that can be run here is run and compared."
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project file (.nde)")
    parser.add_argument(
        "--to", required=True, choices=(*FORMATS, "report", "all"), help="form; `all` writes everything into a folder"
    )
    parser.add_argument(
        "-o", "--output", metavar="PATH", type=Path, help="file (for `all`: folder) to write; default: the terminal"
    )
    parser.add_argument("--digits", type=int, metavar="N", help="significant digits of displayed numbers")
