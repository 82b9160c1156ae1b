"""A model as languages of others say it: states with rates, rules, constants, initial assignments and events.

Between a file and our equation text: what a format means is settled when it is read, and no format is known here. Species
stand for what their name means in a formula (a concentration, or an amount where the format says so).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ndestudio.errors import EquationError
from ndestudio.expression.tree import Binary, Call, Expr, Negate, Number, names, substitute


@dataclass(frozen=True)
class Trigger:
    """An event that waits for a condition.

    Parameters
    ----------
    condition
        Comparisons joined by `and`, `or`, `not`; the event happens where it comes true.
    changes
        State -> its value afterwards.
    delay
        How long after the condition came true the changes are made; None: at once.
    priority
        Which of several events at one time goes first (the largest); None: after those with a number.
    persistent
        Whether it happens even if the condition is false again when its time comes.
    holds_before
        Whether the condition counts as true before the begin, so that it cannot come true there.
    values_then
        Whether right-hand sides read the states when the condition came true (else when the changes are made).
    """

    name: str
    condition: Expr
    changes: tuple[tuple[str, Expr], ...]
    delay: Expr | None = None
    priority: Expr | None = None
    persistent: bool = True
    holds_before: bool = True
    values_then: bool = True


@dataclass(frozen=True)
class KineticModel:
    """A model ready to be simulated or to be written as text.

    Parameters
    ----------
    rates
        State -> right-hand side, of states, quantities, constants and `t`; 0 for what only events change.
    quantities
        Name -> its rule; each reads only those before it, states, constants and `t`.
    constants
        Name -> value; NaN where the file gives none.
    initial
        State or constant -> what its value at the begin is computed from.
    triggers
        Events.
    volumes
        State that is a concentration -> the compartment (a name) it is in.
    units
        Name -> unit, where the file has one that we know.
    titles
        Name -> what a person called it.
    renamed
        Name in the file -> name here, where they differ.
    notes
        What was taken otherwise than one might think, or left out, a sentence each.
    """

    name: str
    rates: Mapping[str, Expr]
    quantities: Mapping[str, Expr] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    initial: Mapping[str, Expr] = field(default_factory=dict)
    triggers: tuple[Trigger, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.rates)

    def starts(self, given: Mapping[str, Expr] | None = None) -> dict[str, Expr]:
        """Initial value of each state, and of each constant that has an initial assignment, in terms of the other constants
        and of `t`.

        Parameters
        ----------
        given
            Name -> what takes the place of its own initial value.

        Raises
        ------
        EquationError
            Initial values that go round in a circle.
        """
        given = given or {}
        own: dict[str, Expr] = {**{name: Number(float("nan")) for name in self.rates}, **self.initial, **given}
        wanted = [*self.rates, *(name for name in self.initial if name not in self.rates)]
        solved = resolved({**self.quantities, **own}, wanted, "initial values")
        return {name: solved[name] for name in wanted}


def resolved(rules: Mapping[str, Expr], wanted: Iterable[str], what: str) -> dict[str, Expr]:
    """Rules that read each other, written out so that none is left in them.

    Raises
    ------
    EquationError
        A circle; ``what`` is what the rules are called in the sentence.
    """
    done: dict[str, Expr] = {}
    for one in ordered(rules, wanted, what):
        done[one] = substitute(rules[one], done)
    return done


def ordered(rules: Mapping[str, Expr], wanted: Iterable[str], what: str) -> list[str]:
    """Names of rules, each after those it reads, as far as ``wanted`` needs them.

    Raises
    ------
    EquationError
        A circle.
    """
    order: list[str] = []
    state: dict[str, int] = {}
    for root in wanted:
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            name, left = stack.pop()
            if left:
                state[name] = 2
                order.append(name)
                continue
            if state.get(name) == 2:
                continue
            if state.get(name) == 1:
                raise EquationError(
                    f"{what} go round in a circle through `{name}`; give one of them a value of its own"
                )
            state[name] = 1
            stack.append((name, True))
            for needed in names(rules[name]):
                if needed in rules and state.get(needed) != 2:
                    if state.get(needed) == 1:
                        raise EquationError(
                            f"{what} go round in a circle through `{needed}`; give one of them a value of its own"
                        )
                    stack.append((needed, False))
    return order


def margin(condition: Expr) -> Expr:
    """An expression that is above 0 where a condition holds and below 0 where it does not, continuous where its sides are.

    Raises
    ------
    EquationError
        An equality, which no continuous expression says.
    """
    match condition:
        case Call(">" | ">=", (left, right)):
            return Binary("-", left, right)
        case Call("<" | "<=", (left, right)):
            return Binary("-", right, left)
        case Call("and", (left, right)):
            return Call("min", (margin(left), margin(right)))
        case Call("or", (left, right)):
            return Call("max", (margin(left), margin(right)))
        case Call("not", (inner,)):
            return Negate(margin(inner))
        case Call("==", (left, right)):
            raise EquationError(
                "an event waits for an equality (`==`), which holds for no length of time; write it as `>=` in the file"
            )
    raise EquationError("a condition of an event is no comparison")
