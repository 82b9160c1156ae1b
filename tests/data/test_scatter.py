"""How far readings scatter, and what their means weigh for it."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.scatter import PRIOR, of_readings


def test_few_readings_at_a_time_are_weighed_by_the_spread_of_all() -> None:
    rng = np.random.default_rng(0)
    mean = np.geomspace(1.0, 100.0, 30)
    time = np.repeat(np.arange(30), 3)
    values = mean[time] * (1.0 + 0.05 * rng.normal(size=90))
    means = values.reshape(30, 3).mean(axis=1)
    found = of_readings(values, time, means)
    truth = 0.05 * mean / np.sqrt(3.0)
    assert found.proportional == pytest.approx(0.05, rel=0.2)
    single = values.reshape(30, 3).std(axis=1, ddof=1) / np.sqrt(3.0)
    off = [np.std(np.log(one / truth)) for one in (found.deviation, single)]
    assert off[0] < 0.3 * off[1]
    assert "5." in found.sentence("x") or "4." in found.sentence("x")


def test_many_readings_keep_their_own_spread_and_one_has_that_of_the_others() -> None:
    rng = np.random.default_rng(1)
    groups = [3.0 * rng.normal(size=2000), rng.normal(size=2000), np.array([0.5])]
    values = np.concatenate(groups)
    time = np.repeat(np.arange(3), [2000, 2000, 1])
    found = of_readings(values, time, np.array([one.mean() for one in groups]))
    assert found.deviation[0] == pytest.approx(3.0 / np.sqrt(2000), rel=0.1)
    assert found.deviation[1] == pytest.approx(1.0 / np.sqrt(2000), rel=0.1)
    assert 0.8 < found.deviation[2] < 3.2


def test_the_closed_form_of_two_times_and_nothing_from_readings_alone() -> None:
    values, time = np.array([1.0, 3.0, 5.0, 6.0]), np.array([0, 0, 1, 1])
    found = of_readings(values, time, np.array([2.0, 5.5]))
    common = 0.5 * (2.0 + 0.5)  # variances of both times
    expected = [(PRIOR * common + 2.0) / (PRIOR + 1.0) / 2.0, (PRIOR * common + 0.5) / (PRIOR + 1.0) / 2.0]
    assert found.deviation**2 == pytest.approx(expected)
    alone = of_readings(np.array([1.0, 2.0]), np.array([0, 1]), np.array([1.0, 2.0]))
    assert np.isnan(alone.deviation).all() and alone.sentence("x") == ""
