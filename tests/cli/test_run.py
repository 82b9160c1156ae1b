"""The command around the pipeline; the pipeline itself is replaced by small functions here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ndestudio.cli.displays import PlainDisplay, SilentDisplay
from ndestudio.cli.execution import execute, exit_code, follow, overridden
from ndestudio.cli.main import main
from ndestudio.errors import DeviceError, EquationError, SpecError
from ndestudio.jobs import Failed, Finished
from ndestudio.progress import Note, Phase, Reporter
from ndestudio.project import Project, Spec, load_project
from ndestudio.project import pipeline as pipeline_module

SPEC = "[data]\nfiles = ['a.csv']\n[model]\nequations = 'd(x)/dt = -k*x'\n"


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Project]], None]:
    """Puts a function in the place of the real pipeline."""

    def put(function: Callable[..., Project]) -> None:
        monkeypatch.setattr(pipeline_module, "run", function)

    return put


def test_the_command_line_overrides_the_spec() -> None:
    spec = overridden(Spec(), seed=7, engine="pysr", device="gpu")
    assert (spec.train.seed, spec.distil.seed, spec.distil.engine, spec.train.device) == (7, 7, "pysr", "gpu")
    assert overridden(Spec()) == Spec()


def test_data_files_of_the_command_line_are_taken(
    spec_file: Path, pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Spec] = []

    def run(spec: Spec, reporter: Reporter, **rest: Any) -> Project:
        seen.append(spec)
        return Project(spec)

    pipeline(run)
    monkeypatch.chdir(tmp_path)
    main(["run", str(spec_file), "-o", "o", "--quiet", "--data", "b.csv", "--seed", "5"])
    assert seen[0].data.files == (str(tmp_path / "b.csv"),)
    assert seen[0].train.seed == 5


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["run", "missing.toml"], "missing.toml: there is no such file"),
        (["run", "."], "this is a folder"),
        (["export", "missing.nde", "--to", "latex"], "there is no such file"),
        (["missing.csv"], "missing.csv: there is no such file"),
    ],
)
def test_bad_input_is_a_sentence_and_code_2(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told_before_the_work(spec_file: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "taken").write_text("a file")
    assert main(["run", str(spec_file), "-o", str(tmp_path / "taken")]) == 2
    assert "name another with -o" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (EquationError("unknown function `sine`", line=1, column=3), 2, "line 1, column 3: unknown function `sine`"),
        (SpecError("bad"), 2, "bad"),
        (DeviceError("there is no GPU"), 1, "there is no GPU"),
        (ZeroDivisionError("one by zero"), 1, "last-error.txt has the details"),
    ],
)
def test_errors_of_the_work_are_sentences_with_their_code(
    error: Exception,
    code: int,
    sentence: str,
    pipeline: Any,
    spec_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(spec: Spec, reporter: Reporter, **rest: Any) -> Project:
        raise error

    monkeypatch.setattr("ndestudio.cli.execution.user_state_dir", lambda: tmp_path)
    pipeline(run)
    assert main(["run", str(spec_file), "-o", str(tmp_path / "o")]) == code
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    if isinstance(error, ZeroDivisionError):
        assert "Traceback" in (tmp_path / "last-error.txt").read_text()


def test_an_interrupt_keeps_what_was_reached(pipeline: Any, spec_file: Path, tmp_path: Path, capsys: Any) -> None:
    def run(spec: Spec, reporter: Reporter, **rest: Any) -> Project:
        reporter.emit(Phase("shooting", "Multiple shooting"))
        os.kill(os.getpid(), signal.SIGINT)
        while not reporter.should_stop():
            pass
        return replace(Project(spec), seconds={"data": 1.0})

    before = signal.getsignal(signal.SIGINT)
    pipeline(run)
    assert main(["run", str(spec_file), "-o", str(tmp_path / "o")]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert load_project(tmp_path / "o" / "project.nde").seconds == {"data": 1.0}
    error = capsys.readouterr().err
    assert "Multiple shooting" in error and "stopping" in error and "interrupted; what was reached is in" in error


def test_sigterm_stops_as_well(pipeline: Any, spec_file: Path, tmp_path: Path) -> None:
    def run(spec: Spec, reporter: Reporter, **rest: Any) -> Project:
        os.kill(os.getpid(), signal.SIGTERM)
        while not reporter.should_stop():
            pass
        return Project(spec)

    pipeline(run)
    assert main(["run", str(spec_file), "-o", str(tmp_path / "o"), "--quiet"]) == 130


def test_the_second_interrupt_ends_at_once() -> None:
    code = (
        "import os, signal, sys, time\n"
        "from ndestudio.cli.displays import SilentDisplay\nfrom ndestudio.cli.execution import follow\n"
        "def deaf(*, reporter):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while not reporter.should_stop(): pass\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
        "follow(SilentDisplay(), deaf)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 130, done.stderr


def test_each_stage_is_kept_as_it_is_reached(pipeline: Any, spec_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "o" / "project.nde"

    def run(spec: Spec, reporter: Reporter, *, on_stage: Callable[[Project], object], **rest: Any) -> Project:
        on_stage(replace(Project(spec), seconds={"data": 2.0}))
        assert load_project(path).seconds == {"data": 2.0}
        return Project(spec)

    pipeline(run)
    code, project = execute(Spec(), tmp_path / "o", quiet=True)
    assert code == 1 and project is not None, "nothing was trained, which is a failure"
    assert load_project(path).seconds == {}


def test_quiet_is_quiet(pipeline: Any, spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(spec: Spec, reporter: Reporter, **rest: Any) -> Project:
        reporter.emit(Note("nobody wants to know"))
        return Project(spec)

    pipeline(run)
    main(["run", str(spec_file), "-o", str(tmp_path / "o"), "--quiet"])
    assert capsys.readouterr() == ("", "")


def test_follow_shows_events_in_order_and_leaves_no_thread() -> None:
    import io

    def work(text: str, *, reporter: Reporter) -> str:
        for n in range(5):
            reporter.emit(Note(f"{text} {n}"))
        return text

    before = threading.active_count()
    stream = io.StringIO()
    ended, interrupted = follow(PlainDisplay(stream), work, "note")
    assert isinstance(ended, Finished) and ended.result == "note" and not interrupted
    assert [line.split("] ")[1] for line in stream.getvalue().splitlines()] == [f"note {n}" for n in range(5)]
    assert threading.active_count() == before


def test_follow_hands_back_a_failure() -> None:
    def work(*, reporter: Reporter) -> None:
        raise SpecError("bad")

    ended, _ = follow(SilentDisplay(), work)
    assert isinstance(ended, Failed) and ended.sentence == "bad"


def test_the_exit_code_says_whether_there_are_equations(project: Project) -> None:
    from ndestudio.fitting.result import Outcome

    assert project.fit is not None and project.distillation is not None
    assert exit_code(project) == 0
    assert exit_code(replace(project, distillation=None)) == 0
    assert exit_code(replace(project, fit=None)) == 1
    assert exit_code(replace(project, fit=replace(project.fit, outcome=Outcome.DIVERGED))) == 1
    assert exit_code(replace(project, distillation=replace(project.distillation, outcome="failed"))) == 1


def test_the_window_says_when_there_is_no_display(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux can be without a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 1
    assert "there is no display" in capsys.readouterr().err


def test_info_tells_what_is_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("the driver is too old")

    monkeypatch.setattr("ndestudio.cli.info._device", broken)
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for part in ("NDE Studio", "jax", "evolution", "pysr", "examples", "RuntimeError: the driver is too old"):
        assert part in text
