from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars
import pytest

from ndestudio.cli.main import main
from ndestudio.errors import SpecError
from ndestudio.jobs.executors import executor
from ndestudio.progress import RecordingReporter
from ndestudio.project.spec import load_spec, parse_spec
from ndestudio.project.store import load_project
from ndestudio.project.sweep.folder import SweepFolder, made
from ndestudio.project.sweep.row import Row
from ndestudio.project.sweep.run import RowKept, best, sweep
from ndestudio.project.sweep.table import table, write_table
from ndestudio.project.sweep.vary import Variation, variants, variation

SPEC = """\
name = "decay"
[data]
file = "decay.csv"
[model]
equations = "d(A)/dt = -k*A"
[model.parameters]
k = 0.3
"""
K = 0.7


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    t = np.linspace(0, 5, 16)
    lines = ["t,A", *(f"{time},{4 * np.exp(-K * time)}" for time in t)]
    (tmp_path / "decay.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = tmp_path / "spec.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("train.seed=0..3", (0, 1, 2, 3)),
        ("train.seed = 3..0..-1", (3, 2, 1, 0)),
        ("train.l2=0..1..0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("train.l2=0..0.3..0.1", (0.0, 0.1, 0.2, pytest.approx(0.3))),
        ("a.b=8,16, 32", (8, 16, 32)),
        ("a.b=tsit5,'rk4'", ("tsit5", "rk4")),
        ('a.b=["x", "y"],["z"]', (["x", "y"], ["z"])),
        ("a.b=true", (True,)),
        ("a.b=1e-3,none", (0.001, "none")),
        ("a.b=v1..v2", ("v1..v2",)),
    ],
)
def test_values_as_they_are_written(text: str, values: tuple[object, ...]) -> None:
    assert variation(text).values == values


@pytest.mark.parametrize(
    "text",
    [
        "train.seed",
        "=3",
        "train.seed=",
        "train.seed=1,,2",
        "a b=3",
        "train.seed=0..9..-1",
        "train.seed=0..1..0",
        "x=0..1e9",
    ],
)
def test_what_is_no_variation_is_told_with_what_was_written(text: str) -> None:
    with pytest.raises(SpecError, match="--vary"):
        variation(text)


