"""Training on systems nobody tuned for: data as a person would have them, one term unknown, default settings."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.training.hiding import NEURAL_TERM, Hidden, hidden, least_linear
from benchmarks.training.problems import relative_error
from benchmarks.training.zoo import Known, systems
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.errors import NdeStudioError
from ndestudio.fitting import Fit, TrainConfig, fit
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.scipy_reference import simulate

UNSEEN = 4
"""Trajectories from new starts on which a model is judged."""
DATA = {
    "seven": "7 trajectories x 60 points",
    "one": "1 trajectory x 40 points",
    "ragged": "7 trajectories of 20 to 80 points at irregular times, a tenth of the values missing",
    "tiny": "as seven, in units in which all states are 1e-12 times as large",
    "huge": "as seven, in units in which all states are 1e9 times as large",
    "late": "as seven, the clock starting at 1e6",
    "free": "as seven, all constants of the rest free and starting 30% off",
}
SCALES = {"tiny": 1e-12, "huge": 1e9}
LATE = 1e6


@dataclass(frozen=True)
class Choice:
    """What to run: names of systems (none: all), kinds of data, noise levels, how many seeds, every term or one."""

    systems: tuple[str, ...] = ()
    data: tuple[str, ...] = ("seven", "one")
    noise: tuple[float, ...] = (0.0, 0.05)
    seeds: int = 1
    seconds: float | None = None
    every_term: bool = False
    store: str = ""


@dataclass(frozen=True)
class Row:
    """One training: errors over spreads (infinite where nothing finite came out), CPU and wall seconds.

    Parameters
    ----------
    unseen
        Of trajectories from new starts, without noise.
    term
        Of the learned term along the training trajectories.
    """

    system: str
    term: str
    data: str
    noise: float
    seed: int
    cpu: float
    wall: float
    train: float
    validation: float
    unseen: float
    term_error: float
    outcome: str
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        return (self.system, self.term, self.data, self.noise, self.seed)

    def line(self) -> str:
        return (
            f"  {self.system:28} {self.data:7} {self.noise:3.0%} {self.cpu:5.1f} CPU-s  validation {self.validation:6.1%}  "
            f"unseen {self.unseen:7.1%}  term {self.term_error:7.1%}  {self.outcome}: {self.sentence}"
        )


def unknown_terms(choice: Choice) -> None:
    """Train on every system chosen and print what came of it; rows in ``choice.store`` are not run again."""
    known = {one.name: one for one in systems()}
    missing = [name for name in choice.systems if name not in known]
    if missing:
        raise SystemExit(f"there is no system `{missing[0]}`; choose from {', '.join(known)}")
    there = _stored(choice.store)
    print("\nSystems nobody tuned for: one term unknown (32-32), the rest known; balanced preset")
    for name in choice.data:
        print(f"  {name}: {DATA[name]}")
    found = []
    for name in choice.systems or known:
        for row in _rows(known[name], choice, there):
            print(row.line(), flush=True)
            found.append(row)
    _summary(found)


def _rows(known: Known, choice: Choice, there: dict[tuple, Row]) -> Iterator[Row]:
    for data in choice.data:
        scale = SCALES.get(data, 1.0)
        for one in hidden(known, scale) if choice.every_term else [least_linear(known, scale)]:
            for noise in choice.noise:
                for seed in range(choice.seeds):
                    key = (known.name, one.term, data, noise, seed)
                    if key not in there:
                        there[key] = _row(one, data, noise, seed, choice.seconds)
                        _keep(choice.store, there[key])
                    yield there[key]


def _row(one: Hidden, data: str, noise: float, seed: int, seconds: float | None) -> Row:
    made = measurements(one, data, noise, seed)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        found: Fit | None = fit(_model(one, data, seed), made.dataset, TrainConfig(seed=seed, time_limit=seconds))
        said = ""
    except NdeStudioError as error:
        found, said = None, f"refused: {error}"
    except Exception as error:  # a crash is a finding
        traceback.print_exc()
        found, said = None, f"CRASHED: {type(error).__name__}: {error}"
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    inf = float("inf")
    if found is None:
        return Row(one.known.name, one.term, data, noise, seed, cpu, wall, inf, inf, inf, inf, "none", said)
    return Row(
        one.known.name,
        one.term,
        data,
        noise,
        seed,
        cpu,
        wall,
        found.metrics.train.get("mean", inf),
        found.metrics.validation.get("mean", float("nan")),
        _unseen_error(found.model, made),
        _term_error(found.model, made),
        str(found.outcome),
        found.sentence,
        found.notes,
    )


@dataclass(frozen=True, eq=False)
class Made:
    """Measurements with the truth behind them: true states of the training trajectories, and unseen ones."""

    one: Hidden
    dataset: Dataset
    t: list[np.ndarray]
    states: list[np.ndarray]
    u: list[np.ndarray]
    unseen: Dataset
    unseen_states: list[np.ndarray]


def measurements(one: Hidden, data: str, noise: float, seed: int) -> Made:
    """Simulated measurements; the noise of a column is a part of its standard deviation."""
    generator = np.random.default_rng([seed, sum(map(ord, one.known.name))])
    count = 1 if data == "one" else 7
    t, u, states = [], [], []
    for k in range(count + UNSEEN):
        points = 40 if data == "one" else 60
        if data == "ragged" and k < count:
            points = int(generator.integers(20, 81))
        t.append(_times(one.known, points, generator if data == "ragged" and k < count else None))
        u.append(_inputs(one.known, t[-1], generator))
        states.append(one.solve(t[-1], _start(one, generator), u[-1]))
    sigma = noise * np.concatenate(states[:count]).std(axis=0)
    values = [y + sigma * generator.normal(size=y.shape) for y in states[:count]]
    if data == "ragged":
        values = [np.where(generator.random(y.shape) < 0.1, np.nan, y) for y in values]
    shown = [times + LATE for times in t] if data == "late" else t
    names, inputs = list(one.full.states), list(one.known.inputs)
    dataset = dataset_from_arrays(shown[:count], values, names, inputs=u[:count], input_names=inputs)
    unseen = dataset_from_arrays(shown[count:], states[count:], names, inputs=u[count:], input_names=inputs)
    return Made(one, dataset, t[:count], states[:count], u[:count], unseen, states[count:])


def _times(known: Known, points: int, irregular: np.random.Generator | None) -> np.ndarray:
    if known.decades:
        return np.concatenate([[0.0], known.span * np.logspace(-known.decades, 0.0, points - 1)])
    if irregular is not None:
        return np.concatenate([[0.0], np.sort(irregular.uniform(0.0, known.span, points - 1))])
    return np.linspace(0.0, known.span, points)


def _start(one: Hidden, generator: np.random.Generator) -> np.ndarray:
    """Around the system's own start: zeros stay zero."""
    initial = np.array(list(one.known.initial.values()))
    return one.scale * initial * generator.uniform(1 - one.known.scatter, 1 + one.known.scatter, len(initial))


