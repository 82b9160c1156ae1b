"""What the weak form finds by itself: the place of the right law among its proposals, without a trained network.

    python -m benchmarks.discovery.weak_form [--systems lorenz,allee] [--noise 1% 5%]

The same measurements as in the benchmark, nothing told. The weights of the rows begin from a network that was never trained, and
are those of the first proposals then, as they are those of the best combination in the second round of a distillation.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.discovery.measurements import NOISE, Measurements, measured, write_csv
from benchmarks.discovery.scoring import compared
from benchmarks.discovery.systems import QUICK, systems
from benchmarks.discovery.told import Question, question, term
from benchmarks.record import machine
from ndestudio.data import load
from ndestudio.distil.rounds import Rounds
from ndestudio.distil.scoring import Judge
from ndestudio.expression import Expr, to_text
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.model import initial_model
from ndestudio.model.replace import replace_neural_term
from ndestudio.progress import SilentReporter
from ndestudio.project.spec import load_spec
from ndestudio.solve.jax_backend import one_thread
from ndestudio.symbolic import ENGINES
from ndestudio.symbolic.presets import resolve_operators


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.weak_form",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--systems", default=",".join(QUICK), help="names, separated by commas")
    parser.add_argument("--noise", nargs="+", default=["1%", "5%"], choices=NOISE)
    parser.add_argument("--starts", type=int, default=4, choices=[2, 4], help="trajectories")
    given = parser.parse_args(argv)
    known = systems()
    print(machine())
    for noise in given.noise:
        first: list[bool] = []
        among: list[bool] = []
        for name in given.systems.split(","):
            made = measured(known[name], noise, given.starts, 0)
            asked = question(known[name], "nothing")
            assert asked is not None
            began = time.process_time()
            proposed = proposals(made, asked)
            places = {state: place(proposed[term(state)], state, made, asked) for state in asked.sought}
            first += [one == 1 for one in places.values()]
            among += [one is not None for one in places.values()]
            told = ", ".join(f"{state} {one or '-'}" for state, one in places.items())
            print(f"{name} {noise} {time.process_time() - began:.1f} CPU-s: {told}", flush=True)
        print(f"{noise}: the right law stands first {sum(first)}/{len(first)}, is proposed {sum(among)}/{len(among)}")
    return 0


def proposals(made: Measurements, asked: Question) -> Mapping[str, Sequence[Expr]]:
    """What the weak form proposes for each unknown term, the best first."""
    with tempfile.TemporaryDirectory() as name, one_thread():
        folder = Path(name)
        write_csv(made, folder / "data.csv")
        (folder / "spec.toml").write_text(asked.spec(0, None), encoding="utf-8")
        spec = load_spec(folder / "spec.toml")
        dataset = load(spec.data, SilentReporter(), folder)
        model, train = initial_model(spec.model, dataset, 0), TrainConfig()
        candidates = make_candidates(model, dataset, train)
        judge = Judge(dataset, candidates, True, lambda: False, train, SilentReporter(), {})
        names = [one.name for one in model.system.neural_terms]
        operators = resolve_operators(spec.distil.operators)[0]
        rounds = Rounds(
            model, dataset, spec.distil, ENGINES.get("evolution"), SilentReporter(), judge, names, operators
        )
        found = rounds.by_weak_form(None)
        near = model
        for one in names:
            near = replace_neural_term(near, one, found[one][0])
        return rounds.by_weak_form(near)


def place(formulas: Sequence[Expr], state: str, made: Measurements, asked: Question) -> int | None:
    """Place of the right law of ``state`` among ``formulas``, from 1; None if it is none of them."""
    for number, formula in enumerate(formulas, 1):
        law = asked.whole({state: to_text(formula)})[state]
        if compared(law, made.system.laws[state], made.box, made.relations).right:
            return number
    return None


if __name__ == "__main__":
    sys.exit(main())
