"""Refit the constants of a model through the solver; networks stay as they are."""

from __future__ import annotations

import time
from dataclasses import replace

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.finalisation import finalise, guarded
from ndestudio.fitting.fit_model import SECONDS
from ndestudio.fitting.population import with_population
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.result import Fit
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.constants import fit_constants
from ndestudio.fitting.tracker import Tracker
from ndestudio.fitting.work_clock import WorkClock
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.encoders import refuse_encoder
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter, SilentReporter
from ndestudio.solve.jax_backend import plain_cpu


def refit(
    model: FittedModel,
    dataset: Dataset,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
) -> Fit:
    """Estimate all free parameters (those of replaced neural terms too) and initial values of ``model``, from where
    they stand.

    Runs in NumPy: nothing is compiled, so many different formulas can be fitted one after the other.

    Returns
    -------
    Fit
        The refitted model; never one that follows the training data worse than ``model``.
    """
    refuse_noise(model.system, "a fit by squared errors")
    refuse_encoder(model.config, "a fit of constants by squared errors")
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    clock = time.perf_counter if train.time_limit is not None else WorkClock()
    begin = clock()
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    problem = prepare_fit(model, dataset, train, train_networks=False)
    tracker = Tracker(problem, reporter, deadline=begin + limit, begin=begin, clock=clock)
    with_suitable_solver(tracker, model, "At the start values")
    ending = guarded(tracker, lambda: with_population(tracker, fit_constants(tracker, explore=False)))
    described = replace(plain_cpu(), why_no_gpu="A few constants are fitted faster on the processor.")
    return finalise(tracker, ending, described)
