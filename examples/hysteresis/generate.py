"""Write hysteresis.csv beside this file: a damper pushed to and fro, its force 1% noisy; the law of Bouc and Wen.

    d(F)/dt = A*d(u)/dt - beta*abs(d(u)/dt)*F - gamma*d(u)/dt*abs(F)

with A = 2 kN/mm, beta = 0.3 /mm and gamma = 0.1 /mm. Eight runs with displacements u (two sines each, of other amplitudes and
frequencies); the force is what a load cell reads.

    python examples/hysteresis/generate.py
    python examples/hysteresis/generate.py --seed 3 --finer 10 --out finer.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

A, BETA, GAMMA = 2.0, 0.3, 0.1
NOISE = 0.01
RUNS, POINTS, DURATION = 8, 121, 12.0

Function = Callable[[np.ndarray], np.ndarray]


def displacement(rng: np.random.Generator) -> tuple[Function, Function]:
    """A displacement [mm] of two sines and its rate [mm/s], as functions of time [s]."""
    size = np.array([rng.uniform(2.0, 8.0), rng.uniform(0.5, 2.5)])
    pace = 2 * np.pi * np.array([rng.uniform(0.2, 0.35), rng.uniform(0.5, 0.8)])
    phase = rng.uniform(0.0, 2 * np.pi, 2)

    def value(t: np.ndarray) -> np.ndarray:
        return np.array([a * (np.sin(w * t + p) - np.sin(p)) for a, w, p in zip(size, pace, phase, strict=True)]).sum(0)

    def rate(t: np.ndarray) -> np.ndarray:
        return np.array([a * w * np.cos(w * t + p) for a, w, p in zip(size, pace, phase, strict=True)]).sum(0)

    return value, rate


def law(force: float, rate: float) -> float:
    """Rate of the force [kN/s] where the displacement has this rate [mm/s]."""
    return A * rate - BETA * abs(rate) * force - GAMMA * rate * abs(force)


def table(seed: int, finer: int = 1) -> str:
    """The file: the force at ``POINTS`` times of each run, the displacement at ``finer`` times as many."""
    rng = np.random.default_rng(seed)
    lines = ["run,t,u,F"]
    for run in range(1, RUNS + 1):
        u, rate = displacement(rng)
        t = np.linspace(0.0, DURATION, (POINTS - 1) * finer + 1)
        found = solve_ivp(
            lambda s, y, rate=rate: [law(y[0], rate(s))], (0.0, DURATION), [0.0], t_eval=t[::finer], max_step=0.01
        )
        force = found.y[0] + NOISE * np.std(found.y[0]) * rng.standard_normal(POINTS)
        cells = ["" if k % finer else f"{force[k // finer]:.5g}" for k in range(len(t))]
        lines += [f"{run},{s:.6g},{d:.6g},{cell}" for s, d, cell in zip(t, u(t), cells, strict=True)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the displacements and the noise")
    parser.add_argument("--finer", type=int, default=1, help="samples of the displacement for each one of the force")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("hysteresis.csv"))
    options = parser.parse_args()
    options.out.write_text(table(options.seed, options.finer), encoding="utf-8")


if __name__ == "__main__":
    main()
