"""Columns that are neither time nor name of a run: measured, known of a whole run, or of no use to a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.deviations import measured_by
from ndestudio.data.roles import Analysed, Role, increasing, telling
from ndestudio.data.shape.vocabulary import (
    CALENDAR,
    CLOCKS,
    COUNTERS,
    DEPENDENT,
    IDENTIFIERS,
    PREDICTIONS,
    SINGLES,
    is_flag,
    word,
)
from ndestudio.data.times.words import name_score

SHOWN = 12
"""So many categories are written out."""
SAME = 1e-9
FEWEST, MOST_LEVELS = 20, 4
"""Rows from which on a column can be told to be set by its course, and levels that it then has at most."""


class Rest:
    """Gives each column that has no role one, with the notes and decisions that say why.

    Parameters
    ----------
    columns
        Without the rows that are no measurements.
    whole
        With all rows: what is known of a run may stand beside its doses.
    groups
        Number of the run of each of those rows, None if there is only one.
    dosed
        Whether the table has doses and events.
    across
        Whether each row is a run.
    """

    def __init__(
        self,
        columns: Sequence[Analysed],
        config: DataConfig,
        whole: Sequence[Analysed],
        groups: np.ndarray | None,
        *,
        long: bool,
        dosed: bool,
        across: bool = False,
    ) -> None:
        self._whole = whole
        self._columns, self._config, self._groups = columns, config, groups
        self._long, self._dosed, self._across = long, dosed, across
        self._headed = any(column.header for column in columns)
        self.notes: list[str] = []
        self.decisions: list[Decision] = []

    def roles(self, given: Sequence[Role | None]) -> list[Role]:
        """A role for every column."""
        labels = [one.label for one, role in zip(self._columns, given, strict=True) if role in (None, "state", "value")]
        self._has_deviations = any(measured_by(label, labels) is not None for label in labels)
        self._dependent = next((label for label in labels if word(label) in DEPENDENT), "")
        self._time = next((one for one, role in zip(self._columns, given, strict=True) if role == "time"), None)
        found: list[Role] = []
        for column, role in zip(self._columns, given, strict=True):
            found.append(self._role(column, labels) if role is None else role)
        self._tell_inputs(given, found)
        for column, role in zip(self._columns, found, strict=True):
            used = role in ("state", "input", "covariate")
            if used and column.alias != column.label and column.header:
                self.notes.append(f"`{column.label}` is called `{column.alias}` in equations.")
        return found

    def _tell_inputs(self, given: Sequence[Role | None], found: list[Role]) -> None:
        """What moves in few steps, or not at all, beside columns that move is set by somebody rather than measured."""
        guessed = [k for k, role in enumerate(found) if role == "state" and given[k] is None]
        seen: dict[int, str] = {}
        for k in guessed:
            values = self._whole[k].values
            if _never_moves(values):
                seen[k] = "has the same value in all rows that were looked at"
            elif _stepped(values, self._groups):
                seen[k] = "moves in few steps"
        if len(seen) == found.count("state"):
            return
        states = tuple(column.label for column, role in zip(self._columns, found, strict=True) if role == "state")
        for k, why in seen.items():
            found[k] = "input"
            label = self._columns[k].label
            sentence = f"`{label}` {why}, and was taken as a measured input."
            self.notes.append(sentence)
            choices = (
                Choice("measured input", {"inputs": (*self._config.inputs, label)}),
                Choice("measured state", {"states": states}),
                Choice("left out", {"ignore": (*self._config.ignore, label)}),
            )
            self.decisions.append(Decision("role", sentence, label, choices, certain=False))

    def _role(self, column: Analysed, labels: Sequence[str]) -> Role:
        base = measured_by(column.label, labels)
        if (
            base is None
            and self._long
            and word(column.label) in ("sd", "std", "stdev", "se", "sem", "error", "noiseparameters")
        ):
            base = next((one for one in labels if one != column.label), None)
        if base is not None and column.kind == "number" and column.missing < len(column.texts):
            self.notes.append(f"`{column.label}` was taken as the standard deviation of `{base}`.")
            return "deviation"
        if self._config.states is not None and not (self._long or self._across):
            return "ignore"
        why = self._useless(column)
        if why:
            self.notes.append(f"`{column.label}` {why} and is left out.")
            return "ignore"
        if self._is_covariate(column):
            return "covariate"
        if column.kind != "number":
            self.notes.append(f"`{column.label}` holds {column.kind}s, not numbers, and is left out.")
            return "ignore"
        if self._dosed and word(column.label) not in DEPENDENT and self._dependent:
            self.notes.append(
                f"`{column.label}` is not the dependent variable `{self._dependent}` and is left out; it may be an input."
            )
            return "ignore"
        if self._long or self._across:
            self.notes.append(f"`{column.label}` is no part of the table of values and is left out.")
            return "ignore"
        return "state"

    def _useless(self, column: Analysed) -> str:
        """Why a column is of no use, "" if it may be."""
        called = word(column.header if self._headed else column.label)
        whole = self._whole[column.index]
        if whole.missing == len(whole.texts) and whole.texts:
            return "has no value in any row that was looked at,"
        if self._headed and called in COUNTERS and counts(column.values):
            return "only counts the rows"
        if column.kind == "text" and len({text.strip() for text in column.texts}) == 1 and len(column.texts) > 1:
            return "holds the same text in all rows,"
        if called in IDENTIFIERS and column.kind != "date":
            return "names rows"
        if called in SINGLES and column.kind == "number" and bool(np.all(np.mod(column.values, 1) == 0)):
            return "numbers what was measured"
        if called in ("n", "count", "n_obs", "nobs") and self._has_deviations and self._is_code(column):
            return "is the number of readings"
        if is_flag(column.label) and column.kind == "text":
            return "holds texts that say how good other values are,"
        if is_flag(column.label) and self._is_code(column):
            return "says how good other values are"
        if self._dosed and called in PREDICTIONS:
            return "is what a model predicted"
        if self._time is not None and column.kind != "text" and self._is_clock(column, called):
            return f"is another clock beside `{self._time.label}`"
        return ""

    def _is_code(self, column: Analysed) -> bool:
        """Few whole numbers, or a fraction of good values beside the column that it is about."""
        values = column.values[np.isfinite(column.values)]
        whole = bool(np.all(np.mod(values, 1) == 0)) and len(np.unique(values)) <= max(12, len(values) // 4)
        stem = word(column.label).rpartition("_")[0]
        return whole or any(word(one.label) == stem for one in self._columns if one is not column and stem)

    def _is_clock(self, column: Analysed, called: str) -> bool:
        if called in CALENDAR:
            return True
        # `doubling time` is none
        named = telling(column.label) or (bool(CLOCKS & set(called.split("_"))) and name_score(column.label) != 0.5)
        return named and increasing(self._whole[column.index].values, self._groups)

    def _is_covariate(self, column: Analysed) -> bool:
        column = self._whole[column.index]
        if self._groups is None or column.kind == "date" or (column.missing and column.kind == "text"):
            return False
        values = categories(column) if column.kind == "text" else column.values
        runs = int(self._groups.max()) + 1
        first = np.array([values[np.flatnonzero(self._groups == one)[0]] for one in range(runs)])
        if runs < 2 or (len(values) < 2 * runs and not self._across) or not _constant(values, first[self._groups]):
            return False
        if not np.isfinite(first).all():
            return False  # what is written first in each run is known of all of it
        different = len(np.unique(first))
        if different < 2 or (column.kind == "text" and different == runs):
            return False
        self._tell(column)
        return True

    def _tell(self, column: Analysed) -> None:
        codes = ""
        if column.kind == "text":
            names = sorted({text.strip() for text in column.texts})
            shown = ", ".join(f"`{name}` = {k}" for k, name in enumerate(names[:SHOWN]))
            codes = f" with the codes {shown}" + (", ..." if len(names) > SHOWN else "")
        sentence = f"`{column.label}` has one value in each trajectory, and was taken as a covariate{codes}."
        self.notes.append(sentence)
        taken = Choice("covariate", {"covariates": (*self._config.covariates, column.label)})
        choices = [taken, Choice("left out", {"ignore": (*self._config.ignore, column.label)})]
        if column.kind == "number":
            choices.append(Choice("measured input", {"inputs": (*self._config.inputs, column.label)}))
        self.decisions.append(Decision("role", sentence, column.label, tuple(choices), certain=column.kind == "number"))


def categories(column: Analysed) -> np.ndarray:
    """The place of each text in alphabetical order."""
    return np.unique(np.array([text.strip() for text in column.texts], dtype=str), return_inverse=True)[1].astype(float)


def _stepped(values: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether numbers keep a few levels, each for many rows, as a heater, a pump or a light does."""
    if len(values) < FEWEST or not np.isfinite(values).all():
        return False
    same = np.ones(len(values) - 1, dtype=bool) if groups is None else groups[1:] == groups[:-1]
    moves = np.diff(values) != 0
    levels, changes = len(np.unique(values)), int((moves & same).sum())
    return bool(1 <= changes <= len(values) // 10 and 2 <= levels <= MOST_LEVELS)


def _never_moves(values: np.ndarray) -> bool:
    return bool(len(values) >= FEWEST and np.isfinite(values).all() and np.ptp(values) == 0.0)


def counts(values: np.ndarray) -> bool:
    """Whether whole numbers go up by one from row to row."""
    return len(values) > 1 and bool(np.all(np.diff(values) == 1)) and bool(values[0] % 1 == 0)


def _constant(values: np.ndarray, expected: np.ndarray) -> bool:
    largest = float(np.max(np.abs(expected), initial=0.0))
    return bool(np.all(~np.isfinite(values) | (np.abs(values - expected) <= SAME * largest)))
