"""Which starts and levels of inputs are allowed in the next run. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import NextRunConfig
from ndestudio.errors import SettingError
from ndestudio.model.fitted import FittedModel

WIDER = 0.5
"""The box of measured starts is widened by this part of its width."""
LEAST = 0.1
"""Of its least value, where that is above zero, is what a start or an input may be lowered to."""


def check_limits(config: NextRunConfig, states: Sequence[str], inputs: Sequence[str]) -> None:
    """Whether the settings suit a model with these states and inputs.

    Raises
    ------
    SettingError
        Limits of what is no state or no input, or no limits; a run without length.
    """
    for table, known, kind in ((config.starts, states, "state"), (config.inputs, inputs, "input")):
        for name, (low, high) in table.items():
            if name not in known:
                there = f"there are {', '.join(known)}" if known else "it has none"
                raise SettingError(f"`{name}` is no {kind} of the model; {there}")
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise SettingError(
                    f"the limits of `{name}` are {low:g} and {high:g}; give two numbers, the lower one first"
                )
    if config.duration is not None and not (math.isfinite(config.duration) and config.duration > 0):
        raise SettingError(f"a run of the length {config.duration:g} cannot be made; give `duration` a number above 0")
    if config.points is not None and config.points < 2:
        raise SettingError(f"a run needs two samples or more; `points` is {config.points}")


def bounds(model: FittedModel, dataset: Dataset, config: NextRunConfig) -> dict[str, tuple[float, float]]:
    """Limits of each state's start and each input's level: those that are given, else the measured ones widened by half.

    What was never negative stays so, and what was always positive too (down to a tenth of its least value): a start without a
    species tells nothing of how it acts. A state that is not measured keeps the start it was fitted with, unless limits are given.

    Raises
    ------
    SettingError
        Limits of what is no state and no input, or the upper one below the lower.
    """
    check_limits(config, model.system.states, model.system.inputs)
    found = {}
    for k, state in enumerate(model.system.states):
        fitted = [float(values[k]) for values in model.initial.values()]
        if state in config.starts:
            found[state] = config.starts[state]
        elif state in dataset.measured_names:
            column = np.concatenate(
                [one.measured[:, dataset.measured_names.index(state)] for one in dataset.trajectories]
            )
            found[state] = _widened(fitted, column[np.isfinite(column)])
        else:
            middle = float(np.median(fitted)) if fitted else 0.0
            found[state] = (middle, middle)
    for name in model.system.inputs:
        column = np.concatenate([one.inputs[:, model.inputs.index(name)] for one in dataset.trajectories])
        column = column[np.isfinite(column)]
        found[name] = config.inputs[name] if name in config.inputs else _widened(column.tolist(), column)
    return found


def _widened(values: Sequence[float], column: Float[np.ndarray, " value"]) -> tuple[float, float]:
    """The range of ``values`` widened by half; where they are all the same, a quarter of the column's range to each side."""
    low, high = min(values), max(values)
    width = high - low
    reach = float(column.max() - column.min()) if len(column) else abs(low)
    more = 0.5 * WIDER * (width if width > 1e-3 * reach else reach)
    lower, upper = low - more, high + more
    if len(column) and column.min() >= 0:
        lower = max(lower, LEAST * min(low, float(column.min())))
    return lower, upper
