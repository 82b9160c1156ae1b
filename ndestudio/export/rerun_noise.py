"""Programs with noise are run again twice: along one Brownian path that the model takes too, and by their own generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.export.artefacts import Artefact
from ndestudio.export.content import content
from ndestudio.export.exporter import Exporter, NoiseTrial, RunFailed, Trial
from ndestudio.export.track import Track
from ndestudio.model.fitted import FittedModel

POINTS, STEPS = 21, 4
"""Points of the run along a shared path, and steps between two of them at least."""
PATHS, FEWEST_PATHS, MOMENT_POINTS = 400, 60, 6
"""Paths whose moments are compared, fewer where each takes very many steps, and their points."""
MOST, MOST_STEPS = 400_000, 20_000
"""Steps of all paths together, and of one."""
FEWEST = 3
"""Points that have to be compared at least."""
UNLIKELY = 1e-4
"""Probability below which moments count as different."""
TOLERANCE = 1e-6

Tables = Callable[[Trial], "Float[np.ndarray, 'row column'] | str"]


def verified_noise(
    artefact: Artefact, exporter: Exporter, model: FittedModel, dataset: Dataset | None, folder: Path, table: Tables
) -> Artefact:
    """``artefact`` with how it agrees along one path and in its moments.

    Parameters
    ----------
    table
        Runs a trial and gives the numbers it printed, or a sentence why it cannot be run here.
    """
    assert exporter.rerun is not None
    track = content(model, dataset).tracks[0]
    steps = _steps(track, dataset, POINTS)
    increments = _increments(model, track, steps)
    np.savetxt(folder / "increments.csv", increments[:, :, 0], delimiter=",", fmt="%.17g")
    trial = Trial(folder, artefact.name, track.name, POINTS, _nothing, NoiseTrial(steps, increments="increments.csv"))
    shared = table(trial)
    if isinstance(shared, str):
        return replace(artefact, sentence=shared)
    reference = simulated(model, track, POINTS, steps, increments)[:, :, 0]
    if np.isfinite(reference).all(axis=1).sum() < FEWEST:
        said = f"The model itself has no path along trajectory {track.name} with {steps * (POINTS - 1)} steps; nothing could be compared."
        return replace(artefact, sentence=said)
    apart = deviation(shared[:, 2 : 2 + reference.shape[1]], reference)
    if apart > TOLERANCE:
        said = f"Run again along a Brownian path of trajectory {track.name}: it differs from the model by {apart:.1e} of the range of a state."
        return replace(artefact, deviation=apart, sentence=said)
    steps = _steps(track, dataset, MOMENT_POINTS)
    paths = int(np.clip(MOST // (steps * (MOMENT_POINTS - 1)), FEWEST_PATHS, PATHS))
    found = table(replace(trial, points=MOMENT_POINTS, noise=NoiseTrial(steps, paths, seed=1)))
    if isinstance(found, str):
        return replace(artefact, sentence=found)
    states = found[:, 2 : 2 + reference.shape[1]].reshape(paths, MOMENT_POINTS, -1)
    p, sentence = moments(states, _own(model, track, steps, paths))
    told = f"Run again along a Brownian path of trajectory {track.name}: it agrees with the model to {apart:.1e} of the range of each state. {sentence}"
    return replace(artefact, deviation=apart if p > UNLIKELY else float("inf"), sentence=told)


def _nothing(command: object) -> str:
    raise RunFailed("Not run.")


def _steps(track: Track, dataset: Dataset | None, points: int) -> int:
    """Steps between two points: two between measurements, as far as that are not very many."""
    count = 4 * STEPS * (POINTS - 1)
    if dataset is not None:
        longest = max(dataset.trajectories, key=lambda one: len(one.t))
        if len(longest.t) > 1:
            count = int(np.ceil(2.0 * (track.stop - track.start) / float(np.median(np.diff(longest.t)))))
    return max(-(-min(count, MOST_STEPS) // (points - 1)), STEPS)


def _increments(model: FittedModel, track: Track, steps: int) -> Float[np.ndarray, "step noise 1"]:
    count = (POINTS - 1) * steps
    h = (track.stop - track.start) / count
    return np.sqrt(h) * np.random.default_rng(7).standard_normal((count, len(model.system.diffusion), 1))


def simulated(
    model: FittedModel, track: Track, points: int, steps: int, increments: Float[np.ndarray, "step noise path"]
) -> Float[np.ndarray, "time state path"]:
    """What the model's own Euler-Maruyama (Itô) or stochastic Heun (Stratonovich) gives along increments."""
    from ndestudio.model.networks import array_neural_term
    from ndestudio.problem.dynamics import EquationDynamics
    from ndestudio.problem.space import structure_of
    from ndestudio.solve.stochastic.brownian import Increments
    from ndestudio.solve.stochastic.methods import EULER, HEUN
    from ndestudio.solve.stochastic.stepping import march

    dynamics = structure_of(model).dynamics
    assert isinstance(dynamics, EquationDynamics)
    grid = np.linspace(track.start, track.stop, (points - 1) * steps + 1)
    u = np.zeros((len(grid), 0)) if track.control is None else np.asarray(track.control(grid), dtype=float)
    u = u if u.shape[1] == len(dynamics.inputs) else np.zeros((len(grid), len(dynamics.inputs)))
    y = np.repeat(np.asarray(track.initial, dtype=float)[:, None], increments.shape[2], axis=1)
    return march(
        HEUN if model.system.calculus == "stratonovich" else EULER,
        dynamics,
        {name: array_neural_term(network) for name, network in model.networks.items()},
        np.array([float(model.parameters[name]) for name in dynamics.parameters]),
        grid[:-1],
        u,
        y,
        Increments(np.diff(grid), increments, np.zeros_like(increments)),
        steps,
    )


