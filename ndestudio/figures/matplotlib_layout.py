"""Where panels, titles and the legend of a figure go on a sheet of matplotlib."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import GridSpec
from matplotlib.mathtext import MathTextParser
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from ndestudio.figures.description import NOTHING, Axis, Field, Figure, Panel, limits
from ndestudio.figures.matplotlib_marks import AXIS, GRID, INK, draw_mark, legend_handles
from ndestudio.figures.style import FigureStyle
from ndestudio.figures.text import plain, raised, short_number

_INCH, _POINT = 25.4, 1 / 72
_LETTER = 0.58
"""Width of a letter over the font size, about."""


def lay_out(drawing: Drawing, figure: Figure, style: FigureStyle) -> None:
    """Draw a figure on an empty sheet, which becomes as large as the style and the figure want."""
    width, em = style.millimetres / _INCH, style.font_size * _POINT
    columns = max(1, min(figure.columns, max(1, int(width / (14 * em)))))  # a narrow sheet stacks its panels
    places = _places(figure, columns)
    rows = places[-1][0] + 1 if places else 1
    panel = style.height * max((width / columns - 6 * em) * figure.ratio, 9 * em)
    labels = (rows - 1) * (1.2 if figure.share_x else 4.2) * em + 4.2 * em
    drawing.set_size_inches(width, rows * panel + labels)
    grid = GridSpec(rows, columns, figure=drawing)
    axes: list[Axes] = []
    for number, (one, (row, column, wide)) in enumerate(zip(figure.panels, places, strict=True)):
        first = (
            next((a for a, p in zip(axes, places, strict=False) if p[1] == column), None) if figure.share_x else None
        )
        ax = drawing.add_subplot(grid[row, column : column + wide], sharex=first)
        axes.append(ax)
        lowest = not any(p[1] == column for p in places[number + 1 :])
        _draw_panel(ax, one, style, label_x=lowest or not figure.share_x)
    _colour_bars(drawing, figure, axes)
    above = _head(drawing, figure, style)
    drawing.set_size_inches(width, drawing.get_figheight() + above)
    for ax in axes:
        ax.yaxis.label.set_text(_wrapped(ax.yaxis.label.get_text(), panel / em / _LETTER))
    drawing.align_ylabels(axes)


def _places(figure: Figure, columns: int) -> list[tuple[int, int, int]]:
    """(row, column, columns spanned) of each panel, in reading order."""
    found, row, column = [], 0, 0
    for panel in figure.panels:
        wide = min(panel.wide, columns)
        if column + wide > columns:
            row, column = row + 1, 0
        found.append((row, column, wide))
        column += wide
    return found


def _draw_panel(ax: Axes, panel: Panel, style: FigureStyle, *, label_x: bool) -> None:
    for side in ("left", "bottom"):
        ax.spines[side].set_color(AXIS)
    ax.tick_params(which="both", color=AXIS, labelcolor=INK)
    for axis, one, shown in ((ax.xaxis, panel.x, label_x), (ax.yaxis, panel.y, True)):
        text, math = _label(one)
        axis.set_label_text(text if shown else "", color=INK, parse_math=math)
        if not shown:
            axis.set_tick_params(labelbottom=False)
    if panel.title and style.titles:
        ax.set_title(plain(panel.title), color=INK, parse_math=False)
    if panel.empty:
        ax.text(0.5, 0.5, NOTHING, transform=ax.transAxes, ha="center", va="center", color=AXIS)
        ax.set_xticks([])
        ax.set_yticks([])
        return
    x, y = limits(panel, "x"), limits(panel, "y")
    _scale(ax, "x", panel.x, x)
    _scale(ax, "y", panel.y, y)
    if not any(isinstance(mark, Field) for mark in panel.marks):
        ax.grid(True, color=GRID, linewidth=0.5)
    for number, mark in enumerate(panel.marks):
        draw_mark(ax, mark, panel, (x, y), style, number)
    ax.set_xlim(*x)
    ax.set_ylim(*y)


def _scale(ax: Axes, side: str, axis: Axis, ends: tuple[float, float]) -> None:
    one = ax.xaxis if side == "x" else ax.yaxis
    if axis.log:
        (ax.set_xscale if side == "x" else ax.set_yscale)("log")
        narrow = ends[1] / ends[0] < 30
        one.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=9))
        one.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        one.set_minor_formatter(NullFormatter())
    else:
        one.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=axis.whole))
        one.set_major_formatter(_Numbers())


class _Numbers(ScalarFormatter):
    """Labels as text and not as mathtext, so that a number is one word in a file."""

    def get_offset(self) -> str:
        found = re.fullmatch(r"1e([−-]?\d+)(.*)", text := super().get_offset())
        return f"×10{raised(int(found[1].replace('−', '-')))}{found[2]}" if found else text


def _label(axis: Axis) -> tuple[str, bool]:
    """The title, and whether it is to be read as mathtext."""
    title = plain(axis.title)
    if axis.math:
        _, bracket, unit = title.partition(" [")
        text = f"${axis.math}${bracket}{unit.replace('$', chr(92) + '$')}"
        try:
            MathTextParser("path").parse(text)
        except ValueError:
            return title, False
        return text, True
    return title, False


def _wrapped(text: str, room: float) -> str:
    """A title that is longer than `room` letters on two lines: the unit, else the second half, goes below."""
    if len(text) <= room:
        return text
    cut = text.rfind(" [")
    if cut < 0:
        spaces = [k for k, letter in enumerate(text) if letter == " "]
        cut = min(spaces, key=lambda k: abs(k - len(text) / 2), default=-1)
    return text if cut < 0 else f"{text[:cut]}\n{text[cut + 1 :]}"


def _head(drawing: Drawing, figure: Figure, style: FigureStyle) -> float:
    """Title and legend above the panels; the inches they take."""
    em = style.font_size * _POINT
    title = plain(figure.title) if style.titles else ""
    large: dict[str, Any] = {"size": style.font_size + 1, "weight": "bold"}
    handles = legend_handles(figure, style) if style.legend else []
    if not handles:
        if title:
            drawing.suptitle(title, x=0.01, ha="left", color=INK, parse_math=False, **large)
        return 2.0 * em if title else 0.0
    names = [plain(handle.get_label()) for handle in handles]
    options: dict[str, Any] = {"loc": "outside upper left", "borderpad": 0.2, "columnspacing": 1.4, "handlelength": 1.8}
    canvas: Any = drawing.canvas
    for columns in range(min(len(handles), 8), 0, -1):
        legend = drawing.legend(
            handles,
            names,
            ncols=columns,
            labelcolor=INK,
            title=title or None,
            alignment="left",
            title_fontproperties=large,
            **options,
        )
        for text in (*legend.get_texts(), legend.get_title()):
            text.set_parse_math(False)
        legend.get_title().set_color(INK)
        if columns == 1 or legend.get_window_extent(canvas.get_renderer()).width <= drawing.bbox.width * 0.98:
            return (2.0 * em if title else 0.0) + 1.6 * em * -(-len(handles) // columns)
        legend.remove()
    return 0.0


def _colour_bars(drawing: Drawing, figure: Figure, axes: list[Axes]) -> None:
    """One bar for neighbours with the same scale."""
    groups: list[tuple[tuple[Any, ...], list[Axes]]] = []
    for ax, panel in zip(axes, figure.panels, strict=True):
        for mark in panel.marks:
            if isinstance(mark, Field) and ax.images:
                key = (mark.low, mark.high, mark.title)
                if groups and groups[-1][0] == key:
                    groups[-1][1].append(ax)
                else:
                    groups.append((key, [ax]))
    for (_, _, title), members in groups:
        bar = drawing.colorbar(members[0].images[0], ax=members, pad=0.02, aspect=25)
        bar.set_label(plain(title), color=INK, parse_math=False)
        bar.outline.set_visible(False)  # type: ignore[union-attr]
        bar.solids.set_rasterized(True)  # type: ignore[union-attr]
        bar.ax.tick_params(color=AXIS, labelcolor=INK)
