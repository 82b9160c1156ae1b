"""Everything the registry says of its functions holds; the tests are made from the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ndestudio import plugins
from ndestudio.errors import EquationError
from ndestudio.export import EXPORTERS
from ndestudio.export.formats.c_code import CPrinter
from ndestudio.export.formats.jax_code import JaxPrinter
from ndestudio.export.formats.julia import JuliaPrinter
from ndestudio.export.formats.matlab import MatlabPrinter
from ndestudio.export.formats.python_code import PythonPrinter
from ndestudio.export.formats.sympy_text import sympify_text
from ndestudio.export.helpers import definitions, imports, used_in
from ndestudio.expression import (
    compile_scalar,
    differentiate,
    evaluate,
    fold,
    from_sympy,
    parse_expression,
    to_latex,
    to_sympy,
    to_text,
)
from ndestudio.expression.arrays import compile_array
from ndestudio.expression.functions import BUILT_IN, RESERVED, Function, functions, registry, searchable, words
from ndestudio.expression.tree import Binary, Call, Expr, Name, Number

NAMES = ("a", "b", "c")
SLOTS = {name: k for k, name in enumerate(NAMES)}
ROWS = 40


def use(entry: Function) -> Expr:
    """A number that depends on ``entry``: its call, conditions within a choice."""
    kinds = entry.kinds(5) if entry.rewrite is not None else entry.kinds(len(entry.arguments))
    assert kinds is not None
    numbers = iter(Name(NAMES[k % 3]) for k in range(9))
    conditions = iter([Call("<", (Name("a"), Name("b"))), Call("<", (Name("b"), Name("c")))])
    call = Call(entry.name, tuple(next(conditions) if kind == "c" else next(numbers) for kind in kinds))
    if entry.gives == "c":
        return Call("if", (call, parse_expression("a^2"), parse_expression("b - 3*c")))
    return call


def points(entry: Function) -> dict[str, np.ndarray]:
    """Values away from kinks, within the domain."""
    generator = np.random.default_rng(len(entry.name))
    low = -2.5 if not entry.domain else 0.2
    found = {name: generator.uniform(low, 2.5, ROWS) for name in NAMES}
    near = np.zeros(ROWS, bool)
    for kink in entry.kinks:
        first = found["a"] - found["b"] if len(entry.arguments) == 2 else found["a"]
        near |= np.abs(first - kink) < 0.02
    return {name: values[~near] for name, values in found.items()}


ENTRIES = pytest.mark.parametrize("entry", BUILT_IN.values(), ids=list(BUILT_IN))


@ENTRIES
def test_values_are_the_same_on_arrays_in_jax_and_on_floats(entry: Function) -> None:
    import jax
    import jax.numpy as jnp

    expr, values = use(entry), points(entry)
    expected = evaluate(expr, values)
    assert np.isfinite(expected).all() and len(expected) > 30
    with jax.enable_x64(True):
        traced = jax.jit(lambda v: evaluate(expr, v, jnp))({n: jnp.asarray(v) for n, v in values.items()})
    np.testing.assert_allclose(np.asarray(traced), expected, rtol=1e-12, atol=1e-14)
    scalar = compile_scalar(expr, SLOTS)
    rows = list(zip(*values.values(), strict=True))
    np.testing.assert_allclose([scalar(row) for row in rows], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(compile_array(expr, SLOTS)(list(values.values())), expected)


@ENTRIES
def test_derivatives_are_those_of_central_differences_and_of_jax(entry: Function) -> None:
    import jax
    import jax.numpy as jnp

    expr, values = use(entry), points(entry)
    for name in NAMES:
        formula = differentiate(expr, name)
        exact = np.broadcast_to(evaluate(formula, values), values["a"].shape)
        step = 1e-6
        ends = [evaluate(expr, {**values, name: values[name] + s * step}) for s in (-1, 1)]
        np.testing.assert_allclose(exact, (ends[1] - ends[0]) / (2 * step), rtol=2e-6, atol=2e-6)
        with jax.enable_x64(True):
            slope = jax.vmap(jax.grad(lambda v: evaluate(expr, v, jnp)))({n: jnp.asarray(v) for n, v in values.items()})
        np.testing.assert_allclose(np.asarray(slope[name]), exact, rtol=1e-9, atol=1e-12)


@ENTRIES
def test_latex_can_be_drawn(entry: Function) -> None:
    from ziamath.config import config
    from ziamath.zmath import Latex

    config.svg2 = False
    latex = to_latex(use(entry))
    assert "<path" in Latex(latex).svg()
    assert latex.count("{") == latex.count("}")


@ENTRIES
def test_sympy_and_back_has_the_same_values(entry: Function) -> None:
    import sympy

    sympify: Any = sympy.sympify
    expr, values = use(entry), points(entry)
    expected = evaluate(expr, values)
    np.testing.assert_allclose(evaluate(from_sympy(to_sympy(expr)), values), expected, rtol=1e-12, atol=1e-14)
    read = sympify(sympify_text(expr), locals={name: sympy.Symbol(name) for name in NAMES})
    np.testing.assert_allclose(evaluate(from_sympy(read), values), expected, rtol=1e-12, atol=1e-14)


@ENTRIES
def test_rewriting_keeps_the_values(entry: Function) -> None:
    from ndestudio.distil.forms import simplest

    expr, values = Binary("/", use(entry), parse_expression("1.3 + 1.3*a^2")), points(entry)
    np.testing.assert_allclose(evaluate(simplest(expr), values), evaluate(expr, values), rtol=1e-9, atol=1e-12)


def test_sympy_keeps_negated_equality() -> None:
    expr = parse_expression("if(not a == 2, 1, a)")
    assert from_sympy(to_sympy(expr)) == expr


def test_sympy_forms_that_the_language_has_no_word_for_are_refused() -> None:
    import sympy

    x = sympy.Symbol("x")
    step: Any = sympy.Heaviside
    with pytest.raises(EquationError, match="none of its conditions holds"):
        from_sympy(sympy.Piecewise((1, x < 1)))
    with pytest.raises(EquationError, match="is 1/2 there"):
        from_sympy(step(x, 1))
    three = from_sympy(sympy.Piecewise((1, (x < 1) & (x > -1) & sympy.Ne(x, 0)), (2, x > 5), (3, True)))
    assert [evaluate(three, {"x": value}) for value in (0.5, 0.0, 6.0, 2.0)] == [1.0, 3.0, 2.0, 3.0]


@ENTRIES
def test_text_reads_back(entry: Function) -> None:
    assert parse_expression(to_text(use(entry))) == use(entry)


def _program(expr: Expr, language: str, write: Callable[[Expr], str]) -> str:
    """Python text of a function of a, b, c."""
    used = used_in([expr])
    lines = [*imports(used, language), *definitions(used, language)]
    return "\n".join([*lines, f"def value(a, b, c):\n    return {write(expr)}\n"])


@ENTRIES
def test_python_text_has_the_values(entry: Function) -> None:
    """The text is our own, so it may be run here."""
    expr, values = use(entry), points(entry)
    scope: dict = {"np": np}
    exec(_program(expr, "python", PythonPrinter()), scope)
    found = [scope["value"](*row) for row in zip(*values.values(), strict=True)]
    np.testing.assert_allclose(found, evaluate(expr, values), rtol=1e-12, atol=1e-14)


@ENTRIES
def test_jax_text_has_the_values_also_when_compiled(entry: Function) -> None:
    import jax
    import jax.numpy as jnp

    expr, values = use(entry), points(entry)
    scope: dict = {"jax": jax, "jnp": jnp}
    exec(_program(expr, "jax", JaxPrinter()), scope)
    with jax.enable_x64(True):
        found = jax.vmap(jax.jit(scope["value"]))(*(jnp.asarray(v) for v in values.values()))
        at = [float(v[0]) for v in values.values()]
        assert float(scope["value"](*at)) == pytest.approx(float(found[0]), rel=1e-12)
    np.testing.assert_allclose(np.asarray(found), evaluate(expr, values), rtol=1e-12, atol=1e-14)


def test_c_text_has_the_values(tmp_path: Path) -> None:
    entries = [(entry, use(entry), points(entry)) for entry in BUILT_IN.values()]
    found = iter(_run_c([(expr, values) for _, expr, values in entries], tmp_path))
    for entry, expr, values in entries:
        expected = evaluate(expr, values)
        np.testing.assert_allclose(
            [next(found) for _ in expected], expected, rtol=1e-12, atol=1e-14, err_msg=entry.name
        )


def _run_c(cases: list[tuple[Expr, dict[str, np.ndarray]]], folder: Path) -> list[float]:
    write = CPrinter()
    used = used_in([expr for expr, _ in cases])
    lines = ["#include <math.h>", "#include <stdio.h>", *definitions(used, "c"), "int main(void)", "{"]
    for expr, values in cases:
        for row in zip(*values.values(), strict=True):
            names = " ".join(f"const double {n} = {float(v)!r}; (void){n};" for n, v in zip(values, row, strict=True))
            lines.append(f'    {{ {names} printf("%.17g\\n", {write(expr)}); }}')
    (folder / "all.c").write_text("\n".join([*lines, "    return 0;", "}"]), encoding="utf-8")
    flags = ("-std=c99", "-O0", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["cc", *flags, "all.c", "-lm", "-o", "all"], cwd=folder, check=True)
    done = subprocess.run([str(folder / "all")], check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("language", "write", "grammar", "frame"),
    [
        ("julia", JuliaPrinter(), "tree_sitter_julia", "value(a, b, c) = {}\n"),
        ("matlab", MatlabPrinter(), "tree_sitter_matlab", "function value = f(a, b, c)\nvalue = {};\nend\n"),
    ],
)
@ENTRIES
def test_julia_and_matlab_text_parses(
    entry: Function, language: str, write: Callable[[Expr], str], grammar: str, frame: str
) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    parser = tree_sitter.Parser(tree_sitter.Language(pytest.importorskip(grammar).language()))
    used = used_in([use(entry)])
    text = "\n".join([*imports(used, language), frame.format(write(use(entry))), *definitions(used, language)]) + "\n"
    assert not parser.parse(text.encode()).root_node.has_error, text


CONVENTIONS = {
    "heaviside": {-1.0: 0.0, 0.0: 0.5, 1e-300: 1.0},
    "sign": {-2.5: -1.0, 0.0: 0.0, 3.0: 1.0},
    "floor": {-0.5: -1.0, -1.0: -1.0, 0.0: 0.0, 1.999: 1.0},
    "sigmoid": {-800.0: 0.0, 0.0: 0.5, 800.0: 1.0},
    "erf": {0.0: 0.0, 1.0: 0.8427007929497149, -6.0: -1.0},
    "log10": {1000.0: 3.0},
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_hold_in_every_language(name: str, tmp_path: Path) -> None:
    import jax
    import jax.numpy as jnp
    import sympy

    sympify: Any = sympy.sympify
    call = Call(name, (Name("a"),))
    at, expected = np.array(list(CONVENTIONS[name])), np.array(list(CONVENTIONS[name].values()))
    where = {"a": at, "b": at, "c": at}
    scope: dict = {"np": np, "jax": jax, "jnp": jnp}
    exec(_program(call, "python", PythonPrinter()), scope)
    read = sympify(sympify_text(call), locals={"a": sympy.Symbol("a")})
    with jax.enable_x64(True):
        jaxed = evaluate(call, {"a": jnp.asarray(at)}, jnp)
    for found in (
        evaluate(call, where),
        jaxed,
        [compile_scalar(call, SLOTS)([x, x, x]) for x in at],
        [scope["value"](x, x, x) for x in at],
        _run_c([(call, where)], tmp_path),
        [float(read.subs("a", float(x)).evalf()) for x in at],
    ):
        np.testing.assert_allclose(np.asarray(found, float), expected, rtol=1e-14, atol=1e-15)


def test_atan2_knows_all_quadrants_and_hill_its_limits() -> None:
    for y, x in ((1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0), (0.0, -1.0)):
        assert evaluate(parse_expression("atan2(y, x)"), {"y": y, "x": x}) == math.atan2(y, x)
    hill = compile_scalar(parse_expression("hill(a, b, c)"), SLOTS)
    assert (hill([0.0, 0.9, 10.0]), hill([0.9, 0.9, 10.0])) == (0.0, 0.5)
    assert hill([1e-12, 1.1e-12, 30.0]) == pytest.approx(1.0 / (1.0 + 1.1**30))  # K^n is no number here
    assert hill([1.0, 0.0, 2.0]) != hill([1.0, 0.0, 2.0])  # NaN, and nothing is raised


def test_the_branch_that_is_not_taken_does_no_harm() -> None:
    import jax
    import jax.numpy as jnp

    expr = parse_expression("if(a > 0, sqrt(a)*log(a)/a + b/a, b^2)")
    at = {"a": np.array([0.0, -1.0, 0.25]), "b": np.array([2.0, 3.0, 4.0])}
    expected = [4.0, 9.0, math.log(0.25) * 0.5 / 0.25 + 16.0]
    np.testing.assert_allclose(compile_array(expr, SLOTS)([at["a"], at["b"], at["b"]]), expected)
    np.testing.assert_allclose(
        [compile_scalar(expr, SLOTS)(row) for row in zip(at["a"], at["b"], strict=True)], expected
    )
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(lambda v: jnp.sum(evaluate(expr, v, jnp)))(
            {name: jnp.asarray(v) for name, v in at.items()}
        )
        tangents = jax.jacfwd(lambda v: evaluate(expr, v, jnp))({name: jnp.asarray(v) for name, v in at.items()})
    assert float(value) == pytest.approx(sum(expected))
    assert np.isfinite(slopes["a"]).all() and np.isfinite(slopes["b"]).all()
    assert np.isfinite(np.asarray(tangents["a"])).all()
    np.testing.assert_allclose(slopes["b"], [4.0, 6.0, 4.0])


def test_a_shared_parameter_gets_its_slope_from_the_rows_that_use_it() -> None:
    import jax
    import jax.numpy as jnp

    expr = parse_expression("piecewise(a^b, a > 1, b/a, a > 0, b)")
    with jax.enable_x64(True):
        rows = jnp.asarray([-1.0, 0.0, 0.5, 2.0])
        slope = jax.grad(lambda b: jnp.sum(evaluate(expr, {"a": rows, "b": b}, jnp)))(3.0)
    assert float(slope) == pytest.approx(1.0 + 1.0 + 2.0 + 8.0 * math.log(2.0))


def test_constants_fold_and_conditions_stay() -> None:
    assert fold(parse_expression("sigmoid(0) + x")) == parse_expression("0.5 + x")
    assert fold(parse_expression("hill(1, 1, 4)*1")) == Number(0.5)
    assert to_text(fold(parse_expression("if(x > 1 + 1, 0*x, 2*3)"))) == "if(x > 2, 0, 6)"


def test_the_engines_know_what_the_registry_says() -> None:
    header = Path(__file__).parents[2] / "ndestudio" / "symbolic" / "native" / "operators.hpp"
    core = header.read_text(encoding="utf-8")
    assert all(f'"{name}"' in core for name in searchable())
    from ndestudio.symbolic.postfix import from_postfix, to_postfix

    for name in searchable():
        call = use(BUILT_IN[name])
        assert from_postfix(to_postfix(call, NAMES), NAMES) == call
    with pytest.raises(ValueError, match="not a function the engine knows"):
        to_postfix(parse_expression("floor(a)"), NAMES)


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN.values() if entry.definition])
def test_what_is_defined_by_simpler_functions_can_be_given_to_an_engine(name: str) -> None:
    from ndestudio.symbolic.postfix import from_postfix, to_postfix

    call, values = use(BUILT_IN[name]), {key: np.abs(v) + 0.1 for key, v in points(BUILT_IN[name]).items()}
    again = from_postfix(to_postfix(call, NAMES), NAMES)
    np.testing.assert_allclose(evaluate(again, values), evaluate(call, values), rtol=1e-12)


def test_only_the_functions_of_the_first_version_are_reserved() -> None:
    """More would break specs of older versions that use the name for something else."""
    assert RESERVED == ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "abs", "min", "max")


# plug-ins

PLUGIN = """
import math
from ndestudio.expression.functions import Function

