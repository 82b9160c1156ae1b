"""Running a sweep: what is not there yet is computed by an executor and kept as it comes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from ndestudio import __version__
from ndestudio.data.dataset import Dataset
from ndestudio.errors import SpecError
from ndestudio.jobs.executors import Executor, Load, Task
from ndestudio.jobs.executors.config import ComputingConfig
from ndestudio.progress import Event, Note, Phase, Progress, Reporter, SilentReporter
from ndestudio.project.spec import dump_spec, with_files
from ndestudio.project.sweep.folder import SweepFolder
from ndestudio.project.sweep.row import FAILED, Row, computed, failed
from ndestudio.project.sweep.vary import Variant


@dataclass(frozen=True)
class RowKept(Event):
    """A result was computed and is on the disk."""

    row: Row


@dataclass(frozen=True)
class SweepEnd:
    """How a sweep ended.

    Parameters
    ----------
    there
        Results that were there before.
    computed
        Results that were made now, failures among them.
    left
        Variants without a result: it was stopped.
    """

    there: int
    computed: int
    failures: int
    left: int


def sweep(
    folder: SweepFolder, executor: Executor, reporter: Reporter | None = None, *, again: bool = False
) -> SweepEnd:
    """Compute what the folder has no result of yet.

    Parameters
    ----------
    reporter
        Hears ``RowKept`` for each result, progress and notes; is asked whether to stop.
    again
        Compute those that failed once more.

    Raises
    ------
    SpecError
        Data that cannot be loaded.
    ExecutorLost
        What computes is gone; all results until then are kept.
    """
    reporter = SilentReporter() if reporter is None else reporter
    reporter.emit(Phase("data", "Reading the data"))
    variants = folder.variants()
    datasets, data = loaded(variants)
    keys = [key_of(one, datasets[name], folder.plan.work) for one, name in zip(variants, data, strict=True)]
    known = {row.key: row for row in folder.rows()}
    wanted = {
        key: (variant, name)
        for key, variant, name in zip(keys, variants, data, strict=True)
        if key not in known or (again and known[key].outcome == FAILED)
    }
    there = len(set(keys)) - len(wanted)
    if there:
        reporter.emit(Note(f"{there} of {len(set(keys))} results are there already"))
    work, keep = folder.plan.work, folder.plan.keep
    tasks = [
        Task(key, computed, (key, one.number, dict(one.values), one.spec, name)) for key, (one, name) in wanted.items()
    ]
    if not tasks:
        return SweepEnd(there, 0, 0, 0)
    reporter.emit(Phase("sweep", f"Computing {len(tasks)} variants with {executor.name}"))
    own, made, failures = _Sweep(reporter, len(tasks)), 0, 0
    for ended in executor.map(tasks, shared=(datasets, work, keep), reporter=own):
        variant, _ = wanted[ended.key]
        if ended.problem:
            row, project = failed(ended.key, variant.number, variant.values, ended.problem, ended.worker), b""
        else:
            row, project = ended.result
            row = msgspec.structs.replace(row, worker=f"{row.worker} {ended.worker}".strip())
        folder.store(row, project)
        made += 1
        failures += row.outcome == FAILED
        reporter.emit(RowKept(row))
        own.kept(made)
    return SweepEnd(there, made, failures, len(tasks) - made)


def one_of(folder: SweepFolder, number: int, reporter: Reporter | None = None) -> Row:
    """Compute variant ``number`` here and keep its result: a task of a job array. One that is there already is left.

    Raises
    ------
    SpecError
        There is no such variant, or its data cannot be loaded.
    """
    reporter = SilentReporter() if reporter is None else reporter
    variants = folder.variants()
    if not 0 <= number < len(variants):
        raise SpecError(f"there is no variant {number}; there are 0 to {len(variants) - 1}")
    variant = variants[number]
    datasets, (name,) = loaded([variant])
    key = key_of(variant, datasets[name], folder.plan.work)
    known = next((row for row in folder.rows() if row.key == key), None)
    if known is not None:
        return known
    row, project = computed(
        datasets, folder.plan.work, folder.plan.keep, key, number, variant.values, variant.spec, name, reporter=reporter
    )
    if not reporter.should_stop():
        folder.store(row, project)
    return row


def loaded(variants: Sequence[Variant]) -> tuple[dict[str, Dataset], list[str]]:
    """The data of all variants, each read once: by name, and the name for each variant."""
    from ndestudio.data import load
    from ndestudio.model.statements import data_for

    datasets: dict[str, Dataset] = {}
    names = []
    for variant in variants:
        config = data_for(variant.spec.data, variant.spec.model.equations)
        name = hashlib.sha256(msgspec.json.encode(config)).hexdigest()[:16]
        if name not in datasets:
            datasets[name] = load(config, SilentReporter(), None)
        names.append(name)
    return datasets, names


def key_of(variant: Variant, dataset: Dataset, work: str) -> str:
    """Stands for all that a result depends on: the spec, the bytes of the data, the program and what is done."""
    spec = variant.spec
    bare = with_files(spec, tuple(Path(name).name for name in spec.data.files))
    bare = msgspec.structs.replace(bare, computing=ComputingConfig())
    content = [dump_spec(bare), [source.sha256 for source in dataset.sources], work, __version__]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


class _Sweep:
    """What an executor hears of the one who asked: its load becomes the progress of the sweep."""

    def __init__(self, reporter: Reporter, total: int) -> None:
        self._reporter, self._total, self._began, self._ended = reporter, total, monotonic(), 0
        self._load: Load | None = None
        self.should_stop = reporter.should_stop

    def emit(self, event: Event) -> None:
        if isinstance(event, Load):
            self._load = event
            self._reporter.emit(event)
            self._tell()
        else:
            self._reporter.emit(event)

    def kept(self, ended: int) -> None:
        self._ended = ended
        self._tell()

    def _tell(self) -> None:
        load, ended = self._load, self._ended
        text = f"{ended} of {self._total}"
        if load is not None:
            text += f", {load.running} running on {len(load.workers)} worker{'s' if len(load.workers) != 1 else ''}"
        spent = monotonic() - self._began
        left = spent / ended * (self._total - ended) if ended else None
        self._reporter.emit(Progress(ended / self._total, left, text))


def best(rows: Sequence[Row], most: int = 10) -> list[Row]:
    """The rows with the smallest error on what was held out, else of training; failures are none."""
    good = [row for row in rows if row.outcome != FAILED]

    def place(row: Row) -> tuple[bool, float]:
        error = row.held_out if row.held_out is not None else row.train_error
        return row.held_out is None, float("inf") if error is None else error

    return sorted(good, key=place)[:most]
