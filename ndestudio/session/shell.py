"""What surrounds the stages: title, stage marks, running job, undo, recent files, samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from ndestudio.session.ports import Context, DataHealth, Level, ModelMeaning, Stage
from ndestudio.session.presenter import Presenter
from ndestudio.session.settings import SettingsStore
from ndestudio.session.tasks import Task, Tasks
from ndestudio.solve.device import Device

Mark = Literal["", "done", "problem", "running"]


@dataclass(frozen=True)
class Toast:
    """A short message. `details` is offered for copying."""

    text: str
    level: Level = "info"
    details: str = ""


@dataclass(frozen=True)
class JobState:
    """The job in the status bar.

    Parameters
    ----------
    fraction
        0..1, None while unknown.
    eta
        Seconds, None while unknown.
    """

    title: str
    text: str
    seconds: int
    fraction: float | None = None
    eta: float | None = None
    paused: bool = False


@dataclass(frozen=True)
class ShellState:
    """Arguments:
    title: of the window. path: of the project file, "" without one.
    empty: nothing is loaded, so the start page is shown.
    marks: a mark for each stage, in their order.
    device: what computes, "" before anything did. device_details: why no GPU, memory, for a tooltip.
    """

    title: str
    path: str
    modified: bool
    empty: bool
    stage: Stage
    marks: tuple[Mark, ...]
    undo: str
    redo: str
    job: JobState | None
    device: str
    device_details: str
    recent: tuple[str, ...]


@runtime_checkable
class ShellView(Protocol):
    def show_state(self, state: ShellState) -> None: ...

    def show_toast(self, toast: Toast) -> None: ...


class ShellPresenter(Presenter[ShellState]):
    """Resolves what surrounds the stages."""

    def __init__(
        self,
        context: Context,
        settings: SettingsStore,
        data: DataHealth,
        model: ModelMeaning,
        device: Callable[[], Device | None],
    ) -> None:
        super().__init__(context)
        self._settings, self._data, self._meaning, self._device = settings, data, model, device

    def state(self) -> ShellState:
        workspace = self._workspace
        project = workspace.project
        name = workspace.path.stem if workspace.path else project.spec.name or "Untitled"
        device = self._device()
        return ShellState(
            title=name,
            path=str(workspace.path or ""),
            modified=workspace.modified,
            empty=not project.spec.data.files and not project.spec.model.equations.strip() and project.dataset is None,
            stage=self._navigation.stage,
            marks=self._marks(),
            undo=workspace.undo_text,
            redo=workspace.redo_text,
            job=_job(self._tasks),
            device=f"{device.kind.upper()} · {device.name}" if device else "",
            device_details=device.why_no_gpu if device else "",
            recent=tuple(path for path in self._settings.value.recent if Path(path).exists()),
        )

    def _marks(self) -> tuple[Mark, ...]:
        project, tasks = self._workspace.project, self._tasks
        data: Mark = "done" if project.dataset else "problem" if self._data.failed else ""
        if tasks.running("load"):
            data = "running"
        written, sound = bool(project.spec.model.equations.strip()), not self._meaning.obstacle
        model: Mark = "" if not written else "done" if sound else "problem"
        train: Mark = "running" if tasks.running("fit") else "done" if project.fit else ""
        distil: Mark = "running" if tasks.running("distil") else "done" if project.distillation else ""
        return (data, model, train, distil, "")


def _job(tasks: Tasks) -> JobState | None:
    shown = list(tasks.shown())
    if not shown:
        return None
    task: Task = shown[-1]
    text = "stopping" if task.stopping else "paused" if task.paused else task.phase.text if task.phase else ""
    progress = task.progress
    return JobState(
        title=task.title,
        text=text,
        seconds=int(task.seconds),
        fraction=round(progress.fraction, 3) if progress else None,
        eta=round(progress.eta_seconds) if progress and progress.eta_seconds is not None else None,
        paused=task.paused,
    )
