"""Starts of runs given their histories, in NumPy: draws of an encoder, weighed and moved by the likelihood of the history.

Adaptive importance sampling (population Monte Carlo; Cappe, Guillin, Marin and Robert 2004, J. Comput. Graph. Stat. 13, 907): draws of
a normal distribution are weighed by likelihood x prior / density; the next distribution has the weighted mean and covariance, made
wider. Where the weights of a round would lie on few draws the likelihood is tempered, so that a start far off comes nearer step by step.
Without an encoder it begins at the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Trajectory
from ndestudio.fitting.latent.encoder import encode
from ndestudio.fitting.latent.history import histories, history_rows
from ndestudio.fitting.latent.result import LatentFit
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start
from ndestudio.model.schedule import schedule
from ndestudio.problem.rows import Rows
from ndestudio.problem.space import structure_of
from ndestudio.solve.numpy_fixed import VectorModel, march, read_out
from ndestudio.solve.tableau import RK4, Tableau
from ndestudio.solve.time_grid import Grid, make_grid

ROUNDS, FIRST_ROUNDS = 3, 8
"""Rounds of adaptive importance sampling from an encoder, and most from the prior."""
ENOUGH = 0.1
"""Part of the draws that the weights of a round are worth at least, by tempering."""
WIDER = 1.2
"""Factor of the standard deviations of the next round."""
AT_ONCE = 4000
"""Trajectories simulated at once."""


class Normal(NamedTuple):
    """Normal distributions of the starts of runs, in ``Coordinates``."""

    mean: Float[np.ndarray, "run encoded"]
    factor: Float[np.ndarray, "run encoded encoded"]


class Posterior(NamedTuple):
    """Weighed draws of the starts of runs.

    Parameters
    ----------
    weights
        Of each run they sum to 1.
    effective
        Draws that the weights are worth.
    """

    z: Float[np.ndarray, "draw run encoded"]
    weights: Float[np.ndarray, "draw run"]
    effective: Float[np.ndarray, " run"]


@dataclass(frozen=True, eq=False)
class Simulator:
    """Runs of a model with an encoder, from many starts at once.

    Parameters
    ----------
    clip
        Limits within which the field reads the states.
    log
        Measured columns whose logarithm is compared.
    """

    model: FittedModel
    latent: LatentFit
    clip: Float[np.ndarray, "2 state"]
    method: Tableau = RK4

    @cached_property
    def vector(self) -> VectorModel:
        return VectorModel(structure_of(self.model), self.model.networks)

    def grid(self, runs: Sequence[Trajectory], history_only: bool = False) -> Grid:
        """Steps of as many runs."""
        rows = [Rows(one, np.arange(len(one.t))) for one in runs]
        steps = self.latent.steps
        if history_only:
            rows = [Rows(one, np.flatnonzero(self._early(one))) for one in runs]
            part = max((row.t[-1] - row.t[0]) / (row.trajectory.t[-1] - row.trajectory.t[0]) for row in rows)
            steps = max(int(np.ceil(part * steps)), 4)
        events = None
        if self.model.system.events:
            events = [schedule(self.model.system, self.model.parameters, one) for one in runs]
        return make_grid(rows, steps, self.method, max(len(row.index) for row in rows), events=events)

    def _early(self, one: Trajectory) -> np.ndarray:
        """Rows of the history and one more at least, so that there is something to simulate."""
        early = history_rows(one, self.latent.scales.length)
        early[: min(2, len(early))] = True
        return early

    def starts(self, runs: Sequence[Trajectory], z: Float[np.ndarray, "draw run encoded"]) -> np.ndarray:
        """Starts of all states [state, draw, run]."""
        base = np.stack([model_start(self.model, one) for one in runs], axis=-1)
        found = np.repeat(base[:, None, :], len(z), axis=1)
        found[self.latent.coordinates.place] = np.moveaxis(self.latent.coordinates.forward(z), -1, 0)
        return found

    def simulated(
        self, grid: Grid, y0: Float[np.ndarray, "state draw run"]
    ) -> tuple[Float[np.ndarray, "state draw run sample"], Float[np.ndarray, "measured draw run sample"]]:
        """States and measured columns at the samples of a grid."""
        values = [np.array([[self.model.parameters[name]]]) for name in self.vector.structure.parameters]
        with np.errstate(all="ignore"):
            y = read_out(*march(self.vector, values, y0, grid, self.method, self.clip), grid)
            inputs = np.moveaxis(grid.sample_u, -1, 0)[:, None]
            seen = self.vector.observe([v[0] for v in values], grid.sample_t, inputs, y)
        return y, seen


def proposals(latent: LatentFit, runs: Sequence[Trajectory]) -> Normal:
    """What the encoder says of the starts of runs; the prior without one."""
    if latent.kind == "none":
        count = len(latent.states)
        return Normal(np.zeros((len(runs), count)), np.repeat(np.eye(count)[None], len(runs), axis=0))
    mean, factor = encode(latent.kind, latent.weights, histories(runs, latent.scales))
    return Normal(np.asarray(mean), np.asarray(factor))


def posterior(simulator: Simulator, runs: Sequence[Trajectory], draws: int, seed: int) -> Posterior:
    """Draws of the starts of ``runs`` given their histories."""
    chunk = max(1, AT_ONCE // draws)
    parts = [_posterior(simulator, runs[k : k + chunk], draws, seed) for k in range(0, len(runs), chunk)]
    return Posterior(*(np.concatenate([part[n] for part in parts], axis=1 if n < 2 else 0) for n in range(3)))


def _posterior(simulator: Simulator, runs: Sequence[Trajectory], draws: int, seed: int) -> Posterior:
    latent = simulator.latent
    generator = np.random.default_rng([seed, len(latent.states)])
    noise = generator.normal(size=(draws, 1, len(latent.states)))
    now = proposals(latent, runs)
    if not latent.refine and latent.kind != "none":
        z = now.mean + np.einsum("rij,srj->sri", now.factor, np.repeat(noise, len(runs), axis=1))
        even = np.full((draws, len(runs)), 1.0 / draws)
        return Posterior(z, even, np.full(len(runs), float(draws)))
    grid, target, mask = _history_target(simulator, runs)
    found: Posterior | None = None
    rounds = FIRST_ROUNDS if latent.kind == "none" else ROUNDS
    for number in range(rounds):
        last = number == rounds - 1
        z = now.mean + np.einsum("rij,srj->sri", now.factor, noise if last else generator.normal(size=noise.shape))
        likely = _likelihood(simulator, runs, grid, target, mask, z)
        log_sd = np.log(np.diagonal(now.factor, axis1=-2, axis2=-1)).sum(axis=-1)
        ratio = likely - 0.5 * (z**2).sum(-1) + 0.5 * (noise**2 if last else _standard(now, z) ** 2).sum(-1) + log_sd
        weights = _weights(ratio) if last else _tempered(ratio)
        found = Posterior(z, weights, 1.0 / (weights**2).sum(axis=0))
        if not last:
            now = _moved(found)
    assert found is not None
    return found


def _standard(normal: Normal, z: Float[np.ndarray, "draw run encoded"]) -> np.ndarray:
    return np.moveaxis(np.linalg.solve(normal.factor, np.moveaxis(z - normal.mean, 0, -1)), -1, 0)


def _weights(ratio: Float[np.ndarray, "draw run"]) -> np.ndarray:
    ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
    best = ratio.max(axis=0)
    best = np.where(np.isfinite(best), best, 0.0)
    found = np.exp(ratio - best)
    total = found.sum(axis=0)
    return np.where(total > 0, found / np.where(total > 0, total, 1.0), 1.0 / len(ratio))


def _tempered(ratio: Float[np.ndarray, "draw run"]) -> np.ndarray:
    """Weights with the largest power up to 1 that leaves each run ``ENOUGH`` of its draws."""
    low, high = np.zeros(ratio.shape[1]), np.ones(ratio.shape[1])
    for power in (high, *[None] * 12):
        middle = high if power is not None else 0.5 * (low + high)
        weights = _weights(middle * ratio)
        enough = 1.0 / (weights**2).sum(axis=0) >= ENOUGH * len(ratio)
        low = np.where(enough, middle, low)
        high = np.where(enough, high, middle)
    return _weights(low * ratio)


def _moved(found: Posterior) -> Normal:
    mean = np.einsum("sr,sri->ri", found.weights, found.z)
    away = found.z - mean
    covariance = np.einsum("sr,sri,srj->rij", found.weights, away, away)
    size = covariance.shape[-1]
    # few draws make a covariance too narrow in some direction
    floor = 1e-3 * np.maximum(np.trace(covariance, axis1=-2, axis2=-1), 1e-6)[:, None, None] * np.eye(size) / size
    return Normal(mean, WIDER * np.linalg.cholesky(covariance + floor))


def _history_target(
    simulator: Simulator, runs: Sequence[Trajectory]
) -> tuple[Grid, Float[np.ndarray, "measured run sample"], Float[np.ndarray, "measured run sample"]]:
    latent = simulator.latent
    grid = simulator.grid(runs, history_only=True)
    samples = grid.sample_t.shape[1]
    target = np.zeros((len(simulator.model.measured), len(runs), samples))
    mask = np.zeros_like(target)
    for k, one in enumerate(runs):
        index = np.flatnonzero(simulator._early(one))
        values = compared(one.measured[index], latent)
        known = np.isfinite(values) & history_rows(one, latent.scales.length)[index][:, None]
        target[:, k, : len(index)] = np.where(known, values, 0.0).T
        mask[:, k, : len(index)] = known.T
    return grid, target, mask


def _likelihood(
    simulator: Simulator,
    runs: Sequence[Trajectory],
    grid: Grid,
    target: Float[np.ndarray, "measured run sample"],
    mask: Float[np.ndarray, "measured run sample"],
    z: Float[np.ndarray, "draw run encoded"],
) -> Float[np.ndarray, "draw run"]:
    """Log likelihood of the histories, up to a constant."""
    _, seen = simulator.simulated(grid, simulator.starts(runs, z))
    latent = simulator.latent
    noise = noise_of(latent, simulator.model.measured)[:, None, None, None]
    error = (np.moveaxis(compared(np.moveaxis(seen, 0, -1), latent), -1, 0) - target[:, None]) / noise
    squares = np.where(mask[:, None] > 0, error**2, 0.0).sum(axis=(0, 3))
    return np.where(np.isfinite(squares), -0.5 * squares, -np.inf)


def compared(values: Float[np.ndarray, "*any measured"], latent: LatentFit) -> Float[np.ndarray, "*any measured"]:
    """Values, or their logarithms where those are compared."""
    log = latent.scales.log
    if log is None or not log.any():
        return values
    with np.errstate(all="ignore"):
        return np.where(log, np.log(values), values)


def noise_of(latent: LatentFit, measured: Sequence[str]) -> Float[np.ndarray, " measured"]:
    """Noise of each measured column, as compared."""
    return np.array([latent.noise.get(name, np.inf) for name in measured])
