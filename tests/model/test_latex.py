"""Whole systems as LaTeX, neural terms boxed."""

from __future__ import annotations

import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.model import (
    ModelConfig,
    NetworkConfig,
    initial_model,
    model_latex,
    parse_system,
    replace_neural_term,
    system_latex,
)

CONFIG = ModelConfig(
    equations="d(x_1)/dt = alpha*x_1 - flow\nflow = f(x_1)\nd(y)/dt = )", networks={"f": NetworkConfig()}
)


def test_text_is_shown_as_written_as_far_as_it_can_be_read() -> None:
    lines = system_latex(CONFIG)
    assert lines == (
        r"\frac{\mathrm{d} x_{1}}{\mathrm{d} t} = \alpha \, x_{1} - \mathrm{flow}",
        r"\mathrm{flow} = \boxed{f}\left(x_{1}\right)",
    )


def test_a_system_has_its_quantities_put_in() -> None:
    config = ModelConfig(equations="d(x)/dt = -flow\nflow = f(x)", networks={"f": NetworkConfig()})
    assert system_latex(parse_system(config, (), ()))[0].endswith(r"= -\boxed{f}\left(x\right)")


def test_fitted_models_show_numbers(hybrid: ModelConfig, lotka_data: Dataset) -> None:
    model = replace_neural_term(initial_model(hybrid, lotka_data, 0), "growth", parse_expression("0.123456*hare"))
    lines = model_latex(model, digits=3)
    assert r"\boxed{\mathrm{predation}}" in lines[0]
    assert lines[1].endswith(r"= 0.123 \, \mathrm{hare} - 0.8 \, \mathrm{lynx}")


@pytest.mark.filterwarnings("ignore:path is deprecated:DeprecationWarning")
def test_the_window_can_draw_it() -> None:
    from ziamath.zmath import Latex

    for line in system_latex(CONFIG):
        assert "<svg" in Latex(line).svg()
