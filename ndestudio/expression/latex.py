"""Expressions as LaTeX, in the order they were written (SymPy would sort the terms).

Only what ziamath and every LaTeX know: fractions, roots, sub- and superscripts, Greek letters, upright names.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping

from ndestudio.expression.functions import Function, find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.text import number_text
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number

_SUM, _PRODUCT, _UNARY, _POWER, _ATOM = 1, 2, 3, 4, 5

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "pi",
        "lambda",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
        "varepsilon",
        "varphi",
        "vartheta",
    ]
)
_LATIN_TWINS = {"omicron": "o"} | dict(
    zip(
        ("Alpha", "Beta", "Epsilon", "Zeta", "Eta", "Iota", "Kappa", "Mu", "Nu", "Omicron", "Rho", "Tau", "Chi"),
        (rf"\mathrm{{{letter}}}" for letter in "ABEZHIKMNOPTX"),
        strict=True,
    )
)
"""Greek letters without a command of their own."""


def to_latex(expr: Expr, symbols: Mapping[str, str] | None = None, digits: int | None = None) -> str:
    """LaTeX of ``expr``, without dollar signs.

    Parameters
    ----------
    symbols
        Name -> LaTeX to use for it, over what ``symbol`` makes of it (neural terms too).
    digits
        Significant digits of numbers; None: all.
    """
    return _Writer(symbols or {}, digits).write(expr)[0]


def symbol(name: str) -> str:
    """LaTeX of a name: Greek letters, a fraction for `d(u)/dt` (the rate of an input), a dot for `x_dot` (the velocity of x), and what follows the first underscore or ends in digits as subscript."""
    if name == "pi":
        return r"\pi"
    if name.startswith("d(") and name.endswith(")/dt"):
        return rf"\frac{{\mathrm{{d}} {symbol(name[2:-4])}}}{{\mathrm{{d}} t}}"
    if name.endswith("_dot") and len(name) > 4:
        return rf"\dot{{{symbol(name[:-4])}}}"
    head, _, tail = name.partition("_")
    if not tail:
        numbered = re.fullmatch(r"([^\W\d_]+)(\d+)", name)
        head, tail = numbered.groups() if numbered else (name, "")
    base = _word(head) if head else r"\_"
    parts = [part for part in tail.split("_") if part]
    if not parts:
        return base
    return f"{base}_{{{', '.join(part if part.isdigit() else _word(part) for part in parts)}}}"


def number_latex(value: float, digits: int | None = None) -> str:
    """A number, with a power of ten where that reads better."""
    if not math.isfinite(value):
        return r"\mathrm{nan}" if math.isnan(value) else (r"\infty" if value > 0 else r"-\infty")
    text = number_text(value) if digits is None else _rounded_text(value, max(digits, 1))
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def _rounded_text(value: float, digits: int) -> str:
    """Rounded to significant digits; zeros that only hold places are counted rather than written, from three of them on."""
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) < 10.0 ** (digits + 3):
        return number_text(rounded)
    mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
    return f"{number_text(float(mantissa)).removesuffix('.0')}e{exponent}"


def greek_command(letter: str) -> str | None:
    """The LaTeX command (or Latin look-alike) of a Greek letter, None for any other character."""
    if len(letter) != 1 or not ("\u0391" <= letter <= "\u03c9" or letter == "µ"):
        return None
    name = unicodedata.name(letter, "").removeprefix("MICRO SIGN") or "GREEK SMALL LETTER MU"
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)", name)
    if found is None:
        return None
    word = found[2].lower().replace("lamda", "lambda")
    word = word if found[1] == "SMALL" else word.capitalize()
    return rf"\{word}" if word in GREEK else _LATIN_TWINS.get(word)


def _word(word: str) -> str:
    if word in GREEK:
        return rf"\{word}"
    if (greek := greek_command(word)) is not None:
        return greek
    if len(word) == 1:
        return word
    return rf"\mathrm{{{word}}}"


class _Writer:
    def __init__(self, symbols: Mapping[str, str], digits: int | None) -> None:
        self._symbols = symbols
        self._digits = digits

    def write(self, expr: Expr) -> tuple[str, int]:
        """LaTeX and how strongly its outermost operator binds."""
        match expr:
            case Number(value):
                text = number_latex(value, self._digits)
                return text, _UNARY if text.startswith("-") else (_PRODUCT if "cdot" in text else _ATOM)
            case Name(name):
                return self._symbols.get(name) or symbol(name), _ATOM
            case Negate(operand):
                return "-" + self._at_least(operand, _PRODUCT), _UNARY
            case Binary("^", base, exponent):
                return self._power(base, exponent), _POWER
            case Binary("/", above, below):
                return rf"\frac{{{self.write(above)[0]}}}{{{self.write(below)[0]}}}", _PRODUCT
            case Binary("*", left, right):
                return self._product(left, right), _PRODUCT
            case Binary(operator, left, right):
                text = self._at_least(right, _PRODUCT)
                if text.startswith("-"):
                    text = _bracket(text)
                return f"{self._at_least(left, _SUM)} {operator} {text}", _SUM
            case Call(function, arguments):
                return self._call(function, arguments), _ATOM
            case Delay(operand, lag):
                return rf"{self._at_least(operand, _ATOM)}\left(t - {self._at_least(lag, _PRODUCT)}\right)", _ATOM
        raise TypeError(f"not an expression: {expr!r}")

    def _at_least(self, expr: Expr, binding: int) -> str:
        text, own = self.write(expr)
        return text if own >= binding else _bracket(text)

    def _product(self, left: Expr, right: Expr) -> str:
        a, b = self._at_least(left, _PRODUCT), self._at_least(right, _PRODUCT)
        if b.startswith("-"):
            b = _bracket(b)
        # digits beside digits would read as one number, words beside words as one word
        tight = a[-1] not in "0123456789" or b[0] not in "0123456789"
        if isinstance(right, Number) or not tight or (a.endswith("}") and b.startswith((r"\frac", "10^"))):
            return rf"{a} \cdot {b}"
        return rf"{a} \, {b}"

    def _power(self, base: Expr, exponent: Expr) -> str:
        match base, exponent:
            case Call(function, (argument,)), Number(value) if value > 1 and function not in self._symbols:
                known = find(function)
                if known is not None and known.power_before and isinstance(known.latex, str):
                    power = number_latex(value, self._digits)
                    return rf"{known.latex}^{{{power}}}" + _bracket(self.write(argument)[0])
        shown, own = self.write(base)
        # f(x)^2 would read as f of x^2
        if own < _ATOM or isinstance(base, Call):
            shown = _bracket(shown)
        return f"{shown}^{{{self.write(exponent)[0]}}}"

    def _call(self, function: str, arguments: tuple[Expr, ...]) -> str:
        known = find(function, self._symbols)
        if known is None or known.kinds(len(arguments)) is None:
            inner = [self.write(argument)[0] for argument in arguments]
            return (self._symbols.get(function) or symbol(function)) + _bracket(", ".join(inner))
        if not known.latex:
            return _bracket(self.write(definition(known, arguments))[0])
        inner = [self._connected(known, argument) for argument in arguments]
        if callable(known.latex):
            return known.latex(inner)
        if "#1" not in known.latex:
            return known.latex + _bracket(", ".join(inner))
        return re.sub(r"#(\d)", lambda place: inner[int(place[1]) - 1], known.latex)

    def _connected(self, known: Function, argument: Expr) -> str:
        """An argument; conditions within a connective stand in brackets unless they are plain comparisons."""
        text = self.write(argument)[0]
        inner = find(argument.function) if isinstance(argument, Call) else None
        return _bracket(text) if inner is not None and known.units == inner.units == "logic" else text


def _bracket(text: str) -> str:
    return rf"\left({text}\right)"
