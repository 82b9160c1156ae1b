"""PEtab version 2 from its files, with the extension SciML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ndestudio.errors import DataError
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.petab.formula import own_name, parse_formula
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.petab.problem import Experiment, Observable, Parameter, Period, PetabProblem
from ndestudio.exchange.petab.tables import Row, is_number, listed, number, read_table
from ndestudio.exchange.petab.version1 import estimated, measurement, parameter
from ndestudio.exchange.sbml.read import read_sbml
from ndestudio.exchange.sciml.problem import ArrayRow, add_networks, networks_of
from ndestudio.expression.tree import Expr

_KINDS = ("parameter", "observable", "measurement", "condition", "experiment", "mapping")
_LAWS = {
    "": ("lin", False), "normal": ("lin", False), "laplace": ("lin", True), "log-normal": ("log", False),
    "log-laplace": ("log", True),
}  # fmt: skip


def read_version2(path: Path, yaml: Mapping[str, Any]) -> PetabProblem:
    """The problem of a YAML file of version 2.

    Raises
    ------
    DataError, EquationError
        What is wrong, and in which file.
    """
    files = {kind: tuple(listed(yaml.get(f"{kind}_files"), f"{kind}_files", path)) for kind in _KINDS}
    files["sbml"] = (_model_file(path, yaml),)
    model = read_sbml(files["sbml"][0])
    mapping = _mapping(files["mapping"])
    used = networks_of(path, yaml, mapping)
    aliases = {
        old: own_name(new, model.renamed) for old, new in mapping.items() if new and "." not in new and old != new
    }
    model = replace(model, renamed={**model.renamed, **aliases})
    observables = tuple(
        _observable(row, model, str(p))
        for p in files["observable"]
        for row in read_table(p, ("observableId", "observableFormula", "noiseFormula"))
    )
    parameters: list[Parameter] = []
    arrays: list[ArrayRow] = []
    for p in files["parameter"]:
        for row in read_table(p, ("parameterId", "estimate")):
            prior = _prior(row, str(p))
            place = used.place(row["parameterId"]) if used is not None else None
            if place is not None:
                fitted = estimated(row["estimate"], row["parameterId"], str(p))
                arrays.append(ArrayRow(row["parameterId"], place, fitted, row.get("nominalValue", ""), prior))
            else:
                parameters.append(_bounded(replace(parameter(row, model, str(p)), prior=prior)))
    conditions = _conditions(files["condition"], model)
    experiments = {one.name: one for one in _experiments(files["experiment"], conditions)}
    measurements = []
    for p in files["measurement"]:
        for row in read_table(p, ("observableId", "time", "measurement")):
            name = row.get("experimentId", "")
            if not name:
                experiments.setdefault("", Experiment("", (Period(0.0),)))
            elif name not in experiments:
                raise DataError(f"the experiment `{name}` is measured and not in the table of experiments", path=str(p))
            measurements.append(measurement(row, name, observables, model, str(p)))
    measured = {one.experiment for one in measurements}
    problem = PetabProblem(
        name=path.stem,
        version=2,
        model=model,
        parameters=tuple(parameters),
        observables=observables,
        experiments=tuple(one for one in experiments.values() if one.name in measured),
        measurements=tuple(measurements),
        files=files,
    )
    return problem if used is None else add_networks(problem, used, arrays)


def _model_file(path: Path, yaml: Mapping[str, Any]) -> Path:
    models = yaml.get("model_files")
    if not isinstance(models, dict) or not models or not all(isinstance(one, dict) for one in models.values()):
        raise DataError("`model_files` should name one model with `location` and `language`", path=str(path))
    if len(models) > 1:
        raise DataError("it has several models; split it into one problem for each", path=str(path))
    (one,) = models.values()
    if str(one.get("language", "")).lower() != "sbml":
        raise DataError(f"the model is written in `{one.get('language')}`; SBML is read", path=str(path))
    locations = listed(one.get("location"), "location", path)
    if len(locations) != 1:
        raise DataError("the model needs one `location`", path=str(path))
    return locations[0]


def _mapping(paths: Sequence[Path]) -> dict[str, str]:
    return {
        row["petabEntityId"]: row["modelEntityId"]
        for path in paths
        for row in read_table(path, ("petabEntityId", "modelEntityId"))
    }


def _observable(row: Row, model: KineticModel, where: str) -> Observable:
    law = row.get("noiseDistribution", "")
    if law not in _LAWS:
        raise DataError(
            f"`{row['observableId']}` has the noise `{law}`; known are {', '.join(filter(None, _LAWS))}", path=where
        )
    scale, laplace = _LAWS[law]
    other = row.get("observableTransformation", "") or "lin"
    if other not in ("lin", "log", "log10"):
        raise DataError(f"`{row['observableId']}` has the transformation `{other}`", path=where)
    held = [
        own_name(one.strip(), model.renamed)
        for column in ("observablePlaceholders", "noisePlaceholders")
        for one in row.get(column, "").split(";")
        if one.strip()
    ]
    return Observable(
        row["observableId"],
        parse_formula(row["observableFormula"], model.renamed),
        parse_formula(row["noiseFormula"], model.renamed),
        tuple(held),
        scale if other == "lin" else other,  # pyright: ignore[reportArgumentType]
        laplace,
    )


def _prior(row: Row, where: str) -> Prior | None:
    kind = row.get("priorDistribution", "")
    if not kind:
        return None
    what = f"a number of the prior of `{row['parameterId']}`"
    numbers = tuple(
        number(one.strip(), what, where) for one in row.get("priorParameters", "").split(";") if one.strip()
    )
    return Prior(kind, numbers)


def _bounded(one: Parameter) -> Parameter:
    """A prior counts between the bounds alone; without one it is uniform there."""
    bounds = (one.lower, one.upper)
    if one.prior is not None:
        return replace(one, prior=replace(one.prior, truncated=bounds))
    return one


def implied_priors(problem: PetabProblem) -> PetabProblem:
    """Version 2 takes parameters without a prior as uniform between their bounds where others have one."""
    if problem.version < 2 or not any(one.prior for one in (*problem.parameters, *problem.arrays)):
        return problem
    filled = [
        replace(one, prior=Prior("uniform", (one.lower, one.upper)))
        if one.estimate and one.prior is None and math.isfinite(one.lower) and math.isfinite(one.upper)
        else one
        for one in problem.parameters
    ]
    return replace(problem, parameters=tuple(filled))


def _conditions(paths: Sequence[Path], model: KineticModel) -> dict[str, list[tuple[str, Expr]]]:
    found: dict[str, list[tuple[str, Expr]]] = {}
    for path in paths:
        for row in read_table(path, ("conditionId", "targetId", "targetValue")):
            name = own_name(row["targetId"], model.renamed)
            if name in model.quantities:
                raise DataError(f"a condition sets `{name}`, which the model computes by a rule", path=str(path))
            value = parse_formula(row["targetValue"], model.renamed)
            found.setdefault(row["conditionId"], []).append((name, value))
    return found


def _experiments(paths: Sequence[Path], conditions: Mapping[str, list[tuple[str, Expr]]]) -> list[Experiment]:
    found: dict[str, dict[float, list[str]]] = {}
    for path in paths:
        for row in read_table(path, ("experimentId", "time")):
            if not is_number(row["time"]):
                raise DataError(f"a time of the experiment `{row['experimentId']}` is `{row['time']}`", path=str(path))
            times = found.setdefault(row["experimentId"], {})
            times.setdefault(float(row["time"]), []).append(row.get("conditionId", ""))
    return [
        Experiment(
            name,
            tuple(
                Period(
                    time,
                    tuple(change for one in held if one for change in conditions.get(one, [])),
                    ";".join(filter(None, held)),
                )
                for time, held in sorted(times.items())
            ),
        )
        for name, times in found.items()
    ]
