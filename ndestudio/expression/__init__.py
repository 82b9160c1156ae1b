"""Expressions: parse, print, evaluate, typeset. SymPy is imported only when one of its functions is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.expression.compiled import compile_scalar, compile_system
    from ndestudio.expression.derivative import differentiate
    from ndestudio.expression.latex import to_latex
    from ndestudio.expression.numeric import evaluate, fold
    from ndestudio.expression.parse import parse_expression
    from ndestudio.expression.sympy_form import from_sympy, to_sympy
    from ndestudio.expression.text import short_text, to_text
    from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number

__all__ = [
    "Binary",
    "Call",
    "Delay",
    "Expr",
    "Name",
    "Negate",
    "Number",
    "compile_scalar",
    "compile_system",
    "differentiate",
    "evaluate",
    "fold",
    "from_sympy",
    "parse_expression",
    "short_text",
    "to_latex",
    "to_sympy",
    "to_text",
]

_HOME = {
    "parse_expression": "parse",
    "short_text": "text",
    "to_text": "text",
    "differentiate": "derivative",
    "evaluate": "numeric",
    "fold": "numeric",
    "compile_scalar": "compiled",
    "compile_system": "compiled",
    "to_latex": "latex",
    "to_sympy": "sympy_form",
    "from_sympy": "sympy_form",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in __all__:
        return getattr(import_module(f"ndestudio.expression.{_HOME.get(name, 'tree')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
