"""Make infection.csv: patients with an infection under one dose of a drug, seen through six noisy markers, half of them missing.

    python make_data.py [--seed 3] [--patients 40] [--output infection.csv]

The burden grows, is killed by the drug, and calls up an immune response that nobody measures; every patient begins at another
burden. The truth is below; the spec knows the first two equations and not the third.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

GROWTH, KILL, KE, IMMUNE = 0.8, 0.25, 0.5, 0.6
"""1/d, 1/(mg d), 1/d, 1/d"""
CALLED, FORGOTTEN = 0.4, 0.1
"""How fast the immune response comes (1/d at a burden of 1), and goes (1/d)."""
MEDIAN, SPREAD = 0.05, 0.8
"""Of the burden at the begin: log-normal."""
DAYS, NOISE, MISSING = 12, 0.05, 0.5
MARKERS = 6


def course(burden: float, day: float, dose: float) -> np.ndarray:
    """Burden and immune response at whole days."""

    def field(t: float, y: np.ndarray) -> list[float]:
        drug = dose * np.exp(-KE * (t - day)) if t >= day else 0.0
        b, z = y
        return [GROWTH * b * (1 - b) - KILL * drug * b - IMMUNE * b * z, CALLED * b - FORGOTTEN * z]

    t = np.arange(DAYS + 1.0)
    return solve_ivp(field, (0.0, DAYS), [burden, 0.0], t_eval=t, max_step=0.1, rtol=1e-8, atol=1e-10).y.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--output", default="infection.csv")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    mix, base = rng.normal(size=(2, MARKERS)), rng.normal(size=MARKERS)
    with Path(chosen.output).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "day [d]", "AMT", *(f"marker_{k + 1}" for k in range(MARKERS))])
        for number in range(chosen.patients):
            burden = MEDIAN * float(np.exp(SPREAD * rng.normal()))
            day, dose = int(rng.integers(1, 9)), round(float(rng.uniform(1.0, 8.0)), 2)
            seen = course(burden, day, dose) @ mix + base + NOISE * rng.normal(size=(DAYS + 1, MARKERS))
            there = rng.random(seen.shape) > MISSING
            for t in range(DAYS + 1):
                cells = [f"{value:.4g}" if known else "" for value, known in zip(seen[t], there[t], strict=True)]
                writer.writerow([f"P{number + 1:02d}", t, dose if t == day else "", *cells])


if __name__ == "__main__":
    main()
