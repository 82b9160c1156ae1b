"""The functions of the equation language: one entry for each, from which everything else about it follows.

To add one, add an entry to a module of this package; or, from outside, give an installed package the entry point

    [project.entry-points."ndestudio.functions"]
    name = "package.module:FUNCTION"

with a `Function`, or a list of them. Entry points are loaded when a name is met that is not built in.
"""

from __future__ import annotations

from ndestudio.expression.functions.base import LANGUAGES, Code, Function
from ndestudio.expression.functions.registry import (
    BUILT_IN,
    RESERVED,
    find,
    functions,
    is_known,
    searchable,
    words,
)

__all__ = [
    "BUILT_IN",
    "LANGUAGES",
    "RESERVED",
    "Code",
    "Function",
    "find",
    "functions",
    "is_known",
    "searchable",
    "words",
]
