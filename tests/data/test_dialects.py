"""Files of known content in random dialects are read right or asked about, never wrong in silence.

Some hundred seeds run here; ``python -m tests.data.dialects 10000`` runs so many, with the counts of each kind of table, and
``python -m tests.data.dialects show SEED`` shows one with what was made of it. ``DIALECTS=10000`` in the environment makes this
test run as many.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from ndestudio.data import Dataset
from tests.data.dialects import judge
from tests.data.dialects.files import make
from tests.data.dialects.judge import judged

COUNT = int(os.environ.get("DIALECTS", "300"))
NEEDLESS = 0.05
"""At most this part of the tables that leave nothing open is asked about."""


@pytest.mark.timeout(max(300, COUNT // 3))
def test_random_dialects(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(COUNT):
        made = make(seed)
        verdict = judged(made, tmp_path)
        counts[verdict.outcome if not made.open else "open"] += 1
        if verdict.outcome in ("wrong", "crash"):
            wrong.append(f"seed {seed}: {verdict.outcome}, {verdict.why}")
    assert not wrong, "\n".join(wrong)
    assert counts["asked"] + counts["refused"] <= NEEDLESS * (counts.total() - counts["open"]), counts
    assert counts["right"] > 0.4 * counts.total(), counts


def test_a_seed_gives_one_file() -> None:
    assert make(7).content == make(7).content
    assert len({make(seed).content for seed in range(50)}) == 50


def test_a_wrong_value_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = next(one for one in map(make, range(200)) if judged(one, tmp_path).outcome == "right")

    def worse(config: judge.DataConfig) -> Dataset:
        dataset = load(config)
        dataset.trajectories[0].measured[-1, 0] += 1.0
        return dataset

    load = judge.load
    monkeypatch.setattr(judge, "load", worse)
    assert judged(made, tmp_path).outcome == "wrong"
