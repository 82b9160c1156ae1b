"""The one loop of all fits: its stopping rules are data, who watches may end it, penalties follow the state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.fitting.optimizers.lbfgs import Lbfgs
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, LmState, Point, Prior
from ndestudio.fitting.optimizers.minimise import (
    LeastSquares,
    LevenbergMarquardt,
    LimitedMemory,
    Monitor,
    Smooth,
    Stopping,
    minimise,
)

START = Point(np.array([-1.2, 1.0]), np.zeros((1, 1)))
FREE = Prior(START, np.zeros(2), np.full((1, 1), np.inf))
NOTHING = np.zeros((1, 1))


def rosenbrock(point: Point) -> Linear:
    x, y = point.theta
    r, d = np.array([[10 * (y - x * x), 1 - x]]), np.array([[[-20 * x, 10.0], [-1.0, 0.0]]])
    return Linear(r, d, np.zeros((1, 2, 1)), float("nan"), NOTHING, NOTHING)


def valley() -> LeastSquares:
    return LeastSquares(rosenbrock, lambda state: FREE)


def value(x: np.ndarray) -> tuple[float, np.ndarray, None]:
    found = rosenbrock(Point(x, NOTHING))
    return found.loss, 2 * found.r[0] @ found.d_theta[0], None


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (Stopping(200, decrease=1e-7), "converged"),
        (Stopping(200, loss=1e-12), "close"),
        (Stopping(5), "limit"),
        (Stopping(200, promise=1e-3), "converged"),
        (Stopping(200, least=0.1), "converged"),
        (Stopping(200, damping=1e-3), "converged"),
    ],
)
def test_every_rule_ends_it(rules: Stopping, reason: str) -> None:
    found = minimise(LevenbergMarquardt(), valley(), START, stopping=rules)
    assert found.reason == reason
    assert found.steps <= rules.steps and (found.steps == rules.steps) == (reason == "limit")


def test_both_methods_arrive() -> None:
    by_squares = minimise(LevenbergMarquardt(), valley(), START, stopping=Stopping(200, loss=1e-20))
    np.testing.assert_allclose(by_squares.state.point.theta, 1.0, atol=1e-6)
    rules = Stopping(400, window=20, decrease=1e-3)
    by_slope = minimise(LimitedMemory(), Smooth(value), START.theta, stopping=rules)
    assert by_slope.reason == "converged"
    np.testing.assert_allclose(by_slope.state.x, 1.0, atol=1e-4)


def test_it_goes_on_from_a_state() -> None:
    first = minimise(LevenbergMarquardt(), valley(), START, stopping=Stopping(6))
    then = minimise(LevenbergMarquardt(), valley(), first.state, stopping=Stopping(200, loss=1e-20))
    assert then.reason == "close" and then.state.cost < first.state.cost


def test_a_start_without_a_value_is_said() -> None:
    def broken(point: Point) -> Linear:
        return rosenbrock(point)._replace(r=np.full((1, 2), np.nan))

    found = minimise(LevenbergMarquardt(), LeastSquares(broken, lambda state: FREE), START, stopping=Stopping(9))
    assert found.reason == "stuck" and not found.finite and found.steps == 0


class Watching(Monitor[LmState]):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def begin(self, state: LmState) -> None:
        self.seen.append(state.cost)

    def step(self, number: int, state: LmState) -> None:
        self.seen.append(state.cost)

    def ended(self, number: int, state: LmState) -> str | None:
        return "seen enough" if number == 3 else None


def test_who_watches_may_end_it() -> None:
    monitor = Watching()
    found = minimise(LevenbergMarquardt(), valley(), START, stopping=Stopping(200), monitor=monitor)
    assert found.reason == "seen enough" and found.steps == 3
    assert len(monitor.seen) == 4 and monitor.seen == sorted(monitor.seen, reverse=True)


def test_penalties_follow_the_state_and_weights_the_errors() -> None:
    """A penalty as strong as the loss ends where the loss is small; errors weighted by nothing are no errors."""
    pulled = Prior(Point(np.zeros(2), NOTHING), np.ones(2), FREE.free)

    def prior(state: LmState | None) -> Prior:
        return pulled._replace(theta=np.full(2, 1.0 if state is None else state.loss))

    found = minimise(
        LevenbergMarquardt(), LeastSquares(rosenbrock, prior), START, stopping=Stopping(200, decrease=1e-9)
    )
    np.testing.assert_allclose(found.state.point.theta, 1.0, atol=1e-3)

    def without_errors(state: LmState) -> LmState:
        linear = state.linear._replace(r=0.0 * state.linear.r)
        return replace(state, linear=linear, loss=0.0)

    objective = LeastSquares(rosenbrock, lambda state: FREE, without_errors)
    still = minimise(LevenbergMarquardt(), objective, START, stopping=Stopping(3))
    np.testing.assert_array_equal(still.state.point.theta, START.theta)


def test_what_a_value_follows_is_adjusted_now_and_then() -> None:
    made: list[int] = []

    def renew(state: Lbfgs) -> bool:
        made.append(state.evaluations)
        return True

    objective = Smooth(value, renew, lambda state: len(made) >= 3, every=4)
    found = minimise(LimitedMemory(), objective, START.theta, stopping=Stopping(200, window=4, decrease=1e9))
    assert found.reason == "converged" and len(made) == 3 and found.steps == 16
