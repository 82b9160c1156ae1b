"""The timings that ``benchmarks.compare`` takes of a checkout, through the public face of the package only.

    PYTHON benchmarks/timings.py prepare FOLDER      # data and a trained model, as files that every version reads
    PYTHON benchmarks/timings.py refit|distil|race FOLDER

Runs in the interpreter and with the package of the checkout that is measured, whatever its modules are called inside. The
last line of output is a JSON object: figure -> value (seconds unless its name says otherwise; ``cpu`` is processor time).
"""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

import ndestudio as nde
from ndestudio.distil import distil as distillation

TRUTH = {"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8}
KNOWN = "d(x)/dt = a*x - b*x*y\nd(y)/dt = c*x*y - d*y"
PARTLY = "d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y"
SEEDS = 3
EVALUATIONS = 200_000


def prepare(folder: Path) -> dict[str, float]:
    """Write the data of the other timings, and the model that ``distil`` begins with."""
    _write(folder / "clean.csv", _solutions(256, 100, 0.0, 0, end=5.0))
    for seed in range(SEEDS):
        _write(folder / f"noisy-{seed}.csv", _solutions(32, 100, 0.05, seed, end=10.0))
    data = _data(folder / "noisy-0.csv")
    model = _hybrid(8, 1)
    found = nde.fit(model, data, nde.TrainConfig(preset="quick", seed=0), nde.SilentReporter())
    nde.save_project(nde.Project(nde.Spec(name="trained", model=model), data, found), folder / "trained.nde")
    return {}


def refit(folder: Path) -> dict[str, float]:
    """The refit of four constants on 256 x 100 points without noise: the first in its process, and the best of five more."""
    data = _data(folder / "clean.csv")
    config = nde.ModelConfig(equations=KNOWN, parameters=_parameters("abcd"))
    fitted = nde.fit(config, data, nde.TrainConfig(preset="quick", seed=0), nde.SilentReporter()).model
    start = dataclasses.replace(fitted, parameters=dict.fromkeys(fitted.parameters, 1.0))
    runs = [_timed(lambda: nde.refit(start, data, nde.TrainConfig(fit_initial=False))) for _ in range(6)]
    off = max(abs(runs[-1][2].model.parameters[name] / value - 1) for name, value in TRUTH.items())
    wall, cpu = (min(run[k] for run in runs[1:]) for k in (0, 1))
    return {"refit first": runs[0][0], "refit": wall, "refit cpu": cpu, "refit off by (no time)": off}


def distil(folder: Path) -> dict[str, float]:
    """The distillation of one fixed model, limited by evaluations: the better of two."""
    project = nde.load_project(folder / "trained.nde")
    assert project.fit is not None and project.dataset is not None
    model, data = project.fit.model, project.dataset
    config = nde.DistilConfig(operators="polynomial", seconds=None, evaluations=EVALUATIONS, threads=1, seed=0)
    wall, cpu, found = min(
        (_timed(lambda: distillation(model, data, config, nde.SilentReporter())) for _ in range(2)), key=_wall
    )
    parts = {f"distil: {part}": seconds for part, seconds in found.seconds.items() if seconds > 0.01}
    return {"distil": wall, "distil cpu": cpu, **parts, "distil training error (no time)": found.metrics.train["mean"]}


def race(folder: Path) -> dict[str, float]:
    """Training with one unknown interaction: medians of some seeds, and the first in its process."""
    test = _unseen()
    rows = []
    for seed in range(SEEDS):
        data, watch = _data(folder / f"noisy-{seed}.csv"), _Watch()
        wall, cpu, found = _timed(
            lambda data=data, watch=watch, seed=seed: nde.fit(_hybrid(32, 2), data, nde.TrainConfig(seed=seed), watch)
        )
        errors = [(at, _error(model, *test)) for at, model in watch.models]
        reached = [next((at for at, error in errors if error <= goal), float("nan")) for goal in (0.05, 0.02)]
        rows.append((watch.models[0][0], *reached, wall, cpu, _error(found.model, *test)))
    names = ("first model", "to 5%", "to 2%", "end", "cpu", "error (no time)")
    middle = np.nanmedian(np.array(rows), axis=0)
    first = {f"race {name}, first in its process": float(rows[0][k]) for k, name in enumerate(names[:2])}
    return {**first, **{f"race {name}": float(value) for name, value in zip(names, middle, strict=True)}}


class _Watch:
    """A reporter that keeps the models it is told of and when."""

    def __init__(self) -> None:
        self.models: list[tuple[float, Any]] = []
        self.begin = time.perf_counter()

    def emit(self, event: object) -> None:
        if (model := getattr(event, "model", None)) is not None:
            self.models.append((time.perf_counter() - self.begin, model))

    def should_stop(self) -> bool:
        return False


def _timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = function()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def _wall(run: tuple[float, float, Any]) -> float:
    return run[0]


def _parameters(names: str, **settings: Any) -> dict[str, nde.ParameterConfig]:
    return {name: nde.ParameterConfig(value=1.0, lower=0.0, **settings) for name in names}


def _hybrid(width: int, depth: int) -> nde.ModelConfig:
    known = {name: nde.ParameterConfig(value=TRUTH[name], fixed=True) for name in "abd"}
    networks = {"growth": nde.NetworkConfig(width=width, depth=depth)}
    return nde.ModelConfig(equations=PARTLY, parameters=known, networks=networks)


def _data(path: Path) -> nde.Dataset:
    split = nde.SplitConfig(by="trajectory", train=0.85, validation=0.15, test=0.0)
    return nde.load(nde.DataConfig(files=(str(path),), time="t", trajectory="run", split=split))


def _solve(starts: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Lotka-Volterra from each of ``starts`` [row, state]: [row, time, state]."""

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        x, y = y.reshape(2, -1)
        return np.concatenate([TRUTH["a"] * x - TRUTH["b"] * x * y, TRUTH["c"] * x * y - TRUTH["d"] * y])

    y = solve_ivp(slope, (0, t[-1]), starts.T.ravel(), t_eval=t, rtol=1e-9, atol=1e-9, method="DOP853").y
    return y.reshape(2, len(starts), len(t)).transpose(1, 2, 0)


def _solutions(count: int, points: int, noise: float, seed: int, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Times, and noisy trajectories from random starts [row, time, state]."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0, end, points)
    y = _solve(generator.uniform(0.5, 3, (count, 2)), t)
    return t, y + noise * y.std(axis=1, keepdims=True) * generator.normal(size=y.shape)


def _unseen() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = np.random.default_rng(12345).uniform(0.7, 2.7, (8, 2))
    t = np.linspace(0, 10, 100)
    return t, starts, _solve(starts, t)


def _error(model: Any, t: np.ndarray, starts: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error on unseen starts over the standard deviation, the mean of the states."""
    found = np.stack([nde.simulate(model, t, start).states for start in starts])
    error = np.sqrt(np.mean((found - truth) ** 2, axis=(0, 1))) / truth.std(axis=(0, 1))
    return float(error.mean()) if np.isfinite(error).all() else float("inf")


def _write(path: Path, table: tuple[np.ndarray, np.ndarray]) -> None:
    t, y = table
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "t", "x", "y"])
        for number, one in enumerate(y):
            rows.writerows(
                [f"r{number}", repr(float(at)), *map(repr, map(float, row))] for at, row in zip(t, one, strict=True)
            )


if __name__ == "__main__":
    print(
        json.dumps({"prepare": prepare, "refit": refit, "distil": distil, "race": race}[sys.argv[1]](Path(sys.argv[2])))
    )
