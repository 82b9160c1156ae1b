"""SBML and Antimony written, and read back."""

from __future__ import annotations

import math as m
from pathlib import Path

import numpy as np
import pytest

from ndestudio.cli.main import main
from ndestudio.errors import DataError, ExportError
from ndestudio.exchange import sbml_from_text, to_config
from ndestudio.exchange.from_system import kinetic_of
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.sbml.write import check_states, problems, sbml_text
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from tests.exchange.sbml_models import event, parameter, rate, reaction, sbml, species
from tests.exchange.test_sbml_import import run

pytest.importorskip("libsbml", reason="libSBML is not installed")

T = [0.5, 1.5, 3.0, 5.0]
MODELS = {
    "reactions": lambda: sbml(
        species=species("A", 'initialConcentration="3"') + species("B", 'initialAmount="1"', amounts=True),
        compartments='<compartment id="c" size="2" spatialDimensions="3" constant="true"/>',
        parameters=parameter("k", 0.3),
        reactions=reaction("r", "2 A", "B", "k*A^2"),
    ),
    "growth": lambda: sbml(
        compartments='<compartment id="c" size="1" spatialDimensions="3" constant="false"/>',
        species=species("A", 'initialConcentration="2"'),
        rules=rate("c", "0.2*c"),
        events=event("e", "time > 2", {"c": "3*c"}),
    ),
    "delay": lambda: sbml(
        parameters=parameter("x", 0.0, constant=False) + parameter("y", 1.0, constant=False),
        rules=rate("x", "1"),
        events=event("e", "x > 1", {"y": "x + y"}, delay="1.7")
        + event("f", "x > 4", {"x": "0"}, priority="3", persistent=False),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_is_written_and_read_back_the_same(name: str) -> None:
    first = sbml_from_text(MODELS[name]())
    text = sbml_text(first)
    assert problems(text) == []
    second = sbml_from_text(text)
    a, b = run(first, T), run(second, T)
    for state in first.rates:
        np.testing.assert_allclose(b[state], a[state], rtol=1e-8)


@pytest.mark.parametrize(
    "formula",
    [
        "-a^2 + (a^b)^c + a^(b^c)",
        "min(a, b) - max(a, c)*abs(-a)",
        "if(a > b and not (c == 2), log10(a), log(b))",
        "atan2(a, -b) + atan2(-a, -b) + atan2(a, 1)",
        "sign(-a) + heaviside(b) + floor(-c/3)",
        "sigmoid(a) + hill(a, b, c) + sqrt(c)",
        "1e-300*a + 123456789012345678*b + 0.1*pi",
    ],
)
@pytest.mark.parametrize("form", ["sbml", "antimony"])
def test_formulas_mean_the_same_there(formula: str, form: str) -> None:
    values = {"a": 1.3, "b": 0.7, "c": 2.5}
    rule = parse_expression(formula)
    model = KineticModel("m", {"x": parse_expression("0*a")}, {"y": rule}, values, {"x": parse_expression("1")})
    if form == "antimony":
        pytest.importorskip("antimony", reason="antimony is not installed")
        from ndestudio.exchange.antimony_text import antimony_from_text, antimony_text

        again = antimony_from_text(antimony_text(model))
    else:
        again = sbml_from_text(sbml_text(model))
    assert float(evaluate(again.quantities["y"], values)) == pytest.approx(float(evaluate(rule, values)), rel=1e-13)


def test_a_model_of_ours_goes_out_with_units_events_and_starts() -> None:
    config = ModelConfig(
        equations="d(x)/dt = -r\nr = k*x\nat t = 1: x += dose\nevery 2 from 2 to 4: x *= 2\nwhen x < 0.1: x = 1",
        parameters={"k": ParameterConfig(value=0.5, unit="1/h"), "dose": ParameterConfig(value=3.0, unit="mmol/L")},
        initial={"x": InitialConfig(value="2*dose")},
        units={"x": "mmol/L"},
    )
    model = kinetic_of(config)
    text = sbml_text(model)
    assert problems(text) == []
    assert 'kind="mole"' in text and "<ci>r</ci>" in text
    again = sbml_from_text(text)
    assert run(again, [0.5, 1.5, 3.0])["x"] == pytest.approx(
        [6 * m.exp(-0.25), (6 * m.exp(-0.5) + 3) * m.exp(-0.25), (6 * m.exp(-0.5) + 3) * m.exp(-1.0) * 2]
    )


def test_what_others_cannot_say_is_refused() -> None:
    with pytest.raises(ExportError, match="network"):
        kinetic_of(ModelConfig(equations="d(x)/dt = f(x)", networks={"f": NetworkConfig()}))
    with pytest.raises(ExportError, match="initial value"):
        check_states(kinetic_of(ModelConfig(equations="d(x)/dt = -x")))
    model = kinetic_of(ModelConfig(equations="d(x)/dt = -erf(x)", initial={"x": InitialConfig(value=1.0)}))
    with pytest.raises(ExportError, match="erf"):
        sbml_text(model)


def test_convert_goes_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_text(MODELS["reactions"]())
    assert main(["convert", str(tmp_path / "a.xml"), str(tmp_path / "b.toml")]) == 0
    assert main(["convert", str(tmp_path / "b.toml"), str(tmp_path / "c.sbml")]) == 0
    assert "2 states" in capsys.readouterr().out
    a, c = (run((tmp_path / name).read_text(), T) for name in ("a.xml", "c.sbml"))
    np.testing.assert_allclose(c["A"], a["A"], rtol=1e-8)
    assert main(["convert", str(tmp_path / "a.xml"), str(tmp_path / "b.docx")]) == 2
    assert ".docx" in capsys.readouterr().err


def test_antimony_that_is_none_gets_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("antimony", reason="antimony is not installed")
    from ndestudio.exchange.antimony_text import antimony_from_text

    with pytest.raises(DataError, match="Antimony"):
        antimony_from_text("model ((")
    with pytest.raises(DataError, match="imports"):
        antimony_from_text('import "/etc/passwd"')
    assert to_config(antimony_from_text("x' = -k*x; k = 2; x = 1")).equations.count("\n") == 2
