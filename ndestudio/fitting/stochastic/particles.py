"""A particle filter (Gordon, Salmond and Smith 1993): the likelihood of measurements with errors without the normal distribution that
Kalman's filters assume, as a check of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import SettingError
from ndestudio.fitting.stochastic.filtering import Measurements, measurements
from ndestudio.model.diffusion import to_ito
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term
from ndestudio.problem.dynamics import EquationDynamics
from ndestudio.problem.space import structure_of


@dataclass(frozen=True, eq=False)
class ParticleLikelihood:
    """What a particle filter says.

    Parameters
    ----------
    each
        Log density of each measured row given those before (0 where a run begins).
    mean
        Filtered states.
    lost
        Rows at which all particles were impossible, and which are left out.
    """

    each: Float[np.ndarray, " row"]
    mean: Float[np.ndarray, "row state"]
    lost: int

    @property
    def total(self) -> float:
        return float(self.each.sum())


def particle_likelihood(
    model: FittedModel,
    dataset: Dataset,
    noise: dict[str, float],
    *,
    particles: int = 1000,
    seed: int = 0,
    substeps: int = 4,
    part: Part | None = Part.TRAIN,
    most: int | None = None,
) -> ParticleLikelihood:
    """Likelihood of measurements with errors, by simulated particles (Euler-Maruyama, systematic resampling).

    Parameters
    ----------
    noise
        Measured column -> standard deviation of its errors.
    particles
        How many; the error of the likelihood falls as one over their root.
    substeps
        Steps between two measurements.
    most
        Rows that are looked at, from the first on; None: all.

    Raises
    ------
    SettingError
        Numbers that make no sense, or the errors of a column are not told.
    """
    if particles < 2 or substeps < 1:
        raise SettingError("a particle filter needs at least two particles and one step between measurements")
    data = measurements(model, dataset, part)
    names = [dataset.measured_names[k] for k in data.columns]
    missing = [name for name in names if not noise.get(name, 0.0) > 0]
    if missing:
        raise SettingError(f"the column `{missing[0]}` has no standard deviation of its errors; say one above 0")
    level = np.array([noise[name] for name in names])
    return _run(model, data, level, particles, seed, substeps, len(data.t) if most is None else most)


def _run(
    model: FittedModel,
    data: Measurements,
    level: Float[np.ndarray, " column"],
    particles: int,
    seed: int,
    substeps: int,
    most: int,
) -> ParticleLikelihood:
    if model.system.calculus != "ito":
        from dataclasses import replace

        model = replace(model, system=to_ito(model.system))
    dynamics = structure_of(model).dynamics
    assert isinstance(dynamics, EquationDynamics)
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    drift, spread = dynamics.drift(functions, np), dynamics.diffusion(functions, np)
    assert spread is not None
    parameters = [float(model.parameters[name]) for name in dynamics.parameters]
    rng = np.random.default_rng(seed)
    rows = min(most, len(data.t))
    each, mean, lost = np.zeros(rows), np.empty((rows, len(dynamics.states))), 0
    x = np.empty((len(dynamics.states), particles))
    for row in range(rows):
        shown = np.isfinite(data.values[row])
        if data.start[row]:
            x = _begin(data, row, shown, level, particles, rng)
            mean[row] = x.mean(axis=1)
            continue
        d = data.h[row] / substeps
        before = data.t[row] - data.h[row]
        with np.errstate(all="ignore"):
            for k in range(substeps):
                share = k / substeps
                u = (data.u[row - 1] + share * (data.u[row] - data.u[row - 1]))[:, None]
                t = before + k * d
                w = np.sqrt(d) * rng.standard_normal((len(dynamics.noises), particles))
                x = x + drift(parameters, t, u, x) * d + np.einsum("ikn,kn->in", spread(parameters, t, u, x), w)
            z = (data.values[row][shown, None] - data.offset[shown, None] - data.matrix[shown] @ x) / level[shown, None]
            log = -0.5 * np.sum(z**2, axis=0) - np.sum(np.log(level[shown])) - 0.5 * shown.sum() * np.log(2 * np.pi)
        log = np.where(np.isfinite(log) & np.isfinite(x).all(axis=0), log, -np.inf)
        top = log.max()
        if not np.isfinite(top):
            lost += 1
            x = _begin(data, row, shown, level, particles, rng)
            mean[row] = x.mean(axis=1)
            continue
        weight = np.exp(log - top)
        each[row] = top + np.log(weight.mean())
        weight /= weight.sum()
        mean[row] = np.where(weight > 0, x, 0.0) @ weight
        at = np.searchsorted(np.cumsum(weight), (np.arange(particles) + rng.random()) / particles)
        x = x[:, np.minimum(at, particles - 1)]
    return ParticleLikelihood(each, mean, lost)


def _begin(
    data: Measurements, row: int, shown: np.ndarray, level: np.ndarray, particles: int, rng: np.random.Generator
) -> Float[np.ndarray, "state particle"]:
    """As the filter begins: where the first measurement says, and by the start of the model where none does."""
    z = rng.standard_normal((data.matrix.shape[1], particles))
    x = data.begin[row][:, None] + data.spread[:, None] * z
    for k in np.flatnonzero(shown):
        state = int(np.flatnonzero(data.matrix[k])[0])
        factor = data.matrix[k, state]
        x[state] = (data.values[row, k] - data.offset[k] + level[k] * z[state]) / factor
    return x
