"""The PySR engine up to the border of Julia: a fake `pysr` package stands in the spawned process."""

from __future__ import annotations

import csv
import io
import json
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ndestudio.errors import EngineUnavailable, EquationError
from ndestudio.expression import evaluate, to_text
from ndestudio.progress import Note, Phase, RecordingReporter, SilentReporter
from ndestudio.symbolic import ENGINES, PysrEngine, SearchConfig, SearchProblem
from ndestudio.symbolic.front import Front
from ndestudio.symbolic.pysr_engine import parse_pysr, read_front
from ndestudio.symbolic.pysr_settings import FIXED, pysr_settings, pysr_units

FAKE = """
import json, os, time
from pathlib import Path

class PySRRegressor:
    def __init__(self, *, ARGUMENTS, **kwargs):
        self.settings = {k: v for k, v in locals().items() if k not in ("self", "kwargs")}
        assert not kwargs, kwargs

    def fit(self, X, y, *, weights=None, variable_names=None, X_units=None, y_units=None):
        folder = Path(self.settings["output_directory"]) / self.settings["run_id"]
        folder.mkdir(parents=True)
        Path(os.environ["FAKE_PYSR_SEEN"]).write_text(json.dumps(dict(
            shape=X.shape, sum_y=float(y.sum()), weights=None if weights is None else weights.tolist(),
            names=variable_names, X_units=X_units, y_units=y_units, settings=self.settings)))
        behaviour = os.environ.get("FAKE_PYSR", "solve")
        rows = ["Complexity,Loss,Equation"]
        for line in ['1,9.0,"0.25"', '3,1.0,"x0 * x1"', '4,0.5,"NaN"', '6,0.1,"square(x0) - inv(neg(x1))"'][: 2 if behaviour == "slow" else 4]:
            rows.append(line)
            (folder / "hall_of_fame.csv").write_text("\\n".join(rows) + "\\n")
            time.sleep(0.25)
        if behaviour == "slow":
            time.sleep(60)
        if behaviour == "error":
            raise RuntimeError("JuliaError: something broke\\nStacktrace:")
        if behaviour == "crash":
            print("signal (11): Segmentation fault", flush=True)
            os._exit(139)
"""


