"""Write `pendulum.csv`: three swings of an ideal pendulum, with noise of 0.02 in angle and velocity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

STARTS = ((1.0, 0.0), (2.0, 0.0), (0.5, 1.0))


def main() -> None:
    rng, t = np.random.default_rng(0), np.linspace(0.0, 8.0, 41)
    lines = ["run,t,q,p"]
    for number, start in enumerate(STARTS, 1):
        exact = solve_ivp(lambda _, y: [y[1], -np.sin(y[0])], (0.0, 8.0), start, t_eval=t, rtol=1e-10, atol=1e-10).y.T
        noisy = exact + 0.02 * rng.standard_normal(exact.shape)
        lines += [f"{number},{time:.1f},{q:.5f},{p:.5f}" for time, (q, p) in zip(t, noisy, strict=True)]
    Path(__file__).with_name("pendulum.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
