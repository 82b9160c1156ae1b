"""Fit a hybrid model: prepare, run the stages, choose the best, say how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.split import resplit
from ndestudio.errors import DataError, SpecError
from ndestudio.fitting.all_rows import LaterNotes, WithoutSteps, holds_out, of_all_rows, worth_all_rows
from ndestudio.fitting.batched_ensemble import seeds_in_memory
from ndestudio.fitting.black_boxes import failures_said, with_sources
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.ensemble import Seed, batch_width, fit_seeds, fit_seeds_with
from ndestudio.fitting.finalisation import Ending, finalise, guarded
from ndestudio.fitting.latent.fit import fit_latent
from ndestudio.fitting.latent.refusals import refuse_latent_settings
from ndestudio.fitting.population import with_population
from ndestudio.fitting.preflight import preflight_checks
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.solver_choice import with_suitable_solver
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.constants import fit_constants
from ndestudio.fitting.stages.recipe import train_networks
from ndestudio.fitting.stochastic.fit import fit_stochastic
from ndestudio.fitting.tracker import Tracker
from ndestudio.fitting.work_clock import WorkClock
from ndestudio.jobs.executors import Executor
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import noises_written
from ndestudio.model.doses import taken_as_empty, taken_of_doses
from ndestudio.model.encoders import encoded_states, refuse_encoder
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.progress import Phase, Reporter, SilentReporter
from ndestudio.solve.device import Device
from ndestudio.solve.jax_backend import device, plain_cpu

SECONDS = {"quick": 10.0, "balanced": 40.0, "thorough": 180.0}
"""Longest training of the presets, without the time in which programs are compiled."""


def fit(
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
    start: FittedModel | None = None,
    *,
    executor: Executor | None = None,
) -> Fit:
    """Fit ``config`` to ``dataset``.

    Parameters
    ----------
    start
        A model to go on from (its networks and parameters), such as a checkpoint; None: a fresh one.
    executor
        Who trains the seeds of an ensemble (`train.seeds`); None: one after the other in this process.

    Returns
    -------
    Fit
        The best model by validation error with its history. Not converging is an outcome, not an exception.

    Raises
    ------
    EquationError
        The inputs cannot be used.
    BlackBoxError
        A simulator that the equations call is not allowed to run, does not start, or failed on the way.
    DataError
        The inputs cannot be used.
    DeviceError
        The inputs cannot be used.
    """
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    with failures_said():
        return _fit(config, dataset, train, reporter, start, executor)


def fitted(
    dataset: Dataset,
    start: FittedModel | None,
    config: ModelConfig,
    train: TrainConfig,
    conditions: bool = True,
    *,
    reporter: Reporter,
) -> Fit:
    """One fit, on a worker.

    Parameters
    ----------
    conditions
        Whether the parameters that the data give for their runs are taken.
    """
    data = dataset if conditions else replace(dataset, conditions={})
    return fit(config, data, train, reporter, start)


def _fit(
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig,
    reporter: Reporter,
    start: FittedModel | None,
    executor: Executor | None,
) -> Fit:
    if not encoded_states(config):
        refuse_latent_settings(train)
    elif noises_written(config, [*dataset.measured_names, *dataset.input_names]):
        refuse_encoder(config, "a model with noise in its equations")
    else:
        model = _starting_model(config, dataset, train, start)
        _check(model, dataset)
        return fit_latent(model, dataset, train, reporter)
    if noises_written(config, [*dataset.measured_names, *dataset.input_names]):
        return fit_stochastic(_starting_model(config, dataset, train, start), dataset, train, reporter)
    if train.density != "auto":
        raise SpecError("[train] density is for models with noise in their equations; leave it out")
    if train.filter != TrainConfig().filter:
        raise SpecError("[train] filter is for models with noise in their equations; leave it out")
    if train.seeds > 1:
        model = _starting_model(config, dataset, train, start)
        one = lambda seed: _fit_one(config, dataset, seed, start)  # noqa: E731
        if executor is not None:
            _check(model, dataset)
            return fit_seeds_with(executor, one, fitted, config, dataset, train, reporter, start)
        return fit_seeds(one, train, reporter, batch_width(model, dataset, train))
    return _fit_one(config, dataset, Seed(train, reporter), start)


def _fit_one(config: ModelConfig, dataset: Dataset, seed: Seed, start: FittedModel | None) -> Fit:
    train, reporter = seed.train, seed.reporter
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    limit *= seeds_in_memory(seed.place)
    model = _starting_model(config, dataset, train, start)
    elsewhere = bool(model.networks) and device(train.device)[1].kind != "cpu"
    clock = seed.clock if train.time_limit is not None or elsewhere else WorkClock(seed.clock)
    begin = clock()
    _check(model, dataset)
    problem = prepare_fit(model, dataset, train)
    tracker = Tracker(
        problem,
        reporter,
        deadline=begin + limit,
        begin=begin,
        clock=clock,
        counts_compiling=train.time_limit is not None,
    )
    tracker.snapshot(model, 0)
    for text in _left_out(dataset, train):
        tracker.note(text, "warning")
    if taken := taken_as_empty(config, model.config):
        names = ", ".join(f"`{one}`" for one in taken)
        tracker.note(
            f"Nothing was measured before the first dose: {names} begin{'s' if len(taken) == 1 else ''} at 0. Give initial values where that is not so."
        )
    for line in taken_of_doses(config.equations, dataset):
        tracker.note(
            f"The equations say nothing of the doses, so `{line}` was taken; write what they do, such as `{line}/V` into a concentration."
        )
    reporter.emit(Phase("preparing", "smoothing the measurements"))
    problem = prepare_fit(model, dataset, train, smooth_training(dataset, train, model))
    tracker.problem = problem
    for text in preflight_checks(problem):
        tracker.note(text, "warning")
    with_suitable_solver(tracker, model, "At the start values")
    setup = problem.adaptive
    for text in setup.warnings(int(problem.space.free.sum())) if setup is not None else ():
        tracker.note(text, "warning")
    ending, described = _trained(tracker, seed)
    if not train.all_rows or problem.structure.neural_terms or not holds_out(dataset):
        return finalise(tracker, ending, described)
    said = tuple(tracker.notes)
    tracker.reporter = waiting = LaterNotes(reporter)
    found = finalise(tracker, ending, described)
    if not worth_all_rows(found):
        waiting.say()
        return found
    reporter.emit(Phase("all_rows", "fitting the constants to all rows"))
    again = _on_all_rows(found.model, dataset, seed, clock, limit)
    again.notes[:] = said
    ending, described = _trained(again, seed, explore=found.outcome is Outcome.DOUBTFUL)
    if ending.reason in ("stopped", "time"):
        waiting.say()
        tracker.reporter = reporter
        tracker.note(
            "There was no time to fit the constants to all rows: they are those of the training rows.", "warning"
        )
        return replace(found, notes=tuple(tracker.notes))
    return of_all_rows(found, finalise(again, ending, described), float(np.sqrt(problem.floor)))


def _trained(tracker: Tracker, seed: Seed, *, explore: bool = True) -> tuple[Ending, Device]:
    """Why training ended, and where it was; ``explore``: from further starts too."""
    if tracker.problem.structure.neural_terms or tracker.problem.adaptive is not None:
        chosen, described = device(seed.train.device)
        run = lambda: train_networks(tracker, seed.place or chosen)  # noqa: E731
    else:
        described, run = plain_cpu(), lambda: fit_constants(tracker, explore=explore)
    return guarded(tracker, lambda: with_population(tracker, run())), described


def _on_all_rows(model: FittedModel, dataset: Dataset, seed: Seed, clock: Callable[[], float], limit: float) -> Tracker:
    """A fit that goes on from ``model`` and to which all rows count."""
    whole = resplit(dataset, SplitConfig(by="none"))
    problem = prepare_fit(model, whole, seed.train, smooth_training(whole, seed.train, model))
    begin, by_hand = clock(), seed.train.time_limit is not None
    tracker = Tracker(
        problem, WithoutSteps(seed.reporter), begin + limit, begin=begin, clock=clock, counts_compiling=by_hand
    )
    with_suitable_solver(tracker, model, "At the fitted values")
    return tracker


def _starting_model(
    config: ModelConfig, dataset: Dataset, train: TrainConfig, start: FittedModel | None
) -> FittedModel:
    fresh = with_sources(initial_model(config, dataset, train.seed), train)
    if start is None:
        return fresh
    parameters = {name: start.parameters.get(name, value) for name, value in fresh.parameters.items()}
    networks = {
        name: start.networks[name] if _same_shape(start, name, network) else network
        for name, network in fresh.networks.items()
    }
    return replace(fresh, parameters=parameters, networks=networks, initial={**fresh.initial, **start.initial})


def _left_out(dataset: Dataset, train: TrainConfig) -> list[str]:
    """Sentences about values that have no logarithm."""
    notes = []
    for name in train.log_states:
        column = dataset.measured_names.index(name)
        count = sum(int((one.measured[:, column] <= 0).sum()) for one in dataset.trajectories)
        if count:
            notes.append(f"{count} values of `{name}` are not positive; they have no logarithm and are left out.")
    return notes


def _same_shape(start: FittedModel, name: str, network) -> bool:
    old = start.networks.get(name)
    return (
        old is not None
        and old.arguments == network.arguments
        and old.config == network.config
        and [w.shape for w in old.weights] == [w.shape for w in network.weights]
    )


def _check(model: FittedModel, dataset: Dataset) -> None:
    if not dataset.has(Part.TRAIN):
        raise DataError("there are no training rows; give the training part of the split a larger share")
    observed = [k for k, name in enumerate(dataset.measured_names) if model.system.observation(name) is not None]
    if not observed:
        known = ", ".join(f"`{name}`" for name in dataset.measured_names)
        raise DataError(
            f"no equation or output is named like a measured column ({known}); name a state or an output like the column "
            "it is measured by"
        )
    if not any(trajectory.mask(Part.TRAIN)[:, observed].any() for trajectory in dataset.trajectories):
        raise DataError("the columns that the model describes have no measured values in the training rows")
