"""Write oscillator.csv beside this file: x' = y/(1 + y), y' = -x/(1 + x), without noise.

The system, and the box [-0.6, 1] x [-0.6, 1] that the trajectories start in, are those of the symbolic-regression example
in the documentation of diffrax. Sixteen trajectories start on a jittered grid over that box; the equations are integrated
to a relative error of 1e-11. Orbits are closed (x - log(1 + x) + y - log(1 + y) is conserved), so the poles at -1 are never
reached.

    python examples/oscillator/generate.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

SEED = 20
TRAJECTORIES = (4, 4)
POINTS = 61
DURATION = 6.0
LOWEST, HIGHEST = -0.6, 1.0


def field(t: float, state: np.ndarray) -> list[float]:
    """Right-hand sides; dimensionless."""
    x, y = state
    return [y / (1.0 + y), -x / (1.0 + x)]


def starts(rng: np.random.Generator) -> np.ndarray:
    """Initial values `[trajectory, state]`, one in each cell of a grid over the box."""
    cells = np.stack(np.meshgrid(*(np.arange(count) for count in TRAJECTORIES), indexing="ij"), axis=-1).reshape(-1, 2)
    place = (cells + rng.uniform(0.1, 0.9, cells.shape)) / np.array(TRAJECTORIES)
    return LOWEST + (HIGHEST - LOWEST) * place


def main() -> None:
    """Integrate and write."""
    rng = np.random.default_rng(SEED)
    times = np.linspace(0.0, DURATION, POINTS)
    lines = ["trajectory,t,x,y"]
    for number, start in enumerate(starts(rng), 1):
        solution = solve_ivp(field, (0.0, DURATION), start, t_eval=times, rtol=1e-11, atol=1e-13)
        lines += [f"{number},{t:.6g},{x:.9g},{y:.9g}" for t, x, y in zip(solution.t, *solution.y, strict=True)]
    Path(__file__).with_name("oscillator.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
