"""The command ``ndestudio``: chooses what to do and turns errors into sentences and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ndestudio.cli.arguments import parse
from ndestudio.cli.exit_codes import FAILED, INTERRUPTED

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv
        Without the program's name (None: that of the process).

    Returns
    -------
    int
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
        from ndestudio.cli.complaints import complain

        return complain(error)


def _dispatch(options: argparse.Namespace) -> int:
    if getattr(options, "allow", None):
        from ndestudio.blackbox import allow

        for file in options.allow:
            entry = allow(file)
            print(f"ndestudio: {entry.path} may run (SHA-256 {entry.sha256})", file=sys.stderr)
    if options.command == "window":
        from ndestudio.cli.window import window_command

        return window_command(options.files, new=options.new_window)
    from ndestudio.cli.registry import command

    return command(options.command).run(options)


if __name__ == "__main__":
    raise SystemExit(main())
