"""Measured trajectories: times, measured columns, inputs, and which rows train, validate and test.

All arrays are in the units of the file. Missing values are NaN in ``Trajectory.measured``; nothing fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int8

from ndestudio.data.control_path import ControlPath, control_path
from ndestudio.data.decisions import Decision


class Part(IntEnum):
    """The part of the data a row belongs to; the values are those in ``Trajectory.part``."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True)
class Column:
    """A column with a use.

    Parameters
    ----------
    name
        Identifier used in equations.
    label
        Header as written in the file, without the unit.
    unit
        Unit as written in the file, "" where there is none.
    levels
        Of a column of categories the text that each of the numbers 0, 1, 2, ... stands for.
    """

    name: str
    label: str
    unit: str = ""
    levels: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Label with unit, for axes and headers."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


@dataclass(frozen=True)
class Source:
    """A file the data came from, with the SHA-256 of its bytes (hex; "" for data that never were a file)."""

    path: str
    sha256: str = ""


@dataclass(frozen=True)
class TimeReading:
    """What was taken as the time.

    Parameters
    ----------
    label
        Of the column, or of the columns together: `Date + Time`.
    form
        How it was written: a name of ``DataConfig.time_format``, or `"row"` where the rows were counted.
    unit
        That it is counted in, "" where none is known.
    step
        Median of the steps between rows; None without any.
    origin
        Moment that is 0: `2020-12-31 08:30`, "" where the file's own numbers or clocks are kept.
    """

    label: str
    form: str
    unit: str = ""
    step: float | None = None
    origin: str = ""