CUBED = Function(
    "cubed", ("x",), "x to the third", lambda xp, x: x * x * x, lambda x: x**3, ("3*x^2",), latex="#1^{3}",
    definition="x^3", code=dict.fromkeys(("python", "jax", "julia", "matlab", "c", "sympy"), ""),
)
BROKEN = "no function"
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tiny_functions.py").write_text(PLUGIN, encoding="utf-8")
    info = tmp_path / "tiny_functions-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-functions\nVersion: 1.0\n", encoding="utf-8")
    entries = "[ndestudio.functions]\ncubed = tiny_functions:CUBED\nbroken = tiny_functions:BROKEN\nlost = nowhere:X\n"
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    yield
    monkeypatch.undo()
    sys.modules.pop("tiny_functions", None)
    plugins.forget()


@pytest.mark.usefixtures("plugin")
def test_a_package_adds_a_function_and_one_that_fails_is_named_with_its_traceback() -> None:
    expr = parse_expression("cubed(a) + 1")
    assert evaluate(expr, {"a": 2.0}) == 9.0 and compile_scalar(expr, SLOTS)([2.0, 0.0, 0.0]) == 9.0
    assert to_text(differentiate(expr, "a")) == "3*a^2"
    assert PythonPrinter()(expr) == "a**3 + 1.0" and to_latex(expr) == "a^{3} + 1"
    assert from_sympy(to_sympy(expr)) == parse_expression("a^3 + 1")
    assert "cubed" in [entry.name for entry in functions()]
    failures = {one.name: one for one in plugins.failures() if one.kind == "functions"}
    assert set(failures) == {"broken", "lost"}
    assert "must be a Function" in failures["broken"].sentence
    assert "ModuleNotFoundError" in failures["lost"].details


