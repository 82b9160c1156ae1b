"""The application without a window: one workspace, its jobs, and a controller for each stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import monotonic

from ndestudio.jobs import Failed, Jobs, NotBegun, Workers
from ndestudio.progress import Reporter
from ndestudio.project.project import Project
from ndestudio.session.autosave import Autosave
from ndestudio.session.data.controller import DataController
from ndestudio.session.data.imports import IMPORT_SETTINGS
from ndestudio.session.distillation.controller import DistilController
from ndestudio.session.distillation.recovery import RecoveryController
from ndestudio.session.durations import Durations
from ndestudio.session.explore import ExploreController
from ndestudio.session.export.controller import ExportController
from ndestudio.session.files import FilesController
from ndestudio.session.formulas import Formula, FormulaCache, FormulaRequest, typeset
from ndestudio.session.history import HistoryController
from ndestudio.session.model.controller import ModelController
from ndestudio.session.plug_ins import PlugInsController
from ndestudio.session.ports import STAGES, Context, Level, Stage
from ndestudio.session.presenter import Presenter
from ndestudio.session.purposes import Place
from ndestudio.session.settings import SettingsStore
from ndestudio.session.shell import ShellPresenter, ShellView, Toast
from ndestudio.session.sweep import SweepController
from ndestudio.session.tasks import Runner, Task, Tasks
from ndestudio.session.tour import TourController
from ndestudio.session.training.controller import TrainController
from ndestudio.session.workspace import Workspace
from ndestudio.solve.device import Device

_log = logging.getLogger(__name__)

_SHELL_SECONDS = 0.25
"""Elapsed times in the status bar are renewed this often while nothing else changes."""


class Session:
    """Owns the state; views and the timer of the window call its controllers.

    Parameters
    ----------
    runner
        What runs jobs (threads by default).
    settings
        What the window remembers.
    autosave_folder
        Where unsaved work is kept against a crash; None: nowhere.
    workers
        Processes by place (see ``purposes``); without them everything runs on threads.
    """

    def __init__(
        self,
        runner: Runner | None = None,
        settings: SettingsStore | None = None,
        autosave_folder: Path | None = None,
        workers: Mapping[Place, Workers] | None = None,
    ) -> None:
        self.workspace = Workspace()
        self.settings = settings or SettingsStore()
        self.tasks = Tasks(runner or Jobs(), self._on_failed, workers)
        self.formulas = FormulaCache()
        self.device: Device | None = None
        self._shell_view: ShellView | None = None
        self._stage: Stage = "data"
        self._refreshed = 0.0
        context = Context(self.workspace, self.tasks, notifier=self, navigation=self)
        self.autosave = Autosave(self.workspace, self.tasks, autosave_folder)
        self.data = DataController(context, self.settings.folder / IMPORT_SETTINGS)
        self.files = FilesController(context, self.settings, self.data, self.autosave)
        self.model = ModelController(context, self.formulas, self.data)
        durations = Durations(self.settings.folder / "durations.json")
        self.train = TrainController(context, self.model, self._on_device, durations)
        self.export = ExportController(context, self.formulas)
        self.distil = DistilController(context, self.formulas, self.export, durations)
        self.shell = ShellPresenter(context, self.settings, self.data, self.model, lambda: self.device)
        self.recovery = RecoveryController(context, self.model, self.export)
        self.history = HistoryController(context)
        self.explore = ExploreController(context, self.export)
        self.sweep = SweepController(context)
        self.tour = TourController(context, self.settings, self.data, self.train, self.distil)
        self.plug_ins = PlugInsController(context)
        self._stages: dict[Stage, Presenter] = {
            "data": self.data,
            "model": self.model,
            "train": self.train,
            "distil": self.distil,
            "export": self.export,
        }
        self.workspace.listen(self._on_change)

    @property
    def project(self) -> Project:
        return self.workspace.project

    def controller(self, stage: Stage) -> Presenter:
        return self._stages[stage]

    def attach_shell(self, view: ShellView) -> None:
        self._shell_view = view
        self.shell.attach(view)

    def show_stage(self, stage: Stage) -> None:
        """Make a stage the visible one."""
        self.stand_at(stage)
        self.refresh()

    @property
    def stage(self) -> Stage:
        """The stage that is looked at."""
        return self._stage

    def stand_at(self, stage: Stage) -> None:
        """Make a stage the visible one without showing it yet."""
        if stage not in STAGES:
            raise ValueError(f"`{stage}` is no stage; the stages are {', '.join(STAGES)}")
        self._stage = stage

    def refresh(self) -> None:
        """Show what changed in the visible stage and around it; ask for the formulas that are missing."""
        self._refreshed = monotonic()
        self._stages[self.stage].refresh()
        self.shell.refresh()
        self.recovery.refresh()
        self.history.refresh()
        self.explore.refresh()
        self.sweep.refresh()
        self.tour.refresh()
        self._typeset_missing()

    def tick(self) -> None:
        """Hand out what jobs said; called by a timer some 30 times a second."""
        arrived = self.tasks.drain()
        if arrived or (self.tasks.busy and monotonic() - self._refreshed > _SHELL_SECONDS):
            self.refresh()
        self._typeset_missing()
        self.autosave.tick()

    def toast(self, text: str, level: Level = "info", details: str = "") -> None:
        _log.log(logging.WARNING if level in ("warning", "error") else logging.INFO, "%s\n%s", text, details)
        if self._shell_view is not None:
            self._shell_view.show_toast(Toast(text, level, details))

    def tell(self, failed: Failed) -> None:
        """A failure as a toast; a stop that came before anything was computed is none."""
        self.toast(failed.sentence, "info" if isinstance(failed.error, NotBegun) else "error", failed.details)

    def announce(self, stage: Stage, text: str, level: Level = "info") -> None:
        """A result as a toast, unless the stage that shows it is being looked at."""
        if stage != self.stage or level in ("warning", "error"):
            self.toast(text, level)

    def warm_up(self) -> None:
        """Load the numerical libraries on a worker and find out what computes, before anything is trained."""
        if self.device is None:
            self.tasks.start("warm-up", "", _warm_up, done=self._on_device, failed=_on_no_device)
        self.tasks.start("warm-up preview", "", _warm_up_preview, failed=_on_no_device)
        self.plug_ins.look()

    def undo(self) -> None:
        self.workspace.undo()

    def redo(self) -> None:
        self.workspace.redo()

    def close(self) -> None:
        """End all jobs and let go of the autosave: nothing is left to recover."""
        self.tasks.discard_all()
        self.autosave.close()

    def _on_change(self) -> None:
        self.data.follow()
        self.model.follow()
        self.autosave.changed()
        self.refresh()

    def _on_device(self, device: Device) -> None:
        self.device = device

    def _typeset_missing(self) -> None:
        if not self.tasks.running("formulas") and (missing := self.formulas.take_missing()):
            self.tasks.start(
                "formulas",
                "",
                typeset,
                missing,
                done=self._on_formulas,
                failed=lambda failed: self._on_no_formulas(missing, failed),
            )

    def _on_formulas(self, made: dict[FormulaRequest, Formula]) -> None:
        self.formulas.put(made)

    def _on_no_formulas(self, requests: tuple[FormulaRequest, ...], failed: Failed) -> None:
        _log.warning("formulas were not drawn: %s", failed.details)
        if self.formulas.missed(requests):
            self.toast(f"Formulas are shown as text: {failed.sentence}", "warning", failed.details)
        self.refresh()

    def _on_failed(self, task: Task, failed: Failed) -> None:
        self.toast(f"{task.title or task.slot}: {failed.sentence}", "error", failed.details)


def _warm_up(*, reporter: Reporter) -> Device:
    from ndestudio.fitting import device_info

    del reporter
    return device_info()


def _warm_up_preview(*, reporter: Reporter) -> None:
    del reporter
    for name in ("ndestudio.figures.plot_data", "ndestudio.solve.scipy_reference", "ziamath"):
        import_module(name)


def _on_no_device(failed: Failed) -> None:
    _log.warning("the device could not be found out: %s", failed.details)
