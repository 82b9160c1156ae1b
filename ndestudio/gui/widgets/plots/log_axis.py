"""Axes with few, round labels: logarithmic ones, and those of whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg

from ndestudio.figures.text import short_number

_PIXELS, _WIDE = 26, 60
"""Of a label on an axis that stands, and one that lies."""


class LogAxis(pg.AxisItem):
    """Decades are labelled; 2 and 5 too where there are few decades, all digits where there is none."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:
        low, high = min(minVal, maxVal), max(minVal, maxVal)
        if not np.isfinite([low, high]).all() or high - low > 300:
            return []
        room = max(2.0, size / (_PIXELS if self.orientation in ("left", "right") else _WIDE))
        decades = np.arange(np.floor(low), np.ceil(high) + 1)
        shown = decades[(decades >= low) & (decades <= high)]
        if len(shown) >= 3 or (len(shown) == 2 and room < 5):
            step = int(np.ceil(len(shown) / room))
            major = shown[shown % step == 0]
            return [(1.0, [float(v) for v in major])]
        for digits in (
            (1, 2, 5),
            (1, 2, 3, 4, 5, 7),
            tuple(np.arange(10, 100, 5) / 10),
            tuple(np.arange(100, 1000, 5) / 100),
        ):
            values = [d + np.log10(digit) for d in decades for digit in digits]
            values = [float(v) for v in values if low <= v <= high]
            if len(values) >= 3:
                step = int(np.ceil(len(values) / room))
                return [(0.1, values[::step])]
        return [(1.0, [float(v) for v in np.linspace(low, high, 3)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [short_number(10.0**value) if -300 < value < 300 else "" for value in values]


class WholeAxis(pg.AxisItem):
    """Only whole numbers are labelled: half a node of a formula is none."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[Any]:
        spacings = super().tickSpacing(minVal, maxVal, size)
        return [one for one in spacings if one[0] >= 1.0] or [(1.0, 0.0)]
