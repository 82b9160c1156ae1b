"""What was done in a project, as lines a person reads, in the order in which it was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from ndestudio.expression.text import short_text
from ndestudio.project.project import Project, Run, Spec

Kind = Literal["data", "model", "fit", "search", "choice", "export"]
_DIGITS = 5
_MOST = 8


@dataclass(frozen=True)
class Step:
    """One action.

    Parameters
    ----------
    kind
        Data read, model changed, training, search, choice of formulas, files written.
    title
        A few words: `Train`, `Read 2 files`.
    details
        The parameters of the action, a line each.
    run
        Index among the runs of the project, None for what is no run.
    when
        ISO 8601, "" where it was not kept.
    spec
        The settings at that step.
    """

    kind: Kind
    title: str
    details: tuple[str, ...] = ()
    run: int | None = None
    when: str = ""
    spec: Spec | None = field(default=None, repr=False, compare=False)


def history(project: Project) -> tuple[Step, ...]:
    """The steps that are kept: of each training and search its data, its model where that changed, and its settings; then the
    formulas in use and the files that were written.
    """
    steps: list[Step] = []
    before: Spec | None = None
    for number, run in enumerate(project.runs):
        steps += _changes(before, run.spec, project)
        steps.append(_run(number, run))
        before = run.spec
    steps += _changes(before, project.spec, project)
    steps += _choices(project)
    steps += [Step("export", f"Write {one.what}", (one.path,), when=one.created) for one in project.exports]
    return tuple(steps)


def _changes(before: Spec | None, spec: Spec, project: Project) -> list[Step]:
    found: list[Step] = []
    if before is None or before.data != spec.data:
        names = ", ".join(Path(name).name for name in spec.data.files) or "no files"
        hashes: list[str] = []
        if spec.data == project.spec.data and project.dataset is not None:
            hashes = [f"{Path(one.path).name}: SHA-256 {one.sha256}" for one in project.dataset.sources if one.sha256]
        settings = _settings(spec.data, before.data if before is not None else None, ("files",))
        found.append(Step("data", f"Read {names}", (*hashes, *settings), spec=spec))
    if before is None or before.model != spec.model:
        lines = tuple(line for line in spec.model.equations.splitlines() if line.strip())
        settings = _settings(spec.model, before.model if before is not None else None, ("equations",))
        changed = before is None or before.model.equations != spec.model.equations
        title = "Write the equations" if changed else "Change the model"
        found.append(Step("model", title, (*(lines if changed else ()), *settings), spec=spec))
    return found


def _run(number: int, run: Run) -> Step:
    if run.kind == "fit":
        begun = "" if run.start is None else " from an earlier model"
        result = run.fit.sentence if run.fit is not None else ""
        details = (*_settings(run.spec.train, None, ()), *filter(None, (result,)))
        return Step("fit", f"Train{begun}: {run.name}", details, number, run.created, run.spec)
    result = run.distillation.sentence if run.distillation is not None else ""
    details = (*_settings(run.spec.distil, None, ()), *filter(None, (result,)))
    return Step("search", f"Search formulas: {run.name}", details, number, run.created, run.spec)


def _choices(project: Project) -> list[Step]:
    result = project.distillation
    if result is None or not project.accepted:
        return []
    lines = []
    for term, index in project.accepted.items():
        if index < 0 or term not in result.neural_terms:
            continue
        one = result.neural_terms[term]
        who = "the choice of the program" if index == one.chosen else "chosen by hand"
        lines.append(f"{term} = {short_text(one.scored[index].candidate.expression, _DIGITS)} ({who})")
    return [Step("choice", "Put formulas in", tuple(lines))] if lines else []


def _settings(value: msgspec.Struct, before: msgspec.Struct | None, without: Sequence[str]) -> list[str]:
    """`seed = 3`, for what differs from the step before, or from the defaults."""
    lines = []
    for one in msgspec.structs.fields(value):
        own = getattr(value, one.encode_name)
        other = getattr(before, one.encode_name) if before is not None else _default(one)
        if one.name not in without and own != other:
            lines.append(f"{one.name} = {_shown(own)}")
    return lines


def _default(field: Any) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def _shown(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        inner = ", ".join(_settings(value, None, ()))
        return f"{{{inner}}}" if inner else "the defaults"
    if isinstance(value, dict):
        entries = [f"{name}: {_shown(entry)}" for name, entry in list(value.items())[:_MOST]]
        return "{" + ", ".join(entries) + (", ..." if len(value) > _MOST else "") + "}"
    if isinstance(value, tuple | list):
        return ", ".join(_shown(entry) for entry in value[:_MOST]) + (", ..." if len(value) > _MOST else "")
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
