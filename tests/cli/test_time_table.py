"""The table of where the time went."""

from __future__ import annotations

import threading
import time

import numpy as np

from ndestudio.cli.time_table import TimeTable, table_text


def test_linear_algebra_and_waiting_are_told_apart() -> None:
    table, matrix = TimeTable(), np.random.default_rng(0).normal(size=(60, 60))
    with table.looking():
        table.stage = "solving"
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            np.linalg.svd(matrix)
        table.stage = "waiting"
        threading.Event().wait(0.3)
    seconds = table.seconds
    solving = {kind: wall for (stage, kind), (wall, _) in seconds.items() if stage == "solving"}
    assert max(solving, key=lambda kind: solving[kind]) == "linear algebra"
    waiting = {kind: wall for (stage, kind), (wall, _) in seconds.items() if stage == "waiting"}
    assert max(waiting, key=lambda kind: waiting[kind]) == "idle"


def test_rows_are_stages_and_the_last_is_their_sum() -> None:
    text = table_text(
        {("train", "compile"): (2.0, 3.0), ("distil", "search"): (1.0, 2.0), ("distil", "compile"): (0.5, 0.5)}
    )
    assert [line.split("  ")[0] for line in text.splitlines()] == ["wall / CPU s", "train", "distil", "all"]
    assert text.splitlines()[-1].split("  ")[1:] != []
    assert "2.5 / 3.5" in text.splitlines()[-1] and "3.5 / 5.5" in text.splitlines()[-1]
    assert "search" in text.splitlines()[0] and "solve" not in text
