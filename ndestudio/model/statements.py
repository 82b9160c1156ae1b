"""Model text to statements: what stands on the left of each `=`, and the expression on its right."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.errors import EquationError
from ndestudio.expression.functions import RESERVED as RESERVED_FUNCTIONS
from ndestudio.expression.parse import parse_tokens
from ndestudio.expression.tokens import Token, error_at, scan
from ndestudio.expression.tree import CONSTANTS, Expr, Name, Number, names
from ndestudio.model.event_statements import EventStatement, event_statement, is_event
from ndestudio.model.several import Several, several

RESERVED = frozenset({"t", *CONSTANTS, *RESERVED_FUNCTIONS})
"""Names that mean something already."""

_COMPARISONS = ("<", "<=", ">", ">=", "==")
_LEADING = frozenset({"+", "-", "*", "/", "^", "**", ")", ",", *_COMPARISONS})
_TRAILING = frozenset({"+", "-", "*", "/", "^", "**", "(", ",", "=", *_COMPARISONS})


@dataclass(frozen=True)
class Statement:
    """`d(name)/dt = expr` (``kind`` `"derivative"`), `name = expr` (`"quantity"`) or `0 = expr for name` (`"algebraic"`).

    Parameters
    ----------
    target
        The token of the name on the left; of an algebraic equation that of what it is solved for.
    tokens
        Those of the right-hand side, for placing errors.
    expr
        None if the right-hand side has an error.
    start
        Where the search for the root of an algebraic equation begins.
    step
        Of `name(t + step) = expr`, which is a `"derivative"` of a system in steps; 0 for rates.
    shared
        The network of which it has a member of its own, where several outputs share its settings (see ``several``).
    hidden
        It was said that nobody measures it.
    """

    kind: Literal["derivative", "quantity", "algebraic"]
    target: Token
    tokens: tuple[Token, ...]
    expr: Expr | None
    start: Expr = Number(1.0)
    step: float = 0.0
    shared: str = ""
    hidden: bool = False

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """What stands on the right."""
        if self.expr is None:
            return ()
        return (self.expr, self.start) if self.kind == "algebraic" else (self.expr,)

    @property
    def name(self) -> str:
        return self.target.text

    def mention(self, name: str, index: int = 0, *, called: bool = False) -> Token:
        """The ``index``-th token ``name`` on the right (of those that are called); the target if there is none."""
        places = [
            token
            for token, following in zip(self.tokens, [*self.tokens, None][1:], strict=True)
            if token.kind == "name"
            and token.text == name
            and (not called or (following is not None and following.text == "("))
        ]
        return places[index] if index < len(places) else self.target


def read_statements(text: str) -> tuple[list[Statement], list[EquationError]]:
    """All equations of ``text`` that have a left side, and all errors, in the order of the text; see ``read_text``."""
    statements, _, errors = read_text(text)
    return statements, errors


def read_text(text: str) -> tuple[list[Statement], list[EventStatement], list[EquationError]]:
    """All equations of ``text`` that have a left side, its events, and all errors, in the order of the text.

    A line that ends in an operator, or starts with one, belongs to the same statement as its neighbour.
    """
    tokens, errors = scan(text)
    strays = {error.line for error in errors}
    statements: list[Statement] = []
    events: list[EventStatement] = []
    declared: list[Token] = []
    groups = _group(tokens)
    second = {name for name in map(_second_order, groups) if name is not None}
    for group in groups:
        lines = {token.line for token in group}
        if is_event(group):
            try:
                events.append(event_statement(group))
            except EquationError as error:
                errors.append(error)
            continue
        try:
            many = several(group)
        except EquationError as error:
            errors.append(error)
            continue
        if many is not None:
            found, problems = _of_several(many, second)
            statements += found
            declared += [] if many.network is not None else many.targets
            errors += problems if not lines & strays else []
            continue
        try:
            statement, problem = _statement(_named_velocities(group, second))
        except EquationError as error:
            statement, problem = None, error
        # a stray character explains the line better than what its absence leaves behind
        if problem is not None and not lines & strays:
            errors.append(problem)
        if statement is not None:
            statements += _first_order(statement) if _second_order(group) else [statement]
    statements, problems = _with_hidden(statements, declared)
    return statements, events, sorted([*errors, *problems], key=lambda error: (error.line, error.column))


def _of_several(many: Several, second: set[str]) -> tuple[list[Statement], list[EquationError]]:
    """The statements that a line about several names stands for; the same error in each of them is one error."""
    found: list[Statement] = []
    for target, group in many.groups():
        try:
            statement, problem = _statement(_named_velocities(group, second))
        except EquationError as error:
            return found, [error]
        if problem is not None or statement is None:
            return found, [problem] if problem is not None else []
        assert many.network is not None
        found.append(replace(statement, target=target, shared=many.network.text, hidden=many.hidden))
    return found, []


def _with_hidden(statements: list[Statement], declared: list[Token]) -> tuple[list[Statement], list[EquationError]]:
    """States that were said to be hidden, marked; errors for those without an equation."""
    states = {one.name for one in statements if one.kind == "derivative"}
    problems = [
        error_at(
            token,
            f"`{token.text}` is said to be hidden and has no equation; write `d({token.text})/dt = ...`, or "
            f"`hidden {token.text} = h(...)` with a network",
        )
        for token in declared
        if token.text not in states
    ]
    named = {token.text for token in declared}
    marked = [
        replace(one, hidden=True) if one.name in named and one.kind == "derivative" else one for one in statements
    ]
    return marked, problems


def velocity(state: str) -> str:
    """Name of the first derivative of a state of second order."""
    return f"{state}_dot"


def data_for(data: DataConfig, equations: str) -> DataConfig:
    """How data are read for equations: with the rates of change of inputs that stand on their right sides, and from the first
    dose on where they say how something changes."""
    statements, _, _ = read_text(equations)
    if any(one.kind == "derivative" for one in statements):
        data = msgspec.structs.replace(data, from_first_dose=True)
    used = {name for one in statements if one.expr is not None for name in names(one.expr)}
    inputs = {data.names.get(label, label): label for label in data.inputs}
    told = {inputs.get(name, name) for name in data.rates}
    added = [label for alias, label in inputs.items() if f"d({alias})/dt" in used and label not in told]
    return msgspec.structs.replace(data, rates=(*data.rates, *added)) if added else data


def _second_order(group: list[Token]) -> str | None:
    """The state that a line gives the second derivative of: `d2(x)/dt2 = ...`, `x'' = ...`, `d^2(x)/dt^2 = ...`."""
    texts = [token.text for token in group]
    match texts:
        case [name, "'", "'", "=", *_] if group[0].kind == "name":
            return name
        case ["d2", "(", name, ")", "/", "dt2", "=", *_] if group[2].kind == "name":
            return name
        case ["d", "^" | "**", "2", "(", name, ")", "/", "dt", "^" | "**", "2", "=", *_] if group[4].kind == "name":
            return name
    return None


def _first_order(statement: Statement) -> list[Statement]:
    """`d2(x)/dt2 = ...` as `d(x)/dt = x_dot` and `d(x_dot)/dt = ...`; the second one keeps place and text."""
    target = statement.target
    name = velocity(target.text)
    moved = Token("name", name, target.line, target.column)
    return [Statement("derivative", target, (), Name(name)), replace(statement, target=moved)]


def _named_velocities(group: list[Token], second: set[str]) -> list[Token]:
    """The tokens of a line with `x'` on its right written as the name of the velocity of x."""
    equals = next((k for k, token in enumerate(group) if token.text == "="), len(group))
    found: list[Token] = group[: equals + 1]
    for token in group[equals + 1 :]:
        if token.text == "dt" and [one.text for one in found[-5:-3] + found[-2:]] == ["d", "(", ")", "/"]:
            # the rate of change of an input; whether there is such an input is known where names are checked
            first, name = found[-5], found[-3]
            found[-5:] = [Token("name", f"d({name.text})/dt", first.line, first.column)]
            continue
        if token.text != "'":
            found.append(token)
            continue
        last = found[-1]
        if last.kind != "name":
            raise error_at(token, "`x'` is known for a state whose second derivative is given; write `d2(x)/dt2 = ...`")
        if last.text not in second:
            found[-1] = Token("name", f"d({last.text})/dt", last.line, last.column)
            continue
        found[-1] = Token("name", velocity(last.text), last.line, last.column)
    return found


def _group(tokens: list[Token]) -> list[list[Token]]:
    groups: list[list[Token]] = []
    for token in tokens[:-1]:
        if groups:
            last = groups[-1][-1]
            if (
                token.line == last.line
                or (token.kind == "operator" and token.text in _LEADING)
                or (last.kind == "operator" and last.text in _TRAILING and not _starts_statement(tokens, token))
            ):
                groups[-1].append(token)
                continue
        groups.append([token])
    return groups


def _starts_statement(tokens: list[Token], token: Token) -> bool:
    """Whether the line of ``token`` has a `=` of its own: then the line before it was left unfinished."""
    return any(other.line == token.line and other.text == "=" for other in tokens)


def _statement(group: list[Token]) -> tuple[Statement | None, EquationError | None]:
    equals = next((k for k, token in enumerate(group) if token.text == "="), None)
    if equals is None:
        first = group[0]
        raise error_at(first, "no `=` here; write `d(x)/dt = ...` for a state or `name = ...` for a quantity")
    if equals == 1 and group[0].kind == "number" and float(group[0].text) == 0.0:
        return _algebraic(group)
    step = _step(group[:equals])
    kind, target = ("derivative", group[0]) if step else _left_side(group[:equals], group[equals])
    last = group[-1]
    right = group[equals + 1 :]
    end = Token("end", "", last.line, last.column + last.length)
    if not right:
        return Statement(kind, target, (), None, step=step), error_at(
            end, f"the equation of `{target.text}` has no right-hand side"
        )
    try:
        expr = parse_tokens([*right, end], functions=None)
    except EquationError as error:
        return Statement(kind, target, tuple(right), None, step=step), error
    return Statement(kind, target, tuple(right), expr, step=step), None


def _step(left: list[Token]) -> float:
    """The step of `x(t + 0.05) = ...`; 0 for another left side."""
    match [token.text for token in left]:
        case [_, "(", "t", "+", number, ")"] if left[0].kind == "name":
            if left[4].kind != "number" or not float(number) > 0:
                raise error_at(
                    left[4], f"the step is a number above 0, as in `{left[0].text}(t + 0.1) = ...`; `{number}` is none"
                )
            return float(number)
    return 0.0


_FOR = (
    "say what it is solved for: `0 = ... for z`, or `0 = ... for z from 0.5` with a value (or a formula) near the root"
)


def _algebraic(group: list[Token]) -> tuple[Statement | None, EquationError | None]:
    """`0 = g(x, z) for z from start`."""
    places = [k for k, token in enumerate(group) if token.kind == "name" and token.text == "for"]
    last = group[-1]
    end = Token("end", "", last.line, last.column + last.length)
    if len(places) != 1 or places[0] + 1 >= len(group) or group[places[0] + 1].kind != "name":
        return None, error_at(group[1] if not places else group[places[0]], f"an algebraic equation: {_FOR}")
    right, target, rest = group[2 : places[0]], group[places[0] + 1], group[places[0] + 2 :]
    if not right:
        return None, error_at(group[places[0]], f"nothing stands between `0 =` and `for`; {_FOR}")
    if rest and (rest[0].text != "from" or len(rest) == 1):
        return None, error_at(rest[0], f"not understood after `for {target.text}`; {_FOR}")
    stop = group[places[0]]
    try:
        expr = parse_tokens([*right, Token("end", "", stop.line, stop.column)], functions=None)
        start = parse_tokens([*rest[1:], end], functions=None) if rest else Number(1.0)
    except EquationError as error:
        return Statement("algebraic", target, tuple(right), None), error
    return Statement("algebraic", target, tuple(right), expr, start), None


def _left_side(left: list[Token], equals: Token) -> tuple[Literal["derivative", "quantity"], Token]:
    if not left:
        raise error_at(equals, "nothing stands before `=`; write `d(x)/dt = ...` or `name = ...`")
    texts = [token.text for token in left]
    match texts:
        case [_] if left[0].kind == "name":
            return "quantity", left[0]
        case [_, "'"] if left[0].kind == "name":
            return "derivative", left[0]
        case ["d", "(", _, ")", "/", "dt"] if left[2].kind == "name":
            return "derivative", left[2]
        case [d, "/", "dt"] if left[0].kind == "name" and re.fullmatch(r"d[^\W\d]\w*", d):
            return "derivative", Token("name", d[1:], left[0].line, left[0].column + 1)
        case [_, "'", "'"] if left[0].kind == "name":
            return "derivative", left[0]
        case ["d2", "(", _, ")", "/", "dt2"] if left[2].kind == "name":
            return "derivative", left[2]
        case ["d", "^" | "**", "2", "(", _, ")", "/", "dt", "^" | "**", "2"] if left[4].kind == "name":
            return "derivative", left[4]
        case [_, "'", "'", *_] | ["d", "^", "2", *_] | ["d2", *_]:
            sentence = (
                "a second derivative is written `d2(x)/dt2 = ...` or `x'' = ...`; `x'` on the right is the velocity"
            )
            raise error_at(left[0], sentence)
        case [_, "(", "t", ")"]:
            raise error_at(left[0], f"write `{texts[0]} = ...`, without `(t)`")
        case [_, "(", "t", "+" | "-", *_] if left[0].kind == "name":
            raise error_at(
                left[0], f"a system in steps is written `{texts[0]}(t + 0.1) = ...`, with the step as a number"
            )
    raise EquationError(
        "the left side is not understood; write `d(x)/dt = ...`, `x' = ...` or `name = ...`",
        line=left[0].line,
        column=left[0].column,
        length=max(1, left[-1].column + left[-1].length - left[0].column) if left[-1].line == left[0].line else 1,
    )
