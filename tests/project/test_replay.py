from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.cli.main import main
from ndestudio.data import load
from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.distil import DistilConfig, distil, substitute_formula, with_scored
from ndestudio.errors import ProjectError, SpecError
from ndestudio.expression import parse_expression
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.progress import RecordingReporter
from ndestudio.project import Project, Spec, load_project, save_project
from ndestudio.project.replay.again import replay, settings_changed
from ndestudio.project.replay.edits import Edit, checked, edited, settings_of
from ndestudio.project.replay.history import history
from ndestudio.project.replay.verdict import Number, _formula, _number, summary, verdicts
from ndestudio.project.ro_crate import NAME, write_ro_crate
from ndestudio.session import commands
from ndestudio.symbolic import Candidate


def _data(path: Path, rate: float) -> Path:
    rows = ["t,x,run"]
    for name, start in (("one", 0.2), ("two", 5.0)):
        t = np.linspace(0, 4, 12)
        rows += [f"{a:.6g},{b:.9g},{name}" for a, b in zip(t, 2 + (start - 2) * np.exp(-rate * t), strict=True)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Trained, trained on from a moment, searched, a formula of one's own put in."""
    path = _data(tmp_path_factory.mktemp("replay") / "data.csv", 0.7)
    spec = Spec(
        name="a session",
        data=DataConfig(files=(str(path),), trajectory="run", split=SplitConfig(by="time")),
        model=ModelConfig(
            equations="d(x)/dt = a - f(x)\n",
            parameters={"a": ParameterConfig(value=1.0, lower=0.0)},
            networks={"f": NetworkConfig(width=4, depth=1)},
        ),
        train=TrainConfig(
            preset="quick", time_limit=60.0, stages=("collocation", "trajectory"), iterations={"trajectory": 8}
        ),
        distil=DistilConfig(
            operators="polynomial", seconds=None, evaluations=3000, candidates=1, max_size=5, threads=1
        ),
    )
    dataset = load(spec.data)
    project = Project(spec=spec, dataset=dataset)
    first = fit(spec.model, dataset, spec.train)
    project = commands.with_fit(project, first, "2026-01-01T10:00:00+00:00")
    project = commands.with_train(project, seed=3)
    start = first.checkpoints[0].model
    second = fit(spec.model, dataset, project.spec.train, start=start)
    project = commands.with_fit(project, second, "2026-01-01T10:01:00+00:00", start=start)
    result = distil(second.model, dataset, spec.distil, train=project.spec.train)
    project = commands.with_distillation(project, result, "2026-01-01T10:02:00+00:00")
    candidate = Candidate(5, 0.5, parse_expression("0.3*x*x"))
    scored = substitute_formula(second.model, dataset, "f", candidate, project.spec.train)
    project = replace(project, distillation=with_scored(result, "f", scored))
    return commands.with_accepted(project, "f", len(result.neural_terms["f"].scored))


def test_the_history_names_what_was_done_with_its_parameters(session: Project) -> None:
    steps = history(session)
    assert [step.kind for step in steps] == ["data", "model", "fit", "fit", "search", "choice"]
    data, model, first, second, search, choice = steps
    assert data.title == "Read data.csv" and "trajectory = run" in data.details
    assert any(line.startswith("data.csv: SHA-256 ") for line in data.details)
    assert model.details[0] == "d(x)/dt = a - f(x)"
    assert "seed = 3" not in first.details and "seed = 3" in second.details
    assert "from an earlier model" in second.title and first.when == "2026-01-01T10:00:00+00:00"
    assert "evaluations = 3000" in search.details
    assert choice.details == ("f = 0.3*x*x (chosen by hand)",)


def test_the_same_data_and_settings_give_the_same_numbers(session: Project) -> None:
    reporter = RecordingReporter()
    found = replay(session, reporter)
    assert found.same_data
    assert {one.verdict for one in found.numbers} == {"exact"}, found.numbers
    assert {"a", "f", "training error", "training error of x"} <= {one.name for one in found.numbers}
    assert [run.kind for run in found.project.runs] == ["fit", "fit", "distil"]
    assert found.sentence.endswith("exact.")


def test_other_data_and_settings_hold_in_every_step_and_the_numbers_differ(session: Project, tmp_path: Path) -> None:
    change = settings_changed(("distil.max_size=3", "train.iterations={trajectory = 2}"))
    found = replay(session, files=(str(_data(tmp_path / "new.csv", 1.4)),), change=change)
    assert not found.same_data and found.sentence.startswith("On other data: ")
    assert any(one.verdict == "different" for one in found.numbers)
    assert found.project.spec.data.files == (str(tmp_path / "new.csv"),)
    assert found.project.dataset is not None and found.project.dataset.rows == 24
    assert {run.spec.distil.max_size for run in found.project.runs} == {3}
    assert {run.spec.train.iterations["trajectory"] for run in found.project.runs} == {2}
    with pytest.raises(SpecError, match="unknown key"):
        settings_changed(("distil.maximum=3",))(session.spec, None)


def test_without_results_there_is_nothing_to_do_again(session: Project) -> None:
    with pytest.raises(ProjectError, match="nothing was trained"):
        replay(Project(spec=session.spec))


@pytest.mark.parametrize(
    ("before", "now", "limits", "verdict"),
    [
        (1.0, 1.0, None, "exact"),
        (1.0, 1.01, None, "within tolerance"),
        (1.0, 1.1, None, "different"),
        (1.0, 1.1, (0.8, 1.2), "within tolerance"),
        (0.0, 0.0, None, "exact"),
        (1.0, None, None, "not verified"),
        (1.0, float("nan"), None, "not verified"),
        (-1.0, 1.0, None, "different"),
    ],
)
def test_the_verdict_of_a_number(
    before: float, now: float | None, limits: tuple[float, float] | None, verdict: str
) -> None:
    assert _number("k", before, now, 0.02, limits).verdict == verdict


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ("0.7*x", "0.7*x", "exact"),
        ("0.7*x + 1", "1.0 + x*0.705", "within tolerance"),
        ("0.7*x", "0.9*x", "different"),
        ("0.7*x", "0.7*x^2", "different"),
        ("0.7*x", None, "different"),
        (None, None, "not verified"),
        (None, "0.7*x", "different"),
    ],
)
def test_the_verdict_of_a_formula(before: str | None, now: str | None, verdict: str) -> None:
    first, second = (parse_expression(one) if one is not None else None for one in (before, now))
    assert _formula("f", first, second, 0.02).verdict == verdict


