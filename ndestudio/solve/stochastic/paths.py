"""Simulating stochastic models: many paths at once, reproducible by seed, refinable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Trajectory
from ndestudio.errors import EquationError, SettingError
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.problem.dynamics import EquationDynamics, NetworkScales, NeuralTermShape
from ndestudio.problem.space import structure_of
from ndestudio.solve.jax_backend import one_thread
from ndestudio.solve.stochastic.brownian import brownian
from ndestudio.solve.stochastic.choice import chosen_method, noise_kind
from ndestudio.solve.stochastic.stepping import march, march_jax

Backend = Literal["auto", "numpy", "jax"]
WORTH_COMPILING = 300_000
"""Steps of all paths together from which a compiled program is worth its second of compiling."""


@dataclass(frozen=True, eq=False)
class StochasticPaths:
    """Simulated paths of a stochastic model.

    Parameters
    ----------
    states
        Not finite from where a path left what the equations know.
    names
        Of the states.
    method
        Name of the method that made them.
    step
        Longest step.
    sentence
        What went wrong, "" if nothing.
    """

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "path time state"]
    names: tuple[str, ...]
    method: str
    step: float
    seed: int
    sentence: str = ""

    def quantiles(self, levels: Sequence[float]) -> Float[np.ndarray, "level time state"]:
        """Quantiles over the paths that are finite at a time (NaN where none is)."""
        kept = np.where(np.isfinite(self.states), self.states, np.nan)
        with np.errstate(all="ignore"):
            return np.nanquantile(kept, list(levels), axis=0)


def simulate_paths(
    model: FittedModel,
    t: Float[np.ndarray, " time"] | Sequence[float],
    start: Mapping[str, float] | Float[np.ndarray, "*path state"] | Sequence[float],
    paths: int = 1,
    *,
    seed: int = 0,
    method: str = "auto",
    substeps: int = 1,
    halvings: int = 0,
    inputs: Trajectory | ControlPath | None = None,
    backend: Backend = "auto",
) -> StochasticPaths:
    """Simulate a stochastic model.

    Parameters
    ----------
    t
        Times of the result, increasing, in the unit of the model.
    start
        States at ``t[0]``: by name, or an array of one start or one for each path.
    seed
        Of the Brownian paths: the same seed, times, ``substeps`` and noises give the same paths with any method.
    method
        A name of ``solve.stochastic.methods.METHODS``, or `"auto"`: the highest order for the kind of noise.
    substeps
        Steps between two times.
    halvings
        How often each step is halved; the Brownian paths stay the same, so that what changes is the error of the steps.
    inputs
        Where inputs come from, if the equations use any.
    backend
        `"numpy"`, or `"jax"`: one compiled program; `"auto"` takes it for networks and for many paths of many steps.

    Raises
    ------
    EquationError
        The model has no noise, or lacks an input or a start.
    SpecError
        The method is not right for the equations (calculus, Lévy areas).
    SettingError
        Numbers that make no sense.
    """
    structure = structure_of(model)
    dynamics = structure.dynamics
    if not isinstance(dynamics, EquationDynamics) or not dynamics.noises:
        raise EquationError("the model has no noise; write `d(x)/dt = ... + s*noise`, or use `simulate`")
    t = np.asarray(t, dtype=float)
    if t.ndim != 1 or len(t) < 2 or not (np.isfinite(t).all() and (np.diff(t) > 0).all()):
        raise SettingError("a simulation needs two or more times that increase")
    if substeps < 1:
        raise SettingError("`substeps` is the number of steps between two times, 1 or more")
    control = inputs.control if isinstance(inputs, Trajectory) else inputs
    if model.system.inputs and control is None:
        raise EquationError(f"the equations use the input `{model.system.inputs[0]}`; give a trajectory that has it")
    y = _starts(model, start, paths)
    parameters = np.array([float(model.parameters[name]) for name in dynamics.parameters])
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    u0 = np.zeros(0) if control is None else np.asarray(control(t[:1])[0], dtype=float)
    u0 = np.resize(u0, len(dynamics.inputs)) if control is None else u0
    scale = np.maximum(np.abs(y[:, 0]), 1.0) if model.scale is None else np.asarray(model.scale, dtype=float)
    kind = noise_kind(dynamics, functions, list(parameters), float(t[0]), u0, y[:, 0], scale)
    chosen = chosen_method(method, dynamics, kind)
    steps = brownian(_grid(t, substeps), len(dynamics.noises), paths, seed, halvings, areas=chosen.areas)
    every = substeps << halvings
    fine = _grid(t, every)
    u = np.zeros((len(fine), len(dynamics.inputs))) if control is None else np.asarray(control(fine), dtype=float)
    if backend == "auto":
        work = len(fine) * paths * (10 if dynamics.neural_terms else 1)
        backend = "jax" if work >= WORTH_COMPILING else "numpy"
    if backend == "jax":
        shapes = dynamics.neural_terms
        networks = [model.networks[one.name] for one in shapes]
        weights = {one.name: NeuralTermShape.pack(n.weights, n.biases) for one, n in zip(shapes, networks, strict=True)}
        scales = tuple(
            NetworkScales(np.asarray(n.input_center), np.asarray(n.input_scale), np.asarray(float(n.output_scale)))
            for n in networks
        )
        found = march_jax(chosen, dynamics, (weights, scales), parameters, fine[:-1], u, y, steps, every)
    else:
        with one_thread():
            found = march(chosen, dynamics, functions, parameters, fine[:-1], u, y, steps, every)
    states = np.moveaxis(found, 2, 0)
    return StochasticPaths(t, states, dynamics.states, chosen.name, float(steps.h.max()), seed, _sentence(states, t))


def _grid(t: Float[np.ndarray, " time"], parts: int) -> Float[np.ndarray, " step"]:
    inner = np.arange(parts) / parts
    return np.append((t[:-1, None] + np.diff(t)[:, None] * inner).ravel(), t[-1])


def _starts(
    model: FittedModel, start: Mapping[str, float] | Float[np.ndarray, "*path state"] | Sequence[float], paths: int
) -> Float[np.ndarray, "state path"]:
    states = model.system.states
    if isinstance(start, Mapping):
        missing = [name for name in states if name not in start]
        if missing:
            raise EquationError(f"the state `{missing[0]}` has no start; give one")
        start = np.array([float(start[name]) for name in states])
    found = np.asarray(start, dtype=float)
    if found.shape not in ((len(states),), (paths, len(states))):
        raise SettingError(
            f"starts are {len(states)} numbers, or {paths} times {len(states)}, and these have the shape {found.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(found, (paths, len(states))).T)


def _sentence(states: Float[np.ndarray, "path time state"], t: Float[np.ndarray, " time"]) -> str:
    broken = ~np.isfinite(states)
    lost = np.any(broken, axis=(1, 2))
    if not np.any(lost):
        return ""
    first = float(t[int(np.argmax(np.any(broken, axis=(0, 2))))])
    return (
        f"{int(np.sum(lost))} of {len(states)} paths leave what the equations know, the first at t = {first:g} (such as a root of "
        "something below 0); make the steps smaller, or say what holds there: `sqrt(max(x, 0))`"
    )
