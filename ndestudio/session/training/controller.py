"""Training: settings, start, pause, resume, stop, and what is shown meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ndestudio.figures.noise_band import noise_bands
from ndestudio.figures.plot_data import PlotData, plot_data
from ndestudio.fitting.explanation import Statement, explain_fit
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.config import ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Event, Reporter
from ndestudio.session import commands
from ndestudio.session.durations import Durations, shape
from ndestudio.session.live import Moment, StageTime, TrainLive
from ndestudio.session.ports import Context, ModelMeaning
from ndestudio.session.presenter import Presenter
from ndestudio.session.stage_progress import TRAINING, rest, spent, training_stages
from ndestudio.session.training.column_noise import ColumnNoiseController
from ndestudio.session.training.diagnostics import DiagnosticsController
from ndestudio.session.training.futures import FuturesController
from ndestudio.session.training.next_steps import NextStep, next_steps, suggested_bounds
from ndestudio.session.training.runs import compare, run_rows
from ndestudio.session.training.state import (
    CheckpointRow,
    FittedParameter,
    LossCurve,
    Status,
    Traces,
    TrainState,
    curves_of,
    noise_rows,
)
from ndestudio.session.verdict import of_fit
from ndestudio.solve.device import Device

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset
    from ndestudio.project.project import Spec

_LIVE_SECONDS = 0.4
"""What the plot data of a model may cost while a training runs."""


class TrainController(Presenter[TrainState]):
    """Intents of the Train view."""

    def __init__(
        self, context: Context, model: ModelMeaning, on_device: Callable[[Device], None], durations: Durations
    ) -> None:
        super().__init__(context)
        self._durations = durations
        self._meaning, self._on_device = model, on_device
        self.live: TrainLive | None = None
        self._started: Spec | None = None
        self._explanation: tuple[Fit, Dataset, tuple[Statement, ...]] | None = None
        self._start: FittedModel | None = None
        self._dataset: Dataset | None = None
        self._live_fit: Fit | None = None
        self._axes: tuple[str, str] | None = None
        self._arguments: dict[str, tuple[int, ...]] = {}
        self._checkpoint = -1
        self._compared: tuple[int, int] | None = None
        self._plot_data: PlotData | None = None
        self._reference: PlotData | None = None
        self._without_plot_data: FittedModel | None = None
        self._curves: tuple[object, tuple[LossCurve, ...]] = (None, ())
        self._traces: tuple[object, Traces] = (None, Traces({}))
        self.diagnostics = DiagnosticsController(context)
        self.futures = FuturesController(context)
        self.noise = ColumnNoiseController(context)

    # --- intents ---------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: Any) -> None:
        """Change fields of ``TrainConfig``."""
        self._workspace.edit(
            "Training settings", commands.with_train(self._workspace.project, **changes), merge="train"
        )

    def start(self) -> None:
        """Train with the settings of now, from fresh networks; resumes a paused training instead."""
        if self._tasks.running("fit"):
            self.resume()
        elif not self._obstacle():
            self.live = TrainLive()
            self._launch(None)
        self._navigation.refresh()

    def go_on(self) -> None:
        """Train on from the model that is looked at; weights that do not fit the equations of now start afresh."""
        model = self._model()
        if model is not None and not self._obstacle() and not self._tasks.running("fit"):
            self.live = TrainLive()
            self._launch(model)
        self._navigation.refresh()

    def pause(self) -> None:
        self._tasks.pause("fit")
        if self.live is not None:
            self.live.clock.hold(True)
        self._navigation.refresh()

    def resume(self) -> None:
        """Go on. Where model or settings were edited meanwhile, the training begins anew with all weights that still fit."""
        if self._changed() and self.live is not None and not self._obstacle():
            start = self.live.snapshot.model if self.live.snapshot else None
            self.live.end()
            self._launch(start)
        else:
            self._tasks.resume("fit")
            if self.live is not None:
                self.live.clock.hold(False)
        self._navigation.refresh()

    def stop(self) -> None:
        """End the training and keep the best model so far."""
        self._tasks.stop("fit")
        if self.live is not None:
            self.live.clock.hold(False)
        self._navigation.refresh()

    def discard(self) -> None:
        """End the training at once and keep nothing of it."""
        self._tasks.discard("fit")
        self.live = None
        self._checkpoint = -1
        self._navigation.refresh()

    def take_step(self, step: NextStep) -> None:
        """Do what was offered after a training that ended with doubts."""
        project = self._workspace.project
        match step.kind:
            case "go on":
                self.go_on()
            case "settings":
                self.change_settings(**step.changes)
                self.start()
            case "starts":
                if project.fit is not None:
                    self._workspace.edit("Take fitted values", commands.with_fitted_values(project))
                    self.start()
            case "bounds":
                self._bound(step.names)

    def _bound(self, names: tuple[str, ...]) -> None:
        """Bounds about the fitted values, in one edit, where a person sees and can change them."""
        project = self._workspace.project
        if project.fit is None:
            return
        fitted, given = project.fit.model.parameters, []
        for name in names:
            config = project.spec.model.parameters.get(name, ParameterConfig())
            low, high = (float(f"{one:.2g}") for one in suggested_bounds(fitted[name], config))
            start = min(max(config.value, low), high)
            project = commands.with_parameter(project, name, lower=low, upper=high, value=start)
            given.append(f"{name} from {low:g} to {high:g}")
        self._workspace.edit(f"Bound {', '.join(names)}", project)
        self._navigation.show_stage("model")
        self._notifier.toast(
            f"Bounds were set: {'; '.join(given)}. Make them narrower where more is known, then train again."
        )

    def choose_axes(self, x: str, y: str) -> None:
        """States of the phase portrait."""
        self._axes = (x, y)
        self._navigation.refresh()

    def choose_arguments(self, neural_term: str, shown: tuple[int, ...]) -> None:
        """Arguments a neural term is drawn over, by position; the others are held at their medians."""
        self._arguments = {**self._arguments, neural_term: shown}
        self._navigation.refresh()

    def look_at_checkpoint(self, index: int) -> None:
        """Show the model as it was at a moment of the training; -1 shows the newest."""
        self._checkpoint = index if 0 <= index < len(self._moments()) else -1
        self._navigation.refresh()

    def branch_from_checkpoint(self) -> None:
        """Make the model of the moment looked at the trained one, so that it can be distilled, exported or trained on.

        A paused training goes on from there instead.
        """
        from ndestudio.fitting.metrics import Metrics, score

        project, moments = self._workspace.project, self._moments()
        if not 0 <= self._checkpoint < len(moments) or project.dataset is None:
            return
        moment = moments[self._checkpoint]
        if self._status() == "paused" and self.live is not None and not self._obstacle():
            self.live.end()
            self._launch(moment.model)
            self._navigation.refresh()
            return
        if project.fit is None or self._tasks.running("fit"):
            return
        sentence = f"The model after step {moment.iteration} of {_title(moment.stage)}."
        fit = replace(
            project.fit,
            model=moment.model,
            metrics=Metrics() if moment.model.system.diffusion else score(moment.model, project.dataset, seconds=0.3),
            sentence=sentence,
            intervals={},
        )
        self._checkpoint, self._live_fit = -1, fit
        text = f"Go back to step {moment.iteration}"
        self._workspace.edit(text, replace(project, fit=fit, distillation=None, accepted={}))

    def compare_runs(self, first: int, second: int = -1) -> None:
        """Show two runs beside each other; the second one -1: the project as it is now; the first one -1: no more."""
        self._compared = (first, second) if first >= 0 else None
        self._navigation.refresh()

    def restore_run(self, index: int) -> None:
        project = self._workspace.project
        self._checkpoint = -1
        self._workspace.edit("Restore run", commands.with_run_restored(project, project.runs[index]))

    def rename_run(self, index: int, name: str) -> None:
        project = self._workspace.project
        if name.strip() and project.runs[index].name != name.strip():
            self._workspace.edit("Rename run", commands.with_run_renamed(project, project.runs[index], name.strip()))

    def delete_run(self, index: int) -> None:
        project = self._workspace.project
        self._compared = None
        self._workspace.edit("Delete run", commands.without_run(project, project.runs[index]))

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> TrainState:
        project = self._workspace.project
        task = self._tasks.running("fit")
        fit, live = project.fit, self._present_live()
        obstacle, moments = self._obstacle(), self._moments()
        self._checkpoint = self._checkpoint if self._checkpoint < len(moments) else -1
        model = self._model()
        self._request_plot_data(model)
        stages = training_stages(self._times(), task is not None, project.spec.train.stages, self._stochastic())
        return TrainState(
            config=project.spec.train,
            ready=not obstacle and task is None,
            obstacle=obstacle,
            status=self._status(),
            stages=stages,
            doing=live.clock.current.text if task and live and live.clock.current else "",
            elapsed=round(task.seconds, 1) if task else fit.seconds.get("total", 0.0) if fit else 0.0,
            fraction=task.progress.fraction if task and task.progress else None,
            rest=rest(task, self._times(), stages, self._durations, self._shape()),
            curves=self._loss_curves(),
            parameters=self._parameters(model),
            traces=self._trace_arrays(),
            dataset=project.dataset,
            states=model.system.states if model else (),
            plot_data=self._plot_data if model is not None else None,
            reference=self._shown_reference(),
            metrics=fit.metrics if fit and task is None else None,
            sentence=fit.sentence if fit and task is None else "",
            outcome=str(fit.outcome) if fit and task is None else "",
            level=of_fit(fit) if fit and task is None else "info",
            notes=tuple(note.text for note in live.notes) if live and task else fit.notes if fit else (),
            checkpoints=tuple(CheckpointRow(m.stage, _title(m.stage), m.iteration, m.loss) for m in moments),
            checkpoint=self._checkpoint,
            runs=run_rows(project),
            changed=self._changed(),
            can_continue=fit is not None and task is None and not obstacle,
            axes=self._axes,
            comparison=compare(project, *self._compared) if self._compared else None,
            diagnostics=self.diagnostics.state(),
            futures=self.futures.state(),
            noise=self.noise.state(fit.noise_model if fit is not None and task is None else {}),
            bands=noise_bands(fit, project.spec.train.log_states) if task is None and self._checkpoint < 0 else {},
            stochastic=self._stochastic(),
            black_boxes=self._calls_simulators(),
            explanation=self._explained(),
            steps=next_steps(fit, project.spec) if task is None and not obstacle else (),
        )

    def _stochastic(self) -> bool:
        """Whether the equations of now have noise."""
        system = self._meaning.analysis.system
        return system is not None and bool(system.diffusion)

    def _explained(self) -> tuple[Statement, ...]:
        """What the fit means; kept while it is the same."""
        project = self._workspace.project
        fit, dataset = project.fit, project.dataset
        if fit is None or dataset is None:
            return ()
        if self._explanation is None or self._explanation[0] is not fit or self._explanation[1] is not dataset:
            self._explanation = fit, dataset, explain_fit(fit, dataset)
        return self._explanation[2]

    def _calls_simulators(self) -> bool:
        system = self._meaning.analysis.system
        return system is not None and bool(black_boxes(system.expressions))

    def _obstacle(self) -> str:
        project = self._workspace.project
        if project.dataset is None:
            return "Training needs data: open a file in Data first."
        return self._meaning.obstacle

    def _status(self) -> Status:
        task = self._tasks.running("fit")
        if task is None:
            return "idle"
        return "stopping" if task.stopping else "paused" if task.paused else "running"

    def _changed(self) -> bool:
        """Whether what the paused training was started with is not what is set now."""
        task, spec = self._tasks.running("fit"), self._workspace.project.spec
        if task is None or not task.paused or self._started is None:
            return False
        return spec.model != self._started.model or spec.train != self._started.train

    def _present_live(self) -> TrainLive | None:
        """What was heard of the running training, or of the one that made the present fit."""
        if self._tasks.running("fit"):
            return self.live
        fit = self._workspace.project.fit
        return self.live if fit is not None and fit is self._live_fit else None

    def _moments(self) -> list[Moment]:
        """Models on the way, oldest first."""
        live, fit = self._present_live(), self._workspace.project.fit
        if live is not None and (self._tasks.running("fit") or len(live.moments) > len(fit.checkpoints if fit else ())):
            return live.moments
        return [Moment(p.stage, p.iteration, p.loss, p.model) for p in fit.checkpoints] if fit else []

    def _model(self) -> FittedModel | None:
        """The model to show: the one looked at, else the newest."""
        moments = self._moments()
        if 0 <= self._checkpoint < len(moments):
            return moments[self._checkpoint].model
        return self._newest()

    def _newest(self) -> FittedModel | None:
        if self._tasks.running("fit"):
            return self.live.snapshot.model if self.live and self.live.snapshot else None
        fit = self._workspace.project.fit
        return fit.model if fit else None

    def _shown_reference(self) -> PlotData | None:
        """What a moment that is looked at is compared with: the newest model, as far as it is drawn."""
        made, running = self._reference, self._tasks.running("fit") is not None
        if self._checkpoint < 0 or made is None or not (running or made.model is self._newest()):
            return None
        return made

    def _request_plot_data(self, model: FittedModel | None) -> None:
        """Have the plot data of a newer model made; one at a time, so that a fast training does not pile up work."""
        tasks, project = self._tasks, self._workspace.project
        if model is None or project.dataset is None or tasks.running("plot_data") or model is self._without_plot_data:
            return
        reference = self._newest() if self._checkpoint >= 0 else None
        seconds = _LIVE_SECONDS if tasks.running("fit") else 30.0
        if not _with_plot_data(self._plot_data, model, self._axes, self._arguments):
            others = project.fit.ensemble if project.fit and model is project.fit.model else ()
            arguments = (model, project.dataset, self._axes, dict(self._arguments), seconds, others)
            tasks.start(
                "plot_data",
                "",
                plot_data,
                *arguments,
                done=self._on_plot_data,
                failed=lambda f: self._on_no_plot_data(model, f),
            )
        elif reference is not None and (self._reference is None or self._reference.model is not reference):
            arguments = (reference, project.dataset, self._axes, dict(self._arguments), seconds)
            tasks.start(
                "plot_data",
                "",
                plot_data,
                *arguments,
                done=self._on_reference,
                failed=lambda f: self._on_no_plot_data(model, f),
            )

    def _on_plot_data(self, made: PlotData) -> None:
        self._plot_data = made
        if made.model is self._newest():
            self._reference = made

    def _on_no_plot_data(self, model: FittedModel, failed: Any) -> None:
        """Say so once; asking for the same again would fail again."""
        self._without_plot_data = model
        self._notifier.toast(f"The plots of this model cannot be made: {failed.sentence}", "warning", failed.details)

    def _on_reference(self, made: PlotData) -> None:
        self._reference = made

    def _loss_curves(self) -> tuple[LossCurve, ...]:
        running = self._tasks.running("fit") is not None
        live = self.live if running else None
        fit = self._workspace.project.fit
        key: object = (live.version if live else None, fit if live is None else None)
        if self._curves[0] != key:
            self._curves = (key, curves_of(live, fit))
        return self._curves[1]

    def _trace_arrays(self) -> Traces:
        live = self._present_live()
        key: object = (live.version if live else None, id(live))
        if self._traces[0] != key:
            self._traces = (key, Traces(live.arrays() if live else {}))
        return self._traces[1]

    def _shape(self) -> str:
        """What the time of the running training depends on."""
        spec, dataset = self._started or self._workspace.project.spec, self._dataset
        rows = sum(len(one.t) for one in dataset.trajectories) if dataset is not None else 0
        weights = sum(one.width**2 * one.depth for one in spec.model.networks.values())
        train = spec.train
        return shape(
            "fit", train.preset, train.seeds, train.device, train.time_limit, train.stages, sizes=(rows, weights)
        )

    def _times(self) -> list[StageTime]:
        live, fit = self._present_live(), self._workspace.project.fit
        if live is not None:
            return live.clock.stages
        if fit is None or self._tasks.running("fit"):
            return []
        return [StageTime(stage, stage, 0.0, seconds) for stage, seconds in fit.seconds.items() if stage != "total"]

    def _parameters(self, model: FittedModel | None) -> tuple[FittedParameter, ...]:
        project = self._workspace.project
        running = self._tasks.running("fit") is not None
        live = self.live.parameters if running and self.live and self._checkpoint < 0 else {}
        values = live or (model.parameters if model else {})
        intervals = project.fit.intervals if project.fit and not running and self._checkpoint < 0 else {}
        rows = []
        for name, value in values.items():
            config = project.spec.model.parameters.get(name, ParameterConfig())
            low, high = intervals.get(name, (None, None))
            rows.append(FittedParameter(name, float(value), config.unit, config.fixed, low, high))
        shown = project.fit if not running and self._checkpoint < 0 else None
        return (*rows, *noise_rows(shown, project.dataset))

    # --- events ----------------------------------------------------------------------------------------------------

    def _launch(self, start: FittedModel | None) -> None:
        project = self._workspace.project
        self._started, self._dataset, self._start = project.spec, project.dataset, start
        self._checkpoint, self._plot_data, self._reference = -1, None, None
        arguments = (project.spec.model, project.dataset, project.spec.train, start)
        self._tasks.start(
            "fit", "Training", _fit, *arguments, event=self._on_event, done=self._on_done, failed=self._on_failed
        )

    def _on_event(self, event: Event) -> None:
        if self.live is not None:
            self.live.take(event)

    def _on_done(self, fit: Fit) -> None:
        if self.live is not None:
            self.live.end()
            if fit.outcome is not Outcome.STOPPED:
                self._durations.learn(self._shape(), spent(self.live.clock.stages))
        self._live_fit, self._checkpoint = fit, -1
        self._on_device(fit.device)
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        project = self._workspace.project
        changed = commands.with_fit(project, fit, created, self._started, self._start)
        if project.dataset is not self._dataset:  # other data were opened meanwhile: a row of the table, no more
            changed = replace(project, runs=changed.runs)
        self._workspace.edit("Train", changed)
        self._notifier.announce("train", fit.sentence, of_fit(fit))

    def _on_failed(self, failed: Any) -> None:
        if self.live is not None:
            self.live.end()
        self._notifier.tell(failed)


def _fit(model: Any, dataset: Any, config: Any, start: FittedModel | None, *, reporter: Reporter) -> Fit:
    from ndestudio.fitting import fit

    return fit(model, dataset, config, reporter, start)


def _title(stage: str) -> str:
    return TRAINING[stage][0] if stage in TRAINING else stage


def _with_plot_data(
    made: PlotData | None, model: FittedModel, axes: tuple[str, str] | None, shown: dict[str, tuple[int, ...]]
) -> bool:
    return made is not None and made.model is model and made.axes == axes and dict(made.shown) == shown
