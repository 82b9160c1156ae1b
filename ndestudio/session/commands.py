"""What a person can do to a project, as functions from one frozen ``Project`` to the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ndestudio.data.config import DataConfig, DoseConfig, SplitConfig
from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.deviations import measured_by
from ndestudio.data.roles import Role
from ndestudio.data.shape.vocabulary import DOSES, word
from ndestudio.distil.config import DistilConfig, NextRunConfig, RecoveryConfig
from ndestudio.distil.result import Distillation
from ndestudio.export.config import ExportConfig
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.project.project import Project, Run, Spec, Written
from ndestudio.reach.config import TubeConfig


def with_data(project: Project, data: DataConfig) -> Project:
    """Other data settings; the loaded data stay until the new ones arrive."""
    return _with_spec(project, data=data)


def with_dataset(project: Project, dataset: Dataset | None) -> Project:
    """Newly loaded data. Results that belonged to the data before stay in the runs table only."""
    return replace(project, dataset=dataset, fit=None, distillation=None, accepted={}, recovery=None)


def with_role(
    data: DataConfig, column: str, role: Role, states: tuple[str, ...] | None, was: Role = "state"
) -> DataConfig:
    """Give a column another role.

    Parameters
    ----------
    column
        Its label in the file.
    states
        Labels of the columns that are states now (they are spelt out once roles are edited); None of a long table, whose
        states are no columns.
    was
        The role that it has now.
    """
    changes: dict[str, Any] = {"states": _without(states, column)}
    for name in ("inputs", "covariates", "ignore"):
        changes[name] = _without(getattr(data, name), column)
    if role != "input":
        changes["interpolation"] = {name: kind for name, kind in data.interpolation.items() if name != column}
        changes["periodic"] = {name: period for name, period in data.periodic.items() if name != column}
        changes["rates"] = _without(data.rates, column)
    changes["deviations"] = {name: other for name, other in data.deviations.items() if column not in (name, other)}
    times = tuple(name for name in _listed(data.time) if name != column)
    changes["time"] = data.time if column not in _listed(data.time) else _joined(times) or None
    runs = tuple(name for name in _listed(data.trajectory) if name != column)
    changes["trajectory"] = _joined(runs) if runs or data.trajectory is not None else None
    if was in ("observable", "value") and role != was:
        changes |= {"observable": None, "value": None, "shape": "wide"}
    if was == "dose" and role != "dose":
        changes["doses"] = msgspec.structs.replace(data.doses, **dict.fromkeys(_dose_fields(data.doses, column), ""))
    match role:
        case "time":
            changes["time"] = column
        case "trajectory":
            changes["trajectory"] = _joined((*runs, column))
        case "state":
            changes["states"] = None if states is None else (*changes["states"], column)
        case "input" | "covariate" | "ignore":
            name = {"input": "inputs", "covariate": "covariates", "ignore": "ignore"}[role]
            changes[name] = (*changes[name], column)
        case "deviation":
            free = [name for name in states or () if name not in (*changes["deviations"], column)]
            base = measured_by(column, tuple(free)) or (free[0] if free else None)
            if base is not None:
                changes["deviations"][base] = column
        case "observable" | "value":
            changes |= {role: column, "shape": "long", "states": None}
        case "dose":
            fields = _dose_fields(data.doses, column) or ("amount",)
            changes["doses"] = msgspec.structs.replace(data.doses, **{fields[0]: column})
    return msgspec.structs.replace(data, **changes)


def _listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if not names else (names,) if isinstance(names, str) else names


def _joined(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names if len(names) > 1 else "".join(names)


def _without(names: tuple[str, ...] | None, column: str) -> tuple[str, ...] | None:
    return None if names is None else tuple(name for name in names if name != column)


def _dose_fields(doses: DoseConfig, column: str) -> tuple[str, ...]:
    """The settings of `[data.doses]` that mean a column, by what was said or by its name."""
    return tuple(
        name
        for name, usual in DOSES.items()
        if getattr(doses, name) == column or (getattr(doses, name) in (None, "") and word(column) in usual)
    )


def with_split(project: Project, split: SplitConfig, dataset: Dataset | None) -> Project:
    """Another split; ``dataset`` is the same data with its rows divided anew."""
    changed = with_data(project, msgspec.structs.replace(project.spec.data, split=split))
    return replace(changed, dataset=dataset) if dataset is not None else changed


def with_trajectory_part(project: Project, name: str, part: Part) -> Project:
    """Put a whole trajectory into the training, validation or test part."""
    split = project.spec.data.split
    validation = tuple(other for other in split.validation_trajectories if other != name)
    test = tuple(other for other in split.test_trajectories if other != name)
    if part is Part.VALIDATION:
        validation = (*validation, name)
    elif part is Part.TEST:
        test = (*test, name)
    split = msgspec.structs.replace(split, by="trajectory", validation_trajectories=validation, test_trajectories=test)
    return with_data(project, msgspec.structs.replace(project.spec.data, split=split))


def with_trajectory_weight(project: Project, name: str, weight: float) -> Project:
    """Factor of a trajectory in the loss; 1 is the default and not written down."""
    if project.dataset is None:
        return project
    trajectories = tuple(
        replace(trajectory, weight=weight) if trajectory.name == name else trajectory
        for trajectory in project.dataset.trajectories
    )
    weights = {other: value for other, value in project.spec.data.trajectory_weights.items() if other != name}
    if weight != 1.0:
        weights[name] = weight
    changed = with_data(project, msgspec.structs.replace(project.spec.data, trajectory_weights=weights))
    return replace(changed, dataset=replace(project.dataset, trajectories=trajectories))


def with_equations(project: Project, text: str) -> Project:
    """Other equations; simulators that they call are looked for beside the data."""
    model = msgspec.structs.replace(project.spec.model, equations=text)
    if "blackbox" in text and project.spec.data.files:
        model = _found_beside(model, Path(project.spec.data.files[0]).parent)
    return with_model(project, model)


def _found_beside(model: ModelConfig, folder: Path) -> ModelConfig:
    from ndestudio.model.black_boxes import found_in, named_in

    boxes = found_in(model, folder).blackboxes
    new = {name: boxes[name] for name in named_in(model.equations) if name in boxes and name not in model.blackboxes}
    there = {name: one for name, one in new.items() if Path(one.file).is_file()}
    return msgspec.structs.replace(model, blackboxes={**model.blackboxes, **there})


def with_model(project: Project, model: ModelConfig) -> Project:
    if model == project.spec.model:
        return project
    return _with_spec(project, model=model)


def with_parameter(project: Project, name: str, **changes: Any) -> Project:
    """Change some settings of a parameter."""
    model = project.spec.model
    old = model.parameters.get(name, ParameterConfig())
    new = msgspec.structs.replace(old, **changes)
    return with_model(project, msgspec.structs.replace(model, parameters={**model.parameters, name: new}))


def with_fitted_values(project: Project) -> Project:
    """The fitted values as start values of the parameters that the equations have."""
    if project.fit is None:
        return project
    added = {name for one in project.fit.model.replacements.values() for name in one.parameters}
    for name, value in project.fit.model.parameters.items():
        if name not in added:
            project = with_parameter(project, name, value=float(value))
    return project


def with_network(project: Project, name: str, **changes: Any) -> Project:
    """Declare a neural term as a network, or change some of its settings."""
    model = project.spec.model
    old = model.networks.get(name, NetworkConfig())
    new = msgspec.structs.replace(old, **changes)
    return with_model(project, msgspec.structs.replace(model, networks={**model.networks, name: new}))


def without_network(project: Project, name: str) -> Project:
    model = project.spec.model
    networks = {other: config for other, config in model.networks.items() if other != name}
    return with_model(project, msgspec.structs.replace(model, networks=networks))


def with_initial(project: Project, state: str, **changes: Any) -> Project:
    """Change some settings of an initial value."""
    model = project.spec.model
    old = model.initial.get(state, InitialConfig())
    new = msgspec.structs.replace(old, **changes)
    return with_model(project, msgspec.structs.replace(model, initial={**model.initial, state: new}))


def with_train(project: Project, **changes: Any) -> Project:
    train: TrainConfig = msgspec.structs.replace(project.spec.train, **changes)
    return project if train == project.spec.train else _with_spec(project, train=train)


def with_distil(project: Project, **changes: Any) -> Project:
    distil: DistilConfig = msgspec.structs.replace(project.spec.distil, **changes)
    return project if distil == project.spec.distil else _with_spec(project, distil=distil)


def with_next_run(project: Project, next_run: NextRunConfig) -> Project:
    """Other limits of what may be measured next."""
    return project if next_run == project.spec.next_run else _with_spec(project, next_run=next_run)


def with_tube(project: Project, tube: TubeConfig) -> Project:
    """Other settings of the reach tube."""
    return project if tube == project.spec.tube else _with_spec(project, tube=tube)


def with_recovery(project: Project, recovery: RecoveryConfig) -> Project:
    """Another ground truth for the recovery test."""
    return project if recovery == project.spec.recovery else _with_spec(project, recovery=recovery)


def with_export(project: Project, **changes: Any) -> Project:
    export: ExportConfig = msgspec.structs.replace(project.spec.export, **changes)
    return project if export == project.spec.export else _with_spec(project, export=export)


def with_fit(
    project: Project, fit: Fit, created: str, spec: Spec | None = None, start: FittedModel | None = None
) -> Project:
    """A finished training: the current fit, and a row of the runs table.

    Parameters
    ----------
    spec
        What it was started with, where settings were edited meanwhile.
    start
        The model it went on from, None for fresh networks.
    """
    count = sum(run.kind == "fit" for run in project.runs) + 1
    run = Run(f"Fit {count}", "fit", created, spec or project.spec, fit=fit, start=start)
    return replace(project, fit=fit, distillation=None, accepted={}, runs=(*project.runs, run))


def with_distillation(project: Project, distillation: Distillation, created: str, spec: Spec | None = None) -> Project:
    """A finished search: its choices are accepted, and it is a row of the runs table.

    Parameters
    ----------
    spec
        What it was started with, where settings were edited meanwhile.
    """
    count = sum(run.kind == "distil" for run in project.runs) + 1
    run = Run(f"Search {count}", "distil", created, spec or project.spec, fit=project.fit, distillation=distillation)
    accepted = {
        name: neural_term.chosen for name, neural_term in distillation.neural_terms.items() if neural_term.chosen >= 0
    }
    return replace(project, distillation=distillation, accepted=accepted, runs=(*project.runs, run))


def with_accepted(project: Project, neural_term: str, index: int) -> Project:
    """Substitute the candidate ``index`` for a neural term."""
    return replace(project, accepted={**project.accepted, neural_term: index})


def without_accepted(project: Project, neural_term: str) -> Project:
    """Make a term neural again."""
    if neural_term not in project.accepted:
        return project
    return replace(project, accepted={name: i for name, i in project.accepted.items() if name != neural_term})


def with_run_restored(project: Project, run: Run) -> Project:
    """Make a run of the table current again, with the settings it was made with."""
    chosen = run.distillation.neural_terms.items() if run.distillation else ()
    accepted = {name: neural_term.chosen for name, neural_term in chosen if neural_term.chosen >= 0}
    return replace(project, spec=run.spec, fit=run.fit, distillation=run.distillation, accepted=accepted)


def with_written(project: Project, what: str, path: str, created: str) -> Project:
    """A line of the history for files that were written."""
    return replace(project, exports=(*project.exports, Written(what, path, created)))


def with_repetition(project: Project, again: Project) -> Project:
    """Make the results of a repetition current; its runs follow those that are there."""
    names = {run.name for run in project.runs}
    runs = tuple(replace(run, name=_free(run.name, names)) for run in again.runs)
    return replace(
        project,
        spec=again.spec,
        dataset=again.dataset,
        fit=again.fit,
        distillation=again.distillation,
        accepted=again.accepted,
        runs=(*project.runs, *runs),
        recovery=None,
    )


def _free(name: str, taken: set[str]) -> str:
    """`Fit 1, again`, counted where that is taken too."""
    tried = (f"{name}, again", *(f"{name}, again {k}" for k in range(2, len(taken) + 3)))
    return next(one for one in tried if one not in taken)


def with_run_renamed(project: Project, run: Run, name: str) -> Project:
    return replace(project, runs=tuple(replace(run, name=name) if other is run else other for other in project.runs))


def without_run(project: Project, run: Run) -> Project:
    return replace(project, runs=tuple(other for other in project.runs if other is not run))


def _with_spec(project: Project, **changes: Any) -> Project:
    return replace(project, spec=msgspec.structs.replace(project.spec, **changes))
