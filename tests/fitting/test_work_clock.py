"""A clock that counts work."""

from __future__ import annotations

import pytest

from ndestudio.fitting.work_clock import WorkClock


@pytest.mark.parametrize(
    ("passed", "busy", "counted"),
    [(6.0, 12.0, 6.0), (6.0, 4.0, 4.0), (6.0, 0.5, 2.0)],
    ids=["alone on the machine", "beside others", "hardly served"],
)
def test_what_counts_is_work_but_never_nothing(passed: float, busy: float, counted: float) -> None:
    now = {"clock": 100.0, "busy": 7.0}
    clock = WorkClock(lambda: now["clock"], lambda: now["busy"])
    now["clock"] += passed
    now["busy"] += busy
    assert clock() == pytest.approx(counted)
