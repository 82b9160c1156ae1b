"""Our statistical tubes beside GoTube: volumes, CPU seconds, and the share of other starts outside.

    python -m benchmarks.tubes [--case NAME] [--limit SECONDS] [--repetitions N]

Both have the same times (as published: every 0.01, Dubins car 0.1, cartpole 0.02), mu 1.1 and 99%. Volumes are means over the times. GoTube is our plain transcription (``gotube.py``), with the
image of the ball under the linearised flow as its metric and with plain balls; a run that has not come to its end at the limit is
compared over the times that it reached, its time then being a lower bound of what it needs. Both run before they are timed, so that
nothing is imported or compiled meanwhile; ours is the median of three. The first tube of ours is reported beside, with what it compiles.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import ndestudio as nde
from benchmarks.tubes.cases import Case, cases
from benchmarks.tubes.gotube import gotube
from ndestudio.model.schedule import NOTHING
from ndestudio.reach.flow import Flow, no_inputs
from ndestudio.reach.library import start_set

STARTS = 10_000


def field_of(case: Case) -> Any:
    """The right-hand side of a case for JAX."""
    from ndestudio.problem.space import structure_of
    from ndestudio.solve.jax_backend import get_jax

    jnp = get_jax().numpy
    drift = structure_of(case.model).dynamics.drift({}, jnp)
    return lambda y: drift([], 0.0, [], y)


def outside(case: Case, repetitions: int) -> dict[str, float]:
    """Shares of 10,000 random starts outside at any of 101 times; each repetition has a tube and starts of its own."""
    model, centre = case.model, list(case.centre.values())
    times = np.linspace(0.0, case.until, 101)
    flow = Flow(model, start_set(model, centre, case.radius, {}), times, no_inputs(times, 0), NOTHING)
    flow.choose_steps(flow.starts.inside(STARTS, np.random.default_rng(10**6)))
    shares = []
    for k in range(repetitions):
        tube = nde.reach_tube(model, times, centre, case.radius, seed=k)
        drawn = flow.starts.inside(STARTS, np.random.default_rng(10**6 + k))
        shares.append(1.0 - float(np.mean(tube.holds(flow.states(drawn)))))
    found = np.array(shares)
    return {"largest": float(found.max()), "mean": float(found.mean()), "above_1_percent": int((found > 0.01).sum())}


def compared(case: Case, limit: float) -> dict[str, Any]:
    """The figures of one case."""
    model, centre = case.model, list(case.centre.values())
    begin = time.process_time()
    tube = nde.reach_tube(model, case.times, centre, case.radius)
    first, spent = time.process_time() - begin, []
    for _ in range(3):
        begin = time.process_time()
        nde.reach_tube(model, case.times, centre, case.radius)
        spent.append(time.process_time() - begin)
    seconds = sorted(spent)[1]
    found: dict[str, Any] = {
        "case": case.name,
        "volume": float(tube.volumes.mean()),
        "cpu_seconds": seconds,
        "first": first,
    }
    field = field_of(case)
    for name, ellipsoids in (("gotube", True), ("gotube_balls", False)):
        size = len(case.centre)
        settings = {"batch": 100 if size < 4 else 2000, "ellipsoids": ellipsoids}
        gotube(field, np.array(list(case.centre.values())), case.radius, case.times[:3], limit=1.0, **settings)
        peer = gotube(field, np.array(list(case.centre.values())), case.radius, case.times, limit=limit, **settings)
        reached = len(peer.volumes)
        found[name] = {
            "volume": float(peer.volumes.mean()),
            "cpu_seconds": peer.seconds,
            "samples": peer.samples,
            "finished": peer.finished,
            "times": reached,
            "volume_ratio": float(tube.volumes[:reached].mean() / peer.volumes.mean()),
            "speed_ratio": peer.seconds / seconds,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append")
    parser.add_argument("--limit", type=float, default=120.0, help="CPU seconds of the peer; 0: no comparison")
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    for case in cases():
        if options.case and case.name not in options.case:
            continue
        row: dict[str, Any] = compared(case, options.limit) if options.limit > 0 else {"case": case.name}
        if options.repetitions:
            row["outside"] = outside(case, options.repetitions)
        rows.append(row)
        print(json.dumps(row), flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
