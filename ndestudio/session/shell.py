"""What surrounds the stages: title, stage marks, running job, undo, recent files, samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from ndestudio.session.presenter import Presenter

if TYPE_CHECKING:
    from ndestudio.session.session import Session
    from ndestudio.session.tasks import Task

Stage = Literal["data", "model", "train", "distil", "export"]
STAGES: tuple[Stage, ...] = ("data", "model", "train", "distil", "export")
Mark = Literal["", "done", "problem", "running"]
Level = Literal["info", "good", "warning", "error"]


@dataclass(frozen=True)
class Toast:
    """A short message. `details` is offered for copying."""

    text: str
    level: Level = "info"
    details: str = ""


@dataclass(frozen=True)
class JobState:
    """The job in the status bar.

    Arguments:
        fraction: 0..1, None while unknown. eta: seconds, None while unknown.
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

    def state(self) -> ShellState:
        session = self.session
        workspace = session.workspace
        project = workspace.project
        name = workspace.path.stem if workspace.path else project.spec.name or "Untitled"
        device = session.device
        return ShellState(
            title=name,
            path=str(workspace.path or ""),
            modified=workspace.modified,
            empty=not project.spec.data.files and not project.spec.model.equations.strip() and project.dataset is None,
            stage=session.stage,
            marks=_marks(session),
            undo=workspace.undo_text,
            redo=workspace.redo_text,
            job=_job(session),
            device=f"{device.kind.upper()} · {device.name}" if device else "",
            device_details=device.why_no_gpu if device else "",
            recent=tuple(path for path in session.settings.value.recent if Path(path).exists()),
        )


def _marks(session: Session) -> tuple[Mark, ...]:
    project = session.workspace.project
    tasks = session.tasks
    data: Mark = "done" if project.dataset else "problem" if session.data.failed else ""
    if tasks.running("load"):
        data = "running"
    analysis_ok = session.model.ready
    model: Mark = "" if not project.spec.model.equations.strip() else "done" if analysis_ok else "problem"
    train: Mark = "running" if tasks.running("fit") else "done" if project.fit else ""
    distil: Mark = "running" if tasks.running("distil") else "done" if project.distillation else ""
    return (data, model, train, distil, "")


def _job(session: Session) -> JobState | None:
    shown = list(session.tasks.shown())
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
