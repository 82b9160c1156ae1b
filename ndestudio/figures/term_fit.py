"""How a formula follows its neural term: value against value, along each argument, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.distil.result import NeuralTermSamples
from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Curve, Figure, Level, Mark, Panel, Points
from ndestudio.figures.plot_data import near
from ndestudio.figures.text import slug
from ndestudio.model.fitted import FittedModel

_SLICE = 120
_DOTS = 600


@dataclass(frozen=True, eq=False)
class Slice:
    """Network and formula along one argument, the others held at `held`; trusted: where data support the network."""

    argument: str
    x: Float[np.ndarray, " grid"]
    network: Float[np.ndarray, " grid"]
    formula: Float[np.ndarray, " grid"]
    trusted: Bool[np.ndarray, " grid"]
    held: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FormulaFit:
    """How a formula follows the samples of its neural term.

    Parameters
    ----------
    formula_y
        The formula at the samples; None when it cannot be evaluated there.
    slices
        One for each argument.
    units
        Of the arguments that have one.
    """

    neural_term: str
    arguments: tuple[str, ...]
    X: Float[np.ndarray, "sample argument"]
    y: Float[np.ndarray, " sample"]
    formula_y: Float[np.ndarray, " sample"] | None
    slices: tuple[Slice, ...] = ()
    unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.neural_term} [{self.unit}]" if self.unit else self.neural_term

    def axis(self, argument: str) -> Axis:
        unit = self.units.get(argument, "")
        return Axis(f"{argument} [{unit}]" if unit else argument, symbol(argument))


def term_fit(
    model: FittedModel,
    samples: NeuralTermSamples,
    formula: Callable[[Float[np.ndarray, "n argument"]], Float[np.ndarray, " n"]],
    units: Mapping[str, str] | None = None,
) -> FormulaFit:
    """Formula and network at the samples and along each argument.

    Parameters
    ----------
    model
        The trained model, whose network is compared.
    formula
        Values of the formula at rows of arguments.
    units
        Of the arguments that have one, by name.
    """
    from ndestudio.model.evaluate import evaluate_neural_term

    network = model.networks.get(samples.neural_term)
    slices = []
    middle = np.median(samples.X, axis=0)
    for i, argument in enumerate(samples.arguments):
        low, high = float(samples.X[:, i].min()), float(samples.X[:, i].max())
        points = np.tile(middle, (_SLICE, 1))
        points[:, i] = np.linspace(low, high, _SLICE)
        learned = evaluate_neural_term(model, samples.neural_term, points) if network else np.full(_SLICE, np.nan)
        held = {name: float(middle[k]) for k, name in enumerate(samples.arguments) if k != i}
        slices.append(Slice(argument, points[:, i], learned, formula(points), near(points, samples.X), held))
    y = formula(samples.X)
    unit = network.config.unit if network else ""
    shown = y if np.isfinite(y).any() else None
    return FormulaFit(
        samples.neural_term, samples.arguments, samples.X, samples.y, shown, tuple(slices), unit, units or {}
    )


def term_fit_figure(fit: FormulaFit) -> Figure:
    """Formula against network, and the two along each argument."""
    panels = (parity_panel(fit), *(slice_panel(fit, k) for k in range(len(fit.slices))))
    caption = (
        f"{fit.neural_term}: the formula against the network at samples where data support it, and along each argument"
    )
    caption += " with the others at their median" if len(fit.slices) > 1 else ""
    name, title = f"fit_{slug(fit.neural_term)}", f"Formula and network of {fit.neural_term}"
    return Figure("term fit", name, title, f"{caption}.", panels, columns=min(3, len(panels)), ratio=0.85)


def parity_panel(fit: FormulaFit, other: FormulaFit | None = None) -> Panel:
    """Formula against network at the samples; `other` is a second formula of the same term."""
    ends = np.array([np.nanmin(fit.y), np.nanmax(fit.y)]) if len(fit.y) else np.zeros(0)
    marks: list[Mark] = [Curve(ends, ends, "muted", dash=True)]
    marks += _dots(fit, other, lambda one: (fit.y, one.formula_y))
    return Panel(Axis(f"network: {fit.title}"), Axis("formula"), tuple(marks))


def residual_panel(fit: FormulaFit, position: int, other: FormulaFit | None = None) -> Panel:
    """Network minus formula along an argument."""
    x = fit.X[:, position]
    marks: list[Mark] = [Level(0.0, guest=False)]
    marks += _dots(fit, other, lambda one: (x, None if one.formula_y is None else one.y - one.formula_y))
    return Panel(fit.axis(fit.arguments[position]), Axis(f"network − formula: {fit.title}"), tuple(marks))


def slice_panel(fit: FormulaFit, position: int, other: FormulaFit | None = None) -> Panel:
    """Network and formula along an argument; dashed where no data support the network."""
    one = fit.slices[position]
    marks: list[Mark] = [
        Curve(one.x, np.where(one.trusted, one.network, np.nan), "data", "network"),
        Curve(one.x, one.network, "data", dash=True, faint=True),
        Curve(one.x, one.formula, 1, "formula"),
    ]
    if other is not None and len(other.slices) == len(fit.slices):
        pinned = other.slices[position]
        marks.append(Curve(pinned.x, pinned.formula, 2, "pinned", dash=True))
    known = [values[np.isfinite(values)] for values in (one.network, one.formula)]
    low = min((float(values.min()) for values in known if len(values)), default=0.0)
    places = fit.X[:: max(1, len(fit.X) // 200), position]
    marks.append(Points(places, np.full(len(places), low), "muted", "", "triangle", guest=True))
    return Panel(fit.axis(one.argument), Axis(fit.title), tuple(marks))


def _dots(
    fit: FormulaFit,
    other: FormulaFit | None,
    values: Callable[[FormulaFit], tuple[np.ndarray, np.ndarray | None]],
) -> list[Mark]:
    """The samples of one or two formulas, at most 600 of each."""
    step = max(1, len(fit.y) // _DOTS)
    marks: list[Mark] = []
    for one, colour, name in ((other, 2, "pinned"), (fit, 1, "formula")):
        if one is None or len(one.y) != len(fit.y):
            continue
        x, y = values(one)
        if y is not None:
            named, symbol_ = (name, "square" if one is other else "circle") if other is not None else ("", "circle")
            marks.append(Points(x[::step], y[::step], colour, named, symbol_, soft=True))
    return marks
