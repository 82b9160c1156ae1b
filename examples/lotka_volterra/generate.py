"""Write lotka_volterra.csv beside this file: the Lotka-Volterra equations, sampled with 5% noise.

    d(x)/dt = alpha*x - beta*x*y        alpha = 1.3, beta = 0.9
    d(y)/dt = gamma*x*y - delta*y       gamma = 0.8, delta = 1.8

Parameters as in Rackauckas et al. 2020, "Universal differential equations for scientific machine learning". The noise
is Gaussian, independent, and proportional to the value: 5% of it.

    python examples/lotka_volterra/generate.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

SEED = 7
ALPHA, BETA, GAMMA, DELTA = 1.3, 0.9, 0.8, 1.8
NOISE = 0.05
POINTS = 61
DURATION = 6.0
STARTS = ((0.45, 4.6), (1.0, 1.0), (2.0, 0.6), (3.5, 1.8), (1.5, 3.0), (4.5, 0.8), (0.8, 2.0), (2.8, 3.6))
"""Initial values of x and y, one pair for each trajectory."""


def field(t: float, state: np.ndarray) -> list[float]:
    """Right-hand sides."""
    x, y = state
    return [ALPHA * x - BETA * x * y, GAMMA * x * y - DELTA * y]


def main() -> None:
    """Integrate, add noise, write."""
    rng = np.random.default_rng(SEED)
    times = np.linspace(0.0, DURATION, POINTS)
    lines = ["trajectory,t,x,y"]
    for number, start in enumerate(STARTS, 1):
        exact = solve_ivp(field, (0.0, DURATION), start, t_eval=times, rtol=1e-10, atol=1e-12).y
        noisy = exact * (1.0 + NOISE * rng.standard_normal(exact.shape))
        lines += [f"{number},{t:.6g},{x:.6g},{y:.6g}" for t, x, y in zip(times, *noisy, strict=True)]
    Path(__file__).with_name("lotka_volterra.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
