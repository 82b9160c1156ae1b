"""A finished figure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A finished figure.

    Arguments:
        name: file name without ending. caption: a sentence that says what is shown.
    """

    name: str
    caption: str
    svg: str


def slug(name: str) -> str:
    """A file name that every system takes; names that differ get ones that differ."""
    kept = (
        character if character.isascii() and (character.isalnum() or character in "-_") else "-" for character in name
    )
    short = "".join(kept).strip("-")[:60]
    if short and short == name:
        return short
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=3).hexdigest()
    return f"{short}-{digest}" if short else digest
