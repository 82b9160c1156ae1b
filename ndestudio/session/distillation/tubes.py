"""Where the states can be: settings of the reach tube, making it, and its result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.progress import Reporter
from ndestudio.reach.config import Method, TubeConfig
from ndestudio.reach.tube import ReachTube
from ndestudio.session import commands
from ndestudio.session.ports import Context

if TYPE_CHECKING:
    from ndestudio.project.project import Project

NOT_YET = "Search formulas first: then it is said here where the states can be, if the start is anywhere in a ball."
PRESS = "Press Make: the tube holds the states from the starts within the radius."
CHANGED = "The model has changed since: press Make again."


@dataclass(frozen=True)
class TubeState:
    """Arguments:
    tube: the last one of the model in use, None before there is any. dataset: whose titles are taken. config: its settings.
    sentence: what the verdicts are (without any: what it claims), or what is missing. making: whether one is being made. ready: whether one can be.
    """

    tube: ReachTube | None = None
    dataset: Dataset | None = None
    config: TubeConfig = TubeConfig()
    sentence: str = NOT_YET
    making: bool = False
    ready: bool = False


class Tubes:
    """Intents of the part of the Distil stage that is about reach tubes, and its state."""

    def __init__(self, context: Context) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation

    def make(self, method: Method, radius: float, unsafe: str) -> None:
        """Make a tube of this kind, with this radius; unsafe sets are divided by `;`."""
        project = self._workspace.project
        if project.fit is None or project.dataset is None or self._tasks.running("tube"):
            return
        sets = tuple(one.strip() for one in unsafe.split(";") if one.strip())
        config = msgspec.structs.replace(project.spec.tube, method=method, radius=radius, unsafe=sets)
        changed = commands.with_tube(project, config)
        if changed is not project:
            self._workspace.edit("Settings of the tube", changed)
        asked = self._workspace.project
        self._tasks.start(
            "tube",
            "Looking where the states can be",
            _made,
            asked,
            config,
            done=self._on_made,
            failed=self._notifier.tell,
        )
        self._navigation.refresh()

    def state(self) -> TubeState:
        project = self._workspace.project
        if project.fit is None or project.dataset is None or project.distillation is None:
            return TubeState()
        making = self._tasks.running("tube") is not None
        tube, sentence = project.tube, PRESS
        if tube is not None:
            tube = self._current(project)
            said = [one.sentence for one in tube.verdicts] if tube is not None else []
            sentence = CHANGED if tube is None else " ".join(said or [tube.sentence])
        return TubeState(tube, project.dataset, project.spec.tube, sentence, making, not making)

    def _current(self, project: Project) -> ReachTube | None:
        from ndestudio.export.gather import job

        return job(project).tube

    def _on_made(self, tube: ReachTube) -> None:
        self._workspace.edit("Make a reach tube", replace(self._workspace.project, tube=tube))
        worst = any(one.answer == "violated" for one in tube.verdicts)
        said = tube.verdicts[0].sentence if tube.verdicts else "The reach tube is made."
        self._notifier.announce("distil", said, "warning" if worst else "good")


def _made(project: Any, config: TubeConfig, *, reporter: Reporter) -> ReachTube:
    from ndestudio.project.pipeline import project_tube

    return project_tube(project, config, reporter)
