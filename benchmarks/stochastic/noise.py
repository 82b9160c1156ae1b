"""Measurement noise of half the process noise per step: `python -m benchmarks.stochastic noise`.

The true form is fitted by the filter, and once more by transitions as if there were no errors, which shows what those do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.stochastic.systems import SYSTEMS
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.model.config import ModelConfig

STEP = 0.2
PART = 0.5
CASES = {"ornstein-uhlenbeck": ("s",), "double well": ("s",), "root": ("s",), "logistic": ("s",)}
"""System -> its parameters of the diffusion."""


def main(argv: Sequence[str]) -> None:
    """One line for each series."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stochastic noise")
    parser.add_argument("--systems", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--step", type=float, default=STEP)
    parser.add_argument("--filters", default="cubature,extended")
    given = parser.parse_args(argv)
    from dataclasses import replace

    for name in [one for one in given.systems.split(",") if one] or list(CASES):
        system = replace(SYSTEMS[name], step=given.step)
        counts: dict[str, int] = {}
        for seed in range(given.seeds):
            clean = system.series(seed)
            moved = np.concatenate([np.diff(one.measured[:, 0]) for one in clean.trajectories])
            level = PART * float(np.sqrt(np.mean(moved**2)))
            data = system.series(seed, error=level)
            told = []
            for kind in [*given.filters.split(","), "no errors"]:
                begun = time.perf_counter()
                settings = TrainConfig() if kind == "no errors" else TrainConfig(noise="constant", filter=kind)
                found = fit(ModelConfig(equations=system.equations), data, settings)
                off = {key: found.model.parameters[key] / value - 1.0 for key, value in system.parameters.items()}
                spread = max(abs(off[key]) for key in CASES[name])
                drift = max(abs(value) for key, value in off.items() if key not in CASES[name])
                counts[kind] = counts.get(kind, 0) + (drift < 0.1 and spread < 0.15)
                told.append(f"{kind}: drift {drift:.3f} diffusion {spread:.3f} ({time.perf_counter() - begun:.1f} s)")
            print(f"{name} {seed}, errors {level:.3g}; {'; '.join(told)}", flush=True)
        print(f"{name}: drift within 10% and diffusion within 15%: {counts} of {given.seeds}", flush=True)
