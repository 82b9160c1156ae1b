"""Which formulas count as the law."""

from __future__ import annotations

import pytest

from benchmarks.discovery.measurements import measured
from benchmarks.discovery.scoring import compared, right_laws, right_structure
from benchmarks.discovery.systems import systems

SAME = [
    ("0.655*n - 0.01178*n^2", "0.65*n*(1 - n/55)"),
    ("13.9 - 1.01*b - b*o/(1.02 + 0.354*b^2)", "14 - b - b*o/(1 + 0.35*b^2)"),
    ("2.6*y - 0.87*x^3 + 2.61*x", "2.6*(y - x^3/3 + x)"),
    ("1.2 + 0.99*sin(q + 3.1416) - 0.46*w*sqrt(w^2)", "1.2 - sin(q) - 0.45*w*abs(w)"),
    ("1.02*cos(1.01*q - 1.5708)", "sin(q)"),
    ("sin(p)*cos(q) - 1.03*cos(p)*sin(q)", "sin(p - q)"),
    ("4.1 - 12.3*(1/(2.98 + S))", "4.1*S/(3 + S)"),
    ("1.02 - 2.03/(1.01 + exp(1.98*x))", "tanh(x)"),
    ("0.51*tanh(0.49*x) + 0.5", "1/(1 + exp(-x))"),
    ("x^2 - 4.02*x + 3.97", "(x - 2)^2"),
    ("(2.02*x + 0.41*x^2 - 0.165*x^3 - 3.05*x*y)/(1 + 0.4*x)", "2*x*(1 - x/5) - 3*x*y/(1 + 0.4*x)"),
    ("1.04", "1"),
    ("-0.97*v", "-v"),
    ("0.41*exp(0.74*log(abs(m)))", "0.4*abs(m)^0.75"),
]
OTHER = [
    ("0.75*n - 0.0118*n^2", "0.65*n*(1 - n/55)"),  # a constant too far off
    ("0.394*n*cos(0.0298*n) + 1.386", "0.65*n*(1 - n/55)"),
    ("1141*sin(-0.00088*x^3)", "-x^3"),
    ("sin(0.001*x)*1000", "x"),
    ("sin(sin(0.03*x))/0.03", "x"),
    ("x*y + 0.01", "x*y"),
    ("x", "x*y"),
    ("w^2", "w*abs(w)"),
    ("x^2.05", "x^2"),
    ("-0.45*w*tanh(40*w)*w", "-0.45*w*abs(w)"),
    ("2*x/(1 + x)", "2*x^2/(1 + x^2)"),
    ("3*x", "-3*x"),
    ("x*nothing", "x"),
    ("x +", "x"),
]


@pytest.mark.parametrize(("found", "truth"), SAME)
def test_the_same_law_otherwise_written_is_right(found: str, truth: str) -> None:
    assert right_structure(found, truth)


@pytest.mark.parametrize(("found", "truth"), OTHER)
def test_another_law_is_not_right(found: str, truth: str) -> None:
    assert not right_structure(found, truth)


def test_where_the_data_lie_decides_what_signs_tell() -> None:
    assert right_structure("0.45*w^2", "0.45*w*abs(w)", {"w": (0.1, 3.0)})
    assert not right_structure("0.45*w^2", "0.45*w*abs(w)", {"w": (-3.0, 3.0)})


def test_a_structure_with_wrong_constants_is_told_from_another_structure() -> None:
    one = compared("0.975*n - 0.0118*n^2", "0.65*n*(1 - n/55)")
    assert one.structure and not one.right and one.worst == pytest.approx(0.5, abs=1e-3)
    assert not compared("0.65*n", "0.65*n*(1 - n/55)").structure


def test_all_laws_of_a_system_count() -> None:
    truth = {"f": "x*y", "g": "-y"}
    assert right_laws({"f": "1.05*y*x", "g": "-0.98*y", "h": "x"}, truth)
    assert not right_laws({"f": "1.05*y*x"}, truth)
    assert not right_laws({"f": "x*y", "g": "y"}, truth)


def test_laws_that_are_equal_where_a_sum_is_constant_are_equal() -> None:
    truth, box = "0.1*(1 - s) - 1.5*s*i + 0.2*r", {"s": (0.1, 0.9), "i": (0.01, 0.5), "r": (0.05, 0.6)}
    whole = ("s", {"i": -1.0, "r": -1.0}, 1.0)
    found = "0.3*r + 0.1*i - 1.5*s*i"
    assert not compared(found, truth, box).right
    assert compared(found, truth, box, [whole]).right
    assert not compared("0.3*r + 0.2*i - 1.5*s*i", truth, box, [whole]).right


def test_a_constant_sum_of_the_states_is_seen() -> None:
    (relation,) = measured(systems()["sirs_demography"], "5%", 4, 0).relations
    name, factors, constant = relation
    assert {name, *factors} == {"s", "i", "r"}
    assert constant == pytest.approx(1.0) and list(factors.values()) == pytest.approx([-1.0, -1.0])
    assert not measured(systems()["lotka_volterra"], "5%", 4, 0).relations
