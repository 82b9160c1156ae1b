"""`ndestudio tube` on a spec and on a finished project."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.cli.main import main
from ndestudio.export import report_html
from ndestudio.project.store import load_project, save_project
from tests.export.conftest import finished_project

SPEC = '[model]\nequations = "d(x)/dt = -k*x"\nparameters = { k = 1.0 }\ninitial = { x = 2.0 }\n[tube]\nduration = 2.0\npoints = 5\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "decay.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def test_says_what_the_tube_claims_and_writes_it(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, picture = spec.with_suffix(".csv"), spec.with_suffix(".svg")
    asked = ["--radius", "x=0.1", "--parameter", "k=0.9:1.1", "--unsafe", "x > 3", "--unsafe", "x > 2.05"]
    assert main(["tube", str(spec), *asked, "-o", str(table), "--figure", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "A statistical tube: with a confidence of 99%" in said
    assert "`x > 3` is not reached, with 99%" in said and "`x > 2.05` is violated: from x = " in said
    assert table.read_text(encoding="utf-8").count("\n") == 3 + 1 + 5
    assert b"99% tube" in picture.read_bytes()
    assert main(["tube", str(spec), "--method", "interval", "--radius", "0.1"]) == 0
    assert "every start within 0.1 of the middle stays inside at all times" in capsys.readouterr().out


def test_a_project_keeps_its_tube_for_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save_project(finished_project(), tmp_path / "lynx.nde")
    asked = ["--radius", "1", "--points", "11", "--duration", "5", "--unsafe", "hare > 1000", "--keep", "--quiet"]
    assert main(["tube", str(path), *asked]) == 0
    assert capsys.readouterr().out == ""
    project = load_project(path)
    assert project.tube is not None and project.tube.verdicts[0].answer == "holds"
    page = report_html(project, figures=())
    assert "Reach tube" in page and "hare &gt; 1000" in page


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--radius", "a"], "`--radius a` is no number"),
        (["--radius", "0.1", "--radius", "x=1"], "give one of the two"),
        (["--parameter", "k=1"], "write `--parameter k=0.1:0.2`"),
        (["--start", "x"], "write `--start x=1.5`"),
        (["--start", "z=1"], "there is no state `z`"),
        (["--keep"], "name the file with -o"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    spec: Path, asked: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tube", str(spec), *asked]) == 2
    assert sentence in capsys.readouterr().err