def _own(model: FittedModel, track: Track, steps: int, paths: int) -> Float[np.ndarray, "path time state"]:
    count = (MOMENT_POINTS - 1) * steps
    h = (track.stop - track.start) / count
    drawn = np.random.default_rng(11).standard_normal((count, len(model.system.diffusion), paths))
    return np.moveaxis(simulated(model, track, MOMENT_POINTS, steps, np.sqrt(h) * drawn), 2, 0)


def moments(
    found: Float[np.ndarray, "path time state"], own: Float[np.ndarray, "path time state"]
) -> tuple[float, str]:
    """Smallest probability that mean, standard deviation or distribution differ so by chance, and a sentence.

    Means by Welch's test, standard deviations by Levene's, distributions by Kolmogorov's and Smirnov's; corrected for how
    many there are (Bonferroni). Paths that end are left out, in both.
    """
    values: list[float] = []
    mean = spread = 0.0
    for k in range(1, found.shape[1]):
        for s in range(found.shape[2]):
            a, b = (one[:, k, s][np.isfinite(one[:, k, s])] for one in (found, own))
            if min(len(a), len(b)) < max(len(own) // 4, 10):
                continue
            if np.std(b) <= 1e-12 * max(float(np.max(np.abs(b))), 1.0):
                values.append(1.0 if np.allclose(a, b.mean()) else 0.0)
                continue
            tests: list[Any] = [
                scipy.stats.ttest_ind(a, b, equal_var=False),
                scipy.stats.levene(a, b),
                scipy.stats.ks_2samp(a, b),
            ]
            values += [float(one.pvalue) for one in tests]
            mean = max(mean, abs(float(a.mean() - b.mean())) / float(np.hypot(a.std(), b.std()) / np.sqrt(len(b))))
            spread = max(spread, abs(float(a.std() / b.std()) - 1.0))
    if not values:
        return 1.0, "Too few paths have values for their moments to be compared."
    p = min(1.0, min(values) * len(values))
    deviations = f"standard deviations within {100 * spread:.0f}%"
    if spread > 2.0:
        deviations = "standard deviations are those of a few paths that run far away"
    told = f"means of {len(own)} paths of its own generator are within {mean:.1f} standard errors of the model's, {deviations}"
    if p <= UNLIKELY:
        return p, f"But the {told}, which is no chance (p = {p:.1g})."
    return p, f"{told[0].upper()}{told[1:]}."


def deviation(found: Float[np.ndarray, "time state"], reference: Float[np.ndarray, "time state"]) -> float:
    """Largest difference over the range of a state; paths have to end at the same time."""
    if found.shape != reference.shape or (np.isfinite(found) != np.isfinite(reference)).any():
        return float("inf")
    here = np.isfinite(reference)
    low = np.where(here, reference, np.inf).min(axis=0)
    high = np.where(here, reference, -np.inf).max(axis=0)
    size = high - low
    scale = np.where(size > 0, size, np.maximum(np.abs(np.where(here, reference, 0.0)).max(axis=0), 1.0))
    apart = np.where(here, found, 0.0) - np.where(here, reference, 0.0)
    return float(np.max(np.abs(apart) / scale))
