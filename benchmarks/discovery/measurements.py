"""Measurements of a system as a person would have them: simulated, sampled, with noise; and what is held out."""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.discovery.scoring import Box, Relation
from benchmarks.discovery.system import DiscoverySystem, Inputs, States

POINTS = 150
"""Samples of a trajectory, on [0, 10] characteristic times."""
HELD_OUT = 75
"""Samples after the end of a trajectory, half as long again, on which laws are judged."""
CONSTANT = 1e-7
"""Part of the spreads of the states below which a sum of them does not vary: it is constant but for the solver's error."""
NOISE = ("1%", "5%", "40dB", "30dB", "20dB", "10dB")
"""Percent: of the standard deviation of a column. dB: of the mean square of a column over the variance of the noise."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """Trajectories of a system.

    Parameters
    ----------
    t, states, values, u
        Of each trajectory: times, true states, states with noise, inputs.
    later_t, later_states, later_u
        True states after the end.
    """

    system: DiscoverySystem
    t: list[Float[np.ndarray, " time"]]
    states: list[States]
    values: list[States]
    u: list[Inputs]
    later_t: list[Float[np.ndarray, " later"]]
    later_states: list[States]
    later_u: list[Inputs]

    @property
    def box(self) -> Box:
        """Where the true trajectories lie, a tenth wider."""
        columns = {name: np.concatenate([y[:, k] for y in self.states]) for k, name in enumerate(self.system.states)}
        columns |= {name: np.concatenate([u[:, k] for u in self.u]) for k, name in enumerate(self.system.inputs)}
        columns["t"] = np.concatenate(self.t)
        wanted = self.system.arguments
        return {name: _wider(float(x.min()), float(x.max())) for name, x in columns.items() if name in wanted}

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Linear relations that the true states obey in all trajectories: `s + i + r = 1` of a closed population."""
        y = np.concatenate(self.states)
        spread = np.where(y.std(axis=0) > 0, y.std(axis=0), 1.0)
        _, sizes, directions = np.linalg.svd((y - y.mean(axis=0)) / spread, full_matrices=False)
        kept = directions[sizes < CONSTANT * sizes[0]] / spread
        found: list[Relation] = []
        for k in range(len(kept)):
            j = int(np.abs(kept[k] * spread).argmax())
            kept[k] /= kept[k, j]
            for other in range(len(kept)):
                if other != k:
                    kept[other] -= kept[other, j] * kept[k]
            found.append((self.system.states[j], {}, 0.0))
        return tuple(
            (
                one,
                {name: -float(c) for name, c in zip(self.system.states, row, strict=True) if name != one and c},
                float((y @ row).mean()),
            )
            for (one, _, _), row in zip(found, kept, strict=True)
        )


def _wider(low: float, high: float) -> tuple[float, float]:
    more = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return (low if 0 <= low < more else low - more), (high if -more < high <= 0 else high + more)


def measured(system: DiscoverySystem, noise: str, starts: int, seed: int) -> Measurements:
    """Simulate ``starts`` trajectories and add noise; another seed draws other noise and other inputs."""
    generator = np.random.default_rng([seed, starts, zlib.crc32(system.name.encode())])
    t = system.times(POINTS)
    later = system.span * (1 + np.arange(1, HELD_OUT + 1) / (2 * HELD_OUT))
    whole = np.concatenate([t, later])
    u = [_inputs(system, whole, generator) for _ in range(starts)]
    y = [system.solve(whole, np.array(start), one) for start, one in zip(system.starts[:starts], u, strict=True)]
    if any(len(one) < len(whole) or not np.isfinite(one).all() for one in y):
        raise ValueError(f"{system.name}: a trajectory runs away")
    states = [one[:POINTS] for one in y]
    sigma = noise_level(np.concatenate(states), noise)
    values = [one + sigma * generator.standard_normal(one.shape) for one in states]
    return Measurements(
        system,
        [t] * starts,
        states,
        values,
        [one[:POINTS] for one in u],
        [later] * starts,
        [one[POINTS:] for one in y],
        [one[POINTS:] for one in u],
    )


def noise_level(states: States, noise: str) -> Float[np.ndarray, " state"]:
    """Standard deviation of the noise of each column."""
    if noise.endswith("%"):
        return float(noise[:-1]) / 100 * states.std(axis=0)
    if noise.endswith("dB"):
        return np.sqrt(np.mean(states**2, axis=0) / 10 ** (float(noise[:-2]) / 10))
    raise ValueError(f"noise `{noise}` is neither a percentage nor a signal-to-noise ratio in dB")


def _inputs(system: DiscoverySystem, t: Float[np.ndarray, " time"], generator: np.random.Generator) -> Inputs:
    columns = []
    for kind in system.inputs.values():
        if kind == "steps":
            columns.append(generator.uniform(-1, 1, 9)[np.minimum((6 * t / system.span).astype(int), 8)])
        else:
            columns.append(np.sin(2 * np.pi * t / system.span * generator.uniform(2, 5) + generator.uniform(0, 6)))
    return np.stack(columns, axis=-1) if columns else np.zeros((len(t), 0))


def write_csv(made: Measurements, path: Path) -> None:
    """One row a sample: run, time, states, inputs."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "time", *made.system.states, *made.system.inputs])
        for number, (t, values, u) in enumerate(zip(made.t, made.values, made.u, strict=True)):
            for row in np.column_stack([t, values, u]):
                rows.writerow([f"run{number}", *(f"{value:.6g}" for value in row)])
