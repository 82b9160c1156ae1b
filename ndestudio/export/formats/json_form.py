"""A model as JSON: everything needed to rebuild it elsewhere. The schema is in ``docs/model-json.md``."""

from __future__ import annotations

from typing import Any

from ndestudio.export.content import Content, Quantity
from ndestudio.export.exporter import Exporter
from ndestudio.export.networks import exported
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number
from ndestudio.json_text import json_text

SCHEMA = "ndestudio-model/1"
"""Name and version: the number grows when a reader of the old form would misread the new one."""


def model_json(content: Content) -> str:
    """The whole model, numbers at full precision."""
    return json_text(model_value(content), indent=1)


def model_value(content: Content) -> dict[str, Any]:
    """The value that ``model_json`` writes (numbers that are not finite as null): plain lists, dictionaries, numbers and text."""
    return {
        "schema": SCHEMA,
        "title": content.title,
        "time": {"name": "t", "label": content.time.note or "t", "unit": content.time.unit},
        "states": [
            {**_quantity(quantity), "rhs": to_text(rhs), "tree": tree(rhs), "scale": float(scale)}
            for quantity, rhs, scale in zip(content.states, content.equations, content.scale, strict=True)
        ],
        "outputs": [{**_quantity(q), "expression": to_text(expr), "tree": tree(expr)} for q, expr in content.outputs],
        "inputs": [_quantity(quantity) for quantity in content.inputs],
        "parameters": [{**_quantity(q), "value": q.value, "note": q.note} for q in content.parameters],
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
                "inputs": [{"t": t.tolist(), "values": values.tolist()} for t, values in track.inputs],
            }
            for track in content.tracks
        ],
        "origin": _origin(content),
    }


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
)
