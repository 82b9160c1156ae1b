"""The runs table: every fit and search that was kept, and in which settings two of them differ."""

from __future__ import annotations

from typing import Any

import msgspec

from ndestudio.expression.text import short_text
from ndestudio.project.project import Project, Run
from ndestudio.session.distillation.candidates import errors_of, held_out_error
from ndestudio.session.training.state import Difference, RunComparison, RunRow
from ndestudio.wording import percent


def run_rows(project: Project) -> tuple[RunRow, ...]:
    """A row for each run, oldest first."""
    present = project.distillation or project.fit
    return tuple(_row(index, run, present) for index, run in enumerate(project.runs) if run.distillation or run.fit)


def _row(index: int, run: Run, present: object) -> RunRow:
    result = run.distillation or run.fit
    assert result is not None
    seconds = result.seconds.get("total", sum(result.seconds.values()))
    settings = f"{run.spec.train.preset}, seed {result.seed}"
    if run.distillation is not None:
        operators = run.spec.distil.operators
        names = operators if isinstance(operators, str) else " ".join(operators)
        settings = f"{run.distillation.engine}, {names}, seed {result.seed}"
    return RunRow(
        index,
        run.name,
        run.kind,
        run.created,
        result.seed,
        result.sentence,
        held_out_error(result.metrics),
        result is present,
        seconds,
        settings,
    )


def compare(project: Project, first: int, second: int = -1) -> RunComparison | None:
    """Two runs beside each other; None when one of them is not there.

    Parameters
    ----------
    second
        Position of the other run, -1 for the project as it is now.
    """
    if not 0 <= first < len(project.runs) or not -1 <= second < len(project.runs) or first == second:
        return None
    one = project.runs[first]
    other = project.runs[second] if second >= 0 else _now(project)
    searched = "distil" in (one.kind, other.kind)
    stages = ("data", "model", "train", "distil") if searched else ("data", "model", "train")
    found = []
    for stage in stages:
        a, b = _flat(getattr(one.spec, stage), stage), _flat(getattr(other.spec, stage), stage)
        names = [name for name in dict.fromkeys((*a, *b)) if a.get(name) != b.get(name)]
        found += [Difference(name, _words(a.get(name)), _words(b.get(name))) for name in names]
    return RunComparison(one.name, other.name, tuple(found), _results(one, other))


def _now(project: Project) -> Run:
    kind = "distil" if project.distillation is not None else "fit"
    return Run("Now", kind, "", project.spec, fit=project.fit, distillation=project.distillation)


def _results(one: Run, other: Run) -> tuple[Difference, ...]:
    a, b = _figures(one), _figures(other)
    return tuple(
        Difference(name, a.get(name, ""), b.get(name, ""), a.get(name) == b.get(name))
        for name in dict.fromkeys((*a, *b))
    )


def _figures(run: Run) -> dict[str, str]:
    """What came out: errors, time, formulas, parameters."""
    from ndestudio.model.replace import formula_filled

    result = run.distillation or run.fit
    if result is None:
        return {}
    found = {f"Error, {part}": percent(value) for part, value in errors_of(result.metrics)}
    found["Time"] = f"{result.seconds.get('total', sum(result.seconds.values())):.1f} s"
    model = result.model
    for neural_term in model.replacements:
        formula = formula_filled(model, neural_term)
        if formula is not None:
            found[f"Formula of {neural_term}"] = short_text(formula, 4)
    added = {name for item in model.replacements.values() for name in item.parameters}
    found |= {name: f"{value:.5g}" for name, value in model.parameters.items() if name not in added}
    return found


def _flat(value: Any, prefix: str) -> dict[str, Any]:
    """Nested settings as `stage.table.key` -> value."""
    plain = msgspec.to_builtins(value)
    found: dict[str, Any] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, inner in node.items():
                walk(inner, f"{path}.{key}")
        else:
            found[path] = node

    walk(plain, prefix)
    return found


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value)
