"""When nothing but noise is left, where a flexible curve through a few values has told the noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import Chebyshev

from ndestudio.distil.rounds import at_noise


def share_at_noise(count: int, degree: int, bend: float) -> float:
    """How often a straight line counts as all there is, of 300 sets of values of a line with noise of 1 and a bend."""
    rng, x = np.random.default_rng(0), np.linspace(-1.0, 1.0, count)
    found = []
    for _ in range(300):
        y = 5.0 * x + bend * x**2 + rng.normal(size=count)
        left = [float(np.sum((y - Chebyshev.fit(x, y, k)(x)) ** 2)) for k in (degree, 1)]
        found.append(at_noise(left[1] / (left[0] / count), count))
    return float(np.mean(found))


@pytest.mark.parametrize(("count", "degree"), [(12, 7), (12, 5), (24, 9), (200, 9)])
def test_a_right_law_of_few_values_is_seldom_said_to_leave_more_than_noise(count: int, degree: int) -> None:
    assert share_at_noise(count, degree, 0.0) >= 0.93


@pytest.mark.parametrize(("count", "degree", "bend"), [(12, 4, 60.0), (24, 6, 12.0), (200, 9, 3.0)])
def test_a_wrong_one_is_found_out_all_the_same(count: int, degree: int, bend: float) -> None:
    assert share_at_noise(count, degree, bend) <= 0.05
