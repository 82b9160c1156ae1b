"""Lines of events of a model text: `at t = 24: A += dose`; see ``events`` for what there is."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.expression.parse import parse_tokens
from ndestudio.expression.tokens import Token, error_at
from ndestudio.expression.tree import Binary, Expr, Name, Negate, Number, substitute
from ndestudio.model.events import GIVEN, OF_DATA, Event, Kind, given_name

_FORMS = "`at t = 24: A += 5`, `every 12 from 0 to 48: A += 5`, `when x > 5: mode = 2` or `at doses: A += amount`"
_WORDS = ("at", "every", "from", "when")


@dataclass(frozen=True)
class EventStatement:
    """A line of an event.

    Parameters
    ----------
    token
        Its first word.
    targets
        The tokens of the states it changes, in the order of ``event.changes``.
    end
        Its last token.
    """

    token: Token
    event: Event
    targets: tuple[Token, ...]
    end: Token


def is_event(group: list[Token]) -> bool:
    """Whether the tokens of a line are those of an event."""
    return len(group) > 1 and group[0].text in _WORDS and any(token.text == ":" for token in group)


def event_statement(group: list[Token]) -> EventStatement:
    """The event that a line says.

    Raises
    ------
    EquationError
        With its place.
    """
    colon = next(k for k, token in enumerate(group) if token.text == ":")
    head, body = group[:colon], group[colon + 1 :]
    kind, times, condition, compartment = _head(head, group[colon])
    if not body:
        raise error_at(group[colon], f"nothing happens in this event; write {_FORMS}")
    changes, targets = [], []
    for part in _parts(body):
        target, value = _change(part, kind)
        if target.text in [one.text for one in targets]:
            raise error_at(target, f"`{target.text}` is changed twice in one event; put both into one expression")
        targets.append(target)
        changes.append((target.text, value))
    return EventStatement(
        group[0], Event(kind, times, tuple(changes), condition, compartment), tuple(targets), group[-1]
    )


def _head(head: list[Token], colon: Token) -> tuple[Kind, tuple[Expr, ...], Expr | None, str]:
    first, rest = head[0], head[1:]
    if first.text == "when":
        return "when", (), _condition(rest, first, colon), ""
    if first.text == "from":
        until = next((k for k, token in enumerate(rest) if token.text == "to"), None)
        if until is None:
            raise error_at(first, "when it ends is missing; write `from 10 to 12: d(A)/dt += 5`")
        return "span", (_expr(rest[:until], colon), _expr(rest[until + 1 :], colon)), None, ""
    if first.text == "every":
        places = [k for k, token in enumerate(rest) if token.text in ("from", "to")]
        if [rest[k].text for k in places] != ["from", "to"]:
            raise error_at(first, "when it begins and ends is missing; write `every 12 from 0 to 48: A += 5`")
        start, end = places
        pieces = (rest[:start], rest[start + 1 : end], rest[end + 1 :])
        return "every", tuple(_expr(piece, colon) for piece in pieces), None, ""
    if rest and rest[0].text in OF_DATA and (len(rest) == 1 or rest[1].text in ("(", "+", "over")):
        return _of_data(rest, colon)
    if [token.text for token in rest[:2]] != ["t", "="]:
        raise error_at(first, f"when this happens is not understood; write {_FORMS}")
    return "at", tuple(_expr(piece, colon) for piece in _parts(rest[2:])), None, ""


def _of_data(rest: list[Token], colon: Token) -> tuple[Kind, tuple[Expr, ...], None, str]:
    """`doses(2) + lag over D`."""
    kind: Kind = next(one for one in OF_DATA if one == rest[0].text)
    rest, compartment = rest[1:], ""
    if rest and rest[0].text == "(":
        close = next((k for k, token in enumerate(rest) if token.text == ")"), len(rest))
        compartment = "".join(token.text for token in rest[1:close])
        rest = rest[close + 1 :]
    over = next((k for k, token in enumerate(rest) if token.text == "over"), len(rest))
    before, after = rest[:over], rest[over + 1 :]
    if before and before[0].text != "+":
        raise error_at(before[0], "after the doses there may be a lag: `at doses + lag: A += amount`")
    if over < len(rest) and kind != "doses":
        raise error_at(rest[over], "only doses last for a time: `at doses over D: A += amount`")
    if before and kind in ("resets", "regimens"):
        raise error_at(before[0], f"{kind} have no lag")
    given = {given_name(kind): Name(GIVEN)}
    times = (_expr(before[1:], colon) if before else Number(0.0), *((_expr(after, colon),) if over < len(rest) else ()))
    return kind, tuple(substitute(one, given) for one in times), None, compartment


def _condition(tokens: list[Token], first: Token, colon: Token) -> Expr:
    """An expression that rises through 0 where the condition comes true."""
    sides = [k for k, token in enumerate(tokens) if token.text in ("<", "<=", ">", ">=")]
    if len(sides) != 1:
        raise error_at(first, "a condition compares two expressions once: `when x > 5: mode = 2`")
    left, right = _expr(tokens[: sides[0]], colon), _expr(tokens[sides[0] + 1 :], colon)
    return Binary("-", left, right) if tokens[sides[0]].text in (">", ">=") else Binary("-", right, left)


def _change(part: list[Token], kind: Kind) -> tuple[Token, Expr]:
    if kind == "span":
        return _rate(part)
    target, *rest = part
    operator = rest[0].text if len(rest) > 1 and rest[0].text in "+-*/" and rest[1].text == "=" else ""
    if target.kind != "name" or not rest or rest[1 if operator else 0].text != "=":
        raise error_at(target, "an event changes a state: `A = 5`, `A += 5`, `A -= 5`, `A *= 0.5`")
    value = _expr(rest[2 if operator else 1 :], rest[0])
    if known := given_name(kind):
        value = substitute(value, {known: Name(GIVEN)})
    return target, Binary(operator, Name(target.text), value) if operator else value  # pyright: ignore[reportArgumentType]


def _rate(part: list[Token]) -> tuple[Token, Expr]:
    texts = [token.text for token in part]
    if (
        len(part) < 9
        or texts[:2] != ["d", "("]
        or texts[3:6] != [")", "/", "dt"]
        or texts[6:8] not in (["+", "="], ["-", "="])
    ):
        raise error_at(part[0], "over a time a rate is changed: `from 10 to 12: d(A)/dt += 5`")
    value = _expr(part[8:], part[7])
    return part[2], value if texts[6] == "+" else Negate(value)


def _parts(tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut at the commas that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    level = 0
    for token in tokens:
        level += (token.text == "(") - (token.text == ")")
        if token.text == "," and level == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _expr(tokens: list[Token], after: Token) -> Expr:
    if not tokens:
        raise error_at(after, f"something is missing here; write {_FORMS}")
    last = tokens[-1]
    end = Token("end", "", last.line, last.column + last.length)
    return parse_tokens([*tokens, end], functions=None)


__all__ = ["EventStatement", "event_statement", "is_event"]
