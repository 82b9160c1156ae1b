"""How a formula follows its neural term: value against value, along each argument, and what is left."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ndestudio.figures.description import Axis, Panel
from ndestudio.figures.term_fit import FormulaFit, parity_panel, residual_panel, slice_panel
from ndestudio.gui.building import choose, combo, quiet, row
from ndestudio.gui.theme import GRID
from ndestudio.gui.widgets.elided import ElidedLabel
from ndestudio.gui.widgets.plots.plot import Plot


class FormulaFitPlot(QWidget):
    """Up to two formulas: the one looked at, and the pinned one."""

    def __init__(self) -> None:
        super().__init__()
        self._fit: FormulaFit | None = None
        self._other: FormulaFit | None = None
        self.box = combo((), "What is shown", "Network and formula, along an argument or against each other")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.caption = ElidedLabel()
        self.plot = Plot("Formula and network")
        self.plot.show_legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID // 2)
        choosers = row(self.box, self.caption)
        choosers.setStretch(1, 1)
        layout.addLayout(choosers)
        layout.addWidget(self.plot, 1)
        self.box.currentIndexChanged.connect(self._on_box)

    def show_fit(self, fit: FormulaFit | None, other: FormulaFit | None) -> None:
        """Draw a fit, and a second one to compare; the same ones again cost nothing."""
        if fit is self._fit and other is self._other:
            return
        self._fit, self._other = fit, other
        if fit is not None:
            self._show_choices(fit)
        self._draw()

    def _show_choices(self, fit: FormulaFit) -> None:
        wanted = [(f"along {name}", f"along {name}") for name in fit.arguments]
        wanted += [("formula against network", "parity")]
        wanted += [(f"residuals along {name}", f"residual {name}") for name in fit.arguments]
        if [self.box.itemData(i) for i in range(self.box.count())] != [value for _, value in wanted]:
            with quiet(self.box):
                kept = self.box.currentData()
                self.box.clear()
                for text, value in wanted:
                    self.box.addItem(text, value)
                choose(self.box, kept or (wanted[0][1] if len(fit.arguments) == 1 else "parity"))

    def _on_box(self) -> None:
        self._draw()
        self.plot.fit()

    def _draw(self) -> None:
        fit, mode = self._fit, str(self.box.currentData() or "")
        words = ""
        if fit is None:
            panel = Panel(Axis(), Axis())
        elif mode.startswith("along "):
            position = fit.arguments.index(mode.removeprefix("along "))
            panel = slice_panel(fit, position, self._other)
            held = ", ".join(f"{key} = {value:.4g}" for key, value in fit.slices[position].held.items())
            words = f"at {held}; dashed where no data support it" if held else "dashed where no data support it"
        elif mode.startswith("residual "):
            panel = residual_panel(fit, fit.arguments.index(mode.removeprefix("residual ")), self._other)
        else:
            panel = parity_panel(fit, self._other)
        self.caption.show_text(words, "muted")
        self.plot.show_panel(panel)
