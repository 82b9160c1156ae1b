"""PEtab problems written and read again, and networks of theirs replaced by formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.exchange.suites import folder
from ndestudio.cli.main import main
from ndestudio.errors import DataError, ExportError
from ndestudio.exchange.petab.distil import distil_petab
from ndestudio.exchange.petab.formula import parse_formula
from ndestudio.exchange.petab.formula_text import formula_text
from ndestudio.exchange.petab.objective import Objective, evaluate_petab
from ndestudio.exchange.petab.read import read_petab
from ndestudio.exchange.petab.write import write_petab
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from tests.exchange.sbml_models import parameter, rate, sbml

pytest.importorskip("libsbml", reason="libSBML is not installed")
pytest.importorskip("yaml", reason="PyYAML is not installed")

CASES = [
    "petab_v1/0005",
    "petab_v1/0006",
    "petab_v1/0010",
    "petab_v1/0018",
    "petab_v2/0016",
    "petab_v2/0022",
    "sciml_problems/001/petab",
]


@pytest.mark.parametrize("case", CASES)
def test_a_problem_comes_back(case: str, tmp_path: Path) -> None:
    root = folder()
    if root is None or not (root / case).is_dir():
        pytest.skip("the suites of PEtab are not here")
    problem = read_petab(
        next(
            one
            for one in sorted((root / case).glob("*.yaml"))
            if one.name.endswith((f"_{case[-4:]}.yaml", "problem.yaml"))
        )
    )
    again = read_petab(write_petab(problem, tmp_path).yaml)
    before, after = evaluate_petab(problem), evaluate_petab(again)
    assert again.version == 2
    assert after.llh == pytest.approx(before.llh, rel=1e-9)
    assert after.chi2 == pytest.approx(before.chi2, rel=1e-8)
    assert [one.name for one in again.estimated] == [one.name for one in problem.estimated]


@pytest.mark.parametrize(
    "text",
    ["(2^3)^2", "2^3^2", "-2^2", "(-2)^2", "log(x)/log10(x)", "hill(x, 2, 3)", "sigmoid(x - y)", "x/(y/2)", "if(x > y and x < 3, x, -y)", "x - (y - 1)", "2^-x", "heaviside(x)", "piecewise(1, x < 1, 2, x < 2, 3)"],
)  # fmt: skip
def test_formulas_mean_the_same(text: str) -> None:
    expr = parse_expression(text)
    values = {"x": 1.7, "y": 0.6}
    assert evaluate(parse_formula(formula_text(expr)), values) == pytest.approx(evaluate(expr, values), rel=1e-14)


def test_what_petab_lacks_is_refused() -> None:
    with pytest.raises(ExportError, match="erf"):
        formula_text(parse_expression("erf(x)"))


NETWORK = """nn_model_id: net
inputs: [{input_id: x}]
layers:
- {layer_id: last, layer_type: Linear, args: {in_features: 1, out_features: 1, bias: true}}
forward:
- {name: x, op: placeholder, target: x, args: [], kwargs: {}}
- {name: last, op: call_module, target: last, args: [x], kwargs: {}}
- {name: output, op: output, target: output, args: [last], kwargs: {}}
"""


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    """dx/dt = net(x) with net(x) = 2 - 0.8 x, whose data are exact but for 0.01 in turn."""
    import h5py

    model = sbml(parameters=parameter("x", 0.5, constant=False) + parameter("u", 0.0), rules=rate("x", "u"))
    t = np.linspace(0.2, 4.0, 20)
    y = 2.5 - 2.0 * np.exp(-0.8 * t) + 0.01 * (-1.0) ** np.arange(20)
    tables = {
        "m.xml": model,
        "net.yaml": NETWORK,
        "o.tsv": "observableId\tobservableFormula\tnoiseFormula\no\tx\t0.01\n",
        "d.tsv": "observableId\ttime\tmeasurement\n" + "".join(f"o\t{a!r}\t{b!r}\n" for a, b in zip(t.tolist(), y.tolist(), strict=True)),
        "p.tsv": "parameterId\tlowerBound\tupperBound\tnominalValue\testimate\nnet_ps\t-inf\tinf\tarray\ttrue\n",
        "map.tsv": "petabEntityId\tmodelEntityId\nin0\tnet.inputs[0][0]\nout0\tnet.outputs[0][0]\nnet_ps\tnet.parameters\n",
        "h.tsv": "targetId\ttargetValue\nin0\tx\nu\tout0\n",
        "p.yaml": "format_version: 2.0.0\nmodel_files: {m: {location: m.xml, language: sbml}}\nobservable_files: [o.tsv]\n"
        "measurement_files: [d.tsv]\nparameter_files: [p.tsv]\nmapping_files: [map.tsv]\nextensions: {sciml: {hybridization_files: [h.tsv], "
        "array_files: [a.hdf5], neural_networks: {net: {location: net.yaml, pre_initialization: false, format: YAML}}}}\n",
    }  # fmt: skip
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["parameters/net/last/weight"] = [[-0.8]]
        file["parameters/net/last/bias"] = [2.0]
    return tmp_path / "p.yaml"


def test_a_network_becomes_a_formula(hybrid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plain"
    assert main(["petab", str(hybrid), "--distil", "--seconds", "4", "--write", str(out)]) == 0
    assert "with formulas" in capsys.readouterr().out
    plain = read_petab(out / "problem.yaml")
    assert not plain.networks and "extensions" not in (out / "problem.yaml").read_text()
    assert {one.name for one in plain.parameters} <= {"out0_1", "out0_2", "out0_3"}
    rule = Objective(plain).machine.rules
    values = {one.name: one.nominal for one in plain.parameters}
    for x in (0.7, 2.4):
        formula = evaluate(rule["out0"], {**values, "x": x})
        assert float(formula) == pytest.approx(2.0 - 0.8 * x, abs=0.02)
    assert evaluate_petab(plain).llh > evaluate_petab(read_petab(hybrid)).llh - 1.0


def test_a_problem_without_networks_is_not_distilled(hybrid: Path) -> None:
    from dataclasses import replace

    with pytest.raises(DataError, match="no network"):
        distil_petab(replace(read_petab(hybrid), networks={}))
