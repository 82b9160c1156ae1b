"""Starts that are read from the history of a run: which states have one, and what that says of the terms of a model."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ndestudio.errors import EquationError
from ndestudio.expression.tree import Expr, calls, names
from ndestudio.model.config import InitialConfig, ModelConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.system import System


def encoded_states(config: ModelConfig) -> tuple[str, ...]:
    """States whose start is read from the history, in the order of the settings."""
    return tuple(name for name, one in config.initial.items() if one.encoder)


def encoder_problem(one: InitialConfig) -> str:
    """Why the settings of a start do not go with an encoder; "" where they do."""
    if isinstance(one.value, str) or one.past is not None:
        return 'a formula gives it, and `encoder = "history"` would as well; keep one of them'
    if one.shared:
        return "one value for all runs (`shared`) and one from the history of each (`encoder`) exclude each other"
    if one.fit is False:
        return "`fit = false` keeps it and `encoder` estimates it; leave out one of them"
    if one.value is not None and one.prior is not None:
        return "the prior says where it lies; leave `value` out"
    low, high = one.lower, one.upper
    kind = None if one.prior is None else one.prior.kind
    if kind == "normal" and (low is not None or high is not None):
        return "a normal prior of an encoded start has no bounds; take a log-normal prior (above 0) or a uniform one"
    if kind == "log-normal" and (high is not None or (low is not None and low != 0)):
        return "a log-normal prior of an encoded start has no further bounds; take a uniform prior"
    if kind is None and (low is None) != (high is None):
        return (
            "an encoded start has two bounds, none, or a prior (above 0: log-normal); one bound alone says too little"
        )
    return ""


def refuse_encoder(config: ModelConfig, what: str) -> None:
    """Refuse a model whose starts are read from histories, in what does not know them.

    Raises
    ------
    EquationError
        Naming a state.
    """
    for name in encoded_states(config):
        raise EquationError(
            f'{what} does not know starts that are read from the history of a run (`encoder = "history"` of `{name}`); leave `encoder` out '
            "to have them estimated run by run"
        )


def free_states(system: System) -> tuple[str, ...]:
    """States that nobody measures and that a network moves: any other scale, or invertible change, of them would do as well."""
    networks = {one.name for one in system.neural_terms}
    shown = {name for expr in system.outputs.values() if not calls(expr, networks) for name in _alone(expr, system)}
    return tuple(
        state
        for state, rhs in zip(system.states, system.rhs, strict=True)
        if calls(rhs, networks) and state not in shown and state not in system.outputs
    )


def _alone(expr: Expr, system: System) -> tuple[str, ...]:
    """The state that a known formula of it alone shows."""
    states = [name for name in names(expr) if name in system.states]
    return tuple(states) if len(states) == 1 else ()


def not_identified(system: System, measured: tuple[str, ...]) -> dict[str, str]:
    """Networks whose formula the data cannot tell, and why: those that move a free hidden state or read one."""
    free = {state for state in free_states(system) if state not in measured}
    found: dict[str, str] = {}
    for state, rhs in zip(system.states, system.rhs, strict=True):
        for call in calls(rhs, {one.name for one in system.neural_terms}):
            if state in free:
                found[call.function] = _why(call.function, "moves", state)
    for one in system.neural_terms:
        expressions = [call for expr in system.expressions for call in calls(expr, {one.name})]
        read = [name for call in expressions for argument in call.arguments for name in names(argument) if name in free]
        if read:
            found.setdefault(one.name, _why(one.name, "reads", read[0]))
    return found


def _why(network: str, does: str, state: str) -> str:
    return (
        f"`{network}` stays a network: it {does} `{state}`, which nobody measures and only networks describe, so that any invertible change "
        f"of `{state}` (its scale, its sign, its shape) fits the data as well, and no formula is determined. Monotone and bounded networks "
        f"leave that as it is. A column that shows `{state}` by a known formula (such as `marker = {state}`) would fix it."
    )


def with_starts_kept(model: FittedModel) -> FittedModel:
    """The same model with the starts that an encoder gave as known ones."""
    encoded = set(encoded_states(model.config))
    initial = {name: InitialConfig(fit=False) if name in encoded else one for name, one in model.config.initial.items()}
    return replace(model, config=msgspec.structs.replace(model.config, initial=initial))
