"""What a model does away from its data, drawn: scans, sensitivities, branches of steady states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Bars, Curve, Field, Figure, Mark, Panel, Points, Stretch, Symbol
from ndestudio.figures.text import slug

if TYPE_CHECKING:
    from ndestudio.explore.continuation import Bifurcations
    from ndestudio.explore.scan import Scan
    from ndestudio.explore.sensitivity import GlobalSensitivity, LocalSensitivity

MOST_CURVES = 6
"""Simulations of a scan that are drawn over time."""
_SYMBOLS: dict[str, Symbol] = {"fold": "square", "branch point": "diamond", "Hopf point": "circle"}


def simulation_figure(
    t: Float[np.ndarray, " time"],
    values: Float[np.ndarray, "output time"],
    names: Sequence[str],
    before: Float[np.ndarray, "output time"] | None = None,
    time: str = "t",
) -> Figure:
    """A panel for each output.

    Parameters
    ----------
    before
        The same with the values of the model, dashed.
    """
    panels = []
    for k, name in enumerate(names):
        marks: list[Mark] = [Curve(t, values[k], 0, "as set" if before is not None else "")]
        if before is not None:
            marks.append(Curve(t, before[k], "muted", "as in the model", dash=True))
        panels.append(Panel(Axis(time), Axis(name), tuple(marks)))
    return Figure("simulation", "simulation", "Simulation", "", tuple(panels), columns=2, ratio=0.5, share_x=True)


def scan_figure(found: Scan, time: str = "t") -> Figure:
    """Over time for some of the values, and the last time over all of them; of two varied values the last time as colours."""
    panels: list[Panel] = []
    if len(found.names) == 1:
        log = _log(found.values[:, 0])
        chosen = np.unique(np.linspace(0, len(found.values) - 1, MOST_CURVES).round().astype(int))
        for k, name in enumerate(found.outputs):
            curves = tuple(
                Curve(found.t, found.values_of[row, k], place, "" if k else _named(found, row))
                for place, row in enumerate(chosen)
            )
            panels.append(Panel(Axis(time), Axis(name), curves))
            final = Curve(found.values[:, 0], found.final()[:, k], "data")
            panels.append(Panel(Axis(found.names[0], log=log), Axis(f"{name} at {found.t[-1]:.4g}"), (final,)))
    else:
        x, y = np.unique(found.values[:, 0]), np.unique(found.values[:, 1])
        for k, name in enumerate(found.outputs):
            table = found.final()[:, k].reshape(len(x), len(y)).T
            finite = table[np.isfinite(table)]
            low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
            field = Field(x, y, table, low, high if high > low else low + 1.0, f"{name} at {found.t[-1]:.4g}")
            panels.append(Panel(Axis(found.names[0]), Axis(found.names[1]), (field,)))
    caption = f"{len(found.values)} simulations. {' '.join(found.sentences)}".strip()
    name = f"scan_{slug('_'.join(found.names))}"
    return Figure("scan", name, f"Scan of {' and '.join(found.names)}", caption, tuple(panels), columns=2, ratio=0.5)


def local_figure(found: LocalSensitivity, time: str = "t") -> Figure:
    """Sensitivities over time for each output, the strongest names first."""
    order = np.argsort(-np.nan_to_num(found.ranking))[:MOST_CURVES]
    panels = []
    for k, output in enumerate(found.outputs):
        curves = tuple(
            Curve(found.t, found.values[row, k], place, "" if k else found.names[row])
            for place, row in enumerate(order)
        )
        panels.append(Panel(Axis(time), Axis(f"{output}: % for 1%"), curves))
    caption = (
        "By how many percent of its largest size an output changes for one percent of a parameter, the others as they are. "
        + " ".join(found.sentences)
    ).strip()
    return Figure("sensitivity", "sensitivity", "Relative sensitivities", caption, tuple(panels), columns=2, ratio=0.5)


def shares_figure(found: GlobalSensitivity) -> Figure:
    """Sobol' indices of each name, with their limits."""
    places = np.arange(len(found.names), dtype=float)
    marks: list[Mark] = [
        Bars(places - 0.2, np.clip(found.first, 0.0, None), 0, "alone", 0.36),
        Bars(places + 0.2, np.clip(found.total, 0.0, None), 1, "with all it acts with", 0.36),
    ]
    for shift, low, high in ((-0.2, found.first_low, found.first_high), (0.2, found.total_low, found.total_high)):
        x = np.column_stack([places + shift, places + shift, np.full(len(places), np.nan)]).ravel()
        marks.append(Curve(x, np.column_stack([low, high, np.full(len(places), np.nan)]).ravel(), "data"))
    title = f"{found.measure} {found.output}"
    marks += [Stretch(k - 0.5, k + 0.5, name) for k, name in enumerate(found.names)]
    caption = (
        f"Sobol' indices: which part of the variance of the {title} is due to each value, over {found.simulations} simulations. Lines are "
        "95% limits."
    )
    panel = Panel(Axis(whole=True), Axis("part of the variance"), tuple(marks))
    return Figure("shares", "shares", f"What decides the {title}", caption, (panel,), ratio=0.5)


def bifurcation_figure(found: Bifurcations, wanted: Sequence[str] = ()) -> Figure:
    """Steady states over the varied value: stable ones solid, others dashed, with special points."""
    names = tuple(wanted) or found.states
    panels = []
    for number, state in enumerate(names):
        k = found.states.index(state)
        marks: list[Mark] = []
        for branch in found.branches:
            solid = np.where(branch.stable, branch.states[:, k], np.nan)
            near = branch.stable.copy()  # a dashed stretch begins at the last stable point, so that there is no gap
            near[1:-1] = branch.stable[1:-1] & branch.stable[:-2] & branch.stable[2:]
            dashed = np.where(near, np.nan, branch.states[:, k])
            first = not marks
            marks.append(Curve(branch.values, solid, 0, "stable" if first and not number else ""))
            marks.append(Curve(branch.values, dashed, 1, "unstable" if first and not number else "", dash=True))
        for kind, symbol in _SYMBOLS.items():
            here = [one for one in found.points if one.kind == kind]
            if here:
                x, y = np.array([one.value for one in here]), np.array([one.states[k] for one in here])
                marks.append(Points(x, y, "accent", "" if number else kind, symbol))
        panels.append(Panel(Axis(found.name), Axis(state), tuple(marks)))
    caption = ("Steady states. Solid: stable; dashed: not. " + found.sentence).strip()
    name = f"bifurcations_{slug(found.name)}"
    return Figure(
        "bifurcations", name, f"Steady states over {found.name}", caption, tuple(panels), columns=2, ratio=0.5
    )


def _named(found: Scan, row: int) -> str:
    return f"{found.names[0]} = {found.values[row, 0]:.3g}"


def _log(values: Float[np.ndarray, " value"]) -> bool:
    """Whether values are spread by a factor."""
    if len(values) < 3 or values.min() <= 0:
        return False
    factors = np.diff(np.log(values))
    return bool(np.allclose(factors, factors[0]) and values[-1] > 5 * values[0])
