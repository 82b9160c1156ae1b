"""Artefacts that run agree with the model; the others are what they were, and parse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Trajectory
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import Artefact, artefact
from ndestudio.export.content import Origin
from ndestudio.export.exporter import Exporter
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import TOLERANCE, verify
from ndestudio.expression.numeric import evaluate
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import fresh_network
from ndestudio.model.parse import parse_system
from tests.export.archives import said

GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parents[2] / "docs"
MODELS = ("predator_prey", "epidemic", "driven")
Case = tuple[FittedModel, Dataset]

ORIGIN = Origin(
    program="NDE Studio 0.1.0",
    date="2026-11-22",
    seed=3,
    notes=('a "quoted" note */ with \\ and ??/ and $(x) and %d', "ends in a backslash \\"),
)


@pytest.fixture(params=MODELS)
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)


def made(case: Case, format: str) -> Artefact:
    return artefact(case[0], format, dataset=case[1], origin=ORIGIN)


def agrees(case: Case, format: str) -> None:
    checked = verify(made(case, format), *case)
    assert checked.deviation is not None, checked.sentence
    assert checked.deviation <= TOLERANCE, checked.sentence
    assert "agrees" in checked.sentence


def test_python_agrees_with_the_model(case: Case) -> None:
    agrees(case, "python")


@pytest.mark.parametrize("name", ["predator_prey", "driven"])
def test_jax_agrees_with_the_model(name: str, request: pytest.FixtureRequest) -> None:
    agrees(request.getfixturevalue(name), "jax")


@pytest.mark.skipif(not any(map(shutil.which, ("gcc", "cc", "clang"))), reason="no C compiler here")
def test_c_agrees_with_the_model_and_compiles_without_a_warning(case: Case) -> None:
    agrees(case, "c")


@pytest.mark.skipif(not any(map(shutil.which, ("octave-cli", "octave"))), reason="no Octave here")
def test_matlab_agrees_with_the_model_under_octave(case: Case) -> None:
    agrees(case, "matlab")


def test_a_wrong_artefact_is_found_out(predator_prey: Case) -> None:
    good = made(predator_prey, "python")
    wrong = replace(good, text=good.text.replace('"double": 1.1', '"double": 1.1001'))
    checked = verify(wrong, *predator_prey)
    assert checked.deviation is not None and checked.deviation > TOLERANCE
    assert "differs" in checked.sentence
    broken = verify(replace(good, text="raise SystemExit('no')\n"), *predator_prey)
    assert broken.deviation == np.inf and "did not run" in broken.sentence


def test_a_long_run_is_ended(predator_prey: Case) -> None:
    slow = replace(made(predator_prey, "python"), text="import time\ntime.sleep(60)\n")
    assert "longer than" in verify(slow, *predator_prey, timeout=0.5).sentence
    assert "stopped" in verify(slow, *predator_prey, should_stop=lambda: True).sentence


def test_second_trajectory_and_times_of_ones_own(epidemic: Case, tmp_path: Path) -> None:
    """`simulate` of the written module, called as a reader would call it."""
    (tmp_path / "model.py").write_text(made(epidemic, "python").text, encoding="utf-8")
    script = 'import model, json; print(json.dumps(model.simulate([0.0, 0.25, 7.5], "run 1\'s").tolist()))'
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    from ndestudio.solve.scipy_reference import simulate

    expected = simulate(epidemic[0], np.array([0.0, 0.25, 7.5]), epidemic[0].initial["run 1's"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(json.loads(done.stdout), expected.states, rtol=1e-7, atol=1e-9)


def test_a_solution_that_is_no_number_is_an_error_of_the_python_program(tmp_path: Path) -> None:
    """LSODA calls it a success."""
    config = ModelConfig(equations="d(level)/dt = -sqrt(level) - 0.1")
    system = parse_system(config, ("level",), ())
    model = FittedModel(config, system, {}, {}, {"tank": np.array([1.0])}, ("level",), ())
    (tmp_path / "model.py").write_text(artefact(model, "python").text, encoding="utf-8")
    script = "import model; print(model.simulate([1.0])); model.simulate([1.0, 5.0])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("[[0.18171")
    assert done.returncode == 1
    assert "no finite value" in done.stderr


def test_output_file_and_header(epidemic: Case, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(made(epidemic, "python").text, encoding="utf-8")
    command = [sys.executable, "-I", "model.py", "--points=3", "--output=out.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "time [year],S,I,E,in_bed [pupils]"
    assert len(lines) == 4
    first = [float(value) for value in lines[1].split(",")]
    assert first == [0.0, 0.99, 0.01, 0.1, pytest.approx(7.63)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format", EXPORTERS.known())
def test_text_is_as_it_was(name: str, format: str, request: pytest.FixtureRequest) -> None:
    """Golden files: `NDESTUDIO_GOLDEN=1 pytest tests/export` writes them anew; read the difference before keeping it."""
    import os

    if format in ("csv", "onnx") or (name, format) in {("driven", "jax"), ("driven", "python")}:
        pytest.skip(
            "simulated numbers differ in the last digits between machines" if format == "csv" else "run instead"
        )
    written = made(request.getfixturevalue(name), format)
    path = GOLDEN / name / f"{written.name}.txt"
    if os.environ.get("NDESTUDIO_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said(written), encoding="utf-8")
    assert numbers_blurred(said(written)) == numbers_blurred(path.read_text(encoding="utf-8"))


def numbers_blurred(text: str) -> str:
    """Weights come from a random generator and matrix products: twelve digits are the same everywhere."""
    return re.sub(r"\d+\.\d{13,}(e-?\d+)?", lambda match: f"{float(match.group()):.12g}", text)


def test_latex_is_drawn(case: Case) -> None:
    from ziamath.zmath import Latex

    text = made(case, "latex").text
    rows = [
        row
        for block in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", text, re.S)
        for row in block.split(r"\\")
    ]
    assert len(rows) >= len(case[0].system.states)
    for row in rows:
        assert "<path" in Latex(row.replace("&", "").strip()).svg() or "<symbol" in Latex(row.replace("&", "")).svg()
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack


def test_sympy_script_has_the_right_hand_sides(case: Case, tmp_path: Path) -> None:
    model = case[0]
    script = tmp_path / "model_sympy.py"
    script.write_text(made(case, "sympy").text, encoding="utf-8")
    values = {name: 0.3 + 0.1 * index for index, name in enumerate((*model.system.states, *model.system.inputs))}
    if model.networks:
        expected = None
        tail = "print(sorted(str(f.func) for rhs_ in rhs.values() for f in rhs_.atoms(sympy.Function)))"
    else:
        neural_terms = [float(evaluate(expr, {**values, **model.parameters, "t": 0.9})) for expr in model.system.rhs]
        expected = neural_terms
        tail = f"print([float(e.subs({{s: {values!r}.get(s.name, 0.9) for s in e.free_symbols}})) for e in substituted.values()])"
    command = [sys.executable, "-W", "error", "-c", f"from model_sympy import *\nimport sympy\n{tail}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=90)
    if expected is None:
        assert set(model.networks) <= set(re.findall(r"'(\w+)'", done.stdout))
    else:
        assert json.loads(done.stdout) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("format", "grammar"), [("julia", "tree_sitter_julia"), ("matlab", "tree_sitter_matlab")])
def test_julia_and_matlab_parse(case: Case, format: str, grammar: str) -> None:
    parses(made(case, format).text, grammar)


def parses(text: str, grammar: str) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    language = tree_sitter.Language(pytest.importorskip(grammar).language())
    root = tree_sitter.Parser(language).parse(text.encode()).root_node
    assert not root.has_error, _first_error(root)


def _first_error(node) -> str:
    if node.type == "ERROR" or node.is_missing:
        return f"line {node.start_point[0] + 1}: {node.text!r}"
    return next((found for child in node.children if (found := _first_error(child))), "")


def test_json_follows_its_schema_and_rebuilds_the_model(case: Case) -> None:
    fastjsonschema = pytest.importorskip("fastjsonschema")
    text = made(case, "json").text
    value = json.loads(text)
    fastjsonschema.compile(schema_in(DOCS / "model-json.md"))(value)
    assert {item["name"]: item["value"] for item in value["parameters"]} == dict(case[0].parameters)
    from ndestudio.expression.parse import parse_expression

    for item, rhs in zip(value["states"], case[0].system.rhs, strict=True):
        assert parse_expression(item["rhs"], functions=None) == rhs


def schema_in(path: Path) -> dict:
    return json.loads(re.findall(r"```json\n(.*?)```", path.read_text(encoding="utf-8"), re.S)[-1])


def test_csv_holds_data_and_simulation(driven: Case) -> None:
    model, data = driven
    rows = [line.split(",") for line in made(driven, "csv").text.splitlines()]
    assert rows[0] == ["trajectory", "part", "time [year]", "u [µmol/s]", "x", "y", "x simulated", "y simulated"]
    assert len(rows) == 1 + data.rows
    assert rows[4][3] == ""  # the input was not measured there
    assert [row[1] for row in rows[1:]].count("test") == 3
    assert float(rows[1][6]) == model.initial["run 0's"][0]


def test_every_program_says_where_it_came_from(case: Case) -> None:
    for format in ("latex", "sympy", "python", "jax", "julia", "matlab", "c"):
        text = made(case, format).text
        assert "NDE Studio 0.1.0 on 2026-11-22" in text, format
        assert "Seed: 3" in text, format


def test_units_and_renamed_quantities_are_in_comments(predator_prey: Case) -> None:
    for format in ("python", "jax", "julia", "matlab", "c"):
        assert "[1/year]" in made(predator_prey, format).text
    assert "lambda is called lambda_ here" in made(predator_prey, "python").text
    assert "end is called end_ here" in made(predator_prey, "julia").text
    assert "double is called double_ here" in made(predator_prey, "c").text


def test_unknown_formats_and_missing_values_are_refused(predator_prey: Case, driven: Case) -> None:
    with pytest.raises(ExportError, match="did you mean `python`"):
        artefact(predator_prey[0], "pyton")
    with pytest.raises(ExportError, match="no value for `end`"):
        artefact(replace(predator_prey[0], parameters={"lambda": 1.0, "predation_1": 1.0, "double": 1.0}), "c")
    with pytest.raises(ExportError, match="driven by the measured input `u`"):
        artefact(driven[0], "python")


def test_tools_that_are_absent_are_named(predator_prey: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for format, word in (("julia", "Julia is not on"), ("matlab", "neither MATLAB nor Octave"), ("c", "no C compiler")):
        checked = verify(made(predator_prey, format), *predator_prey)
        assert checked.deviation is None and word in checked.sentence


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_julia_without_its_package_says_so(
    predator_prey: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "julia").write_text("#!/bin/sh\necho 'ArgumentError: Package OrdinaryDiffEq not found' >&2\nexit 1\n")
    (tmp_path / "julia").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    checked = verify(made(predator_prey, "julia"), *predator_prey)
    assert checked.deviation is None and "does not load" in checked.sentence


@pytest.fixture
def robertson() -> Case:
    """H. H. Robertson (1966), The solution of a set of reaction rate equations: rates from 0.04 to 3e7."""
    from ndestudio.model.config import ModelConfig
    from ndestudio.model.parse import parse_system

    text = "d(A)/dt = -k1*A + k3*B*C\nd(B)/dt = k1*A - k3*B*C - k2*B^2\nd(C)/dt = k2*B^2"
    config = ModelConfig(equations=text)
    system = parse_system(config, ("A", "B", "C"), ())
    values = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
    initial = {"run 0's": np.array([1.0, 0.0, 0.0])}
    model = FittedModel(config, system, values, {}, initial, ("A", "B", "C"), scale=np.array([1.0, 3e-5, 1.0]))
    t = np.linspace(0.0, 1e4, 11)
    run = Trajectory("run 0's", t, np.ones((11, 3)), np.zeros((11, 0)), np.zeros(11, np.int8))
    columns = tuple(Column(name, name) for name in "ABC")
    return model, Dataset((run,), Column("t", "t", "s"), columns)


def test_stiff_models_are_known_and_written_with_implicit_solvers(robertson: Case, predator_prey: Case) -> None:
    from ndestudio.export.content import content

    assert content(*robertson).stiff
    assert not content(*predator_prey).stiff
    assert "Kvaerno5" in made(robertson, "jax").text and "ode15s" in made(robertson, "matlab").text
    agrees(robertson, "python")


@pytest.mark.skipif(not any(map(shutil.which, ("gcc", "cc", "clang"))), reason="no C compiler here")
def test_stiff_c_agrees_with_the_model(robertson: Case) -> None:
    agrees(robertson, "c")


def test_without_data_a_model_is_written_all_the_same(predator_prey: Case) -> None:
    checked = verify(artefact(predator_prey[0], "python"), predator_prey[0])
    assert checked.deviation is not None and checked.deviation <= TOLERANCE


def test_a_form_may_be_no_text_and_may_refuse_a_model(predator_prey: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(model: FittedModel) -> str | None:
        return "it has networks" if model.networks else None

    binary = Exporter("raw", "Raw bytes", "model.raw", lambda *_: b"\x00\xff", refuses=refuses)
    monkeypatch.setattr(EXPORTERS, "get", lambda name: binary)
    written = made(predator_prey, "raw")
    assert (written.name, written.text, written.payload) == ("model.raw", "", b"\x00\xff")
    assert verify(written, *predator_prey).sentence == "There is nothing to run."
    neural = replace(predator_prey[0], networks={"f": fresh_network("f", NetworkConfig(), ("x",), 0)})
    with pytest.raises(ExportError, match="it has networks"):
        artefact(neural, "raw")


@pytest.fixture
def chaotic() -> Case:
    """Lorenz, over so long that solutions which begin a rounding apart part on the way."""
    text = "d(x)/dt = 10*(y - x)\nd(y)/dt = x*(28 - z) - y\nd(z)/dt = x*y - 8/3*z"
    states = ("x", "y", "z")
    t = np.linspace(0.0, 60.0, 61)
    measured = np.random.default_rng(0).normal(0.0, 10.0, (61, 3))
    run = Trajectory("run", t, measured, np.zeros((61, 0)), np.zeros(61, dtype=np.int8))
    dataset = Dataset((run,), Column("t", "time"), tuple(Column(name, name) for name in states), (), ())
    system = parse_system(ModelConfig(equations=text), states, ())
    initial = {"run": np.array([1.0, 1.0, 20.0])}
    return FittedModel(ModelConfig(equations=text), system, {}, {}, initial, states, ()), dataset


def test_a_chaotic_model_is_compared_as_far_as_its_own_solutions_stay_together(chaotic: Case) -> None:
    good = made(chaotic, "python")
    checked = verify(good, *chaotic)
    assert checked.deviation is not None and checked.deviation <= TOLERANCE, checked.sentence
    assert "chaos" in checked.sentence and "Do not rely" not in checked.sentence
    wrong = verify(replace(good, text=good.text.replace("28.0", "28.001")), *chaotic)
    assert wrong.deviation is not None and wrong.deviation > TOLERANCE
    assert "Do not rely" in wrong.sentence
