"""Information criteria of fitted models.

    AIC = 2 k - 2 log L        AICc = AIC + 2 k (k + 1)/(n - k - 1)        BIC = k log n - 2 log L

(Akaike 1974; Hurvich and Tsai 1989; Schwarz 1978; Burnham and Anderson 2002, Model Selection and Multimodel Inference.)
L is the likelihood of the n training values under normal noise with a variance for each column, or under the noise of the
settings where that is estimated; k counts the constants of the noise
and the effective number of parameters, initial values and network weights, trace((J^T J + P)^-1 J^T J): of a network with
a penalty on its weights the data determine fewer directions than it has weights (MacKay 1992, Neural Computation 4, 415;
Hastie, Tibshirani and Friedman 2009, section 7.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.batches import make_batch
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.noise import log_likelihood
from ndestudio.fitting.residuals import residuals
from ndestudio.fitting.resume import ResumedFit, resume_fit
from ndestudio.fitting.stages.refinement import refined_prior
from ndestudio.fitting.uncertainty.laplace import normal_equations
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter, SilentReporter
from ndestudio.solve.jax_backend import one_thread

LEAST = 1e-12
"""Smallest standard deviation of the noise, relative to the spread: a perfect fit has no likelihood."""


@dataclass(frozen=True)
class Information:
    """Arguments:
    values: training values compared. parameters: effective number of unknowns, noise levels included.
    aicc: None where there are not two values more than parameters.
    """

    values: int
    parameters: float
    log_likelihood: float
    aic: float
    aicc: float | None
    bic: float


def information(
    model: FittedModel, dataset: Dataset, train: TrainConfig | None = None, reporter: Reporter | None = None
) -> Information | None:
    """The criteria of a fitted model; None where it cannot be simulated or is too large to count its parameters."""
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    found = residuals(model, dataset, log=train.log_states)
    if found.notes or not found.columns:
        return None
    count, likelihood = 0, 0.0
    for column in found.columns:
        e = column.residual[column.part == Part.TRAIN]
        if not len(e):
            continue
        scale = float(np.abs(column.predicted).max()) or 1.0
        variance = max(float(np.mean(e**2)), (LEAST * scale) ** 2)
        likelihood -= 0.5 * len(e) * (float(np.log(2 * np.pi * variance)) + 1.0)
        count += len(e)
    opened = resume_fit(model, dataset, train, reporter)
    effective = _effective(opened)
    if opened is None or effective is None or not count:
        return None
    constants = sum(bool((column.part == Part.TRAIN).any()) for column in found.columns)
    if opened.problem.train.estimates_noise:
        batch = opened.engine.batch
        plain = make_batch(opened.problem, batch.steps, padded=bool(opened.problem.structure.neural_terms))
        likelihood, constants = log_likelihood(opened.problem, plain, opened.point)
    k = effective + constants
    aic = 2 * k - 2 * likelihood
    spare = count - k - 1
    return Information(
        values=count,
        parameters=k,
        log_likelihood=likelihood,
        aic=aic,
        aicc=aic + 2 * k * (k + 1) / spare if spare >= 1 else None,
        bic=k * float(np.log(count)) - 2 * likelihood,
    )


def effective_parameters(model: FittedModel, dataset: Dataset, train: TrainConfig, reporter: Reporter) -> float | None:
    """Parameters, initial values and weights that the data determine at the model."""
    return _effective(resume_fit(model, dataset, train, reporter))


def _effective(opened: ResumedFit | None) -> float | None:
    if opened is None:
        return None
    linear = opened.engine.linearise(opened.point)
    prior = refined_prior(opened.problem, opened.engine.batch, opened.point, float(np.sum(linear.r**2)))
    with one_thread():
        normal = normal_equations(linear, opened.point, prior, len(opened.problem.structure.measured))
    if normal is not None:
        return float(normal.effective.sum())
    moves = int(np.isfinite(prior.theta).sum() + np.isfinite(prior.free).sum())
    return 0.0 if moves == 0 else None
