"""Definitions and imports of the functions that a program uses and its language does not have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ndestudio.export.content import Content
from ndestudio.export.networks import exported
from ndestudio.expression.functions import Code, Function, find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Call, Expr, walk


def used(content: Content) -> tuple[Function, ...]:
    """Known functions in the equations, outputs and networks of a model, in order of their appearance."""
    expressions = [*content.right_hand_sides, *(expr for _, expr in content.outputs), *content.event_expressions]
    if content.delays is not None:
        expressions += [*content.delays.lags, *(past for past in content.delays.past if past is not None)]
    expressions += [expr for one in content.algebraic for expr in one.expressions]
    for network in content.networks.values():
        form = exported(network)
        expressions += [*form.inputs, form.output]
    return used_in(expressions, content.networks)


def used_in(expressions: Iterable[Expr], neural_terms: Collection[str] = ()) -> tuple[Function, ...]:
    """Known functions in ``expressions``, those in their rewritten forms too."""
    found: dict[str, Function] = {}
    for expr in expressions:
        for node in walk(expr):
            known = find(node.function, neural_terms) if isinstance(node, Call) else None
            if (
                known is None
                or not isinstance(node, Call)
                or known.any_count
                or known.kinds(len(node.arguments)) is None
            ):
                continue
            found.setdefault(known.name, known)
            if known.rewrite is not None:
                found |= {inner.name: inner for inner in used_in([definition(known, node.arguments)], neural_terms)}
    return tuple(found.values())


def names_taken(functions: Iterable[Function], language: str) -> tuple[str, ...]:
    """Identifiers by which a program calls ``functions``; nothing else in it may have them."""
    return tuple(name for code in _codes(functions, language) for name in called(code))


def called(code: Code) -> list[str]:
    """Names without a module before them that are called in ``code``."""
    return re.findall(r"(?<![\w.])([A-Za-z_]\w*)\(", code.text if code.pattern else f"{code.text}(")


def definitions(functions: Iterable[Function], language: str, known: Collection[str] = ()) -> list[str]:
    """Program text that defines what ``functions`` need.

    Parameters
    ----------
    known
        What the program defines already.
    """
    return [code.helper for code in _codes(functions, language) if code.helper and code.text not in known]


def imports(functions: Iterable[Function], language: str) -> list[str]:
    """Lines that import what ``functions`` need."""
    return list(dict.fromkeys(code.needs for code in _codes(functions, language) if code.needs))


def _codes(functions: Iterable[Function], language: str) -> Iterator[Code]:
    return (one.written(language) for one in functions if one.rewrite is None)
