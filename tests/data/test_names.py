"""Headers and identifiers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndestudio.data.names import identifier, is_identifier, split_header, unique_labels


@pytest.mark.parametrize(
    ("header", "label", "unit"),
    [
        ("theta [rad]", "theta", "rad"),
        ("mass (kg)", "mass", "kg"),
        ("mass(kg)", "mass", "kg"),
        ("day/d", "day", "d"),
        ("speed / m s^-1", "speed", "m s^-1"),
        ("rate [1/(m s)]", "rate", "1/(m s)"),
        ("flow (l/(m h))", "flow", "l/(m h)"),
        ("x", "x", ""),
        ("x(t)", "x", ""),
        ("dx/dt", "dx/dt", ""),
        ("cells/10", "cells/10", ""),
        ("Province/State", "Province/State", ""),
        ("conc [ ]", "conc", ""),
        ("  two\nlines  [m] ", "two lines", "m"),
        ("", "", ""),
    ],
)
def test_units(header: str, label: str, unit: str) -> None:
    assert split_header(header) == (label, unit)


def test_taken_names_get_numbers() -> None:
    assert identifier("x", {"x", "x_2"}) == "x_3"
    assert identifier("α β") == "alpha_beta"
    assert identifier("Δp") == "Deltap"
    assert identifier("%") == "column"


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_labels_become_different_identifiers(labels: list[str]) -> None:
    unique = unique_labels(labels)
    assert len(set(unique)) == len(labels)
    taken: set[str] = set()
    for label in unique:
        name = identifier(label, taken)
        assert is_identifier(name)
        assert name not in taken
        taken.add(name)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(is_identifier))
def test_identifiers_stay_as_they_are(name: str) -> None:
    assert identifier(name) == name
