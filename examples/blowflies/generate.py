"""Write blowflies.csv beside this file: Nicholson's blowflies as a delay differential equation, sampled with 3% noise.

    d(N)/dt = p*N(t - tau)*exp(-N(t - tau)/N0) - delta*N

with N in thousands of adults, p = 6 1/d, N0 = 1, delta = 0.8 1/d and tau = 2 d, from steady starts. The equation is that of
Gurney, Blythe and Nisbet 1980, "Nicholson's blowflies revisited", Nature 287, 17; the constants are rounded ones of the same
kind. Solved by the method of steps: each piece is one delay long and reads the one before it.

    python examples/blowflies/generate.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

SEED = 5
P, N0, DELTA, TAU = 6.0, 1.0, 0.8, 2.0
NOISE = 0.03
DURATION, STEP = 30.0, 0.5
STARTS = (0.3, 1.2, 3.5)
"""Thousands of adults before and at the begin, one for each cage."""


def solve(start: float, times: np.ndarray) -> np.ndarray:
    """The solution at ``times``."""

    def steady(t: float) -> float:
        return start

    found, n, before = np.full(len(times), start), start, steady
    for k in range(int(np.ceil(DURATION / TAU))):
        begin, end = k * TAU, (k + 1) * TAU
        piece = solve_ivp(rate(before), (begin, end), [n], rtol=1e-10, atol=1e-12, method="DOP853", dense_output=True)
        inside = (times > begin) & (times <= end)
        found[inside] = piece.sol(times[inside])[0]
        n, before = float(piece.y[0, -1]), lambda t, known=piece.sol: float(known(t)[0])
    return found


def rate(before: Callable[[float], float]) -> Callable[[float, np.ndarray], list[float]]:
    """The right-hand side, with what was one delay before."""

    def field(t: float, n: np.ndarray) -> list[float]:
        earlier = before(t - TAU)
        return [P * earlier * np.exp(-earlier / N0) - DELTA * n[0]]

    return field


def main() -> None:
    """Solve, add noise, write."""
    rng = np.random.default_rng(SEED)
    times = np.arange(0.0, DURATION + 0.5 * STEP, STEP)
    lines = ["cage,t [d],N"]
    for number, start in enumerate(STARTS, 1):
        exact = solve(start, times)
        noisy = exact * (1.0 + NOISE * rng.standard_normal(len(exact)))
        lines += [f"{number},{t:.6g},{n:.6g}" for t, n in zip(times, noisy, strict=True)]
    Path(__file__).with_name("blowflies.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
