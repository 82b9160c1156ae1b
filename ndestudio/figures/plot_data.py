"""What figures of a model need, computed with NumPy: simulated trajectories, vector field, responses of neural terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset, Part
from ndestudio.figures import fan as fans
from ndestudio.figures.dose_response import DoseResponse, dose_responses
from ndestudio.figures.fan import Fan
from ndestudio.model.events import text_of
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.progress import Reporter

_DENSE = 400
LIVE, LIVE_PATHS = 5.0, 60
"""Seconds below which fans are for a look while something runs, and their paths then."""
_PORTRAIT = 25
_CURVE = 200
_MAP = 41
_MARGIN = 0.08
_STRAY = 0.05
_SEEDS = 13
_FINE = 61
MOST_EVENTS = 300
"""Events of a trajectory that are marked."""
_STREAM_STEPS = 6
_RTOL, _ATOL = 1e-6, 1e-8
"""A tenth of a pixel is more than these leave."""


@dataclass(frozen=True, eq=False)
class Path:
    """A simulated trajectory at dense times, in the units of the file; NaN from where the solver failed on."""

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "time state"]
    measured: Float[np.ndarray, "time measured"]
    sentence: str = ""
    happened: tuple[tuple[float, str], ...] = ()
    """Time and words of the events that the equations say, those of the doses of the data left out."""
    fan: Fan | None = None
    """Of a stochastic model: quantiles of simulated paths; ``states`` are those of the first, ``measured`` the medians then."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """The vector field over two states, the others held at `held`.

    Parameters
    ----------
    x, y
        Grid lines.
    u, v
        Time derivatives at the grid points, per unit of time.
    trusted
        Where a training row or the simulation between training rows comes near, on a finer grid.
    streams
        Streamlines as points (x, y), NaN between two of them.
    heads
        Where each points at, with its direction.
    """

    x_name: str
    y_name: str
    x: Float[np.ndarray, " x"]
    y: Float[np.ndarray, " y"]
    u: Float[np.ndarray, "y x"]
    v: Float[np.ndarray, "y x"]
    trusted: Bool[np.ndarray, "fine_y fine_x"]
    trusted_x: Float[np.ndarray, " fine_x"]
    trusted_y: Float[np.ndarray, " fine_y"]
    streams: Float[np.ndarray, "point 2"]
    heads: Float[np.ndarray, "stream 4"]
    held: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NeuralTermPlotData:
    """A neural term over one or two of its arguments, the others held at the median of what was visited.

    Parameters
    ----------
    axes
        Grid of each shown argument.
    values
        The neural term there ([x], or [y, x] for two arguments).
    support
        Visited samples of the shown arguments.
    trusted
        Where the grid is near a visited sample.
    lowest, highest
        Over the networks of all seeds, in the shape of ``values``; None for a single seed.
    """

    name: str
    arguments: tuple[str, ...]
    axes: tuple[Float[np.ndarray, " grid"], ...]
    values: Float[np.ndarray, "..."]
    support: Float[np.ndarray, "visited shown"]
    trusted: Bool[np.ndarray, "..."]
    held: Mapping[str, float] = field(default_factory=dict)
    lowest: Float[np.ndarray, "..."] | None = None
    highest: Float[np.ndarray, "..."] | None = None


@dataclass(frozen=True, eq=False)
class PlotData:
    """Everything plots show of one model.

    Parameters
    ----------
    paths
        Trajectory name -> simulation.
    warnings
        Sentences about simulations that use a neural term where no data support it.
    axes, shown
        What was asked for: states of the portrait, neural term -> positions of its shown arguments.
    dose_responses
        Steady states over the input that was varied, where the data have such.
    """

    model: FittedModel
    paths: Mapping[str, Path] = field(default_factory=dict)
    portrait: Portrait | None = None
    neural_terms: tuple[NeuralTermPlotData, ...] = ()
    warnings: tuple[str, ...] = ()
    axes: tuple[str, str] | None = None
    shown: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dose_responses: tuple[DoseResponse, ...] = ()


def plot_data(
    model: FittedModel,
    dataset: Dataset,
    axes: tuple[str, str] | None = None,
    shown: Mapping[str, tuple[int, ...]] | None = None,
    seconds: float = 30.0,
    others: tuple[FittedModel, ...] = (),
    *,
    reporter: Reporter,
) -> PlotData:
    """Compute all of it.

    Parameters
    ----------
    axes
        The two states of the phase portrait (None: the first two).
    shown
        Neural term -> positions of the arguments it is drawn over (left out: the first one or two).
    seconds
        Trajectories left when they are over are not simulated (a training that runs wants news, not all of it).
    others
        Models of further seeds; neural terms show how far they spread.
    """
    from ndestudio.fitting.one_step import measured_arguments

    shown = shown or {}
    paths = simulate_all(model, dataset, seconds, reporter=reporter)
    stochastic = bool(model.system.diffusion)
    portrait = None if reporter.should_stop() else phase_portrait(model, dataset, paths, axes)
    wanted = () if reporter.should_stop() else tuple(model.networks)
    visits = {
        name: measured_arguments(model, dataset, name)
        if stochastic
        else visited(model, dataset, paths, network.arguments)
        for name, network in model.networks.items()
    }
    neural_terms = tuple(
        neural_term_plot_data(model, neural_term, shown.get(neural_term), visits[neural_term], others)
        for neural_term in wanted
    )
    curves = () if reporter.should_stop() or stochastic else dose_responses(model, dataset, others)
    warnings = () if stochastic else unsupported(model, paths, visits)
    return PlotData(model, paths, portrait, neural_terms, warnings, axes, shown, curves)


def simulate_fans(
    model: FittedModel,
    dataset: Dataset,
    seconds: float = 30.0,
    paths: int = fans.PATHS,
    seed: int = 0,
    *,
    reporter: Reporter,
) -> dict[str, Path]:
    """Quantiles of simulated paths of every trajectory from its initial value."""
    end = monotonic() + seconds
    found: dict[str, Path] = {}
    for trajectory in dataset.trajectories:
        if reporter.should_stop() or trajectory.name not in model.initial or monotonic() > end:
            break
        coarse = seconds < LIVE
        made = fans.fan(model, trajectory, min(paths, LIVE_PATHS) if coarse else paths, seed, coarse=coarse)
        middle = made.fan.measured[made.fan.levels.index(0.5)]
        found[trajectory.name] = Path(made.t, made.states, middle, made.sentence, fan=made.fan)
    return found


def simulate_all(model: FittedModel, dataset: Dataset, seconds: float = 30.0, *, reporter: Reporter) -> dict[str, Path]:
    """Every trajectory from its initial value, at dense times; of a stochastic model many paths of each."""
    if model.system.diffusion:
        return simulate_fans(model, dataset, seconds, reporter=reporter)
    from ndestudio.problem.conditions import initial_state
    from ndestudio.solve.scipy_reference import Budget, simulate

    end = monotonic() + seconds
    paths: dict[str, Path] = {}
    for trajectory in dataset.trajectories:
        left = end - monotonic()
        if reporter.should_stop() or trajectory.name not in model.initial or left <= 0:
            break
        times = np.unique(np.concatenate([trajectory.t, np.linspace(trajectory.t[0], trajectory.t[-1], _DENSE)]))
        made = simulate(
            model, times, initial_state(model, trajectory), trajectory, _RTOL, _ATOL, budget=Budget(min(left, 10.0))
        )
        paths[trajectory.name] = Path(made.t, made.states, made.measured, made.sentence, _happened(model, made))
    return paths


def _happened(model: FittedModel, made: Simulation) -> tuple[tuple[float, str], ...]:
    """Events of the equations in a simulation, the first of them; infusions that they say are told where they begin."""
    found = []
    for time, which in zip(made.events.t.tolist(), made.events.which.tolist(), strict=True):
        event = model.system.events[which]
        if not event.of_data and made.t[0] <= time <= made.t[-1]:
            found.append((time, text_of(event)))
    return tuple(found[:MOST_EVENTS])


def unsupported(
    model: FittedModel, paths: Mapping[str, Path], visits: Mapping[str, Float[np.ndarray, "visit argument"]]
) -> tuple[str, ...]:
    """Sentences about simulations that leave the region in which data support a network.

    Parameters
    ----------
    visits
        Neural term -> arguments that training has visited.
    """
    states = model.system.states
    found = []
    for name, network in model.networks.items():
        support = visits[name]
        if len(support) < 2:
            continue
        positions = [states.index(argument) for argument in network.arguments]
        outside = []
        for trajectory, path in paths.items():
            points = path.states[:, positions]
            known = np.isfinite(points).all(axis=1)
            far = np.zeros(len(points), dtype=bool)
            far[known] = ~near(points[known], support)
            if far.mean() > _STRAY:
                outside.append((trajectory, float(path.t[far][0]), float(far.mean())))
        if outside:
            trajectory, since, share = max(outside, key=lambda item: item[2])
            where = f" in `{trajectory}`" if len(paths) > 1 and trajectory else ""
            found.append(
                f"`{name}` is used outside the data that support it for {share:.0%} of the time{where} (first at {since:.5g})."
            )
    return tuple(found)


def phase_portrait(
    model: FittedModel, dataset: Dataset, paths: Mapping[str, Path], axes: tuple[str, str] | None = None
) -> Portrait | None:
    """The vector field where the simulated trajectories are; None with fewer than two states, no usable path, or delays
    (slopes are then not those of points)."""
    from ndestudio.model import field as vector_field

    states = model.system.states
    simulated = [path.states for path in paths.values()]
    if len(states) < 2 or not simulated or model.system.delays:
        return None
    cloud = np.concatenate(simulated)
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if len(cloud) < 2:
        return None
    x_name, y_name = axes if axes and set(axes) <= set(states) and axes[0] != axes[1] else states[:2]
    ix, iy = states.index(x_name), states.index(y_name)
    x, y = (_grid(_shown_values(dataset, states[i], cloud[:, i]), _PORTRAIT) for i in (ix, iy))
    middle = np.median(cloud, axis=0)
    points = np.tile(middle, (len(y), len(x), 1))
    points[..., ix], points[..., iy] = np.meshgrid(x, y)
    with np.errstate(all="ignore"):
        slopes = vector_field(model, 0.0, points, np.zeros((len(y), len(x), len(model.inputs))))
    held = {name: float(middle[i]) for i, name in enumerate(states) if i not in (ix, iy)}
    fine_x, fine_y = np.linspace(x[0], x[-1], _FINE), np.linspace(y[0], y[-1], _FINE)
    mesh = np.stack([m.ravel() for m in np.meshgrid(fine_x, fine_y)], axis=1)
    visits = visited(model, dataset, paths, (x_name, y_name))
    trusted = near(mesh, visits).reshape(_FINE, _FINE) if len(visits) else np.ones((_FINE, _FINE), dtype=bool)
    streams, heads = streamlines(x, y, slopes[..., ix], slopes[..., iy])
    return Portrait(
        x_name, y_name, x, y, slopes[..., ix], slopes[..., iy], trusted, fine_x, fine_y, streams, heads, held
    )


def visited(
    model: FittedModel, dataset: Dataset, paths: Mapping[str, Path], names: tuple[str, ...]
) -> Float[np.ndarray, "visit name"]:
    """Where training has led these states: simulated paths up to the last training row, as long as they stay near the data.

    A path is left out where it runs more than half a span outside what was measured: nothing holds it there.
    """
    states = model.system.states
    if not set(names) <= set(states):
        return np.zeros((0, len(names)))
    found = []
    ranges = {name: _measured_range(dataset, name) for name in names}
    for trajectory in dataset.trajectories:
        path = paths.get(trajectory.name)
        rows = np.flatnonzero(trajectory.mask(Part.TRAIN).any(axis=1))
        if path is None or not len(rows):
            continue
        values = path.states[path.t <= trajectory.t[rows[-1]]][:, [states.index(name) for name in names]]
        keep = np.isfinite(values).all(axis=1)
        for column, name in enumerate(names):
            span = ranges[name]
            if span is not None:
                low, high = span
                reach = 0.5 * (high - low)
                with np.errstate(invalid="ignore"):
                    keep &= (values[:, column] > low - reach) & (values[:, column] < high + reach)
        found.append(values[keep])
    return np.concatenate(found) if found else np.zeros((0, len(names)))


def _shown_values(dataset: Dataset, name: str, simulated: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """What an axis of the portrait spans: what was measured, and the simulation as far as it stays within sight of that."""
    span = _measured_range(dataset, name)
    if span is None or span[0] == span[1]:
        return simulated
    reach = span[1] - span[0]
    return np.concatenate([np.clip(simulated, span[0] - reach, span[1] + reach), span])


def _measured_range(dataset: Dataset, name: str) -> tuple[float, float] | None:
    if name not in dataset.measured_names:
        return None
    column = dataset.measured_names.index(name)
    values = np.concatenate([trajectory.measured[:, column] for trajectory in dataset.trajectories])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else None


def streamlines(
    x: Float[np.ndarray, " x"], y: Float[np.ndarray, " y"], u: Float[np.ndarray, "y x"], v: Float[np.ndarray, "y x"]
) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, "stream 4"]]:
    """Short lines along the field from a coarse grid of seeds, all of the same length on the screen.

    Returns
    -------
    tuple[Float[np.ndarray, 'point 2'], Float[np.ndarray, 'stream 4']]
        Points of the lines with NaN between two, and for each line its last point and direction (unit square).
    """
    span = np.array([x[-1] - x[0], y[-1] - y[0]])
    origin = np.array([x[0], y[0]])
    grid = np.stack([u, v], axis=-1) / span
    seeds = (np.arange(_SEEDS) + 0.5) / _SEEDS
    place = np.stack([m.ravel() for m in np.meshgrid(seeds, seeds)], axis=1)
    place = place + (np.arange(len(place)) // _SEEDS % 2)[:, None] * np.array([0.5 / _SEEDS, 0.0])
    line = [place]
    step = 0.8 / _SEEDS / _STREAM_STEPS
    for _ in range(_STREAM_STEPS):
        middle = line[-1] + 0.5 * step * _direction(grid, line[-1])
        line.append(line[-1] + step * _direction(grid, middle))
    lines = np.stack(line, axis=1)
    inside = np.isfinite(lines).all(axis=(1, 2)) & ((lines >= 0) & (lines <= 1)).all(axis=(1, 2))
    lines = lines[inside]
    if not len(lines):
        return np.zeros((0, 2)), np.zeros((0, 4))
    drawn = np.concatenate([lines * span + origin, np.full((len(lines), 1, 2), np.nan)], axis=1)
    towards = lines[:, -1] - lines[:, -2]
    return drawn.reshape(-1, 2), np.concatenate([lines[:, -1] * span + origin, towards], axis=1)


def _direction(grid: Float[np.ndarray, "y x 2"], place: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Unit vectors of the field at places of the unit square, bilinear between grid points."""
    rows, columns = grid.shape[:2]
    inside = np.nan_to_num(np.clip(place, 0.0, 1.0))
    fx, fy = inside[:, 0] * (columns - 1), inside[:, 1] * (rows - 1)
    i, j = np.minimum(fx.astype(int), columns - 2), np.minimum(fy.astype(int), rows - 2)
    a, b = (fx - i)[:, None], (fy - j)[:, None]
    low = grid[j, i] * (1 - a) + grid[j, i + 1] * a
    high = grid[j + 1, i] * (1 - a) + grid[j + 1, i + 1] * a
    vector = low * (1 - b) + high * b
    length = np.linalg.norm(vector, axis=1, keepdims=True)
    return np.divide(vector, length, out=np.zeros_like(vector), where=length > 0)


