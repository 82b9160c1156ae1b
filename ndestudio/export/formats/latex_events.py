"""Events in LaTeX: when, and what changes."""

from __future__ import annotations

from ndestudio.export.content import Content
from ndestudio.expression.latex import symbol, to_latex
from ndestudio.expression.tree import Binary, Name, Number, substitute
from ndestudio.model.events import GIVEN, Event, given_name


def event_sides(content: Content, digits: int = 5) -> list[tuple[str, str]]:
    """Left and right side of each event: when it happens, and the states after it."""
    sides = []
    for event in content.events:
        shown = {GIVEN: Name(given_name(event.kind))}
        changes = (
            rf"{symbol(state)} \leftarrow {to_latex(substitute(value, shown), digits=digits)}"
            for state, value in event.changes
        )
        sides.append((_when(event, digits), r",\; ".join(changes)))
    return sides


def dose_table(content: Content) -> list[tuple[str, str, float, float]]:
    """Trajectory, event, time and amount (or rate) of each dose of the data that makes one happen."""
    rows = []
    for track in content.tracks:
        for k, event in enumerate(content.events):
            rows += [(track.name, _said(event), time, amount) for time, amount, _ in track.doses(k)]
    return rows


_WORDS = {
    "doses": "doses",
    "infusions": "begins of infusions",
    "ends": "ends of infusions",
    "modelled": "doses whose duration is modelled",
    "resets": "resets",
    "regimens": "doses at steady state",
}


def _said(event: Event) -> str:
    what = _WORDS.get(event.kind, event.kind)
    return f"{what}, compartment {event.compartment}" if event.compartment and event.kind != "regimens" else what


def when(event: Event, digits: int = 5) -> str:
    """The head of an event."""
    return _when(event, digits)


def _when(event: Event, digits: int) -> str:
    shown = {GIVEN: Name(given_name(event.kind))}
    written = [to_latex(substitute(one, shown), digits=digits) for one in event.times]
    match event.kind:
        case "at":
            return rf"\text{{at }} t = {', '.join(written)}: "
        case "every":
            return rf"\text{{every }} {written[0]} \text{{ from }} {written[1]} \text{{ to }} {written[2]}: "
        case "when":
            return rf"\text{{when }} {_condition(event, digits)}: "
        case _:
            where = f"({event.compartment})" if event.compartment.isalnum() else ""
            later = "" if not event.times or event.times[0] == Number(0.0) else f" + {written[0]}"
            return rf"\text{{at {_WORDS.get(event.kind, event.kind)}{where}}}{later}: "


def _condition(event: Event, digits: int) -> str:
    condition = event.condition
    if isinstance(condition, Binary) and condition.operator == "-":
        return f"{to_latex(condition.left, digits=digits)} > {to_latex(condition.right, digits=digits)}"
    return f"{to_latex(condition, digits=digits)} > 0" if condition is not None else ""
