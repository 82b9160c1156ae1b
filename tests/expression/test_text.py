"""Writing formulas: exact round trips with no needless parentheses."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Negate,
    Number,
    compile_scalar,
    evaluate,
    fold,
    from_sympy,
    parse_expression,
    to_latex,
    to_sympy,
    to_text,
)
from ndestudio.expression.functions import BUILT_IN, RESERVED

NAMES = ("x", "y", "k_1", "lambda")
SLOTS = {name: k for k, name in enumerate(NAMES)}

_leaves = st.one_of(
    st.floats(min_value=0.0, allow_nan=False, allow_infinity=False).map(abs).map(Number),
    st.integers(0, 9).map(lambda n: Number(float(n))),
    st.sampled_from([*NAMES, "pi"]).map(Name),
)


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        inner.map(Negate),
        st.builds(Binary, st.sampled_from("+-*/^"), inner, inner),
        st.sampled_from([name for name in RESERVED if len(BUILT_IN[name].arguments) == 1]).flatmap(
            lambda name: inner.map(lambda argument: Call(name, (argument,)))
        ),
        st.builds(lambda name, a, b: Call(name, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
        st.builds(lambda a, b: Call("neural_term", (a, b)), inner, inner),
    )


trees = st.recursive(_leaves, _grow, max_leaves=12)
closed = trees.filter(lambda expr: "neural_term" not in to_text(expr))


WORDS = [entry.name for entry in BUILT_IN.values() if entry.word and "c" not in entry.takes]


@st.composite
def _everything(draw: st.DrawFn, depth: int = 3) -> Expr:
    """A formula of any known functions and conditions."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(_leaves)

    def part() -> Expr:
        return draw(_everything(depth - 1))

    match draw(st.sampled_from(["operator", "negate", "word", "if", "piecewise"])):
        case "operator":
            return Binary(draw(st.sampled_from("+-*/^")), part(), part())
        case "negate":
            return Negate(part())
        case "word":
            name = draw(st.sampled_from(WORDS))
            return Call(name, tuple(part() for _ in BUILT_IN[name].arguments))
        case "if":
            return Call("if", (draw(_conditions(depth - 1)), part(), part()))
        case _:
            conditions = draw(_conditions(depth - 1)), draw(_conditions(depth - 1))
            return Call("piecewise", (part(), conditions[0], part(), conditions[1], part()))


@st.composite
def _conditions(draw: st.DrawFn, depth: int) -> Expr:
    kind = draw(st.sampled_from(["compare", "and", "or", "not"] if depth > 0 else ["compare"]))
    if kind == "compare":
        sign = draw(st.sampled_from(["<", "<=", ">", ">=", "=="]))
        return Call(sign, (draw(_everything(depth)), draw(_everything(depth))))
    count = 1 if kind == "not" else 2
    return Call(kind, tuple(draw(_conditions(depth - 1)) for _ in range(count)))


everything = _everything()


@settings(max_examples=400)
@given(trees | everything)
def test_round_trip_is_exact(expr: Expr) -> None:
    text = to_text(expr)
    again = parse_expression(text, functions=("neural_term",))
    assert again == expr
    assert to_text(again) == text


@settings(max_examples=200)
@given(trees | everything)
def test_no_parenthesis_is_needless(expr: Expr) -> None:
    """Taking away any bracketing pair that is no call's changes the meaning (or makes it unreadable)."""
    text = to_text(expr)
    for start, end in _pairs(text):
        if start and re.search(r"\w$", text[:start]):
            continue
        without = text[:start] + " " + text[start + 1 : end] + " " + text[end + 1 :]
        assert parse_expression(without, functions=("neural_term",)) != expr


def _pairs(text: str) -> list[tuple[int, int]]:
    stack, pairs = [], []
    for place, character in enumerate(text):
        if character == "(":
            stack.append(place)
        elif character == ")":
            pairs.append((stack.pop(), place))
    return pairs


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("(a*b)/c", "a*b/c"),
        ("a/(b*c)", "a/(b*c)"),
        ("-(x^2)", "-x^2"),
        ("(-x)^2", "(-x)^2"),
        ("x**-y**z", "x^-y^z"),
        ("-(a*b)", "-(a*b)"),
        ("2.50*x", "2.5*x"),
        ("1e22", "1e+22"),
    ],
)
def test_written(text: str, written: str) -> None:
    assert to_text(parse_expression(text)) == written


def test_negative_numbers_read_back_as_negated() -> None:
    assert to_text(Binary("^", Number(-2.0), Name("x"))) == "(-2)^x"
    assert parse_expression(to_text(Binary("-", Name("x"), Number(-2.0)))) == Binary(
        "-", Name("x"), Negate(Number(2.0))
    )


def _agree(a: float, b: float, tolerance: float = 1e-9) -> bool:
    if not (math.isfinite(a) and math.isfinite(b)):
        return (math.isnan(a) and math.isnan(b)) or a == b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-300)


