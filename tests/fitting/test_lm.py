"""Levenberg-Marquardt: the three ways to solve a step agree, what is fixed stays, and it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from ndestudio.fitting.optimizers.levenberg_marquardt import (
    Linear,
    LmState,
    LookAhead,
    Point,
    Prior,
    lm_start,
    lm_step,
    profile,
    solve,
)


def random_state(rows: int, residuals: int, size: int, states: int, seed: int = 0) -> LmState:
    generator = np.random.default_rng(seed)
    linear = Linear(
        r=generator.normal(size=(rows, residuals)),
        d_theta=generator.normal(size=(rows, residuals, size)) * np.geomspace(1.0, 1e-3, size),
        d_free=generator.normal(size=(rows, residuals, states)),
        validation=float("nan"),
        held_step=np.zeros((rows, states)),
        end=np.zeros((rows, states)),
    )
    point = Point(generator.normal(size=size), generator.normal(size=(rows, states)))
    return LmState(point, linear, 1.0, 1.0, damping=0.1)


def dense_step(state: LmState, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """The same normal equations, written out."""
    linear = state.linear
    rows, residuals, size = linear.d_theta.shape
    states = linear.d_free.shape[-1]
    A = np.zeros((rows * residuals, size + rows * states))
    A[:, :size] = linear.d_theta.reshape(-1, size)
    for b in range(rows):
        A[b * residuals : (b + 1) * residuals, size + b * states : size + (b + 1) * states] = linear.d_free[b]
    precision = np.concatenate([prior.theta, prior.free.ravel()])
    away = np.concatenate([state.point.theta - prior.anchor.theta, (state.point.free - prior.anchor.free).ravel()])
    moves = np.isfinite(precision)
    H = A.T @ A
    scale = np.concatenate(
        [
            np.maximum(np.diag(H)[:size], (1e-3 if size > 50 else 1e-6) * np.diag(H)[:size].max()),
            np.maximum(np.diag(H)[size:], 1e-6 * np.diag(H)[size:][moves[size:]].max()),
        ]
    )
    H = H + np.diag(state.damping * scale)
    g = A.T @ linear.r.ravel()
    H, g = H[np.ix_(moves, moves)] + np.diag(precision[moves]), g[moves] + precision[moves] * away[moves]
    step = np.zeros(len(precision))
    step[moves] = -np.linalg.solve(H, g)
    return step[:size], step[size:].reshape(rows, states)


@pytest.mark.parametrize(
    ("residuals", "size"), [(20, 5), (3, 40), (30, 60), (3, 60)], ids=["schur", "dual", "schur of many", "dual of many"]
)
def test_both_ways_to_solve_agree_with_the_dense_one(residuals: int, size: int) -> None:
    state = random_state(rows=4, residuals=residuals, size=size, states=2)
    theta = np.full(size, 0.3)
    theta[1] = np.inf
    free = np.full((4, 2), 0.2)
    free[2, 1] = np.inf
    prior = Prior(Point(np.zeros(size), np.zeros((4, 2))), theta, free)
    solved = solve(state, prior)
    assert solved is not None
    d_theta, d_free, predicted = solved
    expected_theta, expected_free = dense_step(state, prior)
    np.testing.assert_allclose(d_theta, expected_theta, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(d_free, expected_free, atol=1e-9)
    assert d_theta[1] == 0.0 and d_free[2, 1] == 0.0
    assert predicted > 0


def rosenbrock(point: Point) -> Linear:
    x, y = point.theta
    r = np.array([[10 * (y - x * x), 1 - x]])
    d = np.array([[[-20 * x, 10.0], [-1.0, 0.0]]])
    nothing = np.zeros((1, 1))
    return Linear(r, d, np.zeros((1, 2, 1)), float("nan"), nothing, nothing)


def test_arrives_on_rosenbrock_and_never_goes_up() -> None:
    start = Point(np.array([-1.2, 1.0]), np.zeros((1, 1)))
    prior = Prior(start, np.zeros(2), np.full((1, 1), np.inf))
    state, costs = lm_start(rosenbrock, start, prior), []
    for _ in range(60):
        state = lm_step(rosenbrock, state, prior)
        costs.append(state.cost)
    np.testing.assert_allclose(state.point.theta, [1, 1], atol=1e-6)
    assert all(later <= earlier for earlier, later in pairwise(costs))


def test_a_step_into_nan_is_rejected_and_damped() -> None:
    def linearise(point: Point) -> Linear:
        found = rosenbrock(point)
        return found if abs(point.theta[0] + 1.2) < 1e-9 else found._replace(r=np.full((1, 2), np.nan))

    start = Point(np.array([-1.2, 1.0]), np.zeros((1, 1)))
    prior = Prior(start, np.zeros(2), np.full((1, 1), np.inf))
    before = lm_start(linearise, start, prior)
    after = lm_step(linearise, before, prior)
    assert not after.accepted
    assert after.damping > before.damping
    np.testing.assert_array_equal(after.point.theta, start.theta)


def test_profile_removes_what_the_start_explains() -> None:
    generator = np.random.default_rng(3)
    d_free = generator.normal(size=(2, 30, 2))
    r = np.stack([d_free[0] @ [0.1, -0.05], generator.normal(size=30)])
    loss, step = profile(r, d_free, np.array([True, False]))
    np.testing.assert_allclose(step[0], [-0.1, 0.05], rtol=0.01)
    assert step[1].tolist() == [0, 0]
    assert loss == pytest.approx(float(r[1] @ r[1]), rel=1e-3)


def test_a_step_that_promises_nothing_is_not_tried() -> None:
    evaluated = []

    def linearise(point: Point) -> Linear:
        evaluated.append(point)
        return rosenbrock(point)

    start = Point(np.array([1.0 + 1e-9, 1.0]), np.zeros((1, 1)))
    prior = Prior(Point(np.zeros(2), np.zeros((1, 1))), np.full(2, 1e-3), np.full((1, 1), np.inf))
    state = lm_start(linearise, start, prior, 1e-9)
    for _ in range(20):
        state = lm_step(linearise, state, prior)
    before, tries = state, len(evaluated)
    state = lm_step(linearise, before, prior, least=1e-10)
    assert len(evaluated) == tries and state.point is before.point and state.damping == before.damping
    assert not state.accepted and 0 <= state.promised < 1e-10
    lm_step(linearise, before, prior)
    assert len(evaluated) == tries + 1


def test_looking_ahead_takes_the_same_steps_with_fewer_calls() -> None:
    def linearise(point: Point) -> Linear:
        x, y = point.theta
        return Linear(
            r=np.array([[10 * (y - x**2), 1 - x]]),
            d_theta=np.array([[[-20 * x, 10.0], [-1.0, 0.0]]]),
            d_free=np.zeros((1, 2, 0)),
            validation=float("nan"),
            held_step=np.zeros((1, 0)),
            end=np.zeros((1, 0)),
        )

    prior = Prior(Point(np.zeros(2), np.zeros((1, 0))), np.full(2, 1e-9), np.zeros((1, 0)))
    calls: list[int] = []

    def several(points: Sequence[Point]) -> list[Linear]:
        calls.append(len(points))
        return [linearise(point) for point in points]

    ahead = LookAhead(several)
    one = other = lm_start(linearise, Point(np.array([-1.2, 1.0]), np.zeros((1, 0))), prior)
    rejected = 0
    for _ in range(40):
        one, other = lm_step(linearise, one, prior), ahead.step(other, prior)
        assert (one.cost, one.damping, one.accepted) == (other.cost, other.damping, other.accepted)
        np.testing.assert_array_equal(one.point.theta, other.point.theta)
        rejected += not one.accepted
    assert rejected > 0 and len(calls) < 40
