"""Marks of a panel as artists of matplotlib."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ndestudio.figures.decimate import DOTS_AS_PIXELS, FILE_DOTS, FILE_POINTS, fewer
from ndestudio.figures.description import (
    Axis,
    Band,
    Bars,
    Colour,
    Curve,
    Field,
    Figure,
    Level,
    Mark,
    Moments,
    Note,
    Panel,
    Points,
    Span,
    Stretch,
    Values,
    Veil,
)
from ndestudio.figures.style import FigureStyle
from ndestudio.figures.text import plain

INK, AXIS, GRID, PAPER = "#1f2328", "#59636e", "#e4e7eb", "#ffffff"
_ROLES = {"data": "#3d444d", "muted": "#8b949e", "accent": INK}
_MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "ring": "o", "frame": "s"}
_MARKERS |= {"below": "v", "above": "^"}
_MOMENT = (0, (1, 1.6))
_DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
_DASH: Any = (0, (3.5, 2))
_FAR = 1e3
"""Spans outside a panel at which values are cut off: no renderer meets numbers beyond its own."""

Ends: TypeAlias = tuple[tuple[float, float], tuple[float, float]]


def draw_mark(ax: Axes, mark: Mark, panel: Panel, ends: Ends, style: FigureStyle, number: int) -> None:
    """Draw one mark; `ends` are those of both axes, `number` its place in the order."""
    over = 3.0 + 0.001 * number
    match mark:
        case Curve():
            x, y = _within(*fewer(mark.x, mark.y, FILE_POINTS), panel, ends)
            if len(x):
                ax.plot(x, y, zorder=over, **_line(mark, style))
        case Points():
            x, y = _within(*fewer(mark.x, mark.y, FILE_DOTS), panel, ends)
            if np.isfinite(x + y).any():
                drawn = ax.plot(x, y, zorder=over, **_dots(mark, style, len(x)))
                drawn[0].set_rasterized(len(x) > DOTS_AS_PIXELS)
        case Band():
            low, high = (_within(mark.x, one, panel, ends)[1] for one in (mark.low, mark.high))
            ax.fill_between(mark.x, low, high, color=_ink(mark.colour, style), alpha=0.2, linewidth=0, zorder=1.5)
        case Span():
            ax.axvspan(mark.start, mark.stop, color=_ink(mark.colour, style), alpha=0.12, linewidth=0, zorder=1.0)
        case Stretch():
            _stretch(ax, mark, ends, style)
        case Level():
            line = ax.axhline if mark.axis == "y" else ax.axvline
            dash = _DASH if mark.dash else "-"
            line(
                mark.value, color=_ink(mark.colour, style), linewidth=0.7 * style.line_width, linestyle=dash, zorder=2.0
            )
        case Moments():
            inside = mark.x[(mark.x >= ends[0][0]) & (mark.x <= ends[0][1])]
            across = ax.get_xaxis_transform()
            ink, width = _ink(mark.colour, style), 0.6 * style.line_width
            ax.vlines(inside, 0.0, 1.0, colors=ink, linewidth=width, linestyle=_MOMENT, transform=across, zorder=1.8)
        case Bars():
            ax.bar(mark.x, mark.height, width=mark.width, color=_ink(mark.colour, style), zorder=over)
        case Field():
            cmap = "gray" if style.palette == "grey" else "viridis"
            _image(ax, mark.x, mark.y, mark.values, cmap=cmap, vmin=mark.low, vmax=mark.high, zorder=0.0)
        case Veil():
            _veil(ax, mark)
        case Note():
            _note(ax, mark, panel, ends, style)


def legend_handles(figure: Figure, style: FigureStyle) -> list[Any]:
    """What stands in the legend: each name once, in the order of the marks."""
    found: dict[str, Any] = {}
    for panel in figure.panels:
        for mark in panel.marks:
            name = getattr(mark, "name", "")
            if not name or name in found:
                continue
            match mark:
                case Curve():
                    found[name] = Line2D([], [], label=name, **_line(mark, style))
                case Points():
                    found[name] = Line2D([], [], label=name, **_dots(mark, style, 1))
                case Band() | Span():
                    found[name] = Patch(color=_ink(mark.colour, style), alpha=0.25, linewidth=0, label=name)
                case Bars():
                    found[name] = Patch(color=_ink(mark.colour, style), linewidth=0, label=name)
                case Level():
                    dash = _DASH if mark.dash else "-"
                    found[name] = Line2D([], [], color=_ink(mark.colour, style), linestyle=dash, label=name)
                case Moments():
                    ink = _ink(mark.colour, style)
                    found[name] = Line2D(
                        [], [], color=ink, linestyle=_MOMENT, linewidth=0.8 * style.line_width, label=name
                    )
                case _:
                    pass
    return list(found.values())


def _ink(colour: Colour, style: FigureStyle) -> str:
    return style.colours[colour % len(style.colours)] if isinstance(colour, int) else _ROLES[colour]


def _line(mark: Curve, style: FigureStyle) -> dict[str, Any]:
    varied = style.palette == "grey" and isinstance(mark.colour, int)
    dash = _DASH if mark.dash else _DASHES[int(mark.colour) % len(_DASHES)] if varied else "-"
    thin = 0.6 if mark.faint else 1.0
    return {
        "color": _ink(mark.colour, style),
        "linewidth": thin * style.line_width,
        "linestyle": dash,
        "alpha": 0.45 if mark.faint else 1.0,
        "solid_capstyle": "round",
    }


def _dots(mark: Points, style: FigureStyle, count: int) -> dict[str, Any]:
    ink, large = _ink(mark.colour, style), mark.symbol in ("ring", "frame")
    share = 1.1 if large else 0.3 if count > 400 or mark.symbol == "triangle" else 0.45
    return {
        "linestyle": "none",
        "marker": _MARKERS[mark.symbol],
        "markersize": style.font_size * share,
        "markerfacecolor": "none" if large else PAPER if mark.hollow else ink,
        "markeredgecolor": ink if mark.hollow or large else PAPER,
        "markeredgewidth": 1.2 if large else 0.8 if mark.hollow else 0.0 if mark.symbol == "triangle" else 0.3,
        "alpha": 0.75 if mark.soft else 1.0,
    }


def _within(x: Values, y: Values, panel: Panel, ends: Ends) -> tuple[Values, Values]:
    """Values with gaps where an axis has no place for them, cut off far outside the panel."""
    return _cut(x, panel.x, ends[0]), _cut(y, panel.y, ends[1])


def _cut(values: Values, axis: Axis, ends: tuple[float, float]) -> Values:
    places = axis.places(values)
    low, high = axis.places(np.array(ends))
    places = np.clip(places, low - _FAR * (high - low), high + _FAR * (high - low))
    return 10.0 ** np.clip(places, -300.0, 300.0) if axis.log else places


def _image(ax: Axes, x: Values, y: Values, values: np.ndarray, **options: Any) -> None:
    dx, dy = (x[-1] - x[0]) / max(1, len(x) - 1) / 2, (y[-1] - y[0]) / max(1, len(y) - 1) / 2
    extent = (x[0] - dx, x[-1] + dx, y[0] - dy, y[-1] + dy)
    ax.imshow(values, extent=extent, origin="lower", aspect="auto", interpolation="nearest", **options)


def _veil(ax: Axes, mark: Veil) -> None:
    shade = np.zeros((*mark.trusted.shape, 4))
    shade[..., :3] = to_rgb(PAPER if mark.over else _ROLES["muted"])
    shade[..., 3] = np.where(mark.trusted, 0.0, 0.6 if mark.over else 0.14)
    _image(ax, mark.x, mark.y, shade, zorder=0.5)


def _stretch(ax: Axes, mark: Stretch, ends: Ends, style: FigureStyle) -> None:
    low, high = ends[0]
    if mark.start > low + 0.04 * (high - low):
        ax.axvline(mark.start, color=AXIS, linewidth=0.6, linestyle=(0, (2, 3)), zorder=2.0)
    drawing = ax.get_figure()
    assert drawing is not None
    room = (mark.stop - mark.start) / (high - low) * 0.88 * style.millimetres / 25.4 * 72
    text = plain(mark.title)
    if room > 0.6 * style.font_size * len(text):
        ax.annotate(
            text,
            ((mark.start + mark.stop) / 2, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=AXIS,
            fontsize=max(2.0, style.font_size - 1),
            parse_math=False,
        )


def _note(ax: Axes, mark: Note, panel: Panel, ends: Ends, style: FigureStyle) -> None:
    """Beside its point, on the side where there is more room."""
    shares = []
    for value, axis, (low, high) in ((mark.x, panel.x, ends[0]), (mark.y, panel.y, ends[1])):
        place, a, b = axis.places(np.array([value, low, high]))
        shares.append((place - a) / (b - a))
    right, low = shares[0] > 0.5, shares[1] < 0.8
    step = style.font_size
    ax.annotate(
        plain(mark.text),
        (mark.x, mark.y),
        xytext=(-step if right else step, 0.8 * step if low else -0.8 * step),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom" if low else "top",
        color=_ink(mark.colour, style),
        fontsize=max(2.0, style.font_size - 1),
        zorder=9.0,
        parse_math=False,
        bbox={"facecolor": PAPER, "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
    )
