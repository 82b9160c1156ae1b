"""What controllers work with. None of them knows the session, or another controller beyond what is named here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from ndestudio.session.tasks import Tasks
from ndestudio.session.workspace import Workspace

if TYPE_CHECKING:
    from ndestudio.fitting.metrics import Metrics
    from ndestudio.jobs import Failed
    from ndestudio.model.fitted import FittedModel
    from ndestudio.project.project import Project
    from ndestudio.session.data.state import DataProblem
    from ndestudio.session.formulas import Formula
    from ndestudio.session.model.analysis import Analysis

Stage = Literal["data", "model", "train", "distil", "export"]
STAGES: tuple[Stage, ...] = ("data", "model", "train", "distil", "export")
Level = Literal["info", "good", "warning", "error"]


class Notifier(Protocol):
    """Says something to the person."""

    def toast(self, text: str, level: Level = "info", details: str = "") -> None:
        """A short message; ``details`` are offered for copying."""
        ...

    def tell(self, failed: Failed) -> None:
        """A failure as a message; a stop that came before anything was computed is none."""
        ...

    def announce(self, stage: Stage, text: str, level: Level = "info") -> None:
        """A result as a message, unless the stage that shows it is being looked at."""
        ...


class Navigation(Protocol):
    """Which stage is looked at, and that it is shown anew."""

    @property
    def stage(self) -> Stage: ...

    def show_stage(self, stage: Stage) -> None:
        """Make a stage the visible one and show it."""
        ...

    def stand_at(self, stage: Stage) -> None:
        """Make a stage the visible one; whoever asks for it changes the project next, which shows it."""
        ...

    def refresh(self) -> None:
        """Show what changed in the visible stage and around it."""
        ...


@dataclass(frozen=True)
class Context:
    """What every controller works with."""

    workspace: Workspace
    tasks: Tasks
    notifier: Notifier
    navigation: Navigation


class DataFiles(Protocol):
    """The data, as those see them who open files."""

    def add_files(self, paths: Sequence[str]) -> None: ...

    def append_files(self, paths: Sequence[str]) -> None: ...

    def trust(self, project: Project) -> None: ...


class Columns(Protocol):
    """The columns, as the model sees them."""

    def ignore(self, name: str) -> None: ...

    def use_as_input(self, name: str) -> None: ...


class DataHealth(Protocol):
    """Whether the data could be loaded."""

    failed: DataProblem | None


class ModelMeaning(Protocol):
    """What the equations mean, and what keeps them from being used ("" if nothing does)."""

    @property
    def analysis(self) -> Analysis: ...

    @property
    def obstacle(self) -> str: ...


class ModelInUse(Protocol):
    """The trained model with the accepted formulas substituted."""

    @property
    def model(self) -> FittedModel | None: ...

    @property
    def metrics(self) -> Metrics | None: ...

    @property
    def summary(self) -> str:
        """What it is made of, and its own error."""
        ...

    def typeset(self, model: FittedModel) -> tuple[Formula | None, ...]: ...


class Startable(Protocol):
    """A search."""

    def start(self) -> None: ...


class Continuable(Startable, Protocol):
    """A training."""

    def go_on(self) -> None: ...


class Recovered(Protocol):
    """Where unsaved work is kept."""

    def adopt(self, path: Path) -> None: ...