def test_all_combinations_the_last_fastest_and_settings_keep_what_stands_beside_them() -> None:
    spec = parse_spec(SPEC)
    found = variants(spec, [variation("model.parameters.k.upper=2.0,3.0"), variation("train.seed=0..2")])
    assert [tuple(one.values.values()) for one in found] == [(u, s) for u in (2.0, 3.0) for s in (0, 1, 2)]
    assert found[4].spec.train.seed == 1
    parameter = found[4].spec.model.parameters["k"]
    assert (parameter.value, parameter.upper) == (0.3, 3.0)
    assert spec.model.parameters["k"].upper is None


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["train.sead=1"], "did you mean `seed`"),
        (["train.seed=word"], "with train.seed=word"),
        (["train.seed=1", "train.seed=2"], "varied twice"),
        (["train.seed=0..999", "distil.seed=0..999"], "1,000,000 combinations"),
    ],
)
def test_a_variation_that_cannot_be_is_told_before_anything_is_computed(texts: list[str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        variants(parse_spec(SPEC), [variation(text) for text in texts])


def test_results_are_kept_as_they_come_and_what_is_there_is_not_computed_again(spec_file: Path, tmp_path: Path) -> None:
    spec = load_spec(spec_file)
    folder = made(tmp_path / "out", spec, [variation("model.parameters.k=0.1,0.5")], work="train", keep=True)
    reporter = RecordingReporter()
    end = sweep(folder, executor("here"), reporter)
    assert (end.there, end.computed, end.failures, end.left) == (0, 2, 0, 0)
    assert [event.row.number for event in reporter.events if isinstance(event, RowKept)] == [0, 1]
    rows = folder.rows()
    assert [row.parameters["k"] for row in rows] == [pytest.approx(K, rel=1e-4)] * 2
    assert rows[0].equations[0].startswith("d(A)/dt = -0.7")
    project = folder.project(rows[0].key)
    assert project is not None
    assert load_project(project).runs

    # further values: the table grows, the spec stays
    more = made(tmp_path / "out", spec, [variation("model.parameters.k=0.1,0.5,0.9")], work="train")
    end = sweep(more, executor("here"))
    assert (end.there, end.computed) == (2, 1)
    assert sweep(SweepFolder(tmp_path / "out"), executor("here")).computed == 0
    with pytest.raises(SpecError, match="a sweep of another spec"):
        made(tmp_path / "out", parse_spec(SPEC.replace("-k*A", "-k*A^2")), [variation("train.seed=1")], work="train")

    # other bytes under the same name are other data
    data = spec_file.with_name("decay.csv")
    data.write_text(data.read_text(encoding="utf-8").replace("4.0", "4.1"), encoding="utf-8")
    reporter = RecordingReporter(stop_after=0)
    end = sweep(SweepFolder(tmp_path / "out"), executor("here"), reporter)
    assert (end.there, end.computed, end.left) == (0, 0, 3)


def test_a_variant_that_fails_is_a_row_with_its_sentence_and_is_computed_again_when_asked(
    spec_file: Path, tmp_path: Path
) -> None:
    settings = [variation("model.equations='d(A)/dt = -k*A','d(A)/dt = -k*B'")]
    folder = made(tmp_path / "out", load_spec(spec_file), settings, work="train")
    reporter = RecordingReporter()
    assert sweep(folder, executor("here"), reporter).failures == 0  # `B` is a parameter
    settings = [variation("model.equations='d(A)/dt = -k*A','d(C)/dt = -k*C'")]
    folder = made(tmp_path / "out", load_spec(spec_file), settings, work="train")
    assert sweep(folder, executor("here"), reporter).failures == 1
    row = next(one for one in folder.rows() if one.outcome == "failed")
    assert "`A` is measured" in row.sentence
    assert sweep(folder, executor("here")).computed == 0
    assert sweep(folder, executor("here"), again=True).computed == 1


def test_a_result_that_was_cut_off_in_writing_counts_as_none(spec_file: Path, tmp_path: Path) -> None:
    folder = made(tmp_path / "out", load_spec(spec_file), [variation("train.seed=1")], work="train")
    sweep(folder, executor("here"))
    (path,) = (tmp_path / "out" / "results").iterdir()
    path.write_bytes(path.read_bytes()[:40])
    assert folder.rows() == []
    assert sweep(folder, executor("here")).computed == 1


def row(number: int, **values: object) -> Row:
    return Row(key=str(number), number=number, values=values, outcome="converged", sentence="Converged.")


def test_the_table_keeps_the_types_of_settings(tmp_path: Path) -> None:
    rows = [
        row(0, seed=0, rate=1, solver="rk4", mixed=1),
        row(1, seed=1, rate=0.5, solver="tsit5", mixed="auto"),
        row(2),
    ]
    frame = table(rows)
    kinds = {name: frame[name].dtype for name in ("seed", "rate", "solver", "mixed")}
    assert kinds == {"seed": polars.Int64, "rate": polars.Float64, "solver": polars.String, "mixed": polars.String}
    assert frame["seed"].to_list() == [0, 1, None]
    for suffix in (".parquet", ".csv"):
        path = write_table(rows, tmp_path / f"t{suffix}")
        read = polars.read_parquet(path) if suffix == ".parquet" else polars.read_csv(path)
        assert read["rate"].to_list() == [1.0, 0.5, None]
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(write_table(rows, tmp_path / "t.duckdb"))) as connection:
        assert connection.execute("SELECT sum(rate) FROM sweep").fetchone() == (1.5,)
    with pytest.raises(SpecError, match=r"\.parquet"):
        write_table(rows, tmp_path / "t.xyz")


def test_the_best_are_those_with_the_smallest_error_on_what_was_held_out() -> None:
    import msgspec

    figures = [(0.1, 0.4), (0.3, 0.2), (0.05, None), (0.2, 0.3)]
    rows = [msgspec.structs.replace(row(k), train_error=a, validation_error=b) for k, (a, b) in enumerate(figures)] + [
        msgspec.structs.replace(row(4), outcome="failed")
    ]
    assert [one.number for one in best(rows)] == [1, 3, 0, 2]


def test_killed_at_any_moment_and_gone_on_with(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [
        "sweep",
        str(spec_file),
        "--vary",
        "train.seed=0..3",
        "--work",
        "train",
        "-o",
        str(out),
        "--executor",
        "local:1",
    ]
    running = subprocess.Popen([sys.executable, "-m", "ndestudio", *command, "--quiet"])
    until = time.monotonic() + 120
    while not list(out.glob("results/*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("results/*.json")}
    assert kept
    command[-1] = "here"
    assert main(command) == 0
    assert len(list(out.glob("results/*.json"))) == 4
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # those were not computed again
    assert "were there already" in capsys.readouterr().out
    assert polars.read_parquet(out / "sweep.parquet").height == 4


def test_a_job_array_is_a_folder_that_can_be_taken_elsewhere(
    spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = tmp_path / "array"
    vary = ["--vary", "model.parameters.k=0.1,0.2,0.4"]
    assert (
        main(["sweep", str(spec_file), *vary, "--work", "train", "--keep", "--slurm", str(array), "--at-once", "2"])
        == 0
    )
    script = (array / "job.sh").read_text(encoding="utf-8")
    assert "#SBATCH --array=0-2%2" in script
    elsewhere = tmp_path / "elsewhere"
    array.rename(elsewhere)
    spec_file.with_name("decay.csv").unlink()
    # what the script says, as Slurm would start it
    program = tmp_path / "bin" / "ndestudio"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ndestudio "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "1"}
    subprocess.run(["bash", "job.sh"], cwd=elsewhere, env=environment, check=True)
    assert main(["sweep", str(elsewhere), "--task", "0", "--quiet"]) == 0
    capsys.readouterr()
    project = tmp_path / "all.nde"
    assert main(["collect", str(elsewhere), "-o", str(tmp_path / "t.csv"), "--project", str(project)]) == 0
    assert "1 variants have no result yet" in capsys.readouterr().out
    assert polars.read_csv(tmp_path / "t.csv")["model.parameters.k"].sort().to_list() == [0.1, 0.2]
    assert sorted(run.name for run in load_project(project).runs) == ["Fit 1: k 0.1", "Fit 1: k 0.2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "{spec}"], "nothing is varied"),
        (["sweep", "{spec}", "--vary", "train.seed=1", "--executor", "cloud"], "no executor"),
        (["sweep", "{folder}"], "holds no sweep"),
        (["sweep", "{spec}", "--task", "3"], "name the folder"),
        (["collect", "{folder}"], "holds no sweep"),
    ],
)
def test_what_cannot_be_done_is_told(
    spec_file: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    filled = [one.format(spec=spec_file, folder=tmp_path) for one in arguments]
    assert main(filled) == 2
    assert words in capsys.readouterr().err


def test_a_variation_keeps_its_name() -> None:
    assert Variation(("model", "networks", "f", "width"), (8,)).name == "model.networks.f.width"


def test_one_call_of_the_library(spec_file: Path, tmp_path: Path) -> None:
    import ndestudio as nde

    found = nde.sweep(spec_file, {"train.seed": range(2)}, tmp_path / "out", executor="here", work="train")
    assert found["train.seed"].to_list() == [0, 1]
    assert found["parameter.k"].to_list() == pytest.approx([K, K], rel=1e-4)
    with pytest.raises(SpecError, match="over no values"):
        nde.sweep(spec_file, {"train.seed": []}, tmp_path / "out", executor="here")


def test_recovery_tests_are_rows_like_others(spec_file: Path, tmp_path: Path) -> None:
    text = spec_file.read_text(encoding="utf-8").replace("-k*A", "-f(A)").replace("[model.parameters]\nk = 0.3\n", "")
    spec_file.write_text(
        text + "[model.networks.f]\nwidth = 4\n[train]\ntime_limit = 5.0\n[distil]\nseconds = 1.0\n"
        "[recovery.formulas]\nf = '0.7*A'\n",
        encoding="utf-8",
    )
    folder = made(tmp_path / "out", load_spec(spec_file), [variation("recovery.seed=1")], work="recover")
    assert sweep(folder, executor("here")).computed == 1
    (row,) = folder.rows()
    assert row.outcome == "found", row.sentence
    assert row.equations[0].startswith("f(A) = ")
