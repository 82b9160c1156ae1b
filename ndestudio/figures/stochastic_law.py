"""The law of a stochastic model looked at: drift and squared diffusion where data are, potential, stationary density, memory,
first passages, and how likely each measurement was given the one before.

What is of the model is compared with the same of the data, between bands that series of the same length keep.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ndestudio.figures.description import Axis, Band, Bars, Curve, Figure, Level, Mark, Panel, Points, Span
from ndestudio.figures.text import slug

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset
    from ndestudio.fitting.stochastic.transitions import Transitions
    from ndestudio.model.fitted import FittedModel

SERIES, SAMPLES, SUBSTEPS = 40, 4000, 4
"""Simulated series that the data are compared with, their samples at most (of more every second, ...), and steps between two."""
GRID, PLACES, FEWEST, BINS = 160, 24, 25, 30
"""Points of a curve, places that data are put together at, transitions of each at least, bars of a density."""
BEYOND = 0.05
"""Part of the measured range that curves go on for beyond it."""
LAGS, PIT_BARS = 60, 20
_Z = 1.959964


@dataclass(frozen=True, eq=False)
class _Look:
    model: FittedModel
    dataset: Dataset
    state: str

    @property
    def place(self) -> int:
        return self.model.system.states.index(self.state)

    @cached_property
    def data(self) -> Transitions:
        from ndestudio.fitting.stochastic.transitions import transitions

        return transitions(self.model, self.dataset, None)

    @property
    def alone(self) -> bool:
        """One state and no inputs: drift and diffusion are functions of it, and there is a stationary density."""
        from ndestudio.expression.tree import names

        system = self.model.system
        written = [*system.rhs, *(term for column in system.diffusion.values() for term in column)]
        return len(system.states) == 1 and not system.inputs and not any("t" in names(one) for one in written)

    @cached_property
    def x(self) -> Float[np.ndarray, " x"]:
        low, high = self.range
        room = BEYOND * (high - low or 1.0)
        return np.linspace(low - room, high + room, GRID)

    @property
    def range(self) -> tuple[float, float]:
        values = self.data.y[self.place]
        return float(values.min()), float(values.max())

    @property
    def axis(self) -> Axis:
        dataset = self.dataset
        if self.state in dataset.measured_names:
            return Axis(dataset.measured[dataset.measured_names.index(self.state)].title)
        return Axis(self.state)

    def fields(self, model: FittedModel) -> tuple[Float[np.ndarray, " x"], Float[np.ndarray, " x"]]:
        """Itô's drift and the squared diffusion of the state along ``x``, other states at their medians."""
        from ndestudio.problem.dynamics import EquationDynamics
        from ndestudio.problem.space import structure_of

        dynamics = structure_of(model).dynamics
        assert isinstance(dynamics, EquationDynamics)
        points = np.repeat(np.median(self.data.y, axis=1)[:, None], GRID, axis=1)
        points[self.place] = self.x
        drift, b = _evaluated(model, points, float(self.data.t[0]), np.median(self.data.u, axis=1))
        if model.system.calculus == "stratonovich":
            drift = drift + _correction(model, points, b, float(self.data.t[0]), np.median(self.data.u, axis=1))
        return drift[self.place], np.sum(b[self.place] ** 2, axis=0)

    @cached_property
    def curves(self) -> tuple[Float[np.ndarray, " x"], Float[np.ndarray, " x"]]:
        return self.fields(self.model)

    @cached_property
    def errors(self) -> tuple[Float[np.ndarray, " x"], Float[np.ndarray, " x"]] | None:
        """Standard errors of both curves by the observed information of the parameters; None for networks."""
        from ndestudio.fitting.stochastic.check import covariance
        from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
        from ndestudio.fitting.stochastic.space import stochastic_space
        from ndestudio.fitting.stochastic.transitions import transitions

        if self.model.networks:
            return None
        space = stochastic_space(self.model)
        likelihood = TransitionLikelihood(space, transitions(self.model, self.dataset), "moments", 2)
        spread = covariance(likelihood, space.theta) if len(likelihood.free) else None
        if spread is None:
            return None
        slopes = []
        for place in likelihood.free:
            up = space.theta.copy()
            step = 1e-4 * max(1.0, abs(up[place]))
            up[place] += step
            moved = self.fields(replace(self.model, parameters=space.parameters(up)))
            slopes.append([(a - b) / step for a, b in zip(moved, self.curves, strict=True)])
        found = np.einsum("fcx,fg,gcx->cx", np.array(slopes), spread, np.array(slopes))
        return tuple(np.sqrt(np.maximum(found, 0.0)))

    @cached_property
    def series(self) -> tuple[list[Float[np.ndarray, " n"]], list[Float[np.ndarray, " n"]], float]:
        """Measured series of the state, as many simulated ones of the same times, and the usual time between samples."""
        from ndestudio.solve.stochastic.paths import simulate_paths

        longest = max(self.dataset.trajectories, key=lambda one: len(one.t))
        every = -(-len(longest.t) // SAMPLES)
        t = longest.t[::every]
        run = self.dataset.trajectories.index(longest)
        starts = self.data.y[:, self.data.run == run].T
        drawn = np.asarray(starts)[np.random.default_rng(0).integers(len(starts), size=SERIES)]
        found = simulate_paths(self.model, t, drawn, SERIES, seed=1, substeps=SUBSTEPS * every, inputs=longest)
        simulated = [one[np.isfinite(one).all(axis=1), self.place] for one in found.states]
        measured = []
        for k, _ in enumerate(self.dataset.trajectories):
            rows = self.data.run == k
            values = self.data.y[self.place, rows]
            if len(values) > 2:
                measured.append(np.append(values, self.data.later[self.place, rows][-1])[::every])
        return measured, [one for one in simulated if len(one) == len(t)], float(np.median(np.diff(t)))


def law_figure(model: FittedModel, dataset: Dataset, state: str = "") -> Figure | None:
    """Everything of one state; None where no column shows the states.

    Parameters
    ----------
    state
        "": the first.
    """
    from ndestudio.errors import DataError, NdeStudioError

    look = _Look(model, dataset, state or model.system.states[0])
    try:
        if len(look.data) < 3:
            return None
    except DataError:
        return None
    panels = [*_fields(look)]
    if look.alone:
        panels.append(_potential(look))
    with suppress(NdeStudioError):
        if len(look.series[1]) >= SERIES // 2:
            panels += [_density(look), _memory(look)]
            if (passages := _passages(look)) is not None:
                panels.append(passages)
    with suppress(NdeStudioError, np.linalg.LinAlgError):
        panels.append(_probability(look))
    name = f"law_{slug(look.state)}"
    return Figure(
        "stochastic law", name, f"The law of {look.state}", _caption(look), tuple(panels), columns=2, ratio=0.6
    )


def _caption(look: _Look) -> str:
    found = f"Drift (Itô) and squared diffusion of {look.state}"
    found += "" if look.alone else ", other states at their medians"
    found += "; shaded beyond what was measured. "
    if look.alone:
        found += "Points with bands: means of the changes of equally many transitions, with 95% limits, without correction for the length of steps. "
    if not look.model.networks:
        found += "Bands of the model: 95% by the observed information. "
    return found + (
        f"Density, autocorrelation and first passages (from the lower to the upper quartile and back) of the data, between bands that 90% of {SERIES} simulated series of "
        "the longest run keep. Bars: probability of each measurement given the one before, which is even where the model is right."
    )


def _evaluated(
    model: FittedModel, points: Float[np.ndarray, "state n"], t: float, u: Float[np.ndarray, " input"]
) -> tuple[Float[np.ndarray, "state n"], Float[np.ndarray, "state noise n"]]:
    from ndestudio.model.networks import array_neural_term
    from ndestudio.problem.dynamics import EquationDynamics
    from ndestudio.problem.space import structure_of

    dynamics = structure_of(model).dynamics
    assert isinstance(dynamics, EquationDynamics)
    functions = {name: array_neural_term(network) for name, network in model.networks.items()}
    parameters = [float(model.parameters[name]) for name in dynamics.parameters]
    chosen = u[[model.inputs.index(name) for name in dynamics.inputs]] if dynamics.inputs else np.zeros(0)
    spread = dynamics.diffusion(functions, np)
    assert spread is not None
    with np.errstate(all="ignore"):
        drift = np.asarray(dynamics.drift(functions, np)(parameters, t, chosen[:, None], points), dtype=float)
        b = np.asarray(spread(parameters, t, chosen[:, None], points), dtype=float)
    count = points.shape[1]
    return np.broadcast_to(drift, points.shape), np.broadcast_to(b, (*b.shape[:2], count))


def _correction(
    model: FittedModel, points: np.ndarray, b: np.ndarray, t: float, u: np.ndarray
) -> Float[np.ndarray, "state n"]:
    """1/2 sum_jk b_kj db_ij/dx_k, by differences."""
    total = np.zeros_like(points)
    for k in range(len(points)):
        step = 1e-5 * max(float(np.ptp(points[k])), 1e-3 * float(np.max(np.abs(points[k]))), 1e-9)
        up, down = points.copy(), points.copy()
        up[k] += step
        down[k] -= step
        slope = (_evaluated(model, up, t, u)[1] - _evaluated(model, down, t, u)[1]) / (2.0 * step)
        total += 0.5 * np.einsum("jn,ijn->in", b[k], slope)
    return total


def _fields(look: _Look) -> tuple[Panel, Panel]:
    low, high = look.range
    outside = (Span(float(look.x[0]), low, "muted", "no data"), Span(high, float(look.x[-1]), "muted"))
    marks: tuple[list[Mark], list[Mark]] = ([*outside], [*outside])
    if look.errors is not None:
        for some, curve, error in zip(marks, look.curves, look.errors, strict=True):
            some.append(Band(look.x, curve - _Z * error, curve + _Z * error, 0, "model, 95%"))
    if look.alone:
        places, means, errors = _increments(look)
        for some, mean, error in zip(marks, means, errors, strict=True):
            some += [
                Band(places, mean - _Z * error, mean + _Z * error, "data", "data, 95%"),
                Points(places, mean, "data", "data"),
            ]
    for some, curve in zip(marks, look.curves, strict=True):
        some.append(Curve(look.x, np.where(np.isfinite(curve), curve, np.nan), 0, "model"))
    marks[0].append(Level(0.0, dash=False))
    return (
        Panel(look.axis, Axis("drift"), tuple(marks[0])),
        Panel(look.axis, Axis("squared diffusion"), tuple(marks[1])),
    )


def _increments(look: _Look) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Means of change and squared change over time at places of equally many transitions, with standard errors."""
    x, h = look.data.y[0], look.data.h
    change = look.data.later[0] - x
    groups = np.array_split(np.argsort(x), max(min(PLACES, len(x) // FEWEST), 2))
    rows = []
    for one in groups:
        drift = change[one].sum() / h[one].sum()
        left = change[one] - drift * h[one]
        squared = left**2 / h[one]
        n = max(len(one), 2)
        rows.append(
            (x[one].mean(), drift, squared.mean(), np.sqrt(squared.mean() / h[one].sum()), squared.std() / np.sqrt(n))
        )
    places, drift, squared, drift_error, squared_error = np.array(rows).T
    return places, (drift, squared), (drift_error, squared_error)


def _summed(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Integral from the first point, by trapezia."""
    return np.append(0.0, np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(x)))


