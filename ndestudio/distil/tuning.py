"""Constants of many candidate models refitted through the solver, in NumPy, without compiling anything.

Every candidate is another program; compiling each would cost seconds. Here all trajectories and all perturbed parameter
vectors advance together through one classical Runge-Kutta scheme as one array, so that a Jacobian costs little more than a
simulation. The step is chosen once, by step doubling. Levenberg-Marquardt with Marquardt's scaling and Nielsen's damping
(Madsen, Nielsen & Tingleff 2004, section 3.2) does the rest.

This is a screening. ``fitting.refit``, through which chosen models go once more, does the same job to the end: it chooses its
steps for each model, knows stiff ones, and judges the result, at three to five times the price (12 x 60 points: 0.20 to
0.30 processor seconds a candidate, here 0.04 to 0.12); so there are two. What values weigh is the same for both
(``fitting.weights``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.distil.batch import Batch, Unknowns, make_batch
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.weights import value_weights
from ndestudio.model.fitted import FittedModel

STEP_ERROR = 0.01
"""Error of the steps that is accepted, relative to the error of the model; between the two limits below."""
SMALLEST_STEP_ERROR, LARGEST_STEP_ERROR = 1e-7, 1e-3
"""In spreads of the columns."""
MOST_STEPS = 6000
"""Steps per trajectory from which on a problem is left to the compiled solvers."""
SMALLEST_COST = 1e-22
SECONDS = 4.0
"""Processor time of one fit; what it reached then is taken."""
PATIENCE = 6
"""Iterations after which a fit that is still far worse than another candidate's is given up."""
CALM = 1e-5
"""Relative decrease of the cost that is none; two such steps end a fit."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A model with refitted constants; ``cost`` is half the mean squared normalised error on the training rows."""

    model: FittedModel
    cost: float
    iterations: int
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Tuner:
    """Refits candidates on one data set. Make it with ``make_tuner``.

    Arguments:
        batch: training rows on a time grid; None when the problem is too stiff for explicit steps.
        fit_initial: whether initial values are estimated where the settings allow it.
    """

    batch: Batch | None
    fit_initial: bool | None = None
    log_columns: tuple[str, ...] = ()

    def tune(
        self,
        model: FittedModel,
        should_stop: Callable[[], bool] = lambda: False,
        iterations: int = 30,
        enough: float = np.inf,
    ) -> Tuned:
        """Least squares over free parameters and initial values, started from those of ``model``.

        Arguments:
            enough: a cost; a fit that is above it after ``PATIENCE`` iterations is not continued.
        """
        if self.batch is None:
            return Tuned(model, np.inf, 0, "too stiff for explicit steps")
        unknowns = Unknowns(model, self.batch, self.fit_initial)
        with np.errstate(all="ignore"):
            theta, cost, used = _levenberg_marquardt(unknowns, should_stop, iterations, enough)
        if not np.isfinite(cost):
            return Tuned(model, np.inf, used, "the formula cannot be simulated over the training rows")
        return Tuned(unknowns.fitted(theta), cost, used)


def make_tuner(model: FittedModel, dataset: Dataset, train: TrainConfig = TrainConfig()) -> Tuner:
    """A tuner whose steps are short enough for ``model``, and for which values weigh what they weigh in training."""
    steps, fit_initial, log_columns = 1, train.fit_initial, train.log_states
    if not dataset.has(Part.TRAIN):
        return Tuner(None, fit_initial, log_columns)
    weights = value_weights(model, dataset, train)
    batch = make_batch(model, dataset, steps, log_columns, weights)
    if batch is None:
        return Tuner(None, fit_initial, log_columns)
    coarse = _own_residuals(model, batch)
    while batch.steps * 2 <= MOST_STEPS:
        steps *= 2
        finer = make_batch(model, dataset, steps, log_columns, weights)
        assert finer is not None
        fine = _own_residuals(model, finer)
        if np.isfinite(fine).all():
            rms = float(np.sqrt(np.mean(fine**2))) if len(fine) else 0.0
            accepted = min(max(STEP_ERROR * rms, SMALLEST_STEP_ERROR), LARGEST_STEP_ERROR)
            # halving the step of a fourth-order scheme leaves a sixteenth of the error, so this is that of the finer grid
            with np.errstate(all="ignore"):
                change = float(np.sqrt(np.mean((fine - coarse) ** 2))) if len(fine) else 0.0
            if change / 15.0 <= accepted:
                return Tuner(finer, fit_initial, log_columns)
        batch, coarse = finer, fine
    usable = bool(np.isfinite(coarse).all()) and batch.steps <= MOST_STEPS // 4
    return Tuner(batch if usable else None, fit_initial, log_columns)


