"""Stochastic methods against closed forms on the same Brownian paths, and what they refuse."""

from typing import Any, Literal

import numpy as np
import pytest

from ndestudio.errors import EquationError, SpecError
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import fresh_network
from ndestudio.model.parse import parse_system
from ndestudio.solve.stochastic.brownian import brownian
from ndestudio.solve.stochastic.paths import simulate_paths

OU = "d(x)/dt = -theta*(x - mu) + sigma*noise"
GEOMETRIC = "d(x)/dt = m*x + s*x*noise"


def model(equations: str, calculus: Literal["ito", "stratonovich"] = "ito", **parameters: float) -> FittedModel:
    networks = {"s": NetworkConfig(sign="positive")} if "s(" in equations else {}
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in parameters.items()},
        calculus=calculus,
        networks=networks,
    )
    system = parse_system(config, (), ())
    values = {name: parameters.get(name, 1.0) for name in system.parameters}
    made = {
        one.name: fresh_network(one.name, config.networks[one.name], one.arguments, 0) for one in system.neural_terms
    }
    return FittedModel(config, system, values, made, {}, ())


def order(
    equations: str,
    method: str,
    exact: Any,
    calculus: Literal["ito", "stratonovich"] = "ito",
    levels: tuple[int, ...] = (0, 1, 2, 3),
    paths: int = 400,
    **parameters: float,
) -> float:
    """Slope of the strong error over the length of the steps."""
    t = np.linspace(0.0, 1.0, 9)
    one = model(equations, calculus, **parameters)
    noises = len(one.system.diffusion)
    fine = brownian(t, noises, paths, 5, 9)
    true = exact(fine)
    errors = []
    for level in levels:
        found = simulate_paths(one, t, np.ones(len(one.system.states)), paths, seed=5, method=method, halvings=level)
        errors.append(np.mean(np.abs(found.states[:, -1, 0] - true)))
    return -np.polyfit(levels, np.log2(errors), 1)[0]


def geometric(fine, m=0.5, s=0.8, ito=True):
    w = fine.w.sum(axis=(0, 1))
    return np.exp((m - 0.5 * s**2 * ito) + s * w)


def ornstein_uhlenbeck(fine, theta=2.0, mu=0.3, sigma=0.7):
    # the integral of exp(theta (s - 1)) dW, by its values in the middle of the finest steps
    ends = np.cumsum(fine.h)
    factor = np.exp(theta * (ends - fine.h / 2 - 1.0))
    correction = theta * factor * fine.h  # of the area, to the next order
    integral = np.einsum("s,sp->p", factor, fine.w[:, 0]) - np.einsum("s,sp->p", correction, fine.area[:, 0])
    return mu + (1.0 - mu) * np.exp(-theta) + sigma * integral


@pytest.mark.parametrize(
    ("equations", "method", "exact", "calculus", "expected"),
    [
        (GEOMETRIC, "euler-maruyama", geometric, "ito", 0.5),
        (GEOMETRIC, "milstein", geometric, "ito", 1.0),
        (GEOMETRIC, "stochastic-heun", lambda fine: geometric(fine, ito=False), "stratonovich", 1.0),
        (GEOMETRIC, "reversible-heun", lambda fine: geometric(fine, ito=False), "stratonovich", 1.0),
        (OU, "sra1", ornstein_uhlenbeck, "ito", 2.0),  # of a linear drift; 1.5 in general
        (OU, "euler-maruyama", ornstein_uhlenbeck, "ito", 1.0),
    ],
)
def test_strong_order(equations, method, exact, calculus, expected):
    values = {"m": 0.5, "s": 0.8} if equations == GEOMETRIC else {"theta": 2.0, "mu": 0.3, "sigma": 0.7}
    found = order(equations, method, exact, calculus, (0, 1, 2, 3), 400, **values)
    assert found == pytest.approx(expected, abs=0.2)


def test_strong_order_of_additive_noise_in_a_double_well():
    t, one = np.linspace(0.0, 1.0, 9), model("d(x)/dt = x - x^3 + 0.8*noise")
    ends = [
        simulate_paths(one, t, [1.0], 400, seed=5, method="sra1", halvings=level).states[:, -1, 0]
        for level in (0, 1, 2, 3, 7)
    ]
    errors = [np.mean(np.abs(end - ends[-1])) for end in ends[:-1]]
    assert -np.polyfit(range(4), np.log2(errors), 1)[0] > 1.4