def _potential(look: _Look) -> Panel:
    """Minus the integral of the drift, its lowest place at 0."""
    low, high = look.range
    drift, _ = look.curves
    values = -_summed(look.x, np.where(np.isfinite(drift), drift, 0.0))
    inside = (look.x >= low) & (look.x <= high)
    values = values - values[inside].min()
    marks = (
        Span(float(look.x[0]), low, "muted", "no data"),
        Span(high, float(look.x[-1]), "muted"),
        Curve(look.x, values, 0),
    )
    return Panel(look.axis, Axis("potential (−∫ drift)"), marks)


def stationary_density(
    x: Float[np.ndarray, " x"], drift: Float[np.ndarray, " x"], squared: Float[np.ndarray, " x"]
) -> Float[np.ndarray, " x"]:
    """Density that a process of Itô's drift and squared diffusion keeps: 1/b^2 exp(integral of 2a/b^2) (Kolmogorov's forward
    equation without a flow), over the range of ``x``; NaN where a diffusion vanishes."""
    with np.errstate(all="ignore"):
        exponent = _summed(x, 2.0 * drift / squared)
        whole = np.exp(exponent - np.nanmax(exponent)) / squared
    if not np.isfinite(whole).all():
        return np.full(len(x), np.nan)
    return whole / _summed(x, whole)[-1]


