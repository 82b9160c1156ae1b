"""Expressions to SymPy and back. SymPy is imported on first use (it takes a third of a second)."""

from __future__ import annotations

import math
from typing import Any

from ndestudio.errors import EquationError
from ndestudio.expression.functions import find, functions
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.latex import to_latex
from ndestudio.expression.numeric import as_number
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number

__all__ = ["from_sympy", "to_latex", "to_sympy"]


def to_sympy(expr: Expr, *, evaluate: bool = True, largest_whole: float = 1e15) -> Any:
    """The SymPy expression; names become plain symbols, neural terms undefined functions, whole numbers integers.

    Parameters
    ----------
    evaluate
        Let SymPy combine and sort as it does by itself; False keeps the form that was written.
    largest_whole
        Whole numbers beyond this become floats: SymPy works with exact ones digit by digit, and takes exp(8540*x) for
        a power of degree 8540.
    """
    import sympy

    with sympy.evaluate(evaluate):
        return _to(expr, sympy, largest_whole)


def _to(expr: Expr, sympy: Any, whole: float) -> Any:
    match expr:
        case Number(value) if not math.isfinite(value):
            return sympy.nan if math.isnan(value) else sympy.oo * (1 if value > 0 else -1)
        case Number(value):
            exact = value == int(value) and abs(value) < 1e15 and abs(value) <= whole
            return sympy.Integer(int(value)) if exact else sympy.Float(value)
        case Name("pi"):
            return sympy.pi
        case Name(name):
            return sympy.Symbol(name)
        case Negate(operand):
            return -_to(operand, sympy, whole)
        case Binary(operator, left, right):
            a, b = _to(left, sympy, whole), _to(right, sympy, whole)
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/":
                    return a / b
                case _:
                    return a**b
        case Call(function, arguments):
            inner = [_to(argument, sympy, whole) for argument in arguments]
            known = find(function)
            if known is None or known.kinds(len(inner)) is None:
                return sympy.Function(function)(*inner)
            if callable(known.sympy):
                return known.sympy(sympy, *inner)
            if not known.sympy:
                return _to(definition(known, arguments), sympy, whole)
            return getattr(sympy, known.sympy)(*inner)
        case Delay(operand, lag):
            now = sympy.Symbol("t") - _to(lag, sympy, whole)
            return sympy.Function(to_text(operand))(now)
    raise TypeError(f"not an expression: {expr!r}")


def from_sympy(x: Any) -> Expr:
    """The expression of a SymPy one.

    Raises
    ------
    EquationError
        It holds something that the language has no word for.
    """
    import sympy

    try:
        # strict: SymPy would run a text as Python
        x = sympy.sympify(x, strict=True)
    except sympy.SympifyError:
        raise EquationError(f"{x!r} is no expression of SymPy; texts are read by `parse_expression`") from None
    return _from(x, sympy)


def _from(x: Any, sympy: Any) -> Expr:
    if x is sympy.pi:
        return Name("pi")
    if x is sympy.E:
        return Call("exp", (Number(1.0),))
    if x.is_Symbol:
        return Name(x.name)
    if x.is_Rational and not x.is_Integer:
        quotient = Binary("/", Number(float(abs(x.p))), Number(float(x.q)))
        return Negate(quotient) if x.p < 0 else quotient
    if x.is_Number:
        if not x.is_finite:
            raise EquationError(f"`{x}` is no finite number; the formula has no value there")
        return as_number(float(x))
    if x.is_Add:
        return _sum(x, sympy)
    if x.is_Mul:
        return _product(x, sympy)
    if x.is_Pow:
        return _power(x.base, x.exp, sympy)
    if x.is_Function or isinstance(x, sympy.logic.boolalg.BooleanFunction | sympy.core.relational.Relational):
        return _function(x, sympy)
    raise EquationError(f"`{x}` ({type(x).__name__}) has no word in the language of equations")


def _sum(x: Any, sympy: Any) -> Expr:
    total: Expr | None = None
    # a positive term first, so that nothing starts with a sign that need not
    terms = sorted(x.as_ordered_terms(), key=lambda term: term.could_extract_minus_sign())
    for term in terms:
        negative = total is not None and term.could_extract_minus_sign()
        part = _from(-term if negative else term, sympy)
        total = part if total is None else Binary("-" if negative else "+", total, part)
    assert total is not None
    return total


