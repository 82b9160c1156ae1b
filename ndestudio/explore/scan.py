"""What a simulation becomes when one or two values are varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from time import monotonic

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SettingError
from ndestudio.explore.case import Case, looked_at, outputs, simulated, with_values
from ndestudio.progress import Progress, Reporter, SilentReporter

MOST = 10_000
"""Simulations of one scan."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Simulations over varied values.

    Parameters
    ----------
    names
        What was varied, one or two names.
    values
        Each row the values of one simulation.
    values_of
        The outputs over the times of each simulation; NaN where one failed.
    sentences
        Why simulations failed, each sentence once.
    """

    names: tuple[str, ...]
    values: Float[np.ndarray, "simulation name"]
    t: Float[np.ndarray, " time"]
    outputs: tuple[str, ...]
    values_of: Float[np.ndarray, "simulation output time"]
    sentences: tuple[str, ...]

    def final(self) -> Float[np.ndarray, "simulation output"]:
        """Outputs at the last time."""
        return self.values_of[:, :, -1]


def scan(
    case: Case,
    varied: Sequence[tuple[str, Float[np.ndarray, " value"]]],
    wanted: Sequence[str] = (),
    reporter: Reporter | None = None,
    *,
    seconds: float | None = None,
) -> Scan:
    """Simulate every combination of the values.

    Parameters
    ----------
    varied
        (name, values) of one or two parameters, inputs (held at the value) or initial values `x(0)`.
    wanted
        States and quantities to keep; none: all states.
    seconds
        What it may take in all; what there was no time for is NaN, with a sentence.

    Raises
    ------
    SettingError
        Unknown names, or more than 10,000 simulations.
    """
    told = SilentReporter() if reporter is None else reporter
    names = tuple(name for name, _ in varied)
    rows = np.array(list(product(*(values.tolist() for _, values in varied))), dtype=float).reshape(-1, len(names))
    if not 1 <= len(names) <= 2 or len(set(names)) != len(names):
        raise SettingError("a scan varies one or two different values")
    if len(rows) > MOST:
        raise SettingError(f"{len(rows):,} simulations are more than {MOST:,}; take fewer values")
    shown = tuple(wanted) or case.model.system.states
    found = np.full((len(rows), len(shown), len(case.t)), np.nan)
    sentences: dict[str, None] = {}
    end = np.inf if seconds is None else monotonic() + seconds
    for k, row in enumerate(rows):
        if told.should_stop() or monotonic() > end:
            sentences[f"{len(rows) - k} of {len(rows)} simulations were not made: there was no time left"] = None
            break
        changed = with_values(case, dict(zip(names, row.tolist(), strict=True)))
        simulation = simulated(changed)
        if simulation.sentence:
            sentences[simulation.sentence] = None
        found[k] = looked_at(changed, simulation, shown)
        told.emit(Progress((k + 1) / len(rows)))
    return Scan(names, rows, case.t, shown, found, tuple(sentences))


def spread(low: float, high: float, count: int, *, log: bool = False) -> Float[np.ndarray, " value"]:
    """Values from ``low`` to ``high``, evenly spaced or by a constant factor.

    Raises
    ------
    SettingError
        An empty range, or a factor between values that are not positive.
    """
    if not low < high or count < 2:
        raise SettingError(f"from {low:g} to {high:g} there are no values; the first end must be the lower one")
    if log and low <= 0:
        raise SettingError(f"values spread by a factor must be positive, and the first one is {low:g}")
    return np.geomspace(low, high, count) if log else np.linspace(low, high, count)


def default_outputs(case: Case) -> tuple[str, ...]:
    """What is shown where nothing was asked for: the quantities that were measured, else the states that move."""
    known = outputs(case)
    measured = tuple(name for name in case.model.measured if name in known)
    moving = tuple(
        state
        for state, rhs in zip(case.model.system.states, case.model.system.rhs, strict=True)
        if not (hasattr(rhs, "value") and getattr(rhs, "value", None) == 0.0)
    )
    return measured or moving
