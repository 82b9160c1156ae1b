"""Model text to systems: forms of equations, auxiliaries, neural terms, and every error in its place."""

from __future__ import annotations

import pytest

from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression, to_text
from ndestudio.model import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, analyse, parse_system, tokenise
from ndestudio.model.parse import read_system
from ndestudio.model.system import NeuralTerm

NET = NetworkConfig()


def _rhs(config: ModelConfig, measured: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> dict[str, str]:
    system = parse_system(config, measured, inputs)
    return {state: to_text(expr) for state, expr in zip(system.states, system.rhs, strict=True)}


def test_three_ways_to_write_a_derivative_and_comments() -> None:
    text = "# Lotka\nd(x)/dt = a*x  # growth\ny' = -b*y\n\ndz/dt = x*y\n"
    system = parse_system(ModelConfig(equations=text), ("x", "y", "z"), ())
    assert system.states == ("x", "y", "z")
    assert system.parameters == ("a", "b")


def test_a_state_called_d_and_lines_that_go_on() -> None:
    text = "d(d)/dt = a*d\n   - b*d *\n   2\nx' = max(d,\n 1)"
    assert _rhs(ModelConfig(equations=text)) == {"d": "a*d - b*d*2", "x": "max(d, 1)"}


def test_auxiliaries_are_put_in_whatever_their_order() -> None:
    text = "d(x)/dt = -flow\nflow = k*level\nlevel = max(x, 0)\nshown = 2*flow"
    system = parse_system(ModelConfig(equations=text), ("x", "shown"), ())
    assert to_text(system.rhs[0]) == "-(k*max(x, 0))"
    assert to_text(system.outputs["shown"]) == "2*(k*max(x, 0))"
    assert system.observation("x") is not None and system.observation("shown") == system.outputs["shown"]
    assert system.observation("other") is None
    assert system.parameters == ("k",)


def test_neural_terms_keep_the_names_of_their_first_call() -> None:
    text = "d(x)/dt = f(x, 2*y) + f(y, x)\nd(y)/dt = g(t, x) + h(x, x) - f(x*y, 1)\nout = q(y)"
    networks = dict.fromkeys("fghq", NET)
    system = parse_system(ModelConfig(equations=text, networks=networks), (), ())
    assert system.neural_terms == (
        NeuralTerm("f", ("x", "x1")),
        NeuralTerm("g", ("t", "x")),
        NeuralTerm("h", ("x", "x1")),
        NeuralTerm("q", ("y",)),
    )


def test_inputs_are_forcings_and_only_those_used_are_kept() -> None:
    system = parse_system(ModelConfig(equations="d(x)/dt = u - k*x"), ("x",), ("w", "u"))
    assert system.inputs == ("u",) and system.parameters == ("k",)


def test_parameters_of_initial_values_count() -> None:
    config = ModelConfig(equations="d(S)/dt = -k*S\nseen = S", initial={"S": InitialConfig(value="N - seen")})
    assert parse_system(config, ("seen",), ()).parameters == ("k", "N")


ERRORS = [
    ("d(x)/dt = sine(x)", {}, 1, 11, 4, "did you mean `sin`? If it is an unknown term, declare it as a network"),
    ("d(x)/dt = foo(x)", {}, 1, 11, 3, "if it is an unknown term, declare it as a network"),
    ("d(x)/dt = a*\n", {}, 1, 13, 1, "ends where"),
    ("d(x)/dt = a*\ny' = 2", {}, 1, 13, 1, "ends where"),
    ("d(x)/dt =", {}, 1, 10, 1, "no right-hand side"),
    ("x\nd(x)/dt = 1", {}, 1, 1, 1, "no `=` here"),
    ("x''' = 1", {}, 1, 1, 1, "a second derivative is written"),
    ("d(x)/ds = 1", {}, 1, 1, 7, "left side is not understood"),
    ("x(t) = 1", {}, 1, 1, 1, "without `(t)`"),
    ("= 1", {}, 1, 1, 1, "nothing stands before"),
    ("d(x)/dt = x(2)", {}, 1, 11, 1, "`x` is no function"),
    ("d(x)/dt = x(t + tau)", {}, 1, 11, 1, "only earlier values can be read"),
    ("d(x)/dt = 1\nx' = 2", {}, 2, 1, 1, "has an equation already, on line 1"),
    ("d(x)/dt = y\ny = z\nz = 2*y", {}, 3, 1, 1, "`y` -> `z` -> `y`"),
    ("d(x)/dt = y\ny = y + 1", {}, 2, 1, 1, "`y` -> `y`"),
    ("d(t)/dt = 1", {}, 1, 3, 1, "`t` is the time"),
    ("d(x)/dt = 1\nsin = 2", {}, 2, 1, 3, "is a function"),
    ("d(x)/dt = 1\nf = 2", {"f": NET}, 2, 1, 1, "declared as a network"),
    ("d(x)/dt = f*x", {"f": NET}, 1, 11, 1, "call it with what it depends on"),
    ("d(x)/dt = f(x) + f(x, 1)", {"f": NET}, 1, 18, 1, "has 2 arguments here, but 1"),
    ("d(u)/dt = 1", {}, 1, 3, 1, "measured input"),
    ("d(x)/dt = 1 < x", {}, 1, 13, 1, "makes a condition"),
    ("y = 3", {}, 1, 1, 1, "no equation of a state"),
    ("", {}, 1, 1, 1, "no equation of a state"),
]


@pytest.mark.parametrize(("text", "networks", "line", "column", "length", "says"), ERRORS)
def test_errors(text: str, networks: dict[str, NetworkConfig], line: int, column: int, length: int, says: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse_system(ModelConfig(equations=text, networks=networks), (), ("u",))
    assert says in caught.value.sentence
    assert (caught.value.line, caught.value.column, caught.value.length) == (line, column, length)


def test_a_measured_column_without_equation_is_told() -> None:
    with pytest.raises(EquationError, match="the column `y` is measured, but the model says nothing about it"):
        parse_system(ModelConfig(equations="d(x)/dt = 1"), ("x", "y"), ())


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"parameters": {"k": ParameterConfig(value=3, lower=0, upper=1)}}, "lies outside its bounds [0, 1]"),
        ({"parameters": {"k": ParameterConfig(lower=2, upper=1)}}, "is not below the upper bound"),
        ({"parameters": {"k": ParameterConfig(value=0.0, log=True)}}, "logarithmic scale needs a positive value"),
        ({"parameters": {"k": ParameterConfig(value=float("nan"))}}, "finite numbers"),
        ({"networks": {"f": NetworkConfig(lower=1.0, upper=0.0)}}, "is not below the upper bound"),
        ({"networks": {"f": NetworkConfig(lower=1.0, sign="positive")}}, "either bounds or a sign"),
        ({"networks": {"f": NetworkConfig(monotone={"x": "increasing"}, activation="sin")}}, "needs the activation"),
        ({"networks": {"f": NetworkConfig(monotone={"xx": "increasing"})}}, "none of its arguments (`x`); did you"),
        ({"networks": {"f": NetworkConfig(factor=("z",))}}, "none of its arguments"),
        ({"networks": {"f": NET, "max": NET}}, "is a known function"),
        ({"networks": {"f": NET, "a b": NET}}, "cannot be written in an equation"),
        ({"networks": {"f": NetworkConfig(width=0)}}, "width must be"),
        ({"initial": {"z": InitialConfig()}}, "which is no state"),
        ({"initial": {"x": InitialConfig(value=3.0, upper=1.0)}}, "lies outside its bounds"),
        ({"initial": {"x": InitialConfig(value="2*(")}}, "initial value of `x`"),
        ({"initial": {"x": InitialConfig(value="2*h")}}, "`h` is not measured"),
    ],
)
def test_tables_are_checked(tables: dict, says: str) -> None:
    tables = {"networks": {"f": NET}, **tables}
    config = ModelConfig(equations="d(x)/dt = k*f(x)\nd(h)/dt = 1", **tables)
    with pytest.raises(EquationError) as caught:
        parse_system(config, ("x",), ())
    assert says in caught.value.sentence


