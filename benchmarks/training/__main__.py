"""Training: ours beside the usual recipes, in one command.

    python -m benchmarks.training [--only race,refit,steps,coverage] [--seeds 3]

Prints a table for each scenario. diffrax's tutorial recipe (single shooting through an adaptive Tsit5, Adam, growing horizon)
runs with the same data and network; torchdiffeq runs when it is installed. Times are wall seconds, compiling included.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("EQX_ON_ERROR", "nan")

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.training.coverage import coverage
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.expression import parse_expression
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.replace import replace_hole
from ndestudio.model.simulate import evaluate_hole, simulate
from ndestudio.progress import Event, FitSnapshot
from ndestudio.train import TrainConfig, fit, refit

TRUTH = {"a": 1.3, "b": 0.9, "c": 0.8, "d": 1.8}
WIDTH = 32


def field(t: float, y: np.ndarray) -> list[float]:
    """Lotka-Volterra with the constants of ``TRUTH``."""
    a, b, c, d = TRUTH.values()
    return [a * y[0] - b * y[0] * y[1], c * y[0] * y[1] - d * y[1]]


def measurements(trajectories: int, points: int, noise: float, seed: int, end: float = 10.0) -> Dataset:
    """Noisy trajectories from random starts; all of them train."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0, end, points)
    values = []
    for _ in range(trajectories):
        y = solve_ivp(field, (0, end), generator.uniform(0.5, 3, 2), t_eval=t, rtol=1e-9, atol=1e-9).y.T
        values.append(y + noise * y.std(axis=0) * generator.normal(size=y.shape))
    return dataset_from_arrays(
        [t] * trajectories,
        values,
        ["x", "y"],
        split=SplitConfig(by="trajectory", train=0.85, validation=0.15, test=0.0),
    )


HYBRID = ModelConfig(
    equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
    parameters={name: ParameterConfig(value=TRUTH[name], fixed=True) for name in "abd"},
    networks={"growth": NetworkConfig(width=WIDTH, depth=2)},
)


def unseen() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, starts and true trajectories that no fit sees."""
    generator = np.random.default_rng(12345)
    t, starts = np.linspace(0, 10, 100), generator.uniform(0.7, 2.7, (8, 2))
    return t, starts, np.stack([solve_ivp(field, (0, 10), s, t_eval=t, rtol=1e-9, atol=1e-9).y.T for s in starts])


def trajectory_error(model: FittedModel, t: np.ndarray, starts: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error on unseen starts over the standard deviation."""
    found = np.stack([simulate(model, t, start).states for start in starts])
    error = np.sqrt(np.mean((found - truth) ** 2, axis=(0, 1))) / truth.std(axis=(0, 1))
    return float(error.mean()) if np.isfinite(error).all() else float("inf")


class Watch:
    """A reporter that remembers models and when they came."""

    def __init__(self) -> None:
        self.begin = time.perf_counter()
        self.models: list[tuple[float, FittedModel]] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, FitSnapshot):
            self.models.append((time.perf_counter() - self.begin, event.model))

    def should_stop(self) -> bool:
        return False


def race(seeds: int) -> None:
    """Seconds to an error of 5%, 3%, 2% on unseen starts, and the error at the end."""
    test = unseen()
    print(f"\nRace: Lotka-Volterra, growth term unknown, 32 x 100 points, 5% noise, 2-{WIDTH}-{WIDTH}-1")
    print(f"{'':34}{'first plot':>11}{'<= 5%':>8}{'<= 3%':>8}{'<= 2%':>8}{'end':>8}{'error':>8}{'term':>8}")
    for seed in range(seeds):
        watch = Watch()
        dataset = measurements(32, 100, 0.05, seed)
        watch.begin = time.perf_counter()
        found = fit(HYBRID, dataset, TrainConfig(seed=seed), watch)
        end = time.perf_counter() - watch.begin
        _print_race(
            f"ours, seed {seed}" + (" (cold)" if seed == 0 else ""), watch.models, end, found.model, dataset, test
        )
    for seed in range(min(seeds, 1)):
        _tutorial(seed, test)


def _print_race(name: str, models: list, end: float, final: FittedModel, dataset: Dataset, test: tuple) -> None:
    errors = [(at, trajectory_error(model, *test)) for at, model in models]
    reached = [next((f"{at:.1f}" for at, error in errors if error <= goal), "-") for goal in (0.05, 0.03, 0.02)]
    X = np.concatenate([trajectory.measured for trajectory in dataset.trajectories])
    truth = TRUTH["c"] * X[:, 0] * X[:, 1]
    term = np.sqrt(np.mean((evaluate_hole(final, "growth", X) - truth) ** 2)) / truth.std()
    print(
        f"{name:34}{models[0][0]:11.2f}"
        + "".join(f"{r:>8}" for r in reached)
        + f"{end:8.1f}{trajectory_error(final, *test):8.2%}{term:8.2%}"
    )