def _density(look: _Look) -> Panel:
    measured, simulated, _ = look.series
    low, high = float(look.x[0]), float(look.x[-1])
    edges = np.linspace(low, high, BINS + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    each = np.array([_histogram(one, edges) for one in simulated])
    lowest, highest = np.quantile(each, [0.05, 0.95], axis=0)
    marks: list[Mark] = [Band(middle, lowest, highest, 0, "90% of series")]
    if look.alone:
        marks.append(Curve(look.x, stationary_density(look.x, *look.curves), 0, "stationary"))
    else:
        marks.append(Curve(middle, each.mean(axis=0), 0, "model"))
    marks.append(Points(middle, _histogram(np.concatenate(measured), edges), "data", "data"))
    return Panel(look.axis, Axis("density"), tuple(marks))


def _histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values, edges)
    return counts / max(len(values), 1) / np.diff(edges)


def autocorrelation(series: list[Float[np.ndarray, " n"]], lags: int) -> Float[np.ndarray, " lag"]:
    """Autocorrelation at lags 0, 1, ... of series about their common mean."""
    mean = float(np.mean(np.concatenate(series)))
    centred = [one - mean for one in series]
    whole = sum(float(one @ one) for one in centred)
    sums = [sum(float(one[k:] @ one[: len(one) - k]) for one in centred if len(one) > k) for k in range(lags + 1)]
    return np.array(sums) / max(whole, 1e-300)


