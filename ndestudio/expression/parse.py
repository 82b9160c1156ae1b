"""Formula text to expression: a recursive-descent parser over our own tokens.

part        = conjunction { "or" conjunction }
conjunction = negation { "and" negation }
negation    = "not" negation | comparison
comparison  = sum [ ("<" | "<=" | ">" | ">=" | "==") sum ]
sum         = product { ("+" | "-") product }
product     = unary { ("*" | "/") unary }
unary       = ("-" | "+") unary | power
power       = atom [ ("^" | "**") unary ]                 right-associative; -x^2 is -(x^2)
atom        = number | name | called "(" part { "," part } ")" | "(" part ")"
called      = name | "blackbox" "(" string [ "," string ] ")"

A formula is a part that is a number; a condition stands only where `if` and `piecewise` ask for one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable

from ndestudio.blackbox.label import WORD, Label
from ndestudio.errors import EquationError
from ndestudio.expression.functions import RESERVED, find, functions, words
from ndestudio.expression.tokens import Token, error_at, scan
from ndestudio.expression.tree import CONSTANTS, Binary, Call, Expr, Name, Negate, Number, children, walk

NESTING_LIMIT = 60
"""Brackets, signs and powers inside one another."""
DEPTH_LIMIT = 200
"""Levels of a tree (a sum of n terms has n levels); every walk over trees recurses that deep."""
NEAR_WORD = 0.8
"""How alike a name must be to one of the functions that are not reserved for that to be offered."""
_COMPARISONS = ("<", "<=", ">", ">=", "==")


def parse_expression(text: str, *, line: int = 1, column: int = 1, functions: Collection[str] | None = ()) -> Expr:
    """The expression that ``text`` says.

    Parameters
    ----------
    line, column
        Position of the first character, for errors.
    functions
        Names of neural terms that may be called besides the known functions; None: any name may.

    Raises
    ------
    EquationError
        With the place, and a suggestion where there is one.
    """
    tokens, errors = scan(text, line=line, column=column)
    if errors:
        raise errors[0]
    return parse_tokens(tokens, functions=functions)


def parse_tokens(tokens: list[Token], *, functions: Collection[str] | None = ()) -> Expr:
    """The expression that ``tokens`` (ended by an `"end"` token) say. Raises EquationError."""
    parser = Parser(tokens, functions)
    expr = parser.formula()
    if depth(expr) > DEPTH_LIMIT:
        raise error_at(
            tokens[0], f"the formula nests more than {DEPTH_LIMIT} operations; split it into auxiliaries (`name = ...`)"
        )
    return expr


def did_you_mean(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """`"; did you mean `sin`?"`, or `""` when nothing known is near (``alike``, as `difflib` measures it)."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=alike)
    if not near:
        near = [candidate for candidate in known if candidate.lower() == name.lower()]
    return f"; did you mean `{near[0]}`?" if near else ""


def unknown_function(token: Token, neural_terms: Iterable[str]) -> EquationError:
    known = find(token.text)
    if known is not None:
        return error_at(token, _wrong_count(token.text, None))
    if token.text in _OTHER_WORDS:
        return error_at(token, f"unknown function `{token.text}`; write {_OTHER_WORDS[token.text]}")
    other = next((entry.name for entry in functions() if token.text in entry.aliases), None)
    if other is not None:
        return error_at(token, f"unknown function `{token.text}`; did you mean `{other}`?")
    # many a name of an unknown term is near one of the less usual functions
    guess = did_you_mean(token.text, [*RESERVED, *neural_terms]) or did_you_mean(token.text, words(), NEAR_WORD)
    return error_at(token, f"unknown function `{token.text}`{guess or '; known are ' + ', '.join(words())}")


_OTHER_WORDS: dict[str, str] = {
    "log2": "`log(x)/log(2)`",
    "pow": "`x^y`",
    "power": "`x^y`",
    "atan": "`atan2(x, 1)`",
    "arctan": "`atan2(x, 1)`",
}
"""What people look for and write otherwise."""


def _wrong_count(name: str, count: int | None) -> str:
    """What is said about a call with a wrong number of arguments."""
    known = find(name)
    assert known is not None
    if known.rewrite is not None:
        need = "value, condition, value, condition, ... and a last value"
    else:
        expected = len(known.arguments)
        need = "one argument" if expected == 1 else f"{expected} arguments"
    got = "" if count is None else f", not {count}"
    shown = f"; write `{known.signature()}`" if not known.reserved else ""
    return f"`{name}` takes {need}{got}{shown}"


