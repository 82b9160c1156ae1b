"""Keys of content: equal values, equal keys; anything else, another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.fitting.config import TrainConfig
from ndestudio.jobs.executors import content_key


@dataclass(frozen=True)
class Pair:
    first: object
    second: object


def test_equal_values_have_equal_keys() -> None:
    one = Pair({"a": np.arange(3.0)}, (TrainConfig(seed=3), Path("x"), {1, 2}))
    same = Pair({"a": np.arange(3.0)}, (TrainConfig(seed=3), Path("x"), {2, 1}))
    assert content_key(one, 1.5) == content_key(same, 1.5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (((1, 2), 3), (1, (2, 3))),
        (1, 1.0),
        (1, True),
        (0.1, np.nextafter(0.1, 1.0)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.array([0.0]), np.array([-0.0])),
        (TrainConfig(seed=1), TrainConfig(seed=2)),
        (Pair(1, 2), replace(Pair(1, 2), second=3)),
        ("None", None),
        (np.array(["a"], dtype=object), np.array(["b"], dtype=object)),
    ],
)
def test_other_values_have_other_keys(one: object, other: object) -> None:
    assert content_key(one) != content_key(other)


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(TypeError, match="no content"):
        content_key(lambda: 1)
