"""Options of neural terms, each with a system that is not learned without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Fit, TrainConfig, fit
from ndestudio.model.augment import with_hidden_state
from ndestudio.model.config import BasisConfig, InitialConfig, ModelConfig, NetworkConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.solve.scipy_reference import simulate
from tests.fitting.conftest import trajectories

SETTINGS = TrainConfig(preset="quick", iterations={"collocation": 60, "final_refinement": 25}, time_limit=600.0)
DIRECT = msgspec.structs.replace(SETTINGS, stages=("collocation", "final_refinement"))
"""Without what rescues bad starts: for what cannot be learned, and what is learned easily."""
LINEAR = NetworkConfig(depth=0)
SIGNS: tuple[Literal["any", "positive"], ...] = ("any", "positive")


def test_a_driven_oscillator_needs_time_dependence_and_a_period_carries_it_on() -> None:
    """x'' = -4 x - 0.3 x' + 2 cos(1.5 t) (Fourier basis; Massaroli et al. 2020). The last third is forecast."""
    split = SplitConfig(by="time", train=0.6, validation=0.1, test=0.3)
    data = trajectories(
        lambda t, y: [y[1], -4 * y[0] - 0.3 * y[1] + 2 * np.cos(1.5 * t)],
        [(1.0, 0.0), (-0.5, 1.0)],
        np.linspace(0, 15, 91),
        ["x", "v"],
        noise=0.01,
        split=split,
    )
    driven = NetworkConfig(depth=0, basis={"t": BasisConfig(terms=1, start=0.0, end=2 * np.pi / 1.5)})
    found = learned(data, "d(x)/dt = v\nd(v)/dt = f(x, v, t)", DIRECT, f=driven)
    without = learned(data, "d(x)/dt = v\nd(v)/dt = f(x, v)", DIRECT, f=NetworkConfig(width=8, depth=1))
    assert found.metrics.test["mean"] < 0.05
    assert without.metrics.test["mean"] > 0.4


@pytest.mark.parametrize(
    ("basis", "rate"),
    [
        (BasisConfig(kind="pieces", terms=3), lambda t: -1.0 if t < 2 else (0.8 if t < 4 else -0.3)),
        (BasisConfig(kind="polynomial", terms=2), lambda t: -1.0 + 0.9 * (t / 3) ** 2),
    ],
)
def test_a_law_that_changes_is_followed(basis: BasisConfig, rate) -> None:
    data = trajectories(
        lambda t, y: [rate(t) * y[0]], [(1.0,), (2.0,)], np.linspace(0, 6, 61), ["x"], split=SplitConfig(by="none")
    )
    found = learned(data, "d(x)/dt = f(x, t)", DIRECT, f=NetworkConfig(depth=0, basis={"t": basis}))
    assert found.metrics.train["mean"] < 0.02
    assert learned(data, "d(x)/dt = f(x, t)", DIRECT, f=LINEAR).metrics.train["mean"] > 0.1


def learned(data: Dataset, equations: str, settings: TrainConfig = SETTINGS, **networks: NetworkConfig) -> Fit:
    return fit(ModelConfig(equations=equations, networks=networks), data, settings)


def test_a_force_is_learned_where_only_positions_are_measured() -> None:
    """x'' = -x - x^3 - 0.2 x' (second order; Norcliffe et al. 2020); of first order x cannot oscillate at all."""
    data = trajectories(
        lambda t, y: [y[1], -y[0] - y[0] ** 3 - 0.2 * y[1]],
        [(1.5, 0.0), (0.5, 1.0), (-1.0, 0.5)],
        np.linspace(0, 8, 41),
        ["x", "v"],
        split=SplitConfig(by="none"),
    )
    positions = replace(
        data,
        measured=data.measured[:1],
        trajectories=tuple(replace(one, measured=one.measured[:, :1]) for one in data.trajectories),
    )
    small = NetworkConfig(width=6, depth=1)
    found = learned(positions, "d2(x)/dt2 = force(x) - 0.2*x'", force=small)
    assert found.metrics.train["mean"] < 0.05
    x = np.linspace(-1.2, 1.2, 25)
    assert evaluate_neural_term(found.model, "force", x[:, None]) == pytest.approx(-x - x**3, abs=0.2)
    assert learned(positions, "d(x)/dt = force(x)", DIRECT, force=small).metrics.train["mean"] > 0.5


def test_a_reflection_needs_a_hidden_state_or_the_start_as_an_argument() -> None:
    """x -> -x: paths of one state cannot cross (augmentation: Dupont et al. 2019; data control: Massaroli et al. 2020)."""
    t, starts = np.linspace(0, 1, 11), np.array([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5])
    values = [(start * np.cos(np.pi * t))[:, None] for start in starts]
    data = dataset_from_arrays([t] * 6, values, ["x"], split=SplitConfig(by="none"))
    alone = learned(data, "d(x)/dt = f(x)", DIRECT, f=NetworkConfig(width=6, depth=1))
    assert alone.metrics.train["mean"] > 0.5
    augmented = with_hidden_state(ModelConfig(equations="d(x)/dt = f(x)", networks={"f": LINEAR}), start=0.0)
    found = fit(augmented, data, SETTINGS)
    assert found.metrics.train["mean"] < 0.1
    # another start, seen by nobody
    path = simulate(found.model, t, np.array([0.8, 0.0])).measured[:, 0]
    assert path == pytest.approx(0.8 * np.cos(np.pi * t), abs=0.15)
    controlled = ModelConfig(
        equations="d(x)/dt = f(x, c, t)\nd(c)/dt = 0",
        networks={"f": NetworkConfig(depth=0, basis={"t": BasisConfig(kind="polynomial", terms=4)})},
        initial={"c": InitialConfig(value="x", fit=False)},
    )
    assert fit(controlled, data, DIRECT).metrics.train["mean"] < 0.1