@settings(max_examples=400)
@given(closed, st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_compiled_closures_agree_with_numpy(expr: Expr, values: list[float]) -> None:
    expected = float(evaluate(expr, dict(zip(NAMES, values, strict=True))))
    assert _agree(compile_scalar(expr, SLOTS)(values), expected)


@settings(max_examples=300)
@given(closed, st.lists(st.floats(0.1, 3), min_size=4, max_size=4))
def test_folding_keeps_the_value(expr: Expr, values: list[float]) -> None:
    named: dict[str, float] = dict(zip(NAMES, values, strict=True))
    before, after = float(evaluate(expr, named)), float(evaluate(fold(expr), named))
    if math.isfinite(before):
        assert math.isclose(before, after, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("x - -2*y", "x + 2*y"),
        ("x + -2", "x - 2"),
        ("0*x + 1*y", "y"),
        ("2*3 + x^1", "6 + x"),
        ("x*-1", "-x"),
        ("-(-x)", "x"),
        ("2*(3*x)", "6*x"),
        ("log(-1) + x", "log(-1) + x"),
    ],
)
def test_folded(text: str, folded: str) -> None:
    assert to_text(fold(parse_expression(text))) == folded


POINTS = {"x": 0.7, "y": 1.3, "a": 0.4, "b": 2.2, "T": 310.0, "E_a": 5e3, "n": 1.7}


@pytest.mark.parametrize(
    "text",
    [
        "x/(1 + y)",
        "-x/(1 + y)^2",
        "a*x - b*y",
        "-a*x + b*y - 3",
        "exp(-E_a/(8.314*T))",
        "sqrt(x)/y^n",
        "x^0.5*2^-y",
        "max(x, max(y, a))*min(a, b)",
        "tanh(x)*abs(x - y)*sin(pi*x)/cos(x)",
        "log(x)/tan(y)",
        "2/3*x - 1.25e-7",
        "1/(x*y)",
        "-(x + y)*a",
        "exp(1)*x",
    ],
)
def test_sympy_and_back(text: str) -> None:
    expr = parse_expression(text)
    again = from_sympy(to_sympy(expr))
    assert float(evaluate(again, POINTS)) == pytest.approx(float(evaluate(expr, POINTS)), rel=1e-12)
    assert parse_expression(to_text(again)) == again
    kept = from_sympy(to_sympy(expr, evaluate=False))
    assert float(evaluate(kept, POINTS)) == pytest.approx(float(evaluate(expr, POINTS)), rel=1e-12)


def test_sympy_knows_neural_terms_and_refuses_what_has_no_word() -> None:
    import sympy

    from ndestudio.errors import EquationError

    expr = parse_expression("f(x, 2*y)", functions=None)
    assert from_sympy(to_sympy(expr)) == expr
    x = sympy.Symbol("x")
    assert float(evaluate(from_sympy(sympy.sinh(x) + sympy.cot(x)), {"x": 0.3})) == pytest.approx(
        math.sinh(0.3) + 1 / math.tan(0.3)
    )
    assert to_sympy(Number(-math.inf)) == -sympy.oo and to_sympy(Number(math.nan)) is sympy.nan
    for bad in (sympy.zoo, sympy.gamma(x), sympy.I * x, sympy.oo):
        with pytest.raises(EquationError):
            from_sympy(bad)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("alpha*x", r"\alpha \, x"),
        ("k_1*x2", r"k_{1} \, x_{2}"),
        ("hare/(1 + h_max*hare)", r"\frac{\mathrm{hare}}{1 + h_{\mathrm{max}} \, \mathrm{hare}}"),
        ("2*3", r"2 \cdot 3"),
        ("1.5e-7*x", r"1.5 \cdot 10^{-7} \, x"),
        ("sin(x)^2", r"\sin^{2}\left(x\right)"),
        ("(a + b)*c", r"\left(a + b\right) \, c"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a*-b", r"a \, \left(-b\right)"),
        ("(-a)^2", r"\left(-a\right)^{2}"),
        ("x^2^y", r"x^{2^{y}}"),
        ("exp(-x)", "e^{-x}"),
        ("sqrt(x)", r"\sqrt{x}"),
        ("abs(x)", r"\left|x\right|"),
        ("1e22*x", r"10^{22} \, x"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert to_latex(parse_expression(text)) == latex


def test_latex_digits_and_symbols() -> None:
    expr = parse_expression("0.123456*f(x)", functions=None)
    assert to_latex(expr, {"f": r"\boxed{f}", "x": "X"}, digits=3) == r"0.123 \, \boxed{f}\left(X\right)"


def test_evaluation_broadcasts_and_never_raises_for_numbers() -> None:
    value = evaluate(parse_expression("1/x + log(x) + x^0.5"), {"x": np.array([-1.0, 0.0, 1.0])})
    assert np.isnan(value[0]) and not np.isfinite(value[1]) and value[2] == 2.0
    assert evaluate(parse_expression("x^2/y"), {"x": 3, "y": 2}) == 4.5
    called = evaluate(
        parse_expression("f(x, 1)", functions=None), {"x": np.ones(3)}, neural_terms={"f": lambda a, b: a + b}
    )
    assert called.tolist() == [2.0, 2.0, 2.0]


def test_importing_expressions_does_not_import_sympy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, ndestudio.expression, ndestudio.expression.sympy_form; ndestudio.expression.to_latex;"
        "assert 'sympy' not in sys.modules and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_large_rounded_number_is_a_power_of_ten() -> None:
    from ndestudio.expression.latex import number_latex

    assert number_latex(-83_124_000_000.0, 4) == r"-8.312 \cdot 10^{10}"
    assert number_latex(1e9, 4) == "10^{9}"
    assert number_latex(82_651.2, 4) == "82650"
