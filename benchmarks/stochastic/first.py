"""Seconds to the first look at a series of 10,000 samples: `python -m benchmarks.stochastic first [--peers PYTHON]`.

Of ours the panels of drift and squared diffusion with what increments say (Kramers and Moyal), and the first model that a training of
networks shows; beside them the curves of kramersmoyal and the formula of the drift of kozax, on the same series.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.stochastic.systems import SYSTEMS
from ndestudio.data.dataset import Dataset
from ndestudio.figures.stochastic import field_panels
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.initial import initial_model
from ndestudio.progress import Event, FitSnapshot


class _Ears:
    """Notes when the first model is shown, and stops the training then."""

    def __init__(self) -> None:
        self.begun, self.first = time.perf_counter(), np.nan

    def emit(self, event: Event) -> None:
        if isinstance(event, FitSnapshot) and np.isnan(self.first):
            self.first = time.perf_counter() - self.begun

    def should_stop(self) -> bool:
        return not np.isnan(self.first)


def shortest(run: Callable[[], float], times: int = 3) -> tuple[float, float]:
    """Seconds of the first time, with all that has to be compiled, and the shortest of some more."""
    return run(), min(run() for _ in range(times))


def ours(data: Dataset) -> None:
    """Panels of an untrained model, and the first model that a training shows."""
    config = ModelConfig(
        equations="d(x)/dt = f(x) + s(x)*noise",
        networks={name: NetworkConfig(width=16, depth=2) for name in ("f", "s")},
    )

    def panels() -> float:
        begun = time.perf_counter()
        field_panels(initial_model(config, data, 0), data, "x")
        return time.perf_counter() - begun

    def training() -> float:
        ears = _Ears()
        fit(config, data, TrainConfig(preset="quick", time_limit=60.0), ears)
        return ears.first

    for name, run in (("drift and diffusion of increments", panels), ("first model of a training", training)):
        cold, warm = shortest(run)
        print(f"{name}: {cold:.2f} s the first time, {warm:.2f} s warm", flush=True)


def theirs(python: str, data: Dataset) -> None:
    """kramersmoyal and kozax; a sentence where one is missing."""
    system, x = SYSTEMS["double well"], data.trajectories[0].measured[:, 0]
    given = json.dumps({"x": list(x), "step": system.step, "edges": list(np.linspace(x.min(), x.max(), 201))})
    file = str(Path(__file__).with_name("peers_curves.py"))
    ended = subprocess.run([python, file], input=given, capture_output=True, text=True, timeout=400, check=False)
    for line in ended.stdout.splitlines():
        found = json.loads(line)
        if "missing" in found:
            print(f"{found['of']} did not run: {found['missing']}")
            continue
        print(f"{found['of']}: {found['seconds']:.2f} s")
        if "text" in found:
            print(f"  true drift x - x^3; its front:\n{found['text']}")
            continue
        at = np.array([-1.0, 0.5, 1.0])
        for name in ("drift", "squared"):
            told = ", ".join(f"{value:.3f}" for value in np.interp(at, found["x"], found[name]))
            print(f"  {name} at -1, 0.5, 1: {told} (true {'0, 0.375, 0' if name == 'drift' else '0.49'})")
    if ended.returncode:
        print(f"peers ended early: {ended.stderr.strip().splitlines()[-1:]}")


def main(argv: Sequence[str]) -> None:
    """All of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stochastic first")
    parser.add_argument("--peers", default="", help="an interpreter in which kramersmoyal and kozax are installed")
    python = parser.parse_args(argv).peers
    data = SYSTEMS["double well"].series(0)
    ours(data)
    if python:
        theirs(python, data)
    else:
        print("kramersmoyal and kozax are left out; name an interpreter that has them by --peers")
