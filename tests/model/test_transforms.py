"""Bounds kept by transformation: both ways, in NumPy and JAX."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.model import ParameterConfig
from ndestudio.model.transforms import Transform, parameter_transform, transform_of

CASES = [
    (3.0, None, None, False),
    (3.0, 0.0, None, False),
    (-3.0, None, 0.0, False),
    (3.0, 1.0, 7.0, False),
    (3.0, None, None, True),
    (3.0, 0.0, None, True),
    (3.0, 1.0, None, True),
    (3.0, 0.0, 7.0, True),
    (3.0, 1.0, 7.0, True),
    (1e-12, 0.0, None, False),
    (1e9, 0.0, 1e12, True),
]


@pytest.mark.parametrize(("value", "lower", "upper", "log"), CASES)
def test_there_and_back(value: float, lower: float | None, upper: float | None, log: bool) -> None:
    transform = transform_of(value, lower, upper, log)
    z = transform.inverse(value)
    assert np.isfinite(z) and abs(z) < 50
    assert float(transform.forward(z)) == pytest.approx(value, rel=1e-12)


@settings(max_examples=300)
@given(st.sampled_from(CASES), st.floats(-1e4, 1e4))
def test_bounds_are_never_left(case: tuple[float, float | None, float | None, bool], z: float) -> None:
    value, lower, upper, log = case
    with np.errstate(over="ignore"):
        p = float(transform_of(value, lower, upper, log).forward(z))
    assert lower is None or p >= lower * (1 - 1e-12)
    assert upper is None or p <= upper * (1 + 1e-12)
    assert not math.isnan(p)


@pytest.mark.parametrize(("value", "lower", "upper", "log"), CASES)
def test_they_rise_and_have_gradients(value: float, lower: float | None, upper: float | None, log: bool) -> None:
    import jax
    import jax.numpy as jnp

    transform = transform_of(value, lower, upper, log)
    z = np.linspace(-6, 6, 101)
    assert np.all(np.diff(transform.forward(z)) > 0)
    with jax.enable_x64(True):
        assert np.allclose(np.asarray(transform.forward(jnp.asarray(z), jnp)), transform.forward(z), rtol=1e-12)
        slopes = jax.vmap(jax.grad(lambda x: transform.forward(x, jnp)))(jnp.asarray([-700.0, -3.0, 0.0, 3.0]))
    assert np.isfinite(np.asarray(slopes)).all()


def test_a_value_on_its_bound_is_moved_inside() -> None:
    z = transform_of(0.0, 0.0, 2.0).inverse(0.0)
    assert np.isfinite(z)
    assert 0 < transform_of(0.0, 0.0, 2.0).forward(z) < 1e-5
    assert np.isfinite(transform_of(0.0, 0.0, None).inverse(0.0))


def test_the_transform_does_not_depend_on_where_the_fit_stands() -> None:
    config = ParameterConfig(value=5.0, lower=0.0)
    assert parameter_transform(config) == Transform("lower", 0.0, 0.0, 5.0)
