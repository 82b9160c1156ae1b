"""Losses along a training, stages side by side in the order they were run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Curve, Figure, Mark, Panel, Stretch
from ndestudio.fitting.result import StageHistory

LIKELIHOOD = "likelihood"
"""Stage of stochastic models, whose loss is minus the mean log likelihood of a transition."""
SMALLEST = 1e-12
"""Where loss axes end: smaller ones are rounding."""

_FLATTEST = 0.3
"""Decades shown at least: a loss that stays where it is looks so, whatever its last digits do."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Losses along one stage; NaN where there was no validation."""

    stage: str
    iteration: Float[np.ndarray, " step"]
    loss: Float[np.ndarray, " step"]
    validation: Float[np.ndarray, " step"]


def loss_curves(history: Sequence[StageHistory]) -> tuple[LossCurve, ...]:
    """Those of a finished training. A stage may begin anew; each attempt is a curve of its own."""
    made = []
    for stage in history:
        iteration = np.asarray(stage.iteration, float)
        cuts = np.flatnonzero(np.diff(iteration) < 0) + 1
        parts = zip(*(np.split(np.asarray(a, float), cuts) for a in (iteration, stage.loss, stage.validation_loss)))  # noqa: B905
        made += [LossCurve(stage.stage, steps, loss, held) for steps, loss, held in parts]
    return tuple(made)


def loss_figure(curves: Sequence[LossCurve], titles: Mapping[str, str] | None = None) -> Figure:
    """Parameters: titles: words for the machine names of stages."""
    caption = "Loss along the stages of training (comparable within a stage only)."
    if any(curve.stage == LIKELIHOOD for curve in curves):
        caption = "Minus the mean log likelihood of a transition along the training, in nats."
    return Figure("loss", "loss", "Training", caption, (loss_panel(curves, titles),), ratio=0.45)


def loss_panel(curves: Sequence[LossCurve], titles: Mapping[str, str] | None = None) -> Panel:
    """One pair of curves for each attempt of a stage: nothing joins the end of one to the start of the next."""
    titles = titles or {}
    lines: list[Mark] = []
    stretches: list[Stretch] = []
    previous = ""
    for start, curve in zip(loss_starts(curves), curves, strict=True):
        x = start + curve.iteration - (curve.iteration[0] if len(curve.iteration) else 0.0)
        first = not lines
        lines.append(Curve(x, floored(curve.loss), 0, "training" if first else ""))
        lines.append(Curve(x, floored(curve.validation), 1, "validation" if first else "", dash=True))
        end = float(x[-1]) if len(x) else start
        if curve.stage == previous:
            stretches[-1] = replace(stretches[-1], stop=end)
        else:
            stretches.append(Stretch(start, end, titles.get(curve.stage, curve.stage.replace("_", " "))))
        previous = curve.stage
    if any(curve.stage == LIKELIHOOD for curve in curves):
        return _likelihood_panel(curves)
    axes = Axis("step", whole=True), Axis("loss (relative)", log=True, least=_FLATTEST)
    return Panel(*axes, (*stretches, *lines))


def _likelihood_panel(curves: Sequence[LossCurve]) -> Panel:
    """Minus the log likelihood of a transition, which may be negative; the range is that of its second half and what it came down
    by since, so that the last steps are seen."""
    lines: list[Mark] = []
    shown = []
    for start, curve in zip(loss_starts(curves), curves, strict=True):
        x = start + curve.iteration - (curve.iteration[0] if len(curve.iteration) else 0.0)
        first = not lines
        held = np.isfinite(curve.validation)
        lines.append(Curve(x, curve.loss, 0, "training" if first else ""))
        lines.append(Curve(x[held], curve.validation[held], 1, "held out" if first and held.any() else "", dash=True))
        shown += [curve.loss[np.isfinite(curve.loss)], curve.validation[held]]
    values = np.concatenate(shown) if shown else np.zeros(0)
    limits = None
    if len(values) > 3:
        low, high = float(values.min()), float(np.quantile(values, 0.75))
        room = max(high - low, 1e-3 * max(abs(low), 1.0))
        limits = (low - 0.1 * room, high + 0.4 * room)
    return Panel(Axis("step", whole=True), Axis("−log likelihood", limits=limits), tuple(lines))


def loss_starts(curves: Sequence[LossCurve]) -> list[float]:
    """Where on the x axis each curve begins."""
    starts, start = [], 0.0
    for curve in curves:
        starts.append(start)
        if len(curve.iteration):
            end = start + float(curve.iteration[-1] - curve.iteration[0])
            start = end + max(1.0, 0.02 * end)
    return starts


def floored(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Values that a logarithmic axis has a place for; what is not finite is a gap."""
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(values), np.maximum(values, SMALLEST), np.nan)
