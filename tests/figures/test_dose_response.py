"""Dose-response curves: the model's steady states over the varied input, several of them, one curve for each level of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.figures.description import Band, Curve, Points
from ndestudio.figures.dose_response import dose_response_panel, dose_responses
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from tests.figures.examples import dose_response

S = np.geomspace(0.05, 40.0, 7)


def inhibited() -> tuple[FittedModel, Dataset]:
    pairs = [(s, i) for i in (0.0, 2.0) for s in S]
    rows = dataset_from_arrays(
        [np.array([np.inf])] * len(pairs),
        [np.array([[4.0 * s / (0.4 * (1.0 + i) + s)]]) for s, i in pairs],
        ["x"],
        inputs=[np.array([[s, i]]) for s, i in pairs],
        input_names=["S", "I"],
    )
    values = {"V": 2.0, "K": 0.4, "L": 1.0, "k": 0.5}
    config = ModelConfig(
        equations="d(x)/dt = V*S/(K*(1 + I/L) + S) - k*x",
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
    )
    return initial_model(config, rows, 0), rows


def test_a_curve_for_each_level_of_the_other_input() -> None:
    model, rows = inhibited()
    curves = dose_responses(model, rows)
    assert [dict(one.held) for one in curves] == [{"I": 0.0}, {"I": 2.0}]
    for one in curves:
        assert one.log and one.levels[0] < S[0] and one.levels[-1] > S[-1] and one.stable.all()
        truth = 4.0 * one.levels / (0.4 * (1.0 + one.held["I"]) + one.levels)
        np.testing.assert_allclose(one.values, truth, rtol=1e-8)
        assert len(one.measured) == len(S) and not len(one.others)
    panel = dose_response_panel(curves, "x", rows, {"x": 0.1})
    assert panel.x.log and [sum(isinstance(mark, kind) for mark in panel.marks) for kind in (Curve, Points, Band)] == [
        2,
        2,
        2,
    ]


def test_the_band_is_the_spread_of_seeds() -> None:
    model, rows = inhibited()
    other = replace(model, parameters={**model.parameters, "V": 2.2})
    one = dose_responses(model, rows, (other,))[0]
    assert one.lowest is not None and one.highest is not None
    np.testing.assert_allclose(one.highest, 1.1 * one.values, rtol=1e-8)
    np.testing.assert_allclose(one.lowest, one.values)


def test_further_stable_steady_states_are_shown() -> None:
    (one,), _ = dose_response()
    assert len(one.others) > 10 and one.others[:, 1].min() > 1.5
    assert one.others[:, 0].max() < 0.4 < one.levels[-1]


def test_without_levels_of_an_input_there_is_no_curve() -> None:
    model, rows = inhibited()
    assert dose_responses(model, replace(rows, trajectories=rows.trajectories[:2])) == ()