def _tutorial(seed: int, test: tuple, seconds: float = 60.0) -> None:
    """Single shooting through diffrax with Adam, the horizon growing, as in its neural ODE example."""
    import diffrax
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    dataset = measurements(32, 100, 0.05, seed)
    train = [tr for tr in dataset.trajectories if tr.part[0] == 0]
    ys, t = jnp.asarray([tr.measured for tr in train], jnp.float32), jnp.asarray(train[0].t, jnp.float32)
    a, b, _, d = TRUTH.values()

    def vector(t, y, net):
        return jnp.stack([a * y[0] - b * y[0] * y[1], net(y)[0] - d * y[1]])

    def solve(net, ts, y0):
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

    @eqx.filter_jit
    def step(net, state, ts, ys):
        loss, gradient = eqx.filter_value_and_grad(
            lambda net: jnp.mean((jax.vmap(solve, (None, None, 0))(net, ts, ys[:, 0]) - ys) ** 2)
        )(net)
        updates, state = optimiser.update(gradient, state)
        return eqx.apply_updates(net, updates), state, loss

    net = eqx.nn.MLP(2, 1, WIDTH, 2, jnp.tanh, key=jax.random.PRNGKey(seed))
    net = jax.tree_util.tree_map(lambda x: x.astype(jnp.float32) if eqx.is_inexact_array(x) else x, net)
    optimiser = optax.adam(3e-3)
    begin, spent, history = time.perf_counter(), 0.0, []
    predict = eqx.filter_jit(jax.vmap(solve, (None, None, 0)))
    for length, limit in ((0.1, 0.25 * seconds), (1.0, seconds)):
        n = max(int(length * len(t)), 2)
        state = optimiser.init(eqx.filter(net, eqx.is_inexact_array))
        k = 0
        while spent < limit:
            net, state, _ = step(net, state, t[:n], ys[:, :n])
            k += 1
            if k % 25 == 0:
                spent = time.perf_counter() - begin
                at = time.perf_counter()
                found = np.asarray(predict(net, jnp.asarray(test[0], jnp.float32), jnp.asarray(test[1], jnp.float32)))
                error = float((np.sqrt(np.mean((found - test[2]) ** 2, axis=(0, 1))) / test[2].std(axis=(0, 1))).mean())
                history.append((spent, error))
                begin += time.perf_counter() - at
    reached = [next((f"{at:.1f}" for at, error in history if error <= goal), "-") for goal in (0.05, 0.03, 0.02)]
    print(
        f"{'diffrax tutorial recipe, seed ' + str(seed):34}{'':11}"
        + "".join(f"{r:>8}" for r in reached)
        + f"{spent:8.1f}{history[-1][1]:8.2%}{'':>8}"
    )


def constants() -> None:
    """The refit of four constants on 256 x 100 points without noise."""
    dataset = measurements(256, 100, 0.0, 0, end=5.0)
    config = ModelConfig(
        equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abd"},
        networks={"growth": NetworkConfig(width=8, depth=1)},
    )
    model = replace_hole(initial_model(config, dataset, 0), "growth", parse_expression("0.5*x*y"))
    print("\nRefit of 4 constants, 256 x 100 points")
    for run in range(3):
        begin = time.perf_counter()
        found = refit(model, dataset, TrainConfig(fit_initial=False))
        seconds = time.perf_counter() - begin
        values = {name: round(value, 5) for name, value in found.model.parameters.items()}
        print(f"  run {run}: {seconds:.2f} s in all, {found.seconds['polish']:.2f} s fitting; {values}")


def steps() -> None:
    """Cost of a gradient, and of a whole Jacobian, of 32 x 100 points."""
    from ndestudio.progress import SilentReporter
    from ndestudio.train.backend import device
    from ndestudio.train.batches import make_batch, start_point
    from ndestudio.train.engines import JaxEngine
    from ndestudio.train.problem import make_problem
    from ndestudio.train.recipe import gradient_of

    dataset = measurements(32, 100, 0.05, 0)
    problem = make_problem(initial_model(HYBRID, dataset, 0), dataset, TrainConfig())
    where = device("cpu")[0]
    print("\nOne evaluation, 32 x 100 points, float64")
    for count in (33, 99):
        batch = make_batch(problem, count)
        point = start_point(problem, batch)
        gradient, jacobian = gradient_of(problem, batch, where), JaxEngine(problem, batch, where)
        begin = time.perf_counter()
        gradient.ready(point, SilentReporter())
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        jacobian.ready(SilentReporter())
        second = time.perf_counter() - begin
        one, two = _best(lambda p=point, g=gradient: g(p)), _best(lambda p=point, j=jacobian: j.linearise(p))
        print(
            f"  {count} steps: gradient {one * 1e3:.1f} ms (compiled in {first:.1f} s), Jacobian by {problem.structure.size} numbers {two * 1e3:.0f} ms ({second:.1f} s): {two / one:.0f} gradients"
        )
    _torch_step()


def _best(function: Callable[[], object], times: int = 10) -> float:
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return min(found)


def _torch_step() -> None:
    try:
        import torch
        from torchdiffeq import odeint
    except ImportError:
        print("  torchdiffeq is not installed: left out")
        return
    net = torch.nn.Sequential(
        torch.nn.Linear(2, WIDTH),
        torch.nn.Tanh(),
        torch.nn.Linear(WIDTH, WIDTH),
        torch.nn.Tanh(),
        torch.nn.Linear(WIDTH, 2),
    )
    t, y0, data = torch.linspace(0, 10, 100), torch.rand(32, 2), torch.rand(100, 32, 2)

    def step() -> None:
        net.zero_grad()
        ((odeint(lambda t, y: net(y), y0, t, rtol=1e-3, atol=1e-6) - data) ** 2).mean().backward()

    print(f"  torchdiffeq odeint (float32): gradient {_best(step, 3) * 1e3:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="steps,refit,race")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=100, help="data sets of each coverage study")
    options = parser.parse_args()
    for name in options.only.split(","):
        {
            "steps": steps,
            "refit": constants,
            "race": lambda: race(options.seeds),
            "coverage": lambda: coverage(options.sets),
        }[name]()


if __name__ == "__main__":
    main()
