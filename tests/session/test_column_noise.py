"""The noise of columns in the window's state: choosing, numbers, undoing, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.fitting.config import ColumnNoise
from ndestudio.session.session import Session
from tests.session import results


@pytest.fixture
def opened(fake: Session) -> Session:
    fake.workspace.open(results.project(fitted=False), None)
    fake.stand_at("train")
    return fake


def test_kinds_and_numbers_are_steps_that_can_be_undone(opened: Session) -> None:
    noise, name = opened.train.noise, opened.project.dataset.measured_names[0]
    noise.choose_kind(name, "proportional")
    noise.set_number(name, "proportional", "0.1")
    noise.set_number(name, "below", "0.5")
    settings = opened.project.spec.train.column_noise
    assert settings == {name: ColumnNoise(kind="proportional", proportional=0.1, below=0.5)}
    row = opened.train.state().noise.rows[0]
    assert (row.kind, row.numbers) == ("proportional", {"proportional": 0.1, "below": 0.5})
    assert "freedom" not in row.usable
    noise.choose_kind(name, "student")
    assert opened.project.spec.train.column_noise == {name: ColumnNoise(kind="student")}
    opened.workspace.undo()
    assert opened.project.spec.train.column_noise == settings
    noise.set_number(name, "below", "")
    assert opened.project.spec.train.column_noise[name].below is None
    noise.choose_kind(name, "")
    assert opened.project.spec.train.column_noise == {}


def test_log_normal_noise_is_that_of_logarithms(opened: Session) -> None:
    noise, name = opened.train.noise, opened.project.dataset.measured_names[0]
    noise.choose_kind(name, "log-normal")
    assert opened.project.spec.train.log_states == (name,)
    assert opened.train.state().noise.rows[0].kind == "log-normal"
    noise.choose_kind(name, "constant")
    assert opened.project.spec.train.log_states == ()


def test_what_does_not_fit_is_told_and_text_is_refused(opened: Session) -> None:
    noise, name = opened.train.noise, opened.project.dataset.measured_names[0]
    noise.choose_kind(name, "poisson")
    assert "noise of counts" in opened.train.state().noise.problem
    noise.choose_kind(name, "constant")
    assert opened.train.state().noise.problem == ""
    before = opened.project
    noise.set_number(name, "constant", "much")
    assert opened.project is before


def test_limits_of_single_values_are_counted(opened: Session) -> None:
    data = opened.project.dataset
    assert data is not None
    one = data.trajectories[0]
    ends = np.full((*one.measured.shape, 2), np.nan)
    ends[:3, 0] = -np.inf, 1.0
    changed = replace(data, trajectories=(replace(one, ends=ends), *data.trajectories[1:]))
    opened.workspace.edit("limits", replace(opened.project, dataset=changed))
    assert [row.limits for row in opened.train.state().noise.rows][:2] == [3, 0]
