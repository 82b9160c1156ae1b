"""What to measure next: the start (and the levels of inputs) from which the laws that the data leave differ most.

The data do not tell rivals apart where these go the same way. Of all runs that a person allows the one is suggested from which
rivals i, j with the probabilities p_i, p_j part most: sum p_i p_j log(1 + d_ij), d_ij being the sum of squares of their
difference in units of the noise over all values of the run. For equal variances sum p_i p_j d_ij is the criterion of Box & Hill
(1967, Technometrics 9, 57), and d_ij for two rivals that of T-optimality (Atkinson & Fedorov 1975, Biometrika 62, 57 and 289);
the logarithm keeps one pair that parts anyway, or one law that runs away, from deciding for all. Parameters are those that were
fitted: a rival that can be refitted to the new run too is told so by the run only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import NextRunConfig
from ndestudio.distil.many_starts import Runs, simulated
from ndestudio.distil.result import Distillation
from ndestudio.distil.rivals import Noise, Rival, noise_of, rivals
from ndestudio.errors import SettingError
from ndestudio.fitting.result import Fit
from ndestudio.model.fitted import FittedModel

WIDER = 0.5
"""The box of measured starts is widened by this part of its width."""
SCREENED = 128
"""Runs that are looked at before the best of them is improved."""
ROUNDS, TRIED = 4, 48
"""Rounds of improvement around the best run, and runs in each; the steps shrink to a third from round to round."""
SAME = 0.5
"""Largest difference, in units of the noise, up to which laws count as one within the bounds."""
TOLD_APART = 3.0
"""Difference, in units of the noise, from which on a person would see it."""
MOST = 100.0
"""Differences count up to this many units of the noise."""


@dataclass(frozen=True)
class Pair:
    """Two rivals and the largest difference of their predictions, in units of the noise: where and when."""

    first: int
    second: int
    difference: float
    column: str
    time: float


@dataclass(frozen=True, eq=False)
class SuggestedRun:
    """A run that would tell rivals apart.

    Parameters
    ----------
    start
        State -> initial value.
    inputs
        Input -> level throughout the run.
    t
        Times.
    predictions
        Of each rival, the measured columns in the order of the data set.
    pairs
        Of all rivals.
    """

    start: Mapping[str, float]
    inputs: Mapping[str, float]
    t: Float[np.ndarray, " time"]
    predictions: tuple[Float[np.ndarray, "time measured"], ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, eq=False)
class NextRun:
    """What to measure next.

    Parameters
    ----------
    formulas
        Of each rival: neural term -> formula; weights: the probabilities of the rivals.
    runs
        The best first; empty where one law is left, or none of the runs that are allowed can be simulated.
    sentence
        For a person.
    bounds
        State or input -> the limits within which it was looked for.
    """

    formulas: tuple[Mapping[str, str], ...]
    weights: tuple[float, ...]
    runs: tuple[SuggestedRun, ...]
    sentence: str
    bounds: Mapping[str, tuple[float, float]]

    @property
    def told_apart(self) -> bool:
        """Whether the first run shows a difference between any two rivals."""
        return bool(self.runs) and self.pair is not None and self.pair.difference >= TOLD_APART

    @property
    def pair(self) -> Pair | None:
        """Of the first run: the likeliest two rivals that it tells apart, else those that it parts most; None without a run."""
        return telling_pair(self.runs[0], self.weights) if self.runs else None


def next_run(
    fit: Fit,
    distillation: Distillation,
    dataset: Dataset,
    config: NextRunConfig = NextRunConfig(),
    should_stop: Callable[[], bool] = lambda: False,
) -> NextRun:
    """The run that would tell apart the laws which the data leave.

    Parameters
    ----------
    fit
        The training that was distilled: its noise is the measure of differences.
    config
        Which starts and inputs are allowed, how long a run is, how many runs are asked for.
    should_stop
        Asked between simulations; what was found so far is returned.

    Raises
    ------
    SettingError
        The settings name what is no state and no input, or limits that are none.
    """
    return discriminating(
        rivals(fit, distillation, dataset, config.rivals), dataset, noise_of(fit, dataset), config, should_stop
    )


def discriminating(
    found: Sequence[Rival],
    dataset: Dataset,
    noise: Noise,
    config: NextRunConfig = NextRunConfig(),
    should_stop: Callable[[], bool] = lambda: False,
) -> NextRun:
    """As `next_run`, for rivals that are known."""
    if not found:
        return NextRun((), (), (), "There is no law yet that follows the data: there is nothing to tell apart.", {})
    search = _Search(found, dataset, noise, config)
    if len(found) == 1:
        return search.result((), "One law is left: no other formula of the fronts fits the data about as well.")
    runs: list[SuggestedRun] = []
    told = np.zeros((len(found), len(found)))
    for _ in range(max(1, config.runs)):
        if should_stop():
            break
        point, distances = search.best(told, should_stop)
        if point is None:
            break
        told = told + distances
        runs.append(search.run(point))
    return search.result(tuple(runs), _sentence(found, runs, search))


class _Search:
    """What one search for runs shares."""

    def __init__(self, found: Sequence[Rival], dataset: Dataset, noise: Noise, config: NextRunConfig) -> None:
        self.rivals, self.dataset, self.noise = found, dataset, noise
        model = found[0].model
        self.states, self.inputs = model.system.states, model.system.inputs
        self.bounds = bounds(model, dataset, config)
        self.free = [name for name, (low, high) in self.bounds.items() if high > low]
        self.t = _times(dataset, config)
        self._weights = np.outer([one.weight for one in found], [one.weight for one in found])

    def best(self, told: np.ndarray, should_stop: Callable[[], bool]) -> tuple[np.ndarray | None, np.ndarray]:
        """The best point of the box [0, 1]^free, and the distances of the rivals there; None where nothing can be simulated."""
        from scipy.stats import qmc

        generator = np.random.default_rng(0)
        points = np.concatenate(
            [_corners(len(self.free)), qmc.Sobol(max(1, len(self.free)), rng=generator).random(SCREENED)]
        )
        points = points[:, : len(self.free)]
        best, value, distances = self._improved(points, told, None, -math.inf, np.zeros_like(told))
        width = 0.25
        for _ in range(ROUNDS if self.free else 0):
            if best is None or should_stop():
                break
            near = np.clip(best + width * generator.uniform(-1, 1, (TRIED, len(self.free))), 0, 1)
            best, value, distances = self._improved(near, told, best, value, distances)
            width /= 3.0
        return best, distances

    def _improved(
        self, points: np.ndarray, told: np.ndarray, best: np.ndarray | None, value: float, distances: np.ndarray
    ) -> tuple[np.ndarray | None, float, np.ndarray]:
        found = self._distances(points)
        with np.errstate(all="ignore"):
            values = np.sum(self._weights * np.log1p(told + found), axis=(1, 2))
        values = np.where(np.isfinite(values), values, -math.inf)
        k = int(np.argmax(values))
        return (points[k], float(values[k]), found[k]) if values[k] > value else (best, value, distances)

    def _distances(self, points: np.ndarray) -> Float[np.ndarray, "point rival rival"]:
        """Sums of squared differences in units of the noise; NaN where the likeliest law runs away."""
        runs = self._runs(points)
        predicted = [simulated(one.model, self.dataset, runs) for one in self.rivals]
        found = np.zeros((len(points), len(predicted), len(predicted)))
        for i in range(len(predicted)):
            for j in range(i):
                difference = self._difference(predicted[i], predicted[j])
                found[:, i, j] = found[:, j, i] = np.sum(difference**2, axis=(1, 2))
        found[~np.isfinite(predicted[0]).all(axis=(1, 2))] = np.nan
        return found

    def _difference(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of predictions [..., measured], in units of the noise, `MOST` where one has run away."""
        found = np.empty_like(a)
        for k, name in enumerate(self.dataset.measured_names):
            with np.errstate(all="ignore"):
                scale = np.sqrt(0.5 * (self.noise.at(name, a[..., k]) ** 2 + self.noise.at(name, b[..., k]) ** 2))
                found[..., k] = (a[..., k] - b[..., k]) / scale
        seen = np.isfinite(a) | np.isfinite(b)
        return np.clip(np.where(np.isfinite(found), found, np.where(seen, MOST, 0.0)), -MOST, MOST)

    def _runs(self, points: np.ndarray) -> Runs:
        values = {name: np.full(len(points), low) for name, (low, _) in self.bounds.items()}
        for k, name in enumerate(self.free):
            low, high = self.bounds[name]
            values[name] = low + points[:, k] * (high - low)
        starts = np.stack([values[name] for name in self.states], axis=-1)
        order = self.rivals[0].model.inputs
        inputs = np.stack([values.get(name, np.zeros(len(points))) for name in order], axis=-1) if order else None
        return Runs(self.t, starts, inputs)

    def run(self, point: np.ndarray) -> SuggestedRun:
        """The run at a point, simulated by the reference solver, its numbers rounded to what one can set."""
        rounded = self._rounded(point)
        runs = self._runs(rounded[None, :])
        start = dict(zip(self.states, map(float, runs.starts[0]), strict=True))
        model = self.rivals[0].model
        levels = {} if runs.inputs is None else dict(zip(model.inputs, map(float, runs.inputs[0]), strict=True))
        predictions = [simulated(one.model, self.dataset, runs, exact=True)[0] for one in self.rivals]
        pairs = []
        for i in range(len(predictions)):
            for j in range(i + 1, len(predictions)):
                size = np.abs(self._difference(predictions[i], predictions[j]))
                row, column = np.unravel_index(int(np.argmax(size)), size.shape)
                name = self.dataset.measured_names[column]
                pairs.append(Pair(i, j, float(size[row, column]), name, float(self.t[row])))
        kept = {name: levels[name] for name in self.inputs if name in levels}
        return SuggestedRun(start, kept, self.t, tuple(predictions), tuple(pairs))

    def _rounded(self, point: np.ndarray) -> np.ndarray:
        found = point.copy()
        for k, name in enumerate(self.free):
            low, high = self.bounds[name]
            step = 10.0 ** math.floor(math.log10(high - low) - 1.0)
            value = min(max(round((low + point[k] * (high - low)) / step) * step, low), high)
            found[k] = (value - low) / (high - low)
        return found

    def result(self, runs: tuple[SuggestedRun, ...], sentence: str) -> NextRun:
        formulas = tuple(one.formulas for one in self.rivals)
        return NextRun(formulas, tuple(one.weight for one in self.rivals), runs, sentence, self.bounds)


