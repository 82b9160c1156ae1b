"""Levels of a leaking tank, and the table of its outlet as a data sheet has it: python generate.py"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

HERE = Path(__file__).parent
LEVELS = np.arange(0.0, 6.01, 0.25)
INFLOWS = ((0.6, 1.4, 0.3), (1.2, 0.2, 1.6), (0.2, 0.9, 0.5), (1.5, 1.0, 0.1), (0.8, 1.8, 0.7))


def outflow(level: np.ndarray) -> np.ndarray:
    """Through the outlet, by Torricelli's law."""
    return 0.6 * np.sqrt(np.maximum(level, 0.0))


def main() -> None:
    with (HERE / "outlet.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["h", "q"])
        writer.writerows([[f"{h:g}", f"{q:.6g}"] for h, q in zip(LEVELS, outflow(LEVELS), strict=True)])
    random = np.random.default_rng(0)
    t = np.arange(0.0, 24.01, 0.5)
    with (HERE / "tank.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "t [h]", "h [m]", "u [m/h]"])
        for run, inflows in enumerate(INFLOWS, 1):
            u = np.array(inflows)[np.minimum((t // 8).astype(int), 2)]

            def rate(at: float, h: np.ndarray, inflows: tuple[float, ...] = inflows) -> np.ndarray:
                return inflows[min(int(at // 8), 2)] - np.interp(h, LEVELS, outflow(LEVELS)) - 0.05 * h**2

            h = solve_ivp(rate, (0.0, 24.0), [1.0 + 0.4 * run], t_eval=t, max_step=0.1, rtol=1e-8).y[0]
            noisy = h + 0.01 * random.normal(size=len(t))
            writer.writerows([[run, f"{a:g}", f"{b:.4f}", f"{c:g}"] for a, b, c in zip(t, noisy, u, strict=True)])


if __name__ == "__main__":
    main()
