"""Write curve.csv beside this file: steady states of a product under twelve levels of a substrate, with 3% noise.

    d(x)/dt = Vm*S/(K + S + S^2/Ki) - k*x

with Vm = 2, K = 0.4, Ki = 8 (Haldane's law of substrate inhibition) and k = 0.5, so that x = Vm*S/(K + S + S^2/Ki)/k at rest.

    python examples/substrate_inhibition/generate.py                          # --seed 1
    python examples/substrate_inhibition/generate.py --seed 2 --out curve.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

SEED = 1
VM, K, KI, RATE = 2.0, 0.4, 8.0, 0.5
NOISE = 0.03


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED, help="of the noise")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("curve.csv"))
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    S = np.geomspace(0.05, 40.0, 12)
    x = VM * S / (K + S + S**2 / KI) / RATE * (1.0 + NOISE * rng.standard_normal(len(S)))
    lines = [f"inf,{a:.4g},{b:.4g}" for a, b in zip(S, x, strict=True)]
    options.out.write_text("\n".join(["time,S,x", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
