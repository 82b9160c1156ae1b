"""Fits with an encoder, small: a start that is seen through two markers, and one state that nobody measures."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.fitting import compare, fit, profile, refit
from ndestudio.fitting.config import LatentConfig, TrainConfig
from ndestudio.fitting.latent.predict import predict_run
from ndestudio.fitting.result import Outcome
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, PriorConfig

TIMES = np.linspace(0.0, 4.0, 9)
MODEL = ModelConfig(
    equations="d(x)/dt = -k*x\nm_1, m_2 = g(x)",
    parameters={"k": ParameterConfig(value=0.7, prior=PriorConfig(kind="log-normal", median=0.7, sd=0.5))},
    networks={"g": NetworkConfig(depth=0)},
    initial={"x": InitialConfig(encoder="history", prior=PriorConfig(kind="log-normal", median=1.0, sd=0.5))},
)
TRAIN = TrainConfig(latent=LatentConfig(history=1.2, width=6, steps=100, batch=12, rate=0.03, draws=100))


def patients(count: int = 20, seed: int = 0, noise: float = 0.05) -> Dataset:
    """dx/dt = -x/2, m_1 = 2x + 1, m_2 = -x; a third of the values missing; the last six are held out."""
    rng = np.random.default_rng(seed)
    runs = []
    for k in range(count):
        x = np.exp(0.5 * rng.normal()) * np.exp(-0.5 * TIMES)
        values = np.column_stack([2.0 * x + 1.0, -x]) + noise * rng.normal(size=(len(TIMES), 2))
        values[rng.random(values.shape) < 0.33] = np.nan
        part = Part.TEST if k >= count - 3 else Part.VALIDATION if k >= count - 6 else Part.TRAIN
        runs.append(
            Trajectory(f"run_{k}", TIMES, values, np.zeros((len(TIMES), 0)), np.full(len(TIMES), part, dtype=np.int8))
        )
    return Dataset(tuple(runs), Column("t", "t"), (Column("m_1", "m_1"), Column("m_2", "m_2")))


def test_a_start_is_read_from_its_history() -> None:
    data = patients()
    found = fit(MODEL, data, TRAIN)
    assert found.outcome is Outcome.CONVERGED and found.latent is not None
    scores = found.latent.future["test"]
    assert scores.rmse < 0.25 and scores.crps < 0.15 and 0.7 < scores.coverage <= 1.0
    assert abs(found.model.parameters["k"] - 0.5) < 0.15
    assert found.model.config.networks["g_m_2"].depth == 0
    run = data.trajectory("run_19")
    one = predict_run(found.model, found.latent, run)
    later = run.t > 1.2
    assert np.nanmax(np.abs(one.mean - run.measured)[later]) < 0.6
    assert (one.lower < one.upper).all() and one.history_end == 1.2
    assert np.allclose(one.mean, predict_run(found.model, found.latent, run).mean), "the same each time"


def test_what_does_not_know_histories_refuses() -> None:
    from ndestudio.distil.config import RecoveryConfig
    from ndestudio.distil.recovery import recovery_test
    from ndestudio.model.initial import initial_model

    data = patients(8)
    model = initial_model(MODEL, data, 0)
    for call in (
        lambda: refit(model, data),
        lambda: profile(model, data, "k"),
        lambda: compare(MODEL, data),
        lambda: recovery_test(MODEL, data, RecoveryConfig()),
    ):
        with pytest.raises(EquationError, match="does not know starts that are read from the history"):
            call()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seeds": 3}, "has no effect on a model with an encoder"),
        ({"noise": "proportional"}, "proportional"),
        ({"loss": "huber"}, "has no effect on a model with an encoder"),
        ({"latent": LatentConfig(history=-1.0)}, "must be above 0"),
        ({"latent": LatentConfig(samples=0)}, "must be 1 or more"),
    ],
)
def test_settings_without_effect_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        fit(MODEL, patients(8), TrainConfig(**settings))  # type: ignore[arg-type]


def test_settings_of_encoders_need_one() -> None:
    plain = msgspec.structs.replace(MODEL, initial={})
    with pytest.raises(SpecError, match=r"\[train.latent\] width has no effect"):
        fit(plain, patients(8), TrainConfig(latent=LatentConfig(width=7)))


def test_data_that_cannot_be_read_so_are_refused() -> None:
    data = patients(8)
    halves = data.trajectories
    mixed = halves[0].part.copy()
    mixed[5:] = Part.TEST
    cut = replace(data, trajectories=(replace(halves[0], part=mixed), *halves[1:]))
    with pytest.raises(DataError, match="held out in part"):
        fit(MODEL, cut, TRAIN)
    with pytest.raises(DataError, match="Everything is measured within the history"):
        fit(MODEL, data, TrainConfig(latent=LatentConfig(history=99.0)))
    free = msgspec.structs.replace(MODEL, equations=MODEL.equations + "\nd(v)/dt = -v")
    with pytest.raises(EquationError, match="the start of `v` would be estimated run by run"):
        fit(free, data, TRAIN)
