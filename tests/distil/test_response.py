"""What the data say of unknown terms along the trajectories, and the laws that are decided by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.distil import distil
from ndestudio.distil.asked import asked_of
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.linearised import TermData, fit_term, fit_together, sums_of_known, sums_with_waves, term_data
from ndestudio.distil.pipeline import networks_followed_better
from ndestudio.distil.response import Response, linear_response
from ndestudio.distil.rounds import _is_of_form
from ndestudio.distil.search import skeleton
from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import names
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.model import FittedModel, ModelConfig, NetworkConfig, initial_model
from ndestudio.model.replace import formula_filled, replace_neural_term
from tests.distil.conftest import Field, make_dataset, with_networks

pytest.importorskip("ndestudio.symbolic._evolution")

ANY = ("+", "-", "*", "/", "sin", "cos", "exp")
QUICK = DistilConfig(operators=ANY, seconds=None, evaluations=20_000, threads=1, candidates=1)
Function = Callable[[np.ndarray], np.ndarray]


def _hybrid(
    equations: str,
    field: Field,
    functions: dict[str, Function],
    starts: list[list[float]],
    end: float,
    noise: float,
    error: float = 0.05,
    **networks: NetworkConfig,
) -> tuple[FittedModel, Dataset]:
    """Data of ``field``, and a hybrid whose networks miss ``functions`` by ``error``."""
    states = tuple(line.split(")")[0][2:] for line in equations.splitlines())
    dataset = make_dataset(field, np.array(starts), np.linspace(0.0, end, 50), states, noise)
    settings = {name: networks.get(name, NetworkConfig(width=50, depth=1)) for name in functions}
    model = initial_model(ModelConfig(equations=equations, networks=settings), dataset, 0)
    return with_networks(model, dataset, functions, error), dataset


@pytest.fixture(scope="module")
def lienard() -> tuple[FittedModel, Dataset]:
    """Both laws unknown, networks that were never trained: only the measurements can tell."""
    dataset = make_dataset(
        lambda t, z: [2.1 * (z[1] - z[0] ** 3 / 3 + z[0]), -0.6 * z[0]],
        np.array([[2.0, 0.0], [-0.5, 1.2], [1.0, -1.5]]),
        np.linspace(0.0, 9.0, 90),
        ("x", "y"),
        noise=0.01,
    )
    small = NetworkConfig(width=4, depth=1)
    config = ModelConfig(equations="d(x)/dt = f(x, y)\nd(y)/dt = g(x, y)", networks={"f": small, "g": small})
    return initial_model(config, dataset, 0), dataset


def _response(made: tuple[FittedModel, Dataset], *terms: str) -> Response:
    """About a law that is nearly right."""
    model, dataset = made
    near = model
    for name, text in {"f": "2*x + 2.1*y - 0.68*x^3", "g": "-0.59*x"}.items():
        near = replace_neural_term(near, name, parse_expression(text))
    measure = make_candidates(model, dataset, TrainConfig()).measure
    found = linear_response(model, dataset, measure, terms, near)
    assert found is not None
    return found


def _formulas(texts: dict[str, str]) -> dict:
    return {name: parse_expression(text) for name, text in texts.items()}


def test_the_law_leaves_what_the_noise_leaves_and_an_imitation_more(lienard: tuple[FittedModel, Dataset]) -> None:
    response = _response(lienard, "f", "g")
    law = fit_together(response, _formulas({"f": "2*x + 2*y - 0.5*x^3", "g": "-0.5*x"}))
    imitation = fit_together(response, _formulas({"f": "2*y + 6*sin(x) - 4*x", "g": "-0.5*x"}))
    assert law.squares < response.count + 6.0 * np.sqrt(2.0 * response.count)
    assert imitation.squares > 1.1 * law.squares and imitation.length > law.length + 20.0
    found = [evaluate(law.formulas["f"], {"x": x, "y": y}) for x, y in ((1.0, 0.0), (0.0, 1.0), (2.0, 0.0))]
    assert found == pytest.approx([1.4, 2.1, -1.4], rel=0.05)


def test_the_rows_of_a_term_are_few_and_its_noise_is_one(lienard: tuple[FittedModel, Dataset]) -> None:
    data = term_data(_response(lienard, "f", "g"), "g")
    x = data.points[:, data.arguments.index("x")]
    left = data.target - data.rows @ (-0.6 * x)
    assert len(data.target) <= 120
    assert 0.5 < float(left @ left) / len(left) < 2.5


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        ("2.1*x + 2.2*y - 0.7*x^3", True),
        ("x*(2.1 - 0.7*x^2) + 2.2*y", True),
        ("2.1*x + 2.2*y", True),
        ("6*sin(x) - 4*x + 2*y", False),
        ("2.1*x + 2.2*y - 0.7*x^3 + 0.1*x*y", False),
    ],
)
def test_a_form_with_other_numbers_is_no_other_form(
    lienard: tuple[FittedModel, Dataset], formula: str, same: bool
) -> None:
    term = _response(lienard, "f", "g").terms["f"]
    assert _is_of_form(parse_expression(formula), parse_expression("2*x + 2*y - 0.5*x^3"), term) is same


def test_a_form_is_a_special_case_of_one_with_more(lienard: tuple[FittedModel, Dataset]) -> None:
    term, form = _response(lienard, "f", "g").terms["f"], parse_expression("2*x + 2*y - 0.5*x^3")
    assert _is_of_form(form, parse_expression("2.1*x + 2*y - 0.5*x^3 + 0.1*x*y"), term)
    assert not _is_of_form(form, parse_expression("6*sin(x) - 4*x + 2*y"), term)


def test_a_cubic_comes_out_as_a_cubic(lienard: tuple[FittedModel, Dataset]) -> None:
    model, dataset = lienard
    found = distil(model, dataset, QUICK)
    formulas = [formula_filled(found.model, name) for name in ("f", "g")]
    assert [None if one is None else skeleton(one) for one in formulas] == ["(x + x^3 + y)", "x"]
    assert "data determine this form" in found.neural_terms["f"].reason


def test_drag_of_a_fast_body_needs_no_abs_among_the_operators() -> None:
    made = _hybrid(
        "d(v)/dt = g(v)",
        lambda t, z: [1.3 - 0.4 * z[0] * abs(z[0])],
        {"g": lambda X: 1.3 - 0.4 * X[:, 0] * np.abs(X[:, 0])},
        [[-6.0], [-3.0], [4.0], [6.0]],
        2.5,
        0.01,
    )
    found = distil(*made, QUICK)
    formula = formula_filled(found.model, "g")
    assert formula is not None
    values = np.array([-4.0, -1.0, 0.5, 3.0])
    assert evaluate(formula, {"v": values}) == pytest.approx(1.3 - 0.4 * values * np.abs(values), abs=0.1)


def test_a_constant_is_a_candidate() -> None:
    made = _hybrid(
        "d(y)/dt = f(y) - 0.3*y",
        lambda t, z: [0.8 - 0.3 * z[0]],
        {"f": lambda X: np.full(len(X), 0.8)},
        [[0.2], [5.0], [1.0]],
        6.0,
        0.01,
        error=0.0,
    )
    formula = formula_filled(distil(*made, QUICK).model, "f")
    assert formula is not None and not names(formula)
    assert evaluate(formula, {}) == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize(
    ("text", "config", "kept"),
    [
        ("2*x", NetworkConfig(sign="positive"), True),
        ("2*x - 3", NetworkConfig(sign="positive"), False),
        ("x/(1 + x)", NetworkConfig(monotone={"x": "increasing"}), True),
        ("x - 0.3*x^2", NetworkConfig(monotone={"x": "increasing"}), False),
        ("x*y/(1 + x)", NetworkConfig(factor=("x", "y")), True),
        ("x*y + 0.1", NetworkConfig(factor=("x",)), False),
        ("0.5 + 0.1*x", NetworkConfig(lower=0.0, upper=1.0), True),
        ("0.5 + 0.3*x", NetworkConfig(lower=0.0, upper=1.0), False),
    ],
)
def test_limits_of_a_term_are_limits_of_its_formulas(text: str, config: NetworkConfig, kept: bool) -> None:
    points = np.random.default_rng(0).uniform(0.1, 3.0, (50, 2))
    assert asked_of(config, ("x", "y")).keeps(parse_expression(text), points) is kept


def test_a_summand_of_another_term_is_tried(lienard: tuple[FittedModel, Dataset]) -> None:
    data = term_data(_response(lienard, "f", "g"), "g")
    offered = sums_of_known(data, [parse_expression("3*sin(2*y) + x")])
    assert any("sin(#*y)" in skeleton(one) for one in offered)


def test_sums_with_sines_of_differences_are_tried(lienard: tuple[FittedModel, Dataset]) -> None:
    data = term_data(_response(lienard, "f", "g"), "f")
    points = data.points
    law = 1.5 * np.sin(points[:, 0] - points[:, 1]) - 0.4 * points[:, 0]
    offered = sums_with_waves(replace(data, target=data.rows @ law), ["sin", "cos"])
    assert "(sin((x + y)) + x)" in [skeleton(one) for one in offered]
    assert not sums_with_waves(data, [])


@pytest.mark.parametrize("text", ["2e-15*A/(2e-12 + A)", "A*(3.1e-15/(A + 0.7e-12))"])
def test_numbers_of_a_formula_may_be_of_any_size(text: str) -> None:
    A = np.linspace(0.2e-12, 5e-12, 60)
    y = 2.4e-15 * A / (1.1e-12 + A)
    size = 1e-4 * float(y.std())
    found = fit_term(TermData("rate", ("A",), A[:, None], np.eye(60) / size, y / size), parse_expression(text))
    assert found.squares < 1e-6


def test_a_formula_that_networks_follow_the_data_better_than_is_not_certain() -> None:
    assert "do not tell" in networks_followed_better(0.0049, 0.0175)
    assert networks_followed_better(0.05, 0.055) == "" and networks_followed_better(1e-6, 8e-4) == ""
    assert networks_followed_better(0.01, float("inf")) == ""
