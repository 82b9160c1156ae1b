"""A finished figure."""

from __future__ import annotations

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
    """A file name that every system takes."""
    kept = (
        character if character.isascii() and (character.isalnum() or character in "-_") else "-" for character in name
    )
    return "".join(kept).strip("-")[:60] or "unnamed"
