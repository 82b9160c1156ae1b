"""What an installed package adds is found everywhere, and one that is broken is named and disturbs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ndestudio import plugins
from ndestudio.data import DataConfig, load
from ndestudio.data.readers.registry import READERS, endings
from ndestudio.errors import EquationError, ExportError, SpecError
from ndestudio.export import EXPORTERS
from ndestudio.expression import differentiate, evaluate, parse_expression, to_text
from ndestudio.plugins import Registry
from ndestudio.project import parse_spec
from ndestudio.project.extensions import survey
from ndestudio.solve.registry import SOLVERS
from ndestudio.symbolic import ENGINES, SymbolicRegressor
from tests import sample_plugin

ROOT = Path(__file__).parents[1]
REGISTRIES: dict[str, Registry] = {"engines": ENGINES, "solvers": SOLVERS, "readers": READERS, "exporters": EXPORTERS}

SPEC = """
name = "decay"
[data]
files = ["decay.sample"]
[model]
equations = "d(x)/dt = -halved(2*k*x)"
parameters = { k = { value = 0.2, lower = 0.0 } }
[train]
preset = "quick"
solver = "sample"
[distil]
engine = "sample"
[export]
formats = ["sample"]
figures = []
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on the path with the sample package; `broken` puts a broken one beside it."""
    sample_plugin.install(tmp_path, broken=getattr(request, "param", "") == "broken")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    yield tmp_path
    monkeypatch.undo()
    for name in ("ndestudio_sample", "ndestudio_broken"):
        sys.modules.pop(name, None)
    plugins.forget()


broken = pytest.mark.parametrize("installed", ["broken"], indirect=True)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_each_kind_is_found_in_its_registry(installed: Path, kind: str) -> None:
    registry = REGISTRIES[kind]
    assert registry.known()[-1] == "sample"
    assert registry.get("Sample") is registry.get("sample")
    assert registry.title("sample") != "sample"


def test_every_kind_has_a_sample_as_far_as_it_has_a_registry() -> None:
    assert {*REGISTRIES, "functions"} == set(sample_plugin.ADDED)


def test_equations_may_call_the_function(installed: Path) -> None:
    expression = parse_expression("halved(3*x)")
    assert evaluate(expression, {"x": 2.0}) == 3.0
    assert to_text(differentiate(expression, "x")) == "1.5"
    plugins.forget()
    (installed / "ndestudio_sample-1.0.dist-info" / "entry_points.txt").unlink()
    with pytest.raises(EquationError, match="unknown function `halved`"):
        parse_expression("halved(3*x)")


def test_nothing_is_there_before_a_package_is_installed() -> None:
    assert "sample" not in ENGINES and "sample" not in READERS and "sample" not in EXPORTERS
    with pytest.raises(SpecError, match=r"\[distil\] engine: there is no engine `sample`"):
        parse_spec(SPEC)


def test_a_spec_may_name_them(installed: Path) -> None:
    spec = parse_spec(SPEC)
    assert (spec.distil.engine, spec.train.solver, spec.export.formats) == ("sample", "sample", ("sample",))
    with pytest.raises(
        SpecError, match=r"\[export\] formats: there is no export format `samples`; did you mean `sample`"
    ):
        parse_spec(SPEC.replace('formats = ["sample"]', 'formats = ["samples"]'))


def test_the_engine_searches(installed: Path) -> None:
    X = np.linspace(0.0, 1.0, 50)[:, None]
    found = SymbolicRegressor(engine="sample").fit(X, 2.0 + X[:, 0])
    assert found.predict(X) == pytest.approx(np.full(50, 2.5), abs=0.2)


def test_the_reader_reads_files_with_its_ending(installed: Path) -> None:
    path = sample_plugin.table(installed)
    data = load(DataConfig(files=(str(path),)))
    assert data.measured_names == ("x",)
    assert len(data.trajectories[0].t) == 30
    assert ".sample" in endings()


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    line = [sys.executable, "-m", "ndestudio", *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_the_command_line_runs_and_exports_with_them(tmp_path: Path) -> None:
    sample_plugin.install(tmp_path, broken=True)
    sample_plugin.table(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC, encoding="utf-8")
    done = command(tmp_path, "run", "spec.toml", "-o", "out", "--engine", "sample")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "model.sample").read_text() == "states: x\n"
    shown = command(tmp_path, "export", "out/project.nde", "--to", "sample")
    assert shown.stdout == "states: x\n", shown.stderr
    told = command(tmp_path, "info")
    assert told.returncode == 0, told.stderr
    assert (
        "engines: sample" in told.stdout
        and "functions: sample" in told.stdout
        and "ndestudio-sample 1.0" in told.stdout
    )
    assert "FAILED, ndestudio-broken 0.3" in told.stdout
    assert "RuntimeError: the licence server is away" in told.stdout


@broken
def test_what_is_broken_is_named_with_its_traceback_and_disturbs_nothing(installed: Path) -> None:
    found, failed = survey()
    assert {(one.kind, one.name) for one in found} == {(kind, "sample") for kind in sample_plugin.ADDED}
    told = {one.name: one for one in failed}
    assert set(told) == {"shattered", "latex", "hollow", "impostor"}
    assert "licence server" in told["shattered"].sentence
    first = told["shattered"].details.splitlines()[1]
    assert "ndestudio_broken.py" in first, "the traceback begins where the code of the package does"
    assert told["shattered"].package == "ndestudio-broken 0.3"
    assert "its name is taken: NDE Studio has" in told["latex"].sentence
    assert "it has no `title`, `file_name`, `write`" in told["hollow"].sentence
    assert "must be a Function or a list of them" in told["impostor"].sentence
    assert EXPORTERS.get("latex").title == "LaTeX"
    assert ENGINES.known() == ("evolution", "pysr", "sample")


@broken
def test_asking_for_what_is_broken_says_why(installed: Path) -> None:
    with pytest.raises(ValueError, match=r"`shattered` of ndestudio-broken 0\.3 cannot be used: it did not load"):
        ENGINES.get("shattered")
    with pytest.raises(ExportError, match="`hollow` of ndestudio-broken"):
        EXPORTERS.get("hollow")


def test_a_plug_in_that_asks_for_its_own_kind_while_it_is_imported_does_not_hang(installed: Path) -> None:
    module = installed / "ndestudio_sample.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text + "\nfrom ndestudio.symbolic import ENGINES\nassert 'pysr' in ENGINES.known()\n")
    assert ENGINES.known() == ("evolution", "pysr", "sample")


def test_the_example_of_the_documentation_writes_a_model(tmp_path: Path) -> None:
    import re
    import runpy

    from ndestudio.export import Options, Subject
    from tests.session.results import fit

    page = (ROOT / "docs" / "plug-ins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    exporter = runpy.run_path(str(tmp_path / "example.py"))["EXPORTER"]
    model = fit().model
    written = exporter.write(Subject(model), Options())
    assert model.parameters
    assert all(f"! {name}" in written for name in model.parameters)
