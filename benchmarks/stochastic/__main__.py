"""Stochastic models: `python -m benchmarks.stochastic [speed|rates|noise|coverage|first]`; without a word, seconds beside others."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.fitting.stochastic.grid_choice import grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.stated import stated_model
from ndestudio.project.spec import parse_spec
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.stochastic.paths import simulate_paths

PARTS = ("rates", "noise", "coverage", "first")
"""Each a module of this folder with a ``main``."""
COUNT, STEP = 10_000, 0.01
SPEC = '[model]\nequations = "d(x)/dt = x - x^3 + 0.7*noise"\ninitial.x = 1.0\n'


def best(run: Callable[[], object], times: int = 5) -> float:
    """Shortest of several runs, the first left out."""
    run()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return min(found)


def ours(true: FittedModel, t: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """Seconds of a gradient by every weight of two networks 1-32-32-1."""
    data = dataset_from_arrays([t], [x[:, None]], ["x"])
    networks = {name: NetworkConfig(width=32, depth=2) for name in ("f", "s")}
    model = initial_model(ModelConfig(equations="d(x)/dt = f(x) + s(x)*noise", networks=networks), data, 0)
    space, pairs = stochastic_space(model), transitions(model, data)
    made = {name: TransitionLikelihood(space, pairs, name) for name in ("euler", "taylor")}
    each = TransitionLikelihood(space, pairs, "moments")
    made |= {"moments": each.with_nodes(), "moments of each transition": each}
    # nodes as they lie once the diffusion is known about; the count of them is what costs
    grid = grid_of(true, pairs)
    if grid is not None:
        made["grid"] = TransitionLikelihood(space, pairs, "grid", 1, grid)
    return {name: best(lambda one=one: one.negative(space.theta)) for name, one in made.items()}


def theirs(x: np.ndarray) -> float:
    """Seconds of a gradient through `diffrax.diffeqsolve` with a Brownian tree, one step for each measurement, as a batch."""
    jax = get_jax()
    import diffrax
    import equinox as eqx
    import jax.numpy as jnp

    key = jax.random.PRNGKey(0)
    pair = eqx.nn.MLP(1, 1, 32, 2, jnp.tanh, key=key), eqx.nn.MLP(1, 1, 32, 2, jnp.tanh, jax.nn.softplus, key=key)
    begin, later, keys = jnp.asarray(x[:-1]), jnp.asarray(x[1:]), jax.random.split(key, COUNT)

    def end(nets: Any, start: Any, seed: Any) -> Any:
        f, s = nets
        tree = diffrax.VirtualBrownianTree(0.0, STEP, STEP / 4, (), seed)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, y, args: f(y[None])[0]),
            diffrax.ControlTerm(lambda t, y, args: s(y[None])[0], tree),
        )
        ends: Any = diffrax.diffeqsolve(terms, diffrax.EulerHeun(), 0.0, STEP, STEP, start).ys
        return ends[0]

    def loss(nets: Any) -> Any:
        return jnp.mean((jax.vmap(lambda y, k: end(nets, y, k))(begin, keys) - later) ** 2)

    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    return best(lambda: jax.block_until_ready(gradient(pair)))


def torchs(python: str, x: np.ndarray, kind: str) -> dict[str, float]:
    """Seconds of torchsde in an interpreter that has it; nothing, and a sentence, where it has not."""
    given = json.dumps({"begin": list(x[:-1]), "later": list(x[1:]), "step": STEP, "float": kind})
    file = str(Path(__file__).with_name("peers_torch.py"))
    ended = subprocess.run([python, file], input=given, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode:
        print(f"torchsde did not run: {ended.stderr.strip().splitlines()[-1:]}")
        return {}
    found = json.loads(ended.stdout)
    return {f"{found['versions']}, {name}, {kind}": value for name, value in found["seconds"].items()}


def speed(argv: Sequence[str]) -> None:
    """Seconds of a simulation, and of a gradient of the likelihood beside diffrax and torchsde."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stochastic speed")
    parser.add_argument("--torch", default="", help="an interpreter in which torch and torchsde are installed")
    python = parser.parse_args(argv).torch
    model = stated_model(parse_spec(SPEC).model)
    t = np.arange(COUNT + 1) * STEP
    x = simulate_paths(model, t, {"x": 1.0}, substeps=2).states[0, :, 0]
    for method in ("euler-maruyama", "sra1"):
        grid = np.linspace(0.0, 10.0, 1001)
        seconds = best(lambda m=method, g=grid: simulate_paths(model, g, {"x": 1.0}, 1000, method=m))
        print(f"1,000 paths of 1,000 steps, {method}: {seconds:.3f} s")
    found = ours(model, t, x)
    for name, seconds in found.items():
        print(f"gradient, {COUNT} transitions, 2 networks 1-32-32-1, {name}: {seconds * 1e3:.1f} ms")
    others = {"diffrax": theirs(x)}
    if python:
        others |= torchs(python, x, "float64") | torchs(python, x, "float32")
    else:
        print("torchsde is left out; name an interpreter that has it by --torch")
    for other, seconds in others.items():
        print(f"gradient of a path's end, {other}: {seconds * 1e3:.1f} ms")
        print("  times faster: " + ", ".join(f"{name} {seconds / one:.1f}" for name, one in found.items()))


def main(argv: Sequence[str]) -> None:
    """What was asked for."""
    what, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("speed", argv)
    if what == "speed":
        speed(rest)
    elif what in PARTS:
        importlib.import_module(f"benchmarks.stochastic.{what}").main(rest)
    else:
        raise SystemExit(f"there is no part `{what}`; choose from speed, {', '.join(PARTS)}")


if __name__ == "__main__":
    main(sys.argv[1:])