def test_weak_order_of_the_mean():
    # Euler-Maruyama's mean of a linear equation is that of Euler's method, whatever the noise: order 1
    t = np.array([0.0, 1.0])
    one = model(OU, theta=2.0, mu=0.0, sigma=0.05)
    errors = []
    for steps in (2, 4, 8):
        found = simulate_paths(one, t, [1.0], 4000, seed=1, method="euler-maruyama", substeps=steps)
        errors.append(found.states[:, -1, 0].mean() - np.exp(-2.0))
    assert errors[0] == pytest.approx(-np.exp(-2.0), abs=0.003)
    assert errors[1] / errors[2] == pytest.approx((0.5**4 - np.exp(-2)) / (0.75**8 - np.exp(-2)), rel=0.1)


def test_refined_brownian_paths_are_the_same_paths():
    t = np.array([0.0, 0.3, 1.0])
    coarse, fine = brownian(t, 2, 5, 3), brownian(t, 2, 5, 3, halvings=4)
    again = fine
    for _ in range(4):
        again = again.doubled()
    np.testing.assert_allclose(again.w, coarse.w, atol=1e-14)
    np.testing.assert_allclose(again.area, coarse.area, atol=1e-14)
    np.testing.assert_array_equal(brownian(t, 2, 40, 3).w[:, :, :5], coarse.w)


def test_halves_have_the_law_of_brownian_motion():
    fine = brownian(np.array([0.0, 2.0]), 1, 20_000, 0, halvings=1)
    both = np.concatenate([fine.w[:, 0], fine.area[:, 0]])
    np.testing.assert_allclose(np.cov(both), np.diag([1.0, 1.0, 1 / 12, 1 / 12]), atol=0.03)


def test_jax_makes_the_paths_of_numpy():
    t = np.linspace(0.0, 1.0, 6)
    one = model("d(x)/dt = -x + y\nd(y)/dt = -x + s(x)*noise_1 + 0.3*noise_2")
    for method in ("euler-maruyama",):
        a = simulate_paths(one, t, [1.0, 0.5], 7, seed=2, method=method, substeps=3)
        b = simulate_paths(one, t, [1.0, 0.5], 7, seed=2, method=method, substeps=3, backend="jax")
        np.testing.assert_allclose(a.states, b.states, rtol=1e-10, atol=1e-12)


def test_correlated_noises():
    one = model("d(x)/dt = 0.0*x + noise_1\nd(y)/dt = 0.0*y + 0.8*noise_1 + 0.6*noise_2")
    found = simulate_paths(one, [0.0, 1.0], [0.0, 0.0], 20_000)
    np.testing.assert_allclose(np.cov(found.states[:, -1].T), [[1.0, 0.8], [0.8, 1.0]], atol=0.03)


def test_methods_that_are_not_right_are_refused():
    t = [0.0, 1.0]
    twisted = model("d(x)/dt = -x + noise_1\nd(y)/dt = -y + x*noise_2")
    with pytest.raises(SpecError, match="Lévy areas"):
        simulate_paths(twisted, t, [1.0, 1.0], method="milstein")
    assert simulate_paths(twisted, t, [1.0, 1.0]).method == "euler-maruyama"
    with pytest.raises(SpecError, match="in the sense of Stratonovich"):
        simulate_paths(model(GEOMETRIC), t, [1.0], method="stochastic-heun")
    with pytest.raises(SpecError, match="in the sense of Itô"):
        simulate_paths(model(GEOMETRIC, "stratonovich"), t, [1.0], method="milstein")
    with pytest.raises(SpecError, match="additive noise"):
        simulate_paths(model(GEOMETRIC), t, [1.0], method="sra1")
    with pytest.raises(SpecError, match="did you mean `milstein`"):
        simulate_paths(model(GEOMETRIC), t, [1.0], method="milsten")
    with pytest.raises(EquationError, match="no noise"):
        simulate_paths(model("d(x)/dt = -x"), t, [1.0])
    commuting = model("d(x)/dt = -x + x*noise_1 + 2*x*noise_2")
    assert simulate_paths(commuting, t, [1.0]).method == "milstein"


def test_paths_that_leave_the_domain_are_told():
    found = simulate_paths(model("d(x)/dt = -x + sqrt(x)*noise"), np.linspace(0, 4, 9), [0.3], 50)
    assert "paths leave what the equations know" in found.sentence
