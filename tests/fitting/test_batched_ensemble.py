"""Seeds side by side: as in sequence, one program for all, none spoilt by another, stopped at any poll."""

from __future__ import annotations

import threading
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.dataset import Dataset
from ndestudio.fitting import Device, Fit, Outcome, TrainConfig, fit, fit_model
from ndestudio.fitting.batched_ensemble import BatchedEnsemble, Clock, get_program
from ndestudio.fitting.ensemble import Seed, batch_width, fit_seeds
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.progress import Progress, RecordingReporter, TrainStep
from ndestudio.solve.jax_backend import device
from tests.fitting.conftest import HYBRID

FEW = TrainConfig(
    preset="quick",
    stages=("collocation", "final_refinement"),
    iterations={"collocation": 40, "final_refinement": 8},
    time_limit=600.0,
    seeds=3,
)
TOGETHER = msgspec.structs.replace(FEW, side_by_side=True)


def test_calls_of_threads_are_made_as_one_and_each_gets_its_own() -> None:
    batched_ensemble = BatchedEnsemble(3, device("cpu")[0])
    lengths, found = (4, 2, 6), {}
    shared = np.arange(3.0)

    def run(k: int) -> None:
        own = np.full(3, float(k))
        program = get_program(
            "p", lambda: lambda a, b, c: (a * c, b.sum()), (own, own, shared), batched_ensemble
        ).result()[0]
        found[k] = [program(own + step, own, shared) for step in range(lengths[k])]
        batched_ensemble.leave()

    threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert batched_ensemble.calls == [3, 3, 2, 2, 1, 1]
    for k, length in enumerate(lengths):
        for step in range(length):
            product, total = found[k][step]
            assert product == pytest.approx((k + step) * shared) and total == pytest.approx(3.0 * k)


def test_data_that_differ_between_seeds_are_kept_apart() -> None:
    batched_ensemble = BatchedEnsemble(2, device("cpu")[0])
    found = {}

    def run(k: int) -> None:
        own, data = np.zeros(2), np.full(2, 10.0 + k)
        program = get_program("q", lambda: lambda a, b, c: c - a, (own, own, data), batched_ensemble).result()[0]
        found[k] = program(own, own, data)
        batched_ensemble.leave()

    threads = [threading.Thread(target=run, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == pytest.approx([10.0, 10.0]) and found[1] == pytest.approx([11.0, 11.0])


def test_side_by_side_as_in_sequence_and_a_seed_of_nan_spoils_no_other(
    noisy_predators: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = fit_model._starting_model

    def broken(config, dataset, train, start) -> FittedModel:
        model = usual(config, dataset, train, start)
        if train.seed != 1:
            return model
        network = model.networks["growth"]
        weights = tuple(np.full_like(one, np.nan) for one in network.weights)
        return replace(model, networks={"growth": replace(network, weights=weights)})

    monkeypatch.setattr(fit_model, "_starting_model", broken)
    reporter = RecordingReporter()
    alone, together = fit(HYBRID, noisy_predators, FEW), fit(HYBRID, noisy_predators, TOGETHER, reporter)
    assert together.outcome is not Outcome.DIVERGED and together.seed == alone.seed != 1
    assert len(together.ensemble) == len(alone.ensemble) == 1
    X = np.concatenate([one.measured for one in noisy_predators.trajectories])
    for one, other in zip((alone.model, *alone.ensemble), (together.model, *together.ensemble), strict=True):
        assert other.parameters == pytest.approx(one.parameters, rel=1e-3)
        assert evaluate_neural_term(other, "growth", X) == pytest.approx(
            evaluate_neural_term(one, "growth", X), rel=1e-2, abs=1e-2
        )
    told = [event.text for event in reporter.events if isinstance(event, Progress) and "losses by seed" in event.text]
    assert told and "0: " in told[-1] and "2: " in told[-1]
    steps = [
        event.iteration
        for event in reporter.events
        if isinstance(event, TrainStep) and event.stage == "final_refinement"
    ]
    assert steps == sorted(steps)  # of one seed, not of three mixed up
    assert any("1 of 3 seeds" in note and "seed 1" in note for note in together.notes)
    assert any("2 seeds" in note and "`growth`" in note for note in together.notes)


@pytest.mark.parametrize("polls", [0, 60])
def test_stops_at_any_poll(noisy_predators: Dataset, polls: int) -> None:
    found = fit(HYBRID, noisy_predators, TOGETHER, RecordingReporter(stop_after=polls))
    assert found.outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    ("errors", "kept", "words"),
    [
        ({0: 0.05, 1: 0.4, 2: 0.04, 3: 0.055}, [2, 0, 3], "1 of 4 seeds do not count"),
        ({0: 1e-4, 1: 5e-4, 2: 9e-3}, [0, 1, 2], ""),
        ({0: float("nan"), 1: 0.3}, [1], "seed 0: no finite error"),
    ],
)
def test_badly_trained_seeds_do_not_count(
    noisy_predators: Dataset, errors: dict[int, float], kept: list[int], words: str
) -> None:
    models = {seed: initial_model(HYBRID, noisy_predators, seed) for seed in errors}

    def one(seed: Seed) -> Fit:
        number = seed.train.seed
        metrics = Metrics(train={"mean": 0.01}, validation={"mean": errors[number]})
        return Fit(Outcome.CONVERGED, "", models[number], metrics, number, Device("cpu", ""))

    found = fit_seeds(one, TrainConfig(seeds=len(errors)), RecordingReporter())
    assert [found.model, *found.ensemble] == [models[seed] for seed in kept]
    assert (
        any(words in note for note in found.notes) if words else not any("do not count" in note for note in found.notes)
    )


def test_an_error_of_one_ends_all(noisy_predators: Dataset) -> None:
    def one(seed: Seed):
        if seed.train.seed == 0:
            raise ValueError("broken")
        while not seed.reporter.should_stop():
            pass
        raise RuntimeError("stopped")

    with pytest.raises(ValueError, match="broken"):
        fit_seeds(one, TOGETHER, RecordingReporter(), 3)


def test_where_seeds_train_side_by_side(noisy_predators: Dataset) -> None:
    model = initial_model(HYBRID, noisy_predators, 0)
    if device()[1].kind == "cpu":
        assert batch_width(model, noisy_predators, FEW) == 1
    assert batch_width(model, noisy_predators, TOGETHER) == 3
    assert batch_width(replace(model, networks={}), noisy_predators, TOGETHER) == 1


def test_pauses_of_several_threads_count_once() -> None:
    clock, both = Clock(), threading.Barrier(2)
    begin, ready = clock(), threading.Event()

    def wait() -> bool:
        both.wait()
        return ready.wait(0.2)

    threads = [threading.Thread(target=clock.ask, args=(wait,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.0 <= clock() - begin < 0.15
