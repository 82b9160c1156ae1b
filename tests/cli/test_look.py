"""`ndestudio look` and import settings on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ndestudio.cli.arguments import parse
from ndestudio.cli.execution import with_data
from ndestudio.cli.main import main
from ndestudio.data import import_settings
from ndestudio.errors import SettingError
from ndestudio.project.project import Spec

GERMAN = "mass;glucose\n0,1;20,1\n0,3;18,4\n0,9;12,9\n"


@pytest.fixture(autouse=True)
def settings_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(import_settings, "user_config_dir", lambda: tmp_path)
    return tmp_path


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_columns_decisions_and_the_time_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["look", written(tmp_path, "a.csv", GERMAN)]) == 0
    told = capsys.readouterr().out
    assert "a.csv: text, 3 rows, 2 columns" in told
    assert "(guessed with little evidence)" in told
    assert '    or count the rows 0, 1, 2, ...: `time = ""`' in told
    assert "Time  `mass`, no unit given, from 0.1 to 0.9, median step 0.4" in told


def test_what_is_to_be_settled_is_told_with_the_settings_that_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "a.csv", "x,y\n3,1\n1,7\n2,3\n")
    assert main(["look", path]) == 2
    assert "no column looks like the time" in capsys.readouterr().out
    assert main(["look", path, "--set", 'time = ""']) == 0
    assert main(["look", path, "--set", "time ="]) == 2
    assert "`time =` is no setting" in capsys.readouterr().err
    assert main(["look", path, "--set", "tmie = 1"]) == 2
    assert "no settings of data" in capsys.readouterr().err


def test_json_has_it_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["look", "--json", written(tmp_path, "a.csv", "t [h],x\n0,1\n1,\n2,3\n")]) == 0
    told = json.loads(capsys.readouterr().out)
    time = {"label": "t", "unit": "h", "start": 0.0, "end": 2.0, "step": 1.0, "even": True}
    assert told["time"].items() >= time.items()
    assert [(one["label"], one["role"], one["missing"]) for one in told["table"]["columns"]] == [
        ("t", "time", 0),
        ("x", "state", 1),
    ]
    time = next(one for one in told["decisions"] if one["topic"] == "time")
    assert time["choices"][time["chosen"]]["settings"] == {"time": "t"}
    assert told["obstacles"] == []


def test_a_spec_and_a_folder_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in ("r10.csv", "r9.csv"):
        written(folder, name, "t,x\n0,1\n1,2\n2,3\n")
    written(folder, "plot.pdf", "%PDF")
    assert main(["look", str(folder)]) == 0
    told = capsys.readouterr()
    assert "r9.csv and 1 more: text" in told.out and "2 trajectories" in told.out
    assert "left out: `plot.pdf` (no data file)" in told.err
    spec = written(tmp_path, "s.toml", '[data]\nfiles = ["runs/r9.csv"]\ntime = ""\n')
    assert main(["look", spec, "--head"]) == 0
    assert "The rows are counted." in capsys.readouterr().out


def test_import_settings_are_kept_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "a.csv", GERMAN)
    assert main(["look", path, "--set", 'time = ""', "--keep", "Balance"]) == 0
    capsys.readouterr()
    assert main(["look", path, "--import-settings", "Balance"]) == 0
    assert "Time  `row`" in capsys.readouterr().out
    assert main(["look", path, "--import-settings", "Balanse"]) == 2
    assert "did you mean `Balance`?" in capsys.readouterr().err


def test_the_data_of_a_spec_are_read_with_import_settings(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", GERMAN)
    assert main(["look", path, "--set", 'time = ""', "--keep", "Balance"]) == 0
    for command in ("run", "recover", "compare"):
        options = parse([command, "s.toml", "--import-settings", "Balance", "--data", path])
        spec = with_data(Spec(), options.data, options.import_settings)
        assert (spec.data.files, spec.data.time, spec.data.delimiter) == ((path,), "", ";")
    with pytest.raises(SettingError, match="no import settings `Balanse`"):
        with_data(Spec(), None, "Balanse")


def test_a_missing_file_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["look", str(tmp_path / "none.csv")]) == 2
    assert "there is no such file" in capsys.readouterr().out
