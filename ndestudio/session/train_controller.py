"""Training: settings, start, pause, resume, stop, and what is shown meanwhile."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from ndestudio.model.config import ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Event, Reporter
from ndestudio.session import commands
from ndestudio.session.live import TrainLive
from ndestudio.session.pictures import Picture, picture
from ndestudio.session.presenter import Presenter
from ndestudio.session.train_state import (
    CheckpointRow,
    FittedParameter,
    LossCurve,
    RunRow,
    StageRow,
    Status,
    TrainState,
    curves_of,
)
from ndestudio.train.result import Fit, Outcome

if TYPE_CHECKING:
    from ndestudio.session.session import Session


class TrainController(Presenter[TrainState]):
    """Intents of the Train view."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.live: TrainLive | None = None
        self._axes: tuple[str, str] | None = None
        self._checkpoint = -1
        self._picture: Picture | None = None
        self._curves: tuple[object, tuple[LossCurve, ...]] = (None, ())

    # --- intents ---------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: Any) -> None:
        """Change fields of ``TrainConfig``."""
        self.session.workspace.edit(
            "Training settings", commands.with_train(self.session.project, **changes), merge="train"
        )

    def start(self) -> None:
        """Train with the settings of now; resumes a paused training instead."""
        if self.session.tasks.running("fit"):
            self.resume()
            return
        project = self.session.project
        if not self._obstacle():
            self.live, self._checkpoint, self._picture = TrainLive(), -1, None
            self.session.tasks.start(
                "fit",
                "Training",
                _fit,
                project.spec.model,
                project.dataset,
                project.spec.train,
                event=self._on_event,
                done=self._on_done,
                failed=self._on_failed,
            )
        self.session.refresh()

    def pause(self) -> None:
        self.session.tasks.pause("fit")
        self.session.refresh()

    def resume(self) -> None:
        self.session.tasks.resume("fit")
        self.session.refresh()

    def stop(self) -> None:
        """End the training and keep the best model so far."""
        self.session.tasks.stop("fit")
        self.session.refresh()

    def discard(self) -> None:
        """End the training at once and keep nothing of it (while it is compiling it cannot answer a stop)."""
        self.session.tasks.discard("fit")
        self.live = None
        self.session.refresh()

    def choose_axes(self, x: str, y: str) -> None:
        """States of the phase portrait."""
        self._axes = (x, y)
        self._picture = None
        self.session.refresh()

    def look_at_checkpoint(self, index: int) -> None:
        """Show the model as it was at a checkpoint; -1 shows the newest."""
        self._checkpoint = index
        self.session.refresh()

    def branch_from_checkpoint(self) -> None:
        """Make the checkpoint looked at the trained model."""
        from dataclasses import replace

        fit = self.session.project.fit
        if fit is not None and 0 <= self._checkpoint < len(fit.checkpoints):
            point = fit.checkpoints[self._checkpoint]
            changed = replace(self.session.project, fit=replace(fit, model=point.model), distillation=None, accepted={})
            self._checkpoint = -1
            self.session.workspace.edit(f"Go back to step {point.iteration}", changed)

    def restore_run(self, index: int) -> None:
        project = self.session.project
        self.session.workspace.edit("Restore run", commands.with_run_restored(project, project.runs[index]))

    def rename_run(self, index: int, name: str) -> None:
        project = self.session.project
        if name.strip() and project.runs[index].name != name.strip():
            self.session.workspace.edit(
                "Rename run", commands.with_run_renamed(project, project.runs[index], name.strip())
            )

    def delete_run(self, index: int) -> None:
        project = self.session.project
        self.session.workspace.edit("Delete run", commands.without_run(project, project.runs[index]))

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> TrainState:
        project = self.session.project
        fit, live, task = project.fit, self.live, self.session.tasks.running("fit")
        obstacle = self._obstacle()
        model = self._model()
        self._request_picture(model)
        progress = task.progress if task else None
        return TrainState(
            config=project.spec.train,
            ready=not obstacle and task is None,
            obstacle=obstacle,
            status=self._status(),
            stages=self._stages(),
            elapsed=round(task.seconds, 1) if task else sum(fit.seconds.values()) if fit else 0.0,
            fraction=progress.fraction if progress else None,
            eta=progress.eta_seconds if progress else None,
            curves=self._loss_curves(),
            parameters=self._parameters(model),
            traces={name: tuple(values) for name, values in live.traces.items()} if live else {},
            dataset=project.dataset,
            states=model.system.states if model else (),
            picture=self._picture if model is not None else None,
            metrics=fit.metrics if fit and task is None else None,
            sentence=fit.sentence if fit and task is None else "",
            outcome=str(fit.outcome) if fit and task is None else "",
            notes=tuple(note.text for note in live.notes) if live and task else fit.notes if fit else (),
            checkpoints=_checkpoints(fit if task is None else None),
            checkpoint=self._checkpoint,
            runs=_runs(self.session),
        )

    def _obstacle(self) -> str:
        project = self.session.project
        if project.dataset is None:
            return "Training needs data: open a file in Data first."
        return self.session.model.obstacle

    def _status(self) -> Status:
        task = self.session.tasks.running("fit")
        if task is None:
            return "idle"
        return "stopping" if task.stopping else "paused" if task.paused else "running"

    def _model(self) -> FittedModel | None:
        """The model to show: the one looked at, else the newest."""
        fit = self.session.project.fit
        if self.session.tasks.running("fit"):
            return self.live.snapshot.model if self.live and self.live.snapshot else None
        if fit is None:
            return None
        if 0 <= self._checkpoint < len(fit.checkpoints):
            return fit.checkpoints[self._checkpoint].model
        return fit.model

    def _request_picture(self, model: FittedModel | None) -> None:
        """Have the pictures of a newer model made; one at a time, so that a fast training does not pile up work."""
        dataset = self.session.project.dataset
        if model is None or dataset is None or self.session.tasks.running("picture"):
            return
        if self._picture is None or self._picture.model is not model:
            self.session.tasks.start("picture", "", picture, model, dataset, self._axes, done=self._on_picture)

    def _on_picture(self, made: Picture) -> None:
        self._picture = made

    def _loss_curves(self) -> tuple[LossCurve, ...]:
        running = self.session.tasks.running("fit") is not None
        live = self.live if running else None
        fit = self.session.project.fit
        key: object = (live.version if live else None, fit if live is None else None)
        if self._curves[0] != key:
            self._curves = (key, curves_of(live, fit))
        return self._curves[1]

    def _stages(self) -> tuple[StageRow, ...]:
        fit = self.session.project.fit
        if self.live is not None:
            return tuple(
                StageRow(
                    stage.stage,
                    stage.text,
                    "active" if stage.seconds is None else "done",
                    round(monotonic() - stage.started if stage.seconds is None else stage.seconds, 1),
                )
                for stage in self.live.stages
            )
        if fit is None:
            return ()
        return tuple(StageRow(stage, stage, "done", seconds) for stage, seconds in fit.seconds.items())

    def _parameters(self, model: FittedModel | None) -> tuple[FittedParameter, ...]:
        project = self.session.project
        running = self.session.tasks.running("fit") is not None
        values = self.live.parameters if running and self.live else model.parameters if model else {}
        intervals = project.fit.intervals if project.fit and not running and self._checkpoint < 0 else {}
        rows = []
        for name, value in values.items():
            config = project.spec.model.parameters.get(name, ParameterConfig())
            low, high = intervals.get(name, (None, None))
            rows.append(FittedParameter(name, float(value), config.unit, config.fixed, low, high))
        return tuple(rows)

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if self.live is not None:
            self.live.take(event)

    def _on_done(self, fit: Fit) -> None:
        if self.live is not None:
            self.live.end()
        self.session.device = fit.device
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        level = "warning" if fit.outcome is Outcome.DIVERGED else "good"
        self.session.workspace.edit("Train", commands.with_fit(self.session.project, fit, created))
        self.session.toast(fit.sentence, level)

    def _on_failed(self, failed: Any) -> None:
        if self.live is not None:
            self.live.end()
        self.session.toast(failed.sentence, "error", failed.details)


def _fit(model: Any, dataset: Any, config: Any, *, reporter: Reporter) -> Fit:
    from ndestudio.train import fit

    return fit(model, dataset, config, reporter)


def _checkpoints(fit: Fit | None) -> tuple[CheckpointRow, ...]:
    return tuple(CheckpointRow(p.stage, p.iteration, p.loss) for p in fit.checkpoints) if fit else ()


def _runs(session: Session) -> tuple[RunRow, ...]:
    project = session.project
    rows = []
    for index, run in enumerate(project.runs):
        result = run.distillation or run.fit
        if result is None:
            continue
        current = result is (project.distillation or project.fit)
        error = result.metrics.validation.get("mean", result.metrics.train.get("mean"))
        rows.append(RunRow(index, run.name, run.kind, run.created, result.seed, result.sentence, error, current))
    return tuple(rows)
