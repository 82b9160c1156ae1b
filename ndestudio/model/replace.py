"""Putting a formula in the place of a neural hole, and taking it out again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ndestudio.errors import EquationError
from ndestudio.expression.numeric import as_number, fold
from ndestudio.expression.parse import did_you_mean
from ndestudio.expression.tree import (
    Binary,
    Expr,
    Name,
    Negate,
    Number,
    calls,
    children,
    expand_calls,
    names,
    substitute,
    with_children,
)
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel, NetworkWeights, Replacement
from ndestudio.model.parse import parse_system
from ndestudio.model.system import System


def replace_hole(model: FittedModel, hole: str, expression: Expr, *, keep: Collection[float] = ()) -> FittedModel:
    """The model with ``expression`` in the place of a hole (or of the formula that took its place before).

    Each number of the formula becomes a parameter `<hole>_1`, `<hole>_2`, ... that starts at its value; whole-numbered
    exponents stay as they are, since they make the form of the formula.

    Arguments:
        expression: in the formal argument names of the hole; names of the model's parameters may be used too.
        keep: magnitudes of numbers that stay numbers (such as the 1 of a normalised `y/(1 + y)`) and are not fitted.

    Raises:
        EquationError: no such hole, or the formula uses a name or a network that it cannot.
    """
    original = parse_system(model.config, model.measured, model.inputs)
    _require_hole(original, hole)
    arguments = original.hole(hole).arguments
    _check_names(original, hole, arguments, expression)
    taken = {*original.states, *original.inputs, *original.outputs, *arguments, *names(expression), "t"}
    taken |= {*original.parameters, *model.config.networks}
    for other, replacement in model.replacements.items():
        if other != hole:
            taken |= set(replacement.parameters)
    formula, values = parametrise(expression, hole, taken, keep)
    replacements = {**model.replacements, hole: Replacement(arguments, formula, tuple(values))}
    return _with_replacements(model, original, replacements, values)


def restore_hole(model: FittedModel, hole: str, network: NetworkWeights) -> FittedModel:
    """The model with ``network`` back in the place of the formula that replaced a hole."""
    original = parse_system(model.config, model.measured, model.inputs)
    _require_hole(original, hole)
    replacements = {name: replacement for name, replacement in model.replacements.items() if name != hole}
    model = replace(model, networks={**model.networks, hole: network})
    return _with_replacements(model, original, replacements, {})


def replaced_system(
    config: ModelConfig, measured: tuple[str, ...], inputs: tuple[str, ...], replacements: Mapping[str, Replacement]
) -> System:
    """The system of ``config`` with formulas put in for the replaced holes."""
    return _expanded(parse_system(config, measured, inputs), replacements)


def parametrise(
    expression: Expr, prefix: str, taken: set[str] | frozenset[str] = frozenset(), keep: Collection[float] = ()
) -> tuple[Expr, dict[str, float]]:
    """``expression`` with its numbers replaced by parameters `<prefix>_1`, ...

    Returns:
        The formula and the parameters' values. Signs go into the values; whole-numbered exponents stay numbers.
    """
    values: dict[str, float] = {}
    number = 0

    def fresh(value: float) -> Expr:
        nonlocal number
        number += 1
        while f"{prefix}_{number}" in taken:
            number += 1
        values[f"{prefix}_{number}"] = value
        return Name(f"{prefix}_{number}")

    def change(expr: Expr) -> Expr:
        match expr:
            case Number(value) | Negate(Number(value)) if abs(value) in keep:
                return expr
            case Number(value):
                return fresh(value)
            case Negate(Number(value)):
                return fresh(-value)
            case Binary("^", base, Number(value) | Negate(Number(value))) if value == int(value):
                return Binary("^", change(base), expr.right)
            case _:
                return with_children(expr, tuple(change(child) for child in children(expr)))

    return change(expression), values


def numbers_filled(model: FittedModel) -> dict[str, Expr]:
    """Right-hand side of each state with numbers in the place of parameters; holes left neural stay calls."""
    values = {name: as_number(float(value)) for name, value in model.parameters.items()}
    return {
        state: fold(substitute(expr, values)) for state, expr in zip(model.system.states, model.system.rhs, strict=True)
    }


def formula_filled(model: FittedModel, hole: str) -> Expr | None:
    """The formula in the place of ``hole`` with numbers in it, in its formal argument names; None if it is neural."""
    replacement = model.replacements.get(hole)
    if replacement is None:
        return None
    values = {name: as_number(float(model.parameters[name])) for name in replacement.parameters}
    return fold(substitute(replacement.expression, values))


def _require_hole(system: System, hole: str) -> None:
    known = [other.name for other in system.holes]
    if hole not in known:
        raise EquationError(f"the model has no network `{hole}`{did_you_mean(hole, known)}")


def _check_names(system: System, hole: str, arguments: tuple[str, ...], expression: Expr) -> None:
    for name in names(expression):
        if name not in arguments and name not in system.parameters:
            allowed = ", ".join(f"`{argument}`" for argument in arguments)
            guess = did_you_mean(name, [*arguments, *system.parameters])
            raise EquationError(
                f"the formula for `{hole}` uses `{name}`, which is none of its arguments ({allowed}){guess}"
            )
    inner = calls(expression)
    if inner:
        raise EquationError(f"the formula for `{hole}` calls `{inner[0].function}`; it must be free of networks")


def _expanded(original: System, replacements: Mapping[str, Replacement]) -> System:
    definitions = {name: (item.arguments, item.expression) for name, item in replacements.items()}
    added = [name for item in replacements.values() for name in item.parameters]
    return System(
        states=original.states,
        rhs=tuple(expand_calls(expr, definitions) for expr in original.rhs),
        outputs={name: expand_calls(expr, definitions) for name, expr in original.outputs.items()},
        parameters=(*original.parameters, *added),
        inputs=original.inputs,
        holes=tuple(item for item in original.holes if item.name not in replacements),
        penalties={name: expand_calls(expr, definitions) for name, expr in original.penalties.items()},
    )


def _with_replacements(
    model: FittedModel, original: System, replacements: Mapping[str, Replacement], values: Mapping[str, float]
) -> FittedModel:
    system = _expanded(original, replacements)
    known = {**model.parameters, **values}
    return replace(
        model,
        system=system,
        parameters={name: known[name] for name in system.parameters},
        networks={hole.name: model.networks[hole.name] for hole in system.holes},
        replacements=dict(replacements),
    )


__all__ = ["formula_filled", "numbers_filled", "parametrise", "replace_hole", "replaced_system", "restore_hole"]
