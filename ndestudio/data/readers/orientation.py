"""Whether the times of a matrix go down its rows or along its columns, where lengths do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.readers.clock import Clock, long_axes, rises
from ndestudio.data.readers.nodes import Variable

_CLEAR = 2.0
"""So many times smoother along one axis than along the other a matrix must be for that to decide."""


class Orientation:
    """What a person said, and what was guessed where they said nothing.

    Parameters
    ----------
    given
        `DataConfig.times_along`.
    """

    def __init__(self, given: Literal["rows", "columns"] | None = None) -> None:
        self._given = given
        self.decisions: dict[str, Decision] = {}

    def of_square(self, name: str, one: Variable, axes: Sequence[int], clock: Clock | None) -> int:
        """The axis along which the time goes on in a matrix with as many rows as columns."""
        if self._given is not None:
            return self._decided(
                name, axes[0] if self._given == "rows" else axes[1], axes, "as `times_along` says", True
            )
        if clock is not None and len(clock.variable.shape) == 2 and len(long_axes(clock.variable.shape)) == 1:
            return self._decided(name, axes[clock.axis], axes, "as in the time beside it", True)
        values = np.squeeze(one.values())
        if values.dtype.kind in "biuf":
            down, along = _roughness(values, 0), _roughness(values, 1)
            if down > _CLEAR * along:
                return self._decided(name, axes[1], axes, "for its values change less from one to the next so", False)
        return self._decided(name, axes[0], axes, "as most programs write them", False)

    def of_alone(self, name: str, one: Variable, axes: Sequence[int]) -> int:
        """The same for a matrix without a time beside it: an increasing first row, or column, is the time."""
        if self._given is not None:
            return self._decided(
                name, axes[0] if self._given == "rows" else axes[1], axes, "as `times_along` says", True
            )
        if one.dtype.kind not in "biuf" or one.shape[axes[1]] <= one.shape[axes[0]]:
            return axes[0]
        if rises(_first(one, axes[1])):
            sure = not rises(_first(one, axes[0]))
            return self._decided(name, axes[1], axes, "for its first row increases", sure)
        return axes[0]

    def of_runs(self, name: str, one: Variable, axes: Sequence[int]) -> int:
        """The same for the times of several runs that increase from run to run, too: those of a run lie closer together."""
        if self._given is not None:
            return self._decided(
                name, axes[0] if self._given == "rows" else axes[1], axes, "as `times_along` says", True
            )
        values = np.squeeze(one.values()).astype(np.float64)
        down, along = (float(np.nanmedian(np.diff(values, axis=axis))) for axis in (0, 1))
        return self._decided(name, axes[0] if down <= along else axes[1], axes, "for its steps are shorter so", False)

    def _decided(self, name: str, axis: int, axes: Sequence[int], why: str, certain: bool) -> int:
        down = axis == axes[0]
        sentence = f"Each {'row' if down else 'column'} of `{name}` was taken as one time, {why}."
        choices = (
            Choice("each row is one time", {"times_along": "rows"}),
            Choice("each column is one time", {"times_along": "columns"}),
        )
        self.decisions[name] = Decision("shape", sentence, choices=choices, chosen=0 if down else 1, certain=certain)
        return axis


def _first(one: Variable, axis: int) -> np.ndarray:
    """The first row or column of a matrix, along an axis."""
    return np.ravel(one.read(tuple(slice(None) if other == axis else slice(0, 1) for other in range(len(one.shape)))))


def _roughness(values: np.ndarray, axis: int) -> float:
    """Change between neighbours along an axis in units of the spread along it: the median over all lines."""
    lines = np.moveaxis(values.astype(np.float64), axis, -1)
    lines = lines[np.isfinite(lines).all(axis=1)]
    steps = np.abs(np.diff(lines, axis=1)).mean(axis=1)
    spread = np.abs(lines - lines.mean(axis=1, keepdims=True)).mean(axis=1)
    known = spread > 0
    return float(np.median(steps[known] / spread[known])) if known.any() else np.inf
