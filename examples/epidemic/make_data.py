"""An endemic infection in a town of 2,000: every infection and recovery is an event of its own (Gillespie's exact algorithm)."""

from pathlib import Path

import numpy as np

PEOPLE, INFECTION, RECOVERY = 2000, 0.5, 0.25
"""Inhabitants; infections by an infected person each day where all others can be infected; recoveries each day."""
STARTS, DAYS, EVERY = (20, 60, 200, 800, 1500, 1900), 60.0, 0.5


def outbreak(first: int, random: np.random.Generator) -> list[int]:
    """Infected people every half day."""
    infected, t, seen = first, 0.0, [first]
    while len(seen) <= DAYS / EVERY:
        up, down = INFECTION * infected * (1.0 - infected / PEOPLE), RECOVERY * infected
        t += random.exponential(1.0 / (up + down)) if infected else np.inf
        while len(seen) * EVERY < t and len(seen) <= DAYS / EVERY:
            seen.append(infected)
        infected += 1 if random.random() < up / (up + down) else -1
    return seen


def main() -> None:
    """Write `epidemic.csv` beside this script."""
    random = np.random.default_rng(1)
    lines = ["town,day,infected"]
    for number, first in enumerate(STARTS, start=1):
        lines += [f"{number},{k * EVERY:g},{value}" for k, value in enumerate(outbreak(first, random))]
    (Path(__file__).parent / "epidemic.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
