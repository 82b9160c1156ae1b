"""The shared printer: what it writes means the same as the expression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.errors import ExportError
from ndestudio.export.formats.c_code import CPrinter
from ndestudio.export.formats.julia import JuliaPrinter
from ndestudio.export.formats.matlab import MatlabPrinter
from ndestudio.export.formats.python_code import PythonPrinter
from ndestudio.export.formats.sympy_text import sympifiable, sympify_text
from ndestudio.export.printer import Printer
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number

LEAVES = st.one_of(
    st.sampled_from([Name("x"), Name("y"), Name("pi")]),
    st.floats(-50, 50, allow_nan=False).map(Number),
)


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(Negate, inner),
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda base, n: Binary("^", base, Number(float(n))), inner, st.integers(-2, 3)),
        st.builds(lambda f, a: Call(f, (a,)), st.sampled_from(["sin", "tanh", "abs", "exp"]), inner),
        st.builds(lambda f, a, b: Call(f, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _grow, max_leaves=14)


@settings(max_examples=250)
@given(EXPRESSIONS)
def test_python_text_has_the_value_of_the_expression(expr: Expr) -> None:
    """The text is our own and made of numbers, so it may be evaluated here."""
    values = {"x": np.float64(0.7), "y": np.float64(-1.3)}
    expected = float(evaluate(expr, values))
    with np.errstate(all="ignore"):
        try:
            found = float(eval(PythonPrinter()(expr), {"np": np, "__builtins__": {}}, dict(values)))
        except (ZeroDivisionError, OverflowError):
            return  # Python's own numbers raise where NumPy's give inf
    if math.isfinite(expected) and math.isfinite(found) and abs(expected) < 1e12:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "python", "c", "julia"),
    [
        ("a - (b - c)", "a - (b - c)", "a - (b - c)", "a - (b - c)"),
        ("a - -2*b", "a + 2.0*b", "a + 2.0*b", "a + 2.0*b"),
        ("a + -(b*c)", "a - b*c", "a - b*c", "a - b*c"),
        ("a/(b*c)", "a/(b*c)", "a/(b*c)", "a/(b*c)"),
        ("(a*b)^2", "(a*b)**2", "pow(a*b, 2.0)", "(a*b)^2"),
        ("-a^2", "-a**2", "-pow(a, 2.0)", "-a^2"),
        ("(-a)^2", "(-a)**2", "pow(-a, 2.0)", "(-a)^2"),
        ("a^b^c", "a**(b**c)", "pow(a, pow(b, c))", "a^(b^c)"),
        ("a^-1", "a**(-1)", "pow(a, -1.0)", "a^(-1)"),
        ("a*(-b)", "a*(-b)", "a*(-b)", "a*(-b)"),
        (
            "abs(a)*min(a, 1e-300)",
            "np.abs(a)*np.minimum(a, 1e-300)",
            "fabs(a)*fmin(a, 1e-300)",
            "abs(a)*min(a, 1e-300)",
        ),
        ("a^0.5", "a**0.5", "sqrt(a)", "a^0.5"),
    ],
)
def test_spelling(text: str, python: str, c: str, julia: str) -> None:
    expr = parse_expression(text)
    assert PythonPrinter()(expr) == python
    assert CPrinter()(expr) == c
    assert JuliaPrinter()(expr) == julia
    assert MatlabPrinter()(expr) == julia


def test_numbers_keep_every_digit() -> None:
    value = 0.1 + 0.2
    assert float(Printer()(Number(value))) == value
    assert Printer()(Number(3.0)) == "3.0"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        Printer()(Number(value))


@settings(max_examples=100)
@given(EXPRESSIONS)
def test_sympify_reads_the_text(expr: Expr) -> None:
    import sympy

    sympify: Any = sympy.sympify

    x, y = sympy.symbols("x y")
    expected = float(evaluate(expr, {"x": 0.7, "y": -1.3}))
    near = float(evaluate(expr, {"x": 0.7 * (1 + 1e-12), "y": -1.3}))
    if not math.isfinite(expected) or not math.isclose(near, expected, rel_tol=1e-7, abs_tol=1e-7):
        return  # sin(1e49): digits that neither has
    try:
        read = sympify(sympify_text(expr), locals={"x": x, "y": y})
    except ValueError as error:
        assert "not comparable" in str(error)  # min and max of 1/0, which SymPy does not order
        return
    found = complex(read.subs({x: 0.7, y: -1.3}).evalf())
    if abs(expected) < 1e9 and math.isfinite(found.real):
        assert found.real == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_names_sympy_uses_are_read_as_symbols() -> None:
    import sympy

    sympify: Any = sympy.sympify

    names = sympifiable(("S", "I", "E", "N", "beta", "gamma", "lambda"))
    text = sympify_text(parse_expression("-beta*S*I/N + gamma*E - lambda*S^2"), names)
    symbols = {name: sympy.Symbol(name) for name in names.values()}
    read = sympify(text, locals=symbols)
    assert read.free_symbols == set(symbols.values())
    assert names["lambda"] == "lambda_"
