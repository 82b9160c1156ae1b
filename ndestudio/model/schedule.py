"""When the events of a model happen in a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.dataset import Dose, Trajectory
from ndestudio.errors import DataError, EquationError
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr
from ndestudio.model.events import Event, Kind, word
from ndestudio.model.system import System

MOST = 100_000
"""Events of one kind in a trajectory: more are a mistake in the text."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """Events of one trajectory in the order in which they happen.

    Parameters
    ----------
    which
        Place of each in ``System.events``.
    given
        Amount (or rate) of a dose, 0 for other events.
    moment
        Time of a dose, or number of a repetition; what ``Event.time`` reads.
    """

    t: Float[np.ndarray, " event"]
    which: Int[np.ndarray, " event"]
    given: Float[np.ndarray, " event"]
    moment: Float[np.ndarray, " event"]

    def within(self, begin: float, end: float) -> Schedule:
        """The events from ``begin`` on and before ``end``."""
        inside = (self.t >= begin) & (self.t < end)
        if inside.all():
            return self
        return Schedule(self.t[inside], self.which[inside], self.given[inside], self.moment[inside])


NOTHING = Schedule(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))


def schedule(system: System, parameters: Mapping[str, float], trajectory: Trajectory | None) -> Schedule:
    """When the events of a model happen, but for those that wait for a condition.

    Parameters
    ----------
    trajectory
        Whose doses are given; None: none are.

    Raises
    ------
    EquationError
        A time that is no finite number.
    DataError
        Doses that cannot be simulated.
    """
    if not system.events:
        return NOTHING
    doses = trajectory.doses if trajectory is not None else ()
    found: list[tuple[float, int, float, float]] = []
    for place, event in enumerate(system.events):
        numbers = [_number(one, parameters, event) for one in event.times]
        if event.kind == "at":
            found += [(time, place, 0.0, 0.0) for time in numbers]
        elif event.kind == "every":
            found += [(time, place, 0.0, float(k)) for k, time in enumerate(_repeated(*numbers))]
        elif event.of_data:
            (lag,) = numbers or [0.0]
            for one in doses:
                if event.compartment in ("", one.compartment):
                    given = _of_dose(one, event.kind, trajectory)
                    found += [(time + lag, place, amount, time) for time, amount in given]
                    _check_begin(trajectory, given, lag)
    return in_order(found)


def _check_begin(trajectory: Trajectory | None, given: Sequence[tuple[float, float]], lag: float) -> None:
    """Refuse doses before the first row: what they did would be missing at the begin."""
    for time, _ in given if trajectory is not None else ():
        if trajectory is not None and time + lag < trajectory.t[0]:
            raise DataError(
                f"the dose at {time:g} in `{trajectory.name}` comes before its first row at {trajectory.t[0]:g}; set "
                "`from_first_dose = true` in [data], or say in the equations what doses do (`at doses: ...`), and read the data again"
            )


def in_order(events: Sequence[tuple[float, int, float, float]]) -> Schedule:
    """A schedule of (time, place, given, moment) in the order of time."""
    order = sorted(events, key=lambda one: one[0])
    columns = list(zip(*order, strict=True)) or [(), (), (), ()]
    t, which, given, moment = columns
    return Schedule(np.array(t, float), np.array(which, np.int64), np.array(given, float), np.array(moment, float))


def _number(expr: Expr, parameters: Mapping[str, float], event: Event) -> float:
    value = float(evaluate(expr, parameters))
    if not np.isfinite(value):
        raise EquationError(f"a time of the event `{word(event)}` is not a finite number with these parameters")
    return value


def _repeated(interval: float, first: float, last: float) -> list[float]:
    if not interval > 0:
        raise EquationError(f"an event is to happen every {interval:g}; the interval must be above 0")
    count = np.floor((last - first) / interval * (1 + 1e-12) + 1e-9)
    if count > MOST:
        raise EquationError(
            f"an event is to happen every {interval:g} from {first:g} to {last:g}, more than {MOST:,} times"
        )
    return [first + k * interval for k in range(int(count) + 1)]


def _of_dose(dose: Dose, kind: Kind, trajectory: Trajectory | None) -> list[tuple[float, float]]:
    """Times and amounts (rates) of the event that a dose is."""
    where = f"the dose at {dose.time:g} in `{trajectory.name}`" if trajectory is not None else "a dose"
    if dose.reset:
        raise DataError(
            f"{where} empties all compartments (EVID 3 or 4), which is not simulated yet; give what follows as a run of its own"
        )
    if dose.steady_state:
        raise DataError(
            f"{where} stands for a regimen that has gone on for ever (SS = {dose.steady_state}), which is not simulated yet; "
            "write enough of the earlier doses into the table"
        )
    if dose.rate < 0:
        raise DataError(
            f"{where} has the rate {dose.rate:g}, which leaves rate or duration to the model; give RATE or DUR as a number"
        )
    if not np.isfinite(dose.amount):
        raise DataError(f"{where} has no amount; write it into the table")
    infused = dose.duration > 0
    if kind == "doses":
        return [] if infused else [(dose.time, dose.amount)]
    if not infused:
        return []
    rate = dose.amount / dose.duration
    return [(dose.time if kind == "infusions" else dose.time + dose.duration, rate)]
