"""Shows typeset formulas. The pictures were made on a worker; here they are only recoloured and drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ndestudio.gui.building import discard
from ndestudio.gui.theme import GRID, colours, follow
from ndestudio.session.formulas import BOX_COLOUR, Formula


class MathView(QWidget):
    """One formula, shrunk to the width there is; its LaTeX can be copied. Signals: clicked()."""

    clicked = Signal()

    def __init__(self, *, scale: float = 1.0, align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__()
        self._formula: Formula | None = None
        self._renderer: QSvgRenderer | None = None
        self._scale = scale
        self._align = align
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        follow(self, self._restyle)

    @property
    def formula(self) -> Formula | None:
        return self._formula

    def show_formula(self, formula: Formula | None) -> None:
        """Show a formula; None keeps the older one (its successor is being drawn)."""
        if formula is None or formula == self._formula:
            return
        self._formula = formula
        self.setAccessibleName("Formula")
        self.setAccessibleDescription(formula.latex)
        self._restyle()

    def clear(self) -> None:
        self._formula = self._renderer = None
        self.updateGeometry()
        self.update()

    def _restyle(self) -> None:
        if self._formula is None or not self._formula.svg:
            self._renderer = None
        else:
            c = colours()
            svg = self._formula.svg.replace("#000000", c.text).replace(BOX_COLOUR, c.curves[1])
            self._renderer = QSvgRenderer(QByteArray(svg.encode()))
        self.updateGeometry()
        self.update()

    def _natural(self) -> QSize:
        if self._renderer is None:
            return QSize(40, round(28 * self._scale))
        size = self._renderer.defaultSize()
        return QSize(round(size.width() * self._scale), round(size.height() * self._scale))

    def sizeHint(self) -> QSize:
        return self._natural()

    def minimumSizeHint(self) -> QSize:
        return QSize(min(80, self._natural().width()), min(20, self._natural().height()))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        natural = self._natural()
        return max(16, round(natural.height() * min(1.0, width / max(1, natural.width()))))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._renderer is not None:
            natural = self._natural()
            factor = min(1.0, self.width() / max(1, natural.width()), self.height() / max(1, natural.height()))
            width, height = natural.width() * factor, natural.height() * factor
            x = (self.width() - width) / 2 if self._align == Qt.AlignmentFlag.AlignHCenter else 0.0
            self._renderer.render(
                painter,
                QRectF(QPointF(x, (self.height() - height) / 2), QSize(1, 1)).adjusted(0, 0, width - 1, height - 1),
            )
        elif self._formula is not None:
            painter.setPen(colours().muted)
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), self._formula.latex)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit()
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._formula is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        latex = self._formula.latex
        menu.addAction("Copy LaTeX").triggered.connect(lambda: QGuiApplication.clipboard().setText(latex))
        menu.popup(event.globalPos())


class MathList(QScrollArea):
    """Formulas below each other. Signals: clicked(position)."""

    clicked = Signal(int)

    def __init__(self, name: str, *, scale: float = 1.0) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scale = scale
        self.views: list[MathView] = []
        inner = QWidget()
        self._layout = QVBoxLayout(inner)
        self._layout.setContentsMargins(GRID, GRID, GRID, GRID)
        self._layout.setSpacing(2 * GRID)
        self._layout.addStretch(1)
        self.setWidget(inner)

    def show_formulas(self, formulas: Sequence[Formula | None]) -> None:
        """Show these; None leaves the older picture at its place until the new one is there."""
        while len(self.views) > len(formulas):
            discard(self.views.pop())
        while len(self.views) < len(formulas):
            view = MathView(scale=self._scale)
            position = len(self.views)
            view.clicked.connect(lambda position=position: self.clicked.emit(position))
            self._layout.insertWidget(position, view)
            self.views.append(view)
        for view, formula in zip(self.views, formulas, strict=True):
            view.show_formula(formula)
