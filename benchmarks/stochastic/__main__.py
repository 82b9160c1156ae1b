"""Seconds of a gradient of the likelihood and of a simulation, beside diffrax: `python -m benchmarks.stochastic`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.stated import stated_model
from ndestudio.project.spec import parse_spec
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.stochastic.paths import simulate_paths

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


def ours(t: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """Seconds of a gradient by every weight of two networks 1-32-32-1."""
    data = dataset_from_arrays([t], [x[:, None]], ["x"])
    networks = {name: NetworkConfig(width=32, depth=2) for name in ("f", "s")}
    model = initial_model(ModelConfig(equations="d(x)/dt = f(x) + s(x)*noise", networks=networks), data, 0)
    space, pairs = stochastic_space(model), transitions(model, data)
    made = {name: TransitionLikelihood(space, pairs, name) for name in ("euler", "moments")}
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


def main() -> None:
    """Print one line each."""
    model = stated_model(parse_spec(SPEC).model)
    t = np.arange(COUNT + 1) * STEP
    x = simulate_paths(model, t, {"x": 1.0}, substeps=2).states[0, :, 0]
    for method in ("euler-maruyama", "sra1"):
        grid = np.linspace(0.0, 10.0, 1001)
        seconds = best(lambda m=method, g=grid: simulate_paths(model, g, {"x": 1.0}, 1000, method=m))
        print(f"1,000 paths of 1,000 steps, {method}: {seconds:.3f} s")
    found = ours(t, x)
    for name, seconds in found.items():
        print(f"gradient, {COUNT} transitions, 2 networks 1-32-32-1, {name}: {seconds * 1e3:.1f} ms")
    other = theirs(x)
    print(f"gradient through diffrax's diffeqsolve with a Brownian tree: {other * 1e3:.1f} ms")
    print(f"times faster: euler {other / found['euler']:.1f}, moments {other / found['moments']:.2f}")


if __name__ == "__main__":
    main()
