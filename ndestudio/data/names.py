"""Headers of a table: label, unit, and the identifier that stands for the column in equations."""

from __future__ import annotations

import keyword
import re
import unicodedata

from ndestudio.expression.functions import RESERVED as RESERVED_FUNCTIONS
from ndestudio.expression.tree import CONSTANTS

TIME_NAME = "t"
"""What the time column is called in equations, whatever its label."""

RESERVED: frozenset[str] = frozenset({*RESERVED_FUNCTIONS, *CONSTANTS, TIME_NAME})
"""Identifiers that mean something in equations and cannot name a column."""

_LETTERS = "αβγδεζηθικλμνξοπρςστυφχψωµ"
_SPELLED = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi "
    "chi psi omega mu"
)
_GREEK = dict(zip(_LETTERS, _SPELLED.split(), strict=True))
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BRACKETS = re.compile(r"(?P<label>.*?\S)\s*\[(?P<unit>[^\[\]]*)\]\s*\Z", re.DOTALL)
_PARENTHESES = re.compile(r"(?P<label>.*?\S)(?P<gap>\s*)\((?P<unit>[^()]*(?:\([^()]*\)[^()]*)*)\)\s*\Z", re.DOTALL)
_SLASH = re.compile(r"(?P<label>[^/]*[^/\s])\s*/\s*(?P<unit>(?:1/|[A-Za-zµμΩ°%])[\w^·*/\-.°µμΩ%() ]{0,19})\Z")
_NO_UNITS = frozenset(
    [
        "time",
        "date",
        "datetime",
        "clock",
        "uhrzeit",
        "zeit",
        "heure",
        "hora",
        "state",
        "region",
        "province",
        "county",
        "country",
        "city",
        "site",
        "species",
        "type",
        "name",
    ]
)
"""What stands behind the slash of `Date/Time` and `Province/State`."""
_NODE = re.compile(
    r"(?:[VI]|I[a-z])\((?!(?:d|c|m)?m[23]\)|volts?\)|amps?\)|ampere\))(?:in|[a-z]{3,}\w*|[A-Za-z]{1,3}\d+|\d+)\)\Z"
)
"""A voltage or a current of a circuit simulator: `V(out)`, `I(R1)`, `Id(M1)`."""
_WORDS = re.compile(r"\s[A-Za-z]{5,}")
"""A word behind a slash makes a name of it: `m³/m³ Water Content`."""
_DERIVATIVE = re.compile(r"d\w*\s*/\s*dt\d?\Z")


def is_identifier(name: str) -> bool:
    """Whether ``name`` can stand in an equation for a column."""
    return bool(_IDENTIFIER.match(name)) and not keyword.iskeyword(name) and name not in RESERVED


def split_header(header: str) -> tuple[str, str]:
    """Take a header apart.

    Parameters
    ----------
    header
        As in the file, such as `theta [rad]`, `mass (kg)` or `day/d`.

    Returns
    -------
    tuple[str, str]
        Label and unit; the unit is "" where there is none.
    """
    text = " ".join(header.split())
    if _NODE.match(text):
        return text, ""
    if match := _BRACKETS.match(text):
        return match["label"], match["unit"].strip()
    if match := _PARENTHESES.match(text):
        unit = match["unit"].strip()
        function_of_time = not match["gap"] and unit in {"t", "time", "x"}
        return match["label"], "" if function_of_time else unit
    match = _SLASH.match(text)
    if (
        match
        and not _DERIVATIVE.match(text)
        and not _WORDS.search(match["unit"])
        and not match["label"].strip().isdigit()
        and match["unit"].lower() not in _NO_UNITS
    ):
        return match["label"], match["unit"].strip()
    return text, ""


def identifier(label: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """An identifier for a label, different from all that are ``taken``.

    Greek letters are spelled out, accents dropped, other characters become `_`. A name that means something else in
    equations (`exp`, `pi`, `t`) gets `_value` behind it; a second use of a name gets a number.
    """
    text = "".join(_greek(letter) for letter in label)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") if not _IDENTIFIER.match(text) else text
    if not text:
        text = "column"
    if text[0].isdigit():
        text = f"x_{text}"
    if text in RESERVED or keyword.iskeyword(text):
        text = f"{text}_value"
    name, number = text, 2
    while name in taken:
        name, number = f"{text}_{number}", number + 1
    return name


def unique_labels(labels: list[str]) -> list[str]:
    """The labels, empty ones called `column_N` and repeated ones numbered, so that each names one column."""
    seen: set[str] = set()
    result: list[str] = []
    for index, label in enumerate(labels):
        first = label or f"column_{index + 1}"
        unique, number = first, 2
        while unique in seen or (number > 2 and unique in labels):
            unique, number = f"{first}_{number}", number + 1
        seen.add(unique)
        result.append(unique)
    return result


def suggestion(name: str, known: list[str] | tuple[str, ...]) -> str:
    """`; did you mean ...?` or the list of what there is, to end a sentence about an unknown name."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    shown = ", ".join(f"`{one}`" for one in known[:12]) + (", ..." if len(known) > 12 else "")
    return f"; there are {shown}" if known else ""


def _greek(letter: str) -> str:
    if letter in _GREEK:
        return _GREEK[letter]
    if letter.lower() in _GREEK:
        return _GREEK[letter.lower()].capitalize()
    return letter


def rate_name(name: str) -> str:
    """What the rate of change `d(u)/dt` of an input is called as an input of its own."""
    return f"{name}_rate"
