"""What an installed program starts with: it is its own interpreter for the processes that it begins."""

from __future__ import annotations

import multiprocessing
import runpy
import sys


def main() -> int:
    """`-m MODULE` and `-I FILE` as Python has them; everything else is the command ``ndestudio``."""
    multiprocessing.freeze_support()
    match sys.argv[1:]:
        case ["-m", module, *rest]:
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return 0
        case ["-I", file, *rest]:
            sys.argv = [file, *rest]
            runpy.run_path(file, run_name="__main__")
            return 0
    from ndestudio.cli.main import main as command

    return command()


if __name__ == "__main__":
    raise SystemExit(main())
