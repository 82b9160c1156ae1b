"""L-BFGS on functions with known minima."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ndestudio.fitting.optimizers.lbfgs import Lbfgs


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray, None]:
    a, b = x[::2], x[1::2]
    gradient = np.zeros_like(x)
    gradient[::2] = -400 * a * (b - a**2) - 2 * (1 - a)
    gradient[1::2] = 200 * (b - a**2)
    return float(np.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2)), gradient, None


def test_lbfgs_arrives_and_never_goes_up() -> None:
    state, values = Lbfgs.begin(rosenbrock, np.tile([-1.2, 1.0], 10)), []
    for _ in range(120):
        state.step(rosenbrock)
        values.append(state.value)
    np.testing.assert_allclose(state.x, 1.0, atol=1e-5)
    assert all(later <= earlier for earlier, later in pairwise(values))
    assert state.evaluations < 260


def test_lbfgs_steps_back_from_where_there_is_no_value() -> None:
    def walled(x: np.ndarray) -> tuple[float, np.ndarray, None]:
        value = float(np.sum(np.where(x > 0, x - np.log(np.maximum(x, 1e-300)), np.nan)))
        return value, 1 - 1 / x, None

    state = Lbfgs.begin(walled, np.array([5.0, 0.3]))
    for _ in range(30):
        state.step(walled)
    np.testing.assert_allclose(state.x, 1.0, atol=1e-6)


def test_lbfgs_says_when_it_is_stuck() -> None:
    def lying(x: np.ndarray) -> tuple[float, np.ndarray, None]:
        return float(np.sum(x)), -np.ones_like(x), None  # the gradient points the wrong way

    state = Lbfgs.begin(lying, np.zeros(3))
    state.step(lying)
    assert state.stuck
    np.testing.assert_array_equal(state.x, np.zeros(3))
