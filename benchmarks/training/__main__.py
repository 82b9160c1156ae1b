"""Training: ours beside the usual recipes, in one command.

    python -m benchmarks.training [--only first,race,refit,steps,spiral,example,terms,stiff,growth,large,gpu] [--seeds 5]
                                  [--peers PYTHON] [--brief]

Prints a table for each part. diffrax's tutorial recipe (single shooting through an adaptive Tsit5, Adam) runs with the same
data; torchdiffeq runs in the interpreter given by `--peers`. Times are wall seconds, compiling included. `--brief` leaves
the others out.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("EQX_ON_ERROR", "nan")

from benchmarks.training import parts, scale, stiff
from benchmarks.training.parts import Options

PARTS = {
    "first": parts.first_plot,
    "race": parts.race,
    "refit": parts.constants,
    "steps": parts.steps,
    "spiral": parts.spiral,
    "example": parts.example,
    "terms": parts.interactions,
    "stiff": stiff.stiff,
    "growth": scale.growth,
    "large": scale.large,
    "gpu": scale.accelerator,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peers", default="", help="an interpreter in which torchdiffeq is installed")
    parser.add_argument("--brief", action="store_true", help="leave the recipes of others out")
    given = parser.parse_args()
    options = Options(given.seeds, given.peers, given.brief)
    for name in given.only.split(","):
        if name not in PARTS:
            parser.error(f"there is no part `{name}`; choose from {', '.join(PARTS)}")
        PARTS[name](options)


if __name__ == "__main__":
    main()
