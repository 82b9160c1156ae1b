"""Cells that say that a value lies beyond what could be measured: `<0.5`, `n.d.`, `> 1000`."""

from __future__ import annotations

import re
from typing import Literal

from ndestudio.data.cells import number
from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.errors import DataError

Answer = Literal["missing", "limit"]

_LIMIT = re.compile(
    r"(?:<=?|≤|=<|below|under|less than|unter|kleiner(?: als)?|inf[ée]rieur [àa]|menor que|>=?|≥|=>|above|over|more than|über|"
    r"greater than|größer(?: als)?)\s*(?P<limit>[+-]?[\d.,]+(?:[eE][+-]?\d+)?)",
    re.IGNORECASE,
)
_WORDS = frozenset(
    [
        "nd",
        "n.d.",
        "n.d",
        "n. d.",
        "nq",
        "n.q.",
        "nn",
        "n.n.",
        "not detected",
        "nondetect",
        "non-detect",
        "non detect",
        "bdl",
        "b.d.l.",
        "udl",
        "bld",
        "blq",
        "bql",
        "bloq",
        "<dl",
        "<lod",
        "<loq",
        "<lloq",
        "<mdl",
        "<bdl",
        "<ld",
        "<lq",
        ">uloq",
        ">max",
        "below detection",
        "below detection limit",
        "below limit",
        "below lod",
        "below loq",
        "below lloq",
        "below range",
        "under range",
        "underrange",
        "ovrflw",
        "overflow",
        "over range",
        "overrange",
        "out of range",
    ]
)


def is_beyond(cell: str) -> bool:
    """Whether a cell says that its value lies beyond a limit of what could be measured."""
    text = cell.strip()
    return text.lower() in _WORDS or bool(_LIMIT.fullmatch(text))


def limit(cell: str, decimal: str = ".") -> float:
    """The limit in such a cell, NaN where it names none."""
    match = _LIMIT.fullmatch(cell.strip())
    value = number(match["limit"], decimal) if match else None
    return float("nan") if value is None else value


def beyond(cell: str, decimal: str, answer: Answer | None, *, path: str, row: int, column: str) -> float | None:
    """What such a cell counts as; None for any other cell.

    Raises
    ------
    DataError
        A question, where the person has not said.
    """
    if not is_beyond(cell):
        return None
    if answer is None:
        raise ask(cell, decimal, path=path, row=row, column=column)
    return limit(cell, decimal) if answer == "limit" else float("nan")


def ask(cell: str, decimal: str, *, path: str, row: int, column: str | None) -> DataError:
    """The question what such cells are."""
    return question(decision(cell, decimal, column, None), path, row)


def decision(cell: str, decimal: str, column: str | None, answer: Answer | None) -> Decision:
    """What cells such as this one are taken for."""
    value = limit(cell, decimal)
    number_ = "where a number is written, else missing" if value != value else f"here {value:g}"
    choices = (
        Choice("not measured", {"below": "missing"}),
        Choice(f"the limit itself, {number_}, as if it were measured", {"below": "limit"}),
    )
    if answer is None:
        return Decision(
            "missing", f"`{cell.strip()}` says that the value lies beyond a limit", column, choices, chosen=None
        )
    said = (
        "missing"
        if answer == "missing"
        else "the limit itself, as if it were measured unless the noise of the column names the limit"
    )
    sentence = f"Cells such as `{cell.strip()}` in `{column}` are taken as {said}."
    return Decision("missing", sentence, column, choices, chosen=0 if answer == "missing" else 1)
