"""A figure as plain data: panels of marks with axes. Renderers draw it; nothing here knows how.

All values are those of the data, also on logarithmic axes: a renderer takes the logarithm. A value that is not finite, or that a
logarithmic axis has no place for, is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

Values: TypeAlias = Float[np.ndarray, " n"]
Colour: TypeAlias = int | Literal["data", "muted", "accent"]
"""Position in the palette of the style, or a role: measurements, what stands in the background, what is marked."""

Symbol: TypeAlias = Literal["circle", "square", "diamond", "triangle", "ring", "frame", "below", "above"]
"""`ring` and `frame` are large and hollow: they stand around another point. `below` and `above` point to where a value lies."""

NOTHING = "There are no values to show."


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    Parameters
    ----------
    title
        Quantity with its unit, as plain text.
    math
        The quantity of the title, without its unit, as mathtext (without dollar signs); "" where the plain text is to be shown.
    log
        Whether the scale is logarithmic.
    whole
        Whether only whole numbers are labelled.
    limits
        Ends of the axis; None where the marks decide.
    least
        Smallest range that is shown, in the unit of the axis (in decades if logarithmic).
    """

    title: str = ""
    math: str = ""
    log: bool = False
    whole: bool = False
    limits: tuple[float, float] | None = None
    least: float = 0.0

    def places(self, values: Values) -> Values:
        """Where values lie on the scale of the axis: themselves or their decadic logarithms, NaN where there is no place."""
        values = np.asarray(values, dtype=float)
        with np.errstate(all="ignore"):
            found = np.where(values > 0, np.log10(np.where(values > 0, values, 1.0)), np.nan) if self.log else values
        return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through points; it breaks at gaps.

    Parameters
    ----------
    name
        For the legend; "" keeps it out.
    guest
        The range of the axes does not depend on it.
    """

    x: Values
    y: Values
    colour: Colour = 0
    name: str = ""
    dash: bool = False
    faint: bool = False
    guest: bool = False


@dataclass(frozen=True, eq=False)
class Points:
    """Single points. Parameters as of `Curve`; `soft` ones let what lies below shine through."""

    x: Values
    y: Values
    colour: Colour = 0
    name: str = ""
    symbol: Symbol = "circle"
    hollow: bool = False
    soft: bool = False
    guest: bool = False


@dataclass(frozen=True, eq=False)
class Band:
    """The area between two curves over the same x."""

    x: Values
    low: Values
    high: Values
    colour: Colour = 0
    name: str = ""


@dataclass(frozen=True)
class Span:
    """A shaded stretch of x over the whole height."""

    start: float
    stop: float
    colour: Colour = 0
    name: str = ""


@dataclass(frozen=True)
class Stretch:
    """A stretch of x with a title, set apart from the one before it by a line at its start."""

    start: float
    stop: float
    title: str = ""


@dataclass(frozen=True)
class Level:
    """A straight line across the panel at a value of `axis`; with `guest`, the range of the axes does not depend on it."""

    value: float
    axis: Literal["x", "y"] = "y"
    colour: Colour = "muted"
    name: str = ""
    dash: bool = True
    guest: bool = True


@dataclass(frozen=True, eq=False)
class Moments:
    """Thin upright lines where something happens at single values of x; the range of the axes does not depend on them.

    Parameters
    ----------
    words
        What each is, shown where a pointer rests on it.
    """

    x: Values
    words: tuple[str, ...]
    colour: Colour = "muted"
    name: str = ""


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars that stand on zero, `width` wide in the unit of x."""

    x: Values
    height: Values
    colour: Colour = 0
    name: str = ""
    width: float = 0.5


@dataclass(frozen=True, eq=False)
class Field:
    """Values on a grid, as colours.

    Parameters
    ----------
    x, y
        Grid lines, evenly spaced.
    values
        At the grid points, shape (len(y), len(x)).
    low, high
        Values at the ends of the colour scale.
    title
        Of the colour scale.
    """

    x: Values
    y: Values
    values: Float[np.ndarray, "y x"]
    low: float
    high: float
    title: str = ""


@dataclass(frozen=True, eq=False)
class Veil:
    """What no data support, dimmed.

    Parameters
    ----------
    x, y
        Grid lines, evenly spaced.
    trusted
        Cells that are left as they are, shape (len(y), len(x)).
    over
        Whether it lies over a `Field`, which it covers more than bare paper.
    """

    x: Values
    y: Values
    trusted: Bool[np.ndarray, "y x"]
    over: bool = False


