"""Other ways to write a formula: the simplest one, and those with a term less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ndestudio.errors import EquationError
from ndestudio.expression.bounded import LARGEST_WHOLE, Budget, Exhausted, check_size
from ndestudio.expression.functions import find
from ndestudio.expression.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negate,
    Number,
    children,
    names,
    size,
    substitute,
    transform,
    with_children,
)

REFUSED = (
    EquationError,
    NotImplementedError,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
    AttributeError,
    ArithmeticError,
)
"""What SymPy, and the way back from it, say about forms that have no value or no word in our language."""
MOST_NODES = 60
"""Formulas larger than this are left as they are; rewriting them takes SymPy seconds."""

MOST_EXPANDED = 4 * MOST_NODES
"""Formulas that are larger than this when multiplied out are shortened as they were found alone."""


def complexity(expr: Expr, costs: Mapping[str, int] | None = None) -> int:
    """Weighted number of nodes; a negated number is one node, a sign in front of anything else another.

    Parameters
    ----------
    costs
        Operator, function, `constant` or `variable` -> complexity, 1 where missing.
    """
    costs = costs or {}
    match expr:
        case Number() | Negate(Number()):
            return costs.get("constant", 1)
        case Name(name):
            return costs.get("constant" if name == "pi" else "variable", 1)
        case Negate(operand):
            return costs.get("neg", 1) + complexity(operand, costs)
        case Binary(operator, left, right):
            return costs.get(operator, 1) + complexity(left, costs) + complexity(right, costs)
        case Call(function, arguments):
            known = find(function)
            own = known.complexity if known is not None else 1
            return costs.get(function, own) + sum(complexity(argument, costs) for argument in arguments)
    raise TypeError(f"not an expression: {expr!r}")


def simplest(expr: Expr, budget: Budget | None = None) -> Expr:
    """The shortest of several equal forms: as it is, folded, with the fraction reduced and normalised.

    Numbers that are no small integers are kept as symbols while SymPy rewrites, so that no rounding enters.

    Parameters
    ----------
    expr : Expr
        A formula.
    budget : Budget, optional
        What rewriting may cost, and where is kept what was given up; the formula is then left as it was.

    Returns
    -------
    Expr
        A formula with the same values.
    """
    from ndestudio.expression import fold, to_text

    budget = budget or Budget()
    expr = fold(expr)
    if size(expr) > MOST_NODES or not names(expr):
        return expr
    operands = summands(expr)
    with budget.formula():
        try:
            forms = [expr, *(fold(other) for other in _rewritten(expr, budget))]
        except Exhausted as why:
            budget.give_up(to_text(expr), why)
            forms = [expr]
        if len(operands) > 1:
            parts = [_signed(sign, simplest(operand, budget)) for sign, operand in operands]
            forms.append(fold(sum_of(parts)))
    known = set(names(expr))
    chosen = min(
        (form for form in forms if set(names(form)) <= known), key=lambda form: (size(form), _numbers_not_one(form))
    )
    return transform(chosen, _coefficient)


def _coefficient(expr: Expr) -> Expr:
    """`x/35.4` as `0.0282*x` and `x*(0.8*y)` as `0.8*x*y`; `x/2` stays."""
    match expr:
        case Binary("/", above, Number(value)) if value and value != int(value) and names(above):
            return _product([Number(1.0 / value), *_factors(above)])
        case Binary("*", _, _):
            factors = _factors(expr)
            return _product(sorted(factors, key=lambda factor: not isinstance(factor, Number)))
        case _:
            return expr


def _factors(expr: Expr) -> list[Expr]:
    return (
        [*_factors(expr.left), *_factors(expr.right)] if isinstance(expr, Binary) and expr.operator == "*" else [expr]
    )


def _product(factors: list[Expr]) -> Expr:
    product = factors[0]
    for factor in factors[1:]:
        product = Binary("*", product, factor)
    return product


def _signed(sign: int, expr: Expr) -> tuple[int, Expr]:
    return (-sign, expr.operand) if isinstance(expr, Negate) else (sign, expr)


def _numbers_not_one(expr: Expr) -> int:
    if isinstance(expr, Number):
        return int(expr.value != 1.0)
    return sum(_numbers_not_one(child) for child in children(expr))


def _rewritten(expr: Expr, budget: Budget) -> list[Expr]:
    """``expr`` cancelled, factored, put together and normalised by SymPy. Raises Exhausted."""
    import sympy

    check_size(expr)
    try:
        exact, filled = budget.run(lambda: _numbers_as_symbols(expr))
    except REFUSED:  # such as a number that is none for us, exp(1e5)
        return []
    found = []
    for change in (sympy.cancel, sympy.factor, sympy.together, _normalised):
        candidate = budget.run(lambda change=change: _changed(change, exact, filled))
        if candidate is None or size(candidate) > 2 * size(expr):  # folding takes away a sign, not half of the nodes
            continue
        if not any(name.startswith("number_") for name in names(candidate)):
            found.append(candidate)
    return found


def _changed(change: Callable[[Any], Any], exact: Any, filled: Mapping[Any, Any]) -> Expr | None:
    """What ``change`` makes of SymPy's expression; None where that has no value or no word in our language."""
    import sympy

    from ndestudio.expression import from_sympy

    try:
        changed = change(exact)
        return None if changed is None else from_sympy(changed.subs(filled))
    except (*REFUSED, sympy.PolynomialError):
        return None


