"""The steps of a training or a search as a row: what is over, what goes on, what is still to come; time and rest."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ndestudio.gui.building import label, row
from ndestudio.gui.status import duration
from ndestudio.gui.theme import GRID, Colours, colours, follow
from ndestudio.session.durations import Rest, words
from ndestudio.session.training.state import StageRow

_HEIGHT = 44
_DOT = 16.0
_REST_TIP = "By the times of earlier runs of about this size with these settings; before there are any, by what is done"


class Steps(QWidget):
    """Painted: a dot for each step on a line, its title and its seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._stages: tuple[StageRow, ...] = ()
        self._fraction: float | None = None
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Stages")
        follow(self, self.update)

    def show_stages(self, stages: tuple[StageRow, ...], fraction: float | None) -> None:
        if stages != self._stages or fraction != self._fraction:
            self._stages, self._fraction = stages, fraction
            active = next((stage.title for stage in stages if stage.state == "active"), "")
            self.setAccessibleDescription(f"Now: {active}" if active else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(96 * max(1, len(self._stages)), _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(56 * max(1, len(self._stages)), _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = colours()
        for position, stage in enumerate(self._stages):
            box = self._box(position)
            if position:
                self._join(painter, c, box, stage)
            self._paint_dot(painter, c, QPointF(box.left() + _DOT / 2 + 1, 13), stage)
            self._paint_words(painter, c, box, stage)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            for position, stage in enumerate(self._stages):
                if self._box(position).contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), f"{stage.title}: {stage.text}", self)
                    return True
        return super().event(event)

    def _box(self, position: int) -> QRectF:
        width = self.width() / max(1, len(self._stages))
        return QRectF(position * width, 0, width, self.height())

    def _join(self, painter: QPainter, c: Colours, box: QRectF, stage: StageRow) -> None:
        title = self._stages[self._stages.index(stage) - 1].title
        start = box.left() - box.width() + _DOT + 8
        painter.setPen(QPen(QColor(c.accent if stage.state in ("active", "done") else c.border), 1))
        del title
        painter.drawLine(QPointF(start, 13), QPointF(box.left() - 5, 13))

    def _paint_dot(self, painter: QPainter, c: Colours, centre: QPointF, stage: StageRow) -> None:
        circle = QRectF(centre.x() - _DOT / 2, centre.y() - _DOT / 2, _DOT, _DOT)
        match stage.state:
            case "done":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(c.accent))
                painter.drawEllipse(circle)
                painter.setPen(QPen(QColor(c.accent_text), 1.6))
                painter.drawPolyline(
                    [centre + QPointF(-3.5, 0), centre + QPointF(-1, 2.8), centre + QPointF(3.6, -2.8)]
                )
            case "active":
                painter.setPen(QPen(QColor(c.border), 2.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                ring = circle.adjusted(1, 1, -1, -1)
                painter.drawEllipse(ring)
                painter.setPen(QPen(QColor(c.accent), 2.5))
                share = 0.25 if self._fraction is None else max(0.03, self._fraction)
                start = 90 * 16 if self._fraction is not None else round(90 - stage.seconds * 180) * 16
                painter.drawArc(ring, start, -round(360 * 16 * share))
            case _:
                painter.setPen(QPen(QColor(c.border), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(circle.adjusted(2, 2, -2, -2))
                if stage.state == "skipped":
                    painter.drawLine(centre + QPointF(-3, 0), centre + QPointF(3, 0))

    def _paint_words(self, painter: QPainter, c: Colours, box: QRectF, stage: StageRow) -> None:
        font = QFont(self.font())
        font.setPointSizeF(9)
        font.setBold(stage.state == "active")
        painter.setFont(font)
        painter.setPen(QColor(c.text if stage.state in ("active", "done") else c.muted))
        words = stage.title
        if stage.state in ("active", "done"):
            words += f"  {seconds(stage.seconds)}"
        words = QFontMetricsF(font).elidedText(words, Qt.TextElideMode.ElideRight, box.width() - 6)
        painter.drawText(QRectF(box.left(), 25, box.width(), 18), int(Qt.AlignmentFlag.AlignVCenter), words)


class StageStrip(QWidget):
    """Steps with elapsed time and rest at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = Steps()
        self.elapsed = label("", "heading")
        self.elapsed.setAccessibleName("Elapsed time")
        self.rest = label("", "muted")
        self.rest.setAccessibleName("Time until it ends")
        times = row(self.elapsed, self.rest, spacing=GRID)
        layout = row(self.steps, times, spacing=2 * GRID)
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def show_stages(
        self, stages: tuple[StageRow, ...], elapsed: float, fraction: float | None, rest: Rest | None, running: bool
    ) -> None:
        self.steps.show_stages(stages, fraction if running else None)
        self.elapsed.setText(duration(elapsed) if running and elapsed >= 1 else seconds(elapsed) if elapsed else "")
        self.rest.setText(words(rest, duration) if running else "in all" if elapsed else "")
        self.rest.setToolTip(_REST_TIP if running else "")


def seconds(value: float) -> str:
    """A short duration with a decimal where it matters."""
    return f"{value:.1f} s" if value < 10 else duration(value)
