"""What transitions of one state say of networks, where steps are long: curves of largest likelihood, and its curvature.

A transition of a long step says something of the law all along its way, so that it cannot be counted where it begins. Each network is
given a correction, a natural cubic spline with values at a few knots (added, or multiplied by its exponential where a network is
positive); the corrections are fitted by the likelihood on the grid with the method of scoring. Near its maximum the likelihood is a
quadratic form of the values at the knots: of a formula it says how many nats it loses, whatever the other networks become.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.interpolate
from jaxtyping import Float

from ndestudio.distil.stochastic.responses import Response
from ndestudio.fitting.stochastic.arguments import call_arguments
from ndestudio.fitting.stochastic.fields import NUDGE as STATE_NUDGE
from ndestudio.fitting.stochastic.fields import Fields, differenced_around
from ndestudio.fitting.stochastic.grid import StateGrid, grid_density, state_grid
from ndestudio.fitting.stochastic.grid_choice import MOST_GRIDS, grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood, autonomous
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.networks import array_neural_term, evaluate_network

MOST_KNOTS, FEWEST_KNOTS = 20, 8
REACH = 0.001
"""Part of the data beyond the first and the last knot, where added corrections go straight on and others are constant."""
STEPS, GAINED = 10, 0.3
"""Steps of scoring at most, and nats that a step must gain."""
NUDGE = 1e-5
"""Of a value at a knot, for differences."""
KNOWN = 1.0
"""Information of a combination of corrections, in their units, from which it is believed."""
BEND = 3.0
"""Prior standard deviation of second differences of a correction, in spreads of the network (of its logarithm: of 1)."""


@dataclass(frozen=True, eq=False)
class Knots:
    """Where the correction of a network has its values.

    Parameters
    ----------
    scale
        0: knots are evenly spaced in the argument x, 1: in sqrt(x), 2: in log(x).
    x
        Arguments, increasing.
    additive
        Added, or multiplied as an exponential.
    unit
        Of an added correction.
    """

    scale: int
    x: Float[np.ndarray, " knot"]
    additive: bool
    unit: float


def is_additive(network: NetworkWeights) -> bool:
    """Whether anything may be added to a network: no sign, bound or factor is promised of it."""
    config = network.config
    return config.sign == "any" and config.lower is None and config.upper is None and not config.factor


def curve_responses(
    model: FittedModel, names: Sequence[str], data: Transitions
) -> dict[str, tuple[Response, Response]] | None:
    """Network -> samples of it and of its square at knots; None where the model has no grid, a network other
    arguments, or the equations are Stratonovich's."""
    if model.system.calculus != "ito" or len(model.system.states) != 1:
        return None
    if any(len(model.networks[name].arguments) != 1 for name in names):
        return None
    space = stochastic_space(model)
    likelihood = TransitionLikelihood(space, data, "grid")
    if not autonomous(likelihood.dynamics) or grid_of(model, data) is None:
        return None
    spread = np.median(np.abs(data.later[0] - data.y[0]))
    knots = {name: _knots(model, name, data, float(spread)) for name in names}
    fitted = _on_grids(likelihood, model, knots)
    if fitted is None:
        return None
    c, slope, matrix = fitted
    found, first = {}, 0
    for name in names:
        one = knots[name]
        place = slice(first, first + len(one.x))
        first = place.stop
        network = model.networks[name]
        base = evaluate_network(network, one.x[:, None])
        value = base + one.unit * c[place] if one.additive else base * np.exp(c[place])
        own, steep = _profiled(slope, matrix, place, np.diag(_penalties(knots)))
        turn = np.full(len(value), 1.0 / one.unit) if one.additive else 1.0 / value
        direct = _response(one.x, value, turn, steep, own)
        with np.errstate(divide="ignore"):
            twice = turn / (2.0 * np.where(np.abs(value) > 1e-12, value, 1e-12))
        found[name] = direct, _response(one.x, value**2, twice, steep, own)
    return found


