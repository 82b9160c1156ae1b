"""What the Train view shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.figures.loss import LossCurve, loss_curves
from ndestudio.figures.noise_band import NoiseBand
from ndestudio.figures.plot_data import PlotData
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.explanation import Statement
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit
from ndestudio.session.durations import Rest
from ndestudio.session.live import TrainLive
from ndestudio.session.ports import Level
from ndestudio.session.training.column_noise import ColumnNoiseState
from ndestudio.session.training.diagnostics import DiagnosticsState
from ndestudio.session.training.futures import FuturesState
from ndestudio.session.training.next_steps import NextStep

Status = Literal["idle", "running", "paused", "stopping"]
Progression = Literal["pending", "active", "done", "skipped"]


@dataclass(frozen=True)
class StageRow:
    """A step of the stage indicator.

    Parameters
    ----------
    stage
        Machine name.
    title
        One or two words.
    text
        What is being done, for a tooltip.
    seconds
        So far, or in all once over.
    """

    stage: str
    title: str
    text: str
    state: Progression
    seconds: float = 0.0


@dataclass(frozen=True)
class FittedParameter:
    """A row of the parameter table; `low`, `high`: 95% limits, None while unknown.

    `noise`: the row is the noise of a measured column of that name; `detail` tells its law, for a tooltip.
    """

    name: str
    value: float
    unit: str
    fixed: bool
    low: float | None = None
    high: float | None = None
    noise: bool = False
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Traces:
    """Values of the parameters along the training, by step in the order they were made; shared, never changed."""

    values: Mapping[str, Float[np.ndarray, " step"]]


@dataclass(frozen=True)
class CheckpointRow:
    """A model on the way. `title`: words for the stage."""

    stage: str
    title: str
    iteration: int
    loss: float


@dataclass(frozen=True)
class Difference:
    """A setting or result of two runs; `same`: there is no difference."""

    name: str
    first: str
    second: str
    same: bool = False


@dataclass(frozen=True)
class RunComparison:
    """Two runs beside each other, or a run and the project as it is now.

    Parameters
    ----------
    settings
        Those that differ.
    results
        Errors, time, formulas and parameters of both, "" where there is none.
    """

    first: str
    second: str
    settings: tuple[Difference, ...]
    results: tuple[Difference, ...]


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
    seconds: float = 0.0
    settings: str = ""


@dataclass(frozen=True)
class TrainState:
    """Arguments:
    ready: whether training can start; `obstacle` says what is missing.
    stages: the whole sequence, what is still to come included. doing: what goes on now, in words.
    fraction: of the running stage, None while unknown. elapsed: seconds in all. rest: until the training ends.
    plot_data: of the newest model (snapshot, fit, or the checkpoint looked at), with simulated trajectories.
    reference: of the trained model while a checkpoint is looked at, to be overlaid.
    checkpoint: position of the checkpoint looked at, -1 for the newest model.
    changed: model or settings differ from those the paused training was started with.
    can_continue: the last model fits the equations of now, so training can go on from it.
    sentence: how the last training ended; level: the colour of that. notes: recoveries, warnings.
    axes: states of the phase portrait, None while nobody chose.
    comparison: two runs beside each other, None while nobody compares.
    diagnostics: what is known of residuals, profiles and relatives of the fit.
    futures: predictions of single runs, where starts are read from histories.
    noise: the noise of each measured column, as the settings have it.
    bands: measured column -> where its measurements are expected around the fit, by its noise.
    steps: what can be done next, where the training ended with doubts.
    stochastic: the equations have noise, so that the likelihood of transitions is fitted.
    black_boxes: the equations call simulators.
    explanation: what the fit means, in plain words.
    """

    config: TrainConfig
    ready: bool
    obstacle: str
    status: Status
    stages: tuple[StageRow, ...]
    doing: str
    elapsed: float
    fraction: float | None
    rest: Rest | None
    curves: tuple[LossCurve, ...]
    parameters: tuple[FittedParameter, ...]
    traces: Traces
    dataset: Dataset | None
    states: tuple[str, ...]
    plot_data: PlotData | None
    reference: PlotData | None
    metrics: Metrics | None
    sentence: str
    outcome: str
    level: Level
    notes: tuple[str, ...]
    checkpoints: tuple[CheckpointRow, ...]
    checkpoint: int
    runs: tuple[RunRow, ...]
    changed: bool = False
    can_continue: bool = False
    axes: tuple[str, str] | None = None
    comparison: RunComparison | None = None
    diagnostics: DiagnosticsState = DiagnosticsState()
    futures: FuturesState = FuturesState()
    bands: Mapping[str, NoiseBand] = field(default_factory=dict)
    noise: ColumnNoiseState = ColumnNoiseState()
    steps: tuple[NextStep, ...] = ()
    stochastic: bool = False
    black_boxes: bool = False
    explanation: tuple[Statement, ...] = ()


def noise_rows(fit: Fit | None, dataset: Dataset | None) -> tuple[FittedParameter, ...]:
    """Rows that tell the noise of each measured column, as far as it is known."""
    if fit is None or dataset is None:
        return ()
    units = {column.name: column.unit for column in dataset.measured}
    rows = []
    for name, value in fit.noise.items():
        level, unit = fit.noise_model.get(name), units.get(name, "")
        law = f": {level.law(unit)}, estimated with the model" if level else ", by the residuals"
        rows.append(FittedParameter(name, value, unit, False, noise=True, detail=f"Noise of {name}{law}"))
    return tuple(rows)


def curves_of(live: TrainLive | None, fit: Fit | None) -> tuple[LossCurve, ...]:
    """Loss curves of the running training, else of the last one."""
    if live is not None:
        return tuple(
            LossCurve(c.stage, np.asarray(c.iteration, float), np.asarray(c.loss), np.asarray(c.validation))
            for c in live.curves
        )
    if fit is not None:
        return loss_curves(fit.history)
    return ()
