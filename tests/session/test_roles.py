"""Roles given to columns by hand, in tables of every shape."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ndestudio.data.config import DataConfig, DoseConfig
from ndestudio.session.commands import with_role
from ndestudio.session.session import Session
from tests.session.helpers import wait


def test_columns_name_a_run_together_until_one_of_them_is_ignored() -> None:
    both = with_role(DataConfig(trajectory="subject"), "occasion", "trajectory", ("x", "occasion"))
    assert (both.trajectory, both.states) == (("subject", "occasion"), ("x",))
    assert with_role(both, "subject", "ignore", ("x",), "trajectory").trajectory == "occasion"
    assert with_role(DataConfig(trajectory="a"), "a", "state", ("x",), "trajectory").trajectory == ""


def test_a_long_table_becomes_one_and_ceases_to_be_one() -> None:
    long = with_role(DataConfig(ignore=("kind",)), "kind", "observable", ("value",))
    assert (long.shape, long.observable, long.states, long.ignore) == ("long", "kind", None, ())
    assert with_role(long, "amount", "value", None).value == "amount"
    wide = with_role(long, "kind", "trajectory", None, "observable")
    assert (wide.shape, wide.observable, wide.value, wide.trajectory) == ("wide", None, None, "kind")


def test_a_column_of_doses_is_one_no_more() -> None:
    changed = with_role(DataConfig(), "RATE", "input", ("DV",), "dose")
    assert (changed.doses, changed.inputs) == (DoseConfig(rate=""), ("RATE",))
    assert with_role(changed, "RATE", "dose", ("DV",), "input").doses == DoseConfig(rate="RATE")
    assert with_role(DataConfig(), "given", "dose", ("DV", "given")).doses == DoseConfig(amount="given")


HEATED = (
    "t,T,heater\n" + "\n".join(f"{t},{20 + 5 * math.sin(t / 3):.3f},{60 * (t > 4) + t % 2}" for t in range(12)) + "\n"
)


@pytest.fixture
def heated(session: Session, tmp_path: Path) -> Session:
    path = tmp_path / "heated.csv"
    path.write_text(HEATED, encoding="utf-8")
    session.files.open([str(path)], "new")
    wait(session)
    return session


def test_equations_of_the_program_follow_the_roles(heated: Session) -> None:
    assert "d(heater)/dt" in heated.project.spec.model.equations
    heated.data.set_role("heater", "input")
    wait(heated)
    assert heated.project.spec.model.equations == "d(T)/dt = f(T, heater)\n"
    assert not heated.model.analysis.problems
    heated.data.set_role("heater", "state")
    wait(heated)
    assert "d(heater)/dt = f_heater(T, heater)" in heated.project.spec.model.equations


def test_equations_of_a_person_stay_and_what_does_not_fit_is_taken_away_by_a_button(heated: Session) -> None:
    heated.model.edit_text("d(T)/dt = a*(heater - T)\nd(heater)/dt = 0\n")
    heated.data.set_role("heater", "input")
    wait(heated)
    assert "d(heater)/dt = 0" in heated.project.spec.model.equations
    advice = next(one for one in heated.model.state().advice if one.kind == "remove")
    assert advice.action == "Remove the equation of heater"
    heated.model.follow_advice(advice)
    assert heated.project.spec.model.equations == "d(T)/dt = a*(heater - T)\n"
    assert not heated.model.analysis.problems
