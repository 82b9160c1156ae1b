"""Patients under dexamethasone, simulated again from the published equations of the latent hybridisation model.

Source: Qian, Zame, Fleuren, Elbers, van der Schaar 2021, Integrating expert ODEs into neural ODEs: pharmacology and disease
progression, NeurIPS 34, section 5 (arXiv 2106.02875), and the settings in the authors' repository
(github.com/ZhaozhiQIAN/Hybrid-ODE-NeurIPS-2021): all constants of the expert model 1, Hill coefficients 2, two unknown
states that change by tanh(M' z) with half of M missing, twenty markers that are sums of half of the states, noise 0.2 before each
marker is scaled to a spread of 1, half of all values missing, one dose of up to 10 on one day of 14, starts exponential with
mean 0.01. Numbers are drawn in the order of the authors (NumPy's old generator, seed 666); which values are missing is drawn
anew, since theirs came from PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Column, Dataset, Dose, Part, Trajectory

MARKERS, STATES, DAYS, HISTORY = 20, 6, 14, 5.0
NOISE, DOSE, MISSING = 0.2, 10.0, 0.5
PATIENTS, VALIDATION, TEST = 1300, 100, 200
STEPS_A_DAY = 40


@dataclass(frozen=True)
class Patients:
    """All patients: train first, then validation, then test.

    Parameters
    ----------
    values
        Markers, centred and scaled over everybody.
    states
        The six states at the same days.
    floor
        Noise of each marker after scaling.
    """

    values: Float[np.ndarray, "patient day marker"]
    present: Bool[np.ndarray, "patient day marker"]
    states: Float[np.ndarray, "patient day state"]
    dose_day: Float[np.ndarray, " patient"]
    dose: Float[np.ndarray, " patient"]
    floor: Float[np.ndarray, " marker"]


def simulate(seed: int = 666, patients: int = PATIENTS) -> Patients:
    """The patients of one seed."""
    draw = np.random.RandomState(seed)
    output = draw.randn(MARKERS, STATES + 1) * draw.binomial(1, 0.5, (MARKERS, STATES + 1))
    unknown = draw.randn(STATES, 2) * draw.binomial(1, 0.5, (STATES, 2)) / STATES
    begin = draw.exponential(0.01, (patients, STATES))
    day = np.array([draw.choice(DAYS, size=1, replace=False)[0] for _ in range(patients)], dtype=float)
    dose = draw.rand(patients) * DOSE
    states = _solved(begin, day, dose, unknown)
    whole = np.concatenate([states, np.ones((patients, DAYS + 1, 1))], axis=2) @ output.T
    noise = np.stack([draw.randn(MARKERS, DAYS + 1).T for _ in range(patients)])
    whole = whole + NOISE * noise
    center, spread = whole.mean(axis=(0, 1)), whole.std(axis=(0, 1))
    present = draw.rand(*whole.shape) > MISSING
    return Patients((whole - center) / spread, present, states, day, dose, NOISE / spread)


def _solved(
    y: Float[np.ndarray, "patient state"],
    day: Float[np.ndarray, " patient"],
    dose: Float[np.ndarray, " patient"],
    unknown: Float[np.ndarray, "state 2"],
) -> Float[np.ndarray, "patient day state"]:
    """States at whole days by the classical Runge-Kutta method."""
    h, found = 1.0 / STEPS_A_DAY, [y]
    for n in range(DAYS * STEPS_A_DAY):
        t = n * h
        # a dose begins at a step: within the step it has begun or not throughout
        given = day <= t + 0.5 * h

        def slope(t: float, y: np.ndarray, given: np.ndarray = given) -> np.ndarray:
            plasma = np.where(given, dose * np.exp(-np.maximum(t - day, 0.0)), 0.0)
            disease, reaction, immunity, effect = y[:, 0], y[:, 1], y[:, 2], y[:, 3]
            hill = reaction**2 / (1.0 + reaction**2)
            return np.column_stack(
                [
                    disease - disease * immunity**2 - disease * reaction,
                    disease - reaction + disease * reaction + hill - effect * reaction,
                    reaction,
                    plasma - effect,
                    np.tanh(y @ unknown),
                ]
            )

        k1 = slope(t, y)
        k2 = slope(t + h / 2, y + h / 2 * k1)
        k3 = slope(t + h / 2, y + h / 2 * k2)
        k4 = slope(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if (n + 1) % STEPS_A_DAY == 0:
            found.append(y)
    return np.stack(found, axis=1)


def dataset(patients: Patients, train: int, *, validation: int = VALIDATION, test: int = TEST) -> Dataset:
    """Some training patients and the same held-out ones each time, with their doses."""
    count = len(patients.dose)
    first = count - VALIDATION - TEST
    chosen = [
        *((k, Part.TRAIN) for k in range(train)),
        *((k, Part.VALIDATION) for k in range(first, first + validation)),
        *((k, Part.TEST) for k in range(first + VALIDATION, first + VALIDATION + test)),
    ]
    t = np.arange(DAYS + 1.0)
    runs = tuple(
        Trajectory(
            name=f"patient_{k:04d}",
            t=t,
            measured=np.where(patients.present[k], patients.values[k], np.nan),
            inputs=np.zeros((len(t), 0)),
            part=np.full(len(t), part, dtype=np.int8),
            doses=(Dose(float(patients.dose_day[k]), float(patients.dose[k])),),
        )
        for k, part in chosen
    )
    markers = tuple(Column(f"marker_{k + 1}", f"marker_{k + 1}") for k in range(MARKERS))
    return Dataset(runs, Column("day", "day", "d"), markers)


def without_doses(data: Dataset) -> Dataset:
    """The same patients as if nobody knew of their doses."""
    return replace(data, trajectories=tuple(replace(one, doses=()) for one in data.trajectories))
