"""PEtab version 1 from its files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ndestudio.errors import DataError
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.petab.formula import own_name, parse_formula
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.petab.problem import Experiment, Measurement, Observable, Parameter, Period, PetabProblem, Scale
from ndestudio.exchange.petab.tables import Row, is_number, listed, number, read_table
from ndestudio.exchange.sbml.read import read_sbml
from ndestudio.expression.tree import Expr, Name, names

SCALES: tuple[Scale, ...] = ("lin", "log", "log10")
_PRIORS = {
    "uniform": "uniform", "normal": "normal", "laplace": "laplace", "logUniform": "log-uniform", "logNormal": "log-normal",
    "logLaplace": "log-laplace",
}  # fmt: skip
_ON_SCALE = {"parameterScaleUniform": "uniform", "parameterScaleNormal": "normal", "parameterScaleLaplace": "laplace"}


def read_version1(path: Path, yaml: Mapping[str, Any]) -> PetabProblem:
    """The problem of a YAML file of version 1.

    Raises
    ------
    DataError, EquationError
        What is wrong, and in which file.
    """
    problems = yaml.get("problems")
    if not isinstance(problems, list) or not problems or not all(isinstance(one, dict) for one in problems):
        raise DataError("`problems` should be a list with one problem", path=str(path))
    if len(problems) > 1:
        raise DataError(
            "it has several problems, each with a model of its own; split it into one file for each", path=str(path)
        )
    (one,) = problems
    files = {kind: tuple(listed(one.get(f"{kind}_files"), f"{kind}_files", path)) for kind in
             ("sbml", "condition", "measurement", "observable")}  # fmt: skip
    files["parameter"] = tuple(listed(yaml.get("parameter_file"), "parameter_file", path))
    if len(files["sbml"]) != 1:
        raise DataError(f"`sbml_files` names {len(files['sbml'])} models; one is needed", path=str(path))
    model = read_sbml(files["sbml"][0])
    observables = tuple(_observable(row, model, str(p)) for p in files["observable"] for row in read_table(p, ("observableId", "observableFormula", "noiseFormula")))  # fmt: skip
    parameters = tuple(parameter(row, model, str(p)) for p in files["parameter"] for row in read_table(p, ("parameterId", "estimate")))  # fmt: skip
    conditions = _conditions(files["condition"], model)
    rows = [(row, str(p)) for p in files["measurement"] for row in read_table(p, ("observableId", "simulationConditionId", "time", "measurement"))]  # fmt: skip
    experiments: dict[str, Experiment] = {}
    measurements = []
    for row, where in rows:
        experiment = _experiment(row, conditions, model, where)
        experiments.setdefault(experiment.name, experiment)
        measurements.append(measurement(row, experiment.name, observables, model, where))
    return PetabProblem(
        name=path.stem,
        version=1,
        model=model,
        parameters=parameters,
        observables=observables,
        experiments=tuple(experiments.values()),
        measurements=tuple(measurements),
        files=files,
    )


def _conditions(paths: Sequence[Path], model: KineticModel) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in paths:
        for row in read_table(path, ("conditionId",)):
            found[row["conditionId"]] = {
                own_name(name, model.renamed): cell
                for name, cell in row.items()
                if name not in ("conditionId", "conditionName") and name
            }
            for name in found[row["conditionId"]]:
                if name in model.quantities:
                    raise DataError(f"a condition sets `{name}`, which the model computes by a rule", path=str(path))
    return found


def _experiment(row: Row, conditions: Mapping[str, Mapping[str, str]], model: KineticModel, where: str) -> Experiment:
    before, then = row.get("preequilibrationConditionId", ""), row["simulationConditionId"]
    for name in filter(None, (before, then)):
        if name not in conditions:
            raise DataError(f"the condition `{name}` is measured and not in the table of conditions", path=where)
    if not then:
        raise DataError("a measurement has no simulationConditionId", path=where)
    periods = [Period(-math.inf, _changes(conditions[before], model), before)] if before else []
    periods.append(Period(0.0, _changes(conditions[then], model), then))
    return Experiment(f"{before} > {then}" if before else then, tuple(periods))


def _changes(cells: Mapping[str, str], model: KineticModel) -> tuple[tuple[str, Expr], ...]:
    """What a condition sets. An empty cell or NaN leaves a state as it is: settled, or where the model begins."""
    return tuple(
        (name, parse_formula(cell, model.renamed))
        for name, cell in cells.items()
        if cell and not (is_number(cell) and math.isnan(float(cell)))
    )


def _observable(row: Row, model: KineticModel, where: str) -> Observable:
    scale = row.get("observableTransformation", "") or "lin"
    law = row.get("noiseDistribution", "") or "normal"
    if scale not in SCALES or law not in ("normal", "laplace"):
        raise DataError(f"`{row['observableId']}` has the noise `{law}` on the scale `{scale}`; known are normal and laplace on lin, log, log10", path=where)  # fmt: skip
    formula = parse_formula(row["observableFormula"], model.renamed)
    noise = parse_formula(row["noiseFormula"], model.renamed)
    pattern = re.compile(rf"(observable|noise)Parameter(\d+)_{re.escape(row['observableId'])}")
    found = {name for expr in (formula, noise) for name in names(expr) if pattern.fullmatch(name)}

    def order(name: str) -> tuple[bool, int]:
        match = pattern.fullmatch(name)
        assert match is not None
        return match[1] == "noise", int(match[2])

    return Observable(row["observableId"], formula, noise, tuple(sorted(found, key=order)), scale, law == "laplace")


def parameter(row: Row, model: KineticModel, where: str) -> Parameter:
    """A row of the parameter table."""
    name = row["parameterId"]
    scale = row.get("parameterScale", "") or "lin"
    if scale not in SCALES:
        raise DataError(f"`{name}` has the scale `{scale}`; known are {', '.join(SCALES)}", path=where)
    given = (
        number(row.get("lowerBound", ""), f"the lower bound of `{name}`", where),
        number(row.get("upperBound", ""), f"the upper bound of `{name}`", where),
    )
    lower, upper = (
        default if math.isnan(one) else one for one, default in zip(given, (-math.inf, math.inf), strict=True)
    )
    if lower > upper:
        raise DataError(f"the bounds of `{name}` are {lower:g} and {upper:g}, the lower one above", path=where)
    estimate = estimated(row["estimate"], name, where)
    return Parameter(
        name=own_name(name, model.renamed),
        nominal=number(row.get("nominalValue", ""), f"the nominal value of `{name}`", where),
        estimate=estimate,
        scale=scale,
        lower=lower,
        upper=upper,
        prior=_prior(row, "objectivePrior", name, scale, where),
        start=_prior(row, "initializationPrior", name, scale, where),
    )


def estimated(cell: str, name: str, where: str) -> bool:
    """Whether a parameter is fitted."""
    if cell.lower() in ("1", "1.0", "true"):
        return True
    if cell.lower() in ("0", "0.0", "false"):
        return False
    raise DataError(f"`estimate` of `{name}` is `{cell[:40]}`; it is 0 or 1 (version 2: true or false)", path=where)


def _prior(row: Row, column: str, name: str, scale: Scale, where: str) -> Prior | None:
    kind, text = row.get(f"{column}Type", ""), row.get(f"{column}Parameters", "")
    if not kind:
        return None
    numbers = tuple(
        number(one.strip(), f"a number of the prior of `{name}`", where) for one in text.split(";") if one.strip()
    )
    if kind in _ON_SCALE:
        return Prior(_ON_SCALE[kind], numbers, scale)
    if kind in _PRIORS:
        return Prior(_PRIORS[kind], numbers)
    raise DataError(f"`{name}` has the prior `{kind}`, which PEtab 1 does not know", path=where)


def measurement(
    row: Row, experiment: str, observables: Sequence[Observable], model: KineticModel, where: str
) -> Measurement:
    """A row of the measurement table, of either version."""
    name = row["observableId"]
    known = next((one for one in observables if one.name == name), None)
    if known is None:
        raise DataError(f"`{name}` is measured and not in the table of observables", path=where)
    cells = [
        cell.strip()
        for column in ("observableParameters", "noiseParameters")
        for cell in row.get(column, "").split(";")
        if cell.strip()
    ]
    if len(cells) != len(known.placeholders):
        raise DataError(f"a measurement of `{name}` gives {len(cells)} parameters and its formulas have {len(known.placeholders)}", path=where)  # fmt: skip
    given = tuple(parse_formula(cell, model.renamed) for cell in cells)
    for cell, one in zip(cells, given, strict=True):
        if not is_number(cell) and not isinstance(one, Name):
            raise DataError(
                f"a measurement of `{name}` gives `{cell[:60]}`; it should be a number or a parameter", path=where
            )
    time = number(row["time"], f"a time of `{name}`", where)
    if math.isnan(time):
        raise DataError(f"a measurement of `{name}` has no time", path=where)
    return Measurement(name, experiment, time, number(row["measurement"], f"a measurement of `{name}`", where), given)
