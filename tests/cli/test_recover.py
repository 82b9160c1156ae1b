from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ndestudio.cli.main import main
from ndestudio.cli.recover import with_ground_truth
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.result import FoundNeuralTerm, Recovery
from ndestudio.errors import SpecError
from ndestudio.expression import parse_expression
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.config import ModelConfig
from ndestudio.project import Spec, pipeline

SPEC = """[data]
files = ['a.csv']
[model]
equations = 'd(x)/dt = -f(x)'
networks = {f = {}}
[recovery]
formulas = {f = "k*x"}
parameters = {k = 0.5}
"""


def assessment(outcome: str) -> Recovery:
    neural_term = FoundNeuralTerm("f", ("x",), parse_expression("0.5*x"), parse_expression("0.51234567*x"), 0.025, 0.02)
    return Recovery(
        outcome,
        "Found: the same structure.",
        (neural_term,),
        {"a": (1.0, 1.1)},
        {"training": 0.02},
        {"training": 0.01},
        {"x": 0.1},
        ModelConfig(),
        TrainConfig(),
        DistilConfig(),
        RecoveryConfig(),
    )


@pytest.mark.parametrize(("outcome", "code"), [("found", 0), ("near", 0), ("rough", 0), ("missed", 1), ("failed", 1)])
def test_the_assessment_is_printed_written_and_the_exit_code(
    outcome: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def recover(spec: Spec, reporter: Any, **rest: Any) -> Recovery:
        seen.append((spec.recovery, rest))
        return assessment(outcome)

    monkeypatch.setattr(pipeline, "recover", recover)
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    argv = [
        "recover",
        str(path),
        "--set",
        "k=0.7",
        "--noise",
        "0.02",
        "--fit-ground-truth",
        "-o",
        str(tmp_path / "v.json"),
    ]
    assert main(argv) == code
    recovery, rest = seen[0]
    assert (recovery.formulas, recovery.parameters, recovery.noise) == ({"f": "k*x"}, {"k": 0.7}, 0.02)
    assert rest == {"fit_ground_truth": True, "fit": None}
    printed = capsys.readouterr().out
    assert "chosen  0.5*x" in printed and "found   0.5123*x" in printed
    assert json.loads((tmp_path / "v.json").read_text())["neural_terms"][0]["constants"] == 0.025


def test_a_ground_truth_of_the_command_line_may_name_the_arguments() -> None:
    spec = with_ground_truth(Spec(), ["f(x, y) = 2*x*y"], ["K=5"], None)
    assert spec.recovery == RecoveryConfig(formulas={"f": "2*x*y"}, parameters={"K": 5.0})


@pytest.mark.parametrize(
    ("ground_truths", "values", "words"), [(["f"], [], "--ground-truth f"), ([], ["k=x"], "`x` is no number")]
)
def test_what_is_no_ground_truth_is_told(ground_truths: list[str], values: list[str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        with_ground_truth(Spec(), ground_truths, values, None)


def test_a_missing_ground_truth_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("t,x\n0,1\n1,2\n2,3\n")
    path = tmp_path / "spec.toml"
    path.write_text(SPEC.split("[recovery]")[0])
    assert main(["recover", str(path), "--quiet"]) == 2
    assert "has no formula for f(x)" in capsys.readouterr().err
