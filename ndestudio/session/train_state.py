"""What the Train view shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.model.metrics import Metrics
from ndestudio.session.live import TrainLive
from ndestudio.session.pictures import Picture
from ndestudio.train.config import TrainConfig
from ndestudio.train.result import Fit

Status = Literal["idle", "running", "paused", "stopping"]


@dataclass(frozen=True)
class StageRow:
    """A line of the stage indicator. `seconds`: so far, or in all once over."""

    stage: str
    text: str
    state: Literal["done", "active"]
    seconds: float


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Losses along one stage; NaN where there was no validation."""

    stage: str
    iteration: Float[np.ndarray, " step"]
    loss: Float[np.ndarray, " step"]
    validation: Float[np.ndarray, " step"]


@dataclass(frozen=True)
class FittedParameter:
    """A row of the parameter table; `low`, `high`: 95% limits, None while unknown."""

    name: str
    value: float
    unit: str
    fixed: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class CheckpointRow:
    stage: str
    iteration: int
    loss: float


@dataclass(frozen=True)
class RunRow:
    """A row of the runs table: training and search runs, oldest first."""

    index: int
    name: str
    kind: str
    created: str
    seed: int
    summary: str
    error: float | None
    current: bool


@dataclass(frozen=True)
class TrainState:
    """Arguments:
    ready: whether training can start; `obstacle` says what is missing.
    fraction, eta: of the running stage, None while unknown. elapsed: seconds in all.
    picture: of the newest model (snapshot, fit, or the checkpoint looked at), with simulated trajectories.
    checkpoint: position of the checkpoint looked at, -1 for the newest model.
    sentence: how the last training ended. notes: recoveries, warnings.
    """

    config: TrainConfig
    ready: bool
    obstacle: str
    status: Status
    stages: tuple[StageRow, ...]
    elapsed: float
    fraction: float | None
    eta: float | None
    curves: tuple[LossCurve, ...]
    parameters: tuple[FittedParameter, ...]
    traces: Mapping[str, tuple[float, ...]]
    dataset: Dataset | None
    states: tuple[str, ...]
    picture: Picture | None
    metrics: Metrics | None
    sentence: str
    outcome: str
    notes: tuple[str, ...]
    checkpoints: tuple[CheckpointRow, ...]
    checkpoint: int
    runs: tuple[RunRow, ...]


def curves_of(live: TrainLive | None, fit: Fit | None) -> tuple[LossCurve, ...]:
    """Loss curves of the running training, else of the last one."""
    if live is not None:
        return tuple(
            LossCurve(c.stage, np.asarray(c.iteration, float), np.asarray(c.loss), np.asarray(c.validation))
            for c in live.curves
        )
    if fit is not None:
        return tuple(
            LossCurve(h.stage, np.asarray(h.iteration, float), np.asarray(h.loss), np.asarray(h.validation_loss))
            for h in fit.history
        )
    return ()
