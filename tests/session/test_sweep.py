"""The Sweep window without a window: begun, told, kept, gone on with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.jobs import Jobs
from ndestudio.project.project import Project
from ndestudio.project.spec import load_spec
from ndestudio.project.sweep.figures import front, sweep_figure
from ndestudio.project.sweep.row import Row
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    jobs = Jobs()
    made = Session(jobs, SettingsStore(tmp_path / "settings.json"), tmp_path / "autosave")
    (tmp_path / "decay.csv").write_text("t,A\n" + "".join(f"{k},{4 * 0.7**k}\n" for k in range(9)), encoding="utf-8")
    spec = tmp_path / "spec.toml"
    spec.write_text('[data]\nfile = "decay.csv"\n[model]\nequations = "d(A)/dt = -k*A"\n', encoding="utf-8")
    made.workspace.open(Project(spec=load_spec(spec)), None)
    yield made
    made.close()
    assert jobs.close(30.0), "a job outlived its test"


def wait(session: Session) -> None:
    end = time.monotonic() + 60
    while session.tasks.busy:
        assert time.monotonic() < end
        session.tick()
        time.sleep(0.01)


def test_a_sweep_is_computed_kept_and_found_again(session: Session, tmp_path: Path) -> None:
    sweep = session.sweep
    assert sweep.state().obstacle == "Choose a folder for the results."
    sweep.open_folder(tmp_path / "study")
    sweep.set_vary("train.seed=0,1\n")
    sweep.set_executor("local:1")
    sweep.set_work("train")
    sweep.start()
    assert sweep.state().status == "running"
    wait(session)
    state = sweep.state()
    assert (state.total, state.problem) == (2, "")
    assert state.words == "2 computed, 0 were there already."
    assert state.header[1] == "train.seed" and state.opens
    sweep.search("converged 1.0")
    assert len(sweep.state().rows) <= 2
    sweep.search("no such words")
    assert sweep.state().rows == () and sweep.state().total == 2
    sweep.open_folder(tmp_path / "elsewhere")
    assert sweep.state().total == 0
    sweep.open_folder(tmp_path / "study")
    again = sweep.state()
    assert again.words.startswith("2 of 2 results are there") and again.vary == "train.seed=0,1"
    opened: list[str] = []
    sweep.open_runs(opened.extend)
    wait(session)
    assert opened == [str(tmp_path / "study" / "sweep.nde")]


@pytest.mark.parametrize(
    ("vary", "executor", "said"),
    [
        ("", "local", "nothing is varied"),
        ("train.sed=0..3", "local", "train.sed"),
        ("train.seed=0,1", "dusk", "no executor"),
    ],
)
def test_what_cannot_be_is_told(session: Session, tmp_path: Path, vary: str, executor: str, said: str) -> None:
    session.sweep.open_folder(tmp_path / "study")
    session.sweep.set_vary(vary)
    session.sweep.set_executor(executor)
    session.sweep.start()
    wait(session)
    assert said in session.sweep.state().problem


def row(number: int, error: float | None, complexity: int | None, **values: object) -> Row:
    outcome = "converged" if error is not None else "failed"
    return Row(
        key=str(number),
        number=number,
        values=values,
        outcome=outcome,
        sentence="",
        validation_error=error,
        complexity=complexity,
    )


def test_the_front_holds_what_nothing_smaller_beats() -> None:
    rows = [row(0, 0.3, 3), row(1, 0.1, 5), row(2, 0.2, 7), row(3, 0.05, 9), row(4, None, 1), row(5, 0.4, None)]
    assert [one.number for one in front(rows)] == [0, 1, 3]


def test_a_figure_shows_what_there_is() -> None:
    assert sweep_figure([]) is None
    assert sweep_figure([row(0, None, None, seed=1)]) is None
    found = sweep_figure([row(0, 0.3, 3, seed=1, kind="a"), row(1, 0.1, 5, seed=2, kind="b")])
    assert found is not None and [one.title for one in found.panels] == [
        "Error against complexity",
        "Settings and error",
    ]
    alone = sweep_figure([row(0, 0.3, None, seed=1), row(1, 0.3, None, seed=1)])
    assert alone is None, "nothing differs"
