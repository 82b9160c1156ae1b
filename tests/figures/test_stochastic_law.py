"""What is shown of a stochastic model: fans, and its law beside the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.figures.description import Band, Curve, Points
from ndestudio.figures.fan import fan
from ndestudio.figures.plot_data import plot_data
from ndestudio.figures.stochastic_law import autocorrelation, law_figure, passage_times, stationary_density
from ndestudio.figures.trajectories import trajectory_panel
from ndestudio.fitting.one_step import one_step_residuals
from ndestudio.progress import SilentReporter
from tests.figures.examples import stochastic


def test_a_fan_has_the_quantiles_of_an_ornstein_uhlenbeck_process() -> None:
    model, _, trajectory = stochastic()
    made = fan(model, trajectory, paths=4000, seed=3)
    k, s = model.parameters["k"], model.parameters["s"]
    deviation = np.sqrt(s**2 * (1 - np.exp(-2 * k * made.t)) / (2 * k))
    low, middle, high = made.fan.measured[[0, 2, 4], :, 0]
    np.testing.assert_allclose(high[5:], 1.645 * deviation[5:], atol=0.05)
    np.testing.assert_allclose(low[5:], -1.645 * deviation[5:], atol=0.05)
    np.testing.assert_allclose(middle, 0.0, atol=0.04)
    np.testing.assert_allclose(fan(model, trajectory, paths=100, seed=3).states, made.states, rtol=1e-9)


def test_the_fan_and_one_path_stand_behind_the_data() -> None:
    model, dataset, trajectory = stochastic()
    found = plot_data(model, dataset, reporter=SilentReporter())
    panel = trajectory_panel(dataset, 0, [(0, trajectory)], found.paths)
    assert [mark.name for mark in panel.marks if isinstance(mark, Band)] == ["90% of paths", "50%"]
    assert [mark.name for mark in panel.marks if isinstance(mark, Curve) and mark.name] == [
        "one path",
        "model, median of paths",
    ]
    residuals = trajectory_panel(dataset, 0, [(0, trajectory)], found.paths, residuals=True)
    assert not any(isinstance(mark, Band) for mark in residuals.marks)


def test_the_stationary_density_is_that_of_theory() -> None:
    x = np.linspace(-3.0, 3.0, 400)
    found = stationary_density(x, -1.1 * x, np.full(400, 0.36))
    variance = 0.36 / 2.2
    np.testing.assert_allclose(found, np.exp(-(x**2) / 2 / variance) / np.sqrt(2 * np.pi * variance), atol=1e-3)
    assert np.isnan(stationary_density(x, -x, x**2 - 1.0 + np.abs(x**2 - 1.0))).all()


def test_stratonovichs_drift_is_shown_as_itos() -> None:
    model, dataset, _ = stochastic()
    from ndestudio.expression.parse import parse_expression

    system = replace(model.system, diffusion={"noise": (parse_expression("s*x"),)}, calculus="stratonovich")
    figure = law_figure(replace(model, system=system), dataset)
    assert figure is not None
    curve = next(mark for mark in figure.panels[0].marks if isinstance(mark, Curve))
    np.testing.assert_allclose(curve.y, (-1.1 + 0.5 * 0.6**2) * curve.x, rtol=1e-4, atol=1e-6)


def test_the_law_is_beside_the_same_of_the_data() -> None:
    model, dataset, _ = stochastic()
    figure = law_figure(model, dataset)
    assert figure is not None
    assert [panel.y.title for panel in figure.panels] == [
        "drift", "squared diffusion", "potential (−∫ drift)", "density", "autocorrelation", "part that has passed",
        "frequency / expected",
    ]  # fmt: skip
    memory = figure.panels[4]
    band = next(mark for mark in memory.marks if isinstance(mark, Band))
    seen = next(mark for mark in memory.marks if isinstance(mark, Points))
    inside = np.interp(seen.x, band.x, band.low) <= seen.y + 1e-9
    assert inside.mean() > 0.7


def test_passages_are_counted_from_one_level_to_the_other() -> None:
    values = np.array([0.0, 0.5, 1.0, 1.2, 0.4, -0.1, -0.2, 0.6, 1.1, 0.0])
    assert passage_times(values, 0.0, 1.0, 0.5).tolist() == [1.0, 1.5]
    assert passage_times(values, 1.0, 0.0, 0.5).tolist() == [1.5, 0.5]


def test_autocorrelation_of_independent_series_is_about_their_common_mean() -> None:
    drawn = np.random.default_rng(0).normal(size=(3, 400))
    found = autocorrelation(list(drawn), 5)
    assert found[0] == 1.0 and np.abs(found[1:]).max() < 0.1


@pytest.mark.parametrize(("scale", "suspicious"), [(1.0, False), (0.5, True)])
def test_one_step_residuals_say_whether_the_noise_is_right(scale: float, suspicious: bool) -> None:
    model, dataset, _ = stochastic()
    found = one_step_residuals(replace(model, parameters={**model.parameters, "s": 0.6 * scale}), dataset)
    assert found.columns[0].suspicious is suspicious
    assert found.columns[0].sentence.startswith("One-step residuals of `x`")
