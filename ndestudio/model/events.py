"""Events: what changes states at a moment. Doses, switches, samples taken out, a bounce.

    at t = 24: A += dose                     at a time, or at several: at t = 0, 12, 24: ...
    every 12 from 0 to 48: A += dose         again and again
    at doses + lag: A += F*amount            at the doses of the data, `amount` being that of each
    at infusions: R += F*rate                where an infusion of the data begins, and where it ends:
    at ends: R -= F*rate
    at doses + lag over D: A += F*amount     doses that last D: those of the data without a rate of their own
    at resets: A = 0                         where the data empty the compartments (EVID 3 and 4)
    from 10 to 12: d(A)/dt += 5              a rate over a time: an infusion
    when x > 5: mode = 2                     where a condition comes true

All right-hand sides of an event read the states just before it. A state has two values at that time; what is asked for at
the time of an event is the value after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Expr, Name, Number, names, substitute

Kind = Literal["at", "every", "span", "doses", "infusions", "ends", "modelled", "resets", "regimens", "when"]
"""`modelled` are doses whose rate or duration the model gives; `regimens` doses that have been repeated for ever (SS)."""
OF_DATA: tuple[Kind, ...] = ("doses", "infusions", "ends", "modelled", "resets", "regimens")
"""Kinds whose times are those of the doses in the data."""
GIVES: tuple[Kind, ...] = ("doses", "infusions", "modelled")
"""Kinds that bring something."""
AMOUNT, RATE, KEPT = "amount", "rate", "kept"
"""Names with a meaning in events of the data; `kept` is 1 where a regimen adds to what was there (SS = 2), else 0."""
_GIVEN_NAMES: Mapping[Kind, str] = {
    "doses": AMOUNT,
    "modelled": AMOUNT,
    "infusions": RATE,
    "ends": RATE,
    "regimens": KEPT,
}
GIVEN, MOMENT = "given.amount", "given.moment"
"""What stands for them in expressions, and for the time of a dose or the number of a repetition: no names that a person can
write."""


@dataclass(frozen=True)
class Event:
    """One event of a model.

    Parameters
    ----------
    times
        Of `at`: each time. Of `every`: interval, first and last time. Of a span: begin and end. Of doses: the lag, and how long
        they last where the model says it.
    changes
        State -> its value after the event, as an expression of states, inputs, parameters, `t`, and what is given; of a
        span what its rate is more by.
    condition
        Of `when`: it comes true where this expression rises through 0.
    compartment
        Doses of which compartment, "" those of all; of regimens which of them in a trajectory, from 1 on.
    """

    kind: Kind
    times: tuple[Expr, ...]
    changes: tuple[tuple[str, Expr], ...]
    condition: Expr | None = None
    compartment: str = ""

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """All that is written in it."""
        return (*self.times, *(value for _, value in self.changes), *((self.condition,) if self.condition else ()))

    @property
    def time(self) -> Expr | None:
        """When it happens, as an expression of parameters and ``MOMENT``; None where it waits for a condition.

        An event at several times is one event for each in a system.
        """
        if self.kind == "when":
            return None
        if self.kind == "every":
            interval, first, _ = self.times
            return Binary("+", first, Binary("*", Name(MOMENT), interval))
        return self.times[0] if self.kind == "at" else Binary("+", Name(MOMENT), self.times[0])

    @property
    def of_data(self) -> bool:
        """Whether its times are those of the doses in the data."""
        return self.kind in OF_DATA


def given_name(kind: Kind) -> str:
    """What the number that comes with an event of the data is called in its right-hand sides, "" for other events."""
    return _GIVEN_NAMES.get(kind, "")


def word(event: Event) -> str:
    """The head of an event, as it is written."""
    shown = {GIVEN: Name(given_name(event.kind))}
    times = [to_text(substitute(one, shown)) for one in event.times]
    lag = "" if not times or event.times[0] == Number(0.0) else f" + {times[0]}"
    lasts = f" over {times[1]}" if event.of_data and len(times) > 1 else ""
    where = f"({event.compartment})" if event.compartment else ""
    match event.kind:
        case "at":
            return "at t = " + ", ".join(to_text(one) for one in event.times)
        case "every":
            interval, first, last = (to_text(one) for one in event.times)
            return f"every {interval} from {first} to {last}"
        case "span":
            return "from {} to {}".format(*(to_text(one) for one in event.times))
        case "when":
            assert event.condition is not None
            return f"when {to_text(event.condition)} > 0"
        case _:
            return f"at {event.kind}{where}{lag}{lasts}"


def text_of(event: Event) -> str:
    """An event as a line of the model text."""
    shown = {GIVEN: Name(given_name(event.kind))}
    if event.kind == "span":
        return f"{word(event)}: " + ", ".join(f"d({state})/dt += {to_text(value)}" for state, value in event.changes)
    changes = ((state, to_text(substitute(value, shown))) for state, value in event.changes)
    return f"{word(event)}: " + ", ".join(f"{state} = {value}" for state, value in changes)


def new_values(event: Event, states: Sequence[str]) -> tuple[Expr, ...]:
    """The value of each state after an event."""
    changed = dict(event.changes)
    return tuple(changed.get(state, Name(state)) for state in states)


def added_only(event: Event, states: Sequence[str]) -> bool:
    """Whether an event happens at known times and adds to states what no state decides: small changes pass through it."""
    if event.kind == "when":
        return False
    for state, value in event.changes:
        if not isinstance(value, Binary) or value.operator not in "+-" or value.left != Name(state):
            return False
        if set(names(value.right)) & set(states):
            return False
    return True
