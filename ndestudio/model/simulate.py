"""Evaluating and simulating a model with NumPy and SciPy: what the window, the metrics and the exports use. No JAX.

LSODA (Petzold 1983; Hindmarsh's ODEPACK) switches between stiff and non-stiff methods by itself; where it gives up on
a finite solution, Radau IIA (Hairer and Wanner 1996) takes over.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import EquationError
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.numeric import evaluate
from ndestudio.model.basis import piece
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.model.initial import model_start
from ndestudio.model.networks import array_hole, evaluate_network, scalar_hole
from ndestudio.model.odes import Budget, integrate

RTOL, ATOL = 1e-8, 1e-10


def field(
    model: FittedModel, t: Any, y: Float[np.ndarray, "... state"], u: Float[np.ndarray, "... input"] | None = None
) -> Float[np.ndarray, "... state"]:
    """dy/dt at one point or many.

    Arguments:
        t: time(s), broadcast against the points.
        u: inputs in the order of ``model.inputs``; may be left out if the equations use none.
    """
    y = np.asarray(y, dtype=float)
    values = _values(model, np.asarray(t, dtype=float), y, u)
    holes = _array_holes(model)
    columns = [np.broadcast_to(evaluate(expr, values, holes=holes), y.shape[:-1]) for expr in model.system.rhs]
    return np.stack(columns, axis=-1)


def evaluate_hole(model: FittedModel, name: str, X: Float[np.ndarray, "... argument"]) -> Float[np.ndarray, "..."]:
    """The hole at X[..., argument] (physical units): its network, or the formula that took its place.

    Raises:
        EquationError: the model has no such hole.
    """
    X = np.asarray(X, dtype=float)
    network = model.networks.get(name)
    if network is not None:
        return evaluate_network(network, X)
    replacement = model.replacements.get(name)
    if replacement is None:
        raise EquationError(f"the model has no network `{name}`")
    values = {**model.parameters, **{formal: X[..., k] for k, formal in enumerate(replacement.arguments)}}
    result = evaluate(replacement.expression, values, holes=_array_holes(model))
    return np.array(np.broadcast_to(result, X.shape[:-1]), dtype=float)


def observe(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    states: Float[np.ndarray, "time state"],
    u: Float[np.ndarray, "time input"] | None = None,
) -> Float[np.ndarray, "time measured"]:
    """The model's counterpart of each measured column (NaN for a column without one)."""
    return np.stack(list(_observed(model, model.measured, t, states, u).values()), axis=-1)


def quantities(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    states: Float[np.ndarray, "time state"],
    u: Float[np.ndarray, "time input"] | None = None,
) -> dict[str, Float[np.ndarray, " time"]]:
    """All named quantities (`name = ...`) of the model along a simulation."""
    return _observed(model, tuple(model.system.outputs), t, states, u)


def _observed(
    model: FittedModel, wanted: Sequence[str], t: Any, states: Any, u: Any
) -> dict[str, Float[np.ndarray, " time"]]:
    values = _values(model, t, states, u)
    holes = _array_holes(model)
    found = {}
    for name in wanted:
        expr = model.system.observation(name)
        value = np.nan if expr is None else evaluate(expr, values, holes=holes)
        found[name] = np.array(np.broadcast_to(value, np.shape(states)[:-1]), dtype=float)
    return found


def _values(model: FittedModel, t: Any, y: Float[np.ndarray, "... state"], u: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"t": t, **model.parameters}
    values |= {state: y[..., k] for k, state in enumerate(model.system.states)}
    if u is not None:
        u = np.asarray(u, dtype=float)
        values |= {name: u[..., k] for k, name in enumerate(model.inputs)}
    return values


def _array_holes(model: FittedModel) -> dict[str, Callable[..., Any]]:
    return {name: array_hole(network) for name, network in model.networks.items()}


def point_field(
    model: FittedModel, trajectory: Trajectory | None = None
) -> Callable[[float, Sequence[float]], list[float]]:
    """The vector field as a fast function of one time and one list of states.

    Arguments:
        trajectory: where the inputs come from.

    Raises:
        EquationError: the equations use an input and there is no trajectory to take it from.
    """
    system = model.system
    slots = {name: k for k, name in enumerate((*system.states, "t", *system.inputs, *system.parameters))}
    holes = {name: scalar_hole(network) for name, network in model.networks.items()}
    rhs = compile_system(system.rhs, slots, holes)
    constants = [float(model.parameters[name]) for name in system.parameters]
    forcing = _forcing(model, trajectory)
    if forcing is None:

        def free(t: float, y: Sequence[float]) -> list[float]:
            v = [*y, t, *constants]
            return [f(v) for f in rhs]

        return free

    def driven(t: float, y: Sequence[float]) -> list[float]:
        v = [*y, t, *[u(t) for u in forcing], *constants]
        return [f(v) for f in rhs]

    return driven


