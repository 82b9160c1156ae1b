"""Formula text to expression: a recursive-descent parser over our own tokens.

sum     = product { ("+" | "-") product }
product = unary { ("*" | "/") unary }
unary   = ("-" | "+") unary | power
power   = atom [ ("^" | "**") unary ]                 right-associative; -x^2 is -(x^2)
atom    = number | name | name "(" sum { "," sum } ")" | "(" sum ")"
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable

from ndestudio.errors import EquationError
from ndestudio.expression.tokens import Token, error_at, scan
from ndestudio.expression.tree import CONSTANTS, FUNCTIONS, Binary, Call, Expr, Name, Negate, Number, children

NESTING_LIMIT = 60
"""Brackets, signs and powers inside one another."""
DEPTH_LIMIT = 200
"""Levels of a tree (a sum of n terms has n levels); every walk over trees recurses that deep."""


def parse_expression(text: str, *, line: int = 1, column: int = 1, functions: Collection[str] | None = ()) -> Expr:
    """The expression that ``text`` says.

    Arguments:
        line, column: position of the first character, for errors.
        functions: names of holes that may be called besides ``FUNCTIONS``; None: any name may.

    Raises:
        EquationError: with the place, and a suggestion where there is one.
    """
    tokens, errors = scan(text, line=line, column=column)
    if errors:
        raise errors[0]
    return parse_tokens(tokens, functions=functions)


def parse_tokens(tokens: list[Token], *, functions: Collection[str] | None = ()) -> Expr:
    """The expression that ``tokens`` (ended by an `"end"` token) say. Raises EquationError."""
    parser = Parser(tokens, functions)
    expr = parser.sum(0)
    parser.finish()
    if depth(expr) > DEPTH_LIMIT:
        raise error_at(
            tokens[0], f"the formula nests more than {DEPTH_LIMIT} operations; split it into auxiliaries (`name = ...`)"
        )
    return expr


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`"; did you mean `sin`?"`, or `""` when nothing known is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not near:
        near = [candidate for candidate in known if candidate.lower() == name.lower()]
    return f"; did you mean `{near[0]}`?" if near else ""


def unknown_function(token: Token, holes: Iterable[str]) -> EquationError:
    alias = _ALIASES.get(token.text)
    if alias is not None:
        return error_at(token, f"unknown function `{token.text}`; {alias}")
    guess = did_you_mean(token.text, [*FUNCTIONS, *holes])
    known = f"; known are {', '.join(FUNCTIONS)}"
    return error_at(token, f"unknown function `{token.text}`{guess or known}")


_ALIASES: dict[str, str] = {
    "ln": "did you mean `log`?",
    "log10": "write `log(x)/log(10)`",
    "log2": "write `log(x)/log(2)`",
    "sinh": "write `(exp(x) - exp(-x))/2`",
    "cosh": "write `(exp(x) + exp(-x))/2`",
    "pow": "write `x^y`",
    "power": "write `x^y`",
    "sigmoid": "write `1/(1 + exp(-x))`",
    "fabs": "did you mean `abs`?",
}


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

    def sum(self, level: int) -> Expr:
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
            return self._call(token, level) if self._is("(") else self._name(token)
        if token.kind == "operator" and token.text == "(":
            inner = self.sum(level + 1)
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
        if token.text in FUNCTIONS:
            arguments = "a, b" if FUNCTIONS[token.text] == 2 else "..."
            raise error_at(token, f"`{token.text}` is a function; write `{token.text}({arguments})`")
        return Name(token.text)

    def _call(self, token: Token, level: int) -> Call:
        name = token.text
        known = name in FUNCTIONS or self._functions is None or name in self._functions
        if not known:
            raise unknown_function(token, self._functions or ())
        opening = self._take()
        arguments: list[Expr] = []
        if not self._is(")"):
            arguments.append(self.sum(level + 1))
            while self._is(","):
                self._take()
                arguments.append(self.sum(level + 1))
        self._close(opening)
        expected = FUNCTIONS.get(name)
        if expected is not None and len(arguments) != expected:
            need = "one argument" if expected == 1 else f"{expected} arguments"
            raise error_at(token, f"`{name}` takes {need}, not {len(arguments)}")
        if not arguments:
            raise error_at(token, f"`{name}()` has no arguments; write what it depends on, such as `{name}(x)`")
        return Call(name, tuple(arguments))

    def _close(self, opening: Token) -> None:
        if self._is(")"):
            self._take()
            return
        if self.token.kind == "end":
            raise error_at(opening, "`(` is never closed; add `)`")
        raise self._unexpected()

    def finish(self) -> None:
        """Everything must have been read."""
        if self.token.kind != "end":
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
            return error_at(token, "a second `=`; comparisons are not part of the language")
        if token.text == ",":
            return error_at(token, "`,` separates arguments of a function; as a decimal mark write `.`")
        return error_at(token, f"`{token.text}` is not expected here; remove it")


def is_identifier(name: str) -> bool:
    """Whether ``name`` can be written as a name in a formula (not a function, not `pi`)."""
    tokens, errors = scan(name)
    plain = not errors and len(tokens) == 2 and tokens[0].kind == "name" and tokens[0].text == name
    return plain and name not in FUNCTIONS and name not in CONSTANTS
