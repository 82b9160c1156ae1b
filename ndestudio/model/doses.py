"""A model laid out for what is given: doses of the data as events, infusions as a rate that is switched on and off.

    from 10 to 12: d(A)/dt += 5      d(A_infusion)/dt = 0, which starts at 0; at t = 10: A_infusion += 5, at t = 12: ... -= 5
    at doses: A += F*amount          the same for doses of the data that are infusions, with F*rate

So every solver, figure and exported program knows infusions that knows events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.expression.text import to_text
from ndestudio.expression.tokens import error_at
from ndestudio.expression.tree import Binary, Expr, Name, names, substitute
from ndestudio.model.config import InitialConfig, ModelConfig
from ndestudio.model.event_statements import EventStatement
from ndestudio.model.events import AMOUNT, GIVEN, RATE, Event, text_of, word
from ndestudio.model.statements import Statement, read_text

HEAD = "# what is given"


def for_doses(config: ModelConfig, dataset: Dataset) -> ModelConfig:
    """``config`` with lines for the doses of ``dataset`` and for infusions; unchanged without either.

    Doses that no line speaks of go into the state that is called as their compartment, or that has its number in the order
    of the equations; those of no compartment into the first.

    Raises
    ------
    EquationError
        A dose goes into a compartment that the model does not have, or an infusion is no addition to a state.
    """
    statements, events, errors = read_text(config.equations)
    spans = [one for one in events if one.event.kind == "span"]
    doses = [dose for one in dataset.trajectories for dose in one.doses]
    if errors or not (doses or spans):
        return config
    written = [one.event for one in events if one.event.of_data]
    lines = [] if written or not doses else _default(statements, {one.compartment for one in doses})
    given = [*written, *(one.event for one in read_text("\n".join(lines))[1])]
    text, rates = _without(config.equations, spans), _Rates(statements)
    for one in spans:
        rates.span(one)
    if any(one.duration > 0 for one in doses) and not any(one.kind == "infusions" for one in given):
        for event in given:
            rates.infused(event)
    lines += rates.lines
    if not lines and text == config.equations:
        return config
    text = _added(text, rates.added)
    initial = {**config.initial, **dict.fromkeys(rates.states, InitialConfig(value=0.0, fit=False))}
    return msgspec.structs.replace(
        config, equations="\n".join([text.rstrip(), "", HEAD, *lines, ""]), initial=initial, name=config.name
    )


def _default(statements: Sequence[Statement], compartments: Iterable[str]) -> list[str]:
    """A line for the doses into each compartment."""
    states = [one.name for one in statements if one.kind == "derivative"]
    if not states:
        return []
    lines = []
    for name in sorted(compartments):
        if name == "":
            state = states[0]
        elif name in states:
            state = name
        elif name.isdigit() and 1 <= int(name) <= len(states):
            state = states[int(name) - 1]
        else:
            known = ", ".join(f"`{one}`" for one in states)
            raise EquationError(
                f"the data have doses into the compartment `{name}`, and the states are {known}; say what they do, for example "
                f"`at doses({name}): {states[0]} += amount`"
            )
        lines.append(f"at doses{f'({name})' if name else ''}: {state} += {AMOUNT}")
    return lines


class _Rates:
    """States that hold the rates of infusions, and the events that switch them."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._taken = {one.name for one in statements}
        self.lines: list[str] = []
        self.added: dict[str, str] = {}
        """State -> the name of the rate that is added to its equation."""

    @property
    def states(self) -> list[str]:
        return list(self.added.values())

    def span(self, one: EventStatement) -> None:
        begin, end = one.event.times
        for (state, value), token in zip(one.event.changes, one.targets, strict=True):
            if state not in self._taken:
                raise error_at(token, f"`{state}` is no state, so its rate cannot be changed")
            rate = self._rate(state)
            for time, sign in ((begin, "+"), (end, "-")):
                self.lines.append(f"at t = {to_text(time)}: {rate} {sign}= {to_text(value)}")

    def infused(self, event: Event) -> None:
        """An event of doses, for those that are infusions."""
        lag = word(event).removeprefix("at doses")
        for state, value in event.changes:
            amount = _addition(state, value)
            if amount is None:
                raise EquationError(
                    f"some doses of the data are infusions, and `{text_of(event)}` does not add to `{state}` in proportion to the "
                    f"amount; write what an infusion does: `at infusions: R += {RATE}` and `at ends: R -= {RATE}`"
                )
            shown = to_text(substitute(amount, {GIVEN: Name(RATE)}))
            rate = self._rate(state)
            self.lines.append(f"at infusions{lag}: {rate} += {shown}")
            self.lines.append(f"at ends{lag}: {rate} -= {shown}")

    def _rate(self, state: str) -> str:
        if state in self.added:
            return self.added[state]
        name = f"{state}_infusion"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.lines.append(f"d({name})/dt = 0")
        self.added[state] = name
        return name


def _addition(state: str, value: Expr) -> Expr | None:
    """What `value` adds to `state`, in proportion to what is given; None where it does something else."""
    if not isinstance(value, Binary) or value.operator != "+" or value.left != Name(state):
        return None
    amount = value.right
    return amount if _proportional(amount) and state not in names(amount) else None


def _proportional(expr: Expr) -> bool:
    """Whether an expression is in proportion to what is given: `F*amount/V`."""
    if expr == Name(GIVEN):
        return True
    if isinstance(expr, Binary) and expr.operator == "*":
        return _proportional(expr.left) != _proportional(expr.right) and _once(expr)
    return (
        isinstance(expr, Binary)
        and expr.operator == "/"
        and _proportional(expr.left)
        and GIVEN not in names(expr.right)
    )


def _once(expr: Binary) -> bool:
    return (GIVEN in names(expr.left)) != (GIVEN in names(expr.right))


def _without(text: str, events: Sequence[EventStatement]) -> str:
    """The text without the lines of some events."""
    gone = {line for one in events for line in range(one.token.line, one.end.line + 1)}
    return "\n".join(line for k, line in enumerate(text.split("\n"), start=1) if k not in gone) if gone else text


def _added(text: str, added: dict[str, str]) -> str:
    """The text with a rate added to the equations of some states."""
    if not added:
        return text
    again, _, _ = read_text(text)
    lines = text.split("\n")
    # from the end of the text on, so that places stay where they are
    for one in sorted(again, key=lambda one: -one.target.line):
        if one.kind == "derivative" and one.name in added and one.tokens:
            last = one.tokens[-1]
            line, at = lines[last.line - 1], last.column - 1 + last.length
            lines[last.line - 1] = f"{line[:at]} + {added[one.name]}{line[at:]}"
    return "\n".join(lines)


__all__ = ["for_doses"]