def test_a_package_cannot_take_a_name() -> None:
    with pytest.raises(ValueError, match="already"):
        registry._checked(BUILT_IN["erf"], {"erf"})
    with pytest.raises(EquationError, match="unknown function `cubed`"):
        parse_expression("cubed(a)")


class Panic(BaseException):
    """As Rust raises it through PyO3: no Exception."""


def _raises(error: BaseException) -> object:
    def load() -> object:
        raise error

    return load


class Unreadable:
    title = "x"

    @property
    def write(self) -> object:
        raise RuntimeError("no server")

    def __iter__(self) -> Iterator[Function]:
        raise RuntimeError("no server")


ODD = {
    "a panic": (_raises(Panic("oops")), "did not load"),
    "nothing can be asked of it": (Unreadable, "no server"),
    "a name that is none": (lambda: replace(BUILT_IN["tan"], name=3), ""),
    "no value": (lambda: replace(BUILT_IN["tan"], name="tam", array=None), ""),
    "a derivative of something else": (
        lambda: replace(BUILT_IN["tan"], name="tam", derivative=("1 + y^2",)),
        "no argument `y`",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_a_package_that_is_odd_is_named_and_breaks_nothing(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load, told = ODD[case]
    point = SimpleNamespace(name="odd", value="odd:ODD", dist=None, load=lambda: load())
    monkeypatch.setattr(plugins, "_points", lambda kind: [point] if kind in ("functions", "exporters") else [])
    plugins.forget()
    try:
        assert words() == tuple(entry.name for entry in BUILT_IN.values() if entry.word)
        assert "odd" not in EXPORTERS
        assert any(told in one.sentence for one in plugins.failures() if one.kind == "functions")
    finally:
        monkeypatch.undo()
        plugins.forget()


def test_importing_the_library_loads_no_plugin() -> None:
    code = "import sys, ndestudio, json; print(json.dumps([m for m in sys.modules if m.startswith('ndestudio.expr')]))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []
