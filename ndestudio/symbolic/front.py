"""The Pareto front of a search: what every engine returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.expression.tree import Expr


@dataclass(frozen=True)
class Candidate:
    """One formula.

    Parameters
    ----------
    complexity
        Weighted size of the simplified formula, its constants included.
    loss
        Mean squared error (weighted if the rows are) over the variance of the target: dimensionless (NMSE).
    expression
        In the argument names of the problem.
    held_out
        The same measure on rows the search did not see, None without such rows.
    score
        -d(log loss)/d(complexity) against the next simpler member of the front (PySR's score).
    others
        Where several targets were searched together, the formulas of the second and further ones; ``complexity`` then
        counts a term that several use once, and ``loss`` and ``held_out`` are means over the targets.
    losses
        Loss of each target, where there are several.
    parts
        With a template, each unknown function (in its arguments) and each parameter by name; ``complexity`` is then
        that of the functions.
    """

    complexity: int
    loss: float
    expression: Expr
    held_out: float | None = None
    score: float = 0.0
    others: tuple[Expr, ...] = ()
    losses: tuple[float, ...] = ()
    parts: Mapping[str, Expr] = field(default_factory=dict, hash=False)

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The formulas of all targets, in their order."""
        return (self.expression, *self.others)


@dataclass(frozen=True)
class Front:
    """Candidates by rising complexity and falling loss.

    Parameters
    ----------
    version
        Grows with each change, so that a viewer can tell news from old.
    evaluations
        Expressions evaluated so far.
    seconds
        Wall time of the search so far.
    best
        Index of the engine's own choice, -1 while the front is empty.
    reason
        Why that one, a sentence.
    improved_evaluations, improved_seconds
        When an error of the front last fell by a hundredth or more; what came after that was stagnation.
    """

    candidates: tuple[Candidate, ...] = ()
    version: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    best: int = -1
    reason: str = ""
    improved_evaluations: int = 0
    improved_seconds: float = 0.0