def _inputs(known: Known, t: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    columns = []
    for kind in known.inputs.values():
        if kind == "steps":
            levels = generator.uniform(-1, 1, 6)
            columns.append(levels[np.minimum((6 * t / known.span).astype(int), 5)])
        else:
            columns.append(np.sin(2 * np.pi * t / known.span * generator.uniform(2, 5) + generator.uniform(0, 6)))
    return np.stack(columns, axis=-1) if columns else np.zeros((len(t), 0))


def _model(one: Hidden, data: str, seed: int) -> ModelConfig:
    if data != "free":
        return one.model
    generator = np.random.default_rng(seed + 77)
    parameters = {}
    for name, given in one.model.parameters.items():
        off = given.value * 1.3 ** generator.choice([-1, 1])
        lower, upper = 0.0 if given.value > 0 else None, 0.0 if given.value < 0 else None
        parameters[name] = ParameterConfig(value=off, lower=lower, upper=upper)
    return ModelConfig(equations=one.model.equations, networks=one.model.networks, parameters=parameters)


def _unseen_error(model: FittedModel, made: Made) -> float:
    found = [
        simulate(model, one.t, truth[0], one).states
        for one, truth in zip(made.unseen.trajectories, made.unseen_states, strict=True)
    ]
    return relative_error(np.stack(found), np.stack(made.unseen_states))


def _term_error(model: FittedModel, made: Made) -> float:
    pairs = [made.one.truth(t, y, u) for t, y, u in zip(made.t, made.states, made.u, strict=True)]
    X, truth = np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    error = float(
        np.sqrt(np.mean((evaluate_neural_term(model, NEURAL_TERM, X) - truth) ** 2)) / max(truth.std(), 1e-300)
    )
    return error if np.isfinite(error) else float("inf")


def _summary(rows: list[Row]) -> None:
    print("  medians, worst, and how many are off by more than 10% beside the noise:")
    for data, noise in sorted({(row.data, row.noise) for row in rows}):
        part = [row for row in rows if (row.data, row.noise) == (data, noise)]
        unseen, term = np.array([row.unseen for row in part]), np.array([row.term_error for row in part])
        print(
            f"    {data:7} {noise:3.0%}: {len(part)} trainings, {np.median([row.cpu for row in part]):.1f} CPU-s; unseen "
            f"{np.median(unseen):.1%}, {int((unseen > 0.1 + noise).sum())} above; term {np.median(term):.1%}, "
            f"{int((term > 0.1 + noise).sum())} above"
        )


def _stored(path: str) -> dict[tuple, Row]:
    if not path or not Path(path).exists():
        return {}
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    rows = [Row(**json.loads(line)) for line in lines if line.endswith("}")]  # the last line may be cut off
    return {row.key: row for row in rows}


def _keep(path: str, row: Row) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
