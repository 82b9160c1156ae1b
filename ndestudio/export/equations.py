"""`equations.json`: the result of a job for other programs. The schema is in ``docs/equations-json.md``."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ndestudio.data.dataset_words import time_taken
from ndestudio.export.content import program_name
from ndestudio.export.formats.sympy_text import sympifiable, sympify_text
from ndestudio.export.gather import Job, ProjectLike, job
from ndestudio.export.run_parts import population_json, runs_json, runs_table
from ndestudio.json_text import json_text, plain
from ndestudio.model.events import text_of
from ndestudio.model.fitted import FittedModel

SCHEMA = "ndestudio-equations/1"
"""Name and version: the number grows when a reader of the old form would misread the new one."""

_PACKAGES = ("numpy", "scipy", "jax", "diffrax", "equinox", "optimistix", "sympy", "polars", "pysr")


def equations_json(project: ProjectLike) -> dict[str, Any]:
    """The value of `equations.json`: plain dictionaries, lists, numbers and text.

    What is not finite is None: of an interval, an end without a limit; of an error, a simulation that failed.

    Before training there are no equations, parameters or metrics in it, and their entries are empty.
    """
    gathered = job(project)
    model = gathered.model
    value: dict[str, Any] = {"schema": SCHEMA, "name": gathered.title, "program": program_name()}
    value |= _model_part(gathered, model) if model is not None else _no_model()
    value["metrics"] = _metrics(gathered)
    value["pareto"] = _pareto(gathered)
    value["intervals"] = {
        name: list(limits) for name, limits in (gathered.fit.intervals.items() if gathered.fit else ())
    }
    if gathered.population is not None:
        value["intervals"] |= {name: list(limits) for name, limits in gathered.population.intervals.items()}
        value["population"] = population_json(gathered.population)
    if model is not None and gathered.dataset is not None and runs_table(gathered) is not None:
        value["runs"] = runs_json(model, gathered.dataset)
    value["noise"] = dict(gathered.fit.noise) if gathered.fit else {}
    value["outcome"] = {
        "train": None
        if gathered.fit is None
        else {"result": str(gathered.fit.outcome), "sentence": gathered.fit.sentence},
        "distil": None
        if gathered.distillation is None
        else {"result": gathered.distillation.outcome, "sentence": gathered.distillation.sentence},
    }
    value["chosen"] = {
        name: neural_term.reason
        for name, neural_term in (gathered.distillation.neural_terms.items() if gathered.distillation else ())
        if gathered.choice(name) == neural_term.chosen
    }
    value["next_run"] = _next_run(gathered)
    value["seconds"] = gathered.seconds()
    value["engine"] = gathered.distillation.engine if gathered.distillation else None
    value["seed"] = gathered.fit.seed if gathered.fit else project.spec.train.seed
    value["distil_seed"] = gathered.distillation.seed if gathered.distillation else project.spec.distil.seed
    value["device"] = (
        None if gathered.fit is None else {"kind": gathered.fit.device.kind, "name": gathered.fit.device.name}
    )
    value["data"] = _sources(gathered)
    value["time"] = asdict(time_taken(gathered.dataset)) if gathered.dataset is not None else None
    value["versions"] = versions()
    return plain(value)


def equations_text(project: ProjectLike) -> str:
    """The file."""
    return json_text(equations_json(project))


def versions() -> dict[str, str]:
    """Versions of Python, this program and the packages that results depend on; nothing is imported for it."""
    from ndestudio import __version__

    found = {"ndestudio": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _model_part(gathered: Job, model: FittedModel) -> dict[str, Any]:
    from ndestudio.model.replace import algebraic_filled, formula_filled, numbers_filled

    system = model.system
    symbols = (
        "t",
        *system.states,
        *system.inputs,
        *system.unknowns,
        *(argument for item in system.neural_terms for argument in item.arguments),
    )
    symbols += tuple(argument for item in model.replacements.values() for argument in item.arguments)
    filled = numbers_filled(model)
    formulas = {name: formula_filled(model, name) for name in model.replacements}
    outputs, algebraic = _outputs_filled(model), algebraic_filled(model)
    written = (
        *algebraic.values(),
        *filled.values(),
        *outputs.values(),
        *(expr for expr in formulas.values() if expr is not None),
    )
    neural_terms = [neural_term.name for neural_term in system.neural_terms]
    names = sympifiable((*symbols, *neural_terms), written)
    return {
        "states": list(system.states),
        "inputs": list(system.inputs),
        "units": _units(gathered),
        "symbols": {names[name]: name for name in dict.fromkeys(symbols)},
        "functions": {names[neural_term.name]: neural_term.name for neural_term in system.neural_terms},
        "equations": {state: sympify_text(expr, names, neural_terms) for state, expr in filled.items()},
        **(
            {"algebraic": {name: sympify_text(expr, names, neural_terms) for name, expr in algebraic.items()}}
            if algebraic
            else {}
        ),
        **({"calculus": system.calculus} if system.diffusion else {}),
        **({"events": [text_of(event) for event in system.events]} if system.events else {}),
        "outputs": {name: sympify_text(expr, names, neural_terms) for name, expr in outputs.items()},
        "holes": {
            **{name: sympify_text(expr, names) for name, expr in formulas.items() if expr is not None},
            **{neural_term.name: None for neural_term in system.neural_terms},
        },
        "hole_arguments": {
            **{name: list(item.arguments) for name, item in model.replacements.items()},
            **{neural_term.name: list(neural_term.arguments) for neural_term in system.neural_terms},
        },
        "parameters": {name: float(value) for name, value in model.parameters.items()},
        "initial": {
            trajectory: {state: float(value) for state, value in zip(system.states, values, strict=True)}
            for trajectory, values in model.initial.items()
        },
    }


def _no_model() -> dict[str, Any]:
    empty: dict[str, Any] = {"states": [], "inputs": []}
    keys = ("units", "symbols", "functions", "equations", "outputs", "holes", "hole_arguments", "parameters", "initial")
    return empty | {key: {} for key in keys}


def _outputs_filled(model: FittedModel) -> dict[str, Any]:
    from ndestudio.expression.numeric import as_number, fold
    from ndestudio.expression.tree import substitute

    values = {name: as_number(float(value)) for name, value in model.parameters.items()}
    return {name: fold(substitute(expr, values)) for name, expr in model.system.outputs.items()}


def _units(gathered: Job) -> dict[str, str]:
    units = {name: unit for name, unit in (gathered.model.config.units.items() if gathered.model else ()) if unit}
    dataset = gathered.dataset
    if dataset is not None:
        units |= {column.name: column.unit for column in (*dataset.measured, *dataset.inputs) if column.unit}
        units |= {"t": dataset.time.unit} if dataset.time.unit else {}
    if gathered.model is not None:
        parameters = gathered.model.config.parameters
        units |= {name: item.unit for name, item in parameters.items() if item.unit}
    return units


def _metrics(gathered: Job) -> dict[str, dict[str, float | None]]:
    """NRMSE per part; null where a simulation failed, an empty object where the part has no rows."""
    metrics = gathered.metrics
    parts = {"train_nrmse": "train", "validation_nrmse": "validation", "test_nrmse": "test"}
    return {key: dict(getattr(metrics, part)) if metrics is not None else {} for key, part in parts.items()}


def _pareto(gathered: Job) -> dict[str, list[dict[str, Any]]]:
    if gathered.distillation is None:
        return {}
    fronts = {}
    for name, neural_term in gathered.distillation.neural_terms.items():
        names = sympifiable(neural_term.samples.arguments)
        chosen = gathered.choice(name)
        in_use = neural_term.scored[chosen].candidate.expression if 0 <= chosen < len(neural_term.scored) else None
        fronts[name] = [
            {
                "complexity": candidate.complexity,
                "loss": candidate.loss,
                "held_out": candidate.held_out,
                "expression": sympify_text(candidate.expression, names),
                "chosen": in_use is not None and candidate.expression == in_use,
            }
            for candidate in neural_term.front.candidates
        ]
    return fronts


def _next_run(gathered: Job) -> dict[str, Any] | None:
    found = gathered.distillation.next_run if gathered.distillation else None
    if found is None:
        return None
    laws = [
        {"probability": weight, "formulas": dict(one)}
        for weight, one in zip(found.weights, found.formulas, strict=True)
    ]
    runs = [{"start": dict(run.start), "inputs": dict(run.inputs), "until": float(run.t[-1])} for run in found.runs]
    return {"sentence": found.sentence, "laws": laws, "runs": runs}


def _sources(gathered: Job) -> list[dict[str, str]]:
    sources = gathered.dataset.sources if gathered.dataset else ()
    return [{"file": source.path.replace("\\", "/").rsplit("/", 1)[-1], "sha256": source.sha256} for source in sources]
