"""Formulas as pictures: expression -> LaTeX -> SVG, made on a worker and kept.

SymPy and ziamath are imported by the worker alone: they take a second to load, and a formula about 60 ms to draw.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Call, Expr, Name, transform
from ndestudio.progress import Reporter

_KEPT = 500
_TRIES = 3
_log = logging.getLogger(__name__)


BOX_COLOUR = "#d55e01"
"""Colour of the boxes of neural terms in the pictures, to be replaced by that of the scheme."""


@dataclass(frozen=True)
class Formula:
    """A typeset formula.

    Parameters
    ----------
    latex
        Its source, for copying.
    svg
        The picture, drawn in `#000000`, and ``BOX_COLOUR`` for neural terms (recolour by replacing these); "" when it
        cannot be drawn.
    """

    latex: str
    svg: str


@dataclass(frozen=True)
class FormulaRequest:
    """What to typeset: `left = expression`, or the expression alone.

    Parameters
    ----------
    left
        LaTeX of the left-hand side, "" for none.
    digits
        Significant digits of numbers (None: as written).
    neural_terms
        Functions whose calls are drawn as boxes.
    """

    left: str
    expression: Expr
    digits: int | None = None
    neural_terms: tuple[str, ...] = ()
    size: int = 20


@dataclass
class FormulaCache:
    """Formulas that were asked for. What is missing is collected, to be made in one job."""

    _made: OrderedDict[FormulaRequest, Formula] = field(default_factory=OrderedDict)
    _missing: dict[FormulaRequest, None] = field(default_factory=dict)
    _failures: dict[FormulaRequest, int] = field(default_factory=dict)

    def get(self, request: FormulaRequest) -> Formula | None:
        """The formula, or None while it is being made."""
        found = self._made.get(request)
        if found is None:
            self._missing[request] = None
        else:
            self._made.move_to_end(request)
        return found

    def take_missing(self) -> tuple[FormulaRequest, ...]:
        """What was asked for and is not there; the list starts anew."""
        missing = tuple(self._missing)
        self._missing.clear()
        return missing

    def missed(self, requests: tuple[FormulaRequest, ...]) -> bool:
        """The job that was to make them failed; after ``_TRIES`` times they are shown as text.

        Returns
        -------
        bool
            Whether some are given up.
        """
        for request in requests:
            self._failures[request] = self._failures.get(request, 0) + 1
        lost = [request for request in requests if self._failures[request] >= _TRIES]
        self.put({request: Formula(to_text(request.expression), "") for request in lost})
        return bool(lost)

    def put(self, made: Mapping[FormulaRequest, Formula]) -> None:
        self._made.update(made)
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)


def typeset(requests: tuple[FormulaRequest, ...], *, reporter: Reporter) -> dict[FormulaRequest, Formula]:
    """Typeset formulas; one that cannot be drawn keeps its LaTeX and has no picture."""
    made: dict[FormulaRequest, Formula] = {}
    for request in requests:
        if reporter.should_stop():
            break
        made[request] = _typeset_one(request)
    return made


def _typeset_one(request: FormulaRequest) -> Formula:
    from ziamath.config import config
    from ziamath.zmath import Latex

    from ndestudio.expression import to_latex

    config.svg2 = False  # glyphs as paths: Qt draws SVG Tiny, which has no symbols
    expression, symbols = _boxed(request.expression, request.neural_terms)
    latex = to_latex(expression, symbols=symbols, digits=request.digits)
    if request.left:
        latex = f"{request.left} = {latex}"
    try:
        svg = Latex(latex, size=request.size, color="#000000").svg()
    except Exception:
        _log.warning("cannot draw the formula %s", latex, exc_info=True)
        svg = ""
    return Formula(latex, svg)


def _boxed(expression: Expr, neural_terms: tuple[str, ...]) -> tuple[Expr, dict[str, str]]:
    """Calls of neural terms become names that are typeset as boxes around the call."""
    from ndestudio.expression import to_latex

    symbols: dict[str, str] = {}

    def box(node: Expr) -> Expr:
        if not isinstance(node, Call) or node.function not in neural_terms:
            return node
        name = f"neural_term{len(symbols)}"
        symbols[name] = rf"{{\color{{{BOX_COLOUR}}}\boxed{{{to_latex(node, symbols=symbols)}}}}}"
        return Name(name)

    return (transform(expression, box), symbols) if neural_terms else (expression, symbols)
