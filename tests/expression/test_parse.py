"""Reading formulas: what they mean, and what is said about those that mean nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.errors import EquationError
from ndestudio.expression import Binary, Call, Name, Negate, Number, evaluate, parse_expression, to_text
from ndestudio.expression.parse import is_identifier


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2^3^2", 512.0),
        ("2**3**2", 512.0),
        ("-2^-2", -0.25),
        ("8/4/2", 1.0),
        ("8-4-2", 2.0),
        ("8-(4-2)", 6.0),
        ("2*-3", -6.0),
        ("--2", 2.0),
        ("+2 - +3", -1.0),
        ("1.5e-3", 0.0015),
        (".5 + 5.", 5.5),
        ("1E3", 1000.0),
        ("pi", math.pi),
        ("max(1, 2) + min(1, 2)", 3.0),
        ("exp(0) + log(1) + sqrt(4) + sin(0) + cos(0) + tan(0) + tanh(0) + abs(-3)", 7.0),
        ("2*(3 + 4)", 14.0),
        ("-3*2", -6.0),
    ],
)
def test_meaning(text: str, value: float) -> None:
    assert evaluate(parse_expression(text), {}) == pytest.approx(value, rel=1e-15)


def test_minus_binds_weaker_than_power_and_stronger_than_product() -> None:
    assert parse_expression("-x^2") == Negate(Binary("^", Name("x"), Number(2.0)))
    assert parse_expression("-a*b") == Binary("*", Negate(Name("a")), Name("b"))


def test_names_may_be_words_of_python_and_greek() -> None:
    assert parse_expression("lambda*α_1") == Binary("*", Name("lambda"), Name("α_1"))


@pytest.mark.parametrize(
    ("text", "column", "length", "says"),
    [
        ("2 + sine(x)", 5, 4, "unknown function `sine`; did you mean `sin`?"),
        ("ln(x)", 1, 2, "did you mean `log`?"),
        ("2x", 2, 1, "for a product write `2*x`"),
        ("a b", 3, 1, "for a product write `a*b`"),
        ("2(a)", 2, 1, "for a product write `2*(`"),
        ("3 + (a + b", 5, 1, "never closed"),
        ("a + b)", 6, 1, "closes nothing"),
        ("a +", 4, 1, "ends where a number, a name or `(` is expected"),
        ("", 1, 1, "ends where"),
        ("()", 2, 1, "`)` without a value before it"),
        ("a * / b", 5, 1, "`/` stands where"),
        ("a < b", 3, 1, "belongs into `if(condition, a, b)`"),
        ("a = b", 3, 1, "two values are compared by `==`"),
        ("1,5", 2, 1, "as a decimal mark write `.`"),
        ("a × b", 3, 1, "write `*`"),
        ("a[1]", 2, 1, "write `(`"),
        ("sin + 1", 1, 3, "write `sin(...)`"),
        ("min(a)", 1, 3, "takes 2 arguments, not 1"),
        ("sin(a, b)", 1, 3, "takes one argument, not 2"),
        ("1e999", 1, 5, "too large"),
        ("x' + 1", 2, 1, "`'` is not expected here"),
        ("'", 1, 1, "belongs on the left of `=`"),
        ("__import__('os')", 12, 1, "belongs on the left"),
        ("x.y", 2, 1, "`.` has no meaning here"),
    ],
)
def test_errors_have_a_place_and_a_remedy(text: str, column: int, length: int, says: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse_expression(text, functions=("__import__",))
    assert says in caught.value.sentence
    assert (caught.value.line, caught.value.column, caught.value.length) == (1, column, length)


def test_errors_are_counted_from_where_the_text_stands() -> None:
    with pytest.raises(EquationError) as caught:
        parse_expression("1 +\n 2x", line=7, column=12)
    assert (caught.value.line, caught.value.column) == (8, 3)


def test_neural_terms_are_called_only_if_they_are_known() -> None:
    assert parse_expression("f(x)", functions=("f",)) == Call("f", (Name("x"),))
    assert parse_expression("f(x)", functions=None) == Call("f", (Name("x"),))
    with pytest.raises(EquationError, match="unknown function `grwth`; did you mean `growth`"):
        parse_expression("grwth(x)", functions=("growth",))
    with pytest.raises(EquationError, match="has no arguments"):
        parse_expression("f()", functions=("f",))


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 5000 + "x", "^".join("x" * 5000), "sin(" * 5000, "+".join("x" * 5000), "x" * 30_000]
)
def test_hostile_text_gets_a_sentence(text: str) -> None:
    with pytest.raises(EquationError, match=r"nested|nests|characters"):
        parse_expression(text)


def test_a_long_sum_is_fine() -> None:
    text = " + ".join(f"a{k}*x^{k}" for k in range(150))
    assert to_text(parse_expression(text)) == text


@settings(max_examples=300)
@given(st.text(alphabet="ax12. +-*/^(),'=#\nsine", max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        expr = parse_expression(text)
    except EquationError as error:
        assert error.sentence and error.length >= 1 and error.column >= 1
    else:
        assert parse_expression(to_text(expr)) == expr


def test_identifiers() -> None:
    assert all(is_identifier(name) for name in ("x", "x_1", "lambda", "α", "_a"))
    assert not any(is_identifier(name) for name in ("", "1x", "a b", "a-b", "sin", "pi", "x#"))
