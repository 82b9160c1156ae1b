"""python -m benchmarks.doses [--runs 100] [--repeats 3]: a fit of runs with five doses each beside the same fit without doses, how
many programs are compiled, and the same optimum by roadrunner and SciPy where libroadrunner is installed."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Literal

import numpy as np

from benchmarks.doses.problem import EQUATIONS, TRUE, config, runs, without_doses
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.result import Fit
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig

DOSES = 5


class Compilations:
    """Counts the programs that XLA compiles or fetches."""

    def __init__(self) -> None:
        import jax.monitoring

        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        del duration_secs, kwargs
        self.count += event == "/jax/core/compile/backend_compile_duration"


def timed(data: Dataset, preset: Literal["quick", "balanced", "thorough"]) -> tuple[Fit, float]:
    began = perf_counter()
    found = fit(config(), data, TrainConfig(preset=preset, fit_initial=False))
    return found, perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doses", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--noise", type=float, default=0.03, help="standard deviation of the noise, over the spread of the readings"
    )
    parser.add_argument("--preset", choices=("quick", "balanced", "thorough"), default="balanced")
    parser.add_argument("--no-peer", action="store_true", help="without roadrunner")
    parser.add_argument(
        "--network", action="store_true", help="only count what is compiled for a law that is a network"
    )
    options = parser.parse_args()
    compiled = Compilations()
    if options.network:
        _with_a_network(compiled, options.noise)
        return
    dosed = runs(options.runs, DOSES, options.noise)
    plain = without_doses(dosed, options.noise)
    for name, data in (("without doses", plain), (f"{DOSES} doses", dosed)):
        before = compiled.count
        found, seconds = timed(data, options.preset)
        print(f"{name}, first: {seconds:.2f} s, {compiled.count - before} programs compiled, {_values(found)}")
    for count in (7, 20):
        before = compiled.count
        _, seconds = timed(runs(options.runs, count, options.noise), options.preset)
        print(f"{count} doses after that: {seconds:.2f} s, {compiled.count - before} programs compiled")
    times: dict[str, list[float]] = {"plain": [], "dosed": []}
    found = None
    for _ in range(options.repeats):
        times["plain"].append(timed(plain, options.preset)[1])
        found, seconds = timed(dosed, options.preset)
        times["dosed"].append(seconds)
    ours, bare = median(times["dosed"]), median(times["plain"])
    print(
        f"again, medians of {options.repeats}: {bare:.2f} s without doses, {ours:.2f} s with {DOSES}: ratio {ours / bare:.2f}"
    )
    if options.no_peer or found is None:
        return
    if find_spec("roadrunner") is None:
        print("libroadrunner is not installed: pip install libroadrunner antimony")
        return
    from benchmarks.doses.roadrunner import fitted

    values, seconds, calls = fitted(dosed, DOSES)
    shown = ", ".join(f"{name} = {value:.5g}" for name, value in values.items())
    apart = max(abs(values[name] / found.model.parameters[name] - 1) for name in values)
    print(f"roadrunner and least_squares: {seconds:.2f} s, {calls} simulations of all runs, {shown}")
    print(f"ours / theirs: {ours / seconds:.3f}; the optima are {apart:.1e} apart")


def _with_a_network(compiled: Compilations, noise: float) -> None:
    """Each number of doses in its turn: what the first one compiles serves the others of about as many."""
    unknown = ModelConfig(
        equations=EQUATIONS.replace("ke*A", "out(A)"),
        parameters={name: ParameterConfig(value=TRUE[name], fixed=True) for name in ("ka", "V")},
        networks={"out": NetworkConfig(width=4, depth=1, sign="positive", factor=("A",))},
        initial=config().initial,
    )
    for doses in (1, 5, 6, 7, 20):
        before = compiled.count
        began = perf_counter()
        fit(unknown, runs(20, doses, noise), TrainConfig(preset="quick", fit_initial=False))
        print(f"{doses} doses, a network: {perf_counter() - began:.1f} s, {compiled.count - before} programs compiled")


def _values(found: Fit) -> str:
    return ", ".join(f"{name} = {found.model.parameters[name]:.5g}" for name in TRUE)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
