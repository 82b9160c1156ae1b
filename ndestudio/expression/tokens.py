"""Cutting formula text into tokens that know where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ndestudio.errors import EquationError

TokenKind = Literal["number", "name", "operator", "string", "comment", "end"]

LENGTH_LIMIT = 20_000
"""Characters of a text; nobody writes more by hand, and hostile text must not cost minutes."""

_PATTERN = re.compile(
    r"""(?P<space>[ \t\r\f\v\u00a0]+)
      | (?P<newline>\n)
      | (?P<comment>\#[^\n]*)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<string>"[^"\n]*")
      | (?P<operator>\*\*|<=|>=|==|[-+*/^(),='<>:])
    """,
    re.VERBOSE,
)

_HINTS: dict[str, str] = {
    "×": "`*`",
    "·": "`*`",
    "⋅": "`*`",
    "∗": "`*`",
    "÷": "`/`",
    "∕": "`/`",
    "−": "`-`",
    "–": "`-`",
    "—": "`-`",
    "²": "`^2`",
    "³": "`^3`",
    "[": "`(`",
    "]": "`)`",
    "{": "`(`",
    "}": "`)`",
    "√": "`sqrt(...)`",
    "’": "`'`",
    "′": "`'`",
    "≤": "`<=`",
    "≥": "`>=`",
}
_LOGIC: dict[str, str] = {"!": "`not (a == b)`", "&": "`and`", "|": "`or`", "≠": "`not (a == b)`"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text. `line` and `column` are 1-based; an `"end"` token has no text and stands after the last one."""

    kind: TokenKind
    text: str
    line: int
    column: int

    @property
    def length(self) -> int:
        return max(1, len(self.text))


def error_at(token: Token, sentence: str, *, kind: str = "", name: str = "") -> EquationError:
    return EquationError(sentence, line=token.line, column=token.column, length=token.length, kind=kind, name=name)


def scan(
    text: str, *, line: int = 1, column: int = 1, comments: bool = False
) -> tuple[list[Token], list[EquationError]]:
    """Tokens of ``text`` and an error for each character that belongs to none.

    Parameters
    ----------
    line, column
        Position of the first character.
    comments
        Keep comment tokens; they are dropped otherwise.

    Returns
    -------
    tuple[list[Token], list[EquationError]]
        The tokens, ended by an `"end"` token, and the errors. Nothing is raised, so that an editor can colour
        unfinished text.
    """
    tokens: list[Token] = []
    errors: list[EquationError] = []
    if len(text) > LENGTH_LIMIT:
        sentence = f"the text has {len(text)} characters; at most {LENGTH_LIMIT} are read. Split it into auxiliaries"
        return [Token("end", "", line, column)], [EquationError(sentence, line=line, column=column)]
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            errors.append(_stray(text[position], line, column))
            position += 1
            column += 1
            continue
        kind, piece = match.lastgroup, match.group()
        position = match.end()
        if kind == "newline":
            line, column = line + 1, 1
            continue
        if kind in ("number", "name", "operator", "string") or (kind == "comment" and comments):
            tokens.append(Token(kind, piece, line, column))  # pyright: ignore[reportArgumentType]
        column += len(piece)
    tokens.append(Token("end", "", line, column))
    return tokens, errors


def _stray(character: str, line: int, column: int) -> EquationError:
    if character in _LOGIC:
        sentence = f"`{character}` is not known here; in a condition write {_LOGIC[character]}"
    elif character in _HINTS:
        sentence = f"`{character}` is not known here; write {_HINTS[character]}"
    else:
        shown = character if character.isprintable() else f"U+{ord(character):04X}"
        sentence = f"`{shown}` has no meaning here; remove it"
    return EquationError(sentence, line=line, column=column)