def test_hostile_auxiliaries_do_not_explode() -> None:
    lines = ["a0 = x + x"] + [f"a{k} = a{k - 1}*a{k - 1}" for k in range(1, 60)] + ["d(x)/dt = a59"]
    with pytest.raises(EquationError, match="becomes too large"):
        parse_system(ModelConfig(equations="\n".join(lines)), (), ())
    chain = ["a0 = x"] + [f"a{k} = a{k - 1} + 1" for k in range(1, 400)] + ["d(x)/dt = a399"]
    with pytest.raises(EquationError, match="becomes too large"):
        parse_system(ModelConfig(equations="\n".join(chain)), (), ())


def test_analysis_lists_all_errors_and_what_could_be_declared() -> None:
    text = "d(x)/dt = grow(x) + 2y\nd(h)/dt = loss(h, x) - k*h\nshown = a*x"
    analysis = analyse(ModelConfig(equations=text), ("x", "v"), ())
    assert [(error.line, error.column) for error in analysis.errors] == [(1, 1), (1, 22), (2, 11)]
    assert analysis.undeclared == ("loss",)
    assert analysis.system is None
    assert analysis.states == ("x", "h") and analysis.hidden == ("h",) and analysis.quantities == ("shown",)
    assert set(analysis.equations) == {"h", "shown"}


