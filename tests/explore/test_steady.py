from __future__ import annotations

import numpy as np
import pytest

from ndestudio.errors import NdeStudioError, SettingError
from ndestudio.explore.case import with_values
from ndestudio.explore.continuation import bifurcations
from ndestudio.explore.steady import kind_of, steady_states
from tests.explore.systems import brusselator, case, decay, enzyme, toggle


def test_all_three_states_of_a_toggle_switch_are_found_and_named() -> None:
    high = (4 + np.sqrt(12)) / 2  # x + y = a, x y = 1
    first, *others = steady_states(toggle())
    assert first.states == pytest.approx([high, 1 / high]) and first.reached, "the one it comes to itself is first"
    assert [one.kind for one in others] == ["stable node", "saddle"]
    assert others[0].states == pytest.approx([1 / high, high])
    assert others[1].states[0] == pytest.approx(others[1].states[1]) and not others[1].reached


def test_conserved_sums_keep_their_value() -> None:
    (one,) = steady_states(enzyme())
    assert one.states[0] + one.states[1] == pytest.approx(1.0)
    assert one.kind.startswith("stable") and len(one.eigenvalues) == 2


def test_states_that_cannot_be_negative_are_not() -> None:
    text = "d(x)/dt = r*x*(1 - x/K)*(x/2 - 1)\n"  # zeros 0, 2, K = 5; none below 0
    assert [
        float(one.states[0]) for one in steady_states(case(text, {"r": 1.0, "K": 5.0}, {"x": 1.0}))
    ] == pytest.approx([0.0, 2.0, 5.0], abs=1e-8)
    text = "d(x)/dt = 1 + 0.5*x - x^3\nd(v)/dt = x - v\n"
    assert all(one.states[0] > 0 for one in steady_states(case(text, {}, {"x": 1.0, "v": 0.0})))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([-1, -2], "stable node"),
        ([-1 + 1j, -1 - 1j], "stable focus"),
        ([1, -1], "saddle"),
        ([1, 2], "unstable node"),
        ([1 + 1j, 1 - 1j], "unstable focus"),
        ([1j, -1j], "centre or marginal"),
        ([0, -1], "centre or marginal"),
    ],
)
def test_kinds_by_eigenvalues(values: list[complex], kind: str) -> None:
    assert kind_of(np.array(values, dtype=complex)) == kind


def test_a_model_that_reads_the_time_is_refused() -> None:
    with pytest.raises(SettingError, match="read the time"):
        steady_states(case("d(x)/dt = sin(t) - x\n", {}, {"x": 1.0}))


def test_the_hopf_point_of_the_brusselator_with_its_period() -> None:
    found = bifurcations(brusselator(), "B", 0.5, 4.0)
    (point,) = found.points
    assert point.kind == "Hopf point" and point.value == pytest.approx(2.0, abs=1e-6)
    assert point.states == pytest.approx([1.0, 2.0], abs=1e-6) and point.period == pytest.approx(2 * np.pi, rel=1e-6)
    (branch,) = found.branches
    assert branch.values[[0, -1]].tolist() == pytest.approx([0.5, 4.0])
    assert branch.stable[branch.values < 1.99].all() and not branch.stable[branch.values > 2.01].any()


def test_folds_are_followed_around() -> None:
    found = bifurcations(case("d(x)/dt = r + x - x^3\n", {"r": 0.0}, {"x": 1.0}), "r", -1.0, 1.0)
    assert len(found.branches) == 1
    at = 2 / (3 * np.sqrt(3))
    assert [(one.kind, one.value) for one in found.points] == [
        ("fold", pytest.approx(-at, abs=1e-6)),
        ("fold", pytest.approx(at, abs=1e-6)),
    ]
    middle = np.abs(found.branches[0].states[:, 0]) < 0.5
    assert (
        not found.branches[0].stable[middle].any()
        and found.branches[0].stable[~middle & (np.abs(found.branches[0].states[:, 0]) > 0.7)].all()
    )


def test_branches_cross_where_stability_is_handed_over() -> None:
    found = bifurcations(case("d(x)/dt = r*x - x^2\n", {"r": 1.0}, {"x": 1.0}), "r", -1.0, 1.0)
    assert len(found.branches) == 2
    assert [(one.kind, one.value) for one in found.points] == [("branch point", pytest.approx(0.0, abs=1e-6))]


def test_a_pitchfork_is_one_point() -> None:
    found = bifurcations(toggle(), "a", 0.5, 5.0)
    assert [(one.kind, one.value) for one in found.points] == [("branch point", pytest.approx(2.0, abs=1e-6))]
    assert len(found.branches) == 2


def test_what_cannot_be_followed_is_told() -> None:
    with pytest.raises(SettingError, match="is an initial value"):
        bifurcations(decay(), "x(0)", 0.0, 1.0)
    with pytest.raises(SettingError, match="did you mean `k`"):
        bifurcations(decay(), "kk", 0.0, 1.0)
    with pytest.raises(SettingError, match="is empty"):
        bifurcations(decay(), "k", 1.0, 0.0)
    assert bifurcations(brusselator(), "B", 0.5, 4.0, seconds=0.0).sentence.startswith("Not all branches")
    with pytest.raises(NdeStudioError, match="cannot be nan"):
        with_values(decay(), {"k": float("nan")})


def test_delays_are_refused() -> None:
    with pytest.raises(SettingError, match="delayed values"):
        steady_states(case("d(x)/dt = 1 - x(t - 2)\n", {}, {"x": 1.0}))
