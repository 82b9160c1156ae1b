"""Exceptions of NDE Studio.

Every text says what was seen, where, and what to do about it; the window and the command line show it unchanged.
A computation that does not converge is a result (see ``Outcome`` in ``ndestudio.fitting``), not an exception.
"""

from __future__ import annotations

from typing import Any


class NdeStudioError(Exception):
    """Base of every error a user can cause; ``str(error)`` is a sentence fit to be shown.

    Pickling keeps sentence, place and notes, however the constructor of the class puts them together.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[NdeStudioError], args: tuple[Any, ...], state: dict[str, Any]) -> NdeStudioError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class DataError(NdeStudioError):
    """A data file, or the roles given to its columns, cannot be used.

    Parameters
    ----------
    sentence
        What was seen and what to do, without the place.
    path
        File in which it was seen.
    row
        1-based line in the file (the header counts), where there is one.
    column
        Label of the column as in the file.
    remedy
        A step that a program can offer: `("missing", cell)` takes such cells as not measured, `("count", "")` counts
        the rows instead of reading a time.
    decision
        The ``ndestudio.data.decisions.Decision`` that is open, where the file leaves one to the person.
    """

    def __init__(
        self,
        sentence: str,
        *,
        path: str | None = None,
        row: int | None = None,
        column: str | None = None,
        remedy: tuple[str, str] = ("", ""),
        decision: object | None = None,
    ) -> None:
        self.sentence = sentence
        self.path = path
        self.row = row
        self.column = column
        self.remedy = remedy
        self.decision = decision
        place = [
            part
            for part in (path, f"row {row}" if row is not None else None, f"column `{column}`" if column else None)
            if part
        ]
        super().__init__(f"{', '.join(place)}: {sentence}" if place else sentence)


class EquationError(NdeStudioError):
    """Equation text that cannot be understood.

    Parameters
    ----------
    sentence
        What was seen and what to write instead.
    line
        1-based line of the equation text.
    column
        1-based column at which the offending part starts.
    length
        Number of characters of the offending part (at least 1), for underlining.
    kind
        What a program can do something about: `"undeclared"` (a function that is neither known nor declared),
        `"silent"` (a measured column without an equation) or `"given"` (an equation for a measured input); `name` is that
        function or column.
    """

    def __init__(
        self, sentence: str, *, line: int = 1, column: int = 1, length: int = 1, kind: str = "", name: str = ""
    ) -> None:
        self.sentence = sentence
        self.line = line
        self.column = column
        self.length = length
        self.kind = kind
        self.name = name
        super().__init__(f"line {line}, column {column}: {sentence}")


class SettingError(NdeStudioError, ValueError):
    """A setting of a computation names something that does not exist (an operator, an engine, a term, an option)."""


class SpecError(NdeStudioError):
    """A spec file (TOML) or a setting in it is not valid."""


class ProjectError(NdeStudioError):
    """A project file cannot be read or written."""


class ExportError(NdeStudioError):
    """A model cannot be written in the asked form."""


class EngineUnavailable(NdeStudioError):
    """A symbolic-regression engine, or what it needs, is not installed."""


class DeviceError(NdeStudioError):
    """The asked compute device cannot be used."""


class BlackBoxError(NdeStudioError):
    """A simulator that equations name cannot be used: it is unknown, not allowed, or it failed."""
