"""One trajectory as an artefact carries it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.export.paths import InputTable
from ndestudio.model.schedule import NOTHING, Schedule

NEVER = float(np.finfo(float).max)
"""A time that never comes."""


@dataclass(frozen=True, eq=False)
class Track:
    """What is needed to simulate one trajectory.

    Parameters
    ----------
    start, stop
        Times of the first and last row.
    initial
        State at ``start``.
    inputs
        Each input that the equations use.
    events
        What happens at known times, with the parameters of the model, numbered as in its system.
    happens
        The same, numbered as in ``Content.events``.
    given
        Of each event of ``Content.events`` what the data give: time, amount (or rate), and until when at most it happens.
    control
        The same inputs as the model itself takes them, in the order of its columns; None where it has none.
    settled
        The initial state is a steady state that was found beforehand, with the parameters of the model.
    """

    name: str
    start: float
    stop: float
    initial: Float[np.ndarray, " state"]
    inputs: tuple[InputTable, ...] = ()
    events: Schedule = NOTHING
    happens: Schedule = NOTHING
    given: tuple[tuple[tuple[float, float, float], ...], ...] = ()
    control: ControlPath | None = None
    settled: bool = False

    def doses(self, event: int) -> list[tuple[float, float, float]]:
        """What makes an event of the data happen, see ``given``; a largest number where it is not given up."""
        rows = self.given[event] if event < len(self.given) else ()
        return [(time, amount, min(until, NEVER)) for time, amount, until in rows]