def depth(expr: Expr) -> int:
    """Levels of the tree, without recursion (so that it can guard the functions that recurse)."""
    deepest, stack = 0, [(expr, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children(node))
    return deepest


class Parser:
    """One pass over tokens; each method parses a rule of the grammar and leaves the position after it."""

    def __init__(self, tokens: list[Token], functions: Collection[str] | None) -> None:
        self._tokens = tokens
        self._functions = functions
        self._position = 0
        self._choices = 0
        self._places: dict[int, Token] = {}

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self._position += 1
        return token

    def _is(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def formula(self) -> Expr:
        """The whole text, which must be a number."""
        expr = self._part(0)
        if self.token.kind != "end":
            raise self._unexpected()
        self._check_kinds(expr)
        return expr

    def _word(self, word: str) -> bool:
        return self.token.kind == "name" and self.token.text == word

    def _part(self, level: int) -> Expr:
        left = self._conjunction(level)
        while self._word("or"):
            left = self._sign(self._take(), (left, self._conjunction(level)))
        return left

    def _conjunction(self, level: int) -> Expr:
        left = self._negation(level)
        while self._word("and"):
            left = self._sign(self._take(), (left, self._negation(level)))
        return left

    def _negation(self, level: int) -> Expr:
        following = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        begins = following.kind in ("name", "number") or following.text in ("(", "-", "+")
        if self._choices and self._word("not") and begins:
            if level > NESTING_LIMIT:
                raise error_at(self.token, f"more than {NESTING_LIMIT} conditions are nested; simplify the formula")
            return self._sign(self._take(), (self._negation(level + 1),))
        return self._comparison(level)

    def _comparison(self, level: int) -> Expr:
        left = self._sum(level)
        if not self._is(*_COMPARISONS):
            return left
        compared = self._sign(self._take(), (left, self._sum(level)))
        if self._is(*_COMPARISONS):
            raise error_at(self.token, "one comparison at a time; join two by `and`, as in `a < x and x < b`")
        return compared

    def _sign(self, token: Token, arguments: tuple[Expr, ...]) -> Call:
        return self._placed(token, token.text, arguments)

    def _placed(self, token: Token, function: str, arguments: tuple[Expr, ...]) -> Call:
        call = Call(function, arguments)
        self._places[id(call)] = token
        return call

    def _check_kinds(self, whole: Expr) -> None:
        """Conditions stand where they are asked for, and only there."""
        if _is_condition(whole):
            raise self._misplaced(whole)
        for node in walk(whole):
            inner = children(node)
            known = find(node.function, self._functions or ()) if isinstance(node, Call) else None
            kinds = (known.kinds(len(inner)) if known is not None else None) or "n" * len(inner)
            for kind, child in zip(kinds, inner, strict=True):
                if kind == "n" and _is_condition(child):
                    raise self._misplaced(child)
                if kind == "c" and not _is_condition(child):
                    assert isinstance(node, Call)
                    raise error_at(
                        self._places[id(node)], f"`{node.function}` needs a condition there, such as `x > 0`"
                    )

    def _misplaced(self, condition: Expr) -> EquationError:
        token = self._places[id(condition)]
        return error_at(
            token,
            f"`{token.text}` makes a condition, which is no number; it belongs into `if(condition, a, b)` or "
            "`piecewise(a, condition, b)`",
        )

    def _sum(self, level: int) -> Expr:
        left = self._product(level)
        while self._is("+", "-"):
            operator = self._take().text
            left = Binary(operator, left, self._product(level))
        return left

    def _product(self, level: int) -> Expr:
        left = self._unary(level)
        while self._is("*", "/"):
            operator = self._take().text
            left = Binary(operator, left, self._unary(level))
        return left

    def _unary(self, level: int) -> Expr:
        if level > NESTING_LIMIT:
            raise error_at(
                self.token, f"brackets, signs or powers are nested more than {NESTING_LIMIT} deep; simplify the formula"
            )
        if self._is("-"):
            self._take()
            return Negate(self._unary(level + 1))
        if self._is("+"):
            self._take()
            return self._unary(level + 1)
        return self._power(level)

    def _power(self, level: int) -> Expr:
        base = self._atom(level)
        if self._is("^", "**"):
            self._take()
            return Binary("^", base, self._unary(level + 1))
        return base

    def _atom(self, level: int) -> Expr:
        token = self._take()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "name":
            if token.text == WORD and self._is("(") and self._tokens[self._position + 1].kind == "string":
                return self._black_box(token, level)
            return self._call(token, level) if self._is("(") else self._name(token)
        if token.kind == "string":
            raise error_at(token, f'text in quotes names a black box: `{WORD}("tank.fmu")(x)`')
        if token.kind == "operator" and token.text == "(":
            inner = self._part(level + 1)
            self._close(token)
            return inner
        if token.kind == "end":
            raise error_at(token, "the formula ends where a number, a name or `(` is expected")
        if token.text == ")":
            raise error_at(token, "`)` without a value before it; remove it or write what belongs there")
        if token.text == "'":
            raise error_at(token, "`'` marks a derivative and belongs on the left of `=`")
        raise error_at(token, f"`{token.text}` stands where a number, a name or `(` is expected")

    def _number(self, token: Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise error_at(token, f"`{token.text}` is too large; the largest number is about 1.8e308")
        return Number(value)

    def _name(self, token: Token) -> Name:
        if token.text in RESERVED:
            known = find(token.text)
            arguments = "a, b" if known is not None and len(known.arguments) == 2 else "..."
            raise error_at(token, f"`{token.text}` is a function; write `{token.text}({arguments})`")
        return Name(token.text)

    def _call(self, token: Token, level: int) -> Call:
        name = token.text
        known = find(name, self._functions or ())
        if known is None and self._functions is not None and name not in self._functions:
            raise unknown_function(token, self._functions)
        opening = self._take()
        arguments = self._arguments(level, choice=known is not None and "c" in (known.kinds(3) or ""))
        self._close(opening)
        # any name may be that of a network that is declared elsewhere, but for the reserved ones
        free = self._functions is None and known is not None and not known.reserved
        if known is not None and known.kinds(len(arguments)) is None and not free:
            raise error_at(token, _wrong_count(name, len(arguments)))
        if not arguments:
            raise error_at(token, f"`{name}()` has no arguments; write what it depends on, such as `{name}(x)`")
        return self._sign(token, tuple(arguments))

    def _black_box(self, token: Token, level: int) -> Call:
        """`blackbox("file", "output")(arguments)`: a call of the function that its label names."""
        opening = self._take()
        said = [self._take().text[1:-1].strip()]
        if self._is(","):
            self._take()
            if self.token.kind != "string":
                raise error_at(self.token, f'the output stands in quotes: `{WORD}("{said[0]}", "der(x)")(...)`')
            said.append(self._take().text[1:-1].strip())
        self._close(opening)
        if not all(said):
            raise error_at(token, f'the quotes are empty; name the file: `{WORD}("tank.fmu")(...)`')
        if not self._is("("):
            raise error_at(token, f'`{WORD}("{said[0]}")` is a function; write what it depends on after it: `(x, u)`')
        opening = self._take()
        arguments = self._arguments(level, choice=False)
        self._close(opening)
        if not arguments:
            raise error_at(token, f'`{WORD}("{said[0]}")()` has no arguments; write what it depends on, such as `(x)`')
        return self._placed(token, Label(said[0], said[1] if len(said) > 1 else "").name, tuple(arguments))

    def _arguments(self, level: int, *, choice: bool) -> list[Expr]:
        if self._is(")"):
            return []
        self._choices += choice
        arguments = [self._part(level + 1)]
        while self._is(","):
            self._take()
            arguments.append(self._part(level + 1))
        self._choices -= choice
        return arguments

    def _close(self, opening: Token) -> None:
        if self._is(")"):
            self._take()
            return
        if self.token.kind == "end":
            raise error_at(opening, "`(` is never closed; add `)`")
        raise self._unexpected()

    def _unexpected(self) -> EquationError:
        token = self.token
        before = self._tokens[self._position - 1].text if self._position else ""
        if token.kind in ("name", "number") or token.text == "(":
            product = f"{before}*{token.text}" if token.text != "(" else f"{before}*("
            return error_at(token, f"an operator is missing before `{token.text}`; for a product write `{product}`")
        if token.text == ")":
            return error_at(token, "`)` closes nothing; remove it or add `(`")
        if token.text == "=":
            return error_at(token, "a second `=`; two values are compared by `==`, in a condition of `if`")
        if token.text == ",":
            return error_at(token, "`,` separates arguments of a function; as a decimal mark write `.`")
        return error_at(token, f"`{token.text}` is not expected here; remove it")


def _is_condition(expr: Expr) -> bool:
    known = find(expr.function) if isinstance(expr, Call) else None
    return known is not None and known.gives == "c" and known.kinds(len(expr.arguments)) is not None  # type: ignore[union-attr]


def is_identifier(name: str) -> bool:
    """Whether ``name`` can be written as a name in a formula (not a function, not `pi`)."""
    tokens, errors = scan(name)
    plain = not errors and len(tokens) == 2 and tokens[0].kind == "name" and tokens[0].text == name
    return plain and name not in RESERVED and name not in CONSTANTS