def telling_pair(run: SuggestedRun, weights: Sequence[float]) -> Pair:
    """The likeliest two rivals that a run tells apart, else those that it parts most."""
    told = [pair for pair in run.pairs if pair.difference >= TOLD_APART]
    if told:
        return max(told, key=lambda one: (weights[one.first] * weights[one.second], one.difference))
    return max(run.pairs, key=lambda one: one.difference)


def bounds(model: FittedModel, dataset: Dataset, config: NextRunConfig) -> dict[str, tuple[float, float]]:
    """Limits of each state's start and each input's level: those that are given, else the measured ones widened by half.

    What was never negative stays so. A state that is not measured keeps the start it was fitted with, unless limits are given.

    Raises
    ------
    SettingError
        Limits of what is no state and no input, or the upper one below the lower.
    """
    known = (*model.system.states, *model.system.inputs)
    for name, (low, high) in {**config.starts, **config.inputs}.items():
        if name not in known:
            raise SettingError(f"`{name}` is neither a state nor an input of the model; there are {', '.join(known)}")
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise SettingError(f"the limits of `{name}` are {low:g} and {high:g}; give the lower one first")
    found = {}
    for k, state in enumerate(model.system.states):
        fitted = [float(values[k]) for values in model.initial.values()]
        if state in config.starts:
            found[state] = config.starts[state]
        elif state in dataset.measured_names:
            column = np.concatenate(
                [one.measured[:, dataset.measured_names.index(state)] for one in dataset.trajectories]
            )
            found[state] = _widened(fitted, column[np.isfinite(column)])
        else:
            middle = float(np.median(fitted)) if fitted else 0.0
            found[state] = (middle, middle)
    for name in model.system.inputs:
        column = np.concatenate([one.inputs[:, model.inputs.index(name)] for one in dataset.trajectories])
        column = column[np.isfinite(column)]
        found[name] = config.inputs[name] if name in config.inputs else _widened(column.tolist(), column)
    return found


