"""Whole systems as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping

from ndestudio.expression.latex import number_latex, symbol, to_latex
from ndestudio.expression.tree import Expr
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import whole_rhs
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import algebraic_filled, numbers_filled
from ndestudio.model.statements import read_statements
from ndestudio.model.steps import next_values
from ndestudio.model.system import System


def system_latex(
    source: ModelConfig | System, *, symbols: Mapping[str, str] | None = None, digits: int | None = None
) -> tuple[str, ...]:
    """One LaTeX line `left = right` per equation; neural terms are boxed functions.

    Parameters
    ----------
    source
        The text, whose equations are shown as written as far as they can be read, or a parsed system, whose
        auxiliaries are substituted.
    symbols
        Name -> LaTeX, over the default.
    digits
        Significant digits of numbers; None: all.
    """
    if isinstance(source, System):
        derivatives = next_values(dict(zip(source.states, whole_rhs(source), strict=True)), source.step)
        neural_terms = {neural_term.name for neural_term in source.neural_terms}
        algebraic = {one.name: one.residual for one in source.algebraic}
        outputs = {name: expr for name, expr in source.outputs.items() if name not in algebraic}
        return _lines(derivatives, outputs, _boxed(neural_terms, symbols), digits, algebraic, source.step)
    statements, _ = read_statements(source.equations)
    marked = _boxed(set(source.networks), symbols)
    lines = []
    for statement in statements:
        if statement.expr is not None:
            if statement.kind == "algebraic":
                lines.append(f"0 = {to_latex(statement.expr, marked, digits)}")
                continue
            left = _left(statement.name, marked, derivative=statement.kind == "derivative", step=statement.step)
            lines.append(f"{left} = {to_latex(statement.expr, marked, digits)}")
    return tuple(lines)


def model_latex(model: FittedModel, *, symbols: Mapping[str, str] | None = None, digits: int = 4) -> tuple[str, ...]:
    """The equations of a fitted model with numbers in them, one LaTeX line per state."""
    step = model.system.step
    filled = next_values(numbers_filled(model), step)
    return _lines(filled, {}, _boxed(set(model.networks), symbols), digits, algebraic_filled(model), step)


def _lines(
    derivatives: Mapping[str, Expr],
    outputs: Mapping[str, Expr],
    symbols: Mapping[str, str],
    digits: int | None,
    algebraic: Mapping[str, Expr],
    step: float,
) -> tuple[str, ...]:
    lines = [
        f"{_left(state, symbols, derivative=True, step=step)} = {to_latex(expr, symbols, digits)}"
        for state, expr in derivatives.items()
    ]
    lines += [f"0 = {to_latex(expr, symbols, digits)}" for expr in algebraic.values()]
    lines += [
        f"{_left(name, symbols, derivative=False)} = {to_latex(expr, symbols, digits)}"
        for name, expr in outputs.items()
    ]
    return tuple(lines)


def _left(name: str, symbols: Mapping[str, str], *, derivative: bool, step: float = 0.0) -> str:
    shown = symbols.get(name) or symbol(name)
    if step:
        return rf"{shown}\left(t + {number_latex(step)}\right)"
    space = r"\," if shown.startswith(r"\mathrm") else ""
    return rf"\frac{{\mathrm{{d}}{space} {shown}}}{{\mathrm{{d}} t}}" if derivative else shown


def _boxed(neural_terms: set[str], symbols: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(symbols or {})
    return {**{neural_term: rf"\boxed{{{symbol(neural_term)}}}" for neural_term in neural_terms}, **given}