UPTAKE: list[tuple[float, ...]] = [(3.0,), (0.5,)]
SMALL = NetworkConfig(width=6, depth=1)


def uptake(power: int, starts: list[tuple[float, ...]], seed: int) -> tuple[Dataset, Callable]:
    """Two short courses of x' = -3 x^n/(1 + x^n), six points each, with 6% noise, and the law."""

    def law(x):
        return 3 * x**power / (1 + x**power)

    t, none = np.linspace(0, 1.2, 6), SplitConfig(by="none")
    return trajectories(lambda _, y: [-law(y[0])], starts, t, ["x"], noise=0.06, seed=seed, split=none), law


def test_what_must_not_change_its_sign_needs_to_be_told() -> None:
    """Uptake is positive (Dugas et al. 2009): left free, the fit lets x grow from nothing where few points lie."""
    data, law = uptake(4, [(2.0,), (1.0,)], 0)
    free = NetworkConfig(width=6, depth=1, factor=("x",))
    found = {
        sign: learned(data, "d(x)/dt = -f(x)", DIRECT, f=msgspec.structs.replace(free, sign=sign)) for sign in SIGNS
    }
    ends = {
        sign: simulate(one.model, np.linspace(0, 10, 11), np.array([0.05])).measured[-1, 0]
        for sign, one in found.items()
    }
    assert ends["any"] > 0.2
    assert 0 < ends["positive"] < 0.05
    below = np.linspace(0.05, 0.5, 10)[:, None]
    errors = {
        sign: np.abs(evaluate_neural_term(one.model, "f", below) - law(below[:, 0])).mean()
        for sign, one in found.items()
    }
    assert errors["positive"] < 0.5 * errors["any"]


def test_a_rate_that_rises_goes_on_rising_beyond_the_data() -> None:
    """Monotone by construction (Sill 1998; Dugas et al. 2009): left free, the fit turns down where the data end."""
    data, law = uptake(2, UPTAKE, 1)
    x = np.linspace(0, 6, 61)
    free = evaluate_neural_term(learned(data, "d(x)/dt = -f(x)", DIRECT, f=SMALL).model, "f", x[:, None])
    rising = msgspec.structs.replace(SMALL, monotone={"x": "increasing"})
    held = evaluate_neural_term(learned(data, "d(x)/dt = -f(x)", DIRECT, f=rising).model, "f", x[:, None])
    assert np.diff(free).min() < -0.01 and np.diff(held).min() >= 0.0
    assert distance(held, law(x)) < 0.15 < 0.4 < distance(free, law(x))


def test_a_known_capacity_holds_beyond_the_data() -> None:
    """Bounds kept by a sigmoid: left free, the fit is far above the capacity where nothing was measured."""
    data, law = uptake(2, UPTAKE, 3)
    x = np.linspace(0, 6, 61)
    free = evaluate_neural_term(learned(data, "d(x)/dt = -f(x)", DIRECT, f=SMALL).model, "f", x[:, None])
    bounds = msgspec.structs.replace(SMALL, lower=0.0, upper=3.0)
    held = evaluate_neural_term(learned(data, "d(x)/dt = -f(x)", DIRECT, f=bounds).model, "f", x[:, None])
    assert free.max() > 3.5 and held.min() >= 0.0 and held.max() <= 3.0
    assert distance(held, law(x)) < 0.25 < 0.6 < distance(free, law(x))


def distance(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)) / truth.std())


def test_a_covariate_of_each_trajectory_enters_the_law_and_the_start() -> None:
    """x' = -(0.5 + dose^2) x from x(0) = 2 dose: the dose is a column that is constant in each trajectory."""
    t, doses = np.linspace(0, 2, 21), [0.3, 0.6, 0.9, 1.2, 1.5]
    values = [(2 * dose * np.exp(-(0.5 + dose**2) * t))[:, None] for dose in doses]
    data = dataset_from_arrays(
        [t] * 5,
        values,
        ["seen"],
        inputs=[np.full((21, 1), dose) for dose in doses],
        input_names=["dose"],
        split=SplitConfig(by="trajectory", test_trajectories=("3",)),
    )
    config = ModelConfig(
        equations="d(x)/dt = -rate(dose)*x\nseen = x",
        networks={"rate": NetworkConfig(width=6, depth=1)},
        initial={"x": InitialConfig(value="factor*dose", fit=False)},
    )
    found = fit(config, data, DIRECT)
    assert found.model.parameters["factor"] == pytest.approx(2.0, rel=0.05)
    assert evaluate_neural_term(found.model, "rate", np.array([[0.9]]))[0] == pytest.approx(0.5 + 0.81, rel=0.1)
    assert found.metrics.test["mean"] < 0.05
