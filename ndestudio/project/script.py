"""A session as a Python script that does the same with the library: data, trainings, search, choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from ndestudio.data.config import DataConfig
from ndestudio.distil.result import Distillation
from ndestudio.expression.text import to_text
from ndestudio.fitting.result import Fit
from ndestudio.model.fitted import FittedModel
from ndestudio.project.project import Project, Run, Spec
from ndestudio.project.spec import in_use

_WIDTH = 100
_LAST = """\
for state, equation in nde.numbers_filled({model}).items():
    print(f"d({{state}})/dt = {{nde.to_text(equation)}}")
errors = nde.score({model}, {data})
for part in ("train", "validation", "test"):
    for column, error in getattr(errors, part).items():
        print(f"{{part}} error of {{column}}: {{error:.4f}}")
"""


def python_script(project: Project) -> str:
    """The script that does again what led to the present results, with the settings each of them was made with.

    Without results it trains and distils with the settings of now. Where a step cannot be done again exactly (a training
    that began from a model that was not kept), a comment says so.
    """
    writer = _Writer(project)
    if project.fit is None:
        data, train = writer.data(project.spec.data), project.spec.train
        fit = writer.assign("fit", f"nde.fit({writer.model(project.spec)}, {data}, {writer.literal(train)}, reporter)")
        writer.line(f"print({fit}.sentence)")
        model = (
            writer.distilled(f"{fit}.model", f"{fit}.ensemble", data, project.spec) if _neural_terms(project) else None
        )
        return writer.finished(f"{model}.model" if model else f"{fit}.model", data)
    source = run_of(project, project.fit)
    spec = source.spec if source else project.spec
    data = writer.data(spec.data)
    fit = writer.fit(project.fit)
    if project.distillation is None:
        return writer.finished(f"{fit}.model", data)
    searched = search_of(project)
    result = writer.distilled(f"{fit}.model", f"{fit}.ensemble", data, searched.spec if searched else project.spec)
    writer.line(f"print({result}.sentence)")
    writer.substitute_formula(result, f"{fit}.model", data, project.distillation, searched, project.accepted)
    return writer.finished(writer.chosen(result, f"{fit}.model", project.distillation, project.accepted), data)


class _Writer:
    """Lines of a script; what was assigned once is not made again."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lines: list[str] = []
        self._known: dict[int, str] = {}
        self._data: list[tuple[DataConfig, str]] = []
        self._taken: set[str] = set()
        self._imports: set[str] = set()

    def line(self, text: str) -> None:
        self._lines.append(text)

    def assign(self, name: str, value: str) -> str:
        """Write `name = value` under a name that is free; returns the name."""
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        self._lines.append(f"{free} = {value}")
        return free

    def data(self, config: DataConfig) -> str:
        for known, name in self._data:
            if known == config:
                return name
        name = self.assign("data", f"nde.load({self.literal(config)})")
        self._data.append((config, name))
        return name

    def model(self, spec: Spec) -> str:
        return self.assign("model", self.literal(in_use(spec).model))

    def literal(self, value: Any) -> str:
        return literal(value)

    def fit(self, fit: Fit) -> str:
        """Write the training that led to a fit, those it went on from before it."""
        if id(fit) in self._known:
            return self._known[id(fit)]
        run = run_of(self._project, fit)
        if run is None:
            return self._known.setdefault(id(fit), self._gone_back(fit))
        start = self._start(run)
        data, model = self.data(run.spec.data), self.model(run.spec)
        train = self.literal(run.spec.train)
        name = self.assign("fit", f"nde.fit({model}, {data}, {train}, reporter{start})")
        self.line(f"print({name}.sentence)")
        return self._known.setdefault(id(fit), name)

    def _start(self, run: Run) -> str:
        if run.start is None:
            return ""
        found = self._model_of(run.start)
        if found is None:
            self.line(f"# {run.name} went on from a model that was not kept; here it begins with fresh networks.")
            return ""
        return f", start={found}"

    def _gone_back(self, fit: Fit) -> str:
        """A fit that is none of the runs: the model of a moment of one of them was made the trained one."""
        found = self._model_of(fit.model)
        if found is None:
            self.line("# The training that led to this model was not kept; here it is done with the settings of now.")
            spec = self._project.spec
            call = f"nde.fit({self.model(spec)}, {self.data(spec.data)}, {self.literal(spec.train)}, reporter)"
            return self.assign("fit", call)
        self._imports.add("from dataclasses import replace")
        owner = found.split(".")[0]
        return self.assign("fit", f"replace({owner}, model={found})")

    def _model_of(self, model: FittedModel) -> str | None:
        """An expression for a model of one of the runs; None for a model that none of them has."""
        for run in self._project.runs:
            if run.kind != "fit" or run.fit is None:
                continue
            if same_model(run.fit.model, model):
                return f"{self.fit(run.fit)}.model"
            for number, moment in enumerate(run.fit.checkpoints):
                if same_model(moment.model, model):
                    return f"{self.fit(run.fit)}.checkpoints[{number}].model"
        return None

    def distilled(self, model: str, ensemble: str, data: str, spec: Spec) -> str:
        self._imports.add("from ndestudio.distil import distil")
        distil, train = self.literal(spec.distil), self.literal(spec.train)
        return self.assign("result", f"distil({model}, {data}, {distil}, reporter, {train}, ensemble={ensemble})")

    def substitute_formula(
        self,
        result: str,
        model: str,
        data: str,
        distillation: Distillation,
        searched: Run | None,
        accepted: Mapping[str, int],
    ) -> None:
        """Formulas of the front that the person had refitted after the search."""
        if searched is None or searched.distillation is None:
            return
        for neural_term, found in distillation.neural_terms.items():
            before = len(searched.distillation.neural_terms[neural_term].scored)
            if accepted.get(neural_term, -1) < before:
                continue
            self._imports |= {
                "from ndestudio.distil import substitute_formula, with_scored",
                "from ndestudio.symbolic import Candidate",
            }
            train = self.literal(self._project.spec.train)
            for scored in found.scored[before:]:
                one = scored.candidate
                formula = f"nde.parse_expression({_quoted(to_text(one.expression))})"
                candidate = f"Candidate({one.complexity}, {one.loss!r}, {formula})"
                trial = self.assign(
                    "trial", f"substitute_formula({model}, {data}, {_quoted(neural_term)}, {candidate}, {train})"
                )
                self.line(f"{result} = with_scored({result}, {_quoted(neural_term)}, {trial})")

    def chosen(self, result: str, model: str, distillation: Distillation, accepted: Mapping[str, int]) -> str:
        """The model with the accepted formulas."""
        default = {
            neural_term: found.chosen for neural_term, found in distillation.neural_terms.items() if found.chosen >= 0
        }
        if dict(accepted) == default:
            return f"{result}.model"
        if not accepted:
            return model
        return self.assign("chosen", f"nde.assemble({model}, {result}, {self.literal(dict(accepted))})")

    def finished(self, model: str, data: str) -> str:
        """The whole script."""
        name = self._project.spec.name or "a session of NDE Studio"
        head = [
            f'"""{_plain(name)}, done again with the library.',
            "",
            "Steps that end when their time is over may go a little further on a faster machine;",
            "`evaluations` in DistilConfig and `iterations` in TrainConfig are limits that do not depend on the machine.",
            '"""',
            "",
        ]
        standard = sorted(line for line in self._imports if "ndestudio" not in line)
        ours = sorted(line for line in self._imports if "ndestudio" in line)
        head += [
            *standard,
            *([""] if standard else []),
            "import ndestudio as nde",
            *ours,
            "",
            "reporter = nde.PlainReporter()",
        ]
        return "\n".join([*head, *self._lines, "", _LAST.format(model=model, data=data)])


