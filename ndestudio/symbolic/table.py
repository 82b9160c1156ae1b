"""A front as a small table: rows for loops, polars for analysis, HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from ndestudio.symbolic.front import Candidate, Front

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class FrontRow:
    """One member of a front; `loss` and `held_out` are NMSE, `chosen` marks the default choice.

    The formulas of several targets stand in one text, separated by semicolons; of a template the whole formula, and after
    `where` each unknown function and parameter.
    """

    complexity: int
    loss: float
    held_out: float | None
    score: float
    formula: str
    chosen: bool


def _text(candidate: Candidate) -> str:
    from ndestudio.expression import to_text

    whole = "; ".join(map(to_text, candidate.expressions))
    parts = ", ".join(f"{name} = {to_text(part)}" for name, part in candidate.parts.items())
    return f"{whole} where {parts}" if parts else whole


class FrontTable(Sequence[FrontRow]):
    """The rows of a front by rising complexity.

    Parameters
    ----------
    front : Front
        What a search returned.
    """

    COLUMNS = ("complexity", "loss", "held_out", "score", "formula", "chosen")

    def __init__(self, front: Front) -> None:
        self._rows = tuple(
            FrontRow(c.complexity, c.loss, c.held_out, c.score, _text(c), index == front.best)
            for index, c in enumerate(front.candidates)
        )

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> FrontRow: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[FrontRow, ...]: ...

    def __getitem__(self, index: int | slice) -> FrontRow | tuple[FrontRow, ...]:
        return self._rows[index]

    def __iter__(self) -> Iterator[FrontRow]:
        return iter(self._rows)

    def column(self, name: str) -> list:
        """Values of one column.

        Parameters
        ----------
        name : str
            One of ``COLUMNS``.

        Returns
        -------
        list
            One value per row.
        """
        if name not in self.COLUMNS:
            raise KeyError(f"no column `{name}`; there are {', '.join(self.COLUMNS)}")
        return [getattr(row, name) for row in self._rows]

    def to_polars(self) -> polars.DataFrame:
        """The table as a polars data frame (`.to_pandas()` of it where pandas is wanted)."""
        import polars

        types = {
            "complexity": polars.Int64,
            "loss": polars.Float64,
            "held_out": polars.Float64,
            "score": polars.Float64,
            "formula": polars.String,
            "chosen": polars.Boolean,
        }
        return polars.DataFrame({name: self.column(name) for name in self.COLUMNS}, schema=types)

    def __repr__(self) -> str:
        lines = ["  complexity        loss    held out     score  formula"]
        for row in self._rows:
            held_out = "" if row.held_out is None else f"{row.held_out:.4g}"
            mark = ">" if row.chosen else " "
            lines.append(
                f"{mark} {row.complexity:>10} {row.loss:>11.4g} {held_out:>11} {row.score:>9.4g}  {row.formula}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in self.COLUMNS[:-1])
        body = []
        for row in self._rows:
            held_out = "" if row.held_out is None else f"{row.held_out:.4g}"
            cells = (str(row.complexity), f"{row.loss:.4g}", held_out, f"{row.score:.4g}")
            numbers = "".join(f"<td style='text-align:right'>{cell}</td>" for cell in cells)
            style = " style='font-weight:bold'" if row.chosen else ""
            body.append(
                f"<tr{style}>{numbers}<td style='text-align:left'><code>{html.escape(row.formula)}</code></td></tr>"
            )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
