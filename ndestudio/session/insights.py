"""What is computed for looking at formulas: simulations of models, samples of holes, how a formula follows them; kept."""

from __future__ import annotations

from typing import Any

from ndestudio.distil.result import HoleSamples
from ndestudio.figures.plot_data import Picture, simulate_all
from ndestudio.figures.term_fit import HoleFit
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.session.ports import Notifier
from ndestudio.session.swap import hole_fit, sample
from ndestudio.session.tasks import Tasks
from ndestudio.session.workspace import Workspace
from ndestudio.symbolic.front import Candidate

_KEPT = 60


class Insights:
    """Asked by a controller while it resolves its state; what is not there yet is asked for in a job."""

    def __init__(self, workspace: Workspace, tasks: Tasks, notifier: Notifier) -> None:
        self._workspace, self._tasks, self._notifier = workspace, tasks, notifier
        self._pictures: dict[int, tuple[FittedModel, Picture]] = {}
        self._fits: dict[int, tuple[Candidate, HoleSamples, HoleFit]] = {}
        self._samples: tuple[FittedModel | None, dict[str, HoleSamples]] = (None, {})

    def picture(self, model: FittedModel) -> Picture | None:
        """Simulated trajectories of a model; None while they are being made."""
        kept = self._pictures.get(id(model))
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
                done=self._on_picture,
                failed=lambda failed: self._on_no_picture(model, failed),
            )
        return None

    def request_samples(self, model: FittedModel, holes: tuple[str, ...]) -> None:
        """Have holes sampled, so that a front can be looked at while it grows."""
        project, tasks = self._workspace.project, self._tasks
        if project.dataset is None or self._samples[0] is model or tasks.running("samples"):
            return
        config = project.spec.distil
        arguments = (model, project.dataset, holes, config.samples, config.seed)
        tasks.start("samples", "", sample, *arguments, done=lambda found: self._on_samples(model, found))

    def hole_fit(
        self, model: FittedModel, hole: str, candidate: Candidate, samples: HoleSamples | None
    ) -> HoleFit | None:
        """How a formula follows a hole; None before there are samples.

        Arguments:
            samples: those of the search; None: those that were requested.
        """
        if samples is None and self._samples[0] is model:
            samples = self._samples[1].get(hole)
        if samples is None:
            return None
        kept = self._fits.get(id(candidate))
        if kept is None or kept[0] is not candidate or kept[1] is not samples:
            _trim(self._fits)
            kept = self._fits[id(candidate)] = (candidate, samples, hole_fit(model, samples, candidate))
        return kept[2]

    def _on_samples(self, model: FittedModel, found: dict[str, HoleSamples]) -> None:
        self._samples = (model, found)

    def _on_picture(self, made: Picture) -> None:
        _trim(self._pictures)
        self._pictures[id(made.model)] = (made.model, made)

    def _on_no_picture(self, model: FittedModel, failed: Any) -> None:
        """Say so once; asking for the same again would fail again."""
        self._on_picture(Picture(model))
        self._notifier.toast(f"This model cannot be simulated: {failed.sentence}", "warning", failed.details)


def _trim(kept: dict[int, Any]) -> None:
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))


def _simulated(model: FittedModel, dataset: Any, *, reporter: Reporter) -> Picture:
    return Picture(model, simulate_all(model, dataset, reporter=reporter))
