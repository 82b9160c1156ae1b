"""`python -m benchmarks.latent`: held-out patients after five days of history, latent hybrid beside its baselines."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.latent.dexamethasone import HISTORY, dataset, simulate
from benchmarks.latent.models import expert, latent_hybrid, neural_ode
from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting import Fit, fit
from ndestudio.fitting.config import LatentConfig, TrainConfig
from ndestudio.fitting.latent.predict import Future, crps, futures, predict_run, simulator_of, with_noise
from ndestudio.progress import Event, Note, SilentReporter, TrainStep

PUBLISHED = {
    "latent hybrid": (0.618, 0.625, 0.621),
    "neural ODE": (0.842, 0.801, 0.774),
    "expert": (0.759, 0.730, 0.855),
    "residual": (0.804, 0.686, 0.835),
    "ensemble": (0.731, 0.713, 0.740),
}
"""RMSE at 10, 100 and 500 training patients: results_sample.txt of the authors, the table of the paper."""
SIZES = (10, 100, 500)
BARS = {"RMSE": 0.60, "CRPS": 0.41, "low": 0.85, "high": 0.95, "seconds": 180.0}


@dataclass(frozen=True, eq=False)
class Predicted:
    """Draws of what would be measured of each test patient [draw, time, marker], with what was.

    Parameters
    ----------
    wall, cpu
        Seconds of the fits it took, compiling and scoring counted in.
    """

    futures: Sequence[Future]
    drawn: Sequence[np.ndarray]
    means: Sequence[np.ndarray]
    wall: float
    cpu: float


class _Teller(SilentReporter):
    def __init__(self, told: bool) -> None:
        self.told = told

    def emit(self, event: Event) -> None:
        if self.told and isinstance(event, TrainStep) and event.iteration % 100 == 0:
            print(f"    {event.iteration} {event.loss:.4f} {event.validation_loss}", flush=True)
        if self.told and isinstance(event, Note):
            print(f"    {event.text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="training patients")
    parser.add_argument("--models", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--encoder", default="gru", choices=["gru", "cde", "signature", "none"])
    parser.add_argument("--objective", default="elbo", choices=["elbo", "importance"])
    parser.add_argument("--seed", type=int, default=0, help="of the training; patients are those of the paper's seed")
    parser.add_argument("--steps", type=int, help="most steps of Adam (default: the preset's)")
    parser.add_argument("--told", action="store_true", help="print losses")
    options = parser.parse_args()
    latent = LatentConfig(history=HISTORY, encoder=options.encoder, objective=options.objective, steps=options.steps)
    train = TrainConfig(seed=options.seed, latent=latent, time_limit=3600.0)
    patients = simulate()
    for size in options.sizes:
        _one_size(dataset(patients, size), size, options.models, train, _Teller(options.told))


def _one_size(data: Dataset, size: int, models: Sequence[str], train: TrainConfig, teller: _Teller) -> None:
    made: dict[str, tuple[Fit, Predicted]] = {}
    for name in models:
        found = _predicted(name, data, train, teller, made)
        figures = scores(found)
        known = PUBLISHED[name][SIZES.index(size)] if size in SIZES else None
        verdict = ""
        if name == "latent hybrid":
            good = figures["RMSE"] <= BARS["RMSE"] and figures["CRPS"] <= BARS["CRPS"]
            good = good and BARS["low"] <= figures["coverage"] <= BARS["high"]
            verdict = " bars reached" if good else " BARS MISSED"
            verdict += f"; {found.cpu:.0f} s of processor for at most {BARS['seconds']:.0f} s"
        print(
            f"{size:4d} patients  {name:14s} RMSE {figures['RMSE']:.3f} (published {known})  CRPS {figures['CRPS']:.3f}  "
            f"90% bands {figures['coverage']:.1%}  {found.wall:.0f} s, {found.cpu:.0f} s of processor{verdict}",
            flush=True,
        )
        print(json.dumps({"size": size, "model": name, **figures, "wall": found.wall, "cpu": found.cpu}), flush=True)


def scores(found: Predicted) -> dict[str, float]:
    """RMSE as in the paper (root of the mean over patients), CRPS and coverage, all after the history."""
    squares, scored, inside, count = [], [], 0, 0
    for future, drawn, mean in zip(found.futures, found.drawn, found.means, strict=True):
        truth = future.truth[future.mask]
        squares.append(float(np.mean((mean[future.mask] - truth) ** 2)))
        values = np.moveaxis(drawn, 0, -1)[future.mask]
        scored.append(crps(values, truth))
        low, high = np.quantile(values, [0.05, 0.95], axis=-1)
        inside += int(((low <= truth) & (truth <= high)).sum())
        count += len(truth)
    return {
        "RMSE": float(np.sqrt(np.mean(squares))),
        "CRPS": float(np.concatenate(scored).mean()),
        "coverage": inside / count,
    }


def _predicted(
    name: str, data: Dataset, train: TrainConfig, teller: _Teller, made: dict[str, tuple[Fit, Predicted]]
) -> Predicted:
    if name in ("residual", "ensemble"):
        parts = [_fitted(one, data, train, teller, made) for one in ("expert", "neural ODE")]
        return _ensemble(data, parts) if name == "ensemble" else _residual(data, parts[0], train, teller)
    return _fitted(name, data, train, teller, made)[1]


def _fitted(
    name: str, data: Dataset, train: TrainConfig, teller: _Teller, made: dict[str, tuple[Fit, Predicted]]
) -> tuple[Fit, Predicted]:
    if name not in made:
        config = {"latent hybrid": latent_hybrid, "expert": expert, "neural ODE": neural_ode}[name]()
        wall, cpu = time.perf_counter(), time.process_time()
        found = fit(config, data, train, teller)
        spent = time.perf_counter() - wall, time.process_time() - cpu
        made[name] = found, _of_fit(found, data, Part.TEST, spent)
    return made[name]


def _of_fit(found: Fit, data: Dataset, part: Part, spent: tuple[float, float]) -> Predicted:
    latent = found.latent
    assert latent is not None
    seen = futures(simulator_of(found.model, latent), data, part)
    drawn = [with_noise(one.seen, latent, found.model.measured, latent.seed) for one in seen]
    return Predicted(seen, drawn, [one.seen.mean(axis=0) for one in seen], *spent)


def _ensemble(data: Dataset, parts: Sequence[tuple[Fit, Predicted]]) -> Predicted:
    """Weighted mean of two models, the weight chosen on the validation patients; their draws are mixed the same way."""
    one, other = (_of_fit(found, data, Part.VALIDATION, (0.0, 0.0)) for found, _ in parts)
    weights = np.linspace(0.0, 1.0, 21)
    best = float(weights[np.argmin([scores(_mixed(one, other, w))["RMSE"] for w in weights])])
    (_, first), (_, second) = parts
    return _mixed(first, second, best)


def _mixed(one: Predicted, other: Predicted, weight: float) -> Predicted:
    means = [weight * a + (1 - weight) * b for a, b in zip(one.means, other.means, strict=True)]
    count = round(weight * len(one.drawn[0]))
    drawn = [np.concatenate([a[:count], b[count:]]) for a, b in zip(one.drawn, other.drawn, strict=True)]
    return Predicted(one.futures, drawn, means, one.wall + other.wall, one.cpu + other.cpu)


def _residual(data: Dataset, first: tuple[Fit, Predicted], train: TrainConfig, teller: _Teller) -> Predicted:
    """A neural ODE of what the expert's predictions leave."""
    found, known = first
    wall, cpu = time.perf_counter(), time.process_time()
    expected = {one.name: predict_run(found.model, found.latent, one).mean for one in data.trajectories}
    left = replace(
        data,
        trajectories=tuple(replace(one, measured=one.measured - expected[one.name]) for one in data.trajectories),
    )
    second = fit(neural_ode(), left, train, teller)
    spent = known.wall + time.perf_counter() - wall, known.cpu + time.process_time() - cpu
    made = _of_fit(second, left, Part.TEST, spent)
    return Predicted(made.futures, made.drawn, made.means, *spent)


if __name__ == "__main__":
    main()