@pytest.fixture
def fake_pysr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pysr` package and a `julia` executable on the paths; returns the file with what the fake was given."""
    package = tmp_path / "packages" / "pysr"
    package.mkdir(parents=True)
    names = ", ".join(f"{name}=None" for name in (*FIXED, *_VARIABLE_SETTINGS))
    (package / "__init__.py").write_text(textwrap.dedent(FAKE).replace("ARGUMENTS", names), encoding="utf-8")
    julia = tmp_path / "julia"
    julia.write_text("#!/bin/sh\n")
    julia.chmod(julia.stat().st_mode | stat.S_IXUSR)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("PYTHON_JULIAPKG_EXE", str(julia))
    seen = tmp_path / "seen.json"
    monkeypatch.setenv("FAKE_PYSR_SEEN", str(seen))
    return seen


_VARIABLE_SETTINGS = (
    "binary_operators",
    "unary_operators",
    "niterations",
    "max_evals",
    "timeout_in_seconds",
    "maxsize",
    "maxdepth",
    "constraints",
    "nested_constraints",
    "elementwise_loss",
    "complexity_of_operators",
    "complexity_of_constants",
    "complexity_of_variables",
    "dimensional_constraint_penalty",
    "dimensionless_constants_only",
    "early_stop_condition",
    "parallelism",
    "deterministic",
    "random_state",
    "run_id",
    "output_directory",
)


def _problem(**changes: object) -> SearchProblem:
    generator = np.random.default_rng(0)
    X = generator.uniform(1.0, 2.0, (40, 2))
    settings: dict = {"X": X, "y": X[:, 0] ** 2 + 1.0 / X[:, 1], "names": ("hare", "beta")}
    return SearchProblem(**{**settings, **changes})


def _config(**changes: object) -> SearchConfig:
    return SearchConfig(
        **{"operators": ("+", "-", "*", "/", "square", "inv", "neg"), "seconds": 30.0, "seed": 7, **changes}
    )


def test_streams_the_front_and_solves(fake_pysr: Path) -> None:
    reporter = RecordingReporter()
    fronts: list[Front] = []
    weights = np.linspace(0.5, 1.5, 40)
    problem = _problem(weights=weights, units=("kg", ""), unit_y="kg^2")
    result = PysrEngine().search(problem, _config(), reporter, fronts.append)

    assert result.outcome == "solved"
    assert to_text(result.front.candidates[-1].expression) == "hare^2 - 1/-beta"
    assert result.front.candidates[-1].loss < 1e-28
    assert len(fronts) >= 2
    assert [front.version for front in fronts] == sorted({front.version for front in fronts})
    assert [candidate.complexity for candidate in result.front.candidates] == [1, 3, 6]  # the NaN row is left out
    phases = [event.stage for event in reporter.events if isinstance(event, Phase)]
    assert phases == ["starting", "search"]

    seen = json.loads(fake_pysr.read_text())
    assert seen["shape"] == [40, 2]
    assert seen["weights"] == weights.tolist()
    assert (seen["X_units"], seen["y_units"]) == (["kg", "1"], "kg^2")
    assert seen["settings"]["dimensional_constraint_penalty"] == 1000.0
    assert seen["names"] == ["x0", "x1"]  # `beta` is a name SymPy knows
    settings = seen["settings"]
    assert settings["random_state"] == 7
    assert settings["unary_operators"] == ["square", "inv", "neg"]
    assert settings["parallelism"] == "multithreading"


def test_losses_are_nmse_on_both_parts() -> None:
    problem = _problem(X_held_out=np.array([[1.0, 1.0], [2.0, 1.0]]), y_held_out=np.array([2.0, 5.0]))
    table = 'Complexity,Loss,Equation\n1,123.0,"2.0"\n'
    (candidate,) = read_front(table, problem, _config()).candidates
    assert candidate.loss == pytest.approx(np.mean((problem.y - 2.0) ** 2) / np.var(problem.y))
    assert candidate.held_out == pytest.approx(4.5 / np.var(problem.y))


def test_stop_ends_the_process_at_once(fake_pysr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PYSR", "slow")
    started: list[subprocess.Popen] = []
    real = subprocess.Popen

    def remembering(*args: object, **kwargs: object) -> subprocess.Popen:
        started.append(real(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remembering)
    asked = threading.Event()

    class Stopping(RecordingReporter):
        def should_stop(self) -> bool:
            return asked.is_set()

    moments: list[float] = []

    def stop_soon(front: Front) -> None:
        if not asked.is_set():
            moments.append(time.monotonic())
            asked.set()

    result = PysrEngine().search(_problem(), _config(), Stopping(), stop_soon)
    assert time.monotonic() - moments[0] < 30.0  # by itself it would go on for a minute
    assert result.outcome == "stopped"
    assert result.front.candidates
    assert started[0].poll() is not None


@pytest.mark.parametrize(
    ("behaviour", "said"), [("error", "JuliaError: something broke"), ("crash", "Segmentation fault")]
)
def test_a_broken_julia_is_a_result(
    fake_pysr: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_PYSR", behaviour)
    result = PysrEngine().search(_problem(y=np.linspace(0, 1, 40)), _config(), SilentReporter())
    assert result.outcome == "failed"
    assert said in result.sentence
    assert result.front.candidates  # what was found before is kept


def test_guesses_are_announced_as_unused(fake_pysr: Path) -> None:
    reporter = RecordingReporter()
    PysrEngine().search(_problem(guesses=("hare^2",)), _config(), reporter)
    assert any(isinstance(event, Note) and "guesses" in event.text for event in reporter.events)


def test_missing_package_and_missing_julia_are_sentences(
    fake_pysr: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PYTHON_JULIAPKG_EXE")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JULIA_DEPOT_PATH", str(tmp_path / "depot"))
    assert "julia" in (PysrEngine().unavailable() or "")
    with pytest.raises(EngineUnavailable, match="Julia"):
        PysrEngine().search(_problem(), _config(), SilentReporter())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'ndestudio[pysr]'" in (PysrEngine().unavailable() or "")


def test_this_process_never_imports_pysr(fake_pysr: Path) -> None:
    PysrEngine().search(_problem(), _config(), SilentReporter())
    assert "pysr" not in sys.modules


def test_all_settings_of_pysr_are_passed() -> None:
    settings = pysr_settings(_problem(), _config(evaluations=1000, seconds=None), "out")
    assert set(settings) == {*FIXED, *_VARIABLE_SETTINGS}
    assert (settings["parallelism"], settings["deterministic"]) == ("serial", True)
    assert settings["max_evals"] == 1000
    assert settings["precision"] == 64


def test_unknown_options_and_operators_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown option `popluations`"):
        pysr_settings(_problem(), _config(options={"popluations": 3}), "out")
    with pytest.raises(ValueError, match="unknown operator `erf`"):
        pysr_settings(_problem(), _config(operators=("+", "erf")), "out")
    assert pysr_settings(_problem(), _config(options={"populations": 3}), "out")["populations"] == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("((x0 * x0) + (cos(x1) * 2.5382)) - 0.5", 4.0 + 2.5382 * np.cos(3.0) - 0.5),
        ("square(cube(x0)) / inv(x1)", 64.0 * 3.0),
        ("-(x0) ^ 2.0", -4.0),
        ("max(x0, x1) + min(x0, -1.5e-3)", 3.0 - 1.5e-3),
        ("neg(abs(tanh(log(sqrt(x0)))))", -np.tanh(0.5 * np.log(2.0))),
    ],
)
def test_reads_what_julia_prints(text: str, value: float) -> None:
    assert evaluate(parse_pysr(text), {"x0": 2.0, "x1": 3.0}) == pytest.approx(value)


def test_an_unknown_function_in_the_table_is_left_out() -> None:
    with pytest.raises(EquationError):
        parse_pysr("gamma(x0)")
    with pytest.raises(EquationError):
        parse_pysr("square(x0, x1)")
    out = io.StringIO()
    csv.writer(out).writerows([("Complexity", "Loss", "Equation"), (2, 1.0, "gamma(x0)"), (1, 2.0, "x0")])
    assert [c.complexity for c in read_front(out.getvalue(), _problem(), _config()).candidates] == [1]


def test_engines_by_name() -> None:
    assert ENGINES.get("pysr").name == "pysr"
    with pytest.raises(ValueError, match=r"no engine `operon`\. Known are evolution, pysr"):
        ENGINES.get("operon")
    with pytest.raises(ValueError, match="did you mean `evolution`"):
        ENGINES.get("evolutoin")


def test_units_are_told_in_words_pysr_knows() -> None:
    problem = _problem(units=("cells/mL", "km h^-1"), unit_y="OD^0.5")
    assert pysr_units(problem) == (["kg*m^-3", "m*s^-1"], "A^(1//2)")
    assert pysr_units(_problem()) is None
    settings = pysr_settings(problem, _config(options={"wildcards": "none"}), "out")
    assert settings["dimensionless_constants_only"]
    assert not pysr_settings(problem, _config(), "out")["dimensionless_constants_only"]
    with pytest.raises(ValueError, match="wildcards"):
        pysr_settings(problem, _config(options={"wildcards": "all"}), "out")
    many = _problem(units=("aa_x*bb_x*cc_x*dd_x", "m*s*kg*K"), unit_y="")
    with pytest.raises(ValueError, match="tells seven apart"):
        pysr_units(many)


def test_a_template_is_refused(fake_pysr: Path) -> None:
    with pytest.raises(ValueError, match="takes no template"):
        PysrEngine().search(_problem(template="f(hare)"), _config(), RecordingReporter())
