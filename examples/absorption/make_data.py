"""Make absorption.csv: twelve subjects, one oral dose each, sparse blood samples; saturable elimination (Michaelis and Menten).

    python make_data.py [--seed 0] [--subjects 12] [--output absorption.csv]

The truth is below. The deviations of the subjects are the quantiles of a normal distribution in random order, so that mean and spread
of these few are those of their population, and what a fit finds can be compared with what is written here.
"""

import argparse
import csv
from pathlib import Path
from statistics import NormalDist

import numpy as np
from scipy.integrate import solve_ivp

TRUTH = {"ka": 1.2, "V": 30.0, "vmax": 1.5, "km": 4.0}
"""1/h, L, mg/(L h), mg/L: medians of the subjects."""
SPREAD = {"ka": 0.3, "V": 0.2}
"""Standard deviations of the logarithms; elimination is the same in all subjects."""
DOSES = (150.0, 300.0, 450.0)
"""mg"""
NOISE = 0.15
"""mg/L"""
EVERY = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 24.0)
"""h; each subject gave blood at some of these times."""
SAMPLES = 7


def deviations(count: int, rng: np.random.Generator) -> np.ndarray:
    """Quantiles of a standard normal distribution in random order, with the standard deviation 1."""
    found = np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)])
    return rng.permutation(found / found.std())


def concentrations(dose: float, ka: float, V: float, t: np.ndarray) -> np.ndarray:
    """In plasma, after a dose into the gut at time 0."""

    def field(_: float, y: np.ndarray) -> list[float]:
        gut, plasma = y
        return [-ka * gut, ka * gut / V - TRUTH["vmax"] * plasma / (TRUTH["km"] + plasma)]

    return solve_ivp(field, (0.0, 24.0), [dose, 0.0], t_eval=t, rtol=1e-9, atol=1e-10).y[1]


def subjects(count: int, seed: int) -> list[tuple[str, float, float, float | None]]:
    """Subject, dose, time and concentration of each sample."""
    rng = np.random.default_rng(seed)
    eta = {name: spread * deviations(count, rng) for name, spread in SPREAD.items()}
    rows: list[tuple[str, float, float, float | None]] = []
    for k in range(count):
        ka, V = (TRUTH[name] * float(np.exp(eta[name][k])) for name in ("ka", "V"))
        t = np.sort(rng.choice(EVERY, SAMPLES, replace=False))
        dose = DOSES[k % len(DOSES)]
        seen = concentrations(dose, ka, V, t) + NOISE * rng.normal(size=SAMPLES)
        rows.append((f"S{k + 1:02d}", dose, 0.0, None))  # the dose: nothing is measured, and the run begins
        rows += [(f"S{k + 1:02d}", dose, float(at), max(float(value), 0.0)) for at, value in zip(t, seen, strict=True)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subjects", type=int, default=12)
    parser.add_argument("--output", default="absorption.csv")
    chosen = parser.parse_args()
    with Path(chosen.output).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "dose [mg]", "time [h]", "plasma [mg/L]"])
        for name, dose, t, value in subjects(chosen.subjects, chosen.seed):
            writer.writerow((name, dose, t, "" if value is None else f"{value:.4g}"))


if __name__ == "__main__":
    main()