def neural_term_plot_data(
    model: FittedModel,
    neural_term: str,
    shown: tuple[int, ...] | None = None,
    visits: Float[np.ndarray, "visit argument"] | None = None,
    others: tuple[FittedModel, ...] = (),
) -> NeuralTermPlotData:
    """A network over one or two of its arguments.

    Parameters
    ----------
    shown
        Positions of the shown arguments (None: the first one or two).
    visits
        Arguments that training has visited, in addition to the support the network knows itself.
    others
        Models of further seeds.
    """
    from ndestudio.model import evaluate_neural_term

    network = model.networks[neural_term]
    count = len(network.arguments)
    shown = shown or tuple(range(min(count, 2)))
    support = network.support if network.support is not None else np.zeros((0, count))
    if visits is not None and len(visits):
        support = np.concatenate([support, visits])
    if len(support) < 2:
        deviations = np.linspace(-2, 2, 9)[:, None]
        support = network.input_center + network.input_scale * deviations
    middle = np.median(support, axis=0)
    axes = tuple(_grid(support[:, i], _CURVE if len(shown) == 1 else _MAP) for i in shown)
    mesh = np.meshgrid(*axes)
    points = np.tile(middle, (mesh[0].size, 1))
    for i, values in zip(shown, mesh, strict=True):
        points[:, i] = values.ravel()
    seeds = [one for one in (model, *others) if neural_term in one.networks]
    all_values = np.stack(
        [np.asarray(evaluate_neural_term(one, neural_term, points)).reshape(mesh[0].shape) for one in seeds]
    )
    values = all_values[0]
    return NeuralTermPlotData(
        name=neural_term,
        arguments=tuple(network.arguments[i] for i in shown),
        axes=axes,
        values=values,
        support=support[:, list(shown)],
        trusted=near(np.stack([m.ravel() for m in mesh], axis=1), support[:, list(shown)]).reshape(mesh[0].shape),
        held={name: float(middle[i]) for i, name in enumerate(network.arguments) if i not in shown},
        lowest=all_values.min(axis=0) if len(seeds) > 1 else None,
        highest=all_values.max(axis=0) if len(seeds) > 1 else None,
    )


