"""What the Model view shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ndestudio.data.dataset import Dataset
from ndestudio.figures.plot_data import PlotData
from ndestudio.model.config import NetworkConfig
from ndestudio.model.units import Conversion
from ndestudio.session.formulas import Formula
from ndestudio.session.model.noise import NoiseState


@dataclass(frozen=True)
class TextProblem:
    """Something in the text that cannot be understood; `line` and `column` are 1-based; `kind` and `name` as of ``EquationError``."""

    line: int
    column: int
    length: int
    sentence: str
    kind: str = ""
    name: str = ""


@dataclass(frozen=True)
class Advice:
    """A sentence about the equations and what would put it right.

    Parameters
    ----------
    action
        Words for a button, "" where there is no such step.
    kind, name, value
        The step: declare a network `name`, write `value` for `name`, ignore the column `name`, take it as a
        measured input, write parameters in other units (`conversions`), take away the line of `problem`, add the line `value`, or
        allow the file `value` to run.
    problem
        The place in the text, where it has one.
    """

    sentence: str
    level: Literal["error", "warning", "info", "question"]
    action: str = ""
    kind: Literal["", "declare", "replace", "ignore", "input", "convert", "remove", "append", "allow"] = ""
    name: str = ""
    value: str = ""
    problem: TextProblem | None = None
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True)
class Words:
    """Names by meaning, for highlighting and completion."""

    states: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(frozen=True)
class EquationRow:
    """An equation of the text; `formula` is None while it is being drawn."""

    line: int
    formula: Formula | None


@dataclass(frozen=True)
class ParameterRow:
    """A parameter with its settings; `fitted`, `low`, `high` are None before a training."""

    name: str
    value: float
    lower: float | None
    upper: float | None
    unit: str
    fixed: bool
    log: bool
    note: str
    fitted: float | None = None
    low: float | None = None
    high: float | None = None
    prior: str = ""
    """What is known of it beforehand, in words."""
    values: str = ""
    """How many values it has, one of ``choices`` (words, value), which are none where there is one run."""
    choices: tuple[tuple[str, str], ...] = ()
    fitted_words: str = ""
    """What was fitted where it has several values."""
    spread: str | None = None
    """Of a population: kind and spread of the values of runs as they are typed, "" for the defaults; None without a population."""


@dataclass(frozen=True)
class NetworkRow:
    """A neural term; `used` is False for one that is declared but not called. `weights`: number of free weights."""

    name: str
    arguments: tuple[str, ...]
    config: NetworkConfig
    used: bool
    weights: int


@dataclass(frozen=True)
class InitialRow:
    """The initial value of a state. `value` as text, "" for the default, which `default` describes. `past` as text; None
    where the equations do not read earlier values of the state."""

    state: str
    value: str
    default: str
    fit: bool | None
    measured: bool
    shared: bool
    past: str | None = None


@dataclass(frozen=True)
class LibraryEntry:
    """A mechanistic term or a template system that can be inserted.

    Parameters
    ----------
    text
        What is inserted.
    detail
        Units, bounds and source, for a tooltip.
    """

    kind: Literal["term", "system"]
    key: str
    group: str
    title: str
    text: str
    detail: str


@dataclass(frozen=True)
class ModelState:
    """Arguments:
    obstacle: why training cannot start with this model, "" if it can.
    doubts: places of the text that can be read but whose units do not fit.
    simulation: the model with the values of the tables, simulated; None while it is being made.
    noise: of the equations, in whose sense it is meant and how paths are simulated.
    """

    text: str
    problems: tuple[TextProblem, ...]
    doubts: tuple[TextProblem, ...]
    advice: tuple[Advice, ...]
    words: Words
    equations: tuple[EquationRow, ...]
    parameters: tuple[ParameterRow, ...]
    networks: tuple[NetworkRow, ...]
    initial: tuple[InitialRow, ...]
    library: tuple[LibraryEntry, ...]
    obstacle: str
    summary: str
    dataset: Dataset | None
    simulation: PlotData | None
    simulation_problem: str
    noise: NoiseState = NoiseState()
