"""Laws of the library among formulas: recognised however they are written, and found from a dozen noisy points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ndestudio.distil.description import formula_nats
from ndestudio.distil.laws import held, is_written_as_law, law_of, law_sentence, law_starts
from ndestudio.distil.linearised import TermData, fit_term, nearest, sums_of_powers
from ndestudio.distil.shapes import sums_with_shapes
from ndestudio.expression import evaluate, parse_expression

S = np.geomspace(0.05, 40.0, 12)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("2*S/(0.4 + S + S^2/8)", "substrate_inhibition"),
        ("S/(0.3 + 0.5*S + 0.07*S*S)", "substrate_inhibition"),
        ("0.3*S/(1 + 0.2*S)", "michaelis_menten"),
        ("2*S^3/(1.7 + S^3)", "hill"),
        ("2/(1 + (S/1.5)^2)", "hill_repression"),
        ("2*S/(1.5*(1 + I/2) + S)", "competitive_inhibition"),
        ("2*I/(1.5 + S + 0.3*I + S)", "competitive_inhibition"),
        ("17/(S + 7) - 1.2/(S + 0.5)", None),
        ("2*S/(1.5 + I + S)", None),
        ("2*S/(0.4 + S + S^3/8)", None),
    ],
)
def test_a_law_is_known_however_it_is_written(text: str, law: str | None) -> None:
    found = law_of(parse_expression(text))
    assert found == law or {found, law} == {"competitive_inhibition", "beddington_deangelis"}


def test_the_one_of_a_law_is_no_number_to_fit() -> None:
    assert held(parse_expression("2*S/((0.4 + S)*(1 + I/3))")) == {1.0}
    assert held(parse_expression("1/(S + 3) - 2*S")) == frozenset()
    assert is_written_as_law(parse_expression("3*S/(0.7 + S + S^2/5)"))
    assert not is_written_as_law(parse_expression("S/(0.3 + 0.5*S + 0.07*S^2)"))


def test_a_law_is_named_with_its_source() -> None:
    assert "substrate inhibition (J. B. S. Haldane" in law_sentence(parse_expression("2*S/(0.4 + S + S^2/8)"))
    assert law_sentence(parse_expression("2*S")) == law_sentence(parse_expression("17/(S + 7) - 1.2/(S + 0.5)")) == ""


def test_a_law_over_decades_has_no_pole() -> None:
    X = np.linspace(0.05, 40.0, 200)[:, None]
    law, other, pole = "2*S/(0.4 + S + S^2/8)", "17/(S + 7) - 1.2/(S + 0.5)", "2*S/(0.4 - 1.3*S + S^2)"
    nats = [formula_nats(parse_expression(one), ("S",), X) for one in (law, other, pole)]
    assert nats[0] < nats[1] < nats[2]


LAWS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "haldane": (lambda s: 2 * s / (0.4 + s + s**2 / 8), "substrate_inhibition"),
    "hill": (lambda s: 2 * s**2 / (2 + s**2), "hill"),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("seed", [0, 3])
def test_the_law_is_the_shortest_description_of_a_dose_response_curve(name: str, seed: int) -> None:
    law, known = LAWS[name]
    values = law(S)
    noisy = values * (1.0 + 0.03 * np.random.default_rng(seed).standard_normal(len(S)))
    error = 0.03 * float(np.sqrt(np.mean(values**2)))
    data = TermData("v", ("S",), S[:, None], np.eye(len(S)) / error, noisy / error)
    laws = [nearest(data, starts)[1] for starts in law_starts(("S",), data.points)]
    rivals = [*sums_of_powers(data), *sums_with_shapes(data, ("+", "-", "*", "/"))]
    fitted = sorted((fit_term(data, one) for one in [*laws, *rivals]), key=lambda one: one.length)
    best = fitted[0].formulas["v"]
    assert law_of(best) == known
    assert evaluate(best, {"S": S}) == pytest.approx(values, abs=0.1 * float(values.max()))
