"""The staged recipe on a tiny hybrid model: events, limits, stops, checkpoints, seeds, what compiles and what does not."""

from __future__ import annotations

import threading
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError, DeviceError
from ndestudio.fitting import Fit, Outcome, TrainConfig, device_info, fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.tracker import Tracker
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.initial import initial_model
from ndestudio.progress import Event, FitSnapshot, Phase, RecordingReporter, SilentReporter, TrainStep
from ndestudio.solve.compiled import compilations
from ndestudio.solve.jax_backend import get_jax
from tests.fitting.conftest import HYBRID, TINY

QUICK = TrainConfig(
    preset="quick", iterations={"collocation": 60, "final_refinement": 15, "trajectory": 60}, time_limit=600.0
)


@pytest.fixture(scope="module")
def trained() -> dict[str, object]:
    """One fit that several tests look at."""
    return {}


def run(trained: dict[str, object], dataset: Dataset) -> tuple[Fit, list[Event]]:
    if not trained:
        reporter = RecordingReporter()
        trained["fit"], trained["events"] = fit(HYBRID, dataset, QUICK, reporter), reporter.events
    return trained["fit"], trained["events"]  # type: ignore[return-value]


def growth_error(found: Fit, dataset: Dataset) -> float:
    X = np.concatenate([trajectory.measured for trajectory in dataset.trajectories])
    truth = 0.8 * X[:, 0] * X[:, 1]
    return float(np.sqrt(np.mean((evaluate_neural_term(found.model, "growth", X) - truth) ** 2)) / truth.std())


def test_finds_the_missing_term(trained: dict, noisy_predators: Dataset) -> None:
    found, _ = run(trained, noisy_predators)
    assert found.outcome in (Outcome.CONVERGED, Outcome.LIMIT)
    assert growth_error(found, noisy_predators) < 0.1
    assert found.metrics.train["mean"] < 0.06
    assert found.metrics.test["mean"] < 0.35
    assert found.model.parameters["a"] == pytest.approx(1.3, rel=0.1)
    assert found.noise["x"] == pytest.approx(0.03 * noisy_predators.spread()[0], rel=0.5)


def test_tells_what_it_does(trained: dict, noisy_predators: Dataset) -> None:
    found, events = run(trained, noisy_predators)
    stages = [event.stage for event in events if isinstance(event, Phase)]
    assert [stage for stage in stages if stage not in ("compiling", "shooting")] == [
        "preparing",
        "collocation",
        "final_refinement",
        "validating",
    ]
    steps = [event for event in events if isinstance(event, TrainStep)]
    assert all(later.seconds >= earlier.seconds for earlier, later in pairwise(steps))
    assert all(set(step.parameters) == {"a", "b", "d"} and step.parameters["d"] == 1.8 for step in steps)
    assert any(step.validation_loss is not None for step in steps)
    snapshots = [event for event in events if isinstance(event, FitSnapshot)]
    assert isinstance(events[0], FitSnapshot)  # something to see before anything is computed
    assert snapshots[-1].model is found.model
    for trajectory in noisy_predators.trajectories:
        t, predicted = snapshots[-1].predictions[trajectory.name]
        np.testing.assert_array_equal(t, trajectory.t)
        assert predicted.shape == trajectory.measured.shape


def test_keeps_histories_checkpoints_and_support(trained: dict, noisy_predators: Dataset) -> None:
    found, _ = run(trained, noisy_predators)
    assert {history.stage for history in found.history} >= {"collocation", "final_refinement"}
    assert 0 < len(found.checkpoints) <= 25
    assert found.checkpoints[-1].model is found.model
    support = found.model.networks["growth"].support
    assert support is not None and support.shape[1] == 2 and len(support) > 20
    low, high = support.min(axis=0), support.max(axis=0)
    assert (low > 0).all() and (high < 8).all()
    assert found.seconds["total"] > 0


def test_goes_on_from_a_model_and_does_not_lose_it(trained: dict, noisy_predators: Dataset) -> None:
    first, _ = run(trained, noisy_predators)
    again = fit(
        HYBRID, noisy_predators, msgspec.structs.replace(QUICK, stages=("final_refinement",)), None, first.model
    )
    assert again.metrics.train["mean"] < 1.1 * first.metrics.train["mean"]


