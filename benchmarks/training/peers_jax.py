"""What others do: single shooting through diffrax's adaptive Tsit5, Adam, as in its tutorials. All in float32, as there."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.training.problems import TRUTH, WIDTH, relative_error
from ndestudio.data.dataset import Dataset, Part


def _solver(vector: Any, jnp: Any):
    import diffrax

    def solve(net: Any, ts: Any, y0: Any) -> Any:
        return diffrax.diffeqsolve(
            diffrax.ODETerm(vector),
            diffrax.Tsit5(),
            ts[0],
            ts[-1],
            ts[1] - ts[0],
            y0,
            args=net,
            saveat=diffrax.SaveAt(ts=ts),
            stepsize_controller=diffrax.PIDController(rtol=1e-3, atol=1e-6),
            throw=False,
        ).ys

    return solve


def _single(net: Any) -> Any:
    import equinox as eqx
    import jax

    return jax.tree_util.tree_map(lambda x: x.astype("float32") if eqx.is_inexact_array(x) else x, net)


def _stepper(solve: Any, optimiser: Any):
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    @eqx.filter_jit
    def step(net: Any, state: Any, ts: Any, ys: Any) -> Any:
        loss, gradient = eqx.filter_value_and_grad(
            lambda net: jnp.mean((jax.vmap(solve, (None, None, 0))(net, ts, ys[:, 0]) - ys) ** 2)
        )(net)
        updates, state = optimiser.update(gradient, state)
        return eqx.apply_updates(net, updates), state, loss

    return step


def race(dataset: Dataset, test: tuple, seed: int, seconds: float) -> list[tuple[float, float]]:
    """(seconds, error on unseen starts) along a growing horizon: a tenth for a quarter of the time, then all."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    train = [tr for tr in dataset.trajectories if tr.part[0] == Part.TRAIN]
    ys, t = jnp.asarray([tr.measured for tr in train], jnp.float32), jnp.asarray(train[0].t, jnp.float32)
    a, b, _, d = TRUTH.values()
    solve = _solver(lambda t, y, net: jnp.stack([a * y[0] - b * y[0] * y[1], net(y)[0] - d * y[1]]), jnp)
    net = _single(eqx.nn.MLP(2, 1, WIDTH, 2, jnp.tanh, key=jax.random.PRNGKey(seed)))
    optimiser = optax.adam(3e-3)
    step, predict = _stepper(solve, optimiser), eqx.filter_jit(jax.vmap(solve, (None, None, 0)))
    begin, spent, history = time.perf_counter(), 0.0, []
    for length, limit in ((0.1, 0.25 * seconds), (1.0, seconds)):
        n, k = max(int(length * len(t)), 2), 0
        state = optimiser.init(eqx.filter(net, eqx.is_inexact_array))
        while spent < limit:
            net, state, _ = step(net, state, t[:n], ys[:, :n])
            k += 1
            if k % 25 == 0:
                spent = time.perf_counter() - begin
                at = time.perf_counter()
                found = np.asarray(predict(net, jnp.asarray(test[0], jnp.float32), jnp.asarray(test[1], jnp.float32)))
                history.append((spent, relative_error(found, test[2])))
                begin += time.perf_counter() - at
    return history


def gradient_seconds(dataset: Dataset) -> tuple[float, float]:
    """Seconds of one step on all trajectories, and of compiling it."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    ys = jnp.asarray([tr.measured for tr in dataset.trajectories], jnp.float32)
    t = jnp.asarray(dataset.trajectories[0].t, jnp.float32)
    a, b, _, d = TRUTH.values()
    solve = _solver(lambda t, y, net: jnp.stack([a * y[0] - b * y[0] * y[1], net(y)[0] - d * y[1]]), jnp)
    net, optimiser = _single(eqx.nn.MLP(2, 1, WIDTH, 2, jnp.tanh, key=jax.random.PRNGKey(0))), optax.adam(1e-3)
    step, state = _stepper(solve, optimiser), optimiser.init(eqx.filter(net, eqx.is_inexact_array))
    begin = time.perf_counter()
    jax.block_until_ready(step(net, state, t, ys)[2])
    first = time.perf_counter() - begin
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        jax.block_until_ready(step(net, state, t, ys)[2])
        times.append(time.perf_counter() - begin)
    return min(times), max(first - min(times), 0.0)


def example(t: np.ndarray, y: np.ndarray, steps: int = 500) -> tuple[float, float]:
    """(seconds, MSE) of the neural ODE example's recipe: 64-64 softplus, batches of 32, a tenth of the horizon, then all."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    ys, ts, generator = jnp.asarray(y, jnp.float32), jnp.asarray(t, jnp.float32), np.random.default_rng(0)
    solve = _solver(lambda t, y, net: net[0] * net[1](y), jnp)
    mlp = eqx.nn.MLP(2, 2, 64, 2, jax.nn.softplus, final_activation=jnp.tanh, key=jax.random.PRNGKey(5678))
    net = (jnp.asarray(1.0, jnp.float32), _single(mlp))
    optimiser = optax.adabelief(3e-3)
    step = _stepper(solve, optimiser)
    begin, loss = time.perf_counter(), None
    for length in (0.1, 1.0):
        n = int(length * len(t))
        state = optimiser.init(eqx.filter(net, eqx.is_inexact_array))
        for _ in range(steps):
            net, state, loss = step(net, state, ts[:n], ys[jnp.asarray(generator.integers(0, len(y), 32))][:, :n])
        jax.block_until_ready(loss)
    spent = time.perf_counter() - begin
    found = eqx.filter_jit(jax.vmap(solve, (None, None, 0)))(net, ts, ys[:, 0])
    return spent, float(jnp.mean((found - ys) ** 2))


def spiral(t: np.ndarray, y: np.ndarray, steps: int = 500) -> tuple[float, float]:
    """(seconds, MSE) of Adam on the whole spiral, a 2-50-2 network of y^3."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    ys, ts = jnp.asarray(y[None], jnp.float32), jnp.asarray(t, jnp.float32)
    solve = _solver(lambda t, y, net: net(y**3), jnp)
    net = _single(eqx.nn.MLP(2, 2, 50, 1, jnp.tanh, key=jax.random.PRNGKey(0)))
    optimiser = optax.adam(1e-2)
    step, state = _stepper(solve, optimiser), optimiser.init(eqx.filter(net, eqx.is_inexact_array))
    begin, loss = time.perf_counter(), None
    for _ in range(steps):
        net, state, loss = step(net, state, ts, ys)
    jax.block_until_ready(loss)
    return time.perf_counter() - begin, float(loss)  # pyright: ignore[reportArgumentType]


def constants(dataset: Dataset, steps: int = 500) -> tuple[float, dict[str, float]]:
    """(seconds, constants) of fitting the four constants of Lotka-Volterra by Adam through diffrax."""
    import jax.numpy as jnp
    import optax

    ys = jnp.asarray([tr.measured for tr in dataset.trajectories], jnp.float32)
    t = jnp.asarray(dataset.trajectories[0].t, jnp.float32)
    solve = _solver(
        lambda t, y, p: jnp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]]), jnp
    )
    p, optimiser = jnp.asarray([1.0, 1.0, 0.5, 1.0], jnp.float32), optax.adam(1e-2)
    step, state = _stepper(solve, optimiser), optimiser.init(p)
    begin = time.perf_counter()
    for _ in range(steps):
        p, state, _ = step(p, state, t, ys)
    values = [float(value) for value in p]
    return time.perf_counter() - begin, dict(zip("abcd", values, strict=True))
