"""Cells that say that a value lies beyond what could be measured: `<0.5`, `n.d.`, `> 1000`."""

from __future__ import annotations

import re
from typing import Literal

from ndestudio.data.cells import number
from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.errors import DataError

Answer = Literal["censored", "missing", "limit"]

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


_ABOVE = re.compile(r"\s*(?:[>≥=]|above|over|more|über|greater|größer|ovr)", re.IGNORECASE)


def side(cell: str) -> int:
    """-1 where such a cell says that the value lies below a limit, 1 where above one, 0 where it does not say."""
    if "out of range" in cell.lower() or not is_beyond(cell):
        return 0
    return 1 if _ABOVE.match(cell) and not cell.strip().startswith("=<") else -1


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
    return float("nan") if answer == "missing" else limit(cell, decimal)


def ask(cell: str, decimal: str, *, path: str, row: int, column: str | None) -> DataError:
    """The question what such cells are."""
    return question(decision(cell, decimal, column, None), path, row)


def decision(cell: str, decimal: str, column: str | None, answer: Answer | None) -> Decision:
    """What cells such as this one are taken for."""
    value = limit(cell, decimal)
    number_ = "where a number is written, else missing" if value != value else f"here {value:g}"
    choices = (
        Choice(f"known to lie beyond the limit, {number_}, and no more", {"below": "censored"}),
        Choice("not measured", {"below": "missing"}),
        Choice(f"the limit itself, {number_}, as if it were measured", {"below": "limit"}),
    )
    if answer is None:
        return Decision(
            "missing", f"`{cell.strip()}` says that the value lies beyond a limit", column, choices, chosen=None
        )
    said = {
        "censored": "values that are known to lie beyond the limit and no more"
        if value == value
        else "missing, since they name no limit (write the limit, as `<0.5`, or a column `LLOQ` beside flags `BLQ`)",
        "missing": "missing",
        "limit": "the limit itself, as if it were measured unless the noise of the column names the limit",
    }
    sentence = f"Cells such as `{cell.strip()}` in `{column}` are taken as {said[answer]}."
    return Decision("missing", sentence, column, choices, chosen=list(said).index(answer))
