"""Losses along a training: one pair of curves for each stage, side by side in the order they were run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from ndestudio.gui.theme import Colours
from ndestudio.gui.widgets.log_axis import LogAxis
from ndestudio.gui.widgets.plot import Plot
from ndestudio.session.progression import TRAINING
from ndestudio.session.train_state import CheckpointRow, LossCurve

_SMALLEST = 1e-12
_NARROW = 0.16
_FLATTEST = 0.3
"""Decades shown at least: a loss that stays where it is looks so, whatever its last digits do."""


@dataclass
class _Items:
    train: pg.PlotDataItem
    validation: pg.PlotDataItem
    border: pg.InfiniteLine
    title: pg.TextItem


class LossPlot(Plot):
    """Logarithmic; losses compare within a stage, so stages are set apart by lines."""

    def __init__(self) -> None:
        super().__init__("Loss", "step", "loss (relative)")
        self.use_axis("left", LogAxis("left"))
        self.item.getViewBox().setLimits(minYRange=_FLATTEST)
        self._items: list[_Items] = []
        self._curves: tuple[LossCurve, ...] = ()
        self._moment = pg.InfiniteLine(angle=90)
        self.item.addItem(self._moment, ignoreBounds=True)
        self._moment.hide()
        self.styled(lambda c: self._moment.setPen(pg.mkPen(c.accent, width=1)))
        legend = self.show_legend()
        for name, dash in (("training", False), ("validation", True)):
            legend.addItem(self.curve(lambda c, dash=dash: c.curves[1 if dash else 0], dash=dash), name)

    def show_curves(self, curves: tuple[LossCurve, ...]) -> None:
        """Draw the curves; items are reused."""
        if curves is self._curves:
            return
        self._curves = curves
        while len(self._items) < len(curves):
            self._items.append(self._make())
        start, previous = 0.0, ""
        total, bottom = _steps(curves), _lowest(curves)
        for items, curve in zip(self._items, curves, strict=False):
            x = start + curve.iteration - (curve.iteration[0] if len(curve.iteration) else 0.0)
            for item, values in ((items.train, curve.loss), (items.validation, curve.validation)):
                item.setData(x, _log(values), connect="finite")
            items.border.setPos(start)
            new = curve.stage != previous
            items.border.setVisible(start > 0 and new)
            items.title.setText(TRAINING.get(curve.stage, (curve.stage, ""))[0])
            items.title.setVisible(new and _steps(curves, curve.stage) > _NARROW * total)
            items.title.setPos(start, bottom)
            previous = curve.stage
            start = float(x[-1]) + max(1.0, 0.02 * float(x[-1])) if len(x) else start
        for items in self._items[len(curves) :]:
            items.train.setData([], [])
            items.validation.setData([], [])
            items.border.hide()
            items.title.hide()

    def show_moment(self, moment: CheckpointRow | None) -> None:
        """Mark the step that is looked at; None: none. Where a stage was run twice, it is the run with that loss."""
        places: list[tuple[float, float]] = []
        start = 0.0
        for curve in self._curves:
            first = float(curve.iteration[0]) if len(curve.iteration) else 0.0
            last = float(curve.iteration[-1]) if len(curve.iteration) else 0.0
            if moment is not None and curve.stage == moment.stage and first <= moment.iteration <= last:
                loss = float(np.interp(moment.iteration, curve.iteration, curve.loss))
                distance = abs(loss - moment.loss)
                places.append((distance if np.isfinite(distance) else np.inf, start + moment.iteration - first))
            start += last - first
            start += max(1.0, 0.02 * start)
        self._moment.setVisible(bool(places))
        if places:
            self._moment.setPos(min(places)[1])

    def _make(self) -> _Items:
        train = self.curve(lambda c: c.curves[0])
        validation = self.curve(lambda c: c.curves[1], dash=True)
        border = pg.InfiniteLine(angle=90)
        title = pg.TextItem("", anchor=(0, 1))
        title.setZValue(10)
        self.item.addItem(border, ignoreBounds=True)
        self.item.addItem(title, ignoreBounds=True)

        def restyle(c: Colours) -> None:
            border.setPen(pg.mkPen(c.border, width=1))
            title.setColor(QColor(c.muted))
            veil = QColor(c.surface)
            veil.setAlphaF(0.8)
            title.fill = pg.mkBrush(veil)

        self.styled(restyle)
        return _Items(train, validation, border, title)


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(values), np.log10(np.maximum(values, _SMALLEST)), np.nan)


def _steps(curves: tuple[LossCurve, ...], stage: str | None = None) -> float:
    """Steps in all, or of one stage."""
    shown = [one for one in curves if (stage is None or one.stage == stage) and len(one.iteration)]
    return float(sum(one.iteration[-1] - one.iteration[0] for one in shown)) or 1.0


def _lowest(curves: tuple[LossCurve, ...]) -> float:
    every = [_log(one.loss) for one in curves if len(one.loss)]
    known = np.concatenate(every) if every else np.zeros(1)
    known = known[np.isfinite(known)]
    return float(known.min()) if len(known) else 0.0
