"""The one immutable value a session works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig, NextRunConfig, RecoveryConfig
from ndestudio.distil.result import Distillation, Recovery
from ndestudio.export.config import ExportConfig
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit
from ndestudio.jobs.executors.config import ComputingConfig
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.reach.config import TubeConfig
from ndestudio.reach.tube import ReachTube


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole job as a person writes it: the content of a spec file (TOML)."""

    name: str = ""
    description: str = ""
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    distil: DistilConfig = DistilConfig()
    next_run: NextRunConfig = NextRunConfig()
    recovery: RecoveryConfig = RecoveryConfig()
    tube: TubeConfig = TubeConfig()
    export: ExportConfig = ExportConfig()
    computing: ComputingConfig = ComputingConfig()


@dataclass(frozen=True, eq=False)
class Run:
    """A finished fit or distillation kept in the runs table, with the settings it was made with.

    Parameters
    ----------
    kind
        `"fit"` or `"distil"`.
    created
        ISO 8601 time.
    start
        The model a training went on from, None for fresh networks.
    """

    name: str
    kind: str
    created: str
    spec: Spec
    fit: Fit | None = None
    distillation: Distillation | None = None
    start: FittedModel | None = None


@dataclass(frozen=True)
class Written:
    """Files that were written from a project.

    Parameters
    ----------
    what
        `LaTeX`, `everything`, `a figure`.
    path
        The file or folder.
    created
        ISO 8601 time.
    """

    what: str
    path: str
    created: str


@dataclass(frozen=True, eq=False)
class Project:
    """Spec, data and results. Edits replace it; undo is a list of values.

    Parameters
    ----------
    dataset
        The loaded data (None before files are loaded).
    fit, distillation
        The current results; None before.
    accepted
        Neural term -> index of the scored candidate that replaces it (terms not named stay neural).
    runs
        All results kept, oldest first.
    recovery
        Assessment of the last recovery test.
    exports
        What was written from it, oldest first.
    tube
        The last reach tube; of another model where its ``made_of`` is not the fingerprint of the one in use.
    layout
        What the window remembers (plain JSON values).
    seconds
        Stage of the job (`"data"`, `"train"`, `"distil"`) -> wall seconds it took.
    """

    spec: Spec = Spec()
    dataset: Dataset | None = None
    fit: Fit | None = None
    distillation: Distillation | None = None
    accepted: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    layout: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    recovery: Recovery | None = None
    exports: tuple[Written, ...] = ()
    tube: ReachTube | None = None
