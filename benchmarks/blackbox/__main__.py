"""Gradients and forecasts of hybrid models whose known part cannot be differentiated.

    python -m benchmarks.blackbox                            # everything
    python -m benchmarks.blackbox gradients                  # how the error of the Euler gradient falls with the step
    python -m benchmarks.blackbox forecasts --problem lorenz63 --seeds 0 1
    python -m benchmarks.blackbox fmus                       # FMUs of pythonfmu and pythonfmu3, mended

Bars: the slope of the gradient error is 0.9 to 1.1; forecasts after `euler` are at most 1.1 times as far off as after `exact`, and at most
half as far as after `offline`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.blackbox.problems import PROBLEMS, Problem, forecast_error
from benchmarks.record import record
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.black_boxes import with_sources
from ndestudio.fitting.engines import JaxEngine
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.model import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device
from ndestudio.solve.scipy_reference import simulate

FINER = (16, 32, 64, 128)
"""Steps between two samples at which gradients are compared."""
SAMPLES = 3
"""Samples of a row there."""
WAYS = ("exact", "euler", "euler-static", "differences", "offline")


def gradient(problem: Problem, way: str, finer: int) -> np.ndarray:
    """Gradient of the loss by the weights of the networks, at their random start."""
    data, _, _ = problem.data(0, 0.0)
    train = TrainConfig(gradients=way)  # type: ignore[arg-type]
    prepared = prepare_fit(with_sources(initial_model(problem.model, data, 0), train), data, train)
    rows = [replace(row, index=row.index[:SAMPLES]) for row in make_batch(prepared, 1).rows[:4]]
    batch = make_batch(prepared, finer * (len(rows[0].index) - 1), rows=rows)
    engine = JaxEngine(prepared, batch, device("cpu")[0])
    engine.ready(SilentReporter())
    found = engine.linearise(start_point(prepared, batch))
    return np.einsum("br,brt->t", found.r, found.d_theta)


def gradients(problem: Problem) -> dict[str, tuple[float, str]]:
    """Relative errors of the Euler gradient by step, and the slope of their logarithms."""
    errors = []
    for finer in FINER:
        exact, euler = gradient(problem, "exact", finer), gradient(problem, "euler", finer)
        errors.append(float(np.linalg.norm(euler - exact) / np.linalg.norm(exact)))
        print(
            f"{problem.name}: step {problem.sample / finer:.5f}, error of the Euler gradient {errors[-1]:.4f}",
            flush=True,
        )
    slope = -float(np.polyfit(np.log(FINER), np.log(errors), 1)[0])
    last = float(np.log2(errors[-2] / errors[-1]))
    print(
        f"{problem.name}: slope {slope:.3f} over all steps, {last:.3f} over the two shortest (bar 0.9 to 1.1)",
        flush=True,
    )
    return {f"{problem.name} slope": (last, "1"), f"{problem.name} slope of all": (slope, "1")}


def forecasts(
    problem: Problem, ways: list[str], seeds: list[int], noise: float, preset: str, limit: float | None
) -> dict[str, tuple[float, str]]:
    """Errors of forecasts after fits with each kind of gradient, medians over seeds."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for seed in seeds:
        data, truth, t = problem.data(seed, noise)
        for way in ways:
            begin = time.perf_counter()
            train = TrainConfig(gradients=way, seed=seed, preset=preset, time_limit=limit)  # type: ignore[arg-type]
            fitted = fit(problem.model, data, train)
            predicted = [simulate(fitted.model, t, one[0]).states for one in truth]
            found[way].append(forecast_error(predicted, truth))
            print(
                f"{problem.name}, seed {seed}, {way}: forecast error {found[way][-1]:.5f}, "
                f"{time.perf_counter() - begin:.0f} s, {fitted.outcome}",
                flush=True,
            )
    middle = {way: float(np.median(errors)) for way, errors in found.items()}
    values = {f"{problem.name} {way}": (value, "1") for way, value in middle.items()}
    for other, bar in (("exact", 1.1), ("offline", 0.5)):
        if other in middle and "euler" in middle:
            ratio = middle["euler"] / middle[other]
            print(f"{problem.name}: euler over {other} {ratio:.3f} (bar {bar})", flush=True)
            values[f"{problem.name} euler over {other}"] = (ratio, "1")
    return values


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blackbox", description=__doc__)
    parser.add_argument(
        "what", nargs="*", default=[], choices=[[], "gradients", "forecasts", "fmus"], help="default: all"
    )
    parser.add_argument("--problem", choices=list(PROBLEMS), action="append")
    parser.add_argument("--ways", nargs="+", default=["exact", "euler", "offline"], choices=WAYS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--sample", type=float, help="time between samples, instead of that of the problem")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--limit", type=float, help="seconds of a fit, compiling included")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    wanted = options.what or ["gradients", "forecasts", "fmus"]
    values: dict[str, tuple[float, str]] = {}
    for name in options.problem or PROBLEMS:
        problem = PROBLEMS[name]()
        if options.sample:
            problem = replace(problem, sample=options.sample)
        if "gradients" in wanted:
            values |= gradients(problem)
        if "forecasts" in wanted:
            values |= forecasts(problem, options.ways, options.seeds, options.noise, options.preset, options.limit)
    if "fmus" in wanted:
        from benchmarks.blackbox.fmus import mended

        values |= mended()
    if options.record:
        print(record("blackbox", values), file=sys.stderr)


if __name__ == "__main__":
    main()
