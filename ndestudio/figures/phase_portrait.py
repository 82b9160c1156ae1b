"""Two states against each other: streamlines of the vector field, simulated paths, measurements."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Column, Dataset
from ndestudio.expression.latex import symbol
from ndestudio.figures.description import Axis, Curve, Figure, Mark, Panel, Points, Veil
from ndestudio.figures.plot_data import PlotData, Portrait

_PATHS = 12
_DOTS = 4000
_HEAD = 0.013


def phase_figure(dataset: Dataset, plot_data: PlotData) -> Figure | None:
    """The portrait of plot data; None where it has none."""
    portrait = plot_data.portrait
    if portrait is None:
        return None
    held = ", ".join(f"{name} = {value:.4g}" for name, value in portrait.held.items())
    caption = f"Phase portrait: {portrait.y_name} against {portrait.x_name}, with streamlines of the vector field"
    caption += f" at {held}" if held else ""
    caption += "; shaded: where no data support it." if not portrait.trusted.all() else "."
    panel = phase_panel(dataset, plot_data, portrait)
    return Figure("phase portrait", "phase", "Phase portrait", caption, (panel,), ratio=0.72)


def phase_panel(dataset: Dataset | None, plot_data: PlotData, portrait: Portrait) -> Panel:
    """Field, paths of up to 12 trajectories with their starts, and all measurements of both states."""
    marks: list[Mark] = [
        Veil(portrait.trusted_x, portrait.trusted_y, portrait.trusted),
        Curve(portrait.streams[:, 0], portrait.streams[:, 1], "muted", faint=True),
        Curve(*arrow_heads(portrait), "muted", faint=True),
    ]
    states = plot_data.model.system.states
    ix, iy = states.index(portrait.x_name), states.index(portrait.y_name)
    paths = list(plot_data.paths.values())[:_PATHS]
    for number, path in enumerate(paths):
        x, y = path.states[:, ix], path.states[:, iy]
        marks.append(Curve(x, y, number, "" if number else "model", guest=True))
    starts = np.array([path.states[0, [ix, iy]] for path in paths if len(path.states)]).reshape(-1, 2)
    marks.append(Points(starts[:, 0], starts[:, 1], "accent", "start", "square", hollow=True, guest=True))
    measured = _measured(dataset, (portrait.x_name, portrait.y_name))
    marks.append(Points(measured[:, 0], measured[:, 1], "data", "measured" if len(measured) else "", hollow=True))
    return Panel(_axis(dataset, plot_data, portrait.x_name), _axis(dataset, plot_data, portrait.y_name), tuple(marks))


def arrow_heads(portrait: Portrait) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Two short strokes at the end of each streamline, with gaps between."""
    span = np.array([np.ptp(portrait.x), np.ptp(portrait.y)])
    tip, towards = portrait.heads[:, :2], portrait.heads[:, 2:]
    length = np.linalg.norm(towards, axis=1, keepdims=True)
    towards = np.divide(towards, length, out=np.zeros_like(towards), where=length > 0)
    across = np.stack([-towards[:, 1], towards[:, 0]], axis=1)
    strokes = [tip + _HEAD * (-towards + side * 0.6 * across) * span for side in (1, -1)]
    points = np.stack([strokes[0], tip, strokes[1], np.full_like(tip, np.nan)], axis=1).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _measured(dataset: Dataset | None, states: tuple[str, str]) -> Float[np.ndarray, "value 2"]:
    names = dataset.measured_names if dataset else ()
    if dataset is None or not set(states) <= set(names):
        return np.zeros((0, 2))
    columns = [names.index(name) for name in states]
    points = np.concatenate([one.measured[:, columns] for one in dataset.trajectories])
    return points[np.isfinite(points).all(axis=1)][:_DOTS]


def _axis(dataset: Dataset | None, plot_data: PlotData, state: str) -> Axis:
    for column in dataset.measured if dataset else ():
        if column.name == state:
            return Axis(column.title)
    unit = plot_data.model.config.units.get(state, "")
    return Axis(Column(state, state, unit).title, symbol(state))
