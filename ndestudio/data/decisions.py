"""What the program took a file for, as decisions that a person can see and change, and questions that it leaves to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.decoding import converted
from ndestudio.errors import DataError

Topic: TypeAlias = Literal[
    "table", "header", "format", "time", "unit", "trajectory", "shape", "missing", "role", "path", "dose", "rows"
]
"""What a decision is about."""

TOPICS: Mapping[Topic, str] = {
    "time": "Time",
    "shape": "Shape",
    "trajectory": "Trajectories",
    "missing": "Missing",
    "role": "Role",
    "path": "Inputs",
    "dose": "Doses",
    "rows": "Rows",
    "unit": "Unit",
    "table": "Table",
    "header": "Header",
    "format": "Format",
}
"""What the topics are called, in the order in which they are told."""


@dataclass(frozen=True)
class Choice:
    """One answer.

    Parameters
    ----------
    label
        What a button or a list says, e.g. `day first (31.12.2020)`.
    changes
        Field of ``DataConfig`` -> value that takes this answer. The value of a mapping field holds only the entries to add.
    """

    label: str
    changes: Mapping[str, Any]

    def __post_init__(self) -> None:
        # lists, as files have them, become the tuples that the settings are
        object.__setattr__(self, "changes", {name: _frozen(value) for name, value in self.changes.items()})


@dataclass(frozen=True)
class Decision:
    """One thing that a file leaves open.

    Parameters
    ----------
    sentence
        What was taken, from which evidence; of a question, what was seen.
    column
        Label of the column that it is about, None for the whole table.
    choices
        The answers that make sense, the chosen one among them.
    chosen
        Place of the answer that was taken, None where the evidence decides for none: a question.
    certain
        False if the answer was guessed with little evidence.
    """

    topic: Topic
    sentence: str
    column: str | None = None
    choices: tuple[Choice, ...] = ()
    chosen: int | None = 0
    certain: bool = True

    @property
    def open(self) -> bool:
        """Whether the person must answer before the file is loaded."""
        return self.chosen is None


def question(decision: Decision, path: str | None = None, row: int | None = None) -> DataError:
    """An open decision as an error that names the settings that answer it."""
    answers = "; ".join(f"{choice.label}: {setting(choice)}" for choice in decision.choices)
    sentence = f"{decision.sentence}; say which ({answers})" if answers else decision.sentence
    return DataError(sentence, path=path, row=row, column=decision.column, decision=decision)


def setting(choice: Choice) -> str:
    """The settings of an answer as they stand in a spec."""
    return ", ".join(f"`{name} = {_toml(value)}`" for name, value in choice.changes.items())


def answered(config: DataConfig, changes: Mapping[str, Any]) -> DataConfig:
    """Settings with an answer taken.

    Parameters
    ----------
    changes
        As in ``Choice``: entries of mapping fields are added, other fields replaced. A column that is given a role in
        it loses the one it had in the settings.

    Raises
    ------
    DataError
        There is no such setting, or it takes no such value.
    """
    plain = msgspec.to_builtins(config)
    for name, value in changes.items():
        merged = isinstance(value, Mapping) and isinstance(plain.get(name), dict)
        plain[name] = {**plain[name], **value} if merged else value
    named = {column for name in _ROLES if name in changes for column in _names(changes[name])}
    for name in _ROLES:
        if name in changes or not plain.get(name):
            continue
        left = tuple(column for column in _names(plain[name]) if column not in named)
        if left != _names(plain[name]):
            default = () if isinstance(getattr(DataConfig(), name), tuple) else None
            plain[name] = default if not left else plain[name] if isinstance(plain[name], str) else left
    try:
        return converted(plain, DataConfig)
    except msgspec.ValidationError as error:
        raise DataError(f"these are no settings of data ({error}); see the table `data` of a spec") from None


_ROLES = ("time", "trajectory", "states", "inputs", "covariates", "ignore", "observable", "value")
"""Fields of ``DataConfig`` in which a column is named for one use."""


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else ((value,) if value else ()) if isinstance(value, str) else tuple(value)


def open_decisions(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    return tuple(decision for decision in decisions if decision.open)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    return {name: _frozen(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return str(value)
