"""A sweep over settings of the project: begun, watched, stopped, and gone on with after the window was closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Event, Note, Reporter
from ndestudio.session.ports import Context
from ndestudio.session.presenter import Presenter
from ndestudio.session.training.state import Status

if TYPE_CHECKING:
    from ndestudio.figures.description import Figure
    from ndestudio.jobs.executors import Load
    from ndestudio.project.project import Spec
    from ndestudio.project.sweep.row import Row
    from ndestudio.project.sweep.run import SweepEnd

WORKS: tuple[tuple[str, str, str], ...] = (
    ("run", "Train and distil", "Formulas in the place of networks, too"),
    ("train", "Train", "Networks and constants alone"),
    ("recover", "Recovery test", "Of the table [recovery]: would a known law be found?"),
)
FIRST = "train.seed=0..7"


@dataclass(frozen=True, eq=False)
class SweepState:
    """What the Sweep window shows.

    Parameters
    ----------
    obstacle
        Why nothing can be started, "" where it can.
    vary
        A line for each setting, `train.seed=0..7`.
    header, rows
        The table, those that fit the filter, best first.
    total
        Results there are in the folder.
    load
        Executor, workers and queue, in words.
    opens
        Whether projects were kept, which can be opened as runs.
    """

    obstacle: str
    vary: str
    executor: str
    work: str
    keep: bool
    folder: str
    search: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    figure: Figure | None
    load: str
    fraction: float
    status: Status
    opens: bool
    words: str
    problem: str


class SweepController(Presenter[SweepState]):
    """Intents of the Sweep window."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._vary, self._executor, self._work, self._keep = FIRST, "local", "run", True
        self._folder: Path | None = None
        self._search = self._problem = self._words = ""
        self._rows: dict[str, Row] = {}
        self._load: Load | None = None
        self._began, self._there = 0.0, 0
        self._drawn: tuple[int, str, Figure | None] = (-1, "", None)

    # --- intents ---------------------------------------------------------------------------------------------------

    def set_vary(self, text: str) -> None:
        """The settings that are varied, a line for each."""
        self._vary, self._problem = text, ""
        self._navigation.refresh()

    def set_executor(self, text: str) -> None:
        """Who computes."""
        self._executor, self._problem = text.strip() or "local", ""
        self._navigation.refresh()

    def set_work(self, work: str) -> None:
        """What is done with each variant."""
        self._work = work
        self._navigation.refresh()

    def set_keep(self, keep: bool) -> None:
        """Whether the projects are kept, to be opened as runs."""
        self._keep = keep
        self._navigation.refresh()

    def search(self, text: str) -> None:
        """Show the results whose cells hold all of these words."""
        self._search = text
        self._navigation.refresh()

    def open_folder(self, path: str | Path) -> None:
        """A folder for results; one that holds a sweep shows it and can be gone on with."""
        from ndestudio.project.sweep.folder import PLAN, SweepFolder

        folder, self._problem, self._words = Path(path), "", ""
        self._rows = {}
        self._folder = folder
        if (folder / PLAN).is_file():
            try:
                there = SweepFolder(folder)
                self._rows = {row.key: row for row in there.rows()}
            except NdeStudioError as error:
                self._problem = str(error)
                self._navigation.refresh()
                return
            self._work, self._keep = there.plan.work, there.plan.keep
            self._vary = "\n".join(f"{one.name}={','.join(map(_written, one.values))}" for one in there.variations)
            self._words = (
                f"{len(self._rows)} of {len(there.variants())} results are there. Start goes on with the rest."
            )
        self._navigation.refresh()

    def start(self) -> None:
        """Compute what the folder has no result of."""
        spec = self._workspace.project.spec
        if self._obstacle() or self._folder is None:
            return
        lines = tuple(line.strip() for line in self._vary.splitlines() if line.strip())
        self._problem, self._words, self._load = "", "", None
        self._began, self._there = monotonic(), len(self._rows)
        self._tasks.start(
            "sweep",
            "Sweep",
            _computed,
            spec,
            lines,
            self._folder,
            self._executor,
            self._work,
            self._keep,
            event=self._on_event,
            done=self._on_done,
            failed=self._on_failed,
        )
        self._navigation.refresh()

    def stop(self) -> None:
        """End it; what was computed is kept."""
        self._tasks.stop("sweep")
        self._navigation.refresh()

    def open_runs(self, opened: Callable[[list[str]], None]) -> None:
        """Put the results whose projects were kept together as the runs of one project; ``opened`` is given its file."""
        if self._folder is not None and self._tasks.running("sweep") is None:
            done = lambda path: opened([str(path)])  # noqa: E731
            self._tasks.start(
                "sweep", "Putting the runs together", _collected, self._folder, done=done, failed=self._on_failed
            )
            self._navigation.refresh()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> SweepState:
        task = self._tasks.running("sweep")
        header, rows = self._table()
        count = len(self._rows)
        if self._drawn[:2] != (count, str(self._folder)):
            from ndestudio.project.sweep.figures import sweep_figure

            self._drawn = (count, str(self._folder), sweep_figure(list(self._rows.values())))
        fraction = 0.0
        if self._load is not None:
            total = self._load.running + self._load.waiting + self._load.ended
            fraction = self._load.ended / total if total else 0.0
        return SweepState(
            obstacle=self._obstacle(),
            vary=self._vary,
            executor=self._executor,
            work=self._work,
            keep=self._keep,
            folder=str(self._folder or ""),
            search=self._search,
            header=header,
            rows=rows,
            total=count,
            figure=self._drawn[2],
            load=self._load_words() if task is not None else "",
            fraction=fraction,
            status="idle" if task is None else "stopping" if task.stopping else "running",
            opens=task is None and self._keeps_projects(),
            words=self._words,
            problem=self._problem,
        )

    def _obstacle(self) -> str:
        if not self._workspace.project.spec.data.files:
            return "There are no data files yet: open some in Data first."
        if self._folder is None:
            return "Choose a folder for the results."
        return ""

    def _keeps_projects(self) -> bool:
        from ndestudio.project.sweep.folder import PROJECTS

        return self._folder is not None and bool(self._rows) and (self._folder / PROJECTS).is_dir()

    def _load_words(self) -> str:
        if self._load is None:
            return "Starting the workers"
        one = self._load
        made, seconds = len(self._rows) - self._there, max(monotonic() - self._began, 1e-9)
        workers = f"{len(one.workers)} worker{'s' if len(one.workers) != 1 else ''}"
        pace = f", {60 * made / seconds:.1f} a minute" if made > 0 else ""
        return f"{one.executor}: {workers}, {one.running} running, {one.waiting} waiting, {one.ended} ended{pace}"

    def _table(self) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        from ndestudio.project.sweep.figures import error_of

        rows = sorted(self._rows.values(), key=lambda row: (error_of(row), row.number))
        names = list(dict.fromkeys(name for row in rows for name in row.values))
        header = ("", *names, "train", "held out", "complexity", "outcome", "seconds", "equations")
        words = self._search.lower().split()
        cells = [_cells(row, names) for row in rows]
        return header, tuple(one for one in cells if all(any(w in cell.lower() for cell in one) for w in words))

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        from ndestudio.jobs.executors import Load
        from ndestudio.project.sweep.run import RowKept

        if isinstance(event, RowKept):
            self._rows[event.row.key] = event.row
        elif isinstance(event, Load):
            self._load = event
        elif isinstance(event, Note):
            self._words = event.text

    def _on_done(self, end: SweepEnd) -> None:
        left = f", {end.left} are left: start again to go on" if end.left else ""
        failed = f", {end.failures} of them failed" if end.failures else ""
        self._words = f"{end.computed} computed{failed}, {end.there} were there already{left}."
        self._navigation.refresh()

    def _on_failed(self, failed: Any) -> None:
        self._problem = failed.sentence
        self._navigation.refresh()


