"""Formulas of PEtab (version 2, section "Math expressions syntax") as our expressions.

`^` groups to the right and binds stronger than a sign, `log` is natural, truth values are the numbers 1 and 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ndestudio.errors import EquationError
from ndestudio.exchange.functions import EXTRA
from ndestudio.expression.functions import find
from ndestudio.expression.parse import depth
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.model.statements import RESERVED

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|&&|\|\||[-+*/^(),<>!]))"
)
LONGEST = 20_000
DEEPEST = 50
DEPTH = 200
"""Levels of a formula (a sum of n terms has n levels); every walk over it recurses that deep."""
ZERO, ONE = Number(0.0), Number(1.0)
_COMPARED = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True)
class _Truth:
    """A condition where a number may be meant as well."""

    condition: Expr


_Part = Expr | _Truth


def own_name(name: str, renamed: Mapping[str, str] | None = None) -> str:
    """What a name of a file is called here: words of our equations mean something else."""
    if renamed and name in renamed:
        return renamed[name]
    return f"{name}_" if name in RESERVED else name


def parse_formula(text: str, renamed: Mapping[str, str] | None = None) -> Expr:
    """The number that a formula says.

    Parameters
    ----------
    renamed
        Name in the files -> name here, where they differ.

    Raises
    ------
    EquationError
        With the formula and what is wrong in it.
    """
    parser = _Parser(text, renamed or {})
    found = _number(parser.whole())
    if depth(found) > DEPTH:
        raise parser.error(f"it nests more than {DEPTH} operations; split it into several")
    return found


def _number(part: _Part) -> Expr:
    return Call("if", (part.condition, ONE, ZERO)) if isinstance(part, _Truth) else part


def _condition(part: _Part) -> Expr:
    return part.condition if isinstance(part, _Truth) else Call("not", (Call("==", (part, ZERO)),))


def _connected(word: str, a: _Part, b: _Part) -> _Part:
    return _Truth(Call("and" if word == "&&" else "or", (_condition(a), _condition(b))))


class _Parser:
    def __init__(self, text: str, renamed: Mapping[str, str]) -> None:
        self._text, self._renamed, self._at, self._level = text, renamed, 0, 0
        if len(text) > LONGEST:
            raise EquationError(f"a formula has {len(text):,} characters; at most {LONGEST:,} are read")
        self._tokens: list[tuple[str, str]] = []
        place = 0
        stripped = text.rstrip()
        while place < len(stripped):
            found = _TOKEN.match(stripped, place)
            if found is None:
                raise self.error(f"`{stripped[place:].strip()[:1]}` is not known in formulas of PEtab")
            self._tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            place = found.end()

    def error(self, sentence: str) -> EquationError:
        return EquationError(f"in the formula `{self._text[:120]}`: {sentence}")

    def whole(self) -> _Part:
        part = self._or()
        if self._at < len(self._tokens):
            raise self.error(f"`{self._tokens[self._at][1]}` is not expected there")
        return part

    def _take(self, *operators: str) -> str:
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "operator" and text in operators:
                self._at += 1
                return text
        return ""

    def _joined(
        self, words: tuple[str, ...], inner: Callable[[], _Part], make: Callable[[str, _Part, _Part], _Part]
    ) -> _Part:
        left = inner()
        while word := self._take(*words):
            left = make(word, left, inner())
        return left

    def _or(self) -> _Part:
        self._level += 1
        if self._level > DEEPEST:
            raise self.error(f"more than {DEEPEST} brackets are nested")
        # both connectives bind alike, from left to right
        part = self._joined(("||", "&&"), self._compare, _connected)
        self._level -= 1
        return part

    def _compare(self) -> _Part:
        def make(word: str, a: _Part, b: _Part) -> _Part:
            sides = (_number(a), _number(b))
            return _Truth(Call("not", (Call("==", sides),)) if word == "!=" else Call(word, sides))

        return self._joined(_COMPARED, self._sum, make)

    def _sum(self) -> _Part:
        return self._joined(("+", "-"), self._product, lambda word, a, b: Binary(word, _number(a), _number(b)))

    def _product(self) -> _Part:
        return self._joined(("*", "/"), self._unary, lambda word, a, b: Binary(word, _number(a), _number(b)))

    def _unary(self) -> _Part:
        signs = []
        while sign := self._take("+", "-", "!"):
            signs.append(sign)
            if len(signs) > DEEPEST:
                raise self.error("too many signs")
        part = self._power()
        for sign in reversed(signs):
            if sign == "-":
                part = Negate(_number(part))
            elif sign == "!":
                part = _Truth(Call("not", (_condition(part),)))
            else:
                part = _number(part)
        return part

    def _power(self) -> _Part:
        base = self._atom()
        if not self._take("^", "**"):
            return base
        self._level += 1
        if self._level > DEEPEST:
            raise self.error("too many powers")
        part = Binary("^", _number(base), _number(self._unary()))
        self._level -= 1
        return part

    def _atom(self) -> _Part:
        if self._at >= len(self._tokens):
            raise self.error("it ends where a number or a name is expected")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return Number(float(text))
        if kind == "operator":
            if text != "(":
                raise self.error(f"`{text}` stands where a number or a name is expected")
            inner = self._or()
            if not self._take(")"):
                raise self.error("a `(` is not closed")
            return inner
        return self._call(text) if self._take("(") else self._name(text)

    def _name(self, text: str) -> _Part:
        if text in ("true", "false"):
            return _Truth(Call(">", (ONE, ZERO) if text == "true" else (ZERO, ONE)))
        if text == "inf":
            return Number(float("inf"))
        return Name("t") if text == "time" else Name(own_name(text, self._renamed))

    def _call(self, name: str) -> _Part:
        parts: list[_Part] = []
        if not self._take(")"):
            parts.append(self._or())
            while self._take(","):
                parts.append(self._or())
            if not self._take(")"):
                raise self.error(f"`{name}(` is not closed")
        if name == "piecewise":
            return self._piecewise(parts)
        arguments = [_number(one) for one in parts]
        made = _made(name, arguments)
        if made is None:
            raise self.error(f"`{name}` with {len(arguments)} arguments is no function of PEtab")
        return made

    def _piecewise(self, parts: list[_Part]) -> _Part:
        if len(parts) < 3 or len(parts) % 2 == 0:
            raise self.error("`piecewise` takes value, condition, ..., and a last value")
        value = _number(parts[-1])
        for k in reversed(range(len(parts) // 2)):
            value = Call("if", (_condition(parts[2 * k + 1]), _number(parts[2 * k]), value))
        return value


_SAME = ("exp", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "sign", "log10", "min", "max")


def _made(name: str, a: list[Expr]) -> Expr | None:
    if name in _SAME:
        known = find(name)
        return Call(name, tuple(a)) if known is not None and len(known.arguments) == len(a) else None
    if name == "pow" and len(a) == 2:
        return Binary("^", a[0], a[1])
    if name in ("log", "ln") and len(a) == 1:
        return Call("log", (a[0],))
    if name == "log" and len(a) == 2:
        return Binary("/", Call("log", (a[0],)), Call("log", (a[1],)))
    if name == "log2" and len(a) == 1:
        return Binary("/", Call("log", (a[0],)), Call("log", (Number(2.0),)))
    if name in EXTRA and len(a) == 1:
        return EXTRA[name](a[0])
    return None