def _memory(look: _Look) -> Panel:
    measured, simulated, step = look.series
    longest = max(len(one) for one in measured)
    lags = max(min(longest // 4, len(simulated[0]) // 4, 400), 1)
    found = autocorrelation(measured, lags)
    below = np.flatnonzero(found < 0.1)
    lags = int(np.clip(3 * (below[0] if len(below) else lags), min(10, lags), lags))
    t = step * np.arange(lags + 1)
    each = np.array([autocorrelation([one], lags) for one in simulated])
    low, middle, high = np.quantile(each, [0.05, 0.5, 0.95], axis=0)
    thin = max(1, lags // LAGS)
    marks = (
        Level(0.0, dash=False),
        Band(t, low, high, 0, "90% of series"),
        Curve(t, middle, 0, "model"),
        Points(t[::thin], found[: lags + 1 : thin], "data", "data"),
    )
    return Panel(Axis(_lag(look)), Axis("autocorrelation"), marks)


def _lag(look: _Look) -> str:
    unit = look.dataset.time.unit
    return f"lag [{unit}]" if unit else "lag"


def passage_times(
    values: Float[np.ndarray, " n"], begin: float, end: float, step: float
) -> Float[np.ndarray, " passage"]:
    """Times from a visit of ``begin`` to the next visit of ``end``: from the first time beyond ``begin`` after the last end."""
    up = end > begin
    started = values <= begin if up else values >= begin
    arrived = values >= end if up else values <= end
    found, since = [], -1
    for k in np.flatnonzero(started | arrived):
        if started[k] and since < 0:
            since = int(k)
        elif arrived[k] and since >= 0:
            found.append((k - since) * step)
            since = -1
    return np.array(found, dtype=float)


def _passages(look: _Look) -> Panel | None:
    measured, simulated, step = look.series
    lower, upper = np.quantile(np.concatenate(measured), [0.25, 0.75])
    marks: list[Mark] = []
    for colour, (begin, end), word in ((0, (lower, upper), "up"), (1, (upper, lower), "down")):
        seen = np.sort(np.concatenate([passage_times(one, begin, end, step) for one in measured]))
        made = np.sort(np.concatenate([passage_times(one, begin, end, step) for one in simulated]))
        if len(seen) < 3 or len(made) < 3:
            continue
        keep = np.unique(np.linspace(0, len(made) - 1, 300).astype(int))
        marks += [
            Curve(made[keep], (keep + 0.5) / len(made), colour, f"{word}: model, mean {made.mean():.3g}"),
            Points(
                seen,
                (np.arange(len(seen)) + 0.5) / len(seen),
                colour,
                f"data, mean {seen.mean():.3g} ({len(seen)})",
                soft=True,
            ),
        ]
    if not marks:
        return None
    unit = look.dataset.time.unit
    said = f"passage {lower:.3g} to {upper:.3g} and back" + (f" [{unit}]" if unit else "")
    return Panel(Axis(said), Axis("part that has passed"), tuple(marks))


def _probability(look: _Look) -> Panel:
    """Histogram of the probability integral transform of one-step predictions."""
    from ndestudio.fitting.stochastic.residuals import transition_residuals

    found = transition_residuals(look.model, look.dataset).probability[look.place]
    bars = int(np.clip(len(found) // 10, 5, PIT_BARS))
    edges = np.linspace(0.0, 1.0, bars + 1)
    counts, _ = np.histogram(found, edges)
    expected = len(found) / bars
    spread = _Z * np.sqrt(expected * (1.0 - 1.0 / bars))
    marks = (
        Bars(0.5 * (edges[1:] + edges[:-1]), counts / expected, 0, width=0.9 / bars),
        Level(1.0, dash=False, guest=False),
        Level(1.0 + spread / expected, guest=False),
        Level(1.0 - spread / expected, guest=False),
    )
    return Panel(Axis("probability of the next measurement"), Axis("frequency / expected"), marks)
