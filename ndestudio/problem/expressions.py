"""Expressions made into functions of one list of values, for either backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ndestudio.expression.arrays import compile_array
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr

Functions = Mapping[str, Callable[..., Any]]
"""Neural term -> function of as many arrays as it has arguments."""


def bind(
    expressions: Sequence[Expr | None], names: Sequence[str], functions: Functions, xp: Any
) -> list[Callable[[Sequence[Any]], Any] | None]:
    """Each expression as a function of the values of ``names``, None where there is no expression.

    In NumPy they become nested closures, once; in JAX they are walked while a program is traced.

    Parameters
    ----------
    names
        Meaning of the places of the list that the functions take; of a name that stands there twice the first counts.
    xp
        `numpy` or `jax.numpy`.

    Raises
    ------
    EquationError
        An expression reads a name that is not in ``names``, or calls a function that is not in ``functions``.
    """
    slots: dict[str, int] = {}
    for k, name in enumerate(names):
        slots.setdefault(name, k)
    if xp is np:
        return [None if expr is None else compile_array(expr, slots, functions) for expr in expressions]

    def traced(expr: Expr) -> Callable[[Sequence[Any]], Any]:
        return lambda v: evaluate(expr, {name: v[k] for name, k in slots.items()}, xp, functions)

    return [None if expr is None else traced(expr) for expr in expressions]
