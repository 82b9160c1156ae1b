"""What to measure next: the limits of starts and inputs, a search for the run that tells laws apart, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.distil.suggested import NextRun
from ndestudio.errors import NdeStudioError
from ndestudio.progress import Reporter
from ndestudio.session import commands
from ndestudio.session.ports import Context

if TYPE_CHECKING:
    from ndestudio.distil.config import NextRunConfig
    from ndestudio.distil.result import Distillation

NOT_YET = "Search formulas first: then the run that tells the laws apart, which the data leave, is suggested here."
WITH_NOISE = "Which run tells laws with noise apart is not looked for yet; longer series make every law of them surer."
OTHER_LIMITS = "The limits were changed: press Suggest to look within them."


@dataclass(frozen=True)
class LimitRow:
    """The limits of the start of a state or of the level of an input.

    Parameters
    ----------
    own
        Whether a person gave them.
    suggested
        Value in the first run that is suggested, None without one.
    """

    name: str
    kind: str
    low: float
    high: float
    own: bool
    suggested: float | None


@dataclass(frozen=True)
class NextRunState:
    """Arguments:
    found: the last result, None before there is any. dataset: what its predictions are shown with.
    sentence: it in words, or what is missing. rows: limits, none before there is a model.
    searching: whether a search goes on. ready: whether one can be started.
    """

    found: NextRun | None = None
    dataset: Dataset | None = None
    sentence: str = NOT_YET
    rows: tuple[LimitRow, ...] = ()
    searching: bool = False
    ready: bool = False


class NextRuns:
    """Intents of the part of the Distil stage that is about the next experiment, and its state."""

    def __init__(self, context: Context) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation
        self._seen: tuple[Distillation, NextRunConfig, Mapping[str, tuple[float, float]], str] | None = None

    def limit(self, name: str, low: float, high: float) -> None:
        """Allow only such starts of a state, or levels of an input."""
        self._change(name, (low, high))

    def free(self, name: str) -> None:
        """Forget the limits that a person gave: the measured range, widened by half, is allowed again."""
        self._change(name, None)

    def suggest(self) -> None:
        """Look for the run within the limits of now."""
        project = self._workspace.project
        result = project.distillation
        if result is None or project.fit is None or self._tasks.running("next_run"):
            return
        arguments = (project.fit, result, project.dataset, project.spec.next_run, project.spec.train)
        self._tasks.start(
            "next_run",
            "Looking for the next run",
            _suggested,
            *arguments,
            done=lambda found: self._on_found(result, found),
            failed=self._notifier.tell,
        )
        self._navigation.refresh()

    def state(self) -> NextRunState:
        project = self._workspace.project
        result = project.distillation
        if result is None or project.fit is None or project.dataset is None or not result.model.replacements:
            return NextRunState()
        if project.fit.model.system.diffusion:
            return NextRunState(sentence=WITH_NOISE)
        limits, problem = self._limits(result, project.dataset, project.spec.next_run)
        found = result.next_run
        rows = _rows(limits, project.spec.next_run, found, result.model.system.states)
        searching = self._tasks.running("next_run") is not None
        sentence = problem or _said(found, limits)
        return NextRunState(found, project.dataset, sentence, rows, searching, not problem and not searching)

    def _limits(
        self, result: Distillation, dataset: Dataset, config: NextRunConfig
    ) -> tuple[Mapping[str, tuple[float, float]], str]:
        if self._seen is None or self._seen[0] is not result or self._seen[1] != config:
            try:
                self._seen = (result, config, _bounds(result, dataset, config), "")
            except NdeStudioError as error:
                self._seen = (result, config, {}, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return self._seen[2], self._seen[3]

    def _change(self, name: str, limits: tuple[float, float] | None) -> None:
        project = self._workspace.project
        model = project.fit.model if project.fit else None
        table = "inputs" if model is not None and name in model.system.inputs else "starts"
        kept = dict(getattr(project.spec.next_run, table))
        kept.pop(name, None)
        if limits is not None:
            kept[name] = limits
        config = msgspec.structs.replace(project.spec.next_run, **{table: kept})
        self._workspace.edit("Limits of the next run", commands.with_next_run(project, config))
        self._navigation.refresh()

    def _on_found(self, result: Distillation, found: NextRun) -> None:
        project = self._workspace.project
        if project.distillation is not result:  # another search has ended meanwhile
            return
        changed = replace(project, distillation=replace(result, next_run=found))
        self._workspace.edit("Suggest a run", changed)
        self._notifier.announce("distil", found.sentence, "good")


def _said(found: NextRun | None, limits: Mapping[str, tuple[float, float]]) -> str:
    if found is None:
        return "Press Suggest: the run is looked for that tells the laws apart which the data leave."
    if found.bounds and dict(found.bounds) != dict(limits):
        return f"{OTHER_LIMITS} Before: {found.sentence}"
    return found.sentence


def _rows(
    limits: Mapping[str, tuple[float, float]], config: NextRunConfig, found: NextRun | None, states: tuple[str, ...]
) -> tuple[LimitRow, ...]:
    run = found.runs[0] if found is not None and found.runs else None
    values = {**run.start, **run.inputs} if run is not None else {}
    own = {*config.starts, *config.inputs}
    return tuple(
        LimitRow(name, "start" if name in states else "level", low, high, name in own, values.get(name))
        for name, (low, high) in limits.items()
    )


def _bounds(result: Distillation, dataset: Dataset, config: NextRunConfig) -> Mapping[str, tuple[float, float]]:
    from ndestudio.distil.limits import bounds

    return bounds(result.model, dataset, config)


def _suggested(fit: Any, result: Any, dataset: Any, config: Any, train: Any, *, reporter: Reporter) -> NextRun:
    from ndestudio.distil import suggest_next_run

    return suggest_next_run(fit, result, dataset, config, reporter.should_stop, train)
