"""A stochastic model beside its data: the fan of its paths, the density of states, one-step residuals, drift and diffusion."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.figures.description import Axis, Band, Curve, Figure, Panel, Points
from ndestudio.figures.text import slug

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset, Trajectory
    from ndestudio.fitting.stochastic.residuals import TransitionResiduals
    from ndestudio.model.fitted import FittedModel

PATHS, SAMPLES, SUBSTEPS = 200, 300, 4
"""Paths of a fan, measurements that it goes along, and steps between two of them."""
BINS = 40
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def stochastic_figure(model: FittedModel, dataset: Dataset, trajectory: Trajectory) -> Figure | None:
    """The panels of the first measured state of a trajectory; None where no state is measured."""
    from ndestudio.errors import NdeStudioError
    from ndestudio.fitting.stochastic.residuals import transition_residuals

    state = next((one for one in model.system.states if one in dataset.measured_names), None)
    if state is None or len(trajectory.t) < 3:
        return None
    panels = [fan_panel(model, dataset, trajectory, state), density_panel(model, dataset, trajectory, state)]
    with suppress(NdeStudioError, np.linalg.LinAlgError):  # a state that nobody measured has no one-step residuals
        panels.append(quantile_panel(transition_residuals(model, dataset), state))
    if len(model.system.states) == 1 and not model.system.inputs:
        panels += field_panels(model, dataset, state)
    caption = (
        f"{state} of {trajectory.name}. First: quantiles (5, 25, 50, 75, 95%) of {PATHS} simulated paths from the first measurement, and "
        "the measurements, which are one path. Density: measured states, and paths that began at measured states. One-step "
        "residuals lie on the line where the model says how measurements follow each other. Points beside drift and "
        "diffusion: means over places of equally many measurements, without correction for the length of steps."
    )
    name = f"stochastic_{slug(trajectory.name)}_{slug(state)}"
    return Figure("stochastic", name, f"Noise in the law of {state}", caption, tuple(panels), columns=2, ratio=0.6)


def fan_panel(model: FittedModel, dataset: Dataset, trajectory: Trajectory, state: str) -> Panel:
    """Quantiles of simulated paths over time, with the measurements."""
    from ndestudio.model.initial import model_start
    from ndestudio.solve.stochastic.paths import simulate_paths

    t = trajectory.t[:SAMPLES]
    start = model_start(model, trajectory)
    found = simulate_paths(model, t, start, PATHS, substeps=SUBSTEPS, inputs=trajectory)
    low, near, middle, far, high = found.quantiles(LEVELS)[:, :, model.system.states.index(state)]
    measured = trajectory.measured[:SAMPLES, dataset.measured_names.index(state)]
    marks = (
        Band(t, low, high, 0, "90% of paths"),
        Band(t, near, far, 0, "50%"),
        Curve(t, middle, 0, "median"),
        Points(t, measured, "data", "measured"),
    )
    return Panel(Axis(dataset.time.title), Axis(_title(dataset, state)), marks, wide=2)


def density_panel(model: FittedModel, dataset: Dataset, trajectory: Trajectory, state: str) -> Panel:
    """Density of measured states beside that of simulated ones."""
    from ndestudio.solve.stochastic.paths import simulate_paths

    names = model.system.states
    values = np.concatenate([one.measured[:, dataset.measured_names.index(state)] for one in dataset.trajectories])
    values = values[np.isfinite(values)]
    edges = np.linspace(float(values.min()), float(values.max()), BINS + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    marks: list[Curve | Points] = [Points(middle, _density(values, edges), "data", "measured")]
    if all(name in dataset.measured_names for name in names):
        whole = np.concatenate([one.measured for one in dataset.trajectories])
        rows = whole[:, [dataset.measured_names.index(name) for name in names]]
        rows = rows[np.isfinite(rows).all(axis=1)]
        starts = rows[np.random.default_rng(0).integers(len(rows), size=PATHS)]
        t = trajectory.t[:SAMPLES]
        found = simulate_paths(model, t, starts, PATHS, seed=1, substeps=SUBSTEPS, inputs=trajectory)
        states = found.states[:, len(t) // 2 :, names.index(state)].ravel()
        marks.append(Curve(middle, _density(states[np.isfinite(states)], edges), 0, "model"))
    return Panel(Axis(_title(dataset, state)), Axis("density"), tuple(marks))


def quantile_panel(found: TransitionResiduals, state: str) -> Panel:
    """Ordered one-step residuals against normal quantiles."""
    z = np.sort(found.z[found.names.index(state)])
    expected = scipy.stats.norm.ppf((np.arange(len(z)) + 0.5) / len(z))
    kept = np.unique(np.linspace(0, len(z) - 1, min(1000, len(z))).astype(int))
    ends = expected[[0, -1]]
    marks = (Curve(ends, ends, "muted", dash=True), Points(expected[kept], z[kept], 0, soft=True))
    return Panel(Axis("normal quantile"), Axis("one-step residual"), marks)


def field_panels(model: FittedModel, dataset: Dataset, state: str) -> tuple[Panel, Panel]:
    """Drift and diffusion where data are, with what they are on average in places of equally many measurements."""
    from ndestudio.expression.numeric import evaluate
    from ndestudio.fitting.stochastic.transitions import transitions
    from ndestudio.model.networks import array_neural_term

    data = transitions(model, dataset, None)
    x, change = data.y[0], data.later[0] - data.y[0]
    order = np.argsort(x)
    groups = np.array_split(order, min(BINS, max(len(x) // 25, 2)))
    places = np.array([x[one].mean() for one in groups])
    slopes = np.array([np.sum(change[one]) / np.sum(data.h[one]) for one in groups])
    spreads = np.array([np.sqrt(np.mean((change[one] - change[one].mean()) ** 2 / data.h[one])) for one in groups])
    grid = np.linspace(places[0], places[-1], 200)
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    values = {**model.parameters, state: grid, "t": float(data.t[0])}

    def over(expr: object) -> Float[np.ndarray, " x"]:
        return np.broadcast_to(evaluate(expr, values, neural_terms=functions), grid.shape).astype(float)  # type: ignore[arg-type]

    drift = over(model.system.rhs[0])
    squares = sum(over(column[0]) ** 2 for column in model.system.diffusion.values())
    axis = Axis(_title(dataset, state))
    return (
        Panel(axis, Axis("drift"), (Points(places, slopes, "data", "data"), Curve(grid, drift, 0, "model"))),
        Panel(axis, Axis("diffusion"), (Points(places, spreads, "data"), Curve(grid, np.sqrt(squares), 0))),
    )


def _density(values: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edge"]) -> Float[np.ndarray, " bin"]:
    counts, _ = np.histogram(values, edges)
    return counts / max(len(values), 1) / np.diff(edges)


def _title(dataset: Dataset, state: str) -> str:
    return dataset.measured[dataset.measured_names.index(state)].title
