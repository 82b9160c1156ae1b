"""What the Distil view shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig
from ndestudio.session.formulas import Formula
from ndestudio.session.pictures import Picture
from ndestudio.session.train_state import StageRow, Status


@dataclass(frozen=True)
class FrontRow:
    """A formula of the front.

    Arguments:
        index: its position in the front.
        loss: against samples of the hole (dimensionless, NMSE).
        trajectory_error: mean NRMSE of the whole model with the formula put in, on held-out data where there are
            such, else on the training data; None while not simulated.
        scored: position among the scored candidates, -1 when it is none.
        note: what went wrong in scoring, "" if nothing did.
    """

    index: int
    complexity: int
    loss: float
    text: str
    trajectory_error: float | None = None
    scored: int = -1
    chosen: bool = False
    accepted: bool = False
    pinned: bool = False
    note: str = ""


@dataclass(frozen=True)
class HoleRow:
    """A hole and its search.

    Arguments:
        accepted: index among the scored candidates of the formula in its place, -1 while it is neural.
        reason: why the default choice was chosen.
    """

    name: str
    arguments: tuple[str, ...]
    front: tuple[FrontRow, ...]
    accepted: int
    evaluations: int
    seconds: float
    reason: str


@dataclass(frozen=True, eq=False)
class HoleFit:
    """How a formula follows the samples of its hole.

    Arguments:
        formula_y: the formula at the samples; None when it cannot be evaluated there.
    """

    hole: str
    arguments: tuple[str, ...]
    X: Float[np.ndarray, "sample argument"]
    y: Float[np.ndarray, " sample"]
    formula_y: Float[np.ndarray, " sample"] | None


@dataclass(frozen=True)
class CandidateState:
    """The formula that was clicked.

    Arguments:
        formula: typeset; None while it is being drawn. text: as text.
        fit: against the samples of the hole, None before they are there.
        picture: simulated trajectories of the whole model with it, None while they are being made.
        errors: (name of part, mean NRMSE) where known.
        before: the model as it is without the formula, to be overlaid.
    """

    hole: str
    row: FrontRow
    text: str
    formula: Formula | None
    fit: HoleFit | None
    picture: Picture | None
    before: Picture | None
    errors: tuple[tuple[str, float], ...] = ()
    parameters: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class EngineRow:
    """An engine; `obstacle` is a sentence when it cannot be used here."""

    name: str
    title: str
    obstacle: str = ""


@dataclass(frozen=True)
class DistilState:
    """Arguments:
    holes: every hole that is in the equations. hole: the one shown, "" without any.
    candidate: what was clicked, else the default choice. compared: what was pinned.
    equations: the whole model with the accepted formulas, typeset (None while being drawn).
    """

    config: DistilConfig
    ready: bool
    obstacle: str
    status: Status
    engines: tuple[EngineRow, ...]
    presets: tuple[str, ...]
    stages: tuple[StageRow, ...]
    elapsed: float
    fraction: float | None
    holes: tuple[HoleRow, ...]
    hole: str
    candidate: CandidateState | None
    compared: CandidateState | None
    dataset: Dataset | None
    equations: tuple[Formula | None, ...]
    sentence: str
    notes: tuple[str, ...]
