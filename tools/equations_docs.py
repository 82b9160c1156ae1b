"""Write docs/equations.md from the registry of functions, so that it cannot lie: python tools/equations_docs.py"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ndestudio.expression import parse_expression, to_text  # noqa: E402
from ndestudio.expression.functions import BUILT_IN, RESERVED, Code, Function  # noqa: E402

HEAD = """\
# The language of equations

One equation on a line, `#` begins a comment. A line that ends in an operator, or begins with one, goes on.

    d(S)/dt = -V*S/(K + S)           # a state; `S' = ...` and `dS/dt = ...` are the same
    d2(x)/dt2 = -k*x - c*x'          # of second order; x' is its velocity
    d(N)/dt = -r*N(t - tau)          # N a time tau ago
    d(x)/dt = blackbox("tank.fmu")(x, u) + f(x)   # a simulator (docs/how-to/simulators.md)
    x(t + 0.1) = 0.9*x + f(x)        # a system in steps of 0.1
    d(x)/dt = -a*x + s*noise         # noise in the law: dx = -a x dt + s dW
    total = S + P                    # a quantity, to be used in other equations or measured
    a, b = g(x)                      # several outputs, each with a network of its own; `m_1 to m_20 = g(x)`
    hidden Z = h(x, Z)               # a state that nobody measures and a network moves
    0 = k*E*S - C for C from 0.1     # an algebraic equation: what it is solved for, and where the search begins

Names that are neither states, quantities, measured inputs, networks nor `t` (time) and `pi` are parameters.

Operators, from weak to strong: `+ -`, `* /`, a sign, `^` (or `**`). Powers group to the right (`2^3^2` is 512) and bind
stronger than a sign (`-2^2` is -4). A product needs its `*`.

## Choices

`if(condition, a, b)` and `piecewise(a, condition, b, condition, ..., otherwise)` choose between formulas. A condition
compares two formulas by `< <= > >= ==`, once (`0 < x and x < 1`, not `0 < x < 1`), and conditions are joined by `and`, `or`,
`not`, from strong to weak: comparison, `not`, `and`, `or`. A condition is no number and stands nowhere else. The branch that
is not taken may have no value: `if(x > 0, x*log(x), 0)` is 0 at 0, and so is nothing of its slope.

A choice by time or by a state makes the right-hand side jump or bend there. Solvers with adaptive steps find the place by
trying; where it is known, measured inputs say it better.

## Functions

Angles are radians. Where a formula has no value (a logarithm of a negative number, a division by zero) it is NaN or
infinite, and nothing is raised.
"""

NAMES = """\
`{reserved}` can name nothing else. All other names of functions may be those of networks, parameters, states and columns;
what a model declares itself comes first, so that equations of older versions mean what they meant.
"""

LANGUAGES = """\
## In other languages

What an exported program calls; where the language has no such function the program defines it. "written out" is the
definition in simpler functions.
"""

TAIL = """\
## Functions of your own

An installed package adds functions by an entry point:

    [project.entry-points."ndestudio.functions"]
    cubed = "my_package:CUBED"

where `CUBED` is a `ndestudio.expression.functions.Function`, or a list of them: one value with the name, the value on
arrays and on floats, the derivatives, LaTeX, SymPy and what each language calls. A function that cannot be loaded is
listed with its traceback by `ndestudio.expression.functions.failures()`; everything else works without it.

This page is written by `python tools/equations_docs.py`.
"""


def page() -> str:
    """The text of docs/equations.md."""
    words = [entry for entry in BUILT_IN.values() if entry.word]
    return "\n".join(
        [
            HEAD,
            *_functions(words),
            "",
            NAMES.format(reserved=" ".join(RESERVED)),
            LANGUAGES,
            *_languages(list(BUILT_IN.values())),
            "",
            TAIL,
        ]
    )


def _functions(entries: list[Function]) -> list[str]:
    lines = ["| function | is | where | derivative | units |", "| --- | --- | --- | --- | --- |"]
    for entry in entries:
        slopes = "; ".join(f"`{to_text(parse_expression(text))}`" for text in entry.derivative)
        cells = (f"`{entry.signature()}`", entry.meaning, _code(entry.domain), slopes or "that of the branch")
        lines.append(f"| {' | '.join(map(_cell, (*cells, _UNITS[entry.units])))} |")
    return lines


_UNITS = {
    "pure": "takes pure numbers",
    "same": "all alike, and so is the value",
    "root": "any; the value has the square root",
    "alike": "all alike; the value is a pure number",
    "any": "any; the value is a pure number",
    "hill": "the first two alike, the third a pure number",
    "choice": "values alike, and so is the result",
}


def _languages(entries: list[Function]) -> list[str]:
    titles = ("Python", "JAX", "Julia", "MATLAB, Octave", "C", "SymPy")
    lines = [f"| | {' | '.join(titles)} |", f"|{' --- |' * (len(titles) + 1)}"]
    for entry in entries:
        if entry.rewrite is not None:
            continue
        written = [entry.written(name) for name in ("python", "jax", "julia", "matlab", "c", "sympy")]
        cells = [f"`{entry.name}`", *(_written(code, len(entry.arguments)) for code in written)]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return lines


def _written(code: Code, count: int) -> str:
    if not code.text:
        return "written out"
    letters = ("a", "b", "c")[:count]
    text = f"`{code.text.format(*letters)}`" if code.pattern else f"`{code.text}`"
    if code.helper:
        return f"{text}, defined"
    return f"{text} of {code.needs.split()[1]}" if code.needs else text


def _code(text: str) -> str:
    return f"`{text}`" if text and " " not in text.replace(" > ", "").replace(" >= ", "") else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    (ROOT / "docs" / "equations.md").write_text(page(), encoding="utf-8")
