"""The random effects of runs: how far each run is from its population, and whether they are as normal as they are taken to be."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Curve, Figure, Level, Panel, Points

if TYPE_CHECKING:
    from ndestudio.fitting.result import Population, RandomEffect
    from ndestudio.model.fitted import FittedModel

LIMIT = 1.96


def random_effects_figure(population: Population, model: FittedModel) -> Figure | None:
    """For each effect that is seen its values in the runs, and their normal quantiles; None where there is none."""
    # of occasions there are several in a run; they are told in the caption
    shown = [one for one in population.effects if one.seen and one.state in model.system.states and not one.occasion]
    if not shown or not model.initial:
        return None
    panels: list[Panel] = []
    for one in shown:
        k = model.system.states.index(one.state)
        values = np.array([start[k] for start in model.initial.values()])
        panels += [runs_panel(one, values), quantiles_panel(one, values)]
    caption = (
        "Random effects. Left: estimated deviation of each run, in the order of the data; 95% of the population lie within the dashed "
        "limits. Right: deviations over the spread of the population against normal quantiles; without shrinkage normal ones lie on the "
        "line, and shrunken ones on a flatter one. " + " ".join(population.sentences())
    )
    return Figure("random effects", "random_effects", "Random effects", caption, tuple(panels), columns=2, ratio=0.34)


def runs_panel(effect: RandomEffect, values: Float[np.ndarray, " run"]) -> Panel:
    """The deviation of each run."""
    runs = np.arange(1.0, len(values) + 1.0)
    marks = (
        Level(0.0, dash=False, guest=False),
        Level(LIMIT * effect.sd, guest=False),
        Level(-LIMIT * effect.sd, guest=False),
        Points(runs, values, 0),
    )
    return Panel(Axis("run", whole=True), Axis(effect.state), marks)


def quantiles_panel(effect: RandomEffect, values: Float[np.ndarray, " run"]) -> Panel:
    """Ordered deviations over the spread against normal quantiles (QQ plot)."""
    count = len(values)
    expected = np.array([NormalDist().inv_cdf(k) for k in (np.arange(count) + 0.625) / (count + 0.25)])
    ends = expected[[0, -1]]
    marks = (Curve(ends, ends, "muted", dash=True), Points(expected, np.sort(values) / effect.sd, 0))
    return Panel(Axis("normal quantile"), Axis(f"{effect.state} / spread"), marks)
