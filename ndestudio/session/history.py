"""What was done in the project, edited and done again: the History window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.errors import NdeStudioError
from ndestudio.progress import Event, Phase, Reporter
from ndestudio.project.project import Project
from ndestudio.session import commands
from ndestudio.session.ports import Context
from ndestudio.session.presenter import Presenter
from ndestudio.session.training.state import Status
from ndestudio.wording import percent

if TYPE_CHECKING:
    from ndestudio.project.replay.again import Replay
    from ndestudio.project.replay.edits import Edit
    from ndestudio.project.replay.history import Step


EQUATIONS = "model.equations"
_LEAST = 1e-5


@dataclass(frozen=True)
class SettingRow:
    """A setting of a step: as it was, and as it is to be; equal where it is not edited."""

    name: str
    was: str
    value: str


@dataclass(frozen=True)
class StepRow:
    """A step of the history.

    Parameters
    ----------
    kind
        See ``project.replay.history.Step``.
    run
        Index among the runs, -1 for what is none.
    edited
        Whether a setting of it is to be another.
    """

    kind: str
    title: str
    when: str
    details: tuple[str, ...]
    settings: tuple[SettingRow, ...]
    run: int
    edited: bool


@dataclass(frozen=True)
class NumberRow:
    """A number of the results beside that of the repetition."""

    name: str
    before: str
    now: str
    apart: str
    verdict: str


@dataclass(frozen=True)
class HistoryState:
    """Arguments:
    obstacle: why nothing can be done again, "" where it can.
    files: names of other data to take, () for those of the project.
    sentence: what the last repetition came to, "" before one. notes: where a step could not be done as it was.
    takable: whether there are results of a repetition that are not the project's yet.
    undo: the edits of this session, oldest first; done: how many of them are in force.
    """

    steps: tuple[StepRow, ...]
    obstacle: str
    status: Status
    doing: str
    elapsed: float
    files: tuple[str, ...]
    sentence: str
    numbers: tuple[NumberRow, ...]
    notes: tuple[str, ...]
    takable: bool
    undo: tuple[str, ...]
    done: int


class HistoryController(Presenter[HistoryState]):
    """Intents of the History window."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._edits: tuple[Edit, ...] = ()
        self._files: tuple[str, ...] = ()
        self._doing = ""
        self._found: Replay | None = None
        self._of: Project | None = None
        self._told: tuple[object, tuple[Step, ...]] = (None, ())

    # --- intents ---------------------------------------------------------------------------------------------------

    def change(self, step: int, setting: str, value: str) -> str:
        """Have a setting of a step another value when it is done again; the value it had takes the edit back.

        Returns
        -------
        str
            What is wrong with it, "" if nothing is.
        """
        from ndestudio.project.replay.edits import Edit, checked, settings_of

        others = tuple(one for one in self._edits if (one.step, one.setting) != (step, setting.strip()))
        edit = Edit(step, setting.strip(), value.strip())
        if settings_of(self._history()[step]).get(edit.setting) == edit.value or not edit.value:
            self._edits = others
        else:
            try:
                checked(self._workspace.project, edit)
            except NdeStudioError as error:
                return str(error)
            self._edits = (*others, edit)
        self._navigation.refresh()
        return ""

    def change_equations(self, step: int, text: str) -> str:
        """Have a model other equations when it is done again; see ``change``."""
        from ndestudio.project.toml_text import dump_value

        lines = text if text.endswith("\n") or not text else text + "\n"
        before = next((one.was for one in self.state().steps[step].settings if one.name == EQUATIONS), "")
        same = before in (dump_value(text), dump_value(lines))
        return self.change(step, EQUATIONS, before if same else dump_value(lines))

    def choose_files(self, paths: tuple[str, ...]) -> None:
        """Other data files to do it again with; none: those of the project."""
        self._files = paths
        self._navigation.refresh()

    def start(self) -> None:
        """Do the steps again, with the edits and files chosen."""
        state = self.state()
        if not state.obstacle and state.status == "idle":
            self._doing, self._of = "", self._workspace.project
            self._tasks.start(
                "replay",
                "Doing it again",
                _replay,
                self._workspace.project,
                self._edits,
                self._files,
                event=self._on_event,
                done=self._on_done,
                failed=self._notifier.tell,
            )
        self._navigation.refresh()

    def stop(self) -> None:
        """End it; what a step had reached is kept."""
        self._tasks.stop("replay")
        self._navigation.refresh()

    def take(self) -> None:
        """Make the results of the repetition the project's; its runs follow those that are there."""
        if self._found is not None:
            project = commands.with_repetition(self._workspace.project, self._found.project)
            self._found, self._edits, self._files = None, (), ()
            self._workspace.edit("Take the repetition", project)

    def restore(self, step: int) -> None:
        """Make the results of a training or search current again."""
        project, run = self._workspace.project, self._history()[step].run
        if run is not None:
            self._workspace.edit("Restore run", commands.with_run_restored(project, project.runs[run]))

    def go_to(self, edits: int) -> None:
        """Take back, or make again, edits of this session until ``edits`` of them are in force."""
        self._workspace.go_to(edits)

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> HistoryState:
        project, task = self._workspace.project, self._tasks.running("replay")
        found = self._found if self._of is not None and _same_results(self._of, project) else None
        numbers = found.numbers if found is not None else ()
        undo, done = self._workspace.steps
        return HistoryState(
            steps=tuple(self._row(k, step) for k, step in enumerate(self._history())),
            obstacle=self._obstacle(),
            status="idle" if task is None else "stopping" if task.stopping else "running",
            doing=self._doing,
            elapsed=round(task.seconds, 0) if task else 0.0,
            files=tuple(Path(path).name for path in self._files),
            sentence=found.sentence if found is not None else "",
            numbers=tuple(
                NumberRow(one.name, one.before, one.now or "–", _apart(one.apart), one.verdict) for one in numbers
            ),
            notes=found.notes if found is not None else (),
            takable=found is not None and task is None,
            undo=undo,
            done=done,
        )

    def _history(self) -> tuple[Step, ...]:
        from ndestudio.project.replay.history import history

        project = self._workspace.project
        if self._told[0] is not project:
            before, after = self._told[1], history(project)
            if before[: len(after)] != after[: len(before)]:
                self._edits = ()  # the steps that they were about are others now
            self._told = (project, after)
        return self._told[1]

    def _row(self, number: int, step: Step) -> StepRow:
        from ndestudio.project.replay.edits import settings_of

        settings = settings_of(step)
        edits = {one.setting: one.value for one in self._edits if one.step == number}
        rows = [SettingRow(name, text, edits.get(name, text)) for name, text in settings.items()]
        rows += [SettingRow(name, "", text) for name, text in edits.items() if name not in settings]
        run = -1 if step.run is None else step.run
        return StepRow(step.kind, step.title, step.when, step.details, tuple(rows), run, bool(edits))

    def _obstacle(self) -> str:
        if self._workspace.project.fit is None:
            return (
                "Nothing was trained yet. What you do from here on is listed, and can be done again, also on new data."
            )
        return ""

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Phase):
            self._doing = event.text

    def _on_done(self, found: Replay) -> None:
        self._found = found
        self._notifier.toast(found.sentence, "info")
        self._navigation.refresh()


def _apart(part: float | None) -> str:
    if part is None:
        return ""
    return "0%" if part == 0 else percent(part) if part >= _LEAST else "< 0.001%"


def _same_results(before: Project, now: Project) -> bool:
    return before.fit is now.fit and before.distillation is now.distillation


def _replay(project: Project, edits: tuple[Edit, ...], files: tuple[str, ...], *, reporter: Reporter) -> Replay:
    from ndestudio.project.replay.again import replay
    from ndestudio.project.replay.edits import edited

    return replay(project, reporter, files=files or None, change=edited(project, edits))
