"""Names of files, text on one line, short numbers."""

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


def short_number(value: float) -> str:
    """A number at an axis: plain where that is short, else with superscripts."""
    if 1e-3 <= value < 1e4:
        return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    power = f"10{raised(int(exponent))}"
    return power if mantissa == "1.0" else f"{mantissa}·{power}"


def raised(exponent: int) -> str:
    """A whole number in superscripts."""
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
