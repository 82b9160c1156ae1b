"""To numbers of order one and back."""

from __future__ import annotations

import numpy as np

from ndestudio.data import Scaling, SplitConfig, dataset_from_arrays, positive_columns
from ndestudio.data.scaling import non_negative_columns

T = np.linspace(1900.0, 1920.0, 21)
Y = np.column_stack([1e4 + 1e3 * np.sin(T), np.full(21, 7.0), np.where(T == 1905, np.nan, np.maximum(T - 1910, 0))])
DATA = dataset_from_arrays(T, Y, ["a", "b", "c"], split=SplitConfig(by="none"))


def test_both_ways() -> None:
    for centred in (True, False):
        scaling = Scaling.of(DATA, centred=centred)
        z = scaling.to_scaled(Y)
        assert np.allclose(scaling.from_scaled(z), Y, rtol=1e-14, equal_nan=True)
        assert np.nanmax(np.abs(z)) < 10
        assert np.allclose(scaling.time_from_scaled(scaling.time_to_scaled(T)), T, rtol=1e-15)
        assert (scaling.time_to_scaled(T)[0], scaling.time_to_scaled(T)[-1]) == (0, 1)
        assert np.all(scaling.scale > 0)
    assert np.array_equal(Scaling.of(DATA, centred=False).to_scaled(np.zeros(3)), np.zeros(3))


def test_derivatives_follow_the_chain_rule() -> None:
    scaling = Scaling.of(DATA)
    t = np.linspace(1900, 1920, 20001)
    y = np.column_stack([1e4 + 1e3 * np.sin(t), t, t**2])
    slope = np.gradient(scaling.to_scaled(y), scaling.time_to_scaled(t), axis=0)
    expected = scaling.derivative_to_scaled(np.column_stack([1e3 * np.cos(t), np.ones_like(t), 2 * t]))
    assert np.allclose(slope[1:-1], expected[1:-1], rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert np.allclose(scaling.derivative_from_scaled(expected)[:, 1], 1.0)


def test_only_training_rows_count() -> None:
    t = np.arange(10.0)
    data = dataset_from_arrays(t, np.where(t < 7, 1.0 + t % 2, 1e6), ["x"], split=SplitConfig(by="time", train=0.7))
    assert abs(Scaling.of(data).center[0] - 1.5) < 0.2
    assert Scaling.of(data, part=None).center[0] > 1e5


def test_signs() -> None:
    assert positive_columns(DATA).tolist() == [True, True, False]
    assert non_negative_columns(DATA).tolist() == [True, True, True]
