"""The path of an input as a program carries it: pieces that are polynomials of the time since each began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath


@dataclass(frozen=True, eq=False)
class InputTable:
    """One input of one trajectory, whichever way it goes between its samples.

    Parameters
    ----------
    breaks
        Where pieces begin, increasing. Before the first the value is that at it.
    coefficients
        Of 1, s, s^2, ..., s being the time since the piece began; as many as are needed (one: held values).
    low, high, period
        Of an input that repeats itself: beyond ``low`` and ``high`` it is what it was whole periods nearer; period 0: it does not.
    """

    breaks: Float[np.ndarray, " piece"]
    coefficients: tuple[Float[np.ndarray, " piece"], ...]
    low: float = 0.0
    high: float = 0.0
    period: float = 0.0

    def until(self, stop: float) -> InputTable:
        """The pieces up to ``stop``, for programs that simulate no further: nothing repeats itself then."""
        kept = max(1, int(np.searchsorted(self.breaks, stop, side="right")))
        return InputTable(self.breaks[:kept], tuple(column[:kept] for column in self.coefficients))

    def before(self, t: float) -> float:
        """The value just before ``t`` of an input that does not repeat itself (at ``t`` itself where no piece begins there)."""
        k = int(np.searchsorted(self.breaks, t, side="left")) - 1
        since = t - float(self.breaks[k]) if k >= 0 else 0.0
        value = 0.0
        for column in reversed(self.coefficients):
            value = value * since + float(column[max(k, 0)])
        return value


def input_table(control: ControlPath, k: int) -> InputTable | None:
    """Input ``k`` of a control path; None where it has no samples."""
    pieces = control.pieces[k]
    if pieces is None:
        return None
    breaks, columns = np.asarray(pieces.function.breaks, float), np.asarray(pieces.function.coefficients, float)
    used = max(1, int(np.flatnonzero((columns != 0.0).any(axis=0)).max(initial=0)) + 1)
    if used == 1:
        new = np.concatenate([[True], np.diff(columns[:, 0]) != 0.0])
        breaks, columns = breaks[new], columns[new]
    table = InputTable(breaks, tuple(columns[:, j] for j in range(used)))
    period = control.periods[k] if k < len(control.periods) else 0.0
    if not period:
        return table
    low, high = float(control.times[k][0]) + period, float(control.times[k][-1]) - period
    return InputTable(table.breaks, table.coefficients, low, high, float(period))


def periodic(tables: Sequence[InputTable]) -> bool:
    """Whether one of the inputs repeats itself."""
    return any(one.period for one in tables)
