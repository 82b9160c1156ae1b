"""A project as exporting sees it: what is to be shown, without knowing how projects are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import Distillation
from ndestudio.errors import DataError
from ndestudio.export.content import Origin, program_name
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Population
from ndestudio.model.fitted import FittedModel
from ndestudio.reach.tube import ReachTube, fingerprint

if TYPE_CHECKING:
    from ndestudio.fitting.residuals import Residuals


@runtime_checkable
class ProjectLike(Protocol):
    """What is read of a project (``ndestudio.project.Project`` is one)."""

    @property
    def spec(self) -> Any: ...
    @property
    def dataset(self) -> Dataset | None: ...
    @property
    def fit(self) -> Fit | None: ...
    @property
    def distillation(self) -> Distillation | None: ...
    @property
    def accepted(self) -> Mapping[str, int]: ...
    @property
    def tube(self) -> ReachTube | None: ...


@dataclass(frozen=True, eq=False)
class Job:
    """The results of a project with the accepted formulas substituted.

    Parameters
    ----------
    model
        What is exported: the accepted formulas in place, other neural terms neural; None before training.
    metrics
        Of that model; None where they are not known.
    network_model
        The trained model before distilling.
    """

    project: ProjectLike
    dataset: Dataset | None
    fit: Fit | None
    distillation: Distillation | None
    model: FittedModel | None
    metrics: Metrics | None
    network_model: FittedModel | None

    @property
    def title(self) -> str:
        spec = self.project.spec
        return spec.name or spec.model.name or "Untitled model"

    @cached_property
    def residuals(self) -> Residuals | None:
        """What the exported model leaves of the data; None without a model that was compared with them."""
        if self.model is None or self.dataset is None:
            return None
        if self.model.system.diffusion:
            from ndestudio.fitting.one_step import one_step_residuals

            try:
                return one_step_residuals(self.model, self.dataset)
            except DataError:  # a state that no column shows
                return None
        if self.metrics is None:
            return None
        from ndestudio.fitting.residuals import residuals

        return residuals(self.model, self.dataset, train=self.project.spec.train)

    @property
    def tube(self) -> ReachTube | None:
        """The reach tube, where it is one of the exported model."""
        tube = self.project.tube
        return tube if tube is not None and self.model is not None and tube.made_of == fingerprint(self.model) else None

    @property
    def population(self) -> Population | None:
        """Spread of parameters between runs, with the formulas in place where they are those that were chosen."""
        distilled = self.distillation
        if distilled is not None and distilled.population is not None and self.model is distilled.model:
            return distilled.population
        return self.fit.population if self.fit is not None else None

    def choice(self, neural_term: str) -> int:
        """Index of the scored candidate in use for ``neural_term``, -1 where it stays neural."""
        return self.project.accepted.get(neural_term, -1)

    def seconds(self) -> dict[str, float]:
        """Wall seconds: of the stages of the job, and of the stages within training and distilling."""
        whole = {name: float(value) for name, value in getattr(self.project, "seconds", {}).items()}
        stages = {
            name: dict(result.seconds)
            for name, result in (("train", self.fit), ("distil", self.distillation))
            if result
        }
        for name, parts in stages.items():
            total = parts.pop("total", None)
            whole.setdefault(name, float(sum(parts.values()) if total is None else total))
        found: dict[str, float] = {}
        for name, value in whole.items():
            found[name] = value
            found |= {f"{name}.{stage}": float(part) for stage, part in stages.get(name, {}).items()}
        return found


def job(project: ProjectLike) -> Job:
    """Gather what is exported of ``project``; the formulas accepted in it are substituted."""
    fit, distillation = project.fit, project.distillation
    if fit is None:
        return Job(project, project.dataset, None, None, None, None, None)
    if distillation is None or not project.accepted:
        return Job(project, project.dataset, fit, distillation, fit.model, fit.metrics, fit.model)
    model, metrics = _assembled(project, fit, distillation)
    return Job(project, project.dataset, fit, distillation, model, metrics, fit.model)


def origin_of(project: ProjectLike, date: str = "") -> Origin:
    """Where the model of ``project`` came from, for its artefacts.

    Parameters
    ----------
    date
        ISO 8601; "" leaves it out.
    """
    gathered = job(project)
    distilled = project.distillation is not None and bool(project.accepted)
    return Origin(
        program=program_name(),
        date=date,
        seed=project.fit.seed if project.fit else None,
        engine=project.distillation.engine if distilled and project.distillation else "",
        sources=project.dataset.sources if project.dataset else (),
        metrics=gathered.metrics,
        title=project.spec.name,
    )


def _assembled(project: ProjectLike, fit: Fit, distillation: Distillation) -> tuple[FittedModel, Metrics | None]:
    chosen = {
        name: neural_term.chosen for name, neural_term in distillation.neural_terms.items() if neural_term.chosen >= 0
    }
    if dict(project.accepted) == chosen:
        return distillation.model, distillation.metrics
    from ndestudio.distil import assemble

    model = assemble(fit.model, distillation, project.accepted)
    if project.dataset is None or model.system.diffusion:
        return model, None
    from ndestudio.fitting.metrics import score

    return model, score(model, project.dataset)
