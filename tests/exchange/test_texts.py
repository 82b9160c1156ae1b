"""Models as text of other languages: their own parsers and simulators say the same, or a sentence says why not."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ndestudio.cli.main import main
from ndestudio.errors import DataError, ExportError
from ndestudio.exchange.formats import MODEL_FORMATS, read_kinetic
from ndestudio.exchange.from_system import kinetic_of
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig

TARGETS = ("cellml", "myokit", "xppaut", "modelica", "julia")
TEXT = """d(y)/dt = -k*y^2^gamma + 0.1*(y^2)^gamma - -2^2*q/(1 + z/(2*y)) + hill(y, 2, 3)
d(z)/dt = log(1 + y) - log10(z + 2)*exp(-z) + tanh(y - z) + if(y > 0.7 and z < 3, z, -k)
d(Gamma)/dt = min(y, z) - max(Gamma, 0.1)*abs(sin(t)) + sign(y - 1)*sigmoid(z) + sqrt(y)
q = 2^(-y) + a_name_that_is_long*z
log10_of = q^3
"""
VALUES = {"k": 0.31, "gamma": 1.3, "a_name_that_is_long": 1e-3}
STARTS = {"y": 0.8, "z": 0.4, "Gamma": 0.2}


def model(text: str = TEXT) -> KineticModel:
    known = {name: value for name, value in VALUES.items() if name in text}
    return kinetic_of(
        ModelConfig(
            name="a model & more",
            equations=text,
            parameters={
                name: ParameterConfig(value=value, unit="1/h", note='say "so"') for name, value in known.items()
            },
            initial={name: InitialConfig(value=value) for name, value in STARTS.items() if f"d({name})" in text},
        )
    )


parsed = cache(parse_expression)


def slopes(t: float, states: dict[str, float]) -> list[float]:
    values: dict[str, float] = {**VALUES, **states, "t": t}
    values["q"] = float(evaluate(parsed("2^(-y) + a_name_that_is_long*z"), values))
    rates = [line.split(" = ", 1)[1] for line in TEXT.splitlines()[:3]]
    return [float(evaluate(parsed(one), values)) for one in rates]


@pytest.mark.parametrize("form", ["myokit", "cellml"])
def test_myokit_computes_the_same_rates(form: str, tmp_path: Path) -> None:
    myokit = pytest.importorskip("myokit")
    path = tmp_path / f"model{MODEL_FORMATS[form].endings[0]}"
    path.write_text(MODEL_FORMATS[form].write(model()))
    found = myokit.load_model(str(path)) if form == "myokit" else myokit.formats.importer("cellml").model(str(path))
    for values in ((0.8, 0.4, 0.2), (1.9, 0.01, -2.0), (0.3, 4.0, 1.0)):
        states = dict(zip(STARTS, values, strict=True))
        by_name = {one.name(): states[name] for name, one in zip(STARTS, found.states(), strict=True)}
        got = found.evaluate_derivatives(state=list(by_name.values()), inputs={"time": 0.0})
        np.testing.assert_allclose(got, slopes(0.0, states), rtol=1e-12)


def test_libcellml_finds_nothing_wrong() -> None:
    libcellml = pytest.importorskip("libcellml")
    parsed = libcellml.Parser().parseModel(MODEL_FORMATS["cellml"].write(model()))
    validator, analyser = libcellml.Validator(), libcellml.Analyser()
    validator.validateModel(parsed)
    assert [validator.issue(k).description() for k in range(validator.issueCount())] == []
    analyser.analyseModel(parsed)
    assert [analyser.error(k).description() for k in range(analyser.errorCount())] == []


def test_xppaut_simulates_the_same(tmp_path: Path) -> None:
    program = shutil.which("xppaut")
    if program is None:
        pytest.skip("XPPAUT is not installed")
    from scipy.integrate import solve_ivp

    text = MODEL_FORMATS["xppaut"].write(model())
    (tmp_path / "m.ode").write_text(
        text.replace("done\n", "@ meth=runge, dt=0.001, njmp=100, total=0.5, maxstor=10000\ndone\n")
    )
    subprocess.run(
        [program, "m.ode", "-silent"],
        cwd=tmp_path,
        check=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    rows = np.loadtxt(tmp_path / "output.dat")
    known = solve_ivp(
        lambda t, y: slopes(t, dict(zip(STARTS, y, strict=True))),
        (0, 0.5),
        list(STARTS.values()),
        rtol=1e-7,
        atol=1e-9,
        t_eval=rows[:, 0].clip(0, 0.5),
    )
    np.testing.assert_allclose(rows[:, 1:4], known.y.T, rtol=5e-4, atol=2e-6)


def test_xppaut_has_short_names_without_case() -> None:
    text = MODEL_FORMATS["xppaut"].write(model())
    names = [
        line.split("=")[0].removeprefix("par ").removesuffix("'")
        for line in text.splitlines()
        if "=" in line and line[0] not in "#ig"
    ]
    assert all(len(name) <= 9 for name in names)
    assert len({name.lower() for name in names}) == len(names)
    assert "# a_name_that_is_long is called a_name_th here." in text


@pytest.mark.parametrize("form", ["modelica"])
def test_pymoca_reads_modelica(form: str) -> None:
    parser = pytest.importorskip("pymoca.parser")
    events = "d(y)/dt = -k*y\nwhen y < 0.5: y = y + 1\nat t = 3: y = 2*y\n"
    for one in (model(), model(events)):
        found = parser.parse(MODEL_FORMATS[form].write(one))
        symbols = {symbol for each in found.classes.values() for symbol in each.symbols}
        assert {*one.rates, *one.quantities} <= symbols


def test_julia_parses() -> None:
    from tests.export.test_artefacts import parses

    pytest.importorskip("tree_sitter_julia")
    parses(MODEL_FORMATS["julia"].write(model()), "tree_sitter_julia")


@pytest.mark.parametrize("form", TARGETS)
def test_what_a_language_lacks_is_refused(form: str) -> None:
    with pytest.raises(ExportError, match="time ago"):
        MODEL_FORMATS[form].write(model("d(y)/dt = -k*y(t - 1)"))
    event = model("d(y)/dt = -k*y\nwhen y < 0.5: y = y + 1")
    if form in ("xppaut", "modelica"):
        assert "0.5" in MODEL_FORMATS[form].write(event)
    else:
        with pytest.raises(ExportError, match="event"):
            MODEL_FORMATS[form].write(event)


def test_the_command_converts_and_says_what_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("antimony")
    source, target = tmp_path / "m.ant", tmp_path / "m.mmt"
    source.write_text("model m\n  x = 2; k = 0.5;\n  x' = -k*x^2;\nend\n")
    assert main(["convert", str(source), str(target)]) == 0
    assert "dot(x) = " in target.read_text()
    with pytest.raises(DataError, match="written and not read"):
        read_kinetic(target)
