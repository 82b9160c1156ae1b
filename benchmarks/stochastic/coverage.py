"""How often 95% limits hold the truth: `python -m benchmarks.stochastic coverage`; a bar of 90 to 99% is met by 90 to 99 of 100."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.stochastic.systems import SYSTEMS
from ndestudio.fitting.fit_model import fit
from ndestudio.fitting.stochastic.bootstrap import bootstrap_intervals
from ndestudio.model.config import ModelConfig

STEPS = {"ornstein-uhlenbeck": 0.4, "double well": 0.2, "root": 0.3, "logistic": 0.3}


def main(argv: Sequence[str]) -> None:
    """One line for each system."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stochastic coverage")
    parser.add_argument("--systems", default="")
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument(
        "--bootstrap", type=int, default=0, help="by so many simulated data sets in the place of the information"
    )
    given = parser.parse_args(argv)
    for name in [one for one in given.systems.split(",") if one] or list(STEPS):
        system = replace(SYSTEMS[name], step=STEPS[name], substeps=20)
        held = dict.fromkeys(system.parameters, 0)
        without = 0
        for seed in range(given.sets):
            data = system.series(10_000 + seed, given.samples)
            found = fit(ModelConfig(equations=system.equations), data)
            limits = dict(found.intervals)
            if given.bootstrap:
                limits = dict(bootstrap_intervals(found, data, given.bootstrap, seed=seed).intervals)
            without += not limits
            for key, value in system.parameters.items():
                low, high = limits.get(key, (value, value))
                held[key] += low < value < high
        told = ", ".join(f"{key} {count}" for key, count in held.items())
        print(
            f"{name}, {given.samples} samples: limits hold the truth in {told} of {given.sets} ({without} without limits)",
            flush=True,
        )