def _cells(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    percent = lambda value: "–" if value is None else f"{value:.2%}"  # noqa: E731
    return (
        str(row.number),
        *(str(row.values.get(name, "")) for name in names),
        percent(row.train_error),
        percent(row.held_out),
        "–" if row.complexity is None else str(row.complexity),
        row.outcome,
        f"{sum(row.seconds.values()):.1f}",
        "; ".join(row.equations) or row.sentence,
    )


def _written(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _computed(
    spec: Spec, lines: tuple[str, ...], folder: Path, where: str, work: Any, keep: bool, *, reporter: Reporter
) -> SweepEnd:
    from ndestudio.errors import SpecError
    from ndestudio.jobs.executors import executor
    from ndestudio.project.sweep.folder import made
    from ndestudio.project.sweep.run import sweep
    from ndestudio.project.sweep.table import write_table
    from ndestudio.project.sweep.vary import variation

    if not lines:
        raise SpecError("nothing is varied; write a setting and its values, as train.seed=0..7")
    place = made(folder, spec, [variation(line) for line in lines], work=work, keep=keep)
    # what computes does not share the window's interpreter
    workers = executor("local:1" if where == "here" else where)
    try:
        return sweep(place, workers, reporter)
    finally:
        workers.close()
        write_table(place.rows(), folder / "sweep.parquet")


def _collected(folder: Path, *, reporter: Reporter) -> Path:
    from ndestudio.project.store import save_project
    from ndestudio.project.sweep.folder import SweepFolder
    from ndestudio.project.sweep.runs import as_project

    del reporter
    return save_project(as_project(SweepFolder(folder)), folder / "sweep.nde")
