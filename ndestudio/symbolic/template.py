"""Templates: a known formula with unknown functions in it, such as `k*x - f(x, y)` or `a*x/(b + x) + f(x)*g(y)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.errors import EquationError
from ndestudio.expression import evaluate, parse_expression, to_text
from ndestudio.expression.functions import find
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Call, Expr, Name, calls, names, substitute, transform
from ndestudio.symbolic.postfix import from_postfix, to_postfix

MOST_FUNCTIONS = 4
MOST_PARAMETERS = 6
_CALL = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)\s*\(")


@dataclass(frozen=True)
class Template:
    """A template read against the columns of a problem.

    Attributes
    ----------
    expression
        With calls of the unknown functions.
    functions
        Unknown function -> its arguments, expressions of columns.
    parameters
        Names that are neither columns nor functions, fitted along.
    columns
        Names of the columns of X.
    """

    expression: Expr
    functions: Mapping[str, tuple[Expr, ...]]
    parameters: tuple[str, ...]
    columns: tuple[str, ...]

    def samples(self, X: Float[np.ndarray, "sample input"]) -> Float[np.ndarray, "sample column"]:
        """Arguments of all functions, one column each, and then the columns of X.

        Raises
        ------
        ValueError
            Where an argument is not finite.
        """
        values = {name: X[:, k] for k, name in enumerate(self.columns)}
        arguments = []
        for function, expressions in self.functions.items():
            for expression in expressions:
                column = np.broadcast_to(np.asarray(evaluate(expression, values), float), (len(X),))
                if not np.isfinite(column).all():
                    row = int(np.argmin(np.isfinite(column)))
                    raise ValueError(
                        f"the argument `{to_text(expression)}` of `{function}` is not finite in sample {row}; leave such samples out"
                    )
                arguments.append(column)
        return np.ascontiguousarray(np.column_stack([*arguments, X]))

    def core_settings(self, start: Mapping[str, float]) -> dict[str, Any]:
        """The template as the compiled engine wants it; ``start``: values at which fits of parameters begin."""
        if unknown := [name for name in start if name not in self.parameters]:
            raise ValueError(
                f"option `start` names `{unknown[0]}`, which is no parameter of the template; they are {', '.join(self.parameters) or 'none'}"
            )
        texts: dict[str, int] = {}
        sources = [[texts.setdefault(to_text(a), len(texts)) for a in own] for own in self.functions.values()]
        count = sum(len(own) for own in sources)
        arguments = tuple(f"argument {k}" for k in range(count))
        values: dict[str, Expr] = {name: Name(f"value of {name}") for name in self.functions}
        known = transform(self.expression, lambda n: values.get(n.function, n) if isinstance(n, Call) else n)
        order = (*arguments, *self.columns, *(f"value of {name}" for name in self.functions), *self.parameters)
        return {
            "known": to_postfix(known, order),
            "arguments": sources,
            "hidden": len(self.columns),
            "start": [float(start.get(name, 1.0)) for name in self.parameters],
        }

    def read(self, functions: Sequence[str], parameters: Sequence[float]) -> tuple[Expr, dict[str, Expr]]:
        """The whole formula, and the parts: each function, in its arguments, and each parameter, by name.

        Parameters
        ----------
        functions
            Postfix text of each function over the arguments of all.
        parameters
            Their values.
        """
        every = [argument for own in self.functions.values() for argument in own]
        holders = tuple(f"argument {k}" for k in range(len(every)))
        actual = dict(zip(holders, every, strict=True))
        bodies = {
            n: substitute(from_postfix(text, holders), actual)
            for n, text in zip(self.functions, functions, strict=True)
        }
        values = {name: from_postfix(repr(float(v)), ()) for name, v in zip(self.parameters, parameters, strict=True)}
        whole = transform(self.expression, lambda n: bodies.get(n.function, n) if isinstance(n, Call) else n)
        return fold(substitute(whole, values)), {**bodies, **values}


def parse_template(text: str, columns: tuple[str, ...]) -> Template:
    """Read a template.

    Without unknown functions it is a formula whose parameters are to be fitted.

    Raises
    ------
    ValueError
        With a sentence, for text that cannot be read, with too many unknown functions, with a function that has
        different arguments in different places, or arguments that are not made of columns.
    """

    def error(what: str) -> ValueError:
        return ValueError(f"the template `{text}` cannot be used: {what}")

    unknown = tuple(dict.fromkeys(name for name in _CALL.findall(text) if find(name) is None))
    if clash := [name for name in unknown if name in columns]:
        raise error(f"`{clash[0]}` is a column and cannot be a function too; a product needs its `*`")
    try:
        expression = parse_expression(text, functions=unknown)
    except EquationError as problem:
        raise error(str(problem)) from problem
    functions: dict[str, tuple[Expr, ...]] = {}
    for call in calls(expression, unknown):
        if not call.arguments:
            raise error(
                f"`{call.function}` has no arguments; name the columns it may depend on, as in `{call.function}({columns[0]})`"
            )
        for argument in call.arguments:
            if calls(argument):
                raise error(
                    f"`{to_text(argument)}`, an argument of `{call.function}`, holds an unknown function itself"
                )
            if strange := [name for name in names(argument) if name not in columns]:
                raise error(
                    f"`{strange[0]}` in the arguments of `{call.function}` is no column; the columns are {', '.join(columns)}"
                )
            if not names(argument):
                raise error(f"the argument `{to_text(argument)}` of `{call.function}` does not vary")
        if functions.setdefault(call.function, call.arguments) != call.arguments:
            raise error(f"`{call.function}` is called with different arguments; give each call a name of its own")
    outside = transform(expression, lambda n: Name("pi") if isinstance(n, Call) and n.function in functions else n)
    parameters = tuple(name for name in names(outside) if name not in columns)
    if clash := [name for name in parameters if name in functions]:
        raise error(f"`{clash[0]}` is used both as a function and as a number")
    for most, what, found in (
        (MOST_FUNCTIONS, "unknown functions", functions),
        (MOST_PARAMETERS, "parameters", parameters),
    ):
        if len(found) > most:
            raise error(
                f"it has {len(found)} {what} ({', '.join(found)}); at most {most} can be found together (other names must be columns: {', '.join(columns)})"
            )
    return Template(expression, functions, parameters, columns)
