"""A model as JSON: everything needed to rebuild it elsewhere. The schema is in ``docs/model-json.md``."""

from __future__ import annotations

from typing import Any

from ndestudio.export.content import Content, Quantity
from ndestudio.export.exporter import Exporter
from ndestudio.export.networks import exported
from ndestudio.export.paths import InputTable
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number, substitute
from ndestudio.json_text import json_text
from ndestudio.model.events import GIVEN, Event, given_name, text_of

SCHEMA = "ndestudio-model/2"
"""Name and version: the number grows when a reader of the old form would misread the new one."""

SCHEMA_NOISE = "ndestudio-model/3"
"""Of models with noise: `rhs` is the drift alone there, which a reader of the second form would take for all."""


def model_json(content: Content) -> str:
    """The whole model, numbers at full precision."""
    return json_text(model_value(content), indent=1)


def model_value(content: Content) -> dict[str, Any]:
    """The value that ``model_json`` writes (numbers that are not finite as null): plain lists, dictionaries, numbers and text."""
    return {
        "schema": SCHEMA_NOISE if content.noises else SCHEMA,
        "title": content.title,
        "time": {"name": "t", "label": content.time.note or "t", "unit": content.time.unit},
        "states": [
            {**_quantity(quantity), "rhs": to_text(rhs), "tree": tree(rhs), **_diffusion(row), "scale": float(scale)}
            for quantity, rhs, row, scale in zip(
                content.states, content.equations, content.spread, content.scale, strict=True
            )
        ],
        **({"noises": list(content.noises), "calculus": content.calculus} if content.noises else {}),
        **(
            {
                "algebraic": [
                    {
                        "name": one.name,
                        "residual": to_text(one.residual),
                        "tree": tree(one.residual),
                        "start": to_text(one.start),
                    }
                    for one in content.algebraic
                ]
            }
            if content.algebraic
            else {}
        ),
        "outputs": [{**_quantity(q), "expression": to_text(expr), "tree": tree(expr)} for q, expr in content.outputs],
        "inputs": [_quantity(quantity) for quantity in content.inputs],
        "parameters": [{**_quantity(q), "value": q.value, "note": q.note} for q in content.parameters],
        "past": _past(content),
        "events": [_event(event) for event in content.events],
        "formulas": {
            name: {"arguments": list(arguments), "expression": to_text(body)}
            for name, (arguments, body) in content.formulas.items()
        },
        "networks": {name: _network(network) for name, network in content.networks.items()},
        "trajectories": [
            {
                "name": track.name,
                "start": track.start,
                "stop": track.stop,
                "initial": track.initial.tolist(),
                "inputs": [_path(one) for one in track.inputs],
                "events": [
                    {"t": t, "event": which, "amount": amount}
                    for t, which, amount in zip(
                        track.happens.t.tolist(),
                        track.happens.which.tolist(),
                        track.happens.given.tolist(),
                        strict=True,
                    )
                ],
            }
            for track in content.tracks
        ],
        "origin": _origin(content),
    }


def _diffusion(row: tuple[Expr, ...]) -> dict[str, Any]:
    """What each noise is multiplied by in the equation of a state."""
    return {"diffusion": [{"expression": to_text(one), "tree": tree(one)} for one in row]} if row else {}


def tree(expr: Expr) -> Any:
    """``expr`` as nested lists, operator first: numbers and names are leaves, `["neg", x]` is a change of sign."""
    match expr:
        case Number(value):
            return value
        case Name(name):
            return name
        case Negate(operand):
            return ["neg", tree(operand)]
        case Binary(operator, left, right):
            return [operator, tree(left), tree(right)]
        case Call(function, arguments):
            return [function, *(tree(argument) for argument in arguments)]
        case Delay(operand, lag):
            return ["delay", tree(operand), tree(lag)]


def _path(one: InputTable) -> dict[str, Any]:
    path = {"breaks": one.breaks.tolist(), "coefficients": [column.tolist() for column in one.coefficients]}
    return path | ({"repeats": {"low": one.low, "high": one.high, "period": one.period}} if one.period else {})


def _past(content: Content) -> dict[str, Any]:
    """Formulas of the states before the begin, where delays read them."""
    delays = content.delays
    given = zip(content.states, delays.past, strict=True) if delays is not None else ()
    return {q.name: {"expression": to_text(one), "tree": tree(one)} for q, one in given if one is not None}


def _event(event: Event) -> dict[str, Any]:
    def shown(expr: Expr) -> dict[str, Any]:
        named = substitute(expr, {GIVEN: Name(given_name(event.kind))})
        return {"expression": to_text(named), "tree": tree(named)}

    return {
        "kind": event.kind,
        "text": text_of(event),
        "times": [shown(one) for one in event.times],
        "condition": None if event.condition is None else shown(event.condition),
        "compartment": event.compartment,
        "changes": [{"state": state, **shown(value)} for state, value in event.changes],
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {"name": quantity.name, "unit": quantity.unit}


def _network(network: Any) -> dict[str, Any]:
    form = exported(network)
    return {
        "arguments": list(form.arguments),
        "activation": form.activation,
        "center": form.center.tolist(),
        "scale": form.scale.tolist(),
        "layers": [{"weights": weights.tolist(), "biases": biases.tolist()} for weights, biases in form.layers],
        "output": to_text(form.output),
    } | ({"inputs": [to_text(entering) for entering in form.inputs]} if network.config.basis else {})


def _origin(content: Content) -> dict[str, Any]:
    origin = content.origin
    metrics = origin.metrics
    parts = {} if metrics is None else {"train": metrics.train, "validation": metrics.validation, "test": metrics.test}
    return {
        "program": origin.program,
        "date": origin.date,
        "seed": origin.seed,
        "engine": origin.engine,
        "sources": [
            {"path": source.path.replace("\\", "/").rsplit("/", 1)[-1], "sha256": source.sha256}
            for source in origin.sources
        ],
        "nrmse": {part: dict(errors) for part, errors in parts.items()},
        "notes": [*origin.notes, *content.notes],
    }


EXPORTER = Exporter(
    "json",
    "JSON",
    "model.json",
    lambda subject, options: model_json(subject.content),
    label="JSON",
    description="Everything as data",
    language="json",
    proof="Data, not a program; there is nothing to run.",
    delays=True,
    events=True,
    algebraic=True,
    noise=True,
)
