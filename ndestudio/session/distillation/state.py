"""What the Distil view shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig
from ndestudio.figures.plot_data import PlotData
from ndestudio.figures.term_fit import FormulaFit
from ndestudio.session.distillation.constraints import ConstraintsState
from ndestudio.session.distillation.next_run import NextRunState
from ndestudio.session.distillation.tubes import TubeState
from ndestudio.session.durations import Rest
from ndestudio.session.formulas import Formula
from ndestudio.session.ports import Level
from ndestudio.session.training.state import StageRow, Status

Source = Literal["use", "refit", "search"]
"""Constants of a formula: as in use, refitted through the solver in the place of its network alone, or as the search found
them on values of the network."""


@dataclass(frozen=True)
class FrontRow:
    """A formula of the front, or one that was made from one of them.

    Parameters
    ----------
    index
        Its position among the formulas shown.
    on_front
        False for a formula that only arose when all equations were refitted together.
    loss
        Against samples of the neural term (dimensionless, NMSE).
    trajectory_error
        Mean NRMSE of the whole model with the formula substituted, on held-out data where there are such, else on the
        training data; None while not simulated.
    scored
        Position among the scored candidates, -1 when it is none.
    note
        What went wrong in scoring, "" if nothing did.
    source
        Where the constants of the formula come from.
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
    on_front: bool = True
    source: Source = "search"


@dataclass(frozen=True)
class NeuralTermRow:
    """A neural term and its search.

    Parameters
    ----------
    accepted
        Index among the scored candidates of the formula in its place, -1 while it is neural.
    reason
        Why the default choice was chosen.
    """

    name: str
    arguments: tuple[str, ...]
    front: tuple[FrontRow, ...]
    accepted: int
    evaluations: int
    seconds: float
    reason: str


@dataclass(frozen=True)
class Change:
    """A parameter before and after a formula took the place of its neural term; None where it is not there."""

    name: str
    before: float | None
    after: float | None
    unit: str = ""


@dataclass(frozen=True)
class CandidateState:
    """The formula that was clicked.

    Parameters
    ----------
    formula
        Typeset, its constants as refitted where they were; None while it is being drawn.
    text
        As text.
    fit
        Against the samples of the neural term, None before they are there.
    plot_data
        Simulated trajectories of the whole model with it, None while they are being made.
    errors
        (name of part, mean NRMSE) where known, with this formula alone in the place of its network.
    errors_before
        Of the model without the formula.
    errors_together
        Of the model in use with all its formulas, where this one is in it.
    together
        How many formulas that model has.
    changes
        What refitting did to the parameters; while `refitting`, as it stands.
    before
        The model as it is without the formula, to be overlaid.
    stochastic
        Formulas are searched on what single transitions say, which is mostly noise, and chosen by their likelihood.
    """

    neural_term: str
    row: FrontRow
    text: str
    formula: Formula | None
    fit: FormulaFit | None
    plot_data: PlotData | None
    before: PlotData | None
    errors: tuple[tuple[str, float], ...] = ()
    errors_before: tuple[tuple[str, float], ...] = ()
    errors_together: tuple[tuple[str, float], ...] = ()
    together: int = 0
    changes: tuple[Change, ...] = ()
    refitting: bool = False
    stochastic: bool = False


@dataclass(frozen=True)
class EngineRow:
    """An engine; `obstacle` is a sentence when it cannot be used here."""

    name: str
    title: str
    obstacle: str = ""


@dataclass(frozen=True)
class PresetRow:
    """A set of operators. `hint`: when to take it."""

    name: str
    title: str
    hint: str


@dataclass(frozen=True)
class OperatorRow:
    """An operator. `cost`: complexity it adds to a formula."""

    name: str
    used: bool
    cost: int


@dataclass(frozen=True)
class DistilState:
    """Arguments:
    preset: name of the operator preset in use, "" for a choice of one's own.
    stages: the whole sequence, what is still to come included. doing: what goes on now, in words.
    neural_terms: every neural term that is in the equations. neural_term: the one shown, "" without any.
    candidate: what was clicked, else the default choice. compared: what was pinned.
    equations: the whole model with the accepted formulas, typeset (None while being drawn).
    next_run: what to measure next. tube: where the states can be. sentence, level: what the formulas in use come to, and the colour of that.
    complete: the trained model has no network, so that the next step is the export.
    """

    config: DistilConfig
    ready: bool
    obstacle: str
    complete: bool
    status: Status
    engines: tuple[EngineRow, ...]
    presets: tuple[PresetRow, ...]
    preset: str
    operators: tuple[OperatorRow, ...]
    constraints: ConstraintsState
    stages: tuple[StageRow, ...]
    doing: str
    elapsed: float
    fraction: float | None
    rest: Rest | None
    neural_terms: tuple[NeuralTermRow, ...]
    neural_term: str
    candidate: CandidateState | None
    compared: CandidateState | None
    dataset: Dataset | None
    equations: tuple[Formula | None, ...]
    sentence: str
    level: Level
    notes: tuple[str, ...]
    next_run: NextRunState = NextRunState()
    tube: TubeState = TubeState()
