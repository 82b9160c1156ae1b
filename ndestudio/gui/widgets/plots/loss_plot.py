"""Losses along a training: one pair of curves for each stage, side by side in the order they were run."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from ndestudio.figures.loss import LossCurve, loss_panel, loss_starts
from ndestudio.gui.widgets.plots.plot import Plot
from ndestudio.session.stage_progress import TRAINING
from ndestudio.session.training.state import CheckpointRow

_TITLES = {stage: title for stage, (title, _) in TRAINING.items()}


class LossPlot(Plot):
    """Logarithmic; losses compare within a stage, so stages are set apart by lines."""

    def __init__(self) -> None:
        super().__init__("Loss", "step", "loss (relative)")
        self._curves: tuple[LossCurve, ...] = ()
        self._moment = pg.InfiniteLine(angle=90)
        self.item.addItem(self._moment, ignoreBounds=True)
        self._moment.hide()
        self.styled(lambda c: self._moment.setPen(pg.mkPen(c.accent, width=1)))
        self.show_legend()
        self.show_panel(loss_panel(()))

    def show_curves(self, curves: tuple[LossCurve, ...]) -> None:
        """Draw the curves; the same ones again cost nothing."""
        if curves is not self._curves:
            self._curves = curves
            self.show_panel(loss_panel(curves, _TITLES))

    def show_moment(self, moment: CheckpointRow | None) -> None:
        """Mark the step that is looked at; None: none. Where a stage was run twice, it is the run with that loss."""
        places: list[tuple[float, float]] = []
        for start, curve in zip(loss_starts(self._curves), self._curves, strict=True):
            first = float(curve.iteration[0]) if len(curve.iteration) else 0.0
            last = float(curve.iteration[-1]) if len(curve.iteration) else 0.0
            if moment is not None and curve.stage == moment.stage and first <= moment.iteration <= last:
                loss = float(np.interp(moment.iteration, curve.iteration, curve.loss))
                distance = abs(loss - moment.loss)
                places.append((distance if np.isfinite(distance) else np.inf, start + moment.iteration - first))
        self._moment.setVisible(bool(places))
        if places:
            self._moment.setPos(min(places)[1])
