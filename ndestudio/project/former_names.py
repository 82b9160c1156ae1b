"""Names of settings and of stored fields before they got those of the field, and how files that have them are read.

Nothing else in the program knows the former names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SPEC_KEYS: Mapping[tuple[str, str], str] = {("distil", "holes"): "neural_terms"}
"""(table, former key) -> key."""

STAGES: Mapping[str, str] = {"polish": "final_refinement"}
"""Former word for a stage of training -> word."""

# the fields by which a stored value is known, and its fields that have another name now
_FIELDS: tuple[tuple[frozenset[str], Mapping[str, str]], ...] = (
    (frozenset(("states", "rhs", "holes")), {"holes": "neural_terms"}),
    (frozenset(("holes", "engine", "outcome")), {"holes": "neural_terms"}),
    (frozenset(("hole", "arguments", "X", "y")), {"hole": "neural_term"}),
    (frozenset(("holes", "floor", "outcome")), {"holes": "neural_terms"}),
    (frozenset(("hole", "truth", "found")), {"hole": "neural_term"}),
)


def modern_spec(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content of a spec file in the present words.

    Parameters
    ----------
    table
        Content of the TOML text.

    Returns
    -------
    tuple
        The same with each former key and word replaced, and a sentence for each that was. A key beside its former
        spelling wins; the former one then stays, and is told as unknown.
    """
    made, notes = dict(table), []
    for (part, former), key in SPEC_KEYS.items():
        settings = made.get(part)
        if isinstance(settings, dict) and former in settings and key not in settings:
            made[part] = {(key if name == former else name): value for name, value in settings.items()}
            notes.append(f"[{part}] `{former}` is now called `{key}`; it was read as such")
    train = made.get("train")
    if isinstance(train, dict):
        made["train"], told = _modern_train(train)
        notes += [
            f"[train] the stage `{former}` is now called `{STAGES[former]}`; it was read as such" for former in told
        ]
    return made, notes


def renamed(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a project file (``project.json``) with the present names of its fields and stages.

    Only values of the known kinds are touched: what a person called a state or a parameter stays.
    """
    objects, project = content.get("objects"), content.get("project")
    if not isinstance(objects, list) or not isinstance(project, dict):
        return content  # damaged: reading it says so
    objects, project = [_value(entry) for entry in objects], dict(project)
    if isinstance(project.get("spec"), dict):
        project["spec"] = _spec(project["spec"])
    if isinstance(project.get("runs"), list):
        project["runs"] = [_run(run) for run in project["runs"]]
    if isinstance(project.get("recovery"), dict):
        project["recovery"] = _recovery(project["recovery"])
    return {**content, "objects": objects, "project": project}


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    return modern_spec(spec)[0]


def _run(run: Any) -> Any:
    return {**run, "spec": _spec(run["spec"])} if isinstance(run, dict) and isinstance(run.get("spec"), dict) else run


def _recovery(recovery: dict[str, Any]) -> dict[str, Any]:
    made = _value(recovery)
    settings = modern_spec({part: made[part] for part in ("train", "distil") if part in made})[0]
    return {**made, **settings}


def _modern_train(train: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Settings of training in the present words for stages, and the former ones that were there."""
    made, told = dict(train), dict[str, None]()
    stages = made.get("stages")
    if isinstance(stages, str):
        stages = [stages]
    if isinstance(stages, list) and (found := [word for word in stages if isinstance(word, str) and word in STAGES]):
        made["stages"] = [STAGES.get(word, word) if isinstance(word, str) else word for word in stages]
        told |= dict.fromkeys(found)
    steps = made.get("iterations")
    if isinstance(steps, dict) and (found := [word for word in steps if word in STAGES and STAGES[word] not in steps]):
        made["iterations"] = {(STAGES[word] if word in found else word): steps[word] for word in steps}
        told |= dict.fromkeys(found)
    return made, list(told)


def _value(value: Any) -> Any:
    """A stored value with the present names; those inside it that are no references too."""
    if not isinstance(value, dict):
        return value
    for known, names in _FIELDS:
        if value.keys() >= known:
            value = {names.get(key, key): entry for key, entry in value.items()}
            break
    if isinstance(value.get("neural_terms"), list):
        value = {**value, "neural_terms": [_value(entry) for entry in value["neural_terms"]]}
    if isinstance(value.get("samples"), dict):
        value = {**value, "samples": _value(value["samples"])}
    return _stages(value)


def _stages(value: dict[str, Any]) -> dict[str, Any]:
    """A fit with the present words for its stages."""
    if not value.keys() >= {"history", "checkpoints", "seconds"}:
        return value
    made = dict(value)
    for key in ("history", "checkpoints"):
        if isinstance(value[key], list):
            made[key] = [_step(entry) for entry in value[key]]
    if isinstance(value["seconds"], dict):
        made["seconds"] = {STAGES.get(stage, stage): seconds for stage, seconds in value["seconds"].items()}
    return made


def _step(entry: Any) -> Any:
    stage = entry.get("stage") if isinstance(entry, dict) else None
    return {**entry, "stage": STAGES[stage]} if isinstance(stage, str) and stage in STAGES else entry
