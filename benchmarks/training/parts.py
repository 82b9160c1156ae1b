"""The parts of the training benchmark; each prints a table."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.training import problems
from benchmarks.training.problems import BOTH, HYBRID, NEURAL, TRUTH, WIDTH, measurements, unseen
from benchmarks.training.watch import PLAUSIBLE, Watch
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.expression import parse_expression
from ndestudio.fitting import TrainConfig, fit, refit
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.replace import replace_neural_term
from ndestudio.solve.scipy_reference import simulate


@dataclass(frozen=True)
class Options:
    """Arguments: peers: an interpreter with torchdiffeq. brief: leave the recipes of others out."""

    seeds: int = 5
    peers: str = ""
    brief: bool = False


def best(function: Callable[[], object], times: int = 10) -> float:
    """Shortest of some runs, in seconds."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return min(found)


def ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f} times ours" if ours > 0 else ""


def _torch(options: Options) -> dict | None:
    """The same tasks by torchdiffeq, or None without an interpreter that has it."""
    if not options.peers:
        print("  torchdiffeq: left out (name an interpreter that has it with --peers)")
        return None
    t, y = problems.spiral()
    given = json.dumps({"width": WIDTH, "t": t.tolist(), "y": y.tolist(), "steps": 50})
    script = Path(__file__).with_name("peers_torch.py")
    done = subprocess.run([options.peers, str(script)], input=given, capture_output=True, text=True, timeout=600)
    if done.returncode:
        print(f"  torchdiffeq: {options.peers} failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def steps(options: Options) -> None:
    """Cost of a gradient, and of a whole Jacobian, of 32 x 100 points."""
    from ndestudio.fitting.batches import make_batch, start_point
    from ndestudio.fitting.engines import JaxEngine
    from ndestudio.fitting.prepared import prepare_fit
    from ndestudio.fitting.stages.recipe import gradient_of
    from ndestudio.progress import SilentReporter
    from ndestudio.solve.jax_backend import device

    dataset = measurements(32, 100, 0.05, 0)
    problem = prepare_fit(initial_model(HYBRID, dataset, 0), dataset, TrainConfig())
    where, ours = device("cpu")[0], 0.0
    print(f"\nOne evaluation, 32 x 100 points, 2-{WIDTH}-{WIDTH}-1, float64")
    for count in (99, 33):
        batch = make_batch(problem, count)
        point = start_point(problem, batch)
        gradient, jacobian = gradient_of(problem, batch, where), JaxEngine(problem, batch, where)
        begin = time.perf_counter()
        gradient.ready(point, SilentReporter())
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        jacobian.ready(SilentReporter())
        second = time.perf_counter() - begin
        ours = best(lambda p=point, g=gradient: g(p))
        two = best(lambda p=point, j=jacobian: j.linearise(p))
        print(
            f"  {count} steps: gradient {ours * 1e3:.1f} ms (compiled in {first:.1f} s), Jacobian by "
            f"{problem.structure.size} numbers {two * 1e3:.0f} ms ({second:.1f} s): {two / ours:.0f} gradients"
        )
    if not options.brief:
        from benchmarks.training import peers_jax

        theirs, compiling = peers_jax.gradient_seconds(dataset)
        print(
            f"  diffrax, Tsit5, float32: gradient {theirs * 1e3:.1f} ms (compiled in {compiling:.1f} s): {ratio(theirs, ours)}"
        )
    if found := _torch(options):
        for name in ("odeint", "odeint_adjoint"):
            print(f"  torchdiffeq {name}, float32: gradient {found[name] * 1e3:.0f} ms: {ratio(found[name], ours)}")


def race(options: Options) -> dict[str, tuple[float, str]]:
    """Seconds to an error of 5%, 3%, 2% on unseen starts, the worst error after 5%, and the end."""
    test = unseen()
    print(f"\nRace: Lotka-Volterra, growth term unknown, 32 x 100 points, 5% noise, 2-{WIDTH}-{WIDTH}-1")
    print(
        f"{'':32}{'first plot':>11}{'<= 5%':>8}{'<= 3%':>8}{'<= 2%':>8}{'after 5%':>10}{'end':>8}{'error':>8}{'term':>8}"
    )
    table = []
    for seed in range(options.seeds):
        dataset = measurements(32, 100, 0.05, seed)
        watch = Watch(dataset)
        found = fit(HYBRID, dataset, TrainConfig(seed=seed), watch)
        end = time.perf_counter() - watch.begin
        errors = [(at, problems.trajectory_error(model, *test)) for at, model in watch.models]
        X = np.concatenate([trajectory.measured for trajectory in dataset.trajectories])
        term = problems.term_error(found.model, "growth", X, TRUTH["c"] * X[:, 0] * X[:, 1])
        row = (watch.first_plot, *_reached(errors), _after(errors), end, errors[-1][1], term)
        table.append(row)
        _print_race(f"ours, seed {seed}" + (" (first in process)" if seed == 0 else ""), row)
    middle = tuple(np.nanmedian(np.array(table), axis=0))
    _print_race("ours, median", middle)
    if not options.brief:
        from benchmarks.training import peers_jax

        history = peers_jax.race(measurements(32, 100, 0.05, 0), test, 0, 60.0)
        reached = _reached(history)
        row = (float("nan"), *reached, _after(history), history[-1][0], history[-1][1], float("nan"))
        _print_race("diffrax tutorial recipe, seed 0", row)
        mine = float(np.median([line[1] for line in table]))
        theirs = f"{reached[0] / mine:.0f}" if np.isfinite(reached[0]) else f"more than {60 / mine:.0f}"
        print(f"  to 5%: {theirs} times ours")
    names = ("first plot", "to 5%", "to 3%", "to 2%", "worst error after 5%", "end", "error", "error of the term")
    units = ("s", "s", "s", "s", "", "s", "", "")
    return {
        f"race: {name}, median of {options.seeds}": (float(value), unit)
        for name, value, unit in zip(names, middle, units, strict=True)
    }


def _reached(errors: list[tuple[float, float]]) -> list[float]:
    return [next((at for at, error in errors if error <= goal), float("nan")) for goal in (0.05, 0.03, 0.02)]


def _after(errors: list[tuple[float, float]]) -> float:
    """The worst error once 5% was reached."""
    begin = next((k for k, (_, error) in enumerate(errors) if error <= 0.05), None)
    return float("nan") if begin is None else max(error for _, error in errors[begin:])


def _print_race(name: str, row: tuple) -> None:
    seconds = "".join("-".rjust(8) if not np.isfinite(v) else f"{v:8.1f}" for v in row[1:4])
    shares = "".join(" " * 8 if not np.isfinite(v) else f"{v:8.2%}" for v in row[6:])
    print(f"{name:32}{row[0]:11.2f}{seconds}{row[4]:10.2%}{row[5]:8.1f}{shares}")


def constants(options: Options) -> dict[str, tuple[float, str]]:
    """The refit of four constants on 256 x 100 points without noise."""
    dataset = measurements(256, 100, 0.0, 0, end=5.0)
    config = ModelConfig(
        equations="d(x)/dt = a*x - b*x*y\nd(y)/dt = growth(x, y) - d*y",
        parameters={name: ParameterConfig(value=1.0, lower=0.0) for name in "abd"},
        networks={"growth": NetworkConfig(width=8, depth=1)},
    )
    model = replace_neural_term(initial_model(config, dataset, 0), "growth", parse_expression("0.5*x*y"))
    print("\nRefit of 4 constants, 256 x 100 points")
    seconds = worst = 0.0
    for run in range(5):
        begin = time.perf_counter()
        found = refit(model, dataset, TrainConfig(fit_initial=False))
        seconds = time.perf_counter() - begin
        truth = {"a": 1.3, "b": 0.9, "d": 1.8, "growth_1": 0.8}
        worst = max(abs(found.model.parameters[name] / value - 1) for name, value in truth.items())
        print(
            f"  run {run}: {seconds:.2f} s in all, {found.seconds['final_refinement']:.2f} s fitting; off by {worst:.1e} at most"
        )
    if not options.brief:
        from benchmarks.training import peers_jax

        theirs, values = peers_jax.constants(dataset)
        print(f"  diffrax, 500 Adam steps: {theirs:.1f} s, {ratio(theirs, seconds)}; {values}")
    return {"refit of 4 constants": (seconds, "s"), "refit of 4 constants: off by": (worst, "")}


def _mse(model: FittedModel, t: np.ndarray, y: np.ndarray) -> float:
    found = np.stack([simulate(model, t, one[0]).states for one in y])
    return float(np.mean((found - y) ** 2))


def example(options: Options) -> None:
    """diffrax's neural ODE example: its data, ours with its default settings; mean squared error of all trajectories."""
    t, y = problems.oscillators()
    dataset = dataset_from_arrays([t] * len(y), list(y), ["x", "y"], split=problems.HELD)
    print("\nNeural ODE example of diffrax: 256 x 100 points without noise (published recipe: MSE 0.00398)")
    ours = 0.0
    for seed in range(min(options.seeds, 3)):
        watch = Watch(dataset)
        found = fit(NEURAL, dataset, TrainConfig(seed=seed), watch)
        ours = time.perf_counter() - watch.begin
        reached = next((at for at, model in watch.models if _mse(model, t, y) <= 0.00398), float("nan"))
        print(
            f"  ours, seed {seed}: MSE 0.00398 after {reached:.1f} s; {_mse(found.model, t, y):.2e} after {ours:.1f} s"
        )
    if not options.brief:
        from benchmarks.training import peers_jax

        theirs, error = peers_jax.example(t, y)
        print(f"  diffrax recipe: {error:.2e} after {theirs:.1f} s, {ratio(theirs, ours)}")


def spiral(options: Options) -> None:
    """One trajectory, nothing known of the field: what the recipes reach after 500 steps of Adam, and ours."""
    t, y = problems.spiral()
    dataset = dataset_from_arrays([t], [y], ["x", "y"], split=problems.ALL)
    print("\nSpiral: one trajectory of 30 points, nothing known")
    ours = 0.0
    goal, theirs, torch = float("nan"), float("nan"), None
    if not options.brief:
        from benchmarks.training import peers_jax

        theirs, goal = peers_jax.spiral(t, y)
        torch = _torch(options)
    for seed in range(min(options.seeds, 3)):
        watch = Watch(dataset)
        found = fit(NEURAL, dataset, TrainConfig(seed=seed), watch)
        ours = time.perf_counter() - watch.begin
        reached = next((at for at, model in watch.models if _mse(model, t, y[None]) <= goal), float("nan"))
        print(
            f"  ours, seed {seed}: to the loss of diffrax {reached:.1f} s; {_mse(found.model, t, y[None]):.2e} after {ours:.1f} s"
        )
    if np.isfinite(theirs):
        print(f"  diffrax, 500 Adam steps: {goal:.2e} after {theirs:.1f} s, {ratio(theirs, ours)}")
    if torch:
        print(f"  torchdiffeq, {torch['steps']} Adam steps: {torch['loss']:.2e} after {torch['spiral']:.1f} s")


def interactions(options: Options) -> None:
    """Both interactions unknown, one short trajectory: how far the learned terms are from the true ones."""
    print("\nBoth interactions unknown (Lotka-Volterra, [0, 3], 31 points, 0.5% noise)")
    worst = 0.0
    for seed in range(options.seeds):
        dataset, y = problems.interactions(seed)
        begin = time.perf_counter()
        found = fit(BOTH, dataset, TrainConfig(seed=seed))
        seconds = time.perf_counter() - begin
        product = y[:, 0] * y[:, 1]
        truth = np.stack([-TRUTH["b"] * product, TRUTH["c"] * product])
        learned = np.stack([evaluate_neural_term(found.model, name, y) for name in ("first", "second")])
        apart = np.linalg.norm(learned - truth, axis=1) / np.linalg.norm(truth, axis=1)
        both = float(np.linalg.norm(learned - truth) / np.linalg.norm(truth))
        worst = max(worst, both)
        print(
            f"  seed {seed}: missing terms off by {both:.1%} ({apart[0]:.1%} and {apart[1]:.1%}) after {seconds:.1f} s; "
            f"{found.sentence}"
        )
    print(f"  worst of all: {worst:.1%} (published recipe without penalty: 28%, 49%, 6.6%)")


def first_plot(options: Options) -> None:
    """Seconds to the first plausible fit in fresh processes, with an empty and with a filled cache; peak memory."""
    from benchmarks.training.fresh import fresh_runs

    print(f"\nFirst plot (error on the training data below {PLAUSIBLE:.0%}) in fresh processes: the race")
    fresh_runs(repeats=min(options.seeds, 3))
