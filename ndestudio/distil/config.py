"""Settings of distilling, of what to measure next, and of the recovery test (the `[distil]`, `[next_run]` and `[recovery]` tables
of a spec)."""

from __future__ import annotations

from typing import Any

import msgspec


class DistilConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to turn trained neural terms into formulas.

    Attributes
    ----------
    engine
        `"evolution"` (embedded), `"pysr"`, or one that an installed package adds.
    operators
        Building blocks; a preset name (`"polynomial"`, `"rational"`, `"trigonometric"`, `"kinetics"`) or a list.
    seconds
        wall-time limit of the search per neural term, which ends before it where nothing shorter has described the samples
        for long.
    evaluations
        Limit on expressions per neural term (reproducible).
    seed
        Of the search.
    threads
        0 is all cores.
    max_size
        Largest complexity of a candidate.
    complexity
        Operator -> complexity (default 1).
    samples
        Points at which a neural term is sampled.
    neural_terms
        Names to distil; None: all.
    guesses
        Neural term -> formulas to begin with.
    units
        Formulas must respect the units of the neural term's arguments and, where its `unit` is set, of its output.
        They are those of the columns, states and parameters it is called with; what has none fits anywhere.
        `wildcards` of the `options` says what numbers may be.
    templates
        Neural term -> what is known of its formula, with unknown functions of its arguments, such as `"mu*S/(K + S) -
        f(T)"`; names that are no arguments are parameters, fitted with it. Without an unknown function it is the
        formula, and its parameters are all that is fitted.
    candidates
        Members of the front that are put back, refitted and simulated.
    refit
        Refit all constants through the solver.
    options
        engine-specific settings.
    """

    engine: str = "evolution"
    operators: tuple[str, ...] | str = "rational"
    seconds: float | None = 20.0
    evaluations: int | None = None
    seed: int = 0
    threads: int = 0
    max_size: int = 25
    complexity: dict[str, int] = {}
    samples: int = 512
    neural_terms: tuple[str, ...] | None = None
    guesses: dict[str, tuple[str, ...]] = {}
    units: bool = False
    templates: dict[str, str] = {}
    candidates: int = 8
    refit: bool = True
    options: dict[str, Any] = {}


class NextRunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be measured next, to tell apart the laws that the data leave.

    Attributes
    ----------
    starts
        State -> lower and upper limit of its start; equal ones fix it. States that are not named: the measured starts,
        their range widened by half.
    inputs
        Input -> lower and upper limit of its level, constant in a run. Inputs that are not named: the measured
        range, widened by half.
    duration
        Length of a run in the unit of time; None: that of the longest trajectory.
    points
        Samples of a run; None: those of the longest trajectory.
    runs
        How many runs to suggest, each for what those before it would not tell apart.
    rivals
        Laws that are compared at most.
    """

    starts: dict[str, tuple[float, float]] = {}
    inputs: dict[str, tuple[float, float]] = {}
    duration: float | None = None
    points: int | None = None
    runs: int = 1
    rivals: int = 6


class RecoveryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ground truth to make data from, at the times of the measured ones, to see whether training and distilling find
    it again.

    Attributes
    ----------
    formulas
        Neural term -> formula of its arguments, as `"vmax*S/(K + S)"`.
    parameters
        Values of the model's parameters and of further names in the formulas; a parameter that is not named has its
        fitted value, before training its start value. Of a random parameter the value of its population: each run gets a value drawn
        around it.
    noise
        Standard deviation of the measurement errors as a part of each column's spread; None: as estimated from the
        data. Columns that are compared by their logarithms get errors that multiply. The kind is that of `[train]` (`noise`,
        `column_noise`): counts are drawn as counts, whatever this says, and limits of detection of the data apply.
    seed
        Of the errors.
    """

    formulas: dict[str, str] = {}
    parameters: dict[str, float] = {}
    noise: float | None = None
    seed: int = 0
