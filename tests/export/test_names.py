"""Identifiers that every language takes."""

from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndestudio.export.names import ascii_identifier, identifiers, reserved

LANGUAGES = ("python", "jax", "sympy", "julia", "matlab", "c")


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("python", "lambda"),
        ("jax", "lambda"),
        ("sympy", "S"),
        ("sympy", "I"),
        ("sympy", "E"),
        ("sympy", "beta"),
        ("julia", "end"),
        ("matlab", "end"),
        ("matlab", "beta"),
        ("matlab", "gamma"),
        ("c", "double"),
        ("c", "y0"),
        ("c", "I"),
    ],
)
def test_reserved_words_get_a_suffix(language: str, name: str) -> None:
    assert identifiers((name,), language) == {name: f"{name}_"}


def test_ordinary_names_stay() -> None:
    names = ("x", "y", "hare", "k1", "V_max", "a", "b")
    for language in ("python", "jax", "sympy", "julia", "matlab", "c"):
        assert identifiers(names, language) == {name: name for name in names}


def test_a_suffix_never_meets_another_name() -> None:
    chosen = identifiers(("lambda", "lambda_", "lambda__"), "python")
    assert chosen["lambda_"] == "lambda_"
    assert len(set(chosen.values())) == 3


def test_greek_letters_are_spelled() -> None:
    assert ascii_identifier("μ_max") == "mu_max"
    assert ascii_identifier("Ω2") == "Omega2"
    assert identifiers(("α", "alpha"), "c") == {"α": "alpha_", "alpha": "alpha"}


@given(st.lists(st.from_regex(r"[^\W\d]\w{0,8}", fullmatch=True), max_size=12), st.sampled_from(LANGUAGES))
def test_all_names_are_distinct_and_allowed(names: list[str], language: str) -> None:
    chosen = identifiers(names, language)
    assert set(chosen) == set(names)
    assert len(set(chosen.values())) == len(set(names))
    for name in chosen.values():
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
        assert name not in reserved(language)
        assert not keyword.iskeyword(name) or language not in ("python", "jax", "sympy")
