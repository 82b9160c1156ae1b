"""The runs table: every fit and search that was kept, and in which settings two of them differ."""

from __future__ import annotations

from typing import Any

import msgspec

from ndestudio.project.project import Project, Run
from ndestudio.session.candidates import held_out_error
from ndestudio.session.train_state import Difference, RunRow


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


def differences(project: Project, index: int) -> tuple[Difference, ...]:
    """Settings in which the run differs from the project, those of its own kind and the model's."""
    if not 0 <= index < len(project.runs):
        return ()
    run = project.runs[index]
    stages = ("data", "model", "train") if run.kind == "fit" else ("data", "model", "train", "distil")
    found = []
    for stage in stages:
        then, now = _flat(getattr(run.spec, stage), stage), _flat(getattr(project.spec, stage), stage)
        names = [name for name in dict.fromkeys((*then, *now)) if then.get(name) != now.get(name)]
        found += [Difference(name, _words(then.get(name)), _words(now.get(name))) for name in names]
    return tuple(found)


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