def test_editing_settings_compiles_nothing(trained: dict, noisy_predators: Dataset) -> None:
    from dataclasses import replace

    found, _ = run(trained, noisy_predators)
    fit(
        HYBRID, noisy_predators, msgspec.structs.replace(QUICK, loss="huber")
    )  # what only the first fit of a kind needs
    before, compiled = compilations(), xla_compilations()
    parameters = {
        **HYBRID.parameters,
        "a": ParameterConfig(value=1.1, lower=0.2, upper=3.0),
        "b": ParameterConfig(value=0.9, fixed=True),
    }
    bounds = msgspec.structs.replace(HYBRID, parameters=parameters)
    data = replace(
        noisy_predators,
        weights={"x": 2.0},
        trajectories=tuple(replace(tr, measured=1.01 * tr.measured**1.02) for tr in noisy_predators.trajectories),
    )
    fit(bounds, data, msgspec.structs.replace(QUICK, l2=1e-5, seed=3))
    # as a training that was edited while it was paused: it goes on from the model it had reached
    steps = {**QUICK.iterations, "final_refinement": 4}
    huber = msgspec.structs.replace(
        QUICK, loss="huber", huber_delta=1.0, iterations=steps, preset="thorough", segment=8
    )
    fit(bounds, noisy_predators, huber, None, found.model)
    assert compilations() == before
    assert xla_compilations() == compiled


def xla_compilations() -> int:
    """Programs that JAX itself has compiled (or read from its cache) since this was first asked."""
    if not _listening:
        _listening.append(True)
        jax = get_jax()
        jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: _compiled.append(event))
    return sum("backend_compile" in event for event in _compiled)


_listening: list[bool] = []
_compiled: list[str] = []


def test_what_is_counted_as_a_compilation() -> None:
    jax, before = get_jax(), xla_compilations()
    jax.jit(lambda x: x * 1.2345 + before)(np.ones(3))
    assert xla_compilations() > before