def literal(value: Any, indent: int = 0) -> str:
    """A setting as Python: structs as calls that leave out defaults, over several lines where one would be long."""
    pad = " " * (indent + 4)
    match value:
        case msgspec.Struct():
            given = [
                (field.name, getattr(value, field.name))
                for field in msgspec.structs.fields(value)
                if getattr(value, field.name) != _default(field)
            ]
            head, close = f"nde.{type(value).__name__}(", ")"
            parts = [(f"{name}=", inner) for name, inner in given]
        case dict():
            head, close = "{", "}"
            parts = [(f"{literal(name)}: ", inner) for name, inner in value.items()]
        case tuple() | list():
            head, close = "(", ",)" if len(value) == 1 else ")"
            parts = [("", inner) for inner in value]
        case str() if "\n" in value and '"""' not in value and "\\" not in value and not value.endswith('"'):
            return f'"""{value}"""' if value.startswith("\n") else f'"""\\\n{value}"""'
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case str():
            return _quoted(value)
        case _:
            return repr(value)
    short = head + ", ".join(f"{name}{literal(inner)}" for name, inner in parts) + close
    if len(short) + indent <= _WIDTH and "\n" not in short:
        return short
    lines = [f"{pad}{name}{literal(inner, indent + 4)}," for name, inner in parts]
    return "\n".join([head, *lines, " " * indent + close.lstrip(",")])


def _quoted(text: str) -> str:
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown.startswith("'") and '"' not in shown and "\\'" not in shown else shown


def _default(field: Any) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def same_model(a: FittedModel, b: FittedModel) -> bool:
    """Whether two models have the same values: one seen while it trained is not the object that was kept."""
    if a is b:
        return True
    if a.system != b.system or dict(a.parameters) != dict(b.parameters) or a.networks.keys() != b.networks.keys():
        return False
    pairs = [(a.initial[name], b.initial.get(name)) for name in a.initial]
    for name, network in a.networks.items():
        other = b.networks[name]
        pairs += zip((*network.weights, *network.biases), (*other.weights, *other.biases), strict=False)
    return all(y is not None and np.array_equal(x, y) for x, y in pairs)


def _neural_terms(project: Project) -> bool:
    return bool(in_use(project.spec).model.networks)


def run_of(project: Project, fit: Fit) -> Run | None:
    return next((run for run in project.runs if run.kind == "fit" and run.fit is fit), None)


def search_of(project: Project) -> Run | None:
    """The run the present distillation came from; formulas may have been added to it since."""
    result = project.distillation
    assert result is not None
    for run in reversed(project.runs):
        found = run.distillation
        if found is not None and (found is result or found.model is result.model):
            return run
    return None


def _plain(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"', "'").split())
