"""What the writers of model text share: names, numbers, formulas in brackets throughout, and what they refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ndestudio.errors import ExportError
from ndestudio.exchange.kinetic import KineticModel, ordered
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number, names, walk

ONE, TWO, ZERO = Number(1.0), Number(2.0), Number(0.0)


@dataclass(frozen=True)
class Dialect:
    """How a language writes formulas.

    Parameters
    ----------
    title
        Of the language, for sentences.
    functions
        Our name -> pattern with ``{0}``, ``{1}``, ...; what is not there is written by its definition, or refused.
    power
        Pattern of base and exponent, which stand in brackets.
    time
        What it calls the time.
    reserved
        Names that mean something else, lower case.
    folds_case
        Whether it takes `a` and `A` for the same name.
    longest
        Of names, 0 for any length.
    """

    title: str
    functions: Mapping[str, str]
    power: str = "(({0})^({1}))"
    time: str = "time"
    reserved: Collection[str] = field(default=())
    folds_case: bool = False
    longest: int = 0


@dataclass(frozen=True)
class Prepared:
    """A model with names and numbers of a language.

    Parameters
    ----------
    names
        Name here -> name there.
    starts
        State -> its value at the begin.
    constants
        Name -> value, initial assignments carried out.
    quantities
        Rules, each after those it reads.
    """

    model: KineticModel
    names: Mapping[str, str]
    starts: Mapping[str, float]
    constants: Mapping[str, float]
    quantities: Mapping[str, Expr]

    def remarks(self) -> list[str]:
        """Sentences for comments: names that had to be changed, and what a model was told to be."""
        lines = [f"{name} is called {other} here." for name, other in self.names.items() if name != other]
        return [" ".join(line.split()) for line in lines]

    def title(self, name: str) -> str:
        """Title and unit of a quantity for a comment, "" where there is none."""
        unit = self.model.units.get(name, "")
        parts = [self.model.titles.get(name, ""), f"[{unit}]" if unit else ""]
        return " ".join("".join(c if c.isprintable() else " " for c in part) for part in parts if part)


def prepared(model: KineticModel, dialect: Dialect, *, events: bool = False) -> Prepared:
    """The model made ready.

    Raises
    ------
    ExportError
        It has what the language cannot say: delays, events where those are not written, numbers that are none.
    """
    if model.triggers and not events:
        raise ExportError(
            f"the model has the event `{model.triggers[0].name}`, which {dialect.title} is not written with"
        )
    everything = [*model.rates.values(), *model.quantities.values(), *model.initial.values()]
    for expr in everything:
        if any(isinstance(node, Delay) for node in walk(expr)):
            raise ExportError(f"the model reads a value some time ago, which {dialect.title} is not written with")
    starts = model.starts()
    values: dict[str, float] = {**model.constants, "t": 0.0}
    for name, expr in starts.items():
        if name not in model.rates:
            values[name] = float(evaluate(expr, values))
    found = {name: float(evaluate(starts[name], values)) for name in model.rates}
    constants = {name: values[name] for name in model.constants}
    for name, value in (*found.items(), *constants.items()):
        if not math.isfinite(value):
            raise ExportError(f"`{name}` has no value, which {dialect.title} needs; give it one in the model")
    order = ordered(model.quantities, model.quantities, "rules")
    return Prepared(model, _names(model, dialect), found, constants, {name: model.quantities[name] for name in order})


def _names(model: KineticModel, dialect: Dialect) -> dict[str, str]:
    known = list(dict.fromkeys([*model.rates, *model.quantities, *model.constants]))
    fold = str.lower if dialect.folds_case else str
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(known, key=lambda one: not _plain(one, dialect)):
        wanted = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "v"
        wanted = wanted if wanted[0].isalpha() else f"v{wanted}"
        if dialect.longest:
            wanted = wanted[: dialect.longest]
        base, number = wanted, 1
        while fold(wanted) in taken or wanted.lower() in dialect.reserved:
            number += 1
            ending = f"_{number}"
            wanted = (base[: dialect.longest - len(ending)] if dialect.longest else base) + ending
        taken.add(fold(wanted))
        found[name] = wanted
    return {name: found[name] for name in known}


def _plain(name: str, dialect: Dialect) -> bool:
    fits = not dialect.longest or len(name) <= dialect.longest
    return fits and re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None and name.lower() not in dialect.reserved


def formula(expr: Expr, dialect: Dialect, known: Mapping[str, str]) -> str:
    """A formula with every operation in brackets.

    Raises
    ------
    ExportError
        A function that the language has not.
    """
    inner = lambda one: formula(one, dialect, known)  # noqa: E731
    match expr:
        case Number(value):
            return number(value, dialect)
        case Name("t"):
            return dialect.time
        case Name("pi"):
            return repr(math.pi)
        case Name(name):
            return known.get(name, name)
        case Negate(operand):
            return f"(-{inner(operand)})"
        case Binary("^", base, exponent):
            return dialect.power.format(inner(base), inner(exponent))
        case Binary(operator, left, right):
            return f"({inner(left)} {operator} {inner(right)})"
        case Call(function, arguments):
            if function in dialect.functions:
                return dialect.functions[function].format(*map(inner, arguments))
            return inner(_simpler(function, arguments, dialect))
    raise ExportError(f"the model reads a value some time ago, which {dialect.title} is not written with")


def _simpler(function: str, a: tuple[Expr, ...], dialect: Dialect) -> Expr:
    """A call by other functions."""
    if function == "tanh":
        # without overflow: 1 - 2/(exp(2 x) + 1)
        return Binary("-", ONE, Binary("/", TWO, Binary("+", Call("exp", (Binary("*", TWO, a[0]),)), ONE)))
    if function in ("min", "max"):
        return Call("if", (Call("<=" if function == "min" else ">=", a), a[0], a[1]))
    if function == "sign":
        below = Call("if", (Call("<", (a[0], ZERO)), Number(-1.0), ZERO))
        return Call("if", (Call(">", (a[0], ZERO)), ONE, below))
    if function == "heaviside":
        return Binary("*", Number(0.5), Binary("+", ONE, Call("sign", a)))
    if function == "abs":
        return Call("if", (Call("<", (a[0], ZERO)), Negate(a[0]), a[0]))
    if function == "softplus":
        rest = Call("log", (Binary("+", ONE, Call("exp", (Negate(Call("abs", a)),))),))
        return Binary("+", Call("max", (a[0], ZERO)), rest)
    entry = find(function)
    if (
        entry is not None
        and function not in ("erf", "atan2", "floor")
        and entry.kinds(len(a))
        and (entry.rewrite or entry.definition)
    ):
        return definition(entry, a)
    raise ExportError(f"{dialect.title} has no function like `{function}`; it cannot be written")


def number(value: float, dialect: Dialect) -> str:
    """A number with all its digits, with a sign in brackets."""
    if not math.isfinite(value):
        raise ExportError(f"a formula holds the number {value}, which {dialect.title} has no way to say")
    return repr(value) if math.copysign(1.0, value) > 0 else f"({value!r})"


def reads(expr: Expr) -> set[str]:
    return set(names(expr))
