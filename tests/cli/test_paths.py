"""`ndestudio paths`: quantiles of a stochastic model."""

import numpy as np

from ndestudio.cli.main import main

SPEC = """
[model]
equations = "d(x)/dt = -x + s*noise"
initial.x = 2.0
parameters.s = 0.5
"""


def test_paths_are_written(tmp_path, capsys):
    spec, out = tmp_path / "model.toml", tmp_path / "out.csv"
    spec.write_text(SPEC)
    assert main(["paths", str(spec), "--until", "3", "--points", "4", "-o", str(out)]) == 0
    table = np.genfromtxt(out, delimiter=",", names=True)
    np.testing.assert_allclose(table["x_50"], 2.0 * np.exp(-table["t"]), atol=0.12)
    assert "`sra1`" in capsys.readouterr().err


def test_what_is_missing_is_told(tmp_path, capsys):
    spec = tmp_path / "model.toml"
    spec.write_text('[model]\nequations = "d(x)/dt = -x + noise"\n')
    assert main(["paths", str(spec)]) == 2
    assert "no initial value" in capsys.readouterr().err