def test_a_sentence_counts_the_verdicts(session: Project) -> None:
    numbers = (Number("a", "1", "1", "exact"), Number("b", "1", "2", "different"))
    assert summary(numbers) == "2 numbers and formulas: 1 exact, 1 different."
    assert summary(()) == "There was no result to compare with."
    assert verdicts(Project(spec=session.spec), session) == ()


def test_the_crate_describes_each_file_and_each_step(session: Project, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "my model.py"
    file.write_text("print(1)\n", encoding="utf-8")
    graph = json.loads(write_ro_crate(session, tmp_path, [file]).read_text(encoding="utf-8"))["@graph"]
    entities = {one["@id"]: one for one in graph}
    assert entities[NAME]["about"] == {"@id": "./"}
    assert entities["sub/my%20model.py"]["sha256"] == hashlib.sha256(b"print(1)\n").hexdigest()
    actions = [one for one in graph if one["@type"] == "CreateAction"]
    assert [one["name"] for one in actions][-1] == "Put formulas in"
    assert actions[-1]["result"] == [{"@id": "sub/my%20model.py"}]
    (data,) = (one for one in graph if one.get("name") == "data.csv")
    assert session.dataset is not None and data["sha256"] == session.dataset.sources[0].sha256
    # every reference leads somewhere
    for one in entities["./"]["hasPart"] + entities["./"]["mentions"] + actions[0]["object"]:
        assert one["@id"] in entities


def test_on_the_command_line(session: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save_project(session, tmp_path / "session.nde")
    assert main(["replay", str(path), "--list"]) == 0
    assert "Train from an earlier model" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["replay", str(path), "-o", str(out), "--quiet"]) == 0
    assert {one.name for one in out.iterdir()} == {"project.nde", "replay.json", NAME}
    report = json.loads((out / "replay.json").read_text(encoding="utf-8"))
    assert report["same data"] and {one["verdict"] for one in report["numbers"]} == {"exact"}


def test_one_step_is_edited_and_what_depends_on_it_follows(session: Project) -> None:
    steps = history(session)
    first, second, search = (next(k for k, step in enumerate(steps) if step.run == run) for run in (0, 1, 2))
    assert settings_of(steps[second])["train.seed"] == "3"
    assert "d(x)/dt = a - f(x)" in settings_of(steps[1])["model.equations"]
    change = edited(session, [Edit(first, "train.seed", "5"), Edit(search, "distil.max_size", "4")])
    runs = session.runs
    assert change(runs[0].spec, runs[0]).train.seed == 5
    assert change(runs[1].spec, runs[1]).train.seed == 3, "another training keeps its own"
    assert change(runs[2].spec, runs[2]).distil.max_size == 4
    changed = edited(session, [Edit(1, "model.parameters.a.value", "2.5")])
    assert [changed(run.spec, run).model.parameters["a"].value for run in runs] == [2.5, 2.5, 2.5], "one model for all"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit(2, "train.sed", "5"), "seed"),
        (Edit(2, "distil.seed", "5"), "begin with `train.`"),
        (Edit(2, "train.seed", "many"), "seed"),
        (Edit(5, "train.seed", "5"), "has no settings"),
    ],
)
def test_an_edit_that_cannot_be_is_told(session: Project, edit: Edit, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        checked(session, edit)


def test_what_was_written_is_part_of_the_history_and_of_the_file(session: Project, tmp_path: Path) -> None:
    written = commands.with_written(session, "LaTeX", "/results/model.tex", "2026-01-01T11:00:00+00:00")
    path = save_project(written, tmp_path / "p.nde")
    assert [(step.kind, step.title, step.details) for step in history(load_project(path))][-1] == (
        "export",
        "Write LaTeX",
        ("/results/model.tex",),
    )
