"""What is computed for looking at formulas: simulations of models, samples of neural terms, how a formula follows them;
kept."""

from __future__ import annotations

from typing import Any

from ndestudio.distil.result import NeuralTermSamples
from ndestudio.figures.dose_response import dose_responses
from ndestudio.figures.plot_data import PlotData, simulate_all
from ndestudio.figures.term_fit import FormulaFit
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.session.distillation.formula_fit import formula_fit, sample
from ndestudio.session.ports import Notifier
from ndestudio.session.tasks import Tasks
from ndestudio.session.workspace import Workspace
from ndestudio.symbolic.front import Candidate

_KEPT = 60


class EvaluationCache:
    """Asked by a controller while it resolves its state; what is not there yet is asked for in a job."""

    def __init__(self, workspace: Workspace, tasks: Tasks, notifier: Notifier) -> None:
        self._workspace, self._tasks, self._notifier = workspace, tasks, notifier
        self._plot_data: dict[int, tuple[FittedModel, PlotData]] = {}
        self._fits: dict[int, tuple[Candidate, NeuralTermSamples, FormulaFit]] = {}
        self._samples: tuple[FittedModel | None, dict[str, NeuralTermSamples]] = (None, {})

    def plot_data(self, model: FittedModel) -> PlotData | None:
        """Simulated trajectories of a model; None while they are being made."""
        kept = self._plot_data.get(id(model))
        if kept is not None and kept[0] is model:
            return kept[1]
        dataset, tasks = self._workspace.project.dataset, self._tasks
        if dataset is not None and not tasks.running("candidate"):
            tasks.start(
                "candidate",
                "",
                _simulated,
                model,
                dataset,
                done=self._on_plot_data,
                failed=lambda failed: self._on_no_plot_data(model, failed),
            )
        return None

    def request_samples(self, model: FittedModel, neural_terms: tuple[str, ...]) -> None:
        """Have neural terms sampled, so that a front can be looked at while it grows."""
        project, tasks = self._workspace.project, self._tasks
        if project.dataset is None or self._samples[0] is model or tasks.running("samples"):
            return
        config = project.spec.distil
        arguments = (model, project.dataset, neural_terms, config.samples, config.seed)
        tasks.start("samples", "", sample, *arguments, done=lambda found: self._on_samples(model, found))

    def formula_fit(
        self, model: FittedModel, neural_term: str, candidate: Candidate, samples: NeuralTermSamples | None
    ) -> FormulaFit | None:
        """How a formula follows a neural term; None before there are samples.

        Parameters
        ----------
        samples
            Those of the search; None: those that were requested.
        """
        if samples is None and self._samples[0] is model:
            samples = self._samples[1].get(neural_term)
        if samples is None:
            return None
        kept = self._fits.get(id(candidate))
        if kept is None or kept[0] is not candidate or kept[1] is not samples:
            _trim(self._fits)
            made = formula_fit(model, samples, candidate, self._workspace.project.dataset)
            kept = self._fits[id(candidate)] = (candidate, samples, made)
        return kept[2]

    def _on_samples(self, model: FittedModel, found: dict[str, NeuralTermSamples]) -> None:
        self._samples = (model, found)

    def _on_plot_data(self, made: PlotData) -> None:
        _trim(self._plot_data)
        self._plot_data[id(made.model)] = (made.model, made)

    def _on_no_plot_data(self, model: FittedModel, failed: Any) -> None:
        """Say so once; asking for the same again would fail again."""
        self._on_plot_data(PlotData(model))
        self._notifier.toast(f"This model cannot be simulated: {failed.sentence}", "warning", failed.details)


def _trim(kept: dict[int, Any]) -> None:
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))


def _simulated(model: FittedModel, dataset: Any, *, reporter: Reporter) -> PlotData:
    paths = simulate_all(model, dataset, reporter=reporter)
    return PlotData(model, paths, dose_responses=dose_responses(model, dataset))
