"""Delays in the language: what is read, what is refused and where."""

from __future__ import annotations

import pytest

from ndestudio.expression import Delay, Name, to_latex, to_text
from ndestudio.model import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.parse import read_system
from ndestudio.project.codec import decode_expression, encode_expression


def read(equations: str, **settings):
    config = ModelConfig(equations=equations, **settings)
    return read_system(config, ("x",), ("u",) if "u(" in equations else ())


def test_a_state_some_time_ago():
    system = read("d(x)/dt = r*x*(1 - x(t - tau)/K)").system
    assert system is not None
    assert system.delays == (Delay(Name("x"), Name("tau")),)
    assert system.parameters == ("r", "tau", "K")
    text = to_text(system.rhs[0])
    assert text == "r*x*(1 - x(t - tau)/K)"
    assert read(f"d(x)/dt = {text}").system == system
    assert decode_expression(encode_expression(system.rhs[0])) == system.rhs[0]
    assert r"x\left(t - \tau\right)" in to_latex(system.rhs[0])


def test_the_present_may_be_written_as_a_function_of_time():
    assert read("d(x)/dt = -x(t)").system == read("d(x)/dt = -x").system


def test_a_delayed_quantity_is_its_formula_delayed():
    system = read("q = a*x^2 + t\nd(x)/dt = b*q(t - tau)").system
    assert system is not None
    assert to_text(system.rhs[0]) == "b*(a*x(t - tau)^2 + (t - tau))"
    assert read("q = x(t - a)\nd(x)/dt = -q(t - b)").system.delays == (  # type: ignore[union-attr]
        read("d(x)/dt = -x(t - (a + b))").system.delays  # type: ignore[union-attr]
    )


def test_a_network_of_a_delayed_value_has_a_name_for_it():
    system = read("d(x)/dt = f(x(t - tau), x)", networks={"f": NetworkConfig()}).system
    assert system is not None
    assert system.neural_terms[0].arguments == ("x_lag", "x")


@pytest.mark.parametrize(
    ("equations", "column", "word"),
    [
        ("d(x)/dt = -x(t - x)", 12, "depends on `x`"),
        ("d(x)/dt = -x(t - f(x))", 12, "depends on"),
        ("d(x)/dt = -x(t - 0)", 12, "above 0"),
        ("d(x)/dt = -x(t - tau)", 12, "starts at -1"),
        ("d(x)/dt = -x(t + 1)", 12, "earlier values"),
        ("d(x)/dt = -x(2)", 12, "no function"),
    ],
)
def test_what_cannot_be_solved_is_refused_in_its_place(equations: str, column: int, word: str):
    networks = {"f": NetworkConfig()} if "f(" in equations else {}
    parameters = {"tau": ParameterConfig(value=-1.0)} if "tau" in equations else {}
    errors = read(equations, networks=networks, parameters=parameters).errors
    assert len(errors) == 1
    assert word in errors[0].sentence and errors[0].column == column


def test_a_measured_output_reads_no_delay():
    errors = read("x = y(t - 1)\nd(y)/dt = -y").errors
    assert len(errors) == 1 and "outputs cannot" in errors[0].sentence and errors[0].line == 1


def test_the_past_is_a_formula_of_time_and_parameters():
    system = read("d(x)/dt = -x(t - 1)", initial={"x": InitialConfig(past="a + 0.1*t")}).system
    assert system is not None and to_text(system.past["x"]) == "a + 0.1*t" and system.parameters == ("a",)
    errors = read("d(x)/dt = -x(t - 1)", initial={"x": InitialConfig(past="x + 1")}).errors
    assert "not known before the begin" in errors[0].sentence
    errors = read("d(x)/dt = -x(t - 1)", initial={"x": InitialConfig(past="t", value=1.0)}).errors
    assert "`past` or `value`" in errors[0].sentence
