"""How figures are written: size, letters, lines, colours (the `[export.style]` table of a spec)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Palette: TypeAlias = Literal["okabe-ito", "bright", "grey"]

WIDTHS: dict[str, float] = {"single": 90.0, "one-and-a-half": 140.0, "double": 190.0}
"""Widths of journal columns in mm (Elsevier, "Artwork sizing"; those of others are within 5 mm or can be given as a number)."""

PALETTES: dict[Palette, tuple[str, ...]] = {
    "okabe-ito": ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6a00", "#5c6777"),
    "bright": ("#4477aa", "#ee6677", "#228833", "#aa3377", "#ccbb44", "#66ccee", "#bbbbbb"),
    "grey": ("#1a1a1a", "#777777", "#444444", "#a0a0a0"),
}
"""Okabe and Ito 2008, "Color Universal Design", its yellow, which is hard to see on paper, darkened; Paul Tol 2021, "Colour
schemes", bright. The common forms of colour blindness keep both apart. Grey ones are told apart by their dashes too."""


class FigureStyle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the figures of `run`, of the report and of the window are written.

    Attributes
    ----------
    width
        `single`, `one-and-a-half` or `double` column of a journal (90, 140, 190 mm), or a number of mm.
    height
        Factor of the height; 1 is that of each figure.
    font_size
        In points; tick labels are a point smaller.
    font
        Family of the letters; where it is not installed, the sans-serif one that comes with the program.
    line_width
        In points.
    palette
        Colours. The first two are safe for the colour-blind, `grey` for printing without colour.
    legend
        Whether there is one.
    titles
        Whether figure and panels have a title; journals want them in the caption.
    dpi
        Dots per inch of PNG files and of what is kept as dots within the others.
    """

    width: float | Literal["single", "one-and-a-half", "double"] = "double"
    height: float = 1.0
    font_size: float = 9.0
    font: str = "sans-serif"
    line_width: float = 1.3
    palette: Palette = "okabe-ito"
    legend: bool = True
    titles: bool = True
    dpi: float = 200.0

    @property
    def millimetres(self) -> float:
        """Width in mm."""
        return WIDTHS[self.width] if isinstance(self.width, str) else float(self.width)

    @property
    def colours(self) -> tuple[str, ...]:
        """Those of the palette."""
        return PALETTES[self.palette]


_RANGES = {"height": (0.2, 5.0), "font_size": (3.0, 40.0), "line_width": (0.1, 10.0), "dpi": (30.0, 1200.0)}


def check_style(style: FigureStyle) -> None:
    """Refuse what cannot be drawn.

    Raises
    ------
    ValueError
        Naming the setting and what it may be.
    """
    if not isinstance(style.width, str) and not 30.0 <= style.width <= 1000.0:
        raise ValueError(f"`width` must be 30 to 1000 mm, or one of {', '.join(WIDTHS)}; found {style.width:g}")
    for name, (low, high) in _RANGES.items():
        value = getattr(style, name)
        if not low <= value <= high:
            raise ValueError(f"`{name}` must be {low:g} to {high:g}; found {value:g}")
    if not style.font.strip():
        raise ValueError('`font` must name a family, as "serif" or "Helvetica"')
