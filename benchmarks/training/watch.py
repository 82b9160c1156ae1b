"""What a training says, with the seconds at which it said it."""

from __future__ import annotations

import time

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Event, FitSnapshot, Phase

PLAUSIBLE = 0.25
"""Error on the training data, over the spread, below which a plot shows a fit."""


class Watch:
    """A reporter that remembers models and when they came, and the phases."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.models: list[tuple[float, FittedModel]] = []
        self.errors: list[tuple[float, float]] = []
        self.phases: list[tuple[float, str]] = []
        self.begin = time.perf_counter()

    def emit(self, event: Event) -> None:
        now = time.perf_counter() - self.begin
        if isinstance(event, FitSnapshot):
            self.models.append((now, event.model))
            self.errors.append((now, shown_error(self.dataset, event)))
        elif isinstance(event, Phase):
            self.phases.append((now, event.stage))

    def should_stop(self) -> bool:
        return False

    @property
    def first_plot(self) -> float:
        """Seconds to the first plausible fit that was shown; NaN if there was none."""
        return next((at for at, error in self.errors if error < PLAUSIBLE), float("nan"))


def shown_error(dataset: Dataset, event: FitSnapshot) -> float:
    """Root mean square error of what is shown at the training samples, over the spread of each column."""
    spread, found = dataset.spread(), []
    for name, (_, predicted) in event.predictions.items():
        trajectory = dataset.trajectory(name)
        error = ((predicted - trajectory.measured) / spread)[trajectory.part == Part.TRAIN]
        found.append(error[np.isfinite(trajectory.measured[trajectory.part == Part.TRAIN])])
    errors = np.concatenate(found) if found else np.array([np.inf])
    return float(np.sqrt(np.mean(errors**2))) if np.isfinite(errors).all() else float("inf")
