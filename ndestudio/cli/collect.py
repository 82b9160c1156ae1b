"""`ndestudio collect`: the results of a sweep as a table, and as runs of one project."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE
from ndestudio.cli.sweep import TABLE, report


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="of a sweep")
    parser.add_argument(
        "-o",
        "--output",
        metavar="TABLE",
        type=Path,
        help=f"the table: .parquet, .csv, .xlsx or .duckdb (default: {TABLE} in the folder)",
    )
    parser.add_argument(
        "--project", metavar="FILE.nde", type=Path, help="the runs that were kept, as one project to open in the window"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Collect as the command line says; returns the exit code."""
    from ndestudio.project.sweep.folder import SweepFolder
    from ndestudio.project.sweep.runs import as_project
    from ndestudio.project.sweep.table import write_table

    folder = SweepFolder(options.folder)
    rows = folder.rows()
    written = write_table(rows, options.output or folder.path / TABLE)
    if options.project is not None:
        from ndestudio.project.store import save_project

        save_project(as_project(folder), options.project)
    if not options.quiet:
        left = len(folder.variants()) - len({row.number for row in rows})
        print(report(rows, None, written))
        if left > 0:
            print(f"{left} variants have no result yet")
    return DONE


COMMAND = Command(
    "collect FOLDER",
    "the results of a sweep as a table, and as runs of a project",
    _command,
    "Gather the results of a sweep, wherever they were computed, into a table (Parquet, CSV, Excel, DuckDB) and, where projects were kept, "
    "into the runs of one project. Exit code: 0 done, 2 bad input.",
    _arguments,
)
