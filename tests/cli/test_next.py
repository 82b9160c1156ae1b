"""`ndestudio next` on a finished project."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.cli.main import main
from ndestudio.project.store import save_project
from tests.export.conftest import finished_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_project(finished_project(), tmp_path_factory.mktemp("next") / "lynx.nde")


def test_says_what_to_measure_and_writes_what_each_law_predicts(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "next.csv"
    asked = ["--start", "hare=5:80", "--start", "lynx=2", "--points", "11", "--duration", "6", "-o", str(table)]
    assert main(["next", str(project), *asked, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["next", str(project), *asked]) == 0
    said = capsys.readouterr().out
    assert "The data do not tell `predation = " in said and "Laws that the data leave" in said
    head, *rows = table.read_text(encoding="utf-8").splitlines()
    assert head.startswith("run,time,hare (law 1),lynx (law 1),hare (law 2)")
    first, last = ([float(cell) for cell in row.split(",")] for row in (rows[0], rows[-1]))
    assert len(rows) == 11 and last[1] - first[1] == pytest.approx(6.0)
    assert 5.0 <= first[2] <= 80.0 and first[3] == 2.0 and first[2] == first[4], "all laws start from the same values"
    assert f"hare = {first[2]:.4g}, lynx = 2" in said


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--start", "hare"], "write `--start x=0.5:4`"),
        (["--start", "hare=a:b"], "write `--start x=0.5:4`"),
        (["--start", "fox=1:2"], "`fox` is no state of the model; there are hare, lynx"),
        (["--input", "rain=1"], "`rain` is no input of the model; it has none"),
        (["--start", "hare=9:1"], "the lower one first"),
        (["--points", "1"], "two samples or more"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    project: Path, asked: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(project), *asked]) == 2
    assert sentence in capsys.readouterr().err
