"""Writing everything: which files, whole or not at all, and what is said on the way."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ndestudio.errors import ExportError
from ndestudio.export.config import ExportConfig
from ndestudio.export.write import write_all, write_text
from ndestudio.figures.style import FigureStyle
from ndestudio.progress import Note, Phase, Progress, RecordingReporter


def asking(project, **settings):
    return replace(project, spec=msgspec.structs.replace(project.spec, export=ExportConfig(**settings)))


def test_leaves_all_that_was_asked_for(project, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    formats = ("latex", "python", "julia", "json", "csv")
    files = write_all(asking(project, formats=formats), tmp_path / "new" / "out", reporter, date="2026-11-22")
    names = [str(path.relative_to(tmp_path / "new" / "out")) for path in files]
    assert names[0] == "equations.json" and names[-1] == "report.html"
    assert {"model.tex", "model.py", "model.jl", "model.json", "trajectories.csv"} <= set(names)
    assert {"figures/phase.svg", "figures/phase.png", "figures/neural_term_predation.png"} <= {
        name.replace("\\", "/") for name in names
    }
    assert all(path.stat().st_size > 0 for path in files)
    assert sorted(files) == sorted(path for path in (tmp_path / "new" / "out").rglob("*") if path.is_file())
    fractions = [event.fraction for event in reporter.events if isinstance(event, Progress)]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert isinstance(reporter.events[0], Phase)
    notes = [event for event in reporter.events if isinstance(event, Note)]
    assert any("agrees with the model" in note.text and note.level == "info" for note in notes)
    assert "model.py" in (tmp_path / "new" / "out" / "report.html").read_text(encoding="utf-8")
    assert json.loads(files[0].read_text(encoding="utf-8"))["schema"] == "ndestudio-equations/1"


def test_figures_are_written_in_every_form_and_in_the_style_of_the_spec(project, tmp_path: Path) -> None:
    style = FigureStyle(width=120.0, dpi=50.0)
    settings = {"formats": (), "figures": ("svg", "pdf", "png", "csv"), "verify": False, "style": style}
    files = {path.name: path for path in write_all(asking(project, **settings), tmp_path)}
    assert {"loss.svg", "loss.pdf", "loss.png", "loss.csv"} <= set(files)
    assert round(120 / 25.4 * 50) == struct.unpack(">I", files["loss.png"].read_bytes()[16:20])[0]
    assert files["loss.csv"].read_text(encoding="utf-8").startswith("panel,mark,series,x,y,value,low,high\n")


def test_programs_carry_the_name_of_the_job(project, tmp_path: Path) -> None:
    named = asking(project, formats=("python", "c"), figures=(), verify=False)
    named = replace(named, spec=msgspec.structs.replace(named.spec, name="Lynx and\nhare"))
    files = {path.name: path.read_text(encoding="utf-8") for path in write_all(named, tmp_path)}
    assert files["model.py"].startswith('"""Lynx and hare\n')
    assert files["model.c"].startswith("// Lynx and hare\n")


def test_a_stop_ends_between_two_files(project, tmp_path: Path) -> None:
    files = write_all(asking(project, figures=(), verify=False), tmp_path, RecordingReporter(stop_after=0))
    assert [path.name for path in files] == ["equations.json"]
    json.loads(files[0].read_text(encoding="utf-8"))


def test_before_training_there_is_a_report(project, tmp_path: Path) -> None:
    files = write_all(replace(project, fit=None, distillation=None, accepted={}), tmp_path)
    assert [path.name for path in files] == ["equations.json", "report.html"]


def test_without_data_the_rest_is_written(project, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    bare = asking(replace(project, dataset=None), formats=("csv", "latex"), figures=())
    files = write_all(bare, tmp_path, reporter)
    assert [path.name for path in files] == ["equations.json", "model.tex", "report.html"]
    assert any("csv was not written" in event.text for event in reporter.events if isinstance(event, Note))


def test_settings_that_make_no_sense(project, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no export format `fortran`"):
        write_all(asking(project, formats=("fortran",)), tmp_path)
    with pytest.raises(ExportError, match="cannot be written as `bmp`"):
        write_all(asking(project, figures=("bmp",)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="choose another folder"):
        write_all(asking(project, formats=()), tmp_path / "file" / "out")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ExportError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
