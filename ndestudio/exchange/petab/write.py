"""A problem as files of PEtab 2, with the extension SciML where networks remain."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import ExportError
from ndestudio.exchange.packages import package
from ndestudio.exchange.petab.formula_text import formula_text, number_text
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.petab.problem import Experiment, NetworkUse, Observable, PetabProblem
from ndestudio.exchange.sbml.write import aliases_of, sbml_text
from ndestudio.exchange.sciml.arrays import write_arrays
from ndestudio.expression.tree import Binary, Expr, Number, names

TEN = math.log(10.0)


@dataclass
class Written:
    """What was written.

    Parameters
    ----------
    yaml
        The file to be opened.
    notes
        What PEtab 2 says in another way than the problem, a sentence each.
    """

    yaml: Path
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_petab(problem: PetabProblem, folder: Path | str) -> Written:
    """Write a problem into a folder: `problem.yaml` and all that it names.

    Parameters
    ----------
    folder
        Made where there is none; files of these names in it are replaced.

    Raises
    ------
    ExportError
        Something that PEtab 2 has no way to say, or a file that cannot be written.
    EngineUnavailable
        PyYAML is missing.
    """
    return _Writer(problem, Path(folder)).all()


class _Writer:
    def __init__(self, problem: PetabProblem, folder: Path) -> None:
        self.problem, self.folder = problem, folder
        model = problem.model
        table = [one.name for one in problem.parameters]
        outputs = [out for use in problem.networks.values() for out in use.outputs]
        held = [name for one in problem.observables for name in one.placeholders]
        known = [*model.rates, *model.quantities, *model.constants, *table, *outputs, *held]
        self.aliases = aliases_of(dict.fromkeys(known))
        self.written = Written(folder / "problem.yaml")
        self.experiments = _identifiers((one.name for one in problem.experiments), "experiment")
        self.observables = _identifiers((one.name for one in problem.observables), "observable")

    def all(self) -> Written:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yaml: dict[str, Any] = {"format_version": "2.0.0", "parameter_files": ["parameters.tsv"]}
            yaml["model_files"] = {"model": {"location": "model.xml", "language": "sbml"}}
            yaml |= {"measurement_files": ["measurements.tsv"], "observable_files": ["observables.tsv"]}
            self._model()
            conditions, experiments = self._conditions()
            if conditions:
                yaml["condition_files"] = ["conditions.tsv"]
                self._table("conditions.tsv", ("conditionId", "targetId", "targetValue"), conditions)
            if experiments:
                yaml["experiment_files"] = ["experiments.tsv"]
                self._table("experiments.tsv", ("experimentId", "time", "conditionId"), experiments)
            self._observables()
            self._measurements()
            mapping, extension = self._networks()
            if mapping:
                yaml["mapping_files"] = ["mapping.tsv"]
                self._table("mapping.tsv", ("petabEntityId", "modelEntityId"), mapping)
                yaml["extensions"] = {"sciml": extension}
            elif self.problem.rules:
                raise ExportError(
                    f"`{next(iter(self.problem.rules))}` is set by a formula in place of its value, which only problems with networks say"
                )
            self._parameters()
            text = package("yaml").safe_dump(yaml, sort_keys=False)
            self._file(self.written.yaml.name).write_text(text, "utf-8")
        except OSError as error:
            raise ExportError(
                f"{self.folder} cannot be written ({error.strerror or error}); choose another folder"
            ) from None
        return self.written

    def _file(self, name: str) -> Path:
        path = self.folder / name
        self.written.files.append(path)
        return path

    def _table(self, name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        with self._file(name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)

    def _name(self, name: str) -> str:
        return self.aliases.get(name, name)

    def _text(self, expr: Expr) -> str:
        text = formula_text(expr, self.aliases)
        return text[1:-1] if _outer(text) else text

    def _model(self) -> None:
        self._file("model.xml").write_text(sbml_text(self.problem.model, guard=False), "utf-8")

    def _conditions(self) -> tuple[list[list[str]], list[list[str]]]:
        """Rows of both tables; conditions that set the same are one."""
        rows: list[list[str]] = []
        steps: list[list[str]] = []
        known: dict[tuple[str, tuple[tuple[str, Expr], ...]], str] = {}
        keyed = any(isinstance(one, Mapping) for use in self.problem.networks.values() for one in use.inputs)
        for experiment in self.problem.experiments:
            for place, period in enumerate(experiment.periods):
                named = (
                    []
                    if not period.changes and not (keyed and period.condition)
                    else [self._condition(experiment, place, known, rows)]
                )
                if keyed and ";" in period.condition:
                    # arrays of inputs are chosen by single names
                    named += period.condition.split(";")[1:]
                time = "-inf" if period.time == -math.inf else repr(float(period.time))
                steps += [[self.experiments[experiment.name], time, one] for one in named or [""]]
        alone = len(self.problem.experiments) == 1 and self.problem.experiments[0].name == "" and not rows
        return rows, [] if alone else steps

    def _condition(
        self,
        experiment: Experiment,
        place: int,
        known: dict[tuple[str, tuple[tuple[str, Expr], ...]], str],
        rows: list[list[str]],
    ) -> str:
        period = experiment.periods[place]
        key = (period.condition.split(";")[0], period.changes)
        if key not in known:
            wanted = key[0] or f"{self.experiments[experiment.name]}_{place + 1}"
            known[key] = _identifier(wanted, set(known.values()))
            rows += [[known[key], self._name(name), self._text(value)] for name, value in period.changes]
        return known[key]

    def _observables(self) -> None:
        rows = []
        for one in self.problem.observables:
            first, second = _held(one)
            noise = one.noise
            if one.scale == "log10":
                noise = Binary("*", noise, Number(TEN))
            law = {"lin": "", "log": "log-", "log10": "log-"}[one.scale] + ("laplace" if one.laplace else "normal")
            cells = [";".join(map(self._name, first)), ";".join(map(self._name, second))]
            rows.append([self.observables[one.name], self._text(one.formula), self._text(noise), law, *cells])
        if any(one.scale == "log10" for one in self.problem.observables):
            self.written.notes.append(
                "noise on the scale log10 is written as that of the natural logarithm, times log(10)"
            )
        head = (
            "observableId",
            "observableFormula",
            "noiseFormula",
            "noiseDistribution",
            "observablePlaceholders",
            "noisePlaceholders",
        )
        self._table("observables.tsv", head, rows)

    def _measurements(self) -> None:
        held = {one.name: _held(one) for one in self.problem.observables}
        listed = {one.name: one.placeholders for one in self.problem.observables}
        plain = len(self.problem.experiments) == 1 and self.problem.experiments[0].name == ""
        rows = []
        for one in self.problem.measurements:
            given = dict(zip(listed[one.observable], one.given, strict=True))
            cells = [";".join(self._text(given[name]) for name in part) for part in held[one.observable]]
            experiment = "" if plain else self.experiments[one.experiment]
            rows.append([self.observables[one.observable], experiment, _number(one.time), _number(one.value), *cells])
        head = ("observableId", "experimentId", "time", "measurement", "observableParameters", "noiseParameters")
        self._table("measurements.tsv", head, rows)

    def _parameters(self) -> None:
        rows = []
        for one in self.problem.parameters:
            prior = self._prior(one.prior, one.name, (one.lower, one.upper))
            if one.start is not None:
                self.written.notes.append(f"where fits of `{one.name}` start is not said by PEtab 2, and left out")
            if one.scale != "lin" and one.estimate:
                self.written.notes.append(
                    f"`{one.name}` is fitted on the scale {one.scale}, which PEtab 2 does not say"
                )
            bounds = [_number(one.lower), _number(one.upper)]
            nominal = "" if math.isnan(one.nominal) else _number(one.nominal)
            rows.append([self._name(one.name), *bounds, nominal, str(one.estimate).lower(), *prior])
        for one in self.problem.arrays:
            value = "array" if one.value is None else _number(one.value)
            prior = self._prior(one.prior, one.name, (-math.inf, math.inf))
            rows.append([one.name, "-inf", "inf", value, str(one.estimate).lower(), *prior])
        head = (
            "parameterId",
            "lowerBound",
            "upperBound",
            "nominalValue",
            "estimate",
            "priorDistribution",
            "priorParameters",
        )
        self._table("parameters.tsv", head, rows)

    def _prior(self, prior: Prior | None, name: str, bounds: tuple[float, float]) -> list[str]:
        if prior is None:
            return ["", ""]
        kind, numbers = prior.kind, prior.numbers
        if prior.scale != "lin":
            if kind not in ("normal", "laplace", "uniform"):
                raise ExportError(
                    f"the prior of `{name}` is meant on the scale {prior.scale}, which PEtab 2 has no way to say"
                )
            factor = TEN if prior.scale == "log10" else 1.0
            numbers = tuple(one * factor for one in numbers)
            if kind == "uniform":
                numbers = tuple(math.exp(one) for one in numbers)
            kind = f"log-{kind}"
            self.written.notes.append(f"the prior of `{name}` is written as one of its value, not of its logarithm")
        if not (prior.truncated == bounds or (math.isinf(bounds[0]) and math.isinf(bounds[1]))):
            self.written.notes.append(f"the prior of `{name}` counts between its bounds alone, as PEtab 2 has it")
        return [kind, ";".join(map(_number, numbers))]

    def _networks(self) -> tuple[list[list[str]], dict[str, Any]]:
        """Rows of the mapping, and the part of the YAML."""
        uses = self.problem.networks
        if not uses:
            return [], {}
        mapping: list[list[str]] = []
        hybrid = [[self._name(target), self._text(expr)] for target, expr in self.problem.rules.items()]
        inputs: dict[str, Mapping[str, np.ndarray]] = {}
        for name, use in uses.items():
            self._inputs(name, use, mapping, hybrid, inputs)
            mapping += [
                [self._name(out), f"{name}.outputs" + "".join(f"[{k}]" for k in index)]
                for out, index in use.outputs.items()
            ]
            if not use.network.document:
                raise ExportError(f"the network `{name}` has no description that could be written")
            text = package("yaml").safe_dump(dict(use.network.document), sort_keys=False)
            self._file(f"{name}.yaml").write_text(text, "utf-8")
        for row in self.problem.arrays:
            layer = f"[{row.layer}]" if row.layer else ""
            mapping.append([row.name, f"{row.network}.parameters{layer}" + (f".{row.array}" if row.array else "")])
        write_arrays(self._file("arrays.hdf5"), {name: use.values for name, use in uses.items()}, inputs)
        self._table("hybridization.tsv", ("targetId", "targetValue"), hybrid)
        declared = {
            name: {"location": f"{name}.yaml", "format": "YAML", "pre_initialization": use.before}
            for name, use in uses.items()
        }
        extension = {"version": "0.1.0", "required": True, "neural_networks": declared}
        return mapping, {**extension, "hybridization_files": ["hybridization.tsv"], "array_files": ["arrays.hdf5"]}

    def _inputs(
        self,
        name: str,
        use: NetworkUse,
        mapping: list[list[str]],
        hybrid: list[list[str]],
        inputs: dict[str, Mapping[str, np.ndarray]],
    ) -> None:
        for k, entries in enumerate(use.inputs):
            if isinstance(entries, Mapping):
                key = f"{name}_input{k}"
                mapping.append([key, f"{name}.inputs[{k}]"])
                hybrid.append([key, "array"])
                inputs[key] = entries
                continue
            for j, entry in enumerate(entries):
                key = f"{name}_input{k}_{j}"
                mapping.append([key, f"{name}.inputs[{k}][{j}]"])
                hybrid.append([key, self._text(entry)])


def _held(one: Observable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Placeholders of the formula, and those of the noise alone."""
    read = set(names(one.formula))
    first = tuple(name for name in one.placeholders if name in read)
    return first, tuple(name for name in one.placeholders if name not in read)


def _number(value: float) -> str:
    return number_text(value).strip("()")


def _outer(text: str) -> bool:
    """Whether one pair of brackets is around all of a formula."""
    if not text.startswith("("):
        return False
    level = 0
    for k, character in enumerate(text):
        level += (character == "(") - (character == ")")
        if level == 0:
            return k == len(text) - 1
    return False


def _identifier(text: str, taken: set[str]) -> str:
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "one"
    plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    return found


def _identifiers(given: Iterable[str], empty: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in given:
        found[name] = _identifier(name or empty, set(found.values()))
    return found