def _forcing(model: FittedModel, trajectory: Trajectory | None) -> list[Callable[[float], float]] | None:
    if not model.system.inputs:
        return None
    if trajectory is None:
        raise EquationError(f"the equations use the input `{model.system.inputs[0]}`; give a trajectory that has it")
    columns = [model.inputs.index(name) for name in model.system.inputs]
    return [_interpolation(trajectory.t, trajectory.inputs[:, k]) for k in columns]


def _interpolation(t: Float[np.ndarray, " time"], values: Float[np.ndarray, " time"]) -> Callable[[float], float]:
    """Linear between the samples, constant outside; as ``Trajectory.input_at``, for one time."""
    known = np.isfinite(values)
    times, levels = t[known].tolist(), values[known].tolist()
    if not times:
        return lambda x: float("nan")

    def at(x: float) -> float:
        if x <= times[0]:
            return levels[0]
        if x >= times[-1]:
            return levels[-1]
        k = bisect_right(times, x)
        a, b = times[k - 1], times[k]
        return levels[k - 1] + (levels[k] - levels[k - 1]) * ((x - a) / (b - a))

    return at


def simulate(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    trajectory: Trajectory | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    *,
    budget: Budget = Budget(),  # noqa: B008
) -> Simulation:
    """Solve the model from ``y0`` at ``t[0]``.

    Arguments:
        t: times of the result, not decreasing.
        trajectory: where the inputs come from (needed only if the equations use any).
        atol: absolute tolerance, in units of ``model.scale``.
        budget: what may be spent; the simulation ends there, so it can never hang.

    Returns:
        NaN from where it failed on, with a sentence; it never raises for numerical reasons.
    """
    t, y0 = np.asarray(t, dtype=float), np.asarray(y0, dtype=float)
    scale = np.ones(len(y0)) if model.scale is None else np.asarray(model.scale, dtype=float)
    states, sentence = integrate(
        point_field(model, trajectory),
        t,
        y0,
        rtol=rtol,
        atol=atol * scale,
        longest_step=_input_spacing(model, trajectory),
        names=model.system.states,
        budget=budget,
    )
    u = trajectory.input_at(t) if trajectory is not None else None
    return Simulation(t=t, states=states, measured=observe(model, t, states, u), sentence=sentence)


def _input_spacing(model: FittedModel, trajectory: Trajectory | None) -> float:
    """Steps longer than the widest gap of the inputs could leap over a pulse, or over a piece of weights; 0: no limit."""
    widths = [piece(one.config, one.input_scale.tolist(), one.arguments) for one in model.networks.values()]
    shortest = min(widths, default=float("inf"))
    if trajectory is not None and model.system.inputs and len(trajectory.t) > 1:
        shortest = min(shortest, float(np.max(np.diff(trajectory.t))))
    return shortest if np.isfinite(shortest) else 0.0


def simulate_trajectory(
    model: FittedModel,
    dataset: Dataset,
    trajectory: Trajectory | str,
    *,
    t: Float[np.ndarray, " time"] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    budget: Budget = Budget(),  # noqa: B008
) -> Simulation:
    """Simulate one trajectory of ``dataset`` from the model's initial values (or from the first measurements).

    Arguments:
        t: times of the result, which may begin after the trajectory does; None: those of the trajectory.
    """
    if isinstance(trajectory, str):
        trajectory = dataset.trajectory(trajectory)
    y0 = model_start(model, trajectory)
    if t is None:
        return simulate(model, trajectory.t, y0, trajectory, rtol, atol, budget=budget)
    t = np.asarray(t, dtype=float)
    late = len(t) > 0 and t[0] > trajectory.t[0]
    times = np.concatenate([trajectory.t[:1], t]) if late else t
    result = simulate(model, times, y0, trajectory, rtol, atol, budget=budget)
    if not late:
        return result
    return Simulation(t=t, states=result.states[1:], measured=result.measured[1:], sentence=result.sentence)


def simulate_all(
    model: FittedModel, dataset: Dataset, *, rtol: float = RTOL, atol: float = ATOL, seconds: float = 30.0
) -> Mapping[str, Simulation]:
    """All trajectories of ``dataset``; those left when ``seconds`` are over are NaN and say so."""
    end = time.monotonic() + seconds
    found = {}
    for trajectory in dataset.trajectories:
        left = Budget(seconds=max(0.01, min(Budget().seconds, end - time.monotonic())))
        found[trajectory.name] = simulate_trajectory(model, dataset, trajectory, rtol=rtol, atol=atol, budget=left)
    return found
