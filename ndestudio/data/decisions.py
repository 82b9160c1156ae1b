"""What the program took a file for, as decisions that a person can see and change, and questions that it leaves to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ndestudio.errors import DataError

Topic: TypeAlias = Literal[
    "table", "header", "format", "time", "unit", "trajectory", "shape", "missing", "role", "dose"
]
"""What a decision is about."""


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


def open_decisions(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    return tuple(decision for decision in decisions if decision.open)


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
