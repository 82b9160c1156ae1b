"""`ndestudio sweep`: a spec with some of its settings varied, on this machine's processors or on a cluster."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command, add_data
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ndestudio.progress import Reporter
    from ndestudio.project.sweep.folder import SweepFolder
    from ndestudio.project.sweep.row import Row
    from ndestudio.project.sweep.run import SweepEnd

TABLE = "sweep.parquet"
_DIGITS = 4


def _arguments(parser: ArgumentParser) -> None:
    from ndestudio.jobs.executors import FORMS

    parser.add_argument("spec", metavar="SPEC.toml|FOLDER", type=Path, help="what to vary; or a sweep to go on with")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="SETTING=VALUES",
        help="values of a setting: 'train.seed=0..31', 'model.networks.f.width=8,16,32', 'train.l2=0..1..0.25'; "
        "once for each setting, all combinations are computed",
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="folder of the sweep (default: sweep)")
    parser.add_argument("--executor", default="local", metavar="WHERE", help=f"who computes: {FORMS} (default: local)")
    parser.add_argument(
        "--work",
        choices=("run", "train", "recover"),
        default="run",
        help="train and distil (default), train alone, or the recovery test of the table [recovery]",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the project of each variant, to open it in the window"
    )
    parser.add_argument("--again", action="store_true", help="compute those that failed once more")
    parser.add_argument(
        "--slurm", metavar="FOLDER", type=Path, help="write a folder with a job array for Slurm instead of computing"
    )
    parser.add_argument("--at-once", type=int, metavar="N", help="tasks of the job array that run at the same time")
    parser.add_argument("--memory", default="4G", help="of each task of the job array (default: %(default)s)")
    parser.add_argument("--time", default="01:00:00", help="of each task of the job array (default: %(default)s)")
    parser.add_argument("--task", type=int, metavar="N", help="compute variant N of a sweep, as a job array does")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    add_data(parser)


def _command(options: Namespace) -> int:
    """Sweep as the command line says; returns the exit code."""
    if options.slurm is not None:
        return _slurm(options)
    folder = _folder(options, options.output)
    if options.task is not None:
        from ndestudio.project.sweep.row import FAILED as NOTHING
        from ndestudio.project.sweep.run import one_of

        row = one_of(folder, options.task)
        if not options.quiet:
            print(row.sentence, flush=True)
        return FAILED if row.outcome == NOTHING else DONE
    return _sweep(options, folder)


def _sweep(options: Namespace, folder: SweepFolder) -> int:
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow
    from ndestudio.jobs import Failed
    from ndestudio.project.sweep.table import write_table

    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _computed, folder, options.executor, options.again)
    rows = folder.rows()
    written = write_table(rows, folder.path / TABLE)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    end: SweepEnd = ended.result
    if not options.quiet:
        print(report(rows, end, written), flush=True)
    if interrupted:
        return INTERRUPTED
    return FAILED if end.computed and end.failures == end.computed else DONE


def _computed(folder: SweepFolder, where: str, again: bool, *, reporter: Reporter) -> SweepEnd:
    from ndestudio.jobs.executors import executor
    from ndestudio.project.sweep.run import sweep

    chosen = executor(where)
    try:
        return sweep(folder, chosen, reporter, again=again)
    finally:
        chosen.close()


def _slurm(options: Namespace) -> int:
    from ndestudio.project.sweep.slurm import write_script

    folder = _folder(options, options.slurm, carry=True)
    path = write_script(folder, at_once=options.at_once, memory=options.memory, time=options.time)
    if not options.quiet:
        print(
            f"{len(folder.variants())} variants in {folder.path}, with their data. On the cluster: cd {folder.path} && sbatch "
            f"{path.name}\nThen: ndestudio collect {folder.path}"
        )
    return DONE


def _folder(options: Namespace, output: Path | None, *, carry: bool = False) -> SweepFolder:
    """The sweep that is named, or a new one."""
    from ndestudio.cli.execution import with_data
    from ndestudio.project.spec import load_spec
    from ndestudio.project.sweep.folder import SweepFolder, made
    from ndestudio.project.sweep.vary import variation

    if options.spec.is_dir():
        if options.vary or output is not None:
            raise SpecError(
                f"{options.spec} is a sweep that has its variations and its folder already; go on with it without --vary and -o, or "
                "name the spec file to vary"
            )
        return SweepFolder(options.spec)
    if options.task is not None:
        raise SpecError("--task computes one variant of a sweep; name the folder of the sweep instead of a spec")
    if not options.vary:
        raise SpecError("nothing is varied; add --vary SETTING=VALUES, as --vary 'train.seed=0..31'")
    spec = with_data(load_spec(options.spec), options.data, options.import_settings)
    variations = [variation(text) for text in options.vary]
    return made(output or Path("sweep"), spec, variations, work=options.work, keep=options.keep, carry=carry)


def report(rows: Sequence[Row], end: SweepEnd | None, written: Path) -> str:
    """What a sweep came to, for a terminal."""
    from ndestudio.project.sweep.row import FAILED as NOTHING
    from ndestudio.project.sweep.run import best

    lines = []
    if end is not None:
        lines.append(
            f"{end.computed} computed, {end.there} were there already"
            + (f", {end.left} are left: start the same command again to go on" if end.left else "")
        )
    failures = [row for row in rows if row.outcome == NOTHING]
    chosen = best(rows)
    if chosen:
        lines += [
            "",
            "Smallest errors on what was held out" if chosen[0].held_out is not None else "Smallest errors",
            *_table(chosen),
        ]
        if chosen[0].equations:
            lines += ["", "The first of them", *(f"  {line}" for line in chosen[0].equations)]
    if failures:
        lines += ["", f"{len(failures)} failed, each with its sentence in the table; the first: {failures[0].sentence}"]
    lines += ["", f"Table of {len(rows)} results: {written}"]
    return "\n".join(lines).strip()


def _table(rows: Sequence[Row]) -> list[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    titles = [*names, "train", "held out", "complexity", "outcome"]
    cells = [titles]
    for row in rows:
        values = [str(row.values.get(name, "")) for name in names]
        size = "–" if row.complexity is None else str(row.complexity)
        cells.append([*values, _percent(row.train_error), _percent(row.held_out), size, row.outcome])
    widths = [max(len(line[k]) for line in cells) for k in range(len(titles))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.{_DIGITS - 2}%}"


COMMAND = Command(
    "sweep SPEC.toml --vary ...",
    "a spec with settings varied, on many processors or a cluster",
    _command,
    "Compute a spec once for each combination of varied settings, in processes of this machine, on a Dask cluster, or as a job array of "
    "Slurm. Results are kept as they come: the same command again goes on where it was stopped or killed. Exit code: 0 done, 1 all "
    "failed, 2 bad input, 130 interrupted.",
    _arguments,
)
