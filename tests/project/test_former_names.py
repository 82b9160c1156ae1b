"""Specs and project files from before the names of the field are read as what they meant."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import ndestudio as nde
from ndestudio.errors import SpecError
from ndestudio.project.former_names import modern_spec, renamed
from ndestudio.project.project import Project
from ndestudio.project.spec import parse_spec
from ndestudio.project.store import load_project, save_project
from tests.sample_project import full_project, same

FORMER = Path(__file__).parent / "former" / "schema1.nde"
"""``_meant()`` as the program wrote it while neural terms were called holes and the last stage polish."""


def _meant() -> Project:
    project = full_project()
    assert project.fit is not None
    assert project.recovery is not None
    train = nde.TrainConfig(stages=("collocation", "final_refinement"), iterations={"final_refinement": 7})
    distil = nde.DistilConfig(neural_terms=("f",))
    spec = msgspec.structs.replace(project.spec, train=train, distil=distil)
    fit = replace(
        project.fit,
        history=tuple(replace(one, stage="final_refinement") for one in project.fit.history),
        checkpoints=tuple(replace(one, stage="final_refinement") for one in project.fit.checkpoints),
        seconds={"final_refinement": 1.0},
    )
    run = replace(project.runs[0], spec=spec, fit=fit)
    recovery = replace(project.recovery, train=train, distil=distil)
    assert project.distillation is not None
    distillation = replace(project.distillation, next_run=None)  # nothing was suggested then
    return replace(project, spec=spec, fit=fit, distillation=distillation, runs=(run,), recovery=recovery)


def test_a_project_file_of_before_is_the_project_it_was(tmp_path: Path) -> None:
    project = load_project(FORMER)
    assert same(project, _meant())
    assert project.fit is project.runs[0].fit
    assert same(load_project(save_project(project, tmp_path / "again.nde")), project)


def test_a_spec_of_before_is_read_and_noted(caplog: pytest.LogCaptureFixture) -> None:
    text = '[train]\nstages = ["collocation", "polish"]\niterations = { polish = 3 }\n[distil]\nholes = ["f"]\n'
    told: list[str] = []
    spec = parse_spec(text, told.append)
    assert spec.train.stages == ("collocation", "final_refinement")
    assert spec.train.iterations == {"final_refinement": 3}
    assert spec.distil.neural_terms == ("f",)
    assert len(told) == 2
    assert "`holes` is now called `neural_terms`" in told[0]
    assert "`polish` is now called `final_refinement`" in told[1]
    with caplog.at_level(logging.WARNING):
        parse_spec(text)
    assert [record.getMessage() for record in caplog.records] == told


def test_a_spec_of_now_is_read_without_a_note() -> None:
    table = {"distil": {"neural_terms": ["f"]}, "train": {"stages": ["final_refinement"]}}
    assert modern_spec(table) == (table, [])


def test_both_spellings_at_once_are_told() -> None:
    with pytest.raises(SpecError, match=r"unknown key `holes` in \[distil\]"):
        parse_spec('[distil]\nholes = ["f"]\nneural_terms = ["g"]\n')


def test_names_that_a_person_chose_stay() -> None:
    objects = [{"parameters": {"holes": 1.0, "polish": 2.0}, "hole": "x"}]
    content = {"objects": objects, "project": {"layout": {"holes": 1}}}
    assert renamed(content) == content


@pytest.mark.parametrize("content", [{}, {"objects": 3, "project": {}}, {"objects": [1, None, {}], "project": []}])
def test_damage_is_left_to_the_reading(content: dict[str, object]) -> None:
    assert renamed(dict(content)) == content
