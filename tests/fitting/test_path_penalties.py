"""Penalties along the path: their value and derivatives, and models that break a conserved sum or a sign without them."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.errors import EquationError
from ndestudio.fitting import TrainConfig, fit, refit
from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.stages.programs import gradient_of
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, PenaltyConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import parse_system
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device
from ndestudio.solve.scipy_reference import simulate_all
from tests.fitting.conftest import TINY

NONE = SplitConfig(by="none")
QUICK = TrainConfig(preset="quick", time_limit=600.0)
T = np.linspace(0.0, 3.0, 16)


def laid_out(solver: str = "auto", weight: float = 3.0) -> tuple[PreparedFit, Batch]:
    """x' = -k x from 2 and from 1, with a penalty on x itself."""
    data = dataset_from_arrays([T, T], [2 * np.exp(-T)[:, None], np.exp(-T)[:, None]], ["x"], split=NONE)
    config = ModelConfig(
        equations="d(x)/dt = -k*x + 0*f(x)",
        parameters={"k": ParameterConfig(value=1.0)},
        networks={"f": TINY},
        penalties={"small": PenaltyConfig(expression="x", scale=0.5, weight=weight)},
    )
    problem = prepare_fit(initial_model(config, data, 0), data, TrainConfig(solver=solver))  # type: ignore[arg-type]
    return problem, make_batch(problem, 64)


@pytest.mark.parametrize("solver", ["auto", "sdirk4"])
def test_it_is_the_mean_square_along_the_trajectories(solver: str) -> None:
    problem, batch = laid_out(solver)
    found = VectorEngine(problem, batch).path_loss(start_point(problem, batch))
    each = (1.0 - np.exp(-6.0)) / 2.0
    assert found == pytest.approx(3.0 / 6.0 * (4.0 + 1.0) * each / 0.25, rel=2e-3)


def test_numpy_and_jax_see_the_same_residuals_and_derivatives() -> None:
    problem, batch = laid_out()
    point = start_point(problem, batch)
    engine, chosen = VectorEngine(problem, batch), device("cpu")[0]
    compiled = JaxEngine(problem, batch, chosen)
    compiled.ready(SilentReporter())
    ours, theirs = engine.linearise(point).path, compiled.linearise(point).path
    assert ours is not None and theirs is not None
    np.testing.assert_allclose(ours.r, theirs.r, atol=1e-9)
    np.testing.assert_allclose(ours.d_free, theirs.d_free, atol=1e-5)
    np.testing.assert_allclose(ours.d_theta[..., 0], theirs.d_theta[..., 0], atol=1e-5)
    program = gradient_of(problem, batch, chosen)
    program.ready(point, SilentReporter())
    whole = program(point)
    assert whole.path == pytest.approx(float(np.sum(theirs.r**2)), rel=1e-9)
    moved = point.theta.copy()
    moved[0] += 1e-6
    assert whole.theta[0] == pytest.approx((program(Point(moved, point.free)).loss - whole.loss) / 1e-6, rel=1e-3)


def late(dataset: Dataset, config: ModelConfig) -> np.ndarray:
    found = fit(config, dataset, TrainConfig(preset="quick", time_limit=600.0, iterations={"final_refinement": 40}))
    return np.asarray(simulate_all(found.model, dataset)["1"].states[:, 1])


def test_a_network_keeps_a_conserved_sum() -> None:
    """B' is a network of A that was measured while A was large only; A + B = 2 says what it is where A is small."""
    A, B = 2 * np.exp(-0.8 * T), 2 - 2 * np.exp(-0.8 * T)
    seen = np.column_stack([A, np.where(T < 0.9, B, np.nan)])
    data = dataset_from_arrays([T], [seen], ["A", "B"], split=NONE)
    equations = "d(A)/dt = -k*A\nd(B)/dt = h(A)"
    more = {"parameters": {"k": ParameterConfig(value=1.0)}, "networks": {"h": NetworkConfig(width=6, depth=1)}}
    held = {"sum": PenaltyConfig(expression="A + B - 2", weight=10.0)}
    without = late(data, ModelConfig(equations=equations, **more))  # type: ignore[arg-type]
    within = late(data, ModelConfig(equations=equations, penalties=held, **more))  # type: ignore[arg-type]
    assert np.abs(within - B).max() < 0.03
    assert np.abs(without - B).max() > 3 * np.abs(within - B).max()


def test_a_hidden_state_stays_positive_where_that_is_asked_for() -> None:
    x = np.exp(-T) + 0.6 * (np.exp(-0.5 * T) - np.exp(-T)) - 0.5 * (1 - np.exp(-T)) * T / 3
    data = dataset_from_arrays([T], [x[:, None]], ["x"], split=NONE)
    config = ModelConfig(
        equations="d(x)/dt = -x + y\nd(y)/dt = a - b*y",
        parameters={"a": ParameterConfig(value=0.1), "b": ParameterConfig(value=0.5)},
        initial={"y": InitialConfig(value=0.3, fit=True)},
    )
    lowest = {}
    for asked in (False, True):
        penalties = {"sign": PenaltyConfig(expression="y", kind="positive", weight=100.0)} if asked else {}
        one = ModelConfig(
            equations=config.equations, parameters=config.parameters, initial=config.initial, penalties=penalties
        )
        model = refit(initial_model(one, data, 0), data, QUICK).model
        lowest[asked] = float(simulate_all(model, data)["1"].states[:, 1].min())
    assert lowest[False] < -0.1
    assert lowest[True] > -0.02


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        (PenaltyConfig(), "needs an `expression`"),
        (PenaltyConfig(expression="x - total"), "`total` is no state, quantity, input or parameter"),
        (PenaltyConfig(expression="f(x)"), "unknown function `f`"),
        (PenaltyConfig(expression="x +"), "penalty `sum`"),
        (PenaltyConfig(expression="x", weight=-1.0), "`weight` must be"),
        (PenaltyConfig(expression="x", scale=0.0), "`scale` must be"),
    ],
)
def test_a_penalty_that_makes_no_sense_is_refused(penalty: PenaltyConfig, words: str) -> None:
    config = ModelConfig(equations="d(x)/dt = f(x)", networks={"f": TINY}, penalties={"sum": penalty})
    with pytest.raises(EquationError) as caught:
        parse_system(config, ["x"], [])
    assert words in caught.value.sentence
