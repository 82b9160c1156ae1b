"""Figures are kept, told as a series, and two builds are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import compare, series
from benchmarks.record import flat, record, recorded, suites


def test_what_is_kept_comes_back_in_its_order_and_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    record("speed", {"end": (2.0, "s"), "first": (float("nan"), "s")}, commit="aaa", folder=tmp_path)
    record("speed", {"end": (3.00004, "s")}, commit="bbb", folder=tmp_path)
    assert suites(tmp_path) == ["speed"]
    assert [(one.commit, one.name, one.value, one.unit) for one in recorded("speed", tmp_path)] == [
        ("aaa", "end", 2.0, "s"),
        ("bbb", "end", 3.0, "s"),
    ]
    assert all(one.machine.cores > 0 and one.command for one in recorded("speed", tmp_path))


def test_a_series_shows_the_change_but_not_across_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("speed", {"end": (2.0, "s")}, commit="aaa", folder=tmp_path)
    record("speed", {"end": (3.0, "s")}, commit="bbb", folder=tmp_path)
    other = json.loads(path.read_text().splitlines()[-1])
    other["machine"]["cpu"], other["commit"] = "another one", "ccc"
    with path.open("a") as file:
        file.write(json.dumps(other) + "\n")
    assert series.main(["speed"], tmp_path) == 0
    first, second, third = capsys.readouterr().out.splitlines()[-3:]
    assert "aaa" in first and "x " not in first
    assert "bbb" in second and "x 1.500" in second
    assert "ccc" in third and "machine" in third


def test_a_suite_of_which_nothing_was_kept_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert series.main(["spede"], tmp_path) == 2
    assert "nothing was kept of spede" in capsys.readouterr().err


def test_nested_figures_become_flat_with_their_units() -> None:
    assert flat({"start": {"best_s": 0.5, "ok": True}, "lag_ms": 3}) == {
        "start best_s": (0.5, "s"),
        "lag_ms": (3.0, "ms"),
    }


def test_the_table_compares_the_best_of_all_rounds() -> None:
    lines = compare.table([{"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0}], [{"a": 1.5, "b": 1.0}, {"a": 1.2, "c": 1.0}])
    a, b, c = lines[1:]
    assert a.split()[1:4] == ["1", "1.2", "1.200"] and a.endswith("<- worse")
    assert b.split()[1:4] == ["1", "1", "1.000"] and "worse" not in b
    assert c.endswith("only in one build")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no checkout of NDE Studio"):
        compare.main([str(tmp_path), "--suite", "start"])
