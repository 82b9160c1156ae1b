"""Where the states go from starts that the priors allow: scales of networks, limits of the field, and steps of the solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Part
from ndestudio.expression.tree import calls
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.latent.coordinates import Coordinates
from ndestudio.fitting.latent.history import history_scales
from ndestudio.fitting.latent.inference import Simulator
from ndestudio.fitting.latent.result import LatentFit, StartPriors
from ndestudio.fitting.latent.warm_start import begun
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.model.encoders import free_states
from ndestudio.model.fitted import FittedModel, NetworkWeights

RUNS, DRAWS = 24, 12
FINE, SMALLEST, LARGEST = 3e-2, 16, 1024
"""Root mean square change of states over their range when steps are halved, up to which a grid will do; steps tried."""
BEYOND = 1.0
"""Ranges beyond what the priors reach, up to which the field reads states."""


@dataclass(frozen=True, eq=False)
class Reach:
    """A problem whose model has scales and limits from where the priors lead, and steps that follow it."""

    problem: PreparedFit
    steps: int


def state_scales(model: FittedModel) -> Float[np.ndarray, " state"]:
    """Typical magnitude of each state before anything was simulated."""
    scale = np.ones(len(model.system.states)) if model.scale is None else np.asarray(model.scale, dtype=float)
    return np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)


def by_prior(problem: PreparedFit, known: Coordinates, train: TrainConfig) -> Reach:
    """Simulate training runs from draws of the priors, with fresh networks."""
    model, dataset = problem.space.model, problem.dataset
    runs = [one for one in dataset.trajectories if one.part[0] == Part.TRAIN][:RUNS]
    length = dataset.span() / 3.0
    scales = history_scales(dataset, length, problem.space.constants.log)
    latent = LatentFit((), "none", "elbo", {}, StartPriors(*known), scales, {}, steps=SMALLEST)
    z = np.random.default_rng(train.seed).normal(size=(DRAWS, len(runs), len(known.place)))
    wide = np.stack([np.full(len(model.system.states), -1e12), np.full(len(model.system.states), 1e12)])

    def states(steps: int) -> Float[np.ndarray, "state n"]:
        simulator = Simulator(model, replace(latent, steps=steps), wide, problem.method)
        grid = simulator.grid(runs)
        y, _ = simulator.simulated(grid, simulator.starts(runs, z))
        return y.reshape(len(y), -1)

    steps = max(SMALLEST, max(len(one.t) for one in runs) - 1)
    coarse = states(steps)
    while steps < LARGEST:
        fine = states(2 * steps)
        done = _apart(coarse, fine) <= FINE
        if done:
            break
        steps, coarse = 2 * steps, fine
    loose = free_states(model.system)
    free = np.array([state in loose and state not in model.measured for state in model.system.states])
    low, high = _ends(coarse)
    size = np.maximum(high - low, 1e-12)
    typical = float(np.median(size[~free])) if (~free).any() else 1.0
    width = np.zeros(len(free))
    width[known.place] = known.width
    size = np.where(free, np.maximum(np.maximum(size, typical), width), size)
    middle = np.where(free, 0.0, 0.5 * (low + high))
    scaled = _scaled(model, middle, 0.5 * size, free, dataset.span())
    limits = np.stack(
        [np.where(free, -20.0 * size, low - BEYOND * size), np.where(free, 20.0 * size, high + BEYOND * size)]
    )
    training = [one for one in dataset.trajectories if one.part[0] == Part.TRAIN]
    scaled = begun(scaled, training, Simulator(scaled, replace(latent, steps=steps), limits, problem.method))
    found = prepare_fit(scaled, dataset, train)
    constants = found.space.constants._replace(clip=limits)
    return Reach(replace(found, space=replace(found.space, constants=constants)), steps)


def _apart(coarse: Float[np.ndarray, "state n"], fine: Float[np.ndarray, "state n"]) -> float:
    with np.errstate(all="ignore"):
        size = np.maximum(np.nanstd(fine, axis=1), 1e-12)
        away = np.sqrt(np.mean((coarse - fine) ** 2, axis=1)) / size
    return float(away.max()) if np.isfinite(away).all() else np.inf


def _ends(y: Float[np.ndarray, "state n"]) -> tuple[np.ndarray, np.ndarray]:
    finite = np.where(np.isfinite(y), y, np.nan)
    with np.errstate(all="ignore"):
        low, high = np.nanquantile(finite, [0.005, 0.995], axis=1)
    return np.nan_to_num(low), np.nan_to_num(high)


def _scaled(
    model: FittedModel,
    middle: Float[np.ndarray, " state"],
    half: Float[np.ndarray, " state"],
    free: Bool[np.ndarray, " state"],
    span: float,
) -> FittedModel:
    """With networks whose arguments are scaled by where the states go, and states of their own scale."""
    place = {state: k for k, state in enumerate(model.system.states)}

    def network(name: str, one: NetworkWeights) -> NetworkWeights:
        center, scale = one.input_center.copy(), one.input_scale.copy()
        for k, argument in enumerate(one.arguments):
            if argument in place and argument not in one.config.basis:
                center[k], scale[k] = middle[place[argument]], half[place[argument]]
        moved = [k for k, rhs in enumerate(model.system.rhs) if free[k] and calls(rhs, {name})]
        output = 4.0 * float(half[moved[0]]) / (span or 1.0) if moved else one.output_scale
        return replace(one, input_center=center, input_scale=scale, output_scale=output)

    return replace(model, networks={name: network(name, one) for name, one in model.networks.items()}, scale=2.0 * half)