def _numbers_as_symbols(expr: Expr) -> tuple[Any, dict[Any, Any]]:
    """SymPy's expression with small integers exact and other numbers as symbols, and the values of these."""
    import sympy

    from ndestudio.expression import to_sympy

    found = to_sympy(expr, largest_whole=LARGEST_WHOLE)
    values: dict[Any, Any] = {}
    swaps: dict[Any, Any] = {}
    for number in sorted(found.atoms(sympy.Float, sympy.Rational), key=float):
        value = float(number)
        if isinstance(number, sympy.Rational):
            if max(abs(number.p), number.q) <= LARGEST_WHOLE:
                continue
        elif value == int(value) and abs(value) <= 12:
            swaps[number] = sympy.Integer(int(value))
            continue
        symbol = sympy.Symbol(f"number_{len(values)}", positive=True)
        swaps[number] = symbol if value > 0 else -symbol
        values[symbol] = sympy.Float(abs(value), 17)
    return found.xreplace(swaps), values


def _normalised(expr):  # type: ignore[no-untyped-def]
    """A fraction whose denominator has the constant term (or else the leading coefficient) 1; None if it is no fraction."""
    import sympy

    top, bottom = sympy.fraction(sympy.together(expr))
    free = [symbol for symbol in expr.free_symbols if not str(symbol).startswith("number_")]
    if bottom.is_number or not free:
        return None
    try:
        polynomial = sympy.Poly(sympy.expand(bottom), *free)
    except sympy.PolynomialError:
        return None
    if not polynomial.free_symbols_in_domain <= {s for s in expr.free_symbols if str(s).startswith("number_")}:
        return None
    unit = polynomial.coeff_monomial(1)
    unit = unit if unit != 0 else polynomial.LC()
    return sympy.factor_terms(sympy.expand(top / unit)) / sympy.expand(bottom / unit)


def with_a_term_less(expr: Expr, budget: Budget | None = None) -> tuple[Expr, ...]:
    """All formulas in which one operand of one sum is missing; of the formula and of its expanded form.

    A trained neural term can hold terms that the known part of its equation could hold as well; then the right formula
    is the found one with such a term removed.
    """
    found: dict[str, Expr] = {}
    from ndestudio.expression import fold, to_text

    for form in (expr, *_expanded(expr, budget or Budget())):
        for variant in _shortened(form):
            variant = fold(variant)
            if names(variant) and variant != expr:
                found.setdefault(to_text(variant), variant)
    return tuple(found.values())


def _expanded(expr: Expr, budget: Budget) -> tuple[Expr, ...]:
    if size(expr) > MOST_NODES:
        return ()
    import sympy

    from ndestudio.expression import from_sympy, to_sympy, to_text

    try:
        check_size(expr)
        found = budget.run(lambda: from_sympy(sympy.expand(to_sympy(expr, largest_whole=LARGEST_WHOLE))))
        return (found,) if size(found) <= MOST_EXPANDED else ()
    except Exhausted as why:
        budget.give_up(to_text(expr), why)
        return ()
    except REFUSED:
        return ()


def _shortened(expr: Expr) -> Iterator[Expr]:
    """``expr`` with one operand of one sum left out, in all ways."""
    if isinstance(expr, Binary) and expr.operator in "+-":
        operands = summands(expr)
        for missing in range(len(operands)):
            yield sum_of([operand for k, operand in enumerate(operands) if k != missing])
        for k, (sign, operand) in enumerate(operands):
            for shorter in _shortened(operand):
                yield sum_of([*operands[:k], (sign, shorter), *operands[k + 1 :]])
        return
    kids = children(expr)
    for k, child in enumerate(kids):
        for shorter in _shortened(child):
            yield with_children(expr, (*kids[:k], shorter, *kids[k + 1 :]))


def summands(expr: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    """Operands of the sum that ``expr`` is, with their signs; itself if it is none."""
    match expr:
        case Binary("+", left, right):
            return [*summands(left, sign), *summands(right, sign)]
        case Binary("-", left, right):
            return [*summands(left, sign), *summands(right, -sign)]
        case Negate(operand) if not isinstance(operand, Number):
            return summands(operand, -sign)
        case _:
            return [(sign, expr)]


def sum_of(operands: list[tuple[int, Expr]]) -> Expr:
    """Positive operands first, so that no sign stands in front."""
    ordered = sorted(operands, key=lambda item: -item[0])
    total: Expr | None = None
    for sign, operand in ordered:
        if total is None:
            total = operand if sign > 0 else Negate(operand)
        else:
            total = Binary("+" if sign > 0 else "-", total, operand)
    assert total is not None
    return total


def rename(expr: Expr, old: tuple[str, ...], new: tuple[str, ...]) -> Expr:
    """``expr`` with argument names exchanged."""
    return substitute(expr, dict(zip(old, (Name(name) for name in new), strict=True)))
