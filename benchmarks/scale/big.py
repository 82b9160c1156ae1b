"""One gradient of the Lotka-Volterra race at 10,000 trajectories x 100 points: time, processor time and memory, beside diffrax."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ndestudio.data.dataset import Dataset
from ndestudio.progress import SilentReporter

DRAWN = 200
"""Trajectories that are drawn; more are copies of them, which cost the same."""
REPEATS = 4


def gradient(count: int) -> None:
    """Ours (float64, exact steps), then diffrax's tutorial recipe (float32, adaptive), in one process."""
    from benchmarks.training import peers_jax
    from benchmarks.training.problems import HYBRID
    from ndestudio.fitting import TrainConfig
    from ndestudio.fitting.batches import make_batch, start_point
    from ndestudio.fitting.prepared import prepare_fit
    from ndestudio.fitting.stages.recipe import gradient_of
    from ndestudio.model.initial import initial_model
    from ndestudio.solve.jax_backend import device

    dataset = many(count)
    problem = prepare_fit(initial_model(HYBRID, dataset, 0), dataset, TrainConfig())
    batch = make_batch(problem, 48)
    point = start_point(problem, batch)
    ours = gradient_of(problem, batch, device("cpu")[0])
    ours.ready(point, SilentReporter())
    before = _peak()
    wall, cpu = _best(lambda: ours(point))
    pieces = getattr(ours, "pieces", 1)
    print(
        f"  ours: {wall:.2f} s, {cpu:.2f} s of the processor, {pieces} pieces; {_peak() - before:.0f} MB beside data and program, peak "
        f"{_peak():.0f} MB",
        flush=True,
    )
    spent = time.process_time()
    theirs, _ = peers_jax.gradient_seconds(dataset)
    print(
        f"  diffrax (with a step of Adam): {theirs:.2f} s, {theirs / wall:.2f} times ours; {time.process_time() - spent:.0f} s of the processor "
        f"with compiling; peak of the process then {_peak():.0f} MB",
        flush=True,
    )


def many(count: int) -> Dataset:
    """The measurements of the race, repeated."""
    from benchmarks.training.problems import measurements

    drawn = measurements(min(count, DRAWN), 100, 0.05, 0)
    rows = [replace(drawn.trajectories[k % len(drawn.trajectories)], name=f"run {k}") for k in range(count)]
    return replace(drawn, trajectories=tuple(rows))


def _best(call: Callable[[], Any]) -> tuple[float, float]:
    """Least wall and processor seconds."""
    call()
    found = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(one for one, _ in found), min(one for _, one in found)


def _peak() -> float:
    """MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
