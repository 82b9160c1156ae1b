"""PEtab problems: some cases of the public suites, and problems of our own with closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.exchange.suites import cases, folder, measured_case, petab_case
from ndestudio.errors import NdeStudioError
from ndestudio.exchange.petab.objective import Objective
from ndestudio.exchange.petab.read import read_petab
from tests.exchange.sbml_models import event, parameter, rate, sbml

pytest.importorskip("libsbml", reason="libSBML is not installed")
pytest.importorskip("yaml", reason="PyYAML is not installed")

# one case for each thing that they are about; `python -m benchmarks.exchange` runs all
CASES = ["petab_v1/0006", "petab_v1/0010", "petab_v1/0012", "petab_v1/0018", "petab_v2/0016", "petab_v2/0022", "petab_v2/0023", "petab_v2/0025"]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_case_of_the_public_suites_comes_out(case: str) -> None:
    root = folder()
    if root is None:
        pytest.skip("the suites of PEtab are not here")
    assert list(petab_case(root / case)) == []


def test_a_measured_problem_has_the_objective_of_its_own_simulations() -> None:
    found = [one for one in cases("petab_benchmark") if one.name.startswith("Boehm")]
    if not found:
        pytest.skip("the measured problems of PEtab are not here")
    assert list(measured_case(found[0])) == []


def write(path: Path, name: str, text: str) -> None:
    """A table whose cells are set apart by |."""
    (path / name).write_text(
        "\n".join("\t".join(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines())
    )


@pytest.fixture
def decay(tmp_path: Path) -> Path:
    """dx/dt = -k x, x(0) = a; measured with a scale and two kinds of noise."""
    model = sbml(
        parameters=parameter("x", None, constant=False) + parameter("k", 0.5) + parameter("a", 2.0),
        assignments='<initialAssignment symbol="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>a</ci></math></initialAssignment>',
        rules=rate("x", "-k*x"),
    )
    (tmp_path / "model.xml").write_text(model)
    write(tmp_path, "conditions.tsv", "conditionId | a\nlow | 2\nhigh | top")
    write(
        tmp_path,
        "observables.tsv",
        "observableId | observableFormula | noiseFormula | observableTransformation | noiseDistribution\n"
        "o | observableParameter1_o*x | noiseParameter1_o | log10 | normal\n"
        "l | x + 1 | 0.5 | lin | laplace",
    )
    write(
        tmp_path,
        "measurements.tsv",
        "observableId | simulationConditionId | time | measurement | observableParameters | noiseParameters\n"
        "o | low | 1 | 3 | s | 0.1\no | high | 2 | 5 | 2.5 | sd\nl | high | 2 | 4 | |",
    )
    write(
        tmp_path,
        "parameters.tsv",
        "parameterId | parameterScale | lowerBound | upperBound | nominalValue | estimate\n"
        "k | log10 | 0.01 | 10 | 0.5 | 1\ntop | lin | 0 | 20 | 6 | 1\ns | lin | 0 | 10 | 2 | 1\nsd | log10 | 0.01 | 10 | 0.2 | 1",
    )
    (tmp_path / "problem.yaml").write_text(
        "format_version: 1\nparameter_file: parameters.tsv\nproblems:\n- sbml_files: [model.xml]\n  condition_files: [conditions.tsv]\n"
        "  measurement_files: [measurements.tsv]\n  observable_files: [observables.tsv]\n"
    )
    return tmp_path / "problem.yaml"


def log_density(k: float, top: float, s: float, sd: float) -> float:
    """Of the problem `decay`, written out."""

    def log10_normal(m: float, y: float, sigma: float) -> float:
        r = (math.log10(m) - math.log10(y)) / sigma
        return -0.5 * math.log(2 * math.pi * sigma**2) - 0.5 * r**2 - math.log(m * math.log(10))

    first = log10_normal(3.0, s * 2 * math.exp(-k), 0.1)
    second = log10_normal(5.0, 2.5 * top * math.exp(-2 * k), sd)
    return first + second - math.log(2 * 0.5) - abs(4.0 - (top * math.exp(-2 * k) + 1)) / 0.5


def test_the_likelihood_and_its_gradient_are_the_closed_forms(decay: Path) -> None:
    from ndestudio.exchange.petab.derivatives import programs

    objective = Objective(read_petab(decay))
    theta = np.array([0.5, 6.0, 2.0, 0.2])
    assert objective.evaluate().llh == pytest.approx(log_density(*theta), rel=1e-7)
    found = programs(objective).linearise(theta, rows=True)
    assert found.llh == pytest.approx(log_density(*theta), rel=1e-7)
    for k in range(4):
        ahead, back = theta.copy(), theta.copy()
        ahead[k], back[k] = theta[k] + 1e-6, theta[k] - 1e-6
        slope = (log_density(*ahead) - log_density(*back)) / 2e-6
        assert found.gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-5)
    assert found.residual_by is not None
    assert found.residual_by.shape == (3, 4)


def test_events_happen_as_sbml_says_and_leave_gradients(tmp_path: Path) -> None:
    moving = parameter("x", 0.0, constant=False) + parameter("y", 0.0, constant=False) + parameter("v", 1.0)
    made = event("e", "x > 2", {"x": "0", "y": "y + x"}, priority="2") + event(
        "f", "x > 2", {"y": "10*y"}, priority="1", values_then=False
    )
    (tmp_path / "m.xml").write_text(sbml(parameters=moving, rules=rate("x", "v"), events=made))
    write(tmp_path, "o.tsv", "observableId | observableFormula | noiseFormula\noy | y + x | 1")
    write(tmp_path, "d.tsv", "observableId | time | measurement\noy | 3 | 19")
    write(tmp_path, "p.tsv", "parameterId | lowerBound | upperBound | nominalValue | estimate\nv | 0 | 5 | 1.0 | true")
    (tmp_path / "p.yaml").write_text(
        "format_version: 2.0.0\nmodel_files: {m: {location: m.xml, language: sbml}}\nobservable_files: [o.tsv]\n"
        "measurement_files: [d.tsv]\nparameter_files: [p.tsv]\n"
    )
    objective = Objective(read_petab(tmp_path / "p.yaml"))
    # x reaches 2 at t = 2: y = 2, then (f reads it) 20; x goes on from 0 to 1
    assert objective.evaluate().simulated == pytest.approx([21.0])
    from ndestudio.exchange.petab.derivatives import programs

    # x + y = 20 + 3 v - 2, and the density is that of 19
    assert programs(objective).linearise(objective.nominal, rows=False).gradient == pytest.approx(
        [3.0 * (19.0 - 21.0)], rel=1e-4
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("problem.yaml", "format_version: 1", "format_version: 7", "versions 1 and 2"),
        ("problem.yaml", "format_version: 1", "format_version: [", "YAML"),
        ("problem.yaml", "[model.xml]", "[http://example.com/model.xml]", "not fetched"),
        ("problem.yaml", "format_version: 1", "format_version: !!python/object/apply:os.system ['false']", "YAML"),
        ("observables.tsv", "noiseFormula", "noise", "noiseFormula"),
        ("measurements.tsv", "low", "nowhere", "nowhere"),
        ("measurements.tsv", "0.1", "0.1;0.2", "parameters"),
        ("measurements.tsv", "o\tlow\t1\t3", "o\tlow\t1\tthree", "no number"),
        ("parameters.tsv", "log10\t0.01\t10\t0.5\t1", "log10\t0.01\t10\t0.5\tmaybe", "estimate"),
        ("conditions.tsv", "top", "top +", "formula"),
        ("observables.tsv", "x + 1", "x + nothing", "nothing"),
        ("model.xml", "<model", "<modle", "SBML|libSBML|XML"),
    ],
)
def test_what_is_wrong_gets_a_sentence(decay: Path, file: str, old: str, new: str, said: str) -> None:
    path = decay.parent / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NdeStudioError, match=said):
        Objective(read_petab(decay))
