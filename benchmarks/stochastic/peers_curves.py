"""kramersmoyal and kozax on the same series, run by an interpreter that has them (`--peers PYTHON`): prints a line of JSON for each.

Imports nothing of this project; data come as JSON on standard input. kramersmoyal gives curves of drift and squared diffusion by a
kernel; kozax searches a formula for the drift by squared errors of the increments (it has none for the diffusion).
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from importlib.metadata import version


def curves(given: dict) -> dict:
    import numpy as np
    from kramersmoyal import km  # pyright: ignore[reportMissingImports]

    x, h = np.array(given["x"]), given["step"]
    begun = time.perf_counter()
    found, edges = km(x[:, None], bins=(np.array(given["edges"]),), powers=2)
    seconds = time.perf_counter() - begun
    return {
        "of": f"kramersmoyal {version('kramersmoyal')}",
        "seconds": seconds,
        "x": list(edges[0]),
        "drift": list(found[1] / h),
        "squared": list(2.0 * found[2] / h),
    }


def search(given: dict) -> dict:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from kozax.fitness_functions.SR_fitness_function import SymbolicRegressionFitnessFunction  # pyright: ignore[reportMissingImports]
    from kozax.genetic_programming import GeneticProgramming  # pyright: ignore[reportMissingImports]

    x = np.array(given["x"])
    data = jnp.array(x[:-1, None]), jnp.array(np.diff(x) / given["step"])
    begun = time.perf_counter()
    strategy = GeneticProgramming(
        num_generations=30,
        population_size=100,
        fitness_function=SymbolicRegressionFitnessFunction(),
        variable_list=[["x"]],
        layer_sizes=jnp.array([1]),
        num_populations=3,
    )
    strategy.fit(jax.random.PRNGKey(0), data, verbose=0)
    seconds, told = time.perf_counter() - begun, io.StringIO()
    with contextlib.redirect_stdout(told):
        strategy.print_pareto_front()
    return {"of": f"kozax {version('kozax')}", "seconds": seconds, "text": told.getvalue()}


def main() -> None:
    given = json.load(sys.stdin)
    for run in (curves, search):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = run(given)
            print(json.dumps(found), flush=True)
        except ImportError as error:
            print(json.dumps({"of": run.__name__, "missing": str(error)}), flush=True)


if __name__ == "__main__":
    main()
