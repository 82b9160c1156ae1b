"""Substituting a formula for a neural term, and taking it out again."""

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
from ndestudio.model.events import Event
from ndestudio.model.fitted import FittedModel, NetworkWeights, Replacement
from ndestudio.model.parse import parse_system
from ndestudio.model.system import System


def replace_neural_term(
    model: FittedModel, neural_term: str, expression: Expr, *, keep: Collection[float] = ()
) -> FittedModel:
    """The model with ``expression`` in the place of a neural term (or of the formula that took its place before).

    Each number of the formula becomes a parameter `<neural_term>_1`, `<neural_term>_2`, ... that starts at its value;
    whole-numbered exponents stay as they are, since they make the form of the formula.

    Parameters
    ----------
    expression
        In the formal argument names of the neural term; names of the model's parameters may be used too.
    keep
        Magnitudes of numbers that stay numbers (such as the 1 of a normalised `y/(1 + y)`) and are not fitted.

    Raises
    ------
    EquationError
        No such neural term, or the formula uses a name or a network that it cannot.
    """
    original = parse_system(model.config, model.measured, model.inputs)
    _require_neural_term(original, neural_term)
    arguments = original.neural_term(neural_term).arguments
    _check_names(original, neural_term, arguments, expression)
    taken = {*original.states, *original.inputs, *original.outputs, *arguments, *names(expression), "t"}
    taken |= {*original.parameters, *model.config.networks}
    for other, replacement in model.replacements.items():
        if other != neural_term:
            taken |= set(replacement.parameters)
    formula, values = parametrise(expression, neural_term, taken, keep)
    replacements = {**model.replacements, neural_term: Replacement(arguments, formula, tuple(values))}
    return _with_replacements(model, original, replacements, values)


def restore_neural_term(model: FittedModel, neural_term: str, network: NetworkWeights) -> FittedModel:
    """The model with ``network`` back in the place of the formula that replaced a neural term."""
    original = parse_system(model.config, model.measured, model.inputs)
    _require_neural_term(original, neural_term)
    replacements = {name: replacement for name, replacement in model.replacements.items() if name != neural_term}
    model = replace(model, networks={**model.networks, neural_term: network})
    return _with_replacements(model, original, replacements, {})


def replaced_system(
    config: ModelConfig, measured: tuple[str, ...], inputs: tuple[str, ...], replacements: Mapping[str, Replacement]
) -> System:
    """The system of ``config`` with formulas substituted for the replaced neural terms."""
    return _expanded(parse_system(config, measured, inputs), replacements)


def parametrise(
    expression: Expr, prefix: str, taken: set[str] | frozenset[str] = frozenset(), keep: Collection[float] = ()
) -> tuple[Expr, dict[str, float]]:
    """``expression`` with its numbers replaced by parameters `<prefix>_1`, ...

    Returns
    -------
    tuple[Expr, dict[str, float]]
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
    """Right-hand side of each state, noise terms included, with numbers in the place of parameters; neural terms left neural
    stay calls."""
    from ndestudio.model.diffusion import whole_rhs

    values = {name: as_number(float(value)) for name, value in model.parameters.items()}
    return {
        state: fold(substitute(expr, values))
        for state, expr in zip(model.system.states, whole_rhs(model.system), strict=True)
    }


def algebraic_filled(model: FittedModel) -> dict[str, Expr]:
    """What is zero, for each unknown of an algebraic equation, with numbers in the place of parameters."""
    values = {name: as_number(float(value)) for name, value in model.parameters.items()}
    return {one.name: fold(substitute(one.residual, values)) for one in model.system.algebraic}


def events_filled(model: FittedModel, digits: int) -> list[Event]:
    """The events with numbers of so many digits in the place of parameters; times of the data stay as they are."""
    values = {name: as_number(float(f"{value:.{digits}g}")) for name, value in model.parameters.items()}

    def filled(expr: Expr) -> Expr:
        return fold(substitute(expr, values))

    return [
        replace(
            one,
            times=tuple(filled(time) for time in one.times),
            changes=tuple((state, filled(value)) for state, value in one.changes),
            condition=None if one.condition is None else filled(one.condition),
        )
        for one in model.system.events
    ]


def formula_filled(model: FittedModel, neural_term: str) -> Expr | None:
    """The formula in the place of ``neural_term`` with numbers in it, in its formal argument names; None if it is
    neural."""
    replacement = model.replacements.get(neural_term)
    if replacement is None:
        return None
    values = {name: as_number(float(model.parameters[name])) for name in replacement.parameters}
    return fold(substitute(replacement.expression, values))


def _require_neural_term(system: System, neural_term: str) -> None:
    known = [other.name for other in system.neural_terms]
    if neural_term not in known:
        raise EquationError(f"the model has no network `{neural_term}`{did_you_mean(neural_term, known)}")


def _check_names(system: System, neural_term: str, arguments: tuple[str, ...], expression: Expr) -> None:
    for name in names(expression):
        if name not in arguments and name not in system.parameters:
            allowed = ", ".join(f"`{argument}`" for argument in arguments)
            guess = did_you_mean(name, [*arguments, *system.parameters])
            raise EquationError(
                f"the formula for `{neural_term}` uses `{name}`, which is none of its arguments ({allowed}){guess}"
            )
    inner = calls(expression)
    if inner:
        raise EquationError(f"the formula for `{neural_term}` calls `{inner[0].function}`; it must be free of networks")


def _expanded(original: System, replacements: Mapping[str, Replacement]) -> System:
    definitions = {name: (item.arguments, item.expression) for name, item in replacements.items()}
    added = [name for item in replacements.values() for name in item.parameters]
    return replace(
        original,
        rhs=tuple(expand_calls(expr, definitions) for expr in original.rhs),
        diffusion={
            name: tuple(expand_calls(expr, definitions) for expr in column)
            for name, column in original.diffusion.items()
        },
        outputs={name: expand_calls(expr, definitions) for name, expr in original.outputs.items()},
        parameters=(*original.parameters, *added),
        neural_terms=tuple(item for item in original.neural_terms if item.name not in replacements),
        penalties={name: expand_calls(expr, definitions) for name, expr in original.penalties.items()},
        algebraic=tuple(replace(one, residual=expand_calls(one.residual, definitions)) for one in original.algebraic),
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
        networks={neural_term.name: model.networks[neural_term.name] for neural_term in system.neural_terms},
        replacements=dict(replacements),
    )


__all__ = [
    "formula_filled",
    "numbers_filled",
    "parametrise",
    "replace_neural_term",
    "replaced_system",
    "restore_neural_term",
]
