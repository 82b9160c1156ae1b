"""The whole job in one call: data, training, distilling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ndestudio.distil.result import Distillation, Recovery
from ndestudio.errors import EngineUnavailable, EquationError, ProjectError, SettingError
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.config import ModelConfig
from ndestudio.model.system import System
from ndestudio.progress import Note, Phase, Reporter, SilentReporter
from ndestudio.project.project import Project, Run, Spec
from ndestudio.project.spec_types import nearest
from ndestudio.reach.config import TubeConfig

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset
    from ndestudio.distil.config import RecoveryConfig
    from ndestudio.distil.repeated_recovery import Recoveries
    from ndestudio.fitting.comparison_result import Comparison
    from ndestudio.jobs.executors import Executor
    from ndestudio.reach.tube import ReachTube


def run(
    spec: Spec,
    reporter: Reporter | None = None,
    base: str | Path | None = None,
    *,
    dataset: Dataset | None = None,
    on_stage: Callable[[Project], object] | None = None,
    executor: Executor | None = None,
) -> Project:
    """Do everything a spec asks for, short of exporting.

    A stop is no error: what was reached is returned. The same holds for a training that diverged; its sentence is in
    the result and nothing is distilled from it.

    Parameters
    ----------
    reporter
        Hears of phases, losses, fronts; is asked whether to stop.
    base
        Folder that relative data files start from (None: the working directory).
    dataset
        The data of the spec where they are loaded already (None: its files are read).
    on_stage
        Called with the project after each stage, so that it can be kept.
    executor
        Who trains the seeds of an ensemble and searches several terms; None: this process.

    Returns
    -------
    Project
        The project with data, fit, distillation (None if there was nothing to distil or no time), the default choice
        of every neural term accepted, and the seconds of each stage.

    Raises
    ------
    NdeStudioError
        For data, equations or settings that cannot be used.
    """
    reporter = SilentReporter() if reporter is None else reporter
    project = Project(spec=spec, dataset=dataset)
    fit_, distil_ = partial(_with_fit, executor=executor), partial(_with_distillation, executor=executor)
    for stage in (_with_data, fit_, distil_, _with_tube):
        if reporter.should_stop():
            break
        project = stage(project, reporter, base)
        if on_stage is not None:
            on_stage(project)
        if project.fit is not None and project.fit.outcome is Outcome.DIVERGED:
            break
    return project


def recover(
    spec: Spec,
    reporter: Reporter | None = None,
    base: str | Path | None = None,
    *,
    dataset: Dataset | None = None,
    fit_ground_truth: bool = False,
    fit: Fit | None = None,
) -> Recovery:
    """The recovery test that a spec's table `[recovery]` describes, on data like those of the spec.

    Parameters
    ----------
    dataset
        The data of the spec where they are loaded already (None: its files are read).
    fit_ground_truth
        Fit the constants of the ground truth to the real data first.
    fit
        A training on the real data; its parameters, initial values and residuals make the synthetic data more alike.

    Raises
    ------
    NdeStudioError
        For data, equations, settings or a ground truth that cannot be used.
    """
    from ndestudio.distil.recovery import recovery_test

    reporter = SilentReporter() if reporter is None else reporter
    data, ground_truth = _to_recover(spec, reporter, base, dataset, fit_ground_truth, fit)
    return recovery_test(spec.model, data, ground_truth, spec.train, spec.distil, reporter, fit)


def recover_repeatedly(
    spec: Spec,
    repeats: int,
    reporter: Reporter | None = None,
    base: str | Path | None = None,
    *,
    dataset: Dataset | None = None,
    fit_ground_truth: bool = False,
    fit: Fit | None = None,
    executor: Executor | None = None,
) -> Recoveries:
    """The recovery test of a spec with as many draws of noise: how often would the ground truth be found?

    Parameters
    ----------
    repeats
        Tests, with `recovery.seed` and the seeds after it.
    executor
        Who makes the tests; None: one after the other in this process.
    dataset, fit_ground_truth, fit
        As in ``recover``.

    Raises
    ------
    NdeStudioError
        As ``recover``; AllFailed where the executor's tests all failed.
    """
    from ndestudio.distil.repeated_recovery import repeated_recovery

    reporter = SilentReporter() if reporter is None else reporter
    data, ground_truth = _to_recover(spec, reporter, base, dataset, fit_ground_truth, fit)
    return repeated_recovery(
        spec.model, data, ground_truth, repeats, spec.train, spec.distil, reporter, fit, executor=executor
    )


def _to_recover(
    spec: Spec,
    reporter: Reporter,
    base: str | Path | None,
    dataset: Dataset | None,
    fit_ground_truth: bool,
    fit: Fit | None,
) -> tuple[Dataset, RecoveryConfig]:
    """The data and the ground truth of a recovery test."""
    from ndestudio.distil.ground_truth import fitted_ground_truth

    dataset = _with_data(Project(spec=spec, dataset=dataset), reporter, base).dataset
    assert dataset is not None
    if not fit_ground_truth:
        return dataset, spec.recovery
    reporter.emit(Phase("ground_truth", "fitting the constants of the ground truth to the data"))
    model = fit.model if fit is not None else None
    return dataset, fitted_ground_truth(spec.model, dataset, spec.recovery, spec.train, reporter, model)


def compare(
    spec: Spec,
    reporter: Reporter | None = None,
    base: str | Path | None = None,
    fit: Fit | None = None,
    *,
    executor: Executor | None = None,
) -> Comparison:
    """The model of a spec beside its mechanistic part and a plain neural ODE, fitted to its data.

    Parameters
    ----------
    fit
        The fit of the spec's model, where it is at hand.
    executor
        Who fits; None: this process.

    Raises
    ------
    NdeStudioError
        For data, equations or settings that cannot be used.
    """
    from ndestudio.fitting.model_comparison import compare as compare_models

    reporter = SilentReporter() if reporter is None else reporter
    dataset = _with_data(Project(spec=spec), reporter, base).dataset
    assert dataset is not None
    return compare_models(spec.model, dataset, spec.train, reporter, known=fit, executor=executor)


def _with_data(project: Project, reporter: Reporter, base: str | Path | None) -> Project:
    from ndestudio.data import load
    from ndestudio.distil.limits import check_limits
    from ndestudio.model.parse import parse_system
    from ndestudio.model.runs import for_runs
    from ndestudio.model.statements import data_for

    started = perf_counter()
    dataset = project.dataset
    if dataset is None:
        dataset = load(data_for(project.spec.data, project.spec.model.equations), reporter, base)
    # a typing error, or an engine that is not there, is told before training
    model = for_runs(project.spec.model, dataset)
    system = parse_system(model, dataset.measured_names, dataset.input_names)
    if system.neural_terms:
        _check_engine(project.spec.distil.engine)
    check_limits(project.spec.next_run, system.states, system.inputs)
    for sentence in _unused(project.spec, system, model):
        reporter.emit(Note(sentence, "warning"))
    for note in dataset.notes:
        reporter.emit(Note(note))
    return _timed(replace(project, dataset=dataset), "data", started)


def _with_fit(
    project: Project, reporter: Reporter, base: str | Path | None, *, executor: Executor | None = None
) -> Project:
    from ndestudio.fitting import fit

    del base
    assert project.dataset is not None
    started = perf_counter()
    result: Fit = fit(project.spec.model, project.dataset, project.spec.train, reporter, executor=executor)
    level = "warning" if result.outcome in (Outcome.DIVERGED, Outcome.DOUBTFUL) else "info"
    reporter.emit(Note(result.sentence, level))
    run = Run("Fit 1", "fit", _now(), project.spec, fit=result)
    return _timed(replace(project, fit=result, runs=(*project.runs, run)), "train", started)


def _with_distillation(
    project: Project, reporter: Reporter, base: str | Path | None, *, executor: Executor | None = None
) -> Project:
    from ndestudio.distil import distil, with_next_run

    del base
    fit, spec = project.fit, project.spec
    assert project.dataset is not None and fit is not None
    if not fit.model.system.neural_terms:
        return project
    if fit.model.system.diffusion and spec.train.estimates_noise:
        reporter.emit(
            Note(
                "Networks of models with noise are not searched for formulas where measurements have errors of their own.",
                "warning",
            )
        )
        return project
    started = perf_counter()
    result: Distillation = distil(
        fit.model, project.dataset, spec.distil, reporter, spec.train, ensemble=fit.ensemble, executor=executor
    )
    if not fit.model.system.diffusion:
        result = with_next_run(result, fit, project.dataset, spec.next_run, reporter.should_stop, spec.train)
    reporter.emit(Note(result.sentence, "info" if result.outcome != "failed" else "warning"))
    if result.next_run is not None:
        reporter.emit(Note(result.next_run.sentence))
    run = Run("Search 1", "distil", _now(), spec, fit=fit, distillation=result)
    accepted = {
        name: neural_term.chosen for name, neural_term in result.neural_terms.items() if neural_term.chosen >= 0
    }
    project = replace(project, distillation=result, accepted=accepted, runs=(*project.runs, run))
    return _timed(project, "distil", started)


def _with_tube(project: Project, reporter: Reporter, base: str | Path | None) -> Project:
    """The reach tube of the model in use, where the spec has a table for one."""
    del base
    if project.spec.tube == TubeConfig():
        return project
    reporter.emit(Phase("tube", "looking where the states can be"))
    try:
        tube = project_tube(project, project.spec.tube, reporter)
    except (EquationError, SettingError) as error:
        reporter.emit(Note(f"No reach tube was made: {error}", "warning"))
        return project
    for sentence in (tube.sentence, *(one.sentence for one in tube.verdicts)):
        reporter.emit(Note(sentence))
    return replace(project, tube=tube)


def project_tube(project: Project, config: TubeConfig, reporter: Reporter) -> ReachTube:
    """The reach tube of the model that a project has in use, accepted formulas in place.

    Raises
    ------
    ProjectError
        There is no trained model.
    EquationError, SettingError
        As ``reach_tube``.
    """
    from ndestudio.export.gather import job
    from ndestudio.reach.library import tube_of

    model = job(project).model
    if model is None or project.dataset is None or project.fit is None:
        raise ProjectError("there is no trained model to make a tube of; train it first")
    return tube_of(model, project.dataset, config, limits=project.fit.intervals, should_stop=reporter.should_stop)


def _check_engine(name: str) -> None:
    from ndestudio.symbolic import ENGINES

    if missing := ENGINES.get(name).unavailable():
        raise EngineUnavailable(missing)


def _unused(spec: Spec, system: System, laid_out: ModelConfig) -> list[str]:
    """Settings of a name that the equations do not have: most likely a slip of the pen, and without effect."""
    from ndestudio.model.parse import with_shared_networks

    found = []
    tables = (
        ("parameters", _still_there(spec.model, laid_out), system.parameters),
        ("networks", with_shared_networks(spec.model).networks, _neural_terms(system)),
    )
    for table, settings, known in tables:
        for name in settings:
            if name not in known:
                near = nearest(name, known)
                hint = f"; did you mean `{near}`?" if near else ""
                found.append(f"[model.{table}.{name}] has no effect: the equations do not use `{name}`{hint}")
    return found


def _still_there(config: ModelConfig, laid_out: ModelConfig) -> list[str]:
    """Settings of parameters but those that runs have values of."""
    return [name for name in config.parameters if name in laid_out.parameters]


def _neural_terms(system: System) -> tuple[str, ...]:
    return tuple(neural_term.name for neural_term in system.neural_terms)


def _timed(project: Project, stage: str, started: float) -> Project:
    return replace(project, seconds={**project.seconds, stage: perf_counter() - started})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