def test_analysis_of_a_good_model() -> None:
    config = ModelConfig(
        equations="d(x)/dt = f(x) - k*x",
        networks={"f": NET, "g": NET},
        parameters={"k": ParameterConfig(), "old": ParameterConfig()},
    )
    analysis = analyse(config, ("x",), ())
    assert analysis.errors == () and analysis.system is not None
    assert analysis.parameters == ("k",) and analysis.unused == ("old", "g")


def test_spans_cover_the_text_with_kinds() -> None:
    text = "d(x)/dt = a*sin(x) - f(x, u) + g(q) # why\ndy/dt = 2*pi*t\nq = x"
    spans = tokenise(text, inputs=("u",), networks=("f",))
    kinds = {(span.text, span.kind) for span in spans}
    assert {
        ("x", "state"),
        ("a", "parameter"),
        ("sin", "function"),
        ("f", "neural_term"),
        ("u", "input"),
        ("g", "unknown"),
        ("q", "quantity"),
        ("# why", "comment"),
        ("y", "state"),
        ("d", "derivative"),
        ("dt", "derivative"),
        ("2", "number"),
        ("pi", "constant"),
        ("t", "time"),
    } <= kinds
    lines = text.split("\n")
    for span in spans:
        assert lines[span.line - 1][span.column - 1 : span.column - 1 + span.length] == span.text
    assert len(tokenise("d(x/dt = = sin(*\n@ü")) > 5


def test_the_package_offers_what_it_lists_and_nothing_heavy() -> None:
    import subprocess
    import sys

    import ndestudio.model

    missing = [name for name in ndestudio.model.__all__ if not hasattr(ndestudio.model, name)]
    assert missing == []
    code = (
        "import sys, ndestudio.model as m; m.analyse, m.tokenise, m.system_latex, m.library, m.ModelConfig;"
        "assert not {'jax', 'scipy', 'sympy', 'equinox', 'diffrax', 'polars'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_words_between_conditions_are_operators_and_no_parameters() -> None:
    text = "x' = if(x > a and not (x < b or not x == c), hill(x, K, 2), sign)"
    kinds = {(span.text, span.kind) for span in tokenise(text)}
    assert {
        ("and", "operator"),
        ("or", "operator"),
        ("not", "operator"),
        (">", "operator"),
        ("==", "operator"),
    } <= kinds
    assert {("if", "function"), ("hill", "function"), ("sign", "parameter")} <= kinds
    analysis = analyse(ModelConfig(equations=text), ("x",), ())
    assert analysis.errors == () and set(analysis.parameters) == {"a", "b", "c", "K", "sign"}


def test_names_like_words_between_conditions_may_stay_parameters() -> None:
    analysis = analyse(ModelConfig(equations="x' = and*x - not*(x - or)"), ("x",), ())
    assert analysis.errors == () and set(analysis.parameters) == {"and", "not", "or"}
    assert {span.text for span in analysis.spans if span.kind == "parameter"} == {"and", "not", "or"}


def test_a_comparison_goes_on_over_lines() -> None:
    system = parse_system(ModelConfig(equations="x' = if(x >\n 1, -x,\n x)"), ("x",), ())
    assert system.rhs == (parse_expression("if(x > 1, -x, x)"),)


def test_a_known_function_with_other_arguments_can_be_declared_and_is_named_until_then() -> None:
    reading = read_system(ModelConfig(equations="x' = hill(x)"), ("x",), ())
    assert reading.undeclared == ("hill",)
    assert "takes 3 arguments" in reading.errors[0].sentence and "declare it as a network" in reading.errors[0].sentence
    assert (reading.errors[0].kind, reading.errors[0].name) == ("undeclared", "hill")
    declared = parse_system(ModelConfig(equations="x' = hill(x)", networks={"hill": NET}), ("x",), ())
    assert [neural_term.name for neural_term in declared.neural_terms] == ["hill"]