@dataclass(frozen=True)
class Note:
    """Words at a point."""

    x: float
    y: float
    text: str
    colour: Colour = "data"


Mark: TypeAlias = Curve | Points | Band | Span | Stretch | Level | Moments | Bars | Field | Veil | Note
MARKS: tuple[type, ...] = (Curve, Points, Band, Span, Stretch, Level, Moments, Bars, Field, Veil, Note)
"""Every renderer draws each of them."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes; marks are drawn in their order, `Field`, `Veil`, `Span` and `Band` below all others.

    Parameters
    ----------
    title
        Above the panel; "" for none.
    wide
        Columns of the figure that it spans.
    """

    x: Axis
    y: Axis
    marks: tuple[Mark, ...] = ()
    title: str = ""
    wide: int = 1

    @property
    def empty(self) -> bool:
        """Whether no mark holds a value that can be drawn; lines across the panel and titles of stretches are none."""
        shown = replace(self, marks=tuple(one for one in self.marks if not isinstance(one, Level | Moments | Stretch)))
        return not any(len(one) for axis in ("x", "y") for one in _reach(shown, axis))

    def within(self, x: tuple[float, float] | None, y: tuple[float, float] | None) -> Panel:
        """The panel with other ends of its axes; None leaves those of an axis."""
        return replace(
            self,
            x=replace(self.x, limits=x) if x else self.x,
            y=replace(self.y, limits=y) if y else self.y,
        )


@dataclass(frozen=True)
class Figure:
    """A figure.

    Parameters
    ----------
    kind
        Key in `ndestudio.figures.registry.KINDS`; `window` for what a plot of the window shows.
    name
        File name without its ending.
    title
        A few words above it; caption: a sentence that says what is shown.
    panels
        In reading order.
    columns
        Panels beside each other.
    ratio
        Height of a panel over its width.
    share_x
        Panels of a column have the same x axis; only the lowest one is labelled.
    """

    kind: str
    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1
    ratio: float = 0.5
    share_x: bool = False


def limits(panel: Panel, axis: Literal["x", "y"], margin: float = 0.04) -> tuple[float, float]:
    """Ends of an axis in the unit of the data: those asked for, else what holds every mark but guests.

    Parameters
    ----------
    margin
        Free space at both ends, as a part of the range on the scale of the axis.
    """
    one = panel.x if axis == "x" else panel.y
    if one.limits is not None and one.limits[0] < one.limits[1]:
        return one.limits
    known = [places[np.isfinite(places)] for places in (one.places(values) for values in _reach(panel, axis))]
    known = [values for values in known if len(values)]
    low = min((float(values.min()) for values in known), default=0.0)
    high = max((float(values.max()) for values in known), default=1.0)
    if any(isinstance(mark, Field | Veil) for mark in panel.marks):
        margin = 0.0
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        room = 0.5 if one.log else 0.1 * abs(low) or 1.0
    else:
        room = margin * (high - low)
    room = max(room, 0.5 * (one.least - (high - low)))
    low, high = low - room, high + room
    if one.log:
        return 10.0 ** max(low, -300.0), 10.0 ** min(high, 300.0)
    return low, high


def _reach(panel: Panel, axis: str) -> list[Values]:
    """Values of the marks along an axis, guests left out."""
    found: list[Values] = []
    across = axis == "x"
    for mark in panel.marks:
        match mark:
            case Curve() | Points() if not mark.guest:
                drawn = np.isfinite(panel.x.places(mark.x)) & np.isfinite(panel.y.places(mark.y))
                found.append(np.asarray(mark.x if across else mark.y, dtype=float)[drawn])
            case Band():
                found += [mark.x] if across else [mark.low, mark.high]
            case Bars():
                half = mark.width / 2
                found += [mark.x - half, mark.x + half] if across else [mark.height, np.zeros(min(1, len(mark.x)))]
            case Field() | Veil():
                grid = mark.x if across else mark.y
                half = (grid[-1] - grid[0]) / max(1, len(grid) - 1) / 2
                found.append(np.array([grid[0] - half, grid[-1] + half]))
            case Level() if not mark.guest and mark.axis == axis:
                found.append(np.array([mark.value]))
            case Stretch() if across:
                found.append(np.array([mark.start, mark.stop]))
            case _:
                pass
    return found