def _knots(model: FittedModel, name: str, data: Transitions, spread: float) -> Knots:
    """Evenly spaced where the noise is of one size, no closer than half a transition is wide."""
    x = call_arguments(model, name, data.t, data.y, data.u)[:, 0]
    low, high = np.quantile(x, [REACH, 1.0 - REACH])
    scales = [0]
    if x.min() > 0:
        scales = [0, 1, 2]
    sizes = np.abs(data.later[0] - data.y[0])
    order = np.argsort(x)
    pieces = np.array_split(order, 20)
    width = np.array([np.mean(sizes[piece]) for piece in pieces])
    center = np.array([np.median(x[piece]) for piece in pieces])
    uneven = {0: width, 1: width / np.sqrt(np.abs(center) + 1e-300), 2: width / (np.abs(center) + 1e-300)}
    scale = min(scales, key=lambda k: np.std(uneven[k]) / np.mean(uneven[k]))
    to, back = _SCALES[scale]
    reach = to(np.array([low, high]))
    # the way of one transition on that scale
    step = float(np.median(np.abs(to(x + spread) - to(x)))) if scale == 0 else float(np.mean(uneven[scale]))
    count = int(np.clip(2.0 * (reach[1] - reach[0]) / max(step, 1e-300), FEWEST_KNOTS, MOST_KNOTS))
    at = np.asarray(back(np.linspace(reach[0], reach[1], count)), float)
    network = model.networks[name]
    values = evaluate_network(network, x[:: max(1, len(x) // 2000), None])
    # what carries the state over its spread in the time that it remembers
    y, later = data.y[0], data.later[0]
    forgets = float(np.mean((later - y) ** 2) / (2.0 * np.var(y) + 1e-300) / np.median(data.h))
    unit = max(float(np.std(values)), min(forgets, 1.0 / float(np.median(data.h))) * float(np.std(y))) or 1.0
    return Knots(scale, at, is_additive(network), unit)


_SCALES: dict[int, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    0: (lambda x: x, lambda u: u),
    1: (np.sqrt, np.square),
    2: (np.log, np.exp),
}


def _penalties(knots: Mapping[str, Knots]) -> Float[np.ndarray, "all all"]:
    """Information of the prior on how corrections bend."""
    sizes = [len(one.x) for one in knots.values()]
    found = np.zeros((sum(sizes), sum(sizes)))
    first = 0
    for size in sizes:
        second = np.diff(np.eye(size), 2, axis=0)
        found[first : first + size, first : first + size] = second.T @ second / BEND**2 + 1e-6 * np.eye(size)
        first += size
    return found


def _on_grids(
    likelihood: TransitionLikelihood, model: FittedModel, knots: Mapping[str, Knots]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Values at all knots, and slope and information of the likelihood there, on grids that follow the corrected diffusion."""
    curves = _Curves(likelihood, model, knots)
    found, before = (np.zeros(sum(len(one.x) for one in knots.values())), np.zeros(0), np.zeros(0)), np.nan
    for _ in range(MOST_GRIDS):
        grid = state_grid(lambda x, c=found[0]: curves.spread(c, x), likelihood.transitions)
        if grid is None:
            return None
        each = curves.on(grid)
        if abs(float(each(found[0]).sum()) - before) < GAINED:
            break
        fitted = _fitted(each, found[0], _penalties(knots))
        if fitted is None:
            return None
        found, before = fitted, float(each(fitted[0]).sum())
    return found


def _fitted(
    each: Callable[[Any], Any], c: Float[np.ndarray, " all"], penalty: Float[np.ndarray, "all all"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Values of the largest likelihood from ``c`` on, with its slope and information."""
    here = each(c)
    if not np.isfinite(here).all():
        return None
    value, damping = here.sum() - 0.5 * c @ penalty @ c, 1e-3
    for _ in range(STEPS):
        scores = _scores(each, c, here)
        if not np.isfinite(scores).all():
            return None
        slope, matrix = scores.sum(axis=0), scores.T @ scores
        trial, there, after = c, here, -np.inf
        for _ in range(8):
            step = np.linalg.solve(matrix + penalty + damping * np.diag(np.diag(matrix)), slope - penalty @ c)
            trial = c + step
            there = each(trial)
            after = there.sum() - 0.5 * trial @ penalty @ trial
            if np.isfinite(after) and after > value:
                break
            damping *= 8.0
        if not after > value:
            return c, slope, matrix
        gained, value, c, here = after - value, after, trial, there
        damping = max(damping / 10.0, 1e-6)
        if gained < GAINED:
            break
    scores = _scores(each, c, here)
    return c, scores.sum(axis=0), scores.T @ scores


def _scores(each: Callable[[Any], Any], c: Any, here: Any) -> Float[np.ndarray, "n all"]:
    found = np.empty((len(here), len(c)))
    for k in range(len(c)):
        near = c.copy()
        near[k] += NUDGE
        found[:, k] = (each(near) - here) / NUDGE
    return found


class _Curves:
    """A model of one state with corrected networks."""

    def __init__(self, likelihood: TransitionLikelihood, model: FittedModel, knots: Mapping[str, Knots]) -> None:
        self.dynamics, self.knots = likelihood.dynamics, knots
        self.parameters = np.array([float(model.parameters[name]) for name in self.dynamics.parameters])
        self.inputs = np.zeros((len(self.dynamics.inputs), 1))
        self.plain = {name: array_neural_term(network) for name, network in model.networks.items()}
        self.bends = {name: _bends(len(one.x)) for name, one in knots.items()}
        self.nudge = STATE_NUDGE * likelihood.space.constants.state_scale

    def fields(self, c: Float[np.ndarray, " all"]) -> Fields:
        """Drift and diffusion for values at all knots."""
        functions, begin = dict(self.plain), 0
        for name, one in self.knots.items():
            own = c[begin : begin + len(one.x)]
            begin += len(one.x)
            functions[name] = _corrected(self.plain[name], own, one, self.bends[name])
        drift, diffusion = self.dynamics.drift(functions, np), self.dynamics.diffusion(functions, np)
        assert diffusion is not None
        p, u = list(self.parameters), self.inputs
        return lambda t, y: (drift(p, t, u, y), diffusion(p, t, u, y))

    def spread(self, c: Float[np.ndarray, " all"], x: Float[np.ndarray, " x"]) -> Float[np.ndarray, " x"]:
        """Diffusion at states."""
        b = np.broadcast_to(self.fields(c)(np.zeros_like(x), x[None, :])[1][0], (len(self.dynamics.noises), len(x)))
        return np.sqrt(np.sum(b**2, axis=0))

    def on(self, grid: StateGrid) -> Callable[[Float[np.ndarray, " all"]], Float[np.ndarray, " n"]]:
        """Values at all knots -> log density of each transition."""

        def each(c: Any) -> Any:
            with np.errstate(all="ignore"):
                around = differenced_around(self.fields(c), self.nudge, np)
                return grid_density(around, grid.arrays, grid.steps, 1, np)

        return each


def _corrected(base: Callable[..., Any], own: Any, one: Knots, bends: Any) -> Callable[..., Any]:
    to = _SCALES[one.scale][0]
    ends, last, bent = to(one.x[[0, -1]]), len(own) - 1, bends @ own

    def function(x: Any) -> Any:
        along = (to(np.maximum(x, 1e-300) if one.scale else x) - ends[0]) / (ends[1] - ends[0]) * last
        u = np.clip(along, 0.0, last)
        k = np.clip(np.floor(u).astype(int), 0, last - 1)
        b = u - k
        a = 1.0 - b
        by = a * own[k] + b * own[k + 1] + ((a**3 - a) * bent[k] + (b**3 - b) * bent[k + 1]) / 6.0
        if not one.additive:
            return base(x) * np.exp(by)
        # beyond the knots a straight line
        slope = own[k + 1] - own[k] + (bent[k + 1] * (3 * b**2 - 1) - bent[k] * (3 * a**2 - 1)) / 6.0
        return base(x) + one.unit * (by + (along - u) * slope)

    return function


def _bends(count: int) -> Float[np.ndarray, "count count"]:
    """Second derivatives of a natural cubic spline at its knots, of unit distance, by its values there."""
    spline = scipy.interpolate.CubicSpline(np.arange(count), np.eye(count), bc_type="natural")
    return np.asarray(spline(np.arange(count), 2))


def _profiled(
    slope: Any, matrix: Any, place: slice, weak: Float[np.ndarray, " all"]
) -> tuple[Float[np.ndarray, "own own"], Float[np.ndarray, " own"]]:
    """Information and slope of some values, the others left free."""
    rest = np.ones(len(slope), dtype=bool)
    rest[place] = False
    own, steep = matrix[place, place], slope[place]
    if not rest.any():
        return own, steep
    across = matrix[place][:, rest]
    inner = matrix[np.ix_(rest, rest)] + np.diag(weak[rest])
    solved = np.linalg.solve(inner, np.column_stack([across.T, slope[rest]]))
    return own - across @ solved[:, :-1], steep - across @ solved[:, -1]


def _response(x: Any, value: Any, turn: Any, slope: Any, matrix: Any) -> Response:
    """Samples of ``value``, whose changes times ``turn`` are those that ``slope`` and ``matrix`` are about."""
    sizes, directions = np.linalg.eigh(0.5 * (matrix + matrix.T))
    kept = sizes > KNOWN
    if not kept.any():
        kept = sizes >= sizes[-1]
    white = np.sqrt(np.maximum(sizes[kept], 1e-300))[:, None] * directions[:, kept].T
    root = white * turn
    target = root @ value + (directions[:, kept].T @ slope) / np.sqrt(np.maximum(sizes[kept], 1e-300))
    own = matrix * turn[:, None] * turn
    lumped = np.maximum(own.sum(axis=1), 0.05 * np.diag(own))
    return Response(x[:, None], value, lumped, root, target)