@dataclass(frozen=True)
class Dose:
    """Something given at a time: a bolus or an infusion, in the units of the file.

    Parameters
    ----------
    time
        When it begins.
    amount
        How much in all; NaN if the table does not say, 0 for a reset without a dose.
    rate, duration
        Of an infusion, 0 for a bolus. A rate of -1 or -2 is one that a model has to estimate, or whose duration it has to
        (NONMEM).
    compartment
        Where it goes, as the file calls it; "" if it does not say.
    steady_state
        Not 0 where it has been repeated each ``interval`` for ever: 1 replaces what was there, 2 adds to it (NONMEM).
    interval
        Time between doses of a regimen, 0 for a single one.
    reset
        Whether all compartments are emptied before.
    """

    time: float
    amount: float
    rate: float = 0.0
    duration: float = 0.0
    compartment: str = ""
    steady_state: int = 0
    interval: float = 0.0
    reset: bool = False


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One experiment.

    Parameters
    ----------
    t
        Times, strictly increasing.
    measured
        NaN where missing.
    inputs
        Forcings at `t` (NaN where missing; interpolation skips those).
    part
        A ``Part`` for each row.
    weight
        Factor of this trajectory in the loss.
    deviation
        Standard deviation of each measured value (NaN where unknown); None: of none is it known. It weighs the values
        of a column against each other.
    input_kinds
        How each input goes between its samples, a name in ``control_path.KINDS``; those left out are `linear`.
    input_periods
        After which each input repeats itself beyond its samples, 0 where its last value stays; those left out are 0.
    rate_of
        (k, j) for each input ``k`` that is the rate of change of input ``j``.
    doses
        What was given, in order of time.
    inputs_before
        Where an input steps, its value just before `t` (then ``inputs`` has the one after); NaN elsewhere. None: none
        steps at a row.
    condition
        Name of the condition it was taken under, "" where none is told.
    initial
        State -> initial value that the condition or the run fixes.
    settles
        Whether it begins at the steady state that is reached from its initial values.
    settle_inputs
        Place of an input -> value under which it settles before; the others are as at the begin.
    ends
        Lower and upper end between which a value is known to lie and no more, as below a limit of detection (NaN: it was
        measured itself; -inf, inf: no end); ``measured`` holds the limit there. None: all were measured.
    """

    name: str
    t: Float[np.ndarray, " time"]
    measured: Float[np.ndarray, "time measured"]
    inputs: Float[np.ndarray, "time input"]
    part: Int8[np.ndarray, " time"]
    weight: float = 1.0
    deviation: Float[np.ndarray, "time measured"] | None = None
    input_kinds: tuple[str, ...] = ()
    input_periods: tuple[float, ...] = ()
    rate_of: tuple[tuple[int, int], ...] = ()
    doses: tuple[Dose, ...] = ()
    inputs_before: Float[np.ndarray, "time input"] | None = None
    condition: str = ""
    initial: Mapping[str, float] = field(default_factory=dict)
    settles: bool = False
    settle_inputs: Mapping[int, float] = field(default_factory=dict)
    ends: Float[np.ndarray, "time measured 2"] | None = None

    @property
    def settle_point(self) -> Float[np.ndarray, " input"]:
        """Inputs under which it settles before it begins."""
        found = self.control(self.t[:1])[0].astype(float).copy()
        for place, value in self.settle_inputs.items():
            found[place] = value
        return found

    @property
    def is_steady_state(self) -> bool:
        """Whether all that was measured is a steady state."""
        return self.settles and len(self.t) == 1

    @property
    def control(self) -> ControlPath:
        """The inputs as functions of time."""
        return control_path(
            self.t,
            self.inputs,
            self.input_kinds,
            before=self.inputs_before,
            periods=self.input_periods,
            rate_of=self.rate_of,
        )

    @property
    def present(self) -> Bool[np.ndarray, "time measured"]:
        """Where a value was measured."""
        return np.isfinite(self.measured)

    def mask(self, part: Part) -> Bool[np.ndarray, "time measured"]:
        """Where a value was measured and belongs to ``part``."""
        return self.present & (self.part == part)[:, None]

    def input_at(self, t: Float[np.ndarray, " query"]) -> Float[np.ndarray, "query input"]:
        """Inputs at any times, see ``ControlPath.at_points``."""
        return self.control.at_points(t)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A set of trajectories that share their columns.

    Parameters
    ----------
    notes
        Sentences about guesses, aliases and anything set aside, for the person to read.
    weights
        Measured column name -> weight in the loss (missing means 1).
    decisions
        What the files were taken for, each with the answers that there are.
    time_reading
        What was taken as the time, None where nobody told.
    conditions
        Condition -> parameters that have other values under it.
    condition_column
        Name of the input that tells the condition of a run by its number, "" where there are no conditions.
    """

    trajectories: tuple[Trajectory, ...]
    time: Column
    measured: tuple[Column, ...]
    inputs: tuple[Column, ...] = ()
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    time_reading: TimeReading | None = None
    conditions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    condition_column: str = ""

    @property
    def measured_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.measured)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.inputs)

    @property
    def rows(self) -> int:
        return sum(len(trajectory.t) for trajectory in self.trajectories)

    def trajectory(self, name: str) -> Trajectory:
        """The trajectory called ``name``; KeyError if there is none."""
        for trajectory in self.trajectories:
            if trajectory.name == name:
                return trajectory
        raise KeyError(name)

    @property
    def censored_columns(self) -> tuple[str, ...]:
        """Measured columns with values of which only a limit is known."""
        found = np.zeros(len(self.measured), dtype=bool)
        for trajectory in self.trajectories:
            if trajectory.ends is not None:
                found |= ~np.isnan(trajectory.ends).all(axis=(0, 2))
        return tuple(name for name, one in zip(self.measured_names, found, strict=True) if one)

    def has(self, part: Part) -> bool:
        return any(bool(trajectory.mask(part).any()) for trajectory in self.trajectories)

    def spread(self) -> Float[np.ndarray, " measured"]:
        """Standard deviation of each measured column over all rows (1 where it is zero or undefined): the scale of errors."""
        stacked = self._stacked()
        squares = np.nansum((stacked - self.center()) ** 2, axis=0)
        return _positive(np.sqrt(squares / np.maximum(np.isfinite(stacked).sum(axis=0), 1)))

    def center(self) -> Float[np.ndarray, " measured"]:
        """Mean of each measured column over all rows; 0 without values."""
        stacked = self._stacked()
        return np.nansum(stacked, axis=0) / np.maximum(np.isfinite(stacked).sum(axis=0), 1)

    def span(self) -> float:
        """Longest duration of a trajectory, in the unit of time."""
        return max(float(trajectory.t[-1] - trajectory.t[0]) for trajectory in self.trajectories)

    def _stacked(self) -> Float[np.ndarray, "row measured"]:
        return np.concatenate([trajectory.measured for trajectory in self.trajectories], axis=0)


def _positive(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.where(np.isfinite(values) & (values > 0), values, 1.0)
