"""A model as SBML: mechanistic, distilled, or still with networks, whose units become rules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ndestudio.errors import ExportError
from ndestudio.exchange.from_system import kinetic_from, layers_as_rules
from ndestudio.exchange.kinetic import KineticModel, Trigger, ordered
from ndestudio.exchange.sbml.write import sbml_text
from ndestudio.export.content import Content
from ndestudio.export.event_parts import event_text
from ndestudio.export.exporter import Exporter, Options, Subject, Trial
from ndestudio.export.networks import RAW, exported
from ndestudio.export.paths import InputTable
from ndestudio.expression.numeric import as_number
from ndestudio.expression.tree import Binary, Call, Expr, Name, Number, substitute, transform
from ndestudio.model.events import GIVEN
from ndestudio.model.fitted import FittedModel

MOST_PIECES = 2000
MOST_EVENTS = 10_000
RUN = """
import csv, re, sys
import roadrunner
roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
text = open(sys.argv[1], encoding="utf-8").read()
stop = float(re.search(r'<span xmlns="urn:ndestudio" start="0" stop="([^"]*)"', text)[1])
names = re.findall(r'<rateRule variable="([^"]*)"', text)
model = roadrunner.RoadRunner(text)
model.integrator.relative_tolerance, model.integrator.absolute_tolerance = 1e-10, 1e-12
model.integrator.maximum_num_steps = 200000
model.timeCourseSelections = ["time", *names]
rows = model.simulate(0.0, stop, int(sys.argv[2]))
writer = csv.writer(sys.stdout)
writer.writerow(["t", *names])
writer.writerows([[repr(float(x)) for x in row] for row in rows])
"""
"""Simulates the file in libroadrunner along the time that its annotation names."""


def write(subject: Subject, options: Options) -> str:
    """The SBML file of a model, which begins like its first trajectory."""
    content = subject.content
    start = content.tracks[0].start
    lines = [*content.origin.sentences(), *content.notes]
    lines += [event_text(event) for event in content.events]
    lines += [f"The time counts from {start:g}."] if start != 0.0 else []
    stop = content.tracks[0].stop - start
    return sbml_text(
        kinetic(subject.model, content), lines, annotation=f'<span xmlns="urn:ndestudio" start="0" stop="{stop!r}"/>'
    )


def kinetic(model: FittedModel, content: Content) -> KineticModel:
    """A fitted model with its networks written out.

    Raises
    ------
    ExportError
        It has something that SBML cannot say.
    """
    rules: dict[str, Expr] = {}
    calls: dict[Call, Expr] = {}

    def written(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in model.networks:
            if node not in calls:
                calls[node] = _network(model, node, f"{node.function}_call_{len(calls) + 1}", rules)
            return calls[node]
        return node

    track, system = content.tracks[0], model.system
    # SBML begins at 0
    shift: Expr = Name("t") if track.start == 0.0 else Binary("+", Name("t"), Number(track.start))
    tables = {
        name: _path(table.until(track.stop), name) for name, table in zip(system.inputs, track.inputs, strict=True)
    }
    repeated = [name for name, table in zip(system.inputs, track.inputs, strict=True) if table.period]
    if repeated:
        raise ExportError(f"the input `{repeated[0]}` repeats itself, which SBML has no way to say")
    change = lambda expr: substitute(transform(expr, written), {"t": shift})  # noqa: E731
    expanded = replace(
        system,
        rhs=tuple(change(one) for one in system.rhs),
        outputs={name: change(one) for name, one in system.outputs.items()},
        events=(),
        neural_terms=(),
        inputs=(),
    )
    triggers = _triggers(content, change)
    rules.update({name: substitute(expr, {"t": shift}) for name, expr in tables.items()})
    quantities = (*content.states, *content.parameters, *(quantity for quantity, _ in content.outputs))
    found = kinetic_from(
        expanded,
        {name: float(model.parameters[name]) for name in system.parameters},
        {name: Number(float(value)) for name, value in zip(system.states, track.initial, strict=True)},
        name=content.title,
        more={name: rules[name] for name in ordered(rules, rules, "rules")},
        units={one.name: one.unit for one in quantities},
    )
    return replace(found, triggers=triggers)


def _path(table: InputTable, name: str) -> Expr:
    """An input as polynomials of the time between its breaks."""
    breaks = table.breaks.tolist()
    if len(breaks) > MOST_PIECES:
        raise ExportError(
            f"the input `{name}` has {len(breaks)} pieces; SBML has no tables, and up to {MOST_PIECES} are written as a choice"
        )
    parts: list[Expr] = [as_number(float(table.coefficients[0][0])), Call("<", (Name("t"), as_number(breaks[0])))]
    for k, begin in enumerate(breaks):
        since = Binary("-", Name("t"), as_number(begin))
        value: Expr = as_number(float(table.coefficients[-1][k]))
        for column in reversed(table.coefficients[:-1]):
            value = Binary("+", as_number(float(column[k])), Binary("*", since, value))
        parts.append(value)
        if k + 1 < len(breaks):
            parts.append(Call("<", (Name("t"), as_number(breaks[k + 1]))))
    return Call("piecewise", tuple(parts))


def _triggers(content: Content, change: Callable[[Expr], Expr]) -> tuple[Trigger, ...]:
    """Events of the first trajectory, in the time of the file: those at known times by their numbers.

    At known times inputs are numbers: what they are just before. A file would read what they jump to.
    """
    track, found = content.tracks[0], []
    if len(track.happens.t) > MOST_EVENTS:
        raise ExportError(f"the first trajectory has {len(track.happens.t)} events; up to {MOST_EVENTS} are written")
    for k in range(len(track.happens.t)):
        event, t = content.events[int(track.happens.which[k])], float(track.happens.t[k])
        if not track.start <= t < track.stop:
            continue
        known: dict[str, Expr] = {
            one.name: Number(table.before(t)) for one, table in zip(content.inputs, track.inputs, strict=True)
        }
        known[GIVEN] = Number(float(track.happens.given[k]))
        changes = tuple((state, change(substitute(value, known))) for state, value in event.changes)
        due = Call(">=", (Name("t"), as_number(t - track.start)))
        found.append(
            Trigger(
                f"event_{k + 1}", due, changes, priority=as_number(float(-k)), holds_before=False, values_then=False
            )
        )
    for k in content.conditions:
        event = content.events[k]
        assert event.condition is not None
        changes = tuple((state, change(value)) for state, value in event.changes)
        waits = Call(">", (change(event.condition), Number(0.0)))
        found.append(
            Trigger(
                f"condition_{k + 1}", waits, changes, priority=as_number(float(-MOST_EVENTS - k)), values_then=False
            )
        )
    return tuple(found)


def _network(model: FittedModel, call: Call, name: str, rules: dict[str, Expr]) -> Expr:
    """A call of a network; its units are added to ``rules``."""
    form = exported(model.networks[call.function])
    given = dict(zip(form.arguments, call.arguments, strict=True))
    inputs = tuple(
        Binary("/", Binary("-", substitute(one, given), Number(float(center))), Number(float(scale)))
        for one, center, scale in zip(form.inputs, form.center, form.scale, strict=True)
    )
    layers = tuple((np.asarray(weights), np.asarray(biases)) for weights, biases in form.layers)
    more, raw = layers_as_rules(name, inputs, layers, form.activation)
    rules.update(more)
    rules[name] = raw
    return substitute(form.output, {**given, RAW: Name(name)})


def run(trial: Trial) -> Sequence[str] | str:
    """How the file is run again, in libroadrunner."""
    if importlib.util.find_spec("roadrunner") is None:
        return "Not run again: libroadrunner is not installed."
    (trial.folder / "run.py").write_text(RUN, "utf-8")
    return [sys.executable, "-I", "run.py", trial.file, str(trial.points)]


EXPORTER = Exporter(
    "sbml",
    "SBML Level 3",
    "model.xml",
    write,
    label="SBML",
    description="For COPASI, roadrunner, PEtab",
    language="text",
    rerun=run,
    delays=True,
    events=True,
)
