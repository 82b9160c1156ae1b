"""What a neural term has learned: a curve over one argument, a map over two; beside it the formula in its place."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Band, Curve, Field, Figure, Mark, Panel, Points, Veil
from ndestudio.figures.plot_data import NeuralTermPlotData
from ndestudio.figures.text import slug

_DOTS = 400


def response_figure(
    neural_term: NeuralTermPlotData,
    formula: Float[np.ndarray, "..."] | None = None,
    units: tuple[str, ...] = (),
    unit: str = "",
) -> Figure:
    """The response over one or two arguments.

    Parameters
    ----------
    formula
        The formula at the same grid points; None for the network alone.
    units, unit
        Of the shown arguments and of the term, "" where there are none.
    """
    both = f"{neural_term.name}({', '.join(neural_term.arguments)})"
    held = ", ".join(f"{name} = {value:.4g}" for name, value in neural_term.held.items())
    caption = f"Response of {both} as the network learned it" + (
        " and as the formula says" if formula is not None else ""
    )
    caption += f", at {held}" if held else ""
    if len(neural_term.axes) == 1:
        panels: tuple[Panel, ...] = (response_curve(neural_term, formula, units, unit),)
        caption += "; dashed where no data support it, triangles: where the data lie."
    else:
        levels = response_levels(neural_term)
        panels = (response_map(neural_term, levels, units, unit, title="network"),)
        if formula is not None:
            panels += (response_map(neural_term, levels, units, unit, formula, title="formula"),)
        caption += "; veiled where no data support it, white points: where the data lie."
    ratio = 0.5 if len(neural_term.axes) == 1 else 0.78
    title, name = f"Response of {both}", f"neural_term_{slug(neural_term.name)}"
    return Figure("response", name, title, caption, panels, columns=len(panels), ratio=ratio)


def response_curve(
    neural_term: NeuralTermPlotData,
    formula: Float[np.ndarray, " x"] | None = None,
    units: tuple[str, ...] = (),
    unit: str = "",
) -> Panel:
    """Over one argument; dashed where no data support it."""
    x, y = neural_term.axes[0], neural_term.values
    marks: list[Mark] = []
    if neural_term.lowest is not None and neural_term.highest is not None:
        marks.append(Band(x, neural_term.lowest, neural_term.highest, 0, "spread of seeds"))
    marks.append(Curve(x, y, 0, dash=True, faint=True))
    marks.append(Curve(x, np.where(neural_term.trusted, y, np.nan), 0, "network"))
    if formula is not None:
        marks.append(Curve(x, formula, 1, "formula", dash=True))
    support = neural_term.support[:: max(1, len(neural_term.support) // _DOTS), 0]
    low = float(np.nanmin(y)) if np.isfinite(y).any() else 0.0
    marks.append(
        Points(support, np.full(len(support), low), "muted", "data" if len(support) else "", "triangle", guest=True)
    )
    call = (
        rf"{symbol(neural_term.name)}\left({symbol(neural_term.arguments[0])}\right)"
        if not neural_term.held
        else symbol(neural_term.name)
    )
    return Panel(_axis(neural_term, 0, units), _titled(neural_term.name, unit, call), tuple(marks))


def response_levels(neural_term: NeuralTermPlotData) -> tuple[float, float]:
    """Ends of the colour scale: those of the values that data support."""
    finite = neural_term.values[np.isfinite(neural_term.values)]
    trusted = neural_term.values[neural_term.trusted & np.isfinite(neural_term.values)]
    shown = trusted if len(trusted) > 1 else finite
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1e-9 + abs(low) * 1e-6)


def response_map(
    neural_term: NeuralTermPlotData,
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
    x, y = neural_term.axes
    support = neural_term.support[:: max(1, len(neural_term.support) // _DOTS)]
    marks = (
        Field(
            x,
            y,
            neural_term.values if values is None else values,
            *levels,
            f"{neural_term.name} [{unit}]" if unit else neural_term.name,
        ),
        Veil(x, y, neural_term.trusted, over=True),
        Points(support[:, 0], support[:, 1], "data", hollow=True, soft=True, guest=True),
    )
    return Panel(_axis(neural_term, 0, units), _axis(neural_term, 1, units), marks, title)


def _axis(neural_term: NeuralTermPlotData, position: int, units: tuple[str, ...]) -> Axis:
    name = neural_term.arguments[position]
    return _titled(name, units[position] if position < len(units) else "", symbol(name))


def _titled(name: str, unit: str, math: str) -> Axis:
    return Axis(f"{name} [{unit}]" if unit else name, math)
