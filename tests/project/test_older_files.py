"""Project files of earlier releases open, with the equations and errors they were saved with.

The files in `older/` were written by the release in their name from the bundled examples, each beside its `equations.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ndestudio.export.equations import equations_json
from ndestudio.expression import evaluate, parse_expression
from ndestudio.fitting.metrics import score
from ndestudio.project.store import load_project

OLDER = sorted((Path(__file__).parent / "older").glob("*.nde"))
SAME = 1e-6


def kept(path: Path) -> dict[str, Any]:
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_there_are_files_of_an_earlier_release() -> None:
    assert {path.name for path in OLDER} >= {"lynx_hare-0.1.0.nde", "school_flu-0.1.0.nde"}


@pytest.mark.parametrize("path", OLDER, ids=lambda path: path.stem)
def test_equations_and_errors_are_those_it_was_saved_with(path: Path) -> None:
    before, now = kept(path), equations_json(load_project(path))
    assert now["states"] == before["states"]
    assert now["parameters"] == pytest.approx(before["parameters"], rel=SAME)
    at = dict.fromkeys([*before["states"], *before["inputs"], *before["parameters"], "t"], 1.37)
    at |= {state: 2.0 + 0.31 * k for k, state in enumerate(before["states"])}
    for state, text in before["equations"].items():
        old, new = (evaluate(parse_expression(one), at) for one in (text, now["equations"][state]))
        assert float(new) == pytest.approx(float(old), rel=SAME)
    for part, errors in before["metrics"].items():
        assert now["metrics"][part] == pytest.approx(errors, rel=SAME), part


@pytest.mark.parametrize("path", OLDER, ids=lambda path: path.stem)
def test_the_errors_are_found_again_by_simulating(path: Path) -> None:
    project = load_project(path)
    assert project.distillation is not None and project.dataset is not None
    again, before = score(project.distillation.model, project.dataset), kept(path)["metrics"]
    for part in ("train", "validation", "test"):
        assert getattr(again, part) == pytest.approx(before[f"{part}_nrmse"], rel=SAME), part