def grid_points(shown: NeuralTermPlotData, arguments: tuple[str, ...]) -> Float[np.ndarray, "point argument"]:
    """The points plot data has values at, in the order of ``values.ravel()``; the other arguments are at ``held``."""
    mesh = dict(zip(shown.arguments, np.meshgrid(*shown.axes), strict=True))
    size = shown.values.size
    columns = [mesh[name].ravel() if name in mesh else np.full(size, shown.held[name]) for name in arguments]
    return np.stack(columns, axis=1)


def _grid(values: Float[np.ndarray, " n"], count: int) -> Float[np.ndarray, " grid"]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = _MARGIN * (high - low) or max(abs(low), 1.0) * _MARGIN
    return np.linspace(low - margin, high + margin, count)


def near(points: Float[np.ndarray, "n d"], support: Float[np.ndarray, "m d"]) -> Bool[np.ndarray, " n"]:
    """Whether a visited sample lies within a tenth of the visited span (root-mean-square over arguments)."""
    sample = support[:: max(1, len(support) // 400)]
    span = np.ptp(sample, axis=0)
    span = np.where(span > 0, span, 1.0)
    distance = ((points[:, None, :] - sample[None, :, :]) / span) ** 2
    return np.asarray(np.sqrt(distance.mean(axis=2)).min(axis=1) < 0.1)
