"""The choice of the penalty on weights does not cost the fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.fitting import TrainConfig
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages import second_try
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.stages import Budget, Outcome
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device

CONTACTS = (0.25, 0.45)
MODEL = ModelConfig(
    equations="d(S)/dt = -foi(S, I, contact)\nd(E)/dt = foi(S, I, contact) - 0.25*E\n"
    "d(I)/dt = 0.25*E - g*I\nd(R)/dt = g*I",
    parameters={"g": ParameterConfig(value=0.12, lower=0.0)},
    initial={"S": InitialConfig(value=490.0, fit=False), "E": InitialConfig(value=6.0, fit=False)},
    networks={"foi": NetworkConfig(width=8, depth=1, sign="positive", factor=("S", "I"))},
)


def epidemics():
    t = np.linspace(0.0, 90.0, 31)
    generator = np.random.default_rng(0)
    values, inputs = [], []
    for contact in CONTACTS:
        force = lambda s, i, c=contact: c * s * i / 500.0  # noqa: E731
        field = lambda at, y, f=force: [  # noqa: E731
            -f(y[0], y[2]),
            f(y[0], y[2]) - 0.25 * y[1],
            0.25 * y[1] - 0.15 * y[2],
            0.15 * y[2],
        ]
        y = solve_ivp(field, (0, 90), [490.0, 6.0, 4.0, 0.0], t_eval=t, rtol=1e-9, atol=1e-9).y[2:].T
        values.append(y + 0.02 * y.std(axis=0) * generator.normal(size=y.shape))
        inputs.append(np.full((len(t), 1), contact))
    return dataset_from_arrays(
        [t] * 2, values, ["I", "R"], inputs=inputs, input_names=["contact"], split=SplitConfig(by="none")
    )


@pytest.mark.parametrize(("loss", "kept"), [(0.002, True), (0.2, False)])
def test_the_better_of_two_tries_is_kept(monkeypatch: pytest.MonkeyPatch, loss: float, kept: bool) -> None:
    data = epidemics()
    problem = prepare_fit(initial_model(MODEL, data, 0), data, TrainConfig(preset="quick"), smooth_training(data))
    tracker = Tracker(problem, SilentReporter(), 1e12)
    batch = make_batch(problem, 32)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    monkeypatch.setattr(JaxEngine, "ready", lambda self, reporter: None)
    first, second = start_point(problem, batch), start_point(problem, batch)
    tracker.consider(batch, first, 1, 0.08, float("nan"))
    tracker.strength = 1e-3
    chosen = []

    def refine(used: JaxEngine, at: Point) -> Outcome:
        chosen.append(used.problem.train.l2)
        tracker.consider(batch, second, 2, loss, float("nan"))
        return Outcome(second, loss, float("nan"), "converged")

    monkeypatch.setattr(second_try, "grow", lambda *given: Outcome(second, 0.01, float("nan"), "converged"))
    monkeypatch.setattr(
        second_try, "follow_marginal_likelihood", lambda t, e, at, budget: Outcome(at, 1.0, 1.0, "limit")
    )
    outcome = Outcome(first, 0.08, float("nan"), "converged")
    found = second_try.tried_again(tracker, engine, outcome, [first], Budget(5), (1.0,), refine)
    assert chosen == [second_try.weak_penalty(problem)]
    assert (found is not outcome) is kept
    assert tracker.problem is problem
    assert tracker.best_point is not None and (tracker.best_point[1] is second) is kept
    # the marginal likelihood would have cost the fit: the weak penalty stays
    assert tracker.strength == (second_try.weak_penalty(problem) if kept else 1e-3)
    assert tracker.best_score == pytest.approx(min(loss, 0.08))


def test_a_good_fit_is_not_tried_again() -> None:
    data = epidemics()
    problem = prepare_fit(initial_model(MODEL, data, 0), data, TrainConfig(preset="quick"), smooth_training(data))
    tracker = Tracker(problem, SilentReporter(), 1e12)
    batch = make_batch(problem, 32)
    tracker.consider(batch, start_point(problem, batch), 1, 0.9 * second_try.MISFIT * problem.floor, float("nan"))
    outcome = Outcome(start_point(problem, batch), 0.001, float("nan"), "converged")

    def never(engine: object, at: object) -> Outcome:
        raise AssertionError

    engine = JaxEngine(problem, batch, device("cpu")[0])
    assert second_try.tried_again(tracker, engine, outcome, [], Budget(5), (1.0,), never) is outcome
