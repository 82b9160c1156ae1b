"""What plots of a model need, computed on a worker with NumPy: simulated trajectories, vector field, hole responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter

_DENSE = 400
_PORTRAIT = 25
_CURVE = 200
_MAP = 41
_MARGIN = 0.08


@dataclass(frozen=True, eq=False)
class Path:
    """A simulated trajectory at dense times, in the units of the file; NaN from where the solver failed on."""

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "time state"]
    measured: Float[np.ndarray, "time measured"]
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Portrait:
    """The vector field over two states, the others held at `held`.

    Arguments:
        x, y: grid lines. u, v: time derivatives at the grid points, per unit of time.
    """

    x_name: str
    y_name: str
    x: Float[np.ndarray, " x"]
    y: Float[np.ndarray, " y"]
    u: Float[np.ndarray, "y x"]
    v: Float[np.ndarray, "y x"]
    held: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class HolePicture:
    """A hole over one or two of its arguments, the others held at the median of what was visited.

    Arguments:
        axes: grid of each shown argument. values: the hole there ([x], or [y, x] for two arguments).
        support: visited samples of the shown arguments. trusted: where the grid is near a visited sample.
    """

    name: str
    arguments: tuple[str, ...]
    axes: tuple[Float[np.ndarray, " grid"], ...]
    values: Float[np.ndarray, "..."]
    support: Float[np.ndarray, "visited shown"]
    trusted: Bool[np.ndarray, "..."]
    held: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything plots show of one model. `paths`: trajectory name -> simulation."""

    model: FittedModel
    paths: Mapping[str, Path] = field(default_factory=dict)
    portrait: Portrait | None = None
    holes: tuple[HolePicture, ...] = ()


def picture(
    model: FittedModel, dataset: Dataset, axes: tuple[str, str] | None = None, *, reporter: Reporter
) -> Picture:
    """Compute all of it.

    Arguments:
        axes: the two states of the phase portrait (None: the first two).
    """
    paths = simulate_all(model, dataset, reporter=reporter)
    portrait = None if reporter.should_stop() else phase_portrait(model, paths, axes)
    holes = () if reporter.should_stop() else tuple(hole_picture(model, hole) for hole in model.networks)
    return Picture(model, paths, portrait, holes)


def simulate_all(model: FittedModel, dataset: Dataset, *, reporter: Reporter) -> dict[str, Path]:
    """Every trajectory from its initial value, at dense times."""
    from ndestudio.model.simulate import simulate

    paths: dict[str, Path] = {}
    for trajectory in dataset.trajectories:
        if reporter.should_stop() or trajectory.name not in model.initial:
            break
        times = np.unique(np.concatenate([trajectory.t, np.linspace(trajectory.t[0], trajectory.t[-1], _DENSE)]))
        made = simulate(model, times, model.initial[trajectory.name], trajectory)
        paths[trajectory.name] = Path(made.t, made.states, made.measured, made.sentence)
    return paths


def phase_portrait(
    model: FittedModel, paths: Mapping[str, Path], axes: tuple[str, str] | None = None
) -> Portrait | None:
    """The vector field where the simulated trajectories are; None with fewer than two states or no usable path."""
    from ndestudio.model import field as vector_field

    states = model.system.states
    visited = [path.states for path in paths.values()]
    if len(states) < 2 or not visited:
        return None
    cloud = np.concatenate(visited)
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if len(cloud) < 2:
        return None
    x_name, y_name = axes if axes and set(axes) <= set(states) and axes[0] != axes[1] else states[:2]
    ix, iy = states.index(x_name), states.index(y_name)
    x, y = _grid(cloud[:, ix], _PORTRAIT), _grid(cloud[:, iy], _PORTRAIT)
    middle = np.median(cloud, axis=0)
    inputs = np.zeros(len(model.inputs))
    u, v = np.zeros((len(y), len(x))), np.zeros((len(y), len(x)))
    with np.errstate(all="ignore"):
        for row, b in enumerate(y):
            for column, a in enumerate(x):
                point = middle.copy()
                point[ix], point[iy] = a, b
                slope = np.asarray(vector_field(model, 0.0, point, inputs))
                u[row, column], v[row, column] = slope[ix], slope[iy]
    held = {name: float(middle[i]) for i, name in enumerate(states) if i not in (ix, iy)}
    return Portrait(x_name, y_name, x, y, u, v, held)


def hole_picture(model: FittedModel, hole: str, shown: tuple[int, ...] | None = None) -> HolePicture:
    """A network over one or two of its arguments.

    Arguments:
        shown: positions of the shown arguments (None: the first one or two).
    """
    from ndestudio.model import evaluate_hole

    network = model.networks[hole]
    count = len(network.arguments)
    shown = shown or tuple(range(min(count, 2)))
    support = network.support
    if support is None or len(support) < 2:
        deviations = np.linspace(-2, 2, 9)[:, None]
        support = network.input_center + network.input_scale * deviations
    middle = np.median(support, axis=0)
    axes = tuple(_grid(support[:, i], _CURVE if len(shown) == 1 else _MAP) for i in shown)
    mesh = np.meshgrid(*axes)
    points = np.tile(middle, (mesh[0].size, 1))
    for i, values in zip(shown, mesh, strict=True):
        points[:, i] = values.ravel()
    values = np.asarray(evaluate_hole(model, hole, points)).reshape(mesh[0].shape)
    return HolePicture(
        name=hole,
        arguments=tuple(network.arguments[i] for i in shown),
        axes=axes,
        values=values,
        support=support[:, list(shown)],
        trusted=_near(np.stack([m.ravel() for m in mesh], axis=1), support[:, list(shown)]).reshape(mesh[0].shape),
        held={name: float(middle[i]) for i, name in enumerate(network.arguments) if i not in shown},
    )


def _grid(values: Float[np.ndarray, " n"], count: int) -> Float[np.ndarray, " grid"]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = _MARGIN * (high - low) or max(abs(low), 1.0) * _MARGIN
    return np.linspace(low - margin, high + margin, count)


def _near(points: Float[np.ndarray, "n d"], support: Float[np.ndarray, "m d"]) -> Bool[np.ndarray, " n"]:
    """Whether a visited sample lies within a tenth of the visited span (root-mean-square over arguments)."""
    sample = support[:: max(1, len(support) // 400)]
    span = np.ptp(sample, axis=0)
    span = np.where(span > 0, span, 1.0)
    distance = ((points[:, None, :] - sample[None, :, :]) / span) ** 2
    return np.asarray(np.sqrt(distance.mean(axis=2)).min(axis=1) < 0.1)