def _own_residuals(model: FittedModel, batch: Batch) -> Float[np.ndarray, " row"]:
    unknowns = Unknowns(model, batch, False)
    return unknowns.residuals(unknowns.theta[None, :])[0]


def _levenberg_marquardt(
    unknowns: Unknowns, should_stop: Callable[[], bool], iterations: int, enough: float
) -> tuple[Float[np.ndarray, " theta"], float, int]:
    """Minimise half the mean square of the residuals; returns the best point, its cost and the iterations used.

    Residuals and Jacobian come from one batch; a rejected step wastes little, since time goes per step and not per element.
    """
    theta = unknowns.confined(unknowns.theta)
    r, J = unknowns.linearised(theta)
    cost, damping, growth, used, calm = _cost(r), 1e-3, 2.0, 0, 0
    deadline = time.thread_time() + SECONDS
    while (
        used < iterations
        and time.thread_time() < deadline
        and SMALLEST_COST < cost < np.inf
        and len(theta)
        and not should_stop()
    ):
        if used == PATIENCE and cost > enough:
            break
        used += 1
        scale = np.maximum(np.sqrt(np.sum(J**2, axis=0)), 1e-12 * max(1.0, float(np.max(np.abs(J), initial=0.0))))
        trial = unknowns.confined(theta + _damped_step(J, r, scale, damping))
        step = trial - theta
        fresh, fresh_J = unknowns.linearised(trial)
        new_cost = _cost(fresh)
        if not new_cost < cost:
            damping, growth = damping * growth, growth * 2.0
            if damping > 1e8 or not np.any(step):
                break
            continue
        predicted = -float(step @ (J.T @ r)) - 0.5 * float(np.sum((J @ step) ** 2))
        gain = (cost - new_cost) * len(r) / predicted if predicted > 0 else 0.0
        calm = calm + 1 if cost - new_cost <= CALM * cost else 0
        theta, r, J, cost = trial, fresh, fresh_J, new_cost
        damping, growth = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), 1e-12), 2.0
        if calm == 2:
            break
    return theta, cost, used


def _damped_step(
    J: Float[np.ndarray, "row theta"], r: Float[np.ndarray, " row"], scale: Float[np.ndarray, " theta"], damping: float
) -> Float[np.ndarray, " theta"]:
    """min |J s + r|^2 + damping |scale s|^2 by normal equations in scaled unknowns (QR of the stacked matrix if singular)."""
    scaled = J / scale
    matrix = scaled.T @ scaled + damping * np.eye(len(scale))
    try:
        solution = np.linalg.solve(matrix, -(scaled.T @ r))
    except np.linalg.LinAlgError:
        stacked = np.vstack([scaled, np.sqrt(damping) * np.eye(len(scale))])
        solution = np.linalg.lstsq(stacked, np.concatenate([-r, np.zeros(len(scale))]), rcond=None)[0]
    return solution / scale


def _cost(r: Float[np.ndarray, " row"]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        value = 0.5 * float(np.mean(r**2)) if len(r) else 0.0
    return value if np.isfinite(value) else np.inf


def with_values(model: FittedModel, values: dict[str, float]) -> FittedModel:
    """The model with some parameters changed."""
    return replace(model, parameters={**model.parameters, **values})
