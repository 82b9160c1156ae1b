"""Robertson's kinetics with an unknown term: our implicit solver beside diffrax's, a gradient and a whole training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.training.parts import Options
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.fitting import TrainConfig, fit
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.engines import Gradient, JaxEngine
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.solver_choice import with_time_grid
from ndestudio.fitting.stages.recipe import gradient_of
from ndestudio.fitting.step_count import steps_for
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device

TIMES = np.concatenate([[0.0], np.logspace(-5, 5, 40)])
MODEL = ModelConfig(
    equations="d(A)/dt = 1e4*B*C - slow(A)\nd(B)/dt = slow(A) - 1e4*B*C - 3e7*B^2\nd(C)/dt = 3e7*B^2",
    networks={"slow": NetworkConfig(width=16, depth=2)},
)
"""The truth: slow(A) = 0.04 A. B stays below 4e-5."""
ADAM = 300


def robertson(t: float, y: Sequence[float]) -> list[float]:
    slow, quick, back = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
    return [back - slow, slow - back - quick, quick]


def kinetics(noise: float, seed: int) -> Dataset:
    """Two experiments over ten decades of time, errors in proportion to the values."""
    generator = np.random.default_rng(seed)
    values = []
    for start in ((1.0, 0.0, 0.0), (0.8, 0.0, 0.2)):
        y = solve_ivp(robertson, (0.0, 1e5), start, t_eval=TIMES, method="Radau", rtol=1e-9, atol=1e-13).y.T
        values.append(y * (1.0 + noise * generator.normal(size=y.shape)))
    return dataset_from_arrays([TIMES] * 2, values, ["A", "B", "C"], split=SplitConfig(by="none"))


def stiff(options: Options) -> None:
    """A gradient of whole trajectories, and training to the right term."""
    print("\nStiff: Robertson's kinetics, slow(A) unknown (16-16), 2 x 41 samples over ten decades, float64")
    _gradients(options.brief)
    for noise in (0.0, 0.02):
        for seed in range(options.seeds):
            wall, cpu = time.perf_counter(), time.process_time()
            found = fit(MODEL, kinetics(noise, seed), TrainConfig(seed=seed))
            clean = all(np.isfinite(history.loss).all() for history in found.history)
            print(
                f"  ours, noise {noise:.0%}, seed {seed}: {time.perf_counter() - wall:5.1f} s ({time.process_time() - cpu:.1f} "
                f"CPU-s), term error {_error(found.model):.2%}, {found.outcome}, {'no NaN' if clean else 'NaN'}"
            )
    if not options.brief:
        _adam()


def _error(model: Any) -> float:
    a = np.linspace(0.1, 0.95, 30)
    return float(np.sqrt(np.mean((evaluate_neural_term(model, "slow", a[:, None]) / (0.04 * a) - 1.0) ** 2)))


def _problem(**settings: Any) -> PreparedFit:
    data = kinetics(0.0, 0)
    model = initial_model(MODEL, data, 0)
    problem = prepare_fit(model, data, msgspec.structs.replace(TrainConfig(), **settings))
    return with_time_grid(problem, model) if problem.method.implicit else problem


def _gradients(brief: bool) -> None:
    rows: list[tuple[str, dict[str, Any]]] = [
        ("ours, sdirk4", {"solver": "sdirk4"}),
        ("ours, sdirk3", {"solver": "sdirk3"}),
    ]
    if not brief:
        rows += [
            (
                "diffrax Kvaerno3 at 1e-4",
                {"solver": "diffrax-kvaerno3", "adjoint": "recursive", "rtol": 1e-4, "atol": 1e-6},
            ),
            (
                "diffrax Kvaerno5 at 1e-6",
                {"solver": "diffrax-kvaerno5", "adjoint": "recursive", "rtol": 1e-6, "atol": 1e-8},
            ),
            (
                "diffrax KenCarp4 at 1e-4",
                {"solver": "diffrax-kencarp4", "adjoint": "recursive", "rtol": 1e-4, "atol": 1e-6},
            ),
            ("diffrax Tsit5 at 1e-4", {"solver": "diffrax-tsit5", "adjoint": "recursive", "rtol": 1e-4, "atol": 1e-6}),
        ]
    chosen = device("cpu")[0]
    for name, settings in rows:
        problem = _problem(**settings)
        batch = make_batch(problem, steps_for(problem))
        point = start_point(problem, batch)
        gradient = gradient_of(problem, batch, chosen)
        compiling = _compiled(gradient, point)
        found = gradient(point)
        fine = np.isfinite(found.theta).all() and np.isfinite(found.loss)
        text = f"compile {compiling:5.1f} CPU-s, gradient {_best(lambda g=gradient, p=point: g(p)) * 1e3:7.1f} ms"
        if problem.adaptive is None:
            engine = JaxEngine(problem, batch, chosen)
            engine.ready(SilentReporter())
            text += (
                f", whole Jacobian {_best(lambda e=engine, p=point: e.linearise(p)) * 1e3:.1f} ms, {batch.steps} steps"
            )
        print(f"  {name:26s} {text}, {'finite' if fine else 'NaN'}")


def _compiled(gradient: Gradient, point: Any) -> float:
    begin = time.process_time()
    gradient.ready(point, SilentReporter())
    return time.process_time() - begin


def _best(call: Callable[[], Any], times: int = 5) -> float:
    call()
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return min(found)


def _adam() -> None:
    """The usual recipe: single shooting through Kvaerno3, Adam at 5e-3 from the same start."""
    import optax

    problem = _problem(solver="diffrax-kvaerno3", adjoint="recursive", rtol=1e-4, atol=1e-6)
    batch = make_batch(problem, steps_for(problem))
    point = start_point(problem, batch)
    wall, cpu = time.perf_counter(), time.process_time()
    gradient = gradient_of(problem, batch, device("cpu")[0])
    gradient.ready(point, SilentReporter())
    rule = optax.adam(5e-3)
    theta, lost = point.theta, 0
    state = rule.init(theta)
    for _ in range(ADAM):
        found = gradient(point._replace(theta=theta))
        if not np.isfinite(found.theta).all():
            lost += 1
            break
        change, state = rule.update(found.theta * problem.space.free, state)
        theta = theta + np.asarray(change)
    model = problem.space.fitted(theta, {})
    print(
        f"  diffrax Kvaerno3, {ADAM} steps of Adam: {time.perf_counter() - wall:5.1f} s ({time.process_time() - cpu:.1f} CPU-s), "
        f"term error {_error(model):.2%}, {'NaN' if lost else 'no NaN'}"
    )
