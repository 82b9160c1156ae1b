"""Fits of the measured problems from many starts.

    python -m benchmarks.exchange.fits [--starts N] [--seconds S] [NAME ...]

The first start of each is at the nominal values; what the others reach is told beside it.
"""

from __future__ import annotations

import argparse
import time

from benchmarks.exchange.suites import cases
from ndestudio.exchange.petab.fit import fit_petab
from ndestudio.exchange.petab.objective import evaluate_petab
from ndestudio.exchange.petab.read import read_petab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    for case in cases("petab_benchmark"):
        if options.names and not any(name in case.name for name in options.names):
            continue
        problem = read_petab(case / f"{case.name}.yaml")
        nominal, begin, cpu = -evaluate_petab(problem).llh, time.perf_counter(), time.process_time()
        fit = fit_petab(problem, options.starts, seconds=options.seconds)
        best = ", ".join(f"{one.objective:.4f}" for one in fit.starts[:4])
        print(
            f"{case.name:28} nominal {nominal:.4f}; best {best} of {len(fit.starts)} starts; "
            f"{time.perf_counter() - begin:.0f} s, {time.process_time() - cpu:.0f} s of CPU",
            flush=True,
        )


if __name__ == "__main__":
    main()
