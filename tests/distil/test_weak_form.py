"""The weak form: what the measurements alone say of unknown terms."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.distil.linearised import fit_term, sums_of_powers, term_data
from ndestudio.distil.reference_path import curves_of
from ndestudio.distil.response import Response
from ndestudio.distil.search import skeleton
from ndestudio.distil.weak_form import weak_responses
from ndestudio.expression import evaluate, parse_expression
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.model import FittedModel, ModelConfig, NetworkConfig, initial_model
from ndestudio.model.replace import replace_neural_term
from tests.distil.conftest import make_dataset

LAWS = {"f": "2.1*x + 2.1*y - 0.7*x^3", "g": "-0.6*x"}
NEAR = {"f": "1.8*x + 2.4*y - 0.6*x^3", "g": "-0.7*x"}


def _untrained(noise: float, equations: str = "d(x)/dt = f(x, y)\nd(y)/dt = g(x, y)") -> tuple[FittedModel, Dataset]:
    dataset = make_dataset(
        lambda t, z: [2.1 * (z[1] - z[0] ** 3 / 3 + z[0]), -0.6 * z[0]],
        np.array([[2.0, 0.0], [-0.5, 1.2], [1.0, -1.5]]),
        np.linspace(0.0, 9.0, 90),
        ("x", "y"),
        noise=noise,
    )
    small = NetworkConfig(width=4, depth=1)
    networks = {name: small for name in ("f", "g") if f"{name}(" in equations}
    return initial_model(ModelConfig(equations=equations, networks=networks), dataset, 0), dataset


def _responses(model: FittedModel, dataset: Dataset, *names: str) -> list[Response]:
    """About what is nearly the laws."""
    near = model
    for name in names:
        near = replace_neural_term(near, name, parse_expression(NEAR[name]))
    measure = make_candidates(model, dataset, TrainConfig()).measure
    return weak_responses(model, measure, names, curves_of(model, dataset, measure), near)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_laws_leave_what_the_noise_leaves_whatever_the_width_of_the_windows(noise: float) -> None:
    for response in _responses(*_untrained(noise), "f", "g"):
        for name in ("f", "g"):
            data = term_data(response, name)
            law = fit_term(data, parse_expression(LAWS[name]))
            assert 0.3 * len(data.target) < law.squares < 1.7 * len(data.target)


def test_the_law_is_the_shortest_sum_of_powers_in_the_weak_form() -> None:
    data = term_data(_responses(*_untrained(0.05), "f", "g")[1], "f")
    best = min((fit_term(data, one) for one in sums_of_powers(data)), key=lambda one: one.length)
    assert skeleton(best.formulas["f"]) == skeleton(parse_expression(LAWS["f"]))
    values = [evaluate(best.formulas["f"], {"x": x, "y": y}) for x, y in ((1.0, 0.0), (0.0, 1.0), (2.0, 0.0))]
    assert values == pytest.approx([1.4, 2.1, -1.4], abs=0.25)


def test_known_parts_and_their_parameters_are_taken_out() -> None:
    model, dataset = _untrained(0.01, "d(x)/dt = f(x, y) + a*y\nd(y)/dt = -b*x")
    (response, _) = _responses(model, dataset, "f")
    data = term_data(response, "f")
    assert fit_term(data, parse_expression("2*x - 0.7*x^3")).squares < 2.0 * len(data.target)


def test_nothing_is_asked_where_a_state_is_not_measured() -> None:
    model, dataset = _untrained(0.01, "d(x)/dt = f(x, y) - hidden\nd(y)/dt = -x\nd(hidden)/dt = -hidden")
    assert _responses(model, dataset, "f") == []
