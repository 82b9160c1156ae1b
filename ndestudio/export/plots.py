"""Figures of a project as SVG: trajectories against data, phase portrait, losses, Pareto fronts, responses of holes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.distil.result import HoleDistillation
from ndestudio.export.figure import Figure, slug
from ndestudio.export.gather import Job
from ndestudio.export.hole_figures import response_figure
from ndestudio.export.residual_figures import residual_figure
from ndestudio.export.svg import OKABE_ITO, LegendEntry, Panel, drawing, label, legend_row
from ndestudio.export.ticks import axis
from ndestudio.expression.text import to_text
from ndestudio.fitting.result import Fit, StageHistory
from ndestudio.model.fitted import FittedModel

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, _ = OKABE_ITO
DATA = "#57606a"
PART_COLORS = {Part.VALIDATION: ORANGE, Part.TEST: PURPLE}
PART_NAMES = {Part.VALIDATION: "validation", Part.TEST: "test"}

MOST_TRAJECTORIES = 12
"""Trajectories drawn; a report of hundreds would be read by nobody."""

DENSE = 400

LEAST_LOSS = 1e-16
"""Where loss axes end: smaller ones are rounding."""

WIDTH = 720.0


def figures(job: Job) -> tuple[Figure, ...]:
    """Every figure there is something to show in."""
    return tuple(made for make in recipes(job) if (made := make()) is not None)


def recipes(job: Job) -> list[Callable[[], Figure | None]]:
    """One function per figure, so that a caller can report progress and stop between them."""
    made: list[Callable[[], Figure | None]] = []
    model, dataset = job.model, job.dataset
    if model is not None and dataset is not None:
        made += [partial(trajectory_figure, model, dataset, item) for item in shown_trajectories(dataset)]
        made.append(partial(phase_figure, model, dataset))
        made += [partial(residual_figure, job, name) for name in dataset.measured_names]
    if job.fit is not None and job.fit.history:
        made.append(partial(loss_figure, job.fit))
    if job.distillation is not None:
        holes = job.distillation.holes.items()
        made += [partial(pareto_figure, name, hole, job.choice(name)) for name, hole in holes]
    if job.network_model is not None:
        made += [partial(response_figure, job, name) for name in job.network_model.networks]
    return made


def shown_trajectories(dataset: Dataset) -> tuple[Trajectory, ...]:
    """The first trajectories, with some of every part among them."""
    if len(dataset.trajectories) <= MOST_TRAJECTORIES:
        return dataset.trajectories
    chosen: list[Trajectory] = []
    for part in Part:
        holding = [item for item in dataset.trajectories if np.any(item.part == part)]
        chosen += [item for item in holding[: MOST_TRAJECTORIES // 3] if item not in chosen]
    return tuple(item for item in dataset.trajectories if any(item is other for other in chosen))


def trajectory_figure(model: FittedModel, dataset: Dataset, trajectory: Trajectory) -> Figure:
    """Measured values and the simulation from the initial values, a panel per column."""
    from ndestudio.solve.scipy_reference import simulate_trajectory

    dense = np.unique(np.concatenate([np.linspace(trajectory.t[0], trajectory.t[-1], DENSE), trajectory.t]))
    simulation = simulate_trajectory(model, dataset, trajectory, t=dense)
    left, top, height, gap = 84.0, 58.0, 190.0 if len(dataset.measured) < 3 else 140.0, 26.0
    panels: list[Panel] = []
    for index, column in enumerate(dataset.measured):
        measured, simulated = trajectory.measured[:, index], simulation.measured[:, index]
        shown = _not_running_away(measured, simulated)
        panel = Panel(
            left,
            top + index * (height + gap),
            WIDTH - left - 24,
            height,
            axis(trajectory.t, dataset.time.title, count=8, margin=0.02),
            axis(np.concatenate([measured, shown]), column.title, count=5, zero=True),
            tick_labels_x=index == len(dataset.measured) - 1,
        )
        _shade_parts(panel, trajectory)
        panel.line(dense, simulated, OKABE_ITO[index % 5], width=2.0, name="" if index else "model")
        panel.dots(
            trajectory.t,
            measured,
            DATA,
            radius=3.2 if len(trajectory.t) < 120 else 1.8,
            name="" if index else "measured",
        )
        panels.append(panel)
    bottom = top + len(panels) * (height + gap) - gap + 48
    name = f"trajectory_{slug(trajectory.name)}"
    several = len(dataset.trajectories) > 1
    title = f"Trajectory {trajectory.name}" if several else "Measured and simulated"
    caption = "Measured values (points) and the model simulated from its initial values (lines)"
    caption += f", trajectory {trajectory.name}." if several else "."
    if simulation.sentence:
        caption += f" {simulation.sentence}"
    return _figure(name, caption, title, panels, panels[0].legend, WIDTH, bottom)


def phase_figure(model: FittedModel, dataset: Dataset) -> Figure | None:
    """The first two states against each other, with the vector field where it depends on nothing else."""
    from ndestudio.solve.scipy_reference import simulate_trajectory

    states = model.system.states
    if len(states) < 2:
        return None
    titles = [_state_title(model, dataset, name) for name in states[:2]]
    paths, points = [], []
    for trajectory in shown_trajectories(dataset):
        dense = np.linspace(trajectory.t[0], trajectory.t[-1], DENSE)
        paths.append(simulate_trajectory(model, dataset, trajectory, t=dense).states[:, :2])
        points.append(_measured_pair(dataset, trajectory, states[:2]))
    finite = [pair[np.all(np.isfinite(pair), axis=1)] for pair in (*paths, *points)]
    everything = np.concatenate([pair for pair in finite if len(pair)] or [np.zeros((1, 2))])
    low, high = np.percentile(everything, [0.5, 99.5], axis=0)
    room = 0.1 * (high - low)
    axes = [
        axis(np.clip(everything[:, k], low[k] - room[k], high[k] + room[k]), titles[k], count=6, margin=0.06)
        for k in (0, 1)
    ]
    panel = Panel(84.0, 58.0, 480.0, 400.0, axes[0], axes[1])
    if len(states) == 2 and not model.system.inputs:
        _vector_field(panel, model, float(dataset.trajectories[0].t[0]))
    for index, path in enumerate(paths):
        color = OKABE_ITO[index % 5]
        panel.line(path[:, 0], path[:, 1], color, width=1.8, name="model" if index == 0 else "")
        panel.dots(path[:1, 0], path[:1, 1], color, radius=4.5, hollow=True, name="start" if index == 0 else "")
    for index, pair in enumerate(points):
        panel.dots(
            pair[:, 0], pair[:, 1], DATA, radius=2.8, opacity=0.9, name="measured" if index == 0 and len(pair) else ""
        )
    caption = f"Phase portrait: {states[1]} against {states[0]}"
    caption += ", with the direction of the vector field." if len(states) == 2 and not model.system.inputs else "."
    return _figure("phase", caption, "Phase portrait", [panel], panel.legend, 588.0, 512.0)


def loss_figure(fit: Fit | None) -> Figure | None:
    """Training and validation loss along the stages; each stage has a loss of its own."""
    if fit is None or not fit.history:
        return None
    xs: list[Float[np.ndarray, " step"]] = []
    edges: list[tuple[float, float, str]] = []
    begin = 0.0
    for stage in fit.history:
        xs.append(begin + _running(np.asarray(stage.iteration, dtype=float)))
        end = float(xs[-1][-1]) if len(xs[-1]) else begin
        edges.append((begin, end, stage.stage))
        begin = end + 1.0
    losses = [np.asarray(item, float) for stage in fit.history for item in (stage.loss, stage.validation_loss)]
    everything = np.concatenate(losses)
    everything = everything[np.isfinite(everything) & (everything > 0)]
    if not len(everything):
        return None
    shown = np.maximum(everything, 1e-8 * np.max(everything))
    x_axis = axis(np.array([0.0, max(begin - 1.0, 1.0)]), "iteration", count=8, margin=0.01, whole=True)
    panel = Panel(84.0, 78.0, WIDTH - 108.0, 280.0, x_axis, axis(shown, "loss", log=True))
    for index, (stage, x) in enumerate(zip(fit.history, xs, strict=True)):
        _loss_lines(panel, stage, x)
        if index:
            panel.vertical(edges[index][0] - 0.5)
    parts = _stage_labels(panel, edges)
    caption = "Loss along the stages of training (comparable within a stage only)."
    return _figure("loss", caption, "Training", [panel], panel.legend, WIDTH, 414.0, parts)


def _running(iteration: Float[np.ndarray, " step"]) -> Float[np.ndarray, " step"]:
    """Iterations that never go back: a stage that begins anew (other windows, another attempt) goes on counting."""
    if not len(iteration):
        return iteration
    advance = np.diff(iteration, prepend=iteration[0])
    return np.cumsum(np.where(advance < 0, 1.0, advance))


def _loss_lines(panel: Panel, stage: StageHistory, x: Float[np.ndarray, " step"]) -> None:
    """One line per attempt of a stage: nothing joins the end of one to the start of the next."""
    restarts = np.flatnonzero(np.diff(np.asarray(stage.iteration, dtype=float)) < 0) + 1
    loss, held_out = np.asarray(stage.loss, float), np.asarray(stage.validation_loss, float)
    for rows in np.split(np.arange(len(x)), restarts):
        panel.line(x[rows], loss[rows], BLUE, width=1.8, name="training")
        known = rows[np.isfinite(held_out[rows])]
        if len(known):
            panel.line(x[known], held_out[known], VERMILION, width=1.8, dash=True, name="validation")


def pareto_figure(name: str, hole: HoleDistillation, chosen: int) -> Figure | None:
    """Error against complexity of the formulas found for one hole, the chosen one marked."""
    candidates = [candidate for candidate in hole.front.candidates if np.isfinite(candidate.loss)]
    if not candidates:
        return None
    complexity = np.array([candidate.complexity for candidate in candidates], dtype=float)
    loss = np.maximum(np.array([candidate.loss for candidate in candidates]), LEAST_LOSS)
    x_axis = axis(np.concatenate([complexity, [1.0]]), "complexity", count=8, margin=0.05, whole=True)
    panel = Panel(92.0, 58.0, WIDTH - 116.0, 300.0, x_axis, axis(loss, "error of the hole (NMSE)", log=True))
    steps_x, steps_y = np.repeat(complexity, 2)[1:], np.repeat(loss, 2)[:-1]
    panel.line(steps_x, steps_y, BLUE, width=1.2, opacity=0.55)
    panel.dots(complexity, loss, BLUE, radius=4.0, name="candidates")
    if 0 <= chosen < len(hole.scored):
        candidate = hole.scored[chosen].candidate
        x, y = float(candidate.complexity), max(candidate.loss, LEAST_LOSS)
        panel.dots(np.array([x]), np.array([y]), VERMILION, radius=6.5, name="chosen")
        text = _shortened(to_text(_rounded(candidate.expression)), 46)
        right = float(panel.x.fraction(x)) > 0.5
        low = float(panel.y.fraction(y)) < 0.85
        panel.note(x, y, text, anchor="end" if right else "start", dx=-10 if right else 10, dy=-12 if low else 18)
    caption = (
        f"Pareto front of {name}: normalised error of each formula on samples of the hole, against its complexity."
    )
    return _figure(f"pareto_{slug(name)}", caption, f"Pareto front of {name}", [panel], panel.legend, WIDTH, 412.0)


def _vector_field(panel: Panel, model: FittedModel, t: float, count: int = 19) -> None:
    from ndestudio.model.evaluate import field

    fx, fy = (np.arange(count) + 0.5) / count, (np.arange(count - 3) + 0.5) / (count - 3)
    x = panel.x.low + fx * (panel.x.high - panel.x.low)
    y = panel.y.low + fy * (panel.y.high - panel.y.low)
    grid_x, grid_y = (grid.ravel() for grid in np.meshgrid(x, y))
    rate = field(model, t, np.stack([grid_x, grid_y], axis=-1))
    u = rate[:, 0] / (panel.x.high - panel.x.low) * panel.width
    v = rate[:, 1] / (panel.y.high - panel.y.low) * panel.height
    speed = np.hypot(u, v)
    with np.errstate(all="ignore"):
        length = 15.0 * np.clip(speed / np.nanpercentile(speed, 80), 0.25, 1.0) / speed if np.any(speed > 0) else speed
    u, v = u * length, v * length
    back_x = panel.x.low + (panel.x.fraction(grid_x) - 0.5 * u / panel.width) * (panel.x.high - panel.x.low)
    back_y = panel.y.low + (panel.y.fraction(grid_y) - 0.5 * v / panel.height) * (panel.y.high - panel.y.low)
    panel.arrows(back_x, back_y, u, v)


def _shade_parts(panel: Panel, trajectory: Trajectory) -> None:
    """Stretches of rows that were held out, to half-way between neighbours."""
    t, part = trajectory.t, trajectory.part
    middles = np.concatenate([[t[0]], 0.5 * (t[1:] + t[:-1]), [t[-1]]])
    for held_out, color in PART_COLORS.items():
        inside = np.concatenate([[False], part == held_out, [False]]).astype(int)
        starts, stops = np.flatnonzero(np.diff(inside) == 1), np.flatnonzero(np.diff(inside) == -1)
        for start, stop in zip(starts, stops, strict=True):
            low = panel.x.low if start == 0 else float(middles[start])
            high = panel.x.high if stop == len(t) else float(middles[stop])
            panel.span(low, high, color, name=PART_NAMES[held_out])


def _stage_labels(panel: Panel, edges: list[tuple[float, float, str]]) -> list[str]:
    parts = []
    for start, stop, stage in edges:
        a, b = (float(value) for value in panel.px(np.array([start, stop])))
        if b - a > 34:
            parts.append(label((a + b) / 2, panel.top - 7, stage, size=11, anchor="middle", kind="axis"))
    return parts


def _figure(
    name: str,
    caption: str,
    title: str,
    panels: list[Panel],
    entries: list[LegendEntry],
    width: float,
    height: float,
    extra: list[str] | None = None,
) -> Figure:
    head = [label(panels[0].left, 22.0, title, size=14, weight="600")]
    legend, _ = legend_row(entries, panels[0].left, 44.0, width - panels[0].left)
    body = [panel.svg() for panel in panels]
    return Figure(name, caption, drawing(width, height, [*head, legend, *body, *(extra or [])], caption))


def _not_running_away(measured: Float[np.ndarray, " n"], simulated: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Simulated values for choosing the axis: a simulation far outside the data must not flatten them."""
    known = measured[np.isfinite(measured)]
    if not len(known):
        return simulated
    spread = max(float(np.ptp(known)), 1e-12 * (1 + float(np.max(np.abs(known)))))
    return np.clip(simulated, known.min() - 0.5 * spread, known.max() + 0.5 * spread)


def _measured_pair(dataset: Dataset, trajectory: Trajectory, states: tuple[str, ...]) -> Float[np.ndarray, "time two"]:
    if not all(name in dataset.measured_names for name in states):
        return np.zeros((0, 2))
    columns = [dataset.measured_names.index(name) for name in states]
    pair = trajectory.measured[:, columns]
    return pair[np.all(np.isfinite(pair), axis=1)]


def _state_title(model: FittedModel, dataset: Dataset, name: str) -> str:
    for column in dataset.measured:
        if column.name == name:
            return column.title
    return Column(name, name, model.config.units.get(name, "")).title


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _rounded(expr):
    from ndestudio.expression.tree import Number, transform

    return transform(expr, lambda node: Number(float(f"{node.value:.3g}")) if isinstance(node, Number) else node)
