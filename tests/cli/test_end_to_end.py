"""The command itself, from a CSV to everything it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

from ndestudio.project import load_project

ROOT = Path(__file__).parents[2]

KNOWN = """
name = "decay"
[data]
files = ["decay.csv"]
[model]
equations = "d(x)/dt = -k*x"
[model.parameters]
k = { value = 0.2, lower = 0.0, unit = "1/s" }
[export]
formats = ["latex", "python", "c"]
figures = ["svg"]
"""
UNKNOWN = """
name = "decay"
[data]
files = ["decay.csv"]
[model]
equations = "d(x)/dt = loss(x)"
[model.networks.loss]
width = 8
depth = 1
[train]
preset = "quick"
[distil]
operators = "polynomial"
seconds = 2.0
max_size = 7
[export]
formats = ["sympy"]
figures = ["svg"]
"""


def ndestudio(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ndestudio", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def _read(text: str) -> Any:
    sympify: Any = sympy.sympify  # its annotations forbid what its documentation shows
    return sympify(text, locals={"x": sympy.Symbol("x")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with x' = -0.7 x measured in three runs of 25 rows."""
    rows = ["run,t [s],x [mg]"]
    for run, start in enumerate((2.0, 3.0, 5.0)):
        rows += [f"r{run},{t:.4f},{start * np.exp(-0.7 * t):.8f}" for t in np.linspace(0.0, 4.0, 25)]
    (tmp_path / "decay.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_mechanistic_model_from_csv_to_everything(folder: Path) -> None:
    (folder / "spec.toml").write_text(KNOWN)
    done = ndestudio("run", folder / "spec.toml", "-o", folder / "out", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "d(x)/dt = -(0.7*x)" in done.stdout or "d(x)/dt = -0.7*x" in done.stdout
    assert "decay.csv" in done.stderr

    out = folder / "out"
    equations = json.loads((out / "equations.json").read_text())
    assert abs(equations["parameters"]["k"] - 0.7) < 1e-5
    rhs = _read(equations["equations"]["x"])
    assert abs(float(rhs.subs("x", 2.0)) + 1.4) < 1e-5
    assert equations["metrics"]["test_nrmse"]["mean"] < 1e-4
    assert equations["seed"] == 3 and equations["seconds"]["train"] > 0
    for name in ("report.html", "project.nde", "model.tex", "model.py", "model.c"):
        assert (out / name).stat().st_size > 0, name
    assert list((out / "figures").glob("*.svg"))

    project = load_project(out / "project.nde")
    assert project.spec.train.seed == 3 and project.dataset is not None and project.fit is not None
    latex = ndestudio("export", out / "project.nde", "--to", "latex")
    assert latex.returncode == 0 and r"\frac" in latex.stdout
    python = ndestudio("export", out / "project.nde", "--to", "python", "-o", folder / "m.py")
    assert python.returncode == 0 and "solve_ivp" in (folder / "m.py").read_text()
    assert "agrees with the model" in python.stderr


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("decay.csv", "gone.csv", "gone.csv"),
        ("-k*x", "-k*sine(x)", "did you mean `sin`"),
        ("[export]", "[exprot]", "did you mean `export`"),
        ("preset", "prest", "did you mean `preset`"),
    ],
)
def test_bad_input_is_code_2_and_a_sentence(folder: Path, old: str, new: str, sentence: str) -> None:
    text = UNKNOWN if old == "preset" else KNOWN
    (folder / "spec.toml").write_text(text.replace(old, new))
    done = ndestudio("run", folder / "spec.toml", "-o", folder / "out")
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_term_is_found(folder: Path) -> None:
    (folder / "spec.toml").write_text(UNKNOWN)
    done = ndestudio("run", folder / "spec.toml", "-o", folder / "out", "--quiet")
    assert done.returncode == 0 and done.stdout == "", done.stderr
    equations = json.loads((folder / "out" / "equations.json").read_text())
    loss = _read(equations["holes"]["loss"])
    for x in (0.5, 1.0, 3.0):
        assert abs(float(loss.subs("x", x)) + 0.7 * x) < 0.03 * x
    assert [entry["complexity"] for entry in equations["pareto"]["loss"]]
    assert equations["engine"] == "evolution"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupted_run_keeps_what_it_reached(folder: Path) -> None:
    spec = UNKNOWN.replace("seconds = 2.0", "seconds = 120.0").replace('"polynomial"', '["+", "*", "sin", "exp"]')
    (folder / "spec.toml").write_text(spec)
    command = [sys.executable, "-m", "ndestudio", "run", str(folder / "spec.toml"), "-o", str(folder / "out")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "Searching" in line:
            break
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert time.monotonic() - started < 60
    assert "stopping" in error and "what was reached is in" in error
    project = load_project(folder / "out" / "project.nde")
    assert project.fit is not None
    assert (folder / "out" / "equations.json").is_file()
