"""Fits of PEtab problems, and the command."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ndestudio.cli.main import main
from ndestudio.exchange.petab.fit import fit_petab
from ndestudio.exchange.petab.read import read_petab
from tests.exchange.sbml_models import parameter, rate, sbml

pytest.importorskip("libsbml", reason="libSBML is not installed")
pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """dx/dt = -k x, x(0) = 3, noise sd estimated; the data have residuals of +-0.1 in turn."""
    model = sbml(parameters=parameter("x", 3.0, constant=False) + parameter("k", 9.0), rules=rate("x", "-k*x"))
    (tmp_path / "m.xml").write_text(model)
    (tmp_path / "o.tsv").write_text("observableId\tobservableFormula\tnoiseFormula\no\tx\tsd\n")
    t = np.linspace(0.0, 4.0, 20)
    y = 3.0 * np.exp(-0.7 * t) + 0.1 * (-1.0) ** np.arange(20)
    rows = "".join(f"o\t{a!r}\t{b!r}\n" for a, b in zip(t.tolist(), y.tolist(), strict=True))
    (tmp_path / "d.tsv").write_text("observableId\ttime\tmeasurement\n" + rows)
    (tmp_path / "p.tsv").write_text(
        "parameterId\tlowerBound\tupperBound\tnominalValue\testimate\nk\t0.01\t10\t3.0\ttrue\nsd\t0.001\t10\t1.0\ttrue\n"
    )
    (tmp_path / "p.yaml").write_text(
        "format_version: 2.0.0\nmodel_files: {m: {location: m.xml, language: sbml}}\nobservable_files: [o.tsv]\n"
        "measurement_files: [d.tsv]\nparameter_files: [p.tsv]\n"
    )
    return tmp_path / "p.yaml"


def test_a_fit_finds_parameters_and_noise(problem: Path) -> None:
    fit = fit_petab(read_petab(problem), 2, seed=1)
    found = dict(zip(fit.labels, fit.best.theta, strict=True))
    assert found["k"] == pytest.approx(0.7, rel=0.03)
    assert found["sd"] == pytest.approx(0.1, rel=0.03)
    # at the maximum the noise is the root mean square of the residuals
    n = 20
    assert fit.best.objective == pytest.approx(
        n / 2 * math.log(2 * math.pi * math.e) + n * math.log(found["sd"]), abs=0.01
    )
    assert fit.fitted.parameters[0].nominal == found["k"]


def test_a_prior_pulls(problem: Path) -> None:
    table = problem.parent / "p.tsv"
    text = table.read_text().replace("estimate\n", "estimate\tpriorDistribution\tpriorParameters\n")
    table.write_text(
        text.replace("3.0\ttrue\n", "3.0\ttrue\tnormal\t1.0;0.001\n").replace("1.0\ttrue\n", "1.0\ttrue\t\t\n")
    )
    fit = fit_petab(read_petab(problem), 1)
    assert dict(zip(fit.labels, fit.best.theta, strict=True))["k"] == pytest.approx(1.0, abs=0.01)


def test_the_command_fits_and_writes_tables(problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["petab", str(problem), "--fit", "1", "--gradient", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "log likelihood" in said and "k = 0.7" in said.replace("0.69", "0.7")
    assert (out / "simulations.tsv").read_text().startswith("observableId\ttime\tsimulation")
    fitted = (out / "parameters.tsv").read_text().splitlines()[1].split("\t")
    assert float(fitted[3]) == pytest.approx(0.7, rel=0.03)
    assert main(["petab", str(tmp_path / "nothing.yaml")]) == 2
    assert "nothing.yaml" in capsys.readouterr().err
