"""Settings of single steps of a history, changed before the steps are done again."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ndestudio.errors import SpecError
from ndestudio.project.project import Project, Run, Spec
from ndestudio.project.replay.again import Change
from ndestudio.project.replay.history import Kind, Step, history
from ndestudio.project.spec import dump_spec, with_files
from ndestudio.project.sweep.vary import Variation, setting_of, variants
from ndestudio.project.toml_text import dump_value

SECTIONS: Mapping[Kind, str] = {"data": "data", "model": "model", "fit": "train", "search": "distil"}
"""The section of the spec that a step's settings are in."""

_ALWAYS: Mapping[Kind, tuple[str, ...]] = {
    "fit": ("train.preset", "train.seed", "train.time_limit"),
    "search": ("distil.seed", "distil.max_size", "distil.seconds"),
}


@dataclass(frozen=True)
class Edit:
    """A setting of one step, changed.

    Parameters
    ----------
    step
        Its place in ``history``.
    setting
        `train.seed`.
    value
        As TOML writes it: `7`, `"quick"`, `[1, 2]`; a bare word is a text.
    """

    step: int
    setting: str
    value: str


def settings_of(step: Step) -> dict[str, str]:
    """What was set for a step, and a few settings that are often changed: name -> value as TOML writes it."""
    section = SECTIONS.get(step.kind)
    if section is None or step.spec is None:
        return {}
    table = tomllib.loads(dump_spec(step.spec)).get(section, {})
    found = dict(_flat(table, (section,)))
    usual = {name: _now(step.spec, name) for name in _ALWAYS.get(step.kind, ())}
    return {name: text for name, text in {**usual, **found}.items() if text is not None and name != "data.files"}


def _now(spec: Spec, name: str) -> str | None:
    section, key = name.split(".")
    value = getattr(getattr(spec, section), key, None)
    return None if value is None else dump_value(value)


def _flat(table: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = (*path, key if key.isidentifier() else dump_value(key))
        if isinstance(value, dict):
            found += _flat(value, name)
        else:
            found.append((".".join(name), dump_value(value)))
    return found


def checked(project: Project, edit: Edit) -> None:
    """
    Raises
    ------
    SpecError
        The step has no such setting, or the setting cannot take the value.
    """
    step = _step(history(project), edit)
    assert step.spec is not None
    _changed(step.spec, [edit])


def edited(project: Project, edits: Sequence[Edit]) -> Change:
    """The edits as a change of specs, for ``replay``: each reaches the runs that its step belongs to, and what was made
    of them follows.

    Raises
    ------
    SpecError
        As ``checked``.
    """
    steps = history(project)
    for edit in edits:
        checked(project, edit)

    def change(spec: Spec, run: Run | None) -> Spec:
        own = [edit for edit in edits if _reaches(project, steps[edit.step], spec, run)]
        return _changed(spec, own) if own else spec

    return change


def _reaches(project: Project, step: Step, spec: Spec, run: Run | None) -> bool:
    if step.run is not None:
        return project.runs[step.run] is run
    assert step.spec is not None
    return bool(getattr(step.spec, step.kind) == getattr(spec, step.kind))


def _step(steps: Sequence[Step], edit: Edit) -> Step:
    step = steps[edit.step]
    section = SECTIONS.get(step.kind)
    if section is None:
        raise SpecError(f"`{step.title}` has no settings; change those of the step before")
    keys = setting_of(edit.setting)
    if keys[0] != section or len(keys) < 2:
        raise SpecError(f"`{edit.setting}` is no setting of this step; its settings begin with `{section}.`")
    return step


def _changed(spec: Spec, edits: Sequence[Edit]) -> Spec:
    variations = [Variation(setting_of(edit.setting), (_parsed(edit.value),)) for edit in edits]
    (only, *_) = variants(spec, variations)
    return msgspec.structs.replace(only.spec, data=with_files(only.spec, spec.data.files).data)


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text.strip()}")["v"]
    except tomllib.TOMLDecodeError:
        return text.strip()
