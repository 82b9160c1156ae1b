"""The Pareto front: error against complexity. Two errors: on the samples of the neural term, and of the whole model simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Curve, Figure, Mark, Note, Panel, Points
from ndestudio.figures.text import slug

Shown: TypeAlias = Literal["both", "neural_term", "simulated"]

SMALLEST = 1e-9
"""Smaller relative errors are rounding."""


class Formula(Protocol):
    """What is shown of a formula of the front.

    `loss` is its normalised mean square error on the samples of the term, `trajectory_error` the mean NRMSE of the whole model
    with it (None while unknown).
    """

    @property
    def complexity(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def trajectory_error(self) -> float | None: ...
    @property
    def on_front(self) -> bool: ...


@dataclass(frozen=True)
class FrontFormula:
    """A formula of a finished search."""

    complexity: int
    loss: float
    trajectory_error: float | None = None
    on_front: bool = True


@dataclass(frozen=True)
class Place:
    """Where a formula is drawn; `index` among the formulas given."""

    index: int
    complexity: float
    error: float


def front_figure(term: str, formulas: Sequence[Formula], chosen: int, text: str = "") -> Figure:
    """The front of a neural term.

    Parameters
    ----------
    chosen
        Index of the formula in use, -1 for none.
    text
        That formula, written beside its point.
    """
    panel = front_panel(formulas, selected=chosen, words=_shortened(text, 46), ring="chosen")
    caption = (
        f"Pareto front of {term}: relative error of each formula against its complexity, on samples of the neural term and, where "
        "known, of the whole model simulated with it."
    )
    return Figure("front", f"pareto_{slug(term)}", f"Pareto front of {term}", caption, (panel,), ratio=0.5)


def front_panel(
    formulas: Sequence[Formula],
    shown: Shown = "both",
    *,
    selected: int = -1,
    pinned: int = -1,
    marked: int = -1,
    words: str = "",
    ring: str = "",
) -> Panel:
    """Errors are relative root-mean-square errors: sqrt(NMSE) of the term, NRMSE of the simulated trajectories.

    Parameters
    ----------
    selected, pinned
        Indices of formulas with a ring and a frame around them, -1 for none. ring: what the ring means, for the legend.
    marked
        Index of the formula that `words` stand at, -1: the selected one.
    """
    term = [(f.complexity, _of_term(f)) for f in formulas if f.on_front] if shown != "simulated" else []
    extra = [(f.complexity, _of_term(f)) for f in formulas if not f.on_front] if shown != "simulated" else []
    whole = (
        [(f.complexity, _simulated(f)) for f in formulas if np.isfinite(_simulated(f))]
        if shown != "neural_term"
        else []
    )
    term_x, term_y = _columns(term)
    all_x, all_y = _columns(term + extra)
    sim_x, sim_y = _columns(sorted(whole))
    marks: list[Mark] = [
        Curve(*_staircase(term_x, term_y), 0, faint=True),
        Points(all_x, all_y, 0, "neural term" if len(all_x) else ""),
        Curve(*_staircase(*_best_so_far(sim_x, sim_y)), 1, faint=True),
        Points(sim_x, sim_y, 1, "simulated" if len(sim_x) else "", "diamond"),
    ]
    places = front_places(formulas, shown)
    ringed, framed = (_columns([(p.complexity, p.error) for p in places if p.index == k]) for k in (selected, pinned))
    marks.append(Points(*ringed, "accent", ring if len(ringed[0]) else "", "ring"))
    link = ringed if len(ringed[0]) == 2 else _columns([])
    marks += [Curve(*link, "accent", dash=True), Points(*framed, "muted", symbol="frame")]
    at = [place for place in places if place.index == (marked if marked >= 0 else selected)]
    if words and at:
        marks.append(Note(at[0].complexity, max(place.error for place in at), words, "accent"))
    return Panel(Axis("complexity", whole=True), Axis("relative error", log=True), tuple(marks))


def front_places(formulas: Sequence[Formula], shown: Shown = "both") -> list[Place]:
    """Every point that is drawn."""
    found = []
    for index, one in enumerate(formulas):
        errors = (_of_term(one), shown != "simulated"), (_simulated(one), shown != "neural_term")
        found += [Place(index, float(one.complexity), e) for e, wanted in errors if wanted and np.isfinite(e)]
    return found


def _of_term(one: Formula) -> float:
    return max(float(np.sqrt(max(one.loss, 0.0))), SMALLEST) if np.isfinite(one.loss) else float("nan")


def _simulated(one: Formula) -> float:
    error = one.trajectory_error
    return max(error, SMALLEST) if error is not None and np.isfinite(error) else float("nan")


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    table = np.array(pairs, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _best_so_far(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those that are better than every simpler one."""
    if not len(x):
        return x, y
    best = np.minimum.accumulate(y)
    keep = np.concatenate([[True], y[1:] < best[:-1]])
    return x[keep], y[keep]


def _staircase(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (x, y) if len(x) < 2 else (np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1])


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
