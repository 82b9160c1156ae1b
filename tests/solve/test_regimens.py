"""Doses at steady state, resets and doses that last as long as the model says: against closed forms and written-out doses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.errors import DataError, EquationError
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.problem.periodic import NumpyTools, periodic_starts, regimen_numbers, regimens_of
from ndestudio.problem.space import structure_of
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device, get_jax
from ndestudio.solve.jax_periodic import JaxTools
from ndestudio.solve.scipy_reference import Simulation, simulate_trajectory
from tests.events import KA, KE, F, with_doses

T = np.linspace(0.0, 48.0, 25)
ORAL = "d(G)/dt = -ka*G\nd(A)/dt = ka*G - ke*A\nat doses + lag: G += F*amount\n"
MICHAELIS = "d(A)/dt = -Vm*A/(Km + A)\n"


def made(text: str, doses: list[Dose], **values: float) -> tuple[FittedModel, Dataset]:
    given = with_doses(dataset_from_arrays(T, np.ones((len(T), 1)), names=["A"], split=SplitConfig(by="none")), doses)
    states = ("G", "A") if "d(G)" in text else ("A",)
    config = ModelConfig(
        equations=text,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={name: InitialConfig(value=0.0, fit=False) for name in states},
    )
    return initial_model(config, given, 0), given


def simulated(text: str, doses: list[Dose], **values: float) -> Simulation:
    model, data = made(text, doses, **values)
    return simulate_trajectory(model, data, data.trajectories[0], rtol=1e-11, atol=1e-13)


def bateman(s: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    s = np.maximum(s, 0.0)
    return KA / (KA - KE) * (np.exp(-KE * s) - np.exp(-KA * s))


@pytest.mark.parametrize("adds", [False, True])
def test_oral_doses_at_steady_state_have_the_closed_form(adds: bool):
    lag, before = 1.5, Dose(0.0, 40.0)
    doses = [before, Dose(6.0, 100.0, steady_state=2 if adds else 1, interval=12.0), Dose(18.0, 100.0)]
    found = simulated(ORAL, doses, ka=KA, ke=KE, F=F, lag=lag).states[:, 1]
    regimen = sum(100.0 * F * bateman(T - lag - 6.0 - 12.0 * k) for k in range(-200, 2))
    alone = 40.0 * F * bateman(T - lag)
    expected = np.where(T >= 6.0, regimen + alone * adds, alone)
    assert np.abs(found - expected).max() < 1e-7


def test_infusions_at_steady_state_have_the_closed_form():
    def amount(s: np.ndarray) -> np.ndarray:
        during, after = np.clip(s, 0.0, 2.0), np.maximum(s - 2.0, 0.0)
        return 40.0 / KE * (1.0 - np.exp(-KE * during)) * np.exp(-KE * after)

    dose = Dose(0.0, 80.0, rate=40.0, duration=2.0, steady_state=1, interval=8.0)
    found = simulated("d(A)/dt = -ke*A", [dose], ke=KE).states[:, 0]
    assert np.abs(found - sum(amount(T + 8.0 * k) for k in range(200))).max() < 1e-7


def test_a_law_that_is_not_linear_settles_where_doses_written_out_lead():
    values = {"Vm": 12.0, "Km": 30.0}
    found = simulated(MICHAELIS, [Dose(0.0, 60.0, steady_state=1, interval=12.0)], **values).states[:, 0]
    model, data = made(MICHAELIS, [Dose(12.0 * k, 60.0) for k in range(4)], **values)
    start = np.zeros(1)
    for _ in range(60):
        start = simulate_trajectory(model, data, data.trajectories[0], rtol=1e-10, atol=1e-12).states[-1:, 0]
        model = initial_model(
            ModelConfig(
                equations=MICHAELIS,
                parameters=model.config.parameters,
                initial={"A": InitialConfig(value=float(start[0]), fit=False)},
            ),
            data,
            0,
        )
    assert found[0] - 60.0 == pytest.approx(float(start[0]), rel=1e-6)


def test_a_regimen_that_does_not_settle_is_a_sentence():
    found = simulated(MICHAELIS, [Dose(0.0, 200.0, steady_state=1, interval=12.0)], Vm=12.0, Km=30.0)
    assert np.isnan(found.states).all()
    assert "do not come to a steady state" in found.sentence


PARALLEL = ORAL.replace(" + lag", "") + "at doses + lag over D: A += (1 - F)*amount\n"
"""Part of a dose is absorbed slowly, the rest flows in later at a constant rate."""
BY_AMOUNT = ORAL.replace("lag", "slow*amount")


def written_out(text: str, dose: Dose, **values: float) -> Float[np.ndarray, "time state"]:
    """States from the begin of a dose on that has been given for 60 intervals before, without steady states."""
    begin = 60 * dose.interval
    doses = [replace(dose, time=k * dose.interval, steady_state=0) for k in range(61)]
    times = np.concatenate([[0.0], T + begin])
    ones = dataset_from_arrays(times, np.ones((len(times), 1)), names=["A"], split=SplitConfig(by="none"))
    given = with_doses(ones, doses)
    states = ("G", "A") if "d(G)" in text else ("A",)
    config = ModelConfig(
        equations=text,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={name: InitialConfig(value=0.0, fit=False) for name in states},
    )
    model = initial_model(config, given, 0)
    return simulate_trajectory(model, given, given.trajectories[0], rtol=1e-11, atol=1e-13).states[1:, : len(states)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (BY_AMOUNT, {"slow": 0.02}),
        (PARALLEL, {"lag": 3.0, "D": 4.0}),
        (ORAL + "at doses + later: A += (1 - F)*amount\n", {"lag": 5.0, "later": 2.0}),
        (ORAL.replace("lag: G += F*amount", "2*lag over F*amount/R: A += F*amount"), {"lag": 0.5, "R": 20.0}),
        (ORAL.replace("A += F*amount", "A = min(A, 20) + F*amount"), {"lag": 1.0}),
    ],
    ids=["lag by the amount", "two ways", "order by parameters", "rate of the model", "law of the dose is not linear"],
)
def test_what_follows_a_dose_at_steady_state_is_that_after_doses_written_out(text: str, values: dict[str, float]):
    dose, known = Dose(0.0, 100.0, steady_state=1, interval=12.0), {"ka": KA, "ke": KE, "F": F, **values}
    found, expected = simulated(text, [dose], **known).states, written_out(text, dose, **known)
    assert np.abs(found[:, : expected.shape[1]] - expected).max() < 1e-7


def test_in_jax_a_period_whose_order_parameters_decide_has_the_derivatives_by_differences():
    model, data = made(PARALLEL, [Dose(0.0, 100.0, steady_state=1, interval=12.0)], ka=KA, ke=KE, F=F, lag=3.0, D=4.0)
    structure = structure_of(model)
    regimens = regimens_of(model.system)
    assert regimens is not None and not regimens.ordered
    numbers = regimen_numbers(model.system, (), data.trajectories[0], 1)
    begin = np.zeros(len(structure.states))
    known = np.array([model.parameters[name] for name in structure.parameters])
    at_once = periodic_starts(regimens, structure.dynamics, {}, NumpyTools())

    def in_numpy(values: Float[np.ndarray, " parameter"]) -> Float[np.ndarray, " state"]:
        return at_once([np.array([value]) for value in values], begin[:, None], numbers[None])[:, 0]

    one_row = periodic_starts(regimens, structure.dynamics, {}, JaxTools())
    jax = get_jax()
    in_jax = lambda values: one_row(list(values), jax.numpy.asarray(begin), jax.numpy.asarray(numbers))  # noqa: E731
    found = np.asarray(jax.jit(in_jax)(known))
    forward = np.asarray(jax.jit(jax.jacfwd(in_jax))(known))
    np.testing.assert_allclose(found, in_numpy(known), rtol=1e-9, atol=1e-9)
    steps = 1e-5 * np.eye(len(known))
    differences = np.stack([(in_numpy(known + h) - in_numpy(known - h)) / 2e-5 for h in steps], axis=1)
    np.testing.assert_allclose(forward, differences, rtol=1e-6, atol=1e-6 * np.abs(differences).max())


def test_derivatives_of_a_steady_state_are_those_by_differences_and_both_engines_agree():
    text = ORAL.replace(" + lag", "")
    model, data = made(text, [Dose(0.0, 100.0, steady_state=1, interval=12.0)], ka=KA, ke=KE, F=F)
    problem = prepare_fit(model, data, TrainConfig())
    batch = make_batch(problem, 32)
    point = start_point(problem, batch)
    engine = JaxEngine(problem, batch, device("cpu")[0])
    engine.prepare()
    engine.ready(SilentReporter())
    linear = engine.linearise(point)
    direction, h = np.random.default_rng(0).standard_normal(len(point.theta)), 1e-5
    ends = [engine.linearise(point._replace(theta=point.theta + s * h * direction)).r for s in (1, -1)]
    by_difference = (ends[0] - ends[1]) / (2 * h)
    assert np.abs(linear.d_theta @ direction - by_difference).max() < 1e-7 * np.abs(by_difference).max()
    errors, _ = VectorEngine(problem, batch).errors(point.theta[None], point.free[None])
    weighted = (np.sqrt(batch.target.train) * errors[0]).reshape(linear.r.shape)
    np.testing.assert_allclose(weighted, linear.r, atol=1e-9 * np.abs(linear.r).max())


def test_resets_empty_the_compartments_and_end_what_is_under_way():
    doses = [Dose(0.0, 80.0, rate=4.0, duration=20.0), Dose(10.0, 50.0, reset=True), Dose(30.0, 0.0, reset=True)]
    found = simulated("d(A)/dt = -ke*A", doses, ke=KE).states[:, 0]
    first = 4.0 / KE * (1.0 - np.exp(-KE * T))
    second = 50.0 * np.exp(-KE * (T - 10.0))
    assert np.abs(found - np.where(T < 10.0, first, np.where(T < 30.0, second, 0.0))).max() < 1e-8


def test_a_reset_of_what_is_estimated_is_a_sentence_and_may_be_written():
    given = with_doses(dataset_from_arrays(T, np.ones((len(T), 1)), names=["R"]), [Dose(10.0, 0.0, reset=True)])
    settings = {"R": InitialConfig(value=2.0, fit=True)}
    with pytest.raises(EquationError, match="the initial value of `R` is estimated; say what a reset does: `at resets"):
        initial_model(ModelConfig(equations="d(R)/dt = 1 - R", initial=settings), given, 0)
    written = ModelConfig(equations="d(R)/dt = 1 - R\nat resets: R = 5\nat doses: R += amount", initial=settings)
    model = initial_model(written, given, 0)
    assert simulate_trajectory(model, given, given.trajectories[0], t=np.array([0.0, 10.0])).states[1, 0] < 5.0
    assert simulate_trajectory(model, given, given.trajectories[0], t=np.array([10.0, 11.0])).states[0, 0] == 5.0


@pytest.mark.parametrize(
    ("line", "rate", "duration"), [("over D: A += F*amount", -2.0, 3.0), ("over F*amount/R: A += F*amount", -1.0, 2.8)]
)
def test_durations_and_rates_that_the_model_gives(line: str, rate: float, duration: float):
    doses = [Dose(0.0, 80.0, rate=rate), Dose(24.0, 80.0, rate=rate)]
    found = simulated(f"d(A)/dt = -ke*A\nat doses + lag {line}\n", doses, ke=KE, F=F, lag=0.5, D=3.0, R=20.0)
    expected = np.zeros_like(T)
    for begin in (0.5, 24.5):
        during, after = np.clip(T - begin, 0.0, duration), np.maximum(T - begin - duration, 0.0)
        expected += 80.0 * F / duration / KE * (1.0 - np.exp(-KE * during)) * np.exp(-KE * after)
    assert np.abs(found.states[:, 0] - expected).max() < 1e-7


@pytest.mark.parametrize(
    ("doses", "words"),
    [
        ([Dose(0.0, 80.0, rate=-2.0)], "say how long it lasts: `at doses over D1: A"),
        ([Dose(0.0, 80.0, rate=-1.0)], "say how long it lasts: `at doses over amount/R1: A"),
        ([Dose(0.0, 80.0, steady_state=1)], "has no interval; write after which time it was repeated"),
        ([Dose(0.0, 80.0, 8.0, 10.0, steady_state=1, interval=8.0)], "beyond the next one"),
    ],
)
def test_what_is_missing_in_the_table_or_the_model_is_a_sentence(doses: list[Dose], words: str):
    with pytest.raises(DataError, match=words):
        simulated("d(A)/dt = -ke*A", doses, ke=KE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("d(A)/dt = -ke*A*(1 + sin(t))", "this equation reads the time `t`, so that nothing repeats itself"),
        ("d(A)/dt = -ke*A\nat doses: A += amount*(1 + sin(t))", "this event reads the time `t`, so that nothing"),
        ("d(A)/dt = -ke*A\nwhen A > 9: A = 1", "in the periods before the first row no condition is looked at"),
    ],
)
def test_what_does_not_repeat_itself_has_no_steady_state(text: str, words: str):
    with pytest.raises(EquationError, match=words):
        made(text, [Dose(0.0, 80.0, steady_state=1, interval=8.0)], ke=KE)


def test_a_lag_that_reads_the_amount_is_no_lag_of_infusions():
    with pytest.raises(EquationError, match="reads `amount`, which an infusion does not know"):
        made("d(A)/dt = -ke*A\nat doses + k*amount: A += amount", [Dose(0.0, 80.0, 8.0, 10.0)], ke=KE, k=0.1)


def test_a_dose_may_be_absorbed_in_two_ways():
    found = simulated(PARALLEL, [Dose(0.0, 100.0)], ka=KA, ke=KE, F=F, lag=3.0, D=4.0).states[:, 1]
    during, after = np.clip(T - 3.0, 0.0, 4.0), np.maximum(T - 7.0, 0.0)
    slow = 30.0 / 4.0 / KE * (1.0 - np.exp(-KE * during)) * np.exp(-KE * after)
    assert np.abs(found - 70.0 * bateman(T) - slow).max() < 1e-7
    with pytest.raises(EquationError, match="both bring the doses to `A`, and no dose of the data leaves its duration"):
        made("d(A)/dt = -ke*A\nat doses: A += amount\nat doses over D: A += amount", [Dose(0.0, 80.0)], ke=KE, D=1.0)


def test_a_lag_may_be_a_quantity_of_parameters():
    found = simulated("lag = 2*half\n" + ORAL, [Dose(0.0, 100.0)], ka=KA, ke=KE, F=F, half=0.75).states[:, 1]
    assert np.abs(found - 100.0 * F * bateman(T - 1.5)).max() < 1e-7


def test_a_model_without_a_line_for_doses_does_not_pass_them_over():
    model, data = made("d(A)/dt = -ke*A", [], ke=KE)
    dosed = with_doses(data, [Dose(0.0, 5.0)])
    with pytest.raises(DataError, match="has doses, and the equations do not say what they do"):
        simulate_trajectory(model, dosed, dosed.trajectories[0])
