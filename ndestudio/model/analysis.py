"""What an editor needs to know of a model that is being written: the system or all its errors, roles, colours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ndestudio.blackbox.label import WORD
from ndestudio.errors import EquationError
from ndestudio.expression.functions import RESERVED, find
from ndestudio.expression.tokens import Token, scan
from ndestudio.expression.tree import CONSTANTS, Expr
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import is_noise
from ndestudio.model.parse import read_system
from ndestudio.model.several import HIDDEN, UP_TO
from ndestudio.model.statements import Statement, velocity
from ndestudio.model.system import System

SpanKind = Literal[
    "state",
    "quantity",
    "input",
    "parameter",
    "neural_term",
    "unknown",
    "function",
    "constant",
    "time",
    "derivative",
    "number",
    "operator",
    "comment",
]


@dataclass(frozen=True, slots=True)
class Span:
    """A coloured piece of the equation text; `line` and `column` are 1-based."""

    kind: SpanKind
    text: str
    line: int
    column: int

    @property
    def length(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class Analysis:
    """What is understood of a model, for an editor.

    Parameters
    ----------
    system
        None while there are errors.
    errors
        All of them, in the order of their places.
    undeclared
        Functions that are called but neither known nor declared; they could be declared as networks.
    states, hidden
        States by their equations; those without a measured column or an output of their name.
    quantities
        Names with an equation of their own (`name = ...`).
    parameters
        Free names in order of appearance, also while there are errors elsewhere.
    unused
        Settings of parameters and networks that the equations do not mention.
    spans
        For highlighting.
    equations
        The right-hand sides as written (auxiliaries not substituted), of what could be read.
    """

    system: System | None
    errors: tuple[EquationError, ...]
    undeclared: tuple[str, ...]
    states: tuple[str, ...]
    hidden: tuple[str, ...]
    quantities: tuple[str, ...]
    parameters: tuple[str, ...]
    unused: tuple[str, ...]
    spans: tuple[Span, ...]
    equations: Mapping[str, Expr]


def analyse(config: ModelConfig, measured: Sequence[str], inputs: Sequence[str]) -> Analysis:
    """Everything an editor shows about ``config``; it never raises for what a person has written."""
    reading = read_system(config, measured, inputs)
    states = _distinct(statement.name for statement in reading.statements if statement.kind == "derivative")
    quantities = _distinct(statement.name for statement in reading.statements if statement.kind != "derivative")
    spans = tokenise(config.equations, inputs=inputs, networks=config.networks)
    parameters = reading.system.parameters if reading.system is not None else _parameters(spans, measured)
    called = {span.text for span in spans if span.kind == "neural_term"}
    unused = [name for name in config.parameters if name not in parameters]
    unused += [name for name in config.networks if name not in called]
    return Analysis(
        system=reading.system,
        errors=reading.errors,
        undeclared=reading.undeclared,
        states=states,
        hidden=tuple(state for state in states if state not in measured),
        quantities=quantities,
        parameters=parameters,
        unused=tuple(unused),
        spans=spans,
        equations=_equations(reading.statements),
    )


def tokenise(text: str, *, inputs: Collection[str] = (), networks: Collection[str] = ()) -> tuple[Span, ...]:
    """Pieces of equation text with what they are; unfinished text is coloured as far as it is understood.

    Parameters
    ----------
    inputs
        Measured forcings.
    networks
        Declared neural terms; other called names are `"unknown"`.
    """
    tokens, _ = scan(text, comments=True)
    derivatives = _derivative_tokens(tokens)
    left = _left_names(tokens, derivatives)
    spans = []
    for k, token in enumerate(tokens[:-1]):
        called = tokens[k + 1].text == "("
        if k in derivatives and derivatives[k] > 0:
            # in `dx/dt` one token holds both the sign of the derivative and the state
            spans.append(Span("derivative", token.text[:1], token.line, token.column))
            spans.append(Span("state", token.text[1:], token.line, token.column + 1))
            continue
        connects = _connects(tokens, k)
        kind: SpanKind = (
            "derivative"
            if k in derivatives
            else "operator"
            if connects
            else _kind(token, called, left, inputs, networks)
        )
        spans.append(Span(kind, token.text, token.line, token.column))
    return tuple(spans)


def _connects(tokens: Sequence[Token], k: int) -> bool:
    """Whether a name is one of the words between conditions: two names never follow each other otherwise."""
    before, after = tokens[k - 1] if k else None, tokens[k + 1]
    begins = after.kind in ("name", "number") or after.text in ("(", "-", "+")
    if tokens[k].text == "not":
        return begins and after.text not in ("-", "+") and (after.text != "(" or _within_choice(tokens, k))
    ended = before is not None and (before.kind in ("name", "number") or before.text == ")")
    if tokens[k].text in ("for", "from") and ended and begins:
        line = [token.text for token in tokens if token.line == tokens[k].line]
        return line[:2] == ["0", "="]
    if tokens[k].text == HIDDEN:
        return after.kind == "name" and (before is None or before.line < tokens[k].line)
    if tokens[k].text == UP_TO and before is not None and before.kind == after.kind == "name":
        return True
    return tokens[k].text in ("and", "or") and begins and ended


def _within_choice(tokens: Sequence[Token], k: int) -> bool:
    return any(token.text in ("if", "piecewise", "and", "or") and token.line == tokens[k].line for token in tokens[:k])


def _kind(
    token: Token, called: bool, left: Mapping[str, SpanKind], inputs: Collection[str], networks: Collection[str]
) -> SpanKind:
    text = token.text
    if token.kind == "comment":
        return "comment"
    if token.kind in ("number", "operator"):
        return token.kind
    if token.kind == "string" or (called and text == WORD):
        return "function"
    if text in networks:
        return "neural_term"
    if text in RESERVED:
        return "function"
    if text in left:
        return left[text]
    if text in inputs:
        return "input"
    if called:
        return "unknown" if find(text) is None else "function"
    if text == "t":
        return "time"
    return "constant" if text in CONSTANTS or is_noise(text) else "parameter"


def _lines(tokens: list[Token]) -> list[list[int]]:
    """Indices of the tokens of each line, comments left out."""
    lines: dict[int, list[int]] = {}
    for k, token in enumerate(tokens[:-1]):
        if token.kind != "comment":
            lines.setdefault(token.line, []).append(k)
    return list(lines.values())


def _derivative_tokens(tokens: list[Token]) -> dict[int, int]:
    """Index of each token that only says "derivative" -> 1 if it holds the name of the state as well."""
    found: dict[int, int] = {}
    for line in _lines(tokens):
        texts = [tokens[k].text for k in line]
        match texts:
            case ["d", "(", _, ")", "/", "dt", *_]:
                found |= {line[k]: 0 for k in (0, 1, 3, 4, 5)}
            case ["d2", "(", _, ")", "/", "dt2", *_]:
                found |= {line[k]: 0 for k in (0, 1, 3, 4, 5)}
            case ["d", "^" | "**", "2", "(", _, ")", "/", "dt", "^" | "**", "2", *_]:
                found |= {line[k]: 0 for k in (0, 1, 2, 3, 5, 6, 7, 8, 9)}
            case [_, "'", "'", *_]:
                found |= {line[1]: 0, line[2]: 0}
            case [_, "'", *_]:
                found[line[1]] = 0
            case [head, "/", "dt", *_] if head.startswith("d") and len(head) > 1:
                found |= {line[0]: 1, line[1]: 0, line[2]: 0}
        for k in range(1, len(line) - 5):
            if [*texts[k : k + 2], *texts[k + 3 : k + 6]] == ["d", "(", ")", "/", "dt"]:
                found |= {line[k + j]: 0 for j in (0, 1, 3, 4, 5)}  # a rate on the right
    return found


def _left_names(tokens: list[Token], derivatives: Mapping[int, int]) -> dict[str, SpanKind]:
    names: dict[str, SpanKind] = {}
    for line in _lines(tokens):
        texts = [tokens[k].text for k in line]
        if line[0] in derivatives:
            place = 4 if texts[1] in ("^", "**") else 2
            name = texts[0][1:] if derivatives[line[0]] else texts[place] if len(texts) > place else ""
            names[name] = "state"
            if place == 4 or texts[0] == "d2":
                names[velocity(name)] = "state"
        elif len(line) > 1 and line[1] in derivatives:
            names[texts[0]] = "state"
            if len(line) > 2 and line[2] in derivatives:
                names[velocity(texts[0])] = "state"
        elif len(line) > 6 and texts[1:4] == ["(", "t", "+"] and texts[5:7] == [")", "="]:
            names[texts[0]] = "state"
        elif len(line) > 1 and texts[1] == "=" and tokens[line[0]].kind == "name":
            names.setdefault(texts[0], "quantity")
        elif texts[0] == HIDDEN and len(line) > 1 and tokens[line[1]].kind == "name":
            left = line[1 : texts.index("=")] if "=" in texts else line[1:]
            names |= {tokens[k].text: "state" for k in left if tokens[k].kind == "name" and tokens[k].text != UP_TO}
        elif "=" in texts and len(line) > 1 and texts[1] in (",", UP_TO):
            left = line[: texts.index("=")]
            for k in left:
                if tokens[k].kind == "name" and tokens[k].text != UP_TO:
                    names.setdefault(tokens[k].text, "quantity")
        elif texts[:2] == ["0", "="] and "for" in texts[:-1]:
            names.setdefault(texts[texts.index("for") + 1], "quantity")
    return names


def _parameters(spans: Sequence[Span], measured: Sequence[str]) -> tuple[str, ...]:
    return _distinct(span.text for span in spans if span.kind == "parameter" and span.text not in measured)


def _equations(statements: Sequence[Statement]) -> dict[str, Expr]:
    return {statement.name: statement.expr for statement in statements if statement.expr is not None}


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
