"""One-compartment oral absorption with doses at times and of amounts of their own in each run, by Bateman's function."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig

TRUE = {"ka": 1.1, "ke": 0.12, "V": 25.0}
START = {"ka": 0.6, "ke": 0.2, "V": 15.0}
EQUATIONS = "d(G)/dt = -ka*G\nd(A)/dt = ka*G - ke*A\nC = A/V\n"
END, SAMPLES = 60.0, 12


def exact(
    t: Float[np.ndarray, " time"], doses: tuple[Dose, ...], values: dict[str, float]
) -> Float[np.ndarray, " time"]:
    """Concentration after doses."""
    ka, ke = values["ka"], values["ke"]
    found = np.zeros_like(t)
    for one in doses:
        s = np.maximum(t - one.time, 0.0)
        found += one.amount / values["V"] * ka / (ka - ke) * (np.exp(-ke * s) - np.exp(-ka * s))
    return found


def runs(count: int, doses: int, noise: float, seed: int = 0) -> Dataset:
    """Runs with noise, in spreads of the readings; the first dose of each is given at the begin."""
    rng = np.random.default_rng(seed)
    times, values, given = [], [], []
    for _ in range(count):
        inner = np.sort(rng.uniform(1.0, END - 4.0, doses - 1))
        own = tuple(Dose(float(t), float(rng.uniform(50.0, 150.0))) for t in (0.0, *inner))
        t = np.unique(np.concatenate([[0.0], np.sort(rng.uniform(0.3, END, SAMPLES - 1))]))
        times.append(t)
        values.append(exact(t, own, TRUE))
        given.append(own)
    size = noise * float(np.std(np.concatenate(values)))
    values = [(c + size * rng.standard_normal(len(c)))[:, None] for c in values]
    data = dataset_from_arrays(times, values, ["C"], split=SplitConfig(by="none"))
    pairs = zip(data.trajectories, given, strict=True)
    return replace(data, trajectories=tuple(replace(one, doses=own) for one, own in pairs))


def without_doses(data: Dataset, noise: float) -> Dataset:
    """The same times and number of values where the first dose is the initial value of each run and no other follows."""
    rng = np.random.default_rng(1)
    found, clean = [], [exact(one.t, one.doses[:1], TRUE) for one in data.trajectories]
    size = noise * float(np.std(np.concatenate(clean)))
    for one, c in zip(data.trajectories, clean, strict=True):
        first = one.doses[:1]
        values = (c + size * rng.standard_normal(len(c)))[:, None]
        found.append(replace(one, measured=values, doses=(), initial={"G": first[0].amount}))
    return replace(data, trajectories=tuple(found))


def config(start: dict[str, float] = START) -> ModelConfig:
    return ModelConfig(
        equations=EQUATIONS,
        parameters={name: ParameterConfig(value=value, lower=0.0) for name, value in start.items()},
        initial={name: InitialConfig(value=0.0, fit=False) for name in ("G", "A")},
    )