def _widened(values: Sequence[float], column: Float[np.ndarray, " value"]) -> tuple[float, float]:
    """The range of ``values`` widened by half; where they are all the same, a quarter of the column's range to each side."""
    low, high = min(values), max(values)
    width = high - low
    reach = float(column.max() - column.min()) if len(column) else abs(low)
    more = 0.5 * WIDER * (width if width > 1e-3 * reach else reach)
    lower, upper = low - more, high + more
    if len(column) and column.min() >= 0:
        lower = max(lower, 0.0)
    return lower, upper


def _times(dataset: Dataset, config: NextRunConfig) -> Float[np.ndarray, " time"]:
    """As many samples as the longest trajectory has, over as long a time, unless others are asked for."""
    longest = max(dataset.trajectories, key=lambda one: float(one.t[-1] - one.t[0]))
    begin, length = float(longest.t[0]), float(longest.t[-1] - longest.t[0])
    points = config.points or len(longest.t)
    return begin + np.linspace(0.0, config.duration or length, max(points, 2))


def _corners(axes: int) -> np.ndarray:
    """Corners of the box (of a box of many axes, some) and its middle."""
    count = 2 ** min(axes, 5)
    corners = np.array([[(k >> (axis % 5)) & 1 for axis in range(max(axes, 1))] for k in range(count)], dtype=float)
    return np.concatenate([corners, np.full((1, max(axes, 1)), 0.5)])


