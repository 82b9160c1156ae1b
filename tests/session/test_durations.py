"""The time that is left is learned from earlier runs, and said as a range while it is not known well."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.gui.status import duration
from ndestudio.session.durations import Durations, Rest, shape, words

RUN = {"preparing": 1.0, "compiling": 4.0, "trajectory": 16.0, "validating": 2.0}
KEY = shape("fit", "balanced", sizes=(200, 60))


def test_a_first_run_says_no_more_than_a_lower_limit(tmp_path: Path):
    known = Durations(tmp_path / "durations.json")
    found = known.rest(KEY, {"trajectory": 8.0}, "trajectory", 0.8, ["final_refinement"])
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.6), None)
    assert words(found, duration) == ""
    assert words(Rest(4.0, None), duration) == "more than 4 s left"


def test_earlier_runs_say_how_long_the_stages_to_come_take(tmp_path: Path):
    known = Durations(tmp_path / "durations.json")
    known.learn(KEY, RUN)
    spent = {"preparing": 1.0, "compiling": 0.2, "trajectory": 6.0}
    one = known.rest(KEY, spent, "trajectory", 0.95, [])
    assert one is not None
    assert one.high is not None
    assert one.low < 12.0 < one.high, "a budget that is nearly used up does not mean that the run is nearly over"
    assert words(one, duration) == "7 s to 19 s left"
    for _ in range(3):
        known.learn(KEY, RUN)
    several = Durations(tmp_path / "durations.json").rest(KEY, spent, "trajectory", 0.95, [])
    assert several is not None
    assert words(several, duration) == "about 12 s left", "the times are kept between sessions"


def test_a_stage_longer_than_ever_may_take_as_long_again(tmp_path: Path):
    known = Durations(tmp_path / "durations.json")
    known.learn(KEY, RUN)
    known.learn(KEY, RUN)
    found = known.rest(KEY, {"preparing": 1.0, "compiling": 4.0, "trajectory": 30.0}, "trajectory", 0.99, [])
    assert found is not None
    assert found.high is not None
    assert found.high > 30.0


def test_other_sizes_and_settings_are_other_runs(tmp_path: Path):
    known = Durations(tmp_path / "durations.json")
    known.learn(KEY, RUN)
    assert shape("fit", "balanced", sizes=(210, 60)) == KEY, "sizes count roughly"
    for other in (shape("fit", "quick", sizes=(200, 60)), shape("fit", "balanced", sizes=(2000, 60))):
        assert known.rest(other, {"trajectory": 6.0}, "trajectory", None, []) is None


def test_a_damaged_file_is_learned_anew(tmp_path: Path):
    path = tmp_path / "durations.json"
    path.write_text("{", encoding="utf-8")
    known = Durations(path)
    known.learn(KEY, RUN)
    assert Durations(path).rest(KEY, {}, "", None, []) is not None
