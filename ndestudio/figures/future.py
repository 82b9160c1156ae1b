"""The future of one run as a model with an encoder predicts it: bands, the history shaded, another dose beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.figures.description import Axis, Band, Curve, Figure, Mark, Panel, Points, Span
from ndestudio.figures.text import slug
from ndestudio.figures.trajectories import moments
from ndestudio.fitting.latent.result import RunPrediction

SHOWN = 6
"""Measured columns of a figure, where nobody chose some: those with the most values in the run."""
POINTS = 120


def future_figure(
    dataset: Dataset,
    run: Trajectory,
    prediction: RunPrediction,
    other: RunPrediction | None = None,
    columns: Sequence[str] = (),
    *,
    hidden: bool = True,
) -> Figure:
    """Panels of measured columns, and of the states that nobody measures.

    Parameters
    ----------
    other
        Of the same run under other doses (what if).
    columns
        Measured columns to show; none: ``SHOWN`` of them.
    hidden
        Show states that are not measured.
    """
    chosen = [name for name in columns if name in dataset.measured_names] or _most_measured(dataset, run)
    panels = [_measured_panel(dataset, run, name, prediction, other) for name in chosen]
    states = [name for name in prediction.state_names if hidden and name not in dataset.measured_names]
    panels += [_state_panel(dataset, name, prediction, other) for name in states]
    caption = (
        f"Run {run.name}, predicted from its history (shaded, up to {prediction.history_end:.4g}): medians, and the bands in which "
        f"{prediction.level:.0%} of measurements are expected, of states {prediction.level:.0%} of the draws. Points: measured; those "
        "after the history were not used."
    )
    if other is not None:
        caption += " Dashed: the same run under the other doses."
    return Figure(
        "future",
        f"future_{slug(run.name)}",
        f"Future of {run.name}",
        caption,
        tuple(panels),
        columns=2,
        ratio=0.4,
        share_x=True,
    )


def _most_measured(dataset: Dataset, run: Trajectory) -> list[str]:
    counts = run.present.sum(axis=0)
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    return [dataset.measured_names[k] for k in sorted(order.tolist())]


def _measured_panel(
    dataset: Dataset, run: Trajectory, name: str, prediction: RunPrediction, other: RunPrediction | None
) -> Panel:
    k, place = dataset.measured_names.index(name), prediction.measured.index(name)
    marks: list[Mark] = [_history(prediction), *moments([run], {})]
    marks.append(
        Band(
            prediction.t,
            prediction.lower[:, place],
            prediction.upper[:, place],
            0,
            f"{prediction.level:.0%} of measurements",
        )
    )
    if other is not None:
        marks.append(Band(other.t, other.lower[:, place], other.upper[:, place], 1))
    marks.append(Curve(prediction.t, prediction.median[:, place], 0, "predicted"))
    if other is not None:
        marks.append(Curve(other.t, other.median[:, place], 1, "other doses", dash=True))
    early, there = run.t < prediction.history_end, run.present[:, k]
    for rows, words, hollow in ((there & early, "measured", False), (there & ~early, "measured later", True)):
        if rows.any():
            marks.append(Points(run.t[rows], run.measured[rows, k], "data", words, hollow=hollow))
    return Panel(Axis(dataset.time.title), Axis(dataset.measured[k].title), tuple(marks))


def _state_panel(dataset: Dataset, name: str, prediction: RunPrediction, other: RunPrediction | None) -> Panel:
    place = prediction.state_names.index(name)
    marks: list[Mark] = [_history(prediction)]
    marks.append(Band(prediction.t, prediction.state_lower[:, place], prediction.state_upper[:, place], 0))
    if other is not None:
        marks.append(Band(other.t, other.state_lower[:, place], other.state_upper[:, place], 1))
    marks.append(Curve(prediction.t, prediction.states[:, place], 0))
    if other is not None:
        marks.append(Curve(other.t, other.states[:, place], 1, dash=True))
    return Panel(Axis(dataset.time.title), Axis(f"{name} (hidden)"), tuple(marks))


def _history(prediction: RunPrediction) -> Span:
    return Span(float(prediction.t[0]), prediction.history_end, "muted", "history")
