"""Many trajectories: a part of them trains, in pieces; all of them get their starts and are scored."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, engines, pieces_of_rows, refit
from ndestudio.fitting.batches import fitted_rows, make_batch, start_point
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.initial_values import with_starts
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.constants import ENOUGH_ROWS
from ndestudio.fitting.stages.programs import gradient_of
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device

RATE = 0.7
CONFIG = ModelConfig(
    equations="d(x)/dt = -k*x + drive(x)",
    parameters={"k": ParameterConfig(value=0.3, lower=0.0)},
    networks={"drive": NetworkConfig(width=3, depth=1)},
)


def decays(count: int, points: int = 12, noise: float = 0.02) -> Dataset:
    """Exponential decays from different starts."""
    generator = np.random.default_rng(1)
    t = np.linspace(0, 3, points)
    clean = [generator.uniform(1, 3) * np.exp(-RATE * t) for _ in range(count)]
    values = [(one + noise * generator.normal(size=points))[:, None] for one in clean]
    return dataset_from_arrays([t] * count, values, ["x"], split=SplitConfig(by="trajectory", test=0.0))


def test_pieces_of_rows_give_what_all_rows_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = decays(8)
    problem = prepare_fit(initial_model(CONFIG, dataset, 0), dataset, TrainConfig())
    batch = make_batch(problem, 16, rows=fitted_rows(problem))
    where = device("cpu")[0]
    found = []
    for limit in (3e8, 2.5 * engines.row_bytes(problem, batch)):
        monkeypatch.setattr(engines, "PIECE_BYTES", {"cpu": limit})
        engine = JaxEngine(problem, batch, where)
        engine.ready(SilentReporter())
        found.append((engine.pieces, engine.linearise(start_point(problem, batch))))
    assert [pieces for pieces, _ in found] == [1, 4]
    for one, other in zip(*(linear[:-1] for _, linear in found), strict=True):  # the last: no penalties along the path
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_gradient_in_pieces_is_that_of_all_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = decays(8)
    problem = prepare_fit(initial_model(CONFIG, dataset, 0), dataset, TrainConfig(solver="heun"))
    batch = make_batch(problem, 16, rows=fitted_rows(problem))
    where, point, found = device("cpu")[0], start_point(problem, batch), []
    row = pieces_of_rows.gradient_row_bytes(problem.structure, problem.method, len(batch.grid.h))
    for limit in (3e7, 2.5 * row):
        monkeypatch.setattr(pieces_of_rows, "GRADIENT_BYTES", {"cpu": limit})
        gradient = gradient_of(problem, batch, where)
        gradient.ready(point, SilentReporter())
        found.append((gradient.pieces, gradient(point)))
    assert [pieces for pieces, _ in found] == [1, 4]
    for one, other in zip(*(evaluated for _, evaluated in found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_several_devices_give_the_same_numbers_as_one() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    script = str(Path(__file__).parent / "several_devices.py")
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["2", "devices", "alike"]


@pytest.mark.parametrize(
    ("rows", "most", "least", "pieces"),
    [(12, 12, 1, 1), (12, 5, 1, 3), (12, 12, 2, 2), (7, 7, 2, 7), (7, 0.5, 1, 7), (1, 9, 4, 1)],
)
def test_pieces_are_of_equal_size(rows: int, most: float, least: int, pieces: int) -> None:
    assert pieces_of_rows.pieces_of(rows, most, least) == pieces


def test_very_many_trajectories_are_thinned_evenly_and_some_validate(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = decays(200)
    problem = prepare_fit(initial_model(CONFIG, dataset, 0), dataset, TrainConfig())
    assert len(fitted_rows(problem)) == 200
    monkeypatch.setattr("ndestudio.fitting.batches.MOST_VALUES", 500)
    rows = fitted_rows(problem)
    names = [row.trajectory.name for row in rows]
    trains = [bool((row.trajectory.part == 0).any()) for row in rows]
    assert 32 <= sum(trains) <= 64 and len(rows) - sum(trains) >= 5
    assert trains == sorted(trains, reverse=True)
    assert any(name in names for name in [one.name for one in dataset.trajectories[150:]])


def test_starts_of_trajectories_left_out_are_estimated() -> None:
    dataset = decays(40, noise=0.1)
    model = initial_model(CONFIG, dataset, 0)
    still = replace(
        model,
        parameters={"k": RATE},
        networks={
            name: replace(net, weights=tuple(0 * w for w in net.weights), biases=tuple(0 * b for b in net.biases))
            for name, net in model.networks.items()
        },
    )
    problem = prepare_fit(still, dataset, TrainConfig())
    fitted = {dataset.trajectories[0].name}
    found, left = with_starts(problem, still, fitted, 16, 60.0)
    assert left == 0
    first = dataset.trajectories[0].name
    np.testing.assert_array_equal(found.initial[first], still.initial[first])
    # least squares on a known decay: start = sum(y e) / sum(e^2)
    generator_error, measured_error = [], []
    for trajectory in dataset.trajectories[1:]:
        if (trajectory.part != 0).any():
            continue
        e = np.exp(-RATE * trajectory.t)
        best = float(trajectory.measured[:, 0] @ e / (e @ e))
        generator_error.append(abs(float(found.initial[trajectory.name][0]) - best))
        measured_error.append(abs(float(trajectory.measured[0, 0]) - best))
    assert max(generator_error) < 0.1 * max(measured_error)
    assert with_starts(problem, still, fitted, 16, -1.0)[1] > 20


def test_constants_of_many_trajectories_are_those_of_all_of_them() -> None:
    dataset = decays(3 * ENOUGH_ROWS)
    config = ModelConfig(equations="d(x)/dt = -k*x", parameters={"k": ParameterConfig(value=0.2, lower=0.0)})
    found = refit(initial_model(config, dataset, 0), dataset, TrainConfig())
    assert found.model.parameters["k"] == pytest.approx(RATE, rel=0.01)
    trains = [trajectory for trajectory in dataset.trajectories if (trajectory.part == 0).any()]
    assert len(trains) > 2 * ENOUGH_ROWS and {one.name for one in trains} <= set(found.model.initial)
    # the minimum over all of them, to first order, and not that of a part
    slope = 0.0
    for trajectory in trains:
        start, e = found.model.initial[trajectory.name][0], np.exp(-found.model.parameters["k"] * trajectory.t)
        slope += float((trajectory.measured[:, 0] - start * e) @ (trajectory.t * start * e))
    scale = sum(float((one.t * one.measured[:, 0]) @ (one.t * one.measured[:, 0])) for one in trains)
    assert abs(slope) / scale < 1e-4
