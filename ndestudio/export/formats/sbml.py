"""A model as SBML: mechanistic, distilled, or still with networks, whose units become rules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ndestudio.errors import ExportError
from ndestudio.exchange.from_system import kinetic_from, layers_as_rules
from ndestudio.exchange.kinetic import KineticModel, ordered
from ndestudio.exchange.sbml.write import sbml_text
from ndestudio.export.content import Content
from ndestudio.export.exporter import Exporter, Options, Subject, Trial
from ndestudio.export.networks import RAW, exported
from ndestudio.expression.numeric import as_number
from ndestudio.expression.tree import Binary, Call, Expr, Name, Number, substitute, transform
from ndestudio.model.events import Event
from ndestudio.model.fitted import FittedModel

MOST_SAMPLES = 2000
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
    tables = {name: _path(t, values, name) for name, (t, values) in zip(system.inputs, track.inputs, strict=True)}
    change = lambda expr: substitute(transform(expr, written), {"t": shift})  # noqa: E731
    expanded = replace(
        system,
        rhs=tuple(change(one) for one in system.rhs),
        outputs={name: change(one) for name, one in system.outputs.items()},
        events=tuple(_moved(one, shift, track.start) for one in system.events),
        neural_terms=(),
        inputs=(),
    )
    rules.update({name: substitute(expr, {"t": shift}) for name, expr in tables.items()})
    quantities = (*content.states, *content.parameters, *(quantity for quantity, _ in content.outputs))
    return kinetic_from(
        expanded,
        {name: float(model.parameters[name]) for name in system.parameters},
        {name: Number(float(value)) for name, value in zip(system.states, track.initial, strict=True)},
        name=content.title,
        more={name: rules[name] for name in ordered(rules, rules, "rules")},
        units={one.name: one.unit for one in quantities},
    )


def _path(t: np.ndarray, values: np.ndarray, name: str) -> Expr:
    """An input as straight lines between its samples, held before and after them."""
    if len(t) > MOST_SAMPLES:
        raise ExportError(
            f"the input `{name}` has {len(t)} samples; SBML has no tables, and up to {MOST_SAMPLES} are written as a choice of lines"
        )
    parts: list[Expr] = [as_number(float(values[0])), Call("<", (Name("t"), as_number(float(t[0]))))]
    for k in range(len(t) - 1):
        width = float(t[k + 1] - t[k])
        if width > 0:
            slope = as_number(float(values[k + 1] - values[k]) / width)
            since = Binary("-", Name("t"), as_number(float(t[k])))
            parts += [
                Binary("+", as_number(float(values[k])), Binary("*", slope, since)),
                Call("<", (Name("t"), as_number(float(t[k + 1])))),
            ]
    return Call("piecewise", (*parts, as_number(float(values[-1]))))


def _moved(event: Event, shift: Expr, start: float) -> Event:
    """An event in the time of the file."""
    changes = tuple((state, substitute(value, {"t": shift})) for state, value in event.changes)
    condition = None if event.condition is None else substitute(event.condition, {"t": shift})
    if start == 0.0 or event.kind == "when":
        return replace(event, changes=changes, condition=condition)
    at = [Binary("-", one, Number(start)) for one in event.times]
    times = (event.times[0], *at[1:]) if event.kind == "every" else tuple(at)
    return replace(event, changes=changes, times=times)


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
