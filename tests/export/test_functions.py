"""Programs whose equations use every function, and names that have become those of functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.export import artefact
from ndestudio.export.rerun import TOLERANCE, verify
from ndestudio.expression.functions import BUILT_IN
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.tree import Call
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term, field
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import fresh_network
from ndestudio.model.parse import parse_system
from tests.export.conftest import dataset

EVERYTHING = """
d(x)/dt = k*hill(y, 1.5, 4) - 0.3*x*sigmoid(x - y) + 0.1*erf(x) - 0.05*log10(2 + x) + 0.1*net(x)
d(y)/dt = 0.2*atan2(x, y) - 0.1*sinh(0.3*y) + 0.1*heaviside(2 + x) - 0.1*y*sign(3 + y) + 0.1*floor(1.5 + 0*x) + jump
jump = if(x > y and not (x > 9 or y == 7), 0.1*(x - y), 0) + piecewise(0.2, t < 0, min(x, y)*0.1, t <= 99, 0.3)*cosh(0.1*x)
"""


def model(equations: str, networks: tuple[str, ...] = (), parameters: tuple[str, ...] = ("k",), **settings) -> tuple:
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=0.4) for name in parameters},
        networks={name: NetworkConfig(width=3, depth=1, **settings) for name in networks},
    )
    data = dataset(("x", "y"))
    system = parse_system(config, ("x", "y"), ())
    made = {
        neural_term.name: fresh_network(
            neural_term.name, config.networks[neural_term.name], neural_term.arguments, seed=1
        )
        for neural_term in system.neural_terms
    }
    fitted = FittedModel(
        config,
        system,
        dict.fromkeys(system.parameters, 0.4),
        made,
        {"run 0's": np.array([1.2, 0.8])},
        ("x", "y"),
        scale=np.array([1.0, 1.0]),
    )
    return fitted, data


@pytest.mark.parametrize("format", ["python", "jax", "c"])
def test_programs_with_every_function_agree_with_the_model(format: str) -> None:
    fitted, data = model(EVERYTHING, ("net",), lower=0.0, upper=1.0)
    made = verify(artefact(fitted, format, dataset=data), fitted, data)
    assert made.deviation is not None and made.deviation <= TOLERANCE, made.sentence


@pytest.mark.parametrize(("format", "grammar"), [("julia", "tree_sitter_julia"), ("matlab", "tree_sitter_matlab")])
@pytest.mark.parametrize("networks", [True, False])
def test_julia_and_matlab_parse_and_define_each_function_once(format: str, grammar: str, networks: bool) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    parser = tree_sitter.Parser(tree_sitter.Language(pytest.importorskip(grammar).language()))
    text_ = EVERYTHING if networks else EVERYTHING.replace("net(x)", "x")
    fitted, data = model(text_, ("net",) if networks else (), lower=0.0, upper=1.0)
    text = artefact(fitted, format, dataset=data).text
    assert not parser.parse(text.encode()).root_node.has_error
    head = {"julia": "function hill(", "matlab": "= hill(x, K, n)\n"}[format]
    assert text.count(head) == 1
    assert text.count({"julia": "sigmoid(z) = 0.5", "matlab": "z = sigmoid(z)\n"}[format]) == 1
    assert ("SpecialFunctions" in text) == (format == "julia")


def test_the_sympy_script_imports_what_it_calls(tmp_path: Path) -> None:
    fitted, data = model(EVERYTHING, ("net",))
    path = tmp_path / "model_sympy.py"
    path.write_text(artefact(fitted, "sympy", dataset=data).text, encoding="utf-8")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Heaviside" in done.stdout and "Piecewise" in done.stdout


# older specs

SHADOWED = [
    entry.name for entry in BUILT_IN.values() if entry.word and not entry.reserved and entry.name.isidentifier()
]


@pytest.mark.parametrize("name", [name for name in SHADOWED if name != "if"])
def test_a_network_may_have_the_name_of_a_function_that_came_later(name: str) -> None:
    arguments = ", ".join(("x", "y", "x*y")[: max(len(BUILT_IN[name].arguments), 1)]) if name != "piecewise" else "x"
    fitted, data = model(f"d(x)/dt = {name}({arguments})\nd(y)/dt = -k*y", (name,))
    (neural_term,) = fitted.system.neural_terms
    assert neural_term.name == name
    state = np.array([1.1, 0.7])
    called = [{"x": 1.1, "y": 0.7}.get(argument, 0.77) for argument in neural_term.arguments]
    expected = float(evaluate_neural_term(fitted, name, np.array(called)))
    assert float(field(fitted, 0.0, state)[0]) == pytest.approx(expected, rel=1e-12)
    for format in ("python", "c"):
        made = verify(artefact(fitted, format, dataset=data), fitted, data)
        assert made.deviation is not None and made.deviation <= TOLERANCE, made.sentence


@pytest.mark.parametrize("name", SHADOWED)
def test_a_parameter_may_have_the_name_of_a_function_that_came_later(name: str) -> None:
    equations = (
        f"d(x)/dt = -{name}*x + 0.1*{'hill' if name != 'hill' else 'sign'}(y{', 1, 2' if name != 'hill' else ''})"
    )
    fitted, data = model(f"{equations}\nd(y)/dt = -k*y", parameters=("k", name))
    assert set(fitted.system.parameters) == {name, "k"}
    for format in ("python", "c"):
        made = verify(artefact(fitted, format, dataset=data), fitted, data)
        assert made.deviation is not None and made.deviation <= TOLERANCE, made.sentence


def test_a_state_and_a_quantity_may_have_such_names_too() -> None:
    config = ModelConfig(equations="d(floor)/dt = -0.1*floor*sign\nsign = 2*floor")
    system = parse_system(config, ("floor",), ())
    assert system.states == ("floor",)
    assert system.rhs[0] == parse_expression("-0.1*floor*(2*floor)")
    assert not [node for node in system.rhs if isinstance(node, Call)]


def test_equations_json_tells_names_from_functions() -> None:
    """A state `sign` beside the function sign, and a network `erf` beside none."""
    import sympy

    from ndestudio.export.formats.sympy_text import sympifiable, sympify_text

    expr = parse_expression("sign*sign(x) + erf(x)", functions=("erf",))
    names = sympifiable(("sign", "x", "erf"), [expr])
    text = sympify_text(expr, names, ("erf",))
    symbols = {names[name]: sympy.Symbol(name) for name in ("sign", "x")}
    sympify: Any = sympy.sympify
    read = sympify(text, locals={**symbols, names["erf"]: sympy.Function("network")})
    x, sign = sympy.Symbol("x"), sympy.Symbol("sign")
    assert read == sign * sympy.sign(x) + sympy.Function("network")(x)
