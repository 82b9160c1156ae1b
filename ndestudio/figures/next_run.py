"""The run that would tell apart the laws which the data leave: what each of them predicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.suggested import NextRun, SuggestedRun
from ndestudio.figures.description import Axis, Curve, Figure, Level, Mark, Panel

MOST_LAWS = 6
LONGEST = 34
"""Letters of a formula in the legend."""


def next_run_figure(found: NextRun, dataset: Dataset) -> Figure | None:
    """Predictions of the first run by each law, a panel for each measured column; None where no run is suggested."""
    if not found.runs:
        return None
    run = found.runs[0]
    panels = tuple(next_run_panel(found, run, dataset, k) for k in range(len(dataset.measured)))
    start = ", ".join(f"{name} = {value:.4g}" for name, value in {**run.start, **run.inputs}.items())
    caption = f"The suggested run from {start}, as each of the laws that the data leave predicts it. {found.sentence}"
    ratio = 0.32 if len(panels) < 3 else 0.24
    return Figure("next run", "next_run", "What to measure next", caption, panels, ratio=ratio, share_x=True)


def next_run_panel(found: NextRun, run: SuggestedRun, dataset: Dataset, position: int, *, named: bool = False) -> Panel:
    """A measured column; a line stands where the two laws of the sentence part most.

    Parameters
    ----------
    position
        Of the column among the measured ones.
    named
        Whether the laws are named in the legend of a later column too.
    """
    column, pair = dataset.measured[position], found.pair
    names = law_names(found)
    marks: list[Mark] = [
        Curve(run.t, values[:, position], colour, names[colour] if named or not position else "", dash=colour > 0)
        for colour, values in enumerate(run.predictions[:MOST_LAWS])
    ]
    if pair is not None and run is found.runs[0] and pair.column == column.name:
        marks.append(Level(pair.time, "x"))
    return Panel(Axis(dataset.time.title), Axis(column.title, limits=_in_view(run, position)), tuple(marks))


def law_names(found: NextRun) -> list[str]:
    """Of each law the formulas in which it differs from another, shortened for a legend."""
    terms = [name for name in _all(found.formulas) if len({one.get(name) for one in found.formulas}) > 1]
    return [_shortened("; ".join(one[name] for name in terms if name in one)) for one in found.formulas]


def _all(formulas: tuple[Mapping[str, str], ...]) -> list[str]:
    return list(dict.fromkeys(name for one in formulas for name in one))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _in_view(run: SuggestedRun, position: int) -> tuple[float, float] | None:
    """The range of the likeliest law and as much again to both sides: a law that runs away leaves the picture."""
    first = run.predictions[0][:, position]
    every = np.concatenate([one[:, position] for one in run.predictions[:MOST_LAWS]])
    first, every = first[np.isfinite(first)], every[np.isfinite(every)]
    if not len(first):
        return None
    width = float(first.max() - first.min()) or abs(float(first[0])) or 1.0
    low, high = max(float(every.min()), float(first.min()) - width), min(float(every.max()), float(first.max()) + width)
    return low - 0.04 * (high - low), high + 0.04 * (high - low)
