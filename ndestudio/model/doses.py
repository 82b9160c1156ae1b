"""A model laid out for what is given: doses of the data as events, infusions as a rate that is switched on and off.

    from 10 to 12: d(A)/dt += 5      d(A_infusion)/dt = 0, which starts at 0; at t = 10: A_infusion += 5, at t = 12: ... -= 5
    at doses: A += F*amount          the same for doses of the data that are infusions, with F*rate
    at doses over D: A += F*amount   the same for doses that last as long as the model says, with F*amount/D
    at resets: A = 0                 where the data empty the compartments, and the rates of infusions
    at regimens(1): A = kept*A + A_regimen1     the first dose at steady state of each run, with d(A_regimen1)/dt = 0, which starts
                                     where the regimen is periodic (``problem.periodic``)

So every solver, figure and exported program knows infusions that knows events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset, Dose, Trajectory
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.text import to_text
from ndestudio.expression.tokens import error_at
from ndestudio.expression.tree import Binary, Expr, Name, Number, names, substitute
from ndestudio.model.config import InitialConfig, ModelConfig
from ndestudio.model.event_statements import EventStatement
from ndestudio.model.events import AMOUNT, GIVEN, GIVES, KEPT, RATE, Event, Kind, text_of, word
from ndestudio.model.parse import read_system
from ndestudio.model.schedule import repeated_for_ever
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
    lasting = [one for one in events if one.event.of_data and len(one.event.times) > 1]
    doses = [dose for one in dataset.trajectories for dose in one.doses]
    if errors or not (doses or spans):
        return config
    written = [one.event for one in events if one.event.of_data]
    said = any(one.kind in ("doses", "infusions") for one in written) or any(one.kind == "modelled" for one in written)
    lines = [] if said or not doses else _default(statements, {one.compartment for one in doses})
    plain = [one for one in written if len(one.times) == 1]
    given = [*plain, *(one.event for one in read_text("\n".join(lines))[1])]
    text, rates = _without(config.equations, [*spans, *(lasting if doses else ())]), _Rates(statements)
    for one in spans:
        rates.span(one)
    for one in lasting if doses else ():
        rates.lasting(one.event, "modelled" if any(one.rate < 0 for one in doses) else "doses")
        _check_lasting(one, plain, doses)
    if any(one.duration > 0 for one in doses) and not any(one.kind == "infusions" for one in given):
        for event in [*given, *(one.event for one in lasting)]:
            if event.kind == "doses":
                rates.infused(event)
    lines += rates.lines
    extra = _Emptied(config, statements, rates, events)
    if any(one.reset for one in doses):
        extra.resets()
    most = max((len(repeated_for_ever(one)) for one in dataset.trajectories), default=0)
    if most > sum(one.kind == "regimens" for one in written):
        extra.regimens(most)
    lines += extra.lines
    text = _added(text, rates.added)
    initial = {**config.initial, **dict.fromkeys([*rates.states, *extra.held], InitialConfig(value=0.0, fit=False))}
    laid = config
    if lines or text != config.equations:
        text = "\n".join([text.rstrip(), "", HEAD, *lines, ""]) if lines else text
        laid = msgspec.structs.replace(config, equations=text, initial=initial, name=config.name)
    empty = empty_states(laid, dataset) if doses else ()
    if empty:
        known = {**laid.initial, **dict.fromkeys(empty, InitialConfig(value=0.0, fit=False))}
        laid = msgspec.structs.replace(laid, initial=known, name=config.name)
    return laid


def _check_lasting(one: EventStatement, plain: Sequence[Event], doses: Sequence[Dose]) -> None:
    """Refuse two lines that bring the same doses to one state, of which one was meant for doses that the data do not have."""
    if any(dose.rate < 0 for dose in doses):
        return
    for other in plain:
        same = other.kind == "doses" and (other.compartment in ("", one.event.compartment) or not one.event.compartment)
        both = {state for state, _ in other.changes} & {state for state, _ in one.event.changes}
        if same and both:
            raise error_at(
                one.token,
                f"`{word(one.event)}` and `{word(other)}` both bring the doses to `{min(both)}`, and no dose of the data leaves its duration "
                "to the model (RATE -1 or -2); leave one of the lines out, or bring a part of each dose to another state",
            )


def empty_states(config: ModelConfig, dataset: Dataset) -> tuple[str, ...]:
    """States of which nothing is said and that are empty before the first dose, where every run begins with one.

    They receive doses or what comes of doses, and stay empty without any: a compartment of a drug, but no population that it acts
    on, and nothing that the body makes itself. Nothing but 0 was measured up to the first dose.
    """
    if not all(_begins_dosed(one) for one in dataset.trajectories):
        return ()
    system = read_system(config, dataset.measured_names, dataset.input_names).system
    if system is None:
        return ()
    rng = np.random.default_rng(0)
    others = {name: float(rng.uniform(0.5, 1.5)) for name in (*system.states, *system.parameters, *system.inputs, "t")}
    calls = {one.name: _nothing_of_nothing for one in system.neural_terms}
    laws = dict(zip(system.states, system.rhs, strict=True))
    still = {name for name, law in laws.items() if law == Number(0.0)}

    def rate(state: str, empty: set[str]) -> float:
        with np.errstate(all="ignore"):
            values = {**others, **dict.fromkeys(empty, 0.0)}
            return float(evaluate(laws[state], values, neural_terms=calls))

    start = {name: one.start == 0 and one.fit is False for name, one in config.initial.items()}
    given = {state for one in system.events if one.kind in GIVES for state, _ in one.changes}
    known = {name for name in system.states if start.get(name)}
    found = {name for name in system.states if name not in config.initial and name not in still}
    while failing := {name for name in found if rate(name, found | known) != 0.0}:
        found -= failing
    reached = given & (found | known)
    while fed := {name for name in found - reached if rate(name, (found | known) - reached) != 0.0}:
        reached |= fed
    found &= reached
    return tuple(name for name in system.states if name in found)


def taken_as_empty(written: ModelConfig, laid: ModelConfig) -> tuple[str, ...]:
    """States of the written equations that ``for_doses`` has taken as empty."""
    own = {one.name for one in read_text(written.equations)[0] if one.kind == "derivative"}
    fixed = InitialConfig(value=0.0, fit=False)
    return tuple(name for name, one in laid.initial.items() if name in own - set(written.initial) and one == fixed)


def _nothing_of_nothing(*arguments: Any) -> Any:
    """In the place of a neural term: 0 where one of its arguments is 0."""
    return np.prod([np.asarray(one, dtype=float) for one in arguments], axis=0)


def _begins_dosed(trajectory: Trajectory) -> bool:
    """Whether nothing but 0 was measured up to the first dose."""
    if not trajectory.doses:
        return False
    first = trajectory.doses[0]
    before = trajectory.measured[trajectory.t <= first.time]
    return bool(first.time <= trajectory.t[0] and (np.nan_to_num(before) == 0).all())


class _Emptied:
    """Lines for what empties compartments: resets, and doses at steady state."""

    def __init__(
        self, config: ModelConfig, statements: Sequence[Statement], rates: _Rates, events: Sequence[EventStatement]
    ) -> None:
        written = [one.event for one in events if one.event.of_data]
        self._config, self._statements, self._rates, self._written, self._events = (
            config,
            statements,
            rates,
            written,
            events,
        )
        self._taken = {one.name for one in statements}
        switched = {state for one in written if one.kind in ("infusions", "ends") for state, _ in one.changes}
        still = [one.name for one in statements if one.kind == "derivative" and one.expr == Number(0.0)]
        self._rated = [*rates.states, *(one for one in still if one in switched and one not in rates.states)]
        self.lines: list[str] = []
        self.held: list[str] = []

    @property
    def _moving(self) -> list[str]:
        """States of the equations that change by themselves."""
        held = set(self._rates.states)
        return [
            one.name
            for one in self._statements
            if one.kind == "derivative" and one.expr != Number(0.0) and one.name not in held
        ]

    def resets(self) -> None:
        if not any(one.kind == "resets" for one in self._written):
            self.lines.append("at resets: " + ", ".join(f"{one} = {self._start(one)}" for one in self._moving))
        if self._rated:
            self.lines.append("at resets: " + ", ".join(f"{one} = 0" for one in self._rated))

    def _start(self, state: str) -> str:
        settings = self._config.initial.get(state, InitialConfig())
        start = settings.start
        if isinstance(start, str) and settings.fit is not True:
            return f"({start})"
        if start is None and settings.fit is None:
            return "0"
        if start is None or isinstance(start, str) or settings.fit is True or (settings.fit is None and start != 0):
            raise EquationError(
                f"the data empty the compartments (EVID 3 or 4), and the initial value of `{state}` is estimated; say what a reset does: "
                f"`at resets: {state} = 0`"
            )
        return f"{start:.17g}"

    def regimens(self, most: int) -> None:
        for one in self._statements:
            if one.expr is not None and "t" in names(one.expr):
                raise error_at(
                    one.target,
                    "the data have doses at steady state (SS), and this equation reads the time `t`, so that nothing repeats itself; "
                    "write the earlier doses into the table, or what drives it as an input",
                )
        for one in self._events:
            if one.event.of_data and any("t" in names(value) for _, value in one.event.changes):
                raise error_at(
                    one.token,
                    "the data have doses at steady state (SS), and this event reads the time `t`, so that nothing repeats itself; "
                    "write the earlier doses into the table",
                )
            if one.event.kind == "when":
                raise error_at(
                    one.token,
                    "the data have doses at steady state (SS), and in the periods before the first row no condition is looked at; "
                    "write the earlier doses into the table",
                )
        for k in range(1, most + 1):
            changes = []
            for state in self._moving:
                name = f"{state}_regimen{k}"
                while name in self._taken:
                    name += "_"
                self.held.append(name)
                self.lines.append(f"d({name})/dt = 0")
                changes.append(f"{state} = {KEPT}*{state} + {name}")
            changes += [f"{one} = {KEPT}*{one}" for one in self._rated]
            self.lines.append(f"at regimens({k}): " + ", ".join(changes))


def taken_of_doses(equations: str, dataset: Dataset) -> tuple[str, ...]:
    """The lines that are taken where equations say nothing of the doses there are; none where they do."""
    statements, events, errors = read_text(equations)
    compartments = {dose.compartment for one in dataset.trajectories for dose in one.doses}
    if errors or not compartments or any(one.event.of_data for one in events):
        return ()
    try:
        return tuple(_default(statements, compartments))
    except EquationError:  # told where the model is laid out
        return ()


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

    def lasting(self, event: Event, kind: Kind) -> None:
        """An event of doses that last as long as the model says: of all (`doses`), or of those whose rate the data leave open."""
        lag, duration = event.times
        where = f"({event.compartment})" if event.compartment else ""
        shown = {GIVEN: Name(AMOUNT)}
        begin, lasts = to_text(substitute(lag, shown)), to_text(substitute(duration, shown))
        for state, value in event.changes:
            amount = _addition(state, value)
            if amount is None:
                raise EquationError(
                    f"`{text_of(event)}` does not add to `{state}` in proportion to the amount, so that it has no rate; write such as "
                    f"`at doses over {lasts}: {state} += {AMOUNT}`"
                )
            rate = self._rate(state)
            given = f"({to_text(substitute(amount, shown))})/({lasts})"
            self.lines.append(f"at {kind}{where} + {begin}: {rate} += {given}")
            self.lines.append(f"at {kind}{where} + {begin} + ({lasts}): {rate} -= {given}")

    def infused(self, event: Event) -> None:
        """An event of doses, for those that are infusions."""
        if GIVEN in names(event.times[0]):
            raise EquationError(
                f"some doses of the data are infusions, and the lag of `{word(event)}` reads `{AMOUNT}`, which an infusion does not know; "
                f"write what an infusion does: `at infusions + lag: R += {RATE}` and `at ends + lag: R -= {RATE}`"
            )
        lag = word(replace(event, times=event.times[:1])).removeprefix("at doses")
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


__all__ = ["empty_states", "for_doses", "taken_as_empty"]
