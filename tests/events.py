"""What tests of doses and events share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Dose

KA, KE, V, F = 0.8, 0.15, 20.0, 0.7
"""Of a one-compartment model with absorption, and the times of its four doses of 100:"""
DOSES = tuple(Dose(12.0 * k, 100.0) for k in range(4))


def with_doses(dataset: Dataset, *doses: Sequence[Dose]) -> Dataset:
    """The same data with the doses of each trajectory."""
    rows = zip(dataset.trajectories, doses, strict=True)
    return replace(dataset, trajectories=tuple(replace(one, doses=tuple(given)) for one, given in rows))


def after_oral_doses(t: Float[np.ndarray, " time"], lag: float = 0.0) -> Float[np.ndarray, " time"]:
    """Amount in the blood after the doses, by Bateman's function."""
    amount = np.zeros_like(t)
    for dose in DOSES:
        s = np.maximum(t - dose.time - lag, 0.0)
        amount += F * dose.amount * KA / (KA - KE) * (np.exp(-KE * s) - np.exp(-KA * s))
    return amount
