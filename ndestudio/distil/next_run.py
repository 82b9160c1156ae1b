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
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import NextRunConfig
from ndestudio.distil.limits import bounds
from ndestudio.distil.many_starts import Runs, simulated
from ndestudio.distil.result import Distillation
from ndestudio.distil.rivals import NETWORK, Noise, Rival, noise_of, rivals
from ndestudio.distil.search import skeleton
from ndestudio.distil.suggested import TOLD_APART, NextRun, Pair, SuggestedRun, telling_pair
from ndestudio.errors import EquationError, SettingError
from ndestudio.expression import parse_expression
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.encoders import encoded_states, refuse_encoder

SCREENED = 128
"""Runs that are looked at before the best of them is improved."""
ROUNDS, TRIED = 4, 48
"""Rounds of improvement around the best run, and runs in each; the steps shrink to a third from round to round."""
MOST = 100.0
"""Differences count up to this many units of the noise."""


def suggest_next_run(
    fit: Fit,
    distillation: Distillation,
    dataset: Dataset,
    config: NextRunConfig = NextRunConfig(),
    should_stop: Callable[[], bool] = lambda: False,
    train: TrainConfig = TrainConfig(),
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
    train
        Settings of the training, for constants that are fitted again.

    Raises
    ------
    SettingError
        The settings name what is no state and no input, or limits that are none.
    """
    refuse_noise(fit.model.system, "the choice of the next run")
    refuse_encoder(fit.model.config, "the choice of the next run")
    found = rivals(fit, distillation, dataset, config.rivals, train, should_stop)
    return discriminating(found, dataset, noise_of(fit, dataset), config, should_stop)


def with_next_run(
    distillation: Distillation,
    fit: Fit,
    dataset: Dataset,
    config: NextRunConfig,
    should_stop: Callable[[], bool] = lambda: False,
    train: TrainConfig = TrainConfig(),
) -> Distillation:
    """``distillation`` with what to measure next, where that is asked for and there is a law without noise; see `suggest_next_run`.

    Settings that do not suit the model are told in its sentence, not raised.
    """
    nothing = config.runs < 1 or should_stop() or not distillation.model.replacements
    if nothing or fit.model.system.diffusion or encoded_states(fit.model.config):
        return distillation
    began = time.monotonic()
    try:
        found = suggest_next_run(fit, distillation, dataset, config, should_stop, train)
    except SettingError as error:  # the formulas are worth more than a wrong limit
        found = NextRun((), (), (), f"No run could be looked for: {error}.", {})
    seconds = {**distillation.seconds, "next_run": time.monotonic() - began}
    return replace(distillation, next_run=found, seconds=seconds)


def discriminating(
    found: Sequence[Rival],
    dataset: Dataset,
    noise: Noise,
    config: NextRunConfig = NextRunConfig(),
    should_stop: Callable[[], bool] = lambda: False,
) -> NextRun:
    """As `suggest_next_run`, for rivals that are known."""
    if not found:
        return NextRun((), (), (), "There is no law yet that follows the data: there is nothing to tell apart.", {})
    if any(event.of_data for event in found[0].model.system.events):
        raise SettingError("the model lives on doses of the data, and doses of further runs are not looked for yet")
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


def _times(dataset: Dataset, config: NextRunConfig) -> Float[np.ndarray, " time"]:
    """As many samples as the longest trajectory has, over as long a time, unless others are asked for."""
    longest = max(dataset.trajectories, key=lambda one: float(one.t[-1] - one.t[0]))
    begin, length = float(longest.t[0]), float(longest.t[-1] - longest.t[0])
    if not length and not config.duration:
        raise SettingError(
            "the data are steady states, and runs are looked for that take time; set `duration` in [next_run] to how long one could be"
        )
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
    lead = f"The data do not tell {_law(term, first)} from {_law(term, second)}{more}"
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
    clock = search.dataset.time
    unit = f" {clock.unit}" if clock.unit else ""
    return (
        f"{lead}; a run from {said} would: at {clock.name} = {time_text(pair.time, runs[0].t)}{unit} they differ in {pair.column} by "
        f"{_times_the_noise(pair.difference)}."
    )


def time_text(moment: float, times: Float[np.ndarray, " time"]) -> str:
    """A time to a hundredth of the run it belongs to, so that the year 1902 of a run of 20 years is no `1.9e+03`."""
    length = float(times[-1] - times[0])
    far = math.log10(max(abs(moment) / length, 1.0)) if length > 0 else 0.0
    return f"{moment:.{3 + math.ceil(far)}g}"


def _law(term: str, formula: str) -> str:
    return f"the {formula}" if formula.startswith(NETWORK) else f"`{term} = {formula}`"


def _times_the_noise(difference: float) -> str:
    return f"{difference:.2g} times the noise" if difference < MOST else f"more than {MOST:g} times the noise"


def _named(found: Sequence[Rival], runs: Sequence[SuggestedRun]) -> tuple[str, str, str]:
    """The formulas of the two rivals that part most, and the neural term in which they differ."""
    a, b = 0, 1
    if runs:
        pair = telling_pair(runs[0], [one.weight for one in found])
        a, b = pair.first, pair.second
    one, other = found[a].formulas, found[b].formulas
    differing = [name for name in one if one.get(name) != other.get(name)]
    # other numbers of one form are no other law
    forms = [name for name in differing if _form(one[name]) != _form(other.get(name, ""))]
    term = next(iter((*forms, *differing, *one)), "law")
    return one.get(term, "a network"), other.get(term, "a network"), term


def _form(formula: str) -> str:
    """The structure of a formula; of what is none the text."""
    try:
        return skeleton(parse_expression(formula))
    except EquationError:
        return formula


def _start_text(run: SuggestedRun) -> str:
    start = ", ".join(f"{name} = {value:.4g}" for name, value in run.start.items())
    inputs = ", ".join(f"{name} = {value:.4g}" for name, value in run.inputs.items())
    return f"{start} with {inputs}" if inputs else start
