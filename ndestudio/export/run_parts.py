"""What differs between runs, as tables of the report and entries of `equations.json`."""

from __future__ import annotations

from typing import Any

from ndestudio.data.dataset import Dataset
from ndestudio.export.gather import Job
from ndestudio.fitting.result import Population, RandomEffect
from ndestudio.model.fitted import FittedModel
from ndestudio.model.run_values import covariates, run_values

MOST = 200
"""Runs shown in the report; `equations.json` has all."""


def runs_table(gathered: Job) -> tuple[list[str], list[list[str]]] | None:
    """Titles and rows of the table of runs: condition, covariates, values of parameters; None where all runs are alike."""
    dataset, model = gathered.dataset, gathered.model
    if dataset is None or model is None:
        return None
    found = runs_json(model, dataset)
    if not any(one["parameters"] or one["condition"] for one in found.values()):
        return None
    given = list(dict.fromkeys(name for one in found.values() for name in one["covariates"]))
    values = list(dict.fromkeys(name for one in found.values() for name in one["parameters"]))
    told = any(one["condition"] for one in found.values())
    titles = ["run", *(["condition"] if told else []), *given, *values]
    rows = []
    for name, one in list(found.items())[:MOST]:
        cells = [str(one["covariates"].get(key, "")) for key in given]
        cells += [f"{one['parameters'][key]:.4g}" if key in one["parameters"] else "" for key in values]
        rows.append([name, *([one["condition"]] if told else []), *cells])
    return titles, rows


def runs_json(model: FittedModel, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Run -> condition, covariates (texts where they are categories) and values of the parameters that differ."""
    values = run_values(model, dataset)
    levels = {column.name: column.levels for column in dataset.inputs}
    found = {}
    for one in dataset.trajectories:
        known = {
            name: levels[name][int(value)] if levels[name] else float(f"{value:.12g}")
            for name, value in covariates(dataset, one).items()
            if name != dataset.condition_column
        }
        found[one.name] = {"condition": one.condition, "covariates": known, "parameters": values.get(one.name, {})}
    return found


def population_table(population: Population) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of the spreads between runs."""
    rows = []
    for one in population.effects:
        limits = f"{one.limits[0]:.3g} to {one.limits[1]:.3g}" if one.limits else "" if one.seen else "none seen"
        name = f"{one.parameter} ({one.occasion})" if one.occasion else one.parameter
        rows.append([name, one.kind, f"{one.sd:.4g}", limits, f"{max(one.shrinkage, 0.0):.0%}", str(one.runs)])
    return ["parameter", "distribution", "spread (sd of eta)", "95% limits", "shrinkage", "runs"], rows


def population_json(population: Population) -> dict[str, Any]:
    """The same as plain values, with -2 log likelihood."""

    def described(one: RandomEffect) -> dict[str, Any]:
        return {
            "distribution": one.kind,
            "effect": one.state,
            "sd": one.sd,
            "limits": list(one.limits) if one.limits else None,
            "shrinkage": one.shrinkage,
            "runs": one.runs,
        }

    found: dict[str, Any] = {
        "effects": {one.parameter: described(one) for one in population.effects if not one.occasion},
        "deviance": population.deviance,
        "noise": dict(population.noise),
    }
    if occasions := [one for one in population.effects if one.occasion]:
        found["occasions"] = {one.parameter: {"occasion": one.occasion, **described(one)} for one in occasions}
    if population.correlations:
        found["correlations"] = [
            {"parameters": list(one.parameters), "value": one.value, "limits": list(one.limits)}
            for one in population.correlations
        ]
    return found
