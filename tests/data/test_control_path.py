"""Inputs between their samples: every kind on arrays and on single times, gaps, jumps, slopes."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.control_path import KINDS, control_path
from ndestudio.errors import DataError

T = np.array([0.0, 1.0, 2.0, 4.0])
U = np.array([[0.0, 5.0], [2.0, np.nan], [2.0, 1.0], [-2.0, 1.0]])


def test_straight_lines_pass_over_gaps_and_end_constant() -> None:
    path = control_path(T, U)
    found = path([-1.0, 0.5, 1.0, 3.0, 9.0])
    np.testing.assert_allclose(found, [[0, 5], [1, 4], [2, 3], [0, 1], [-2, 1]])
    np.testing.assert_allclose(path.derivative([0.5, 1.0, 3.0, 5.0]), [[2, -2], [0, -2], [-2, 0], [0, 0]])
    assert path.jumps.size == 0 and path.widest_gap([0]) == 2.0 and path.widest_gap([0, 1]) == 2.0


def test_held_values_jump_at_their_samples() -> None:
    path = control_path(T, U, "hold")
    np.testing.assert_allclose(path([-1.0, 0.5, 1.0, 3.0, 9.0]), [[0, 5], [0, 5], [2, 5], [2, 1], [-2, 1]])
    np.testing.assert_allclose(path([1.0, 2.0, 4.0], left=True), [[0, 5], [2, 5], [2, 1]])
    np.testing.assert_allclose(path.jumps, [1.0, 2.0, 4.0])
    assert not path.derivative([0.5, 1.0]).any()


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_time_and_many_agree(kind: str) -> None:
    path = control_path(T, U, kind)
    times = np.linspace(-1, 5, 61)
    one = [[at(float(t)) for at in path.scalars([0, 1])] for t in times]
    np.testing.assert_allclose(one, path(times), atol=1e-12)


def test_an_input_without_samples_is_nan_and_an_unknown_kind_is_named() -> None:
    path = control_path(T, np.full((4, 1), np.nan))
    assert np.isnan(path([1.0])).all() and np.isnan(path.scalars([0])[0](1.0))
    with pytest.raises(DataError, match="`spline`; choose one of linear, hold, cubic"):
        control_path(T, U, "spline")


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_input_steps_where_it_has_a_value_before_and_one_after(kind: str) -> None:
    t, after = np.array([0.0, 1.0, 2.0, 4.0]), np.array([[1.0, 5.0], [3.0, 6.0], [4.0, 7.0], [4.0, 9.0]])
    before = np.full(after.shape, np.nan)
    before[1, 0], before[3, 0] = 1.0, 6.0
    path = control_path(t, after, kind, before=before)
    times = np.array([-1.0, 0.5, 1.0, 1.5, 4.0, 5.0])
    straight = kind not in ("hold", "rectilinear")
    np.testing.assert_allclose(path(times)[:, 0], [1, 1, 3, 3.5 if straight else 3, 4, 4])
    np.testing.assert_allclose(path([1.0, 3.0, 4.0], left=True)[:, 0], [1, 5, 6] if straight else [1, 4, 4])
    np.testing.assert_allclose([path.scalars([0])[0](one) for one in times], path(times)[:, 0])
    assert set(path.jumps) >= {1.0} and np.isfinite(path.derivative(times)).all()
    if straight:
        np.testing.assert_allclose(path.jumps, [1.0, 4.0])
        np.testing.assert_allclose(path(times)[:, 1], [5, 5.5, 6, 6.5, 9, 9])


def test_a_spline_is_that_of_scipy_and_hermite_pieces_have_the_slopes_of_earlier_lines() -> None:
    from scipy.interpolate import CubicHermiteSpline, CubicSpline

    t, u = np.array([0.0, 0.7, 1.0, 2.5, 3.0]), np.array([1.0, 2.0, 0.5, 0.0, 4.0])
    times = np.linspace(0.0, 2.999, 50)
    spline = CubicSpline(t, u, bc_type="natural")
    path = control_path(t, u[:, None], "cubic")
    np.testing.assert_allclose(path(times)[:, 0], spline(times), atol=1e-12)
    np.testing.assert_allclose(path.derivative(times)[:, 0], spline(times, 1), atol=1e-11)
    line = np.diff(u) / np.diff(t)
    hermite = CubicHermiteSpline(t, u, np.concatenate([line[:1], line]))
    path = control_path(t, u[:, None], "hermite")
    np.testing.assert_allclose(path(times)[:, 0], hermite(times), atol=1e-12)
    np.testing.assert_allclose(path.derivative(times)[:, 0], hermite(times, 1), atol=1e-11)


@pytest.mark.parametrize("kind", list(KINDS))
def test_values_at_samples_depend_on_later_samples_where_it_is_said(kind: str) -> None:
    t, u = np.arange(6.0), np.array([0.0, 1.0, -1.0, 2.0, 0.0, 3.0])[:, None]
    later = u.copy()
    later[4:] += 10.0
    times = np.linspace(0.0, 3.0, 31)
    same = np.allclose(control_path(t, u, kind)(times), control_path(t, later, kind)(times))
    assert same == KINDS[kind].causal
    now = np.array([3.4])
    assert np.allclose(control_path(t, u, kind)(now), control_path(t, later, kind)(now)) == (KINDS[kind].sees == "now")


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_periodic_input_repeats_its_last_and_first_period(kind: str) -> None:
    t = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 12.0])
    u = np.where(t < 6, np.sin(2 * np.pi * t / 4.0), np.nan)[:, None]  # not known after 5
    path = control_path(t, u, kind, periods=(4.0,))
    inside = np.linspace(1.2, 4.8, 19)
    for cycles in (1, 2, 5, -1, -4):
        # a spline is not the same in all periods of so few samples
        near = 0.25 if kind == "cubic" else 1e-9
        np.testing.assert_allclose(path(inside + 4.0 * cycles), path(inside), atol=near)
        np.testing.assert_allclose(
            [path.scalars([0])[0](one + 4.0 * cycles) for one in inside], path(inside)[:, 0], atol=near
        )


def test_each_input_has_its_own_kind() -> None:
    path = control_path(T, U, ("hold", "linear"))
    np.testing.assert_allclose(path([0.5, 1.5]), [[0, 4], [2, 2]])
    np.testing.assert_allclose(path.jumps, [1.0, 4.0])
    corners = path.pieces[1]
    assert corners is not None
    np.testing.assert_allclose(corners.corners, [2.0])


def test_points_see_the_slope_of_the_line_between_samples_where_an_input_moves_at_them() -> None:
    both = np.column_stack([U[:, 0], np.zeros(4)])
    path = control_path(T, both, "rectilinear", rate_of=((1, 0),))
    np.testing.assert_allclose(path([0.5, 3.0])[:, 1], 0.0)
    np.testing.assert_allclose(path.at_points([0.5, 1.5, 3.0, 5.0]), [[0, 2], [2, 0], [2, -2], [-2, 0]])
    smooth = control_path(T, both, "hermite", rate_of=((1, 0),))
    np.testing.assert_allclose(smooth.at_points([0.5, 3.0]), smooth([0.5, 3.0]))
