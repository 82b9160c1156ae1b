"""Our models as a ``KineticModel``, to be written in the formats of others."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ndestudio.errors import ExportError
from ndestudio.exchange.kinetic import KineticModel, Trigger
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.tree import Binary, Call, Expr, Name, Number, children, names, size, with_children
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.events import Event, text_of, word
from ndestudio.model.parse import parse_system
from ndestudio.model.system import System

MOST = 1000
"""Times of an event that comes again and again."""


def kinetic_of(config: ModelConfig) -> KineticModel:
    """The model of text and tables alone.

    Raises
    ------
    EquationError
        The text has an error.
    ExportError
        It needs something that others cannot say: a network, measured inputs, doses of the data, noise.
    """
    system = parse_system(config, (), ())
    if system.neural_terms:
        raise ExportError(
            f"the network `{system.neural_terms[0].name}` is not trained; train the model first, or write a formula in its place"
        )
    parameters = {name: config.parameters.get(name, ParameterConfig()).value for name in system.parameters}

    def start(state: str) -> Expr:
        value = config.initial.get(state, InitialConfig()).value
        if isinstance(value, str):
            return parse_expression(value)
        return Number(math.nan) if value is None else Number(float(value))

    units = {**{name: one.unit for name, one in config.parameters.items()}, **config.units}
    starts = {state: start(state) for state in system.states}
    titles = {name: one.note for name, one in config.parameters.items() if one.note}
    return kinetic_from(system, parameters, starts, name=config.name or "model", units=units, titles=titles)


def kinetic_from(
    system: System,
    parameters: Mapping[str, float],
    starts: Mapping[str, Expr],
    *,
    name: str,
    more: Mapping[str, Expr] | None = None,
    units: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
) -> KineticModel:
    """A system with its numbers.

    Parameters
    ----------
    starts
        Initial value of each state.
    more
        Further quantities, in the order in which they are computed (layers of networks).

    Raises
    ------
    ExportError
        It has something that others cannot say.
    """
    if system.inputs:
        raise ExportError(
            f"the equations read the measured input `{system.inputs[0]}`, a table of times and values, which this form has not; write a "
            "formula of `t` in its place"
        )
    if system.algebraic:
        raise ExportError(
            f"`{system.algebraic[0].name}` is the solution of an equation, which this form is not written with yet"
        )
    if system.diffusion:
        raise ExportError(
            f"the equations are driven by the noise `{next(iter(system.diffusion))}`, which this form has not"
        )
    outputs = {key: expr for key, expr in system.outputs.items() if key not in system.states}
    known = {**dict(zip(system.states, system.rhs, strict=True)), **outputs}
    units = {key: text for key, text in (units or {}).items() if text and (key in known or key in parameters)}
    quantities, bodies = dict(more or {}), {}
    for key, expr in sorted(outputs.items(), key=lambda one: size(one[1])):
        quantities[key] = _named(expr, bodies)
        if size(expr) > 1:
            bodies.setdefault(expr, key)
    return KineticModel(
        name=name,
        rates={state: _named(rhs, bodies) for state, rhs in zip(system.states, system.rhs, strict=True)},
        quantities=quantities,
        constants=dict(parameters),
        initial=dict(starts),
        triggers=tuple(
            _trigger(one, k, moment) for k, one in enumerate(system.events) for moment in _moments(one, parameters)
        ),
        units=units,
        titles=titles or {},
    )


def _named(expr: Expr, bodies: Mapping[Expr, str]) -> Expr:
    """An expression with what has a name of its own called by it, as the text had it."""
    found = bodies.get(expr)
    if found is not None:
        return Name(found)
    inner = children(expr)
    return with_children(expr, tuple(_named(one, bodies) for one in inner)) if inner else expr


def _moments(event: Event, parameters: Mapping[str, float]) -> list[Expr | None]:
    """Times of an event; None for one that waits for a condition."""
    if event.kind == "when":
        return [None]
    if event.kind == "at":
        return list(event.times)
    if event.kind == "every":
        if any(set(names(one)) - set(parameters) for one in event.times):
            raise ExportError(f"the times of the event `{word(event)}` are no numbers, and cannot be written")
        interval, first, last = (float(evaluate(one, parameters)) for one in event.times)
        count = math.floor((last - first) / interval * (1 + 1e-12) + 1e-9) + 1 if interval > 0 else 0
        if not 0 < count <= MOST:
            raise ExportError(f"the event `{word(event)}` comes {count} times; up to {MOST} are written")
        return [Number(first + k * interval) for k in range(count)]
    raise ExportError(f"the event `{text_of(event)}` is about doses of the data, which this form has not")


def _trigger(event: Event, place: int, moment: Expr | None) -> Trigger:
    if moment is None:
        assert event.condition is not None
        return Trigger(f"event_{place + 1}", Call(">", (event.condition, Number(0.0))), event.changes)
    # at the begin itself it happens, too: the condition counts as new there
    due = Call(">=", (Name("t"), moment))
    name = f"event_{place + 1}" + (f"_{moment.value:g}" if isinstance(moment, Number) else "")
    return Trigger(name.replace(".", "_").replace("-", "m").replace("+", ""), due, event.changes, holds_before=False)


def layers_as_rules(
    name: str,
    inputs: tuple[Expr, ...],
    layers: tuple[tuple[object, object], ...],
    activation: str,
) -> tuple[dict[str, Expr], Expr]:
    """A feed-forward network as rules: one for each unit, and the last value.

    Parameters
    ----------
    inputs
        What enters the first layer.
    layers
        Weights [out, in] and biases [out] of each; all but the last are followed by the activation.
    activation
        `tanh`, `softplus`, `gelu` (by tanh), `swish` or `sin`.
    """
    import numpy as np

    rules: dict[str, Expr] = {}
    values: list[Expr] = list(inputs)
    for k, (weights, biases) in enumerate(layers):
        W, b = np.asarray(weights, dtype=float), np.asarray(biases, dtype=float)
        following: list[Expr] = []
        for i in range(len(b)):
            total: Expr = Number(float(b[i]))
            for j, value in enumerate(values):
                total = Binary("+", total, Binary("*", Number(float(W[i, j])), value))
            if k == len(layers) - 1:
                return rules, total
            key = f"{name}_{k + 1}_{i + 1}"
            rules[f"{key}_in"] = total
            rules[key] = _activated(activation, Name(f"{key}_in"))
            following.append(Name(key))
        values = following
    raise ExportError(f"the network `{name}` has no layers")


def _activated(activation: str, x: Expr) -> Expr:
    if activation in ("tanh", "sin"):
        return Call(activation, (x,))
    if activation == "softplus":
        return Call("softplus", (x,))
    if activation == "swish":
        return Binary("*", x, Call("sigmoid", (x,)))
    if activation == "gelu":
        cubic = Binary("+", x, Binary("*", Number(0.044715), Binary("^", x, Number(3.0))))
        inner = Binary("*", Number(math.sqrt(2.0 / math.pi)), cubic)
        return Binary("*", Binary("*", Number(0.5), x), Binary("+", Number(1.0), Call("tanh", (inner,))))
    raise ExportError(f"the activation `{activation}` is not written in this form")
