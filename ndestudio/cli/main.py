"""The command ``ndestudio``: chooses what to do and turns errors into sentences and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ndestudio.cli.arguments import parse

if TYPE_CHECKING:
    import argparse

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Arguments:
        argv: without the program's name (None: that of the process).

    Returns:
        The exit code: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; nothing is left to be said
        sys.stderr.close()
        return FAILED
    except Exception as error:
        return complain(error)


def complain(error: Exception) -> int:
    """Print an error as a sentence and say which exit code it means."""
    from ndestudio.errors import DataError, EquationError, NdeStudioError, ProjectError, SettingError, SpecError

    if not isinstance(error, NdeStudioError):
        raise error
    print(f"ndestudio: {error}", file=sys.stderr)
    return (
        BAD_INPUT if isinstance(error, DataError | EquationError | ProjectError | SettingError | SpecError) else FAILED
    )


def _dispatch(options: argparse.Namespace) -> int:
    match options.command:
        case "run":
            from ndestudio.cli.run import run_command

            return run_command(options)
        case "demo":
            from ndestudio.cli.demo import demo_command

            return demo_command(options)
        case "recover":
            from ndestudio.cli.recover import recover_command

            return recover_command(options)
        case "compare":
            from ndestudio.cli.compare import compare_command

            return compare_command(options)
        case "profile":
            from ndestudio.cli.profile import profile_command

            return profile_command(options)
        case "export":
            from ndestudio.cli.export import export_command

            return export_command(options)
        case "info":
            from ndestudio.cli.info import info_command

            return info_command()
        case _:
            from ndestudio.cli.window import window_command

            return window_command(options.files)


if __name__ == "__main__":
    raise SystemExit(main())
