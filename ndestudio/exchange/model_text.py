"""A ``KineticModel`` as the text and tables of a model of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ndestudio.errors import EquationError
from ndestudio.exchange.kinetic import KineticModel, Trigger, margin
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Number, names, substitute, transform, walk
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig

NEVER = 1e30
"""Time of what is not waited for."""


def to_config(model: KineticModel) -> ModelConfig:
    """Equation text, parameters and initial values of a model.

    Constants become parameters that are not fitted (open those that should be). A delay of an event is a clock: a state that
    notes when the condition came true.

    Raises
    ------
    EquationError
        Something that our text cannot say, with its name.
    """
    starts = model.starts()
    quantities = {k: _finite(_delayed(e, model, k), k) for k, e in model.quantities.items()}
    quantities |= {k: _finite(e, k) for k, e in starts.items() if k not in model.rates and names(e)}
    fixed = {k: float(evaluate(e, {})) for k, e in starts.items() if k not in model.rates and not names(e)}
    rates = {k: _finite(_delayed(e, model, k), k) for k, e in model.rates.items()}
    lines = [f"# {' '.join(model.name.split())}"]
    lines += [_titled(f"d({name})/dt = {to_text(rate)}", name, model) for name, rate in rates.items()]
    lines += [_titled(f"{name} = {to_text(rule)}", name, model) for name, rule in quantities.items()]
    constants = {**{k: v for k, v in model.constants.items() if k not in quantities}, **fixed}
    events, clocks = _events(model)
    lines += events
    return ModelConfig(
        equations="\n".join(lines) + "\n",
        parameters={
            name: ParameterConfig(
                value=1.0 if math.isnan(value) else value,
                fixed=not math.isnan(value),
                unit=model.units.get(name, ""),
                note=model.titles.get(name, "") if not math.isnan(value) else "the file gives no value",
            )
            for name, value in constants.items()
            if name in _read(rates, quantities, starts, model)
        },
        initial={
            **{name: _initial(name, starts[name]) for name in model.rates},
            **{name: InitialConfig(value=value, fit=False) for name, value in clocks.items()},
        },
        units={name: text for name, text in model.units.items() if name in rates or name in quantities},
        name=model.name,
    )


def _read(
    rates: Mapping[str, Expr], quantities: Mapping[str, Expr], starts: Mapping[str, Expr], model: KineticModel
) -> set[str]:
    """Names that some formula reads: a parameter that none does would be refused."""
    events = [
        e
        for one in model.triggers
        for e in (one.condition, *(v for _, v in one.changes), *([one.delay] if one.delay is not None else []))
    ]
    exprs = [*rates.values(), *quantities.values(), *(starts[k] for k in rates), *events]
    return {name for expr in exprs for name in names(expr)}


def _titled(line: str, name: str, model: KineticModel) -> str:
    title = model.titles.get(name, "")
    return f"{line}  # {' '.join(title.split())}" if title else line


def _initial(name: str, start: Expr) -> InitialConfig:
    if not names(start):
        value = float(evaluate(start, {}))
        return InitialConfig(value=None if math.isnan(value) else value, fit=math.isnan(value))
    return InitialConfig(value=to_text(_finite(start, name)), fit=False)


def _delayed(expr: Expr, model: KineticModel, name: str) -> Expr:
    """Delayed values in our form: of a state, some time ago."""
    for node in walk(expr):
        if isinstance(node, Delay) and (not isinstance(node.operand, Name) or node.operand.name not in model.rates):
            raise EquationError(
                f"`{name}` reads the value of `{to_text(node.operand)}` some time ago; only states can be read like that"
            )
    return expr


def _finite(expr: Expr, name: str) -> Expr:
    """Numbers that have no text of their own, as formulas: infinity, and what is no number."""

    def change(node: Expr) -> Expr:
        if isinstance(node, Number) and math.isnan(node.value):
            return Binary("/", Number(0.0), Number(0.0))
        if isinstance(node, Number) and math.isinf(node.value):
            return Binary("/", Number(1.0), Number(0.0))
        return node

    return transform(expr, change)


def _events(model: KineticModel) -> tuple[list[str], dict[str, float]]:
    """Lines of events, and the states that they need, with their initial values."""
    lines: list[str] = []
    clocks: dict[str, float] = {}
    taken = {*model.rates, *model.quantities, *model.constants}
    for one in _together(sorted(model.triggers, key=_first)):
        condition, changes = _margin(one), _assigned(list(one.changes))
        if one.delay is None or one.delay == Number(0.0):
            at = _moment(one, model)
            if at is not None:
                lines.append(f"at t = {to_text(at)}: {changes}")
            else:
                lines.append(f"when {to_text(condition)} > 0: {changes}")
            continue
        at = _moment(one, model)
        if at is not None and not _moving(one.delay, model) and (not one.values_then or _still(one, model)):
            lines.append(f"at t = {to_text(Binary('+', at, one.delay))}: {changes}")
            continue
        clock = _free(f"{one.name}_due", taken)
        clocks[clock] = NEVER
        lines.append(f"d({clock})/dt = 0")
        then: list[tuple[str, Expr]] = [(clock, Binary("+", Name("t"), one.delay))]
        values = dict(one.changes)
        if one.values_then:
            for state, value in one.changes:
                kept = _free(f"{one.name}_{state}", taken)
                clocks[kept] = 0.0
                lines.append(f"d({kept})/dt = 0")
                then.append((kept, value))
                values[state] = Name(kept)
        lines.append(f"when {to_text(condition)} > 0: " + _assigned(then))
        lines.append(f"when t > {clock}: " + _assigned([*values.items(), (clock, Number(NEVER))]))
        if not one.persistent:
            lines.append(f"when {to_text(condition)} < 0: {clock} = {to_text(Number(NEVER))}")
    return lines, clocks


def _together(triggers: list[Trigger]) -> list[Trigger]:
    """Events that come at the same time, because they wait for the same condition, as one: its right-hand sides all read the
    states before."""
    merged: list[Trigger] = []
    for one in triggers:
        like = next((k for k, other in enumerate(merged) if _alike(one, other)), None)
        if like is None:
            merged.append(one)
            continue
        before = dict(merged[like].changes)
        read = {} if one.values_then else before
        changes = {**before, **{name: substitute(value, read) for name, value in one.changes}}
        merged[like] = replace(merged[like], changes=tuple(changes.items()))
    return merged


def _alike(one: Trigger, other: Trigger) -> bool:
    at_once = all(each.delay is None or each.delay == Number(0.0) for each in (one, other))
    return at_once and one.condition == other.condition and one.holds_before == other.holds_before


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _first(one: Trigger) -> float:
    """Order of events at one time: those with the largest priority first."""
    if one.priority is None:
        return math.inf
    if names(one.priority):
        raise EquationError(f"the priority of the event `{one.name}` is a formula; our text knows numbers there")
    return -float(evaluate(one.priority, {}))


def _margin(one: Trigger) -> Expr:
    try:
        return margin(one.condition)
    except EquationError as error:
        raise EquationError(f"the event `{one.name}`: {error.sentence}") from None


def _moving(expr: Expr, model: KineticModel) -> bool:
    return any(name in model.rates or name in model.quantities or name == "t" for name in names(expr))


def _still(one: Trigger, model: KineticModel) -> bool:
    return not any(_moving(value, model) for _, value in one.changes)


def _moment(one: Trigger, model: KineticModel) -> Expr | None:
    """The time of an event that waits for a time alone; None for others."""
    match one.condition:
        case Call(">" | ">=", (Name("t"), when)) | Call("<" | "<=", (when, Name("t"))) if not _moving(when, model):
            return when if not one.holds_before or _late(when) else None
        case _:
            return None


def _late(when: Expr) -> bool:
    """Whether a time is known to come after the begin of usual simulations."""
    return not names(when) and float(evaluate(when, {})) > 0


def _assigned(changes: list[tuple[str, Expr]]) -> str:
    return ", ".join(f"{name} = {to_text(_finite(value, name))}" for name, value in changes)
