"""Growth of cost with the size of the data, and whether very large ones train; on a GPU, steps per second beside diffrax."""

from __future__ import annotations

import resource
import time

import numpy as np

from benchmarks.training import problems
from benchmarks.training.parts import Options, best
from benchmarks.training.problems import HYBRID, measurements, trajectory_error, unseen
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model.config import ModelConfig


def growth(options: Options) -> None:
    """One gradient and one Jacobian with ten times the trajectories, points and states."""
    from ndestudio.fitting.batches import make_batch, start_point
    from ndestudio.fitting.engines import JaxEngine
    from ndestudio.fitting.prepared import prepare_fit
    from ndestudio.fitting.stages.recipe import gradient_of
    from ndestudio.model.initial import initial_model
    from ndestudio.progress import SilentReporter
    from ndestudio.solve.jax_backend import device

    del options
    where = device("cpu")[0]
    print("\nGrowth of cost: one gradient, one Jacobian (compiling apart)")
    cases: list[tuple[str, ModelConfig, Dataset]] = [
        ("32 x 100, 2 states", HYBRID, measurements(32, 100, 0.05, 0)),
        ("320 x 100, 2 states", HYBRID, measurements(320, 100, 0.05, 0)),
        ("32 x 1000, 2 states", HYBRID, measurements(32, 1000, 0.05, 0)),
        ("32 x 100, 2 tanks", *problems.chain(2, 32, 100)),
        ("32 x 100, 20 tanks", *problems.chain(20, 32, 100)),
    ]
    for name, config, dataset in cases:
        problem = prepare_fit(initial_model(config, dataset, 0), dataset, TrainConfig())
        points = len(dataset.trajectories[0].t)
        batch = make_batch(problem, max(48, points // 3))
        point = start_point(problem, batch)
        gradient, jacobian = gradient_of(problem, batch, where), JaxEngine(problem, batch, where)
        begin = time.perf_counter()
        gradient.ready(point, SilentReporter())
        one = time.perf_counter() - begin
        line = (
            f"  {name:22} gradient {best(lambda g=gradient, p=point: g(p), 5) * 1e3:8.1f} ms (compiled in {one:.1f} s)"
        )
        size = 8 * 2 * batch.steps * batch.grid.step.shape[0] * len(dataset.measured) * problem.structure.size
        if size < 2e9:
            begin = time.perf_counter()
            jacobian.ready(SilentReporter())
            two = time.perf_counter() - begin
            line += f", Jacobian {best(lambda j=jacobian, p=point: j.linearise(p), 3) * 1e3:8.0f} ms ({two:.1f} s)"
        print(line)


def large(options: Options) -> None:
    """10,000 trajectories, a recording of 200,000 rows, 20 states: whole trainings in the balanced preset."""
    print("\nLarge data, balanced preset")
    test = unseen()
    _train("10,000 x 50 points", HYBRID, measurements(10_000, 50, 0.05, 0), lambda m: trajectory_error(m, *test))
    config, recording, truth = recording_of(200_000)
    _train("1 x 200,000 rows", config, recording, truth)
    config, tanks = problems.chain(20, 32, 100)
    level = np.linspace(0.1, 3.0, 50)[:, None]
    law = (2.0 * level / (0.5 + level))[:, 0]
    _train("20 tanks, 32 x 100 points", config, tanks, lambda m: problems.term_error(m, "q", level, law))
    del options


def recording_of(rows: int):
    """One long recording of the damped, driven predator-prey system with 5% noise, and how far a model's term is off."""
    from scipy.integrate import solve_ivp

    t = np.linspace(0, rows * 0.005, rows)

    def slope(time: float, y: np.ndarray) -> list[float]:
        x, z = y
        return [x * (1.3 - 0.1 * x + 0.3 * np.sin(0.7 * time)) - 0.9 * x * z, 0.8 * x * z - 1.8 * z]

    y = solve_ivp(slope, (0, t[-1]), [1.5, 1.0], t_eval=t, rtol=1e-8, atol=1e-8, method="LSODA").y.T
    noisy = y + 0.05 * y.std(axis=0) * np.random.default_rng(0).normal(size=y.shape)
    config = ModelConfig(
        equations="d(x)/dt = x*(1.3 - 0.1*x + 0.3*sin(0.7*t)) - 0.9*x*y\nd(y)/dt = growth(x, y) - 1.8*y",
        networks={"growth": problems.HYBRID.networks["growth"]},
    )
    dataset = dataset_from_arrays(
        [t], [noisy], ["x", "y"], split=SplitConfig(by="time", train=0.8, validation=0.2, test=0.0)
    )
    X = y[:: max(rows // 500, 1)]
    return config, dataset, lambda model: problems.term_error(model, "growth", X, 0.8 * X[:, 0] * X[:, 1])


def _train(name: str, config: ModelConfig, dataset: Dataset, judge) -> None:
    begin = time.perf_counter()
    found = fit(config, dataset, TrainConfig())
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {name:26} {seconds:6.1f} s, off by {judge(found.model):.2%}, peak {memory:.0f} MB; {found.sentence}")
    for note in found.notes:
        print(f"    {note}")


def accelerator(options: Options) -> None:
    """Gradient steps per second at many trajectories beside diffrax, and seeds side by side; on a GPU if there is one."""
    import jax

    from benchmarks.training import peers_jax
    from ndestudio.fitting.batches import make_batch, start_point
    from ndestudio.fitting.prepared import prepare_fit
    from ndestudio.fitting.stages.recipe import gradient_of
    from ndestudio.model.initial import initial_model
    from ndestudio.progress import SilentReporter
    from ndestudio.solve.jax_backend import device

    where, described = device("auto")
    small = described.kind == "cpu"
    count = 256 if small else 10_000
    print(
        f"\n{described.kind.upper()} ({described.name}): {count} x 100 points"
        + (", small for want of a GPU" if small else "")
    )
    dataset = measurements(count, 100, 0.05, 0)
    problem = prepare_fit(initial_model(HYBRID, dataset, 0), dataset, TrainConfig())
    batch = make_batch(problem, 48)
    point = start_point(problem, batch)
    gradient = gradient_of(problem, batch, where)
    gradient.ready(point, SilentReporter())
    ours = best(lambda: gradient(point))
    print(f"  ours: {1 / ours:.1f} gradient steps a second")
    theirs, _ = peers_jax.gradient_seconds(dataset)
    print(f"  diffrax: {1 / theirs:.1f} gradient steps a second, {theirs / ours:.1f} times the time")
    from ndestudio.solve.jax_fixed import gradient_program

    program = gradient_program(problem.structure, problem.method)
    many = jax.jit(jax.vmap(program, (0, 0) + (None,) * len(gradient.data)))
    for seeds in (1, 8, 64) if not small else (1, 4):
        thetas = np.stack([initial_model_theta(dataset, seed) for seed in range(seeds)])
        frees = np.repeat(point.free[None], seeds, axis=0)
        with jax.default_device(where):
            jax.block_until_ready(many(thetas, frees, *gradient.data))
            seconds = best(lambda a=thetas, b=frees: jax.block_until_ready(many(a, b, *gradient.data)), 5)
        print(f"  {seeds} seeds side by side: {seeds / seconds:.1f} gradient steps a second")
    _ensembles(small)
    del options


def _ensembles(small: bool) -> None:
    """Whole trainings of the race's data from several seeds, in sequence and side by side, the programs compiled before."""
    dataset = measurements(*((8, 50) if small else (32, 100)), 0.05, 0)
    for seeds in (1, 8, 64) if not small else (1, 4):
        for together in (False, True):
            settings = TrainConfig(preset="quick", seeds=seeds, side_by_side=together, time_limit=600.0)
            if seeds > 8 and not together:
                continue
            found, seconds = None, 0.0
            for _ in range(2):
                begin = time.perf_counter()
                found = fit(HYBRID, dataset, settings)
                seconds = time.perf_counter() - begin
            assert found is not None
            how = "side by side" if together else "in sequence"
            print(
                f"  training {seeds} seeds {how}: {seconds:.1f} s; best validation error {found.metrics.validation['mean']:.2%}"
            )


def initial_model_theta(dataset: Dataset, seed: int) -> np.ndarray:
    """The trained vector of the race at its start."""
    from ndestudio.fitting.prepared import prepare_fit
    from ndestudio.model.initial import initial_model

    return prepare_fit(initial_model(HYBRID, dataset, seed), dataset, TrainConfig()).space.theta
