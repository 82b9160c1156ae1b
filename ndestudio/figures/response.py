"""What a neural term has learned: a curve over one argument, a map over two; beside it the formula in its place."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Band, Curve, Field, Figure, Mark, Panel, Points, Veil
from ndestudio.figures.plot_data import HolePicture
from ndestudio.figures.text import slug

_DOTS = 400


def response_figure(
    hole: HolePicture, formula: Float[np.ndarray, "..."] | None = None, units: tuple[str, ...] = (), unit: str = ""
) -> Figure:
    """The response over one or two arguments.

    Parameters
    ----------
    formula
        The formula at the same grid points; None for the network alone.
    units, unit
        Of the shown arguments and of the term, "" where there are none.
    """
    both = f"{hole.name}({', '.join(hole.arguments)})"
    held = ", ".join(f"{name} = {value:.4g}" for name, value in hole.held.items())
    caption = f"Response of {both} as the network learned it" + (
        " and as the formula says" if formula is not None else ""
    )
    caption += f", at {held}" if held else ""
    if len(hole.axes) == 1:
        panels: tuple[Panel, ...] = (response_curve(hole, formula, units, unit),)
        caption += "; dashed where no data support it, triangles: where the data lie."
    else:
        levels = response_levels(hole)
        panels = (response_map(hole, levels, units, unit, title="network"),)
        if formula is not None:
            panels += (response_map(hole, levels, units, unit, formula, title="formula"),)
        caption += "; veiled where no data support it, white points: where the data lie."
    ratio = 0.5 if len(hole.axes) == 1 else 0.78
    title, name = f"Response of {both}", f"hole_{slug(hole.name)}"
    return Figure("response", name, title, caption, panels, columns=len(panels), ratio=ratio)


def response_curve(
    hole: HolePicture,
    formula: Float[np.ndarray, " x"] | None = None,
    units: tuple[str, ...] = (),
    unit: str = "",
) -> Panel:
    """Over one argument; dashed where no data support it."""
    x, y = hole.axes[0], hole.values
    marks: list[Mark] = []
    if hole.lowest is not None and hole.highest is not None:
        marks.append(Band(x, hole.lowest, hole.highest, 0, "spread of seeds"))
    marks.append(Curve(x, y, 0, dash=True, faint=True))
    marks.append(Curve(x, np.where(hole.trusted, y, np.nan), 0, "network"))
    if formula is not None:
        marks.append(Curve(x, formula, 1, "formula", dash=True))
    support = hole.support[:: max(1, len(hole.support) // _DOTS), 0]
    low = float(np.nanmin(y)) if np.isfinite(y).any() else 0.0
    marks.append(
        Points(support, np.full(len(support), low), "muted", "data" if len(support) else "", "triangle", guest=True)
    )
    call = rf"{symbol(hole.name)}\left({symbol(hole.arguments[0])}\right)" if not hole.held else symbol(hole.name)
    return Panel(_axis(hole, 0, units), _titled(hole.name, unit, call), tuple(marks))


def response_levels(hole: HolePicture) -> tuple[float, float]:
    """Ends of the colour scale: those of the values that data support."""
    finite = hole.values[np.isfinite(hole.values)]
    trusted = hole.values[hole.trusted & np.isfinite(hole.values)]
    shown = trusted if len(trusted) > 1 else finite
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1e-9 + abs(low) * 1e-6)


def response_map(
    hole: HolePicture,
    levels: tuple[float, float],
    units: tuple[str, ...] = (),
    unit: str = "",
    values: Float[np.ndarray, "y x"] | None = None,
    *,
    title: str = "",
) -> Panel:
    """Over two arguments.

    Parameters
    ----------
    levels
        Ends of the colour scale.
    values
        Other values at the same places, of a formula; None: those of the network.
    """
    x, y = hole.axes
    support = hole.support[:: max(1, len(hole.support) // _DOTS)]
    marks = (
        Field(x, y, hole.values if values is None else values, *levels, f"{hole.name} [{unit}]" if unit else hole.name),
        Veil(x, y, hole.trusted, over=True),
        Points(support[:, 0], support[:, 1], "data", hollow=True, soft=True, guest=True),
    )
    return Panel(_axis(hole, 0, units), _axis(hole, 1, units), marks, title)


def _axis(hole: HolePicture, position: int, units: tuple[str, ...]) -> Axis:
    name = hole.arguments[position]
    return _titled(name, units[position] if position < len(units) else "", symbol(name))


def _titled(name: str, unit: str, math: str) -> Axis:
    return Axis(f"{name} [{unit}]" if unit else name, math)