def test_the_same_seed_gives_the_same_model(trained: dict, noisy_predators: Dataset) -> None:
    first, _ = run(trained, noisy_predators)
    second = fit(HYBRID, noisy_predators, QUICK)
    for a, b in zip(first.model.networks["growth"].weights, second.model.networks["growth"].weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("polls", [0, 2, 12])
def test_stops_at_any_poll_with_a_usable_model(noisy_predators: Dataset, polls: int) -> None:
    found = fit(HYBRID, noisy_predators, QUICK, RecordingReporter(stop_after=polls))
    assert found.outcome is Outcome.STOPPED
    assert "stopped" in found.sentence
    assert np.isfinite(evaluate_neural_term(found.model, "growth", np.ones((1, 2)))).all()


def test_a_pause_costs_no_training_time(noisy_predators: Dataset) -> None:
    class Pausing(RecordingReporter):
        def should_stop(self) -> bool:
            if self.polls == 5:
                threading.Event().wait(1.5)
            return super().should_stop()

    reporter = Pausing()
    found = fit(HYBRID, noisy_predators, msgspec.structs.replace(QUICK, time_limit=30.0), reporter)
    assert found.outcome is not Outcome.STOPPED
    assert any(isinstance(event, TrainStep) and event.stage == "final_refinement" for event in reporter.events)


def test_the_time_limit_is_an_outcome(noisy_predators: Dataset) -> None:
    found = fit(HYBRID, noisy_predators, msgspec.structs.replace(QUICK, time_limit=0.01))
    assert found.outcome is Outcome.LIMIT
    assert "limit of time" in found.sentence
    assert np.isfinite(found.metrics.train["mean"])


@pytest.mark.parametrize(("given", "moved"), [(5.0, 0.0), (None, 3.0)])
def test_compiling_counts_only_against_a_limit_that_was_given(
    noisy_predators: Dataset, given: float | None, moved: float
) -> None:
    train = msgspec.structs.replace(QUICK, time_limit=given)
    problem = prepare_fit(initial_model(HYBRID, noisy_predators, 0), noisy_predators, train)
    tracker = Tracker(problem, SilentReporter(), deadline=100.0, counts_compiling=given is not None)
    tracker.compiled(3.0)
    assert tracker.deadline == pytest.approx(100.0 + moved)
    assert tracker.compile_seconds == 3.0


def test_lbfgs_and_stages_alone(noisy_predators: Dataset) -> None:
    found = fit(HYBRID, noisy_predators, msgspec.structs.replace(QUICK, stages=("collocation", "trajectory")))
    assert [history.stage for history in found.history] == ["collocation", "trajectory"]
    assert growth_error(found, noisy_predators) < 0.15


@pytest.mark.parametrize("stage", ["collocation", "shooting", "final_refinement"])
def test_a_stage_alone_is_run_and_no_other(noisy_predators: Dataset, stage: str) -> None:
    settings = msgspec.structs.replace(QUICK, stages=(stage,), iterations={stage: 12})
    found = fit(HYBRID, noisy_predators, settings)
    assert {history.stage for history in found.history} == {stage}
    assert growth_error(found, noisy_predators) < 2.0


def test_a_pure_neural_ode(predators: Dataset) -> None:
    config = ModelConfig(equations="d(x)/dt = f(x, y)\nd(y)/dt = g(x, y)", networks={"f": TINY, "g": TINY})
    found = fit(config, predators, QUICK)
    assert found.metrics.train["mean"] < 0.2


def test_data_without_training_rows_is_an_error_with_a_remedy(noisy_predators: Dataset) -> None:
    from dataclasses import replace

    rest = [tr for tr in noisy_predators.trajectories if tr.part[0] != Part.TRAIN]
    with pytest.raises(DataError, match="training part"):
        fit(HYBRID, replace(noisy_predators, trajectories=tuple(rest)))


def test_says_what_computes() -> None:
    info = device_info("cpu")
    assert info.kind == "cpu" and info.name and "core" in info.name
    if device_info().kind == "cpu":
        assert device_info().why_no_gpu.endswith(".")
        with pytest.raises(DeviceError, match="cpu"):
            device_info("gpu")


def test_a_fit_on_its_way_takes_no_place_before_it_ends(noisy_predators: Dataset) -> None:
    problem = prepare_fit(initial_model(HYBRID, noisy_predators, 0), noisy_predators, QUICK)
    tracker = Tracker(problem, SilentReporter(), deadline=np.inf)
    batch = make_batch(problem, 8)
    start, halfway, end, worse = (start_point(problem, batch) for _ in range(4))
    tracker.enter("final_refinement", "", 1, 1)
    tracker.step(batch, start, 0, 0.5, 0.004, candidate=True)
    tracker.step(batch, halfway, 1, 0.1, 0.003, candidate=True, underway=True)
    tracker.step(batch, worse, 2, 0.2, 0.0035, candidate=True, underway=True)
    assert tracker.best_point is not None and tracker.best_point[1] is start
    tracker.leave()  # as a stop or the limit of time would
    assert tracker.best_point[1] is halfway and tracker.best_stage[1] == 1
    tracker.enter("final_refinement", "", 1, 1)
    tracker.step(batch, worse, 1, 0.2, 0.0028, candidate=True, underway=True)
    tracker.step(batch, end, 2, 0.01, 0.002, candidate=True)
    tracker.leave()
    assert tracker.best_point[1] is end


class _StopsAmongSlopes(SilentReporter):
    """Asks to stop after some steps of the first stage."""

    steps = 0

    def emit(self, event: Event) -> None:
        self.steps += isinstance(event, TrainStep) and event.stage == "collocation"

    def should_stop(self) -> bool:
        return self.steps >= 8


def test_a_stop_while_slopes_are_fitted_keeps_what_they_taught(noisy_predators: Dataset) -> None:
    found = fit(HYBRID, noisy_predators, TrainConfig(), _StopsAmongSlopes())
    assert found.outcome is Outcome.STOPPED
    assert found.metrics.train["mean"] < 0.5
