"""Training: ours beside the usual recipes, in one command.

    python -m benchmarks.training [--only first,race,refit,steps,spiral,example,terms,stiff,growth,large,gpu] [--seeds 5]
                                  [--peers PYTHON] [--brief]
    python -m benchmarks.training --only coverage [--sets 100]
    python -m benchmarks.training --only systems [--systems lorenz,cstr] [--data seven,one,ragged,tiny,huge,late,free]
                                  [--noise 0 0.05] [--seeds 1] [--seconds 20] [--every-term] [--store FILE]

Prints a table for each part. diffrax's tutorial recipe (single shooting through an adaptive Tsit5, Adam) runs with the same
data; torchdiffeq runs in the interpreter given by `--peers`. Times are wall seconds, compiling included. `--brief` leaves
the others out. `coverage` and `systems` run only when named; with `--store` a run of `systems` that was cut off is taken up
again.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("EQX_ON_ERROR", "nan")

from benchmarks.record import record
from benchmarks.training import coverage, parts, scale, stiff, systems
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
    parser.add_argument("--seeds", type=int, default=0, help="default: 5, of `systems` 1")
    parser.add_argument("--peers", default="", help="an interpreter in which torchdiffeq is installed")
    parser.add_argument("--brief", action="store_true", help="leave the recipes of others out")
    parser.add_argument("--sets", type=int, default=100, help="of `coverage`: data sets")
    parser.add_argument("--systems", default="", help="of `systems`: names; default: all")
    parser.add_argument("--data", default="seven,one", help=f"of `systems`: {', '.join(systems.DATA)}")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.05], help="of `systems`: parts of the spread")
    parser.add_argument("--seconds", type=float, help="of `systems`: limit of one training; default: the preset's")
    parser.add_argument("--every-term", action="store_true", help="of `systems`: hide each term in turn")
    parser.add_argument("--store", default="", help="of `systems`: a file of results, to be taken up again")
    parser.add_argument("--record", action="store_true", help="keep the figures of `race` and `refit`")
    given = parser.parse_args()
    options = Options(given.seeds or 5, given.peers, given.brief)
    figures: dict[str, tuple[float, str]] = {}
    for name in given.only.split(","):
        if name in PARTS:
            figures.update(PARTS[name](options) or {})
        elif name == "coverage":
            coverage.coverage(given.sets)
        elif name == "systems":
            systems.unknown_terms(_choice(parser, given))
        else:
            parser.error(f"there is no part `{name}`; choose from {', '.join((*PARTS, 'coverage', 'systems'))}")
    if given.record:
        print(f"kept in {record('training', figures)}")


def _choice(parser: argparse.ArgumentParser, given: argparse.Namespace) -> systems.Choice:
    data = tuple(given.data.split(","))
    if not set(data) <= set(systems.DATA):
        parser.error(f"there are no data `{given.data}`; choose from {', '.join(systems.DATA)}")
    return systems.Choice(
        systems=tuple(filter(None, given.systems.split(","))),
        data=data,
        noise=tuple(given.noise),
        seeds=given.seeds or 1,
        seconds=given.seconds,
        every_term=given.every_term,
        store=given.store,
    )


if __name__ == "__main__":
    main()