def _sentence(found: Sequence[Rival], runs: Sequence[SuggestedRun], search: _Search) -> str:
    first, second, term = _named(found, runs)
    more = f" (and {len(found) - 2} more)" if len(found) > 2 else ""
    lead = f"The data do not tell `{term} = {first}` from `{term} = {second}`{more}"
    if not runs:
        return (
            f"{lead}, and none of the runs that are allowed can be simulated: narrow the limits of starts and inputs."
        )
    pair = telling_pair(runs[0], [one.weight for one in found])
    if pair.difference < TOLD_APART:
        return (
            f"{lead}, nor would any run within the limits: they differ by at most {pair.difference:.2g} times the noise. Allow "
            "other starts, measure longer, or more exactly."
        )
    said = "; or ".join(_start_text(run) for run in runs)
    time = search.dataset.time
    unit = f" {time.unit}" if time.unit else ""
    return (
        f"{lead}; a run from {said} would: at {time.name} = {pair.time:.3g}{unit} they differ in {pair.column} by "
        f"{_times_the_noise(pair.difference)}."
    )


def _times_the_noise(difference: float) -> str:
    return f"{difference:.2g} times the noise" if difference < MOST else f"more than {MOST:g} times the noise"


def _named(found: Sequence[Rival], runs: Sequence[SuggestedRun]) -> tuple[str, str, str]:
    """The formulas of the two rivals that part most, and the neural term in which they differ."""
    a, b = 0, 1
    if runs:
        pair = telling_pair(runs[0], [one.weight for one in found])
        a, b = pair.first, pair.second
    one, other = found[a].formulas, found[b].formulas
    term = next((name for name in one if one.get(name) != other.get(name)), next(iter(one), "law"))
    return one.get(term, "a network"), other.get(term, "a network"), term


def _start_text(run: SuggestedRun) -> str:
    start = ", ".join(f"{name} = {value:.4g}" for name, value in run.start.items())
    inputs = ", ".join(f"{name} = {value:.4g}" for name, value in run.inputs.items())
    return f"{start} with {inputs}" if inputs else start
