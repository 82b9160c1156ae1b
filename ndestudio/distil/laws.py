"""The laws of the library as formulas for a term: which one a formula is, and where fits of them begin.

Of formulas that describe the data equally well, one that a field has a name for is the likelier: half of the prior is that
of the library, each of its laws being as likely as the others (``description.LAW``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations

import numpy as np
from jaxtyping import Float

from ndestudio.distil.forms import summands
from ndestudio.distil.structure import structure
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Expr, Name, Number, names, size, substitute
from ndestudio.model.replace import parametrise

MOST_ARGUMENTS, MOST_NODES = 3, 40
"""Of a formula that is looked up among the laws."""
STARTS = (0.15, 1.0, 6.0)
"""Constants at which a fit of a law begins, in units of the usual size of its arguments; powers begin at their own."""
WHOLE_POWERS = (1.0, 2.0, 3.0, 4.0)
"""Those that a law with a power for a parameter has as laws of their own."""


def law_of(formula: Expr) -> str | None:
    """The name of the law of the library that ``formula`` is with other constants; None if it is none, or one in which a constant is
    one by chance (``s/(K + s + i)``)."""
    used = tuple(names(formula))
    if not 0 < len(used) <= MOST_ARGUMENTS or size(formula) > MOST_NODES:
        return None
    if len(summands(formula)) > _most_summands(len(used)):
        return None
    name, constants = _known(used).get(structure(formula).key, (None, 0))
    return name if _constants(formula) >= constants else None


@lru_cache(8)
def _most_summands(arguments: int) -> int:
    """Of the laws of so many arguments, in any of their forms."""
    return max(
        (len(summands(form)) for _, order, forms, _ in _forms() for form in forms if len(order) == arguments), default=0
    )


def _constants(formula: Expr) -> int:
    return len(parametrise(formula, "number", keep=(1.0,))[1])


def law_sentence(formula: Expr) -> str:
    """What a formula of several constants is known as; "" for none."""
    from ndestudio.model.library import term

    name = law_of(formula)
    if name is None or _constants(formula) < 2:
        return ""
    known = term(name)
    return f"It is known as: {known.title} ({known.source})"


def is_written_as_law(formula: Expr) -> bool:
    """Whether ``formula`` is written as the library writes a law, but for the values of the constants."""
    return law_of(formula) is not None and _without_numbers(formula) in _written(tuple(names(formula)))


@lru_cache(256)
def _written(arguments: tuple[str, ...]) -> frozenset[Expr]:
    return frozenset(
        _without_numbers(fold(substitute(law, {one: Number(1.2345) for one in constants})))
        for _, _, law, constants in _laws(arguments)
    )


def _without_numbers(formula: Expr) -> Expr:
    """Its numbers alike, but for whole exponents and the 1 that laws have."""
    form, values = parametrise(formula, "number", keep=(1.0,))
    return substitute(form, dict.fromkeys(values, Number(0.0)))


def held(formula: Expr) -> frozenset[float]:
    """Magnitudes of numbers that fits of ``formula`` leave as they are: the 1 of a law such as ``s/((K + s)*(1 + i/L))``, beside
    which one of its other constants would say nothing."""
    return frozenset({1.0}) if law_of(formula) is not None else frozenset()


@lru_cache(256)
def _known(arguments: tuple[str, ...]) -> Mapping[str, tuple[str, int]]:
    """Structures of the laws of all of ``arguments``, as written and in the simplest form, their names and numbers of constants."""
    found: dict[str, tuple[str, int]] = {}
    for name, formals, forms, constants in _forms():
        if len(formals) != len(arguments):
            continue
        for order in permutations(arguments):
            actual: dict[str, Expr] = {f: Name(a) for f, a in zip(formals, order, strict=True)}
            for form in forms:
                key = structure(substitute(form, actual)).key
                if key != "1":
                    found.setdefault(key, (name, constants))
    return found


@lru_cache(1)
def _forms() -> tuple[tuple[str, tuple[str, ...], tuple[Expr, ...], int], ...]:
    """The laws in names of their own: name, these names, as written and in the simplest form, number of constants."""
    from ndestudio.distil.forms import simplest

    found = []
    for count in range(1, MOST_ARGUMENTS + 1):
        formals = tuple(f"argument_{k}" for k in range(count))
        for name, order, law, constants in _laws(formals):
            if order != formals or set(names(law)) - set(constants) != set(formals):
                continue
            # numbers that are near no simple one, so that none of them is taken for a part of the structure
            body = substitute(law, {one: Number(1.0 + 0.1234567 * (k + 1)) for k, one in enumerate(constants)})
            found.append((name, formals, (body, simplest(body)), _constants(fold(body))))
    return tuple(found)


def _laws(arguments: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], Expr, Mapping[str, float]]]:
    """Laws in the names of some of ``arguments`` in any order: name, these arguments, expression, constants and their usual values."""
    from ndestudio.expression import parse_expression
    from ndestudio.model.library import terms

    for term in terms():
        formals = tuple(term.arguments)
        if not 0 < len(formals) <= min(len(arguments), MOST_ARGUMENTS):
            continue
        try:
            body = parse_expression(term.text)
        except EquationError:
            continue
        fixed = {name: Number(one.value or 1.0) for name, one in term.parameters.items() if one.fixed}
        constants = {f"c_{name}": one.value or 1.0 for name, one in term.parameters.items() if not one.fixed}
        renamed: dict[str, Expr] = {name: Name(f"c_{name}") for name in term.parameters if name not in fixed}
        body = substitute(body, {**renamed, **fixed})
        powers: tuple[float | None, ...] = (*WHOLE_POWERS, None) if "c_n" in constants else (None,)
        for order, power in ((a, b) for a in permutations(arguments, len(formals)) for b in powers):
            actual: dict[str, Expr] = {f: Name(a) for f, a in zip(formals, order, strict=True)}
            law = substitute(body, actual)
            free = dict(constants)
            if power is not None:
                law = substitute(law, {"c_n": Number(power)})
                free.pop("c_n")
            if set(names(law)) <= {*order, *free}:
                yield term.name, order, law, free


def law_starts(arguments: Sequence[str], points: Float[np.ndarray, "point argument"]) -> Iterator[list[Expr]]:
    """Laws of some of ``arguments``, each with numbers from which fits to a term may begin.

    Parameters
    ----------
    points
        Where the data lie; constants begin in units of the usual size of the arguments there.
    """
    usual = {name: float(np.exp(np.mean(np.log(np.abs(points[:, k]) + 1e-12)))) for k, name in enumerate(arguments)}
    for _, _, law, constants in _laws(arguments):
        used = [one for one in names(law) if one in usual]
        scale = float(np.exp(np.mean([np.log(usual[one]) for one in used]))) if used else 1.0
        free = [one for one in constants if one != "c_n"]
        starts = []
        for shares in _spread(len(free)):
            values = {one: Number(share * scale) for one, share in zip(free, shares, strict=True)}
            if "c_n" in constants:
                values["c_n"] = Number(constants["c_n"])
            starts.append(fold(substitute(law, values)))
        yield starts


def _spread(count: int) -> list[tuple[float, ...]]:
    """All constants alike, and each of them small or large beside the others."""
    found = [(1.0,) * count]
    for k in range(count):
        found += [tuple(share if j == k else 1.0 for j in range(count)) for share in STARTS if share != 1.0]
    return found