def _product(x: Any, sympy: Any) -> Expr:
    if x.could_extract_minus_sign() and not (-x).could_extract_minus_sign():
        return Negate(_from(-x, sympy))
    above: list[Any] = []
    below: list[Any] = []
    for factor in x.as_ordered_factors():
        if factor.is_Pow and factor.exp.could_extract_minus_sign() and factor.base is not sympy.E:
            below.append(sympy.Pow(factor.base, -factor.exp))
        elif factor.is_Rational and not factor.is_Integer:
            if factor.p != 1:
                above.append(sympy.Integer(factor.p))
            below.append(sympy.Integer(factor.q))
        else:
            above.append(factor)
    top = _chain([_from(factor, sympy) for factor in above])
    if not below:
        return top
    return Binary("/", top, _chain([_from(factor, sympy) for factor in below]))


def _chain(factors: list[Expr]) -> Expr:
    product: Expr = factors[0] if factors else Number(1.0)
    for factor in factors[1:]:
        product = Binary("*", product, factor)
    return product


def _power(base: Any, exponent: Any, sympy: Any) -> Expr:
    if base is sympy.E:
        return Call("exp", (_from(exponent, sympy),))
    if exponent == sympy.Rational(1, 2):
        return Call("sqrt", (_from(base, sympy),))
    if exponent.could_extract_minus_sign():
        return Binary("/", Number(1.0), _power(base, -exponent, sympy) if exponent != -1 else _from(base, sympy))
    return Binary("^", _from(base, sympy), _from(exponent, sympy))


def _function(x: Any, sympy: Any) -> Expr:
    name = _words(sympy).get(type(x), type(x).__name__)
    if isinstance(x, sympy.core.function.AppliedUndef):
        return Call(name, tuple(_from(argument, sympy) for argument in x.args))
    if isinstance(x, sympy.Piecewise):
        return _pieces(x, sympy)
    if isinstance(x, sympy.Ne):
        return Call("not", (_from(sympy.Eq(*x.args, evaluate=False), sympy),))
    arguments = x.args
    if isinstance(x, sympy.Heaviside):
        if x.args[1] != sympy.Rational(1, 2):
            raise EquationError(f"`{x}` is {x.args[1]} at 0; `heaviside` of the language of equations is 1/2 there")
        arguments = x.args[:1]
    known = find(name)
    if known is not None and type(x) in _words(sympy):
        return _chained(name, len(known.arguments), [_from(argument, sympy) for argument in arguments])
    rewritten = (
        x.rewrite(sympy.exp)
        if isinstance(x, sympy.functions.elementary.hyperbolic.HyperbolicFunction)
        else (x.rewrite(sympy.cos) if name in ("sec", "csc", "cot") else x)
    )
    if rewritten.func is x.func:
        raise EquationError(f"the function `{name}` has no word in the language of equations")
    return _from(rewritten, sympy)


def _words(sympy: Any) -> dict[type, str]:
    """Classes of SymPy -> name of the function here."""
    named = {entry.sympy: entry.name for entry in functions() if isinstance(entry.sympy, str) and entry.sympy}
    return {getattr(sympy, word): name for word, name in named.items() if isinstance(getattr(sympy, word), type)}


def _chained(name: str, count: int, arguments: list[Expr]) -> Expr:
    """SymPy's `Max(a, b, c)` and `And(a, b, c)` as calls of two arguments each."""
    if len(arguments) <= count:
        return Call(name, tuple(arguments))
    result = arguments[0]
    for argument in arguments[1:]:
        result = Call(name, (result, argument))
    return result


def _pieces(x: Any, sympy: Any) -> Expr:
    *pairs, (last, always) = x.args
    if always is not sympy.true:
        raise EquationError(
            f"`{x}` has no value where none of its conditions holds; give it a last piece that always holds"
        )
    arguments = [_from(part, sympy) for pair in pairs for part in pair.args]
    if len(arguments) == 2:
        return Call("if", (arguments[1], arguments[0], _from(last, sympy)))
    return Call("piecewise", (*arguments, _from(last, sympy)))
