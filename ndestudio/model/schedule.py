"""When the events of a model happen in a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.dataset import Dose, Trajectory
from ndestudio.errors import DataError, EquationError
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr, names
from ndestudio.model.events import AMOUNT, GIVEN, Event, Kind, word
from ndestudio.model.system import System

MOST = 100_000
"""Events of one kind in a trajectory: more are a mistake in the text."""
ADDS = 2
"""The mark of a dose at steady state (`SS`) that adds to what was there."""
RANK: Mapping[Kind, int] = {"resets": 0, "regimens": 1}
"""What happens first at one time."""


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
    doses = trajectory.doses if trajectory is not None else ()
    if not system.events:
        if doses and trajectory is not None:
            raise DataError(
                f"`{trajectory.name}` has doses, and the equations do not say what they do; write such as "
                f'`at doses: {system.states[0] if system.states else "A"} += {AMOUNT}`, or take the doses away (`amount = ""` in [data.doses])'
            )
        return NOTHING
    found: list[tuple[float, int, float, float]] = []
    for place, event in enumerate(system.events):
        if event.of_data:
            found += _of_doses(system, place, parameters, trajectory)
            continue
        numbers = [_number(one, parameters, event) for one in event.times]
        if event.kind == "at":
            found += [(time, place, 0.0, 0.0) for time in numbers]
        elif event.kind == "every":
            found += [(time, place, 0.0, float(k)) for k, time in enumerate(_repeated(*numbers))]
    first = {place: RANK.get(event.kind, len(RANK)) for place, event in enumerate(system.events)}
    return in_order(found, first)


def _of_doses(
    system: System, place: int, parameters: Mapping[str, float], trajectory: Trajectory | None
) -> list[tuple[float, int, float, float]]:
    """When an event of the data happens."""
    event = system.events[place]
    if trajectory is None:
        return []
    _check_resets(system, trajectory)
    check_intervals(trajectory)
    if event.kind == "resets":
        return [(one.time, place, 0.0, one.time) for one in trajectory.doses if one.reset]
    if event.kind == "regimens":
        regimens = repeated_for_ever(trajectory)
        chosen = regimens[int(event.compartment) - 1 : int(event.compartment)]
        _check_begin(trajectory, [one.time for one in chosen])
        return [(one.time, place, float(one.steady_state == ADDS), one.time) for one in chosen]
    found = []
    fixed = None if GIVEN in names(event.times[0]) else _number(event.times[0], parameters, event)
    for one, time, given, until in _given(system, event, trajectory):
        lag = _number(event.times[0], {**parameters, GIVEN: given}, event) if fixed is None else fixed
        if one.steady_state:
            _check_regimen(one, time + lag - one.time, trajectory)
        _check_begin(trajectory, [time + lag])
        if time + lag < until:
            found.append((time + lag, place, given, time))
    return found


def given_by_data(system: System, place: int, trajectory: Trajectory | None) -> list[tuple[float, float, float]]:
    """(time in the data, what is given, until when at most) of all that makes an event of the data happen.

    Where that time and the lag come to the last number or beyond, it does not happen: compartments have been emptied since the
    dose. What is given is an amount, a rate, or for regimens 1 where they add to what was there.
    """
    event = system.events[place]
    if trajectory is None or not event.of_data:
        return []
    if event.kind in ("resets", "regimens"):
        return [(moment, given, np.inf) for _, _, given, moment in _of_doses(system, place, {}, trajectory)]
    return [(time, given, until) for _, time, given, until in _given(system, event, trajectory)]


def _given(system: System, event: Event, trajectory: Trajectory) -> list[tuple[Dose, float, float, float]]:
    """Each dose of an event with its time, what is given, and when what is under way is over."""
    emptied = [one.time for one in trajectory.doses if one.reset or one.steady_state not in (0, ADDS)]
    found = []
    for one in trajectory.doses:
        if event.compartment in ("", one.compartment):
            until = min((empty for empty in emptied if empty > one.time), default=np.inf)
            found += [(one, time, given, until) for time, given in _of_dose(one, event, system, trajectory)]
    return found


def repeated_for_ever(trajectory: Trajectory) -> tuple[Dose, ...]:
    """The doses at steady state of a trajectory."""
    return tuple(one for one in trajectory.doses if one.steady_state)


def _check_resets(system: System, trajectory: Trajectory) -> None:
    """Refuse resets and regimens that the equations were not laid out for."""
    kinds = [one.kind for one in system.events]
    if any(one.reset for one in trajectory.doses) and "resets" not in kinds:
        raise DataError(
            f"`{trajectory.name}` has resets (EVID 3 or 4), and the equations do not say what they do; write such as "
            f"`at resets: {system.states[0]} = 0`"
        )
    if len(repeated_for_ever(trajectory)) > kinds.count("regimens"):
        raise DataError(
            f"`{trajectory.name}` has more doses at steady state (SS) than the runs that the model was made for; make the model with "
            "these data"
        )


def check_intervals(trajectory: Trajectory) -> None:
    """Refuse doses at steady state that do not say after which time they were repeated."""
    for dose in repeated_for_ever(trajectory):
        if not dose.interval > 0:
            raise DataError(
                f"the dose at {dose.time:g} in `{trajectory.name}` is at steady state (SS = {dose.steady_state}) and has no interval; "
                "write after which time it was repeated (II)"
            )


def _check_regimen(dose: Dose, after: float, trajectory: Trajectory) -> None:
    """Refuse what happens ``after`` the time of a dose at steady state, but not before the next one."""
    if not 0 <= after <= dose.interval:
        raise DataError(
            f"the dose at {dose.time:g} in `{trajectory.name}` is at steady state with an interval of {dose.interval:g}, and lasts "
            f"until {after:g} after its begin (lag included), beyond the next one; write the earlier doses into the table"
            if after > 0
            else f"the dose at {dose.time:g} in `{trajectory.name}` is at steady state and has the lag {after:g}; it must be 0 or more"
        )


def _check_begin(trajectory: Trajectory, times: Sequence[float]) -> None:
    """Refuse doses before the first row: what they did would be missing at the begin."""
    for time in times:
        if time < trajectory.t[0]:
            raise DataError(
                f"the dose at {time:g} in `{trajectory.name}` comes before its first row at {trajectory.t[0]:g}; set "
                "`from_first_dose = true` in [data], and read the data again"
            )


def in_order(events: Sequence[tuple[float, int, float, float]], first: Mapping[int, int] | None = None) -> Schedule:
    """A schedule of (time, place, given, moment) in the order of time; of those at one time the ones with the lowest ``first`` of
    their place, then in the order given."""
    order = sorted(events, key=lambda one: (one[0], first.get(one[1], 0) if first else 0))
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


def _of_dose(dose: Dose, event: Event, system: System, trajectory: Trajectory) -> list[tuple[float, float]]:
    """Times and amounts (rates) of the event that a dose is."""
    where = f"the dose at {dose.time:g} in `{trajectory.name}`"
    if dose.reset and dose.amount == 0:
        return []
    if not np.isfinite(dose.amount):
        raise DataError(f"{where} has no amount; write it into the table")
    if event.kind == "modelled" or dose.rate < 0:
        modelled = is_modelled(system, dose)
        if dose.rate < 0 and not any(one.kind == "modelled" for one in system.events):
            raise DataError(
                f"{where} has the rate {dose.rate:g}, which leaves {'the duration' if dose.rate == -2 else 'the rate'} to the model; "
                f"say how long it lasts: `at doses over {'D1' if dose.rate == -2 else 'amount/R1'}: A += {AMOUNT}`"
            )
        return [(dose.time, dose.amount)] if modelled and event.kind == "modelled" else []
    infused = dose.duration > 0
    if event.kind == "doses":
        return [] if infused else [(dose.time, dose.amount)]
    if not infused:
        return []
    rate = dose.amount / dose.duration
    return [(dose.time if event.kind == "infusions" else dose.time + dose.duration, rate)]


def is_modelled(system: System, dose: Dose) -> bool:
    """Whether the model says how long a dose lasts."""
    lasting = any(one.kind == "modelled" for one in system.events)
    return dose.rate < 0 or (lasting and dose.duration == 0 and not _taken(system, dose))


def _taken(system: System, dose: Dose) -> bool:
    """Whether an event without a duration says what a dose does."""
    return any(one.kind == "doses" and one.compartment in ("", dose.compartment) for one in system.events)


def before_the_begin(system: System, parameters: Mapping[str, float], begin: float) -> list[str]:
    """Events at written times (`at`, `every`) that come before a trajectory begins, so that nothing happens."""
    found = []
    for event in system.events:
        if event.kind in ("at", "every"):
            numbers = [_number(one, parameters, event) for one in event.times]
            times = numbers if event.kind == "at" else _repeated(*numbers)
            if any(time < begin for time in times):
                found.append(word(event))
    return found
