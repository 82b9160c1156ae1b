"""Units of the arguments and of the output of a neural term, as far as data and model state them."""

from __future__ import annotations

from collections.abc import Sequence

from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.expression.functions import is_known
from ndestudio.expression.tree import Call, Expr, Name, walk
from ndestudio.expression.units import Unit, parse_unit, unit_text
from ndestudio.model.fitted import FittedModel
from ndestudio.model.units import quantity_units
from ndestudio.symbolic.dimensions import DimensionError, ProblemUnits, check_dimensions, dimension_of


def neural_term_units(model: FittedModel, dataset: Dataset, neural_term: str) -> tuple[tuple[str, ...], str]:
    """Unit of each argument of a neural term and of its output, "" where unknown.

    An argument has the unit of what it is called with: a column, a state, a parameter, time, or an expression of those.
    Where calls differ in unit, or the units of an expression do not fit together, the argument's is unknown.
    """
    quantities = quantity_units(model.config, dataset)
    arguments = model.system.neural_term(neural_term).arguments
    found: list[set[str]] = [set() for _ in arguments]
    for expression in model.system.expressions:
        for node in walk(expression):
            if isinstance(node, Call) and node.function == neural_term:
                for units, argument in zip(found, node.arguments, strict=True):
                    units.add(_unit_of(argument, quantities))
    output = model.config.networks[neural_term].unit if neural_term in model.config.networks else ""
    return tuple(units.pop() if len(units) == 1 else "" for units in found), output


def _unit_of(argument: Expr, quantities: dict[str, str]) -> str:
    if isinstance(argument, Name):
        return quantities.get(argument.name, "")
    known = {}
    for node in walk(argument):
        if isinstance(node, Call) and not is_known(node.function, len(node.arguments)):
            return ""
        if isinstance(node, Name):
            known[node.name] = parse_unit(quantities[node.name]) if node.name in quantities else None
    try:
        dimension = dimension_of(argument, ProblemUnits(known, (), ()), wildcards=False)
    except DimensionError:
        return ""
    return "" if dimension is None else unit_text(dimension)


def fitting_guesses(
    guesses: Sequence[str], names: Sequence[str], units: Sequence[str], wildcards: bool
) -> tuple[str, ...]:
    """The guesses that respect the units."""
    columns: dict[str, Unit | None] = {n: parse_unit(u) if u else None for n, u in zip(names, units, strict=True)}

    def fits(text: str) -> bool:
        try:
            check_dimensions(parse_expression(text), ProblemUnits(columns, (None,), ()), wildcards)
        except DimensionError:
            return False
        return True

    return tuple(text for text in guesses if fits(text))
