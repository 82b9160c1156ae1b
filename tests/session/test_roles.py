"""Roles given to columns by hand, in tables of every shape."""

from __future__ import annotations

from ndestudio.data.config import DataConfig, DoseConfig
from ndestudio.session.commands import with_role


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
