"""Names of files and text on one line."""

from __future__ import annotations

import hashlib


def plain(text: str) -> str:
    """`text` on one line without control characters: safe in a comment of any language, and in XML."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())


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
