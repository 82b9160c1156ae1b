"""Profile likelihood of a parameter: how much worse the best fit becomes when the parameter is held elsewhere.

    D(value) = (min over all else of the cost at the value - the least cost) / variance of the noise

Where parameters have priors the cost is that of the posterior, and so is the profile.

The values with D below the threshold are a confidence interval that bends with the likelihood; a profile that stays
below it shows a parameter that the data do not determine, at all (flat) or in one direction (Raue et al. 2009,
Bioinformatics 25, 1923). The threshold is the squared quantile of Student's t, since the noise is estimated (Bates and
Watts 1988, Nonlinear Regression Analysis, section 6.1). Networks and initial values are refitted at each value by
Levenberg-Marquardt from the point before, moved along the linear prediction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, EquationError
from ndestudio.expression.parse import did_you_mean
from ndestudio.fitting.batches import start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.objective import reweigh
from ndestudio.fitting.optimizers.levenberg_marquardt import LmState, Point, Prior, lm_start
from ndestudio.fitting.optimizers.minimise import LeastSquares, LevenbergMarquardt, Monitor, Stopping, minimise
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.resume import FINEST, ResumedFit, resume_fit
from ndestudio.fitting.stages.refinement import refined_prior
from ndestudio.fitting.step_count import accurate
from ndestudio.fitting.tracker import physical_starts
from ndestudio.fitting.uncertainty.laplace import LEVEL, Uncertainty, column_noise, normal_equations, uncertainty
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.encoders import refuse_encoder
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Phase, Progress, Reporter, SilentReporter
from ndestudio.solve.jax_backend import one_thread

JUMP = 4.0
"""A step that ends more than so many thresholds high is taken again, shorter: what lies between decides the limit."""
SHORTEST = 0.02
"""The shortest such step, in standard deviations of the parameter."""
POINTS = 24
"""Values on each side."""
FAR = 12.0
"""Distance in the trained number (of order one) at which a side counts as open."""
FINE = 0.12
"""Aim of the step: D rises by about this part of the threshold, so that the curve is smooth."""
STEPS = {"start": 40, "point": 12}
OWN = 0.5
"""Part of D that the data must make where it crosses the threshold: a bound that comes from the penalty on weights is none."""
FLAT = 0.1
"""A profile that rises by less than this part of the threshold is flat."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of a parameter.

    Parameters
    ----------
    values
        Of the parameter, rising, in physical units.
    statistic
        D there.
    misfit
        The part of it that data and priors make; the rest is the penalty on network weights.
    threshold
        D at the ends of the 95% interval.
    estimate
        Value with the least cost.
    low, high
        Ends of the interval; None where the profile does not reach the threshold on that side.
    laplace
        The interval of the quadratic approximation, for comparison; None if it cannot be had.
    complete
        False if it was stopped on the way.
    """

    parameter: str
    unit: str
    values: Float[np.ndarray, " point"]
    statistic: Float[np.ndarray, " point"]
    misfit: Float[np.ndarray, " point"]
    threshold: float
    estimate: float
    low: float | None
    high: float | None
    laplace: tuple[float, float] | None
    sentence: str
    seconds: float
    complete: bool = True

    @property
    def identifiable(self) -> bool:
        """Whether the data bound the parameter on both sides."""
        return self.low is not None and self.high is not None


def profile(
    model: FittedModel,
    dataset: Dataset,
    parameter: str,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
) -> Profile:
    """Profile one parameter of a fitted model (mechanistic, hybrid or distilled).

    Raises
    ------
    EquationError
        There is no such free parameter.
    DataError
        The fit is too large for its Jacobian.
    """
    refuse_noise(model.system, "a profile likelihood")
    refuse_encoder(model.config, "a profile likelihood")
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    begin = time.perf_counter()
    opened = resume_fit(model, dataset, train, reporter)
    if opened is None:
        raise DataError(
            "the model and the data are too large together for a profile; take fewer trajectories or a smaller network"
        )
    walker = _Walker(opened, _index(opened.problem, parameter), reporter)
    while True:
        walker.find_minimum()
        for count, side in enumerate((-1, 1)):
            words = f"profiling `{parameter}` {'downwards' if side < 0 else 'upwards'}"
            reporter.emit(Phase("profile", words, count + 1, 2))
            walker.walk(side)
        if walker.stopped or not walker.refine():
            return _judged(walker, parameter, time.perf_counter() - begin)


def _index(problem: PreparedFit, parameter: str) -> int:
    names = problem.structure.parameters
    free = [name for name, moves in zip(names, problem.space.free, strict=False) if moves]
    if parameter not in names:
        raise EquationError(f"the model has no parameter `{parameter}`{did_you_mean(parameter, names)}")
    if parameter not in free:
        raise EquationError(f"`{parameter}` is fixed; a profile needs a parameter that is fitted")
    return names.index(parameter)


class _Walker:
    """A fit that is repeated with one number held at other and other values."""

    def __init__(self, opened: ResumedFit, index: int, reporter: Reporter) -> None:
        self.problem, self.engine, self.index, self.reporter = opened.problem, opened.engine, index, reporter
        self.ends: list[Point] = []
        self.found: list[tuple[float, float, float]] = []
        self.stopped = False
        self.lost = False  # a short step ended far above the threshold: the fit could not be followed there

    def find_minimum(self) -> None:
        """Find the minimum, and make the noise of all columns alike there."""
        reporter, engine = self.reporter, self.engine
        reporter.emit(Phase("refinement", "going to the best fit"))
        start = start_point(self.problem, engine.batch)
        state = lm_start(engine.linearise, start, self._prior(start, 1.0), 1e-4)
        state = self._robust(state, start)
        for turn in range(2):
            prior = self._prior(start, state.loss)
            state = self._minimise(lm_start(engine.linearise, state.point, prior, 1e-4), prior, STEPS["start"])
            if turn == 0:
                self._equalise(state, prior)
        self.prior = self._prior(start, state.loss)
        self.best = lm_start(engine.linearise, state.point, self.prior, 1e-4)
        with one_thread():
            normal = normal_equations(
                self.best.linear, self.best.point, self.prior, len(self.problem.structure.measured)
            )
        self.laplace: Uncertainty | None = uncertainty(self.problem, self.best.linear, self.best.point, self.prior)
        self.direction = Point(np.zeros_like(start.theta), np.zeros_like(start.free))
        values, effective, deviation = self.problem.values_used_train, 0.0, 0.3
        if normal is not None:
            at = int(normal.place(np.array([self.index]))[0])
            move = normal.inverse[:, at] / normal.inverse[at, at]
            self.direction.theta[normal.moves] = move[: normal.moves.sum()]
            self.direction.free[np.isfinite(self.prior.free)] = move[normal.moves.sum() :]
            values, effective = int(normal.values.sum()), float(normal.effective.sum())
            self.variance = self.best.loss / max(values - effective, 1.0)
            deviation = float(np.sqrt(normal.inverse[at, at] * self.variance))
        self.variance = self.best.loss / max(values - effective, 1.0)
        self.threshold = float(scipy.stats.t.ppf(0.5 + LEVEL / 2, max(values - effective, 1.0)) ** 2)
        self.width = min(max(deviation, 1e-6), 2.0)
        self.z = float(self.best.point.theta[self.index])
        self.ends, self.lost = [], False
        self.found = [(self.z, self.best.cost, self._known(self.best))]

    def walk(self, side: int) -> None:
        """Hold the parameter further and further away, until the profile has crossed its threshold or goes on for ever."""
        h, point, last = self.width * np.sqrt(FINE * self.threshold), self.best.point, 0.0
        self.ends.append(point)
        for k in range(POINTS):
            if self.stopped or self.reporter.should_stop():
                self.stopped = True
                return
            tried = self._at(point, side * h)
            if tried is None:
                h *= 0.3
                continue
            level = (tried.cost - self.best.cost) / self.variance
            if level > JUMP * self.threshold:
                if h > SHORTEST * self.width:
                    h *= 0.3
                    continue
                self.lost = True
            point = self.ends[-1] = tried.point
            self.found.append((float(point.theta[self.index]), tried.cost, self._known(tried)))
            self.reporter.emit(Progress(min((k + 1) / POINTS, 1.0)))
            if level > 1.25 * self.threshold or abs(point.theta[self.index] - self.z) > FAR:
                return
            rise, last = level - last, level
            h *= float(np.clip(np.sqrt(FINE * self.threshold / max(rise, 1e-12)), 0.5, 1.6))

    def _known(self, state: LmState) -> float:
        """The part of the cost that data, priors and penalties along the path make: the rest is that on weights."""
        return state.loss + state.linear.path_loss + self.prior.variance * self.prior.squares(state.point)

    def refine(self) -> bool:
        """Take shorter steps where the solver was too coarse for the models at the ends; False where it was not."""
        batch, problem = self.engine.batch, self.problem
        models = [problem.space.fitted(end.theta, physical_starts(problem, batch, end)) for end in self.ends]
        if batch.steps >= FINEST or all(accurate(problem, batch, model) for model in models):
            return False
        finer = resume_fit(models[-1], problem.dataset, problem.train, self.reporter, problem, 4 * batch.steps)
        if finer is None:
            return False
        self.engine = finer.engine
        return True

    def _at(self, point: Point, move: float) -> LmState | None:
        """The best fit with the parameter ``move`` further than at ``point``; None where nothing is finite there."""
        moved = Point(point.theta + move * self.direction.theta, point.free + move * self.direction.free)
        plain = Point(point.theta.copy(), point.free)
        plain.theta[self.index] += move
        moved.theta[self.index] = plain.theta[self.index]
        held = self.prior.theta.copy()
        held[self.index] = np.inf
        # its own prior does not move it, but counts
        prior = self.prior._replace(theta=held)
        starts = [lm_start(self.engine.linearise, one, prior, 1e-3) for one in (moved, plain)]
        usable = [state for state in starts if np.isfinite(state.cost)]
        if not usable:
            return None
        return self._minimise(min(usable, key=lambda state: state.cost), prior, STEPS["point"])

    def _minimise(self, at: LmState, prior: Prior, steps: int) -> LmState:
        values = max(self.problem.values_used_train, 1)
        rules = Stopping(steps, decrease=0.01 * at.loss / max(at.cost, 1e-300) / values, slow=1, slow_rejected=6)
        objective = LeastSquares(self.engine.linearise, lambda state: prior)
        optimizer = LevenbergMarquardt(at.damping)
        found = minimise(optimizer, objective, at, stopping=rules, monitor=_Watching(self.reporter))
        self.stopped = self.stopped or found.reason == "stopped"
        return found.state

    def _prior(self, start: Point, loss: float) -> Prior:
        return refined_prior(self.problem, self.engine.batch, start, loss)

    def _robust(self, state: LmState, start: Point) -> LmState:
        """Weights of Huber's loss at the minimum they lead to; they stay for the whole profile."""
        if self.problem.train.loss != "huber":
            return state
        batch = self.engine.batch
        objective = LeastSquares(
            self.engine.linearise,
            lambda found: self._prior(start, state.loss if found is None else found.loss),
            lambda found: reweigh(self.engine, batch, found),
        )
        rules = Stopping(STEPS["start"], decrease=1e-4, slow=2, slow_rejected=6)
        found = minimise(
            LevenbergMarquardt(1e-4), objective, state, stopping=rules, monitor=_Watching(self.reporter)
        ).state
        target = self.engine.batch.target
        self.engine.use(replace(batch, target=target._replace(train=target.train / target.train.sum())))
        return lm_start(self.engine.linearise, found.point, self._prior(start, found.loss), 1e-4)

    def _equalise(self, state: LmState, prior: Prior) -> None:
        """Weigh each column by its own noise, so that one number is the variance of all."""
        measured = len(self.problem.structure.measured)
        with one_thread():
            normal = normal_equations(state.linear, state.point, prior, measured)
        noise = column_noise(normal, normal.effective) if normal is not None else None
        batch = self.engine.batch
        used = np.flatnonzero(batch.target.train.any(axis=(0, 1)))
        if noise is None or len(noise) != len(used) or not (noise > 0).all():
            return
        factor = np.zeros(measured)
        factor[used] = noise.mean() / noise
        train = batch.target.train * factor
        self.engine.use(replace(batch, target=batch.target._replace(train=train / train.sum())))


class _Watching(Monitor[LmState]):
    """Ends where somebody asks for it."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def ended(self, number: int, state: LmState) -> str | None:
        return "stopped" if self.reporter.should_stop() else None


def _judged(walker: _Walker, parameter: str, seconds: float) -> Profile:
    problem, index = walker.problem, walker.index
    z, cost, loss = np.array(sorted(walker.found)).T
    least = int(np.argmin(cost))
    D, misfit = (cost - cost[least]) / walker.variance, (loss - loss[least]) / walker.variance
    threshold = walker.threshold

    def physical(at: float) -> float:
        theta = walker.best.point.theta[: len(problem.structure.parameters)].copy()
        theta[index] = at
        return float(problem.space.constants.bijection.forward(theta)[index])

    bounded = np.where(misfit >= OWN * D, D, np.minimum(D, 0.999 * threshold))
    ends = [_crossing(z, bounded, threshold, least, side) for side in (-1, 1)]
    low, high = (physical(end) if end is not None else None for end in ends)
    values = np.array([physical(at) for at in z])
    if len(values) > 1 and values[-1] < values[0]:
        values, D, misfit, low, high = values[::-1], D[::-1], misfit[::-1], high, low
    config = problem.space.model.config.parameters.get(parameter)
    unit = config.unit if config is not None else ""
    laplace = walker.laplace.intervals.get(parameter) if walker.laplace is not None else None
    penalised = bool((threshold <= D).any() and (bounded < threshold)[threshold <= D].any())
    sentence = _sentence(parameter, unit, values, misfit, threshold, low, high, laplace, penalised)
    if walker.lost:
        sentence += " At one end the fit could not be followed any further: that limit may be too near."
    if walker.stopped:
        sentence = f"The profile of `{parameter}` was stopped before it was complete."
    return Profile(
        parameter=parameter,
        unit=unit,
        values=values,
        statistic=D,
        misfit=misfit,
        threshold=threshold,
        estimate=physical(z[least]),
        low=low,
        high=high,
        laplace=laplace,
        sentence=sentence,
        seconds=seconds,
        complete=not walker.stopped,
    )


def _crossing(
    z: Float[np.ndarray, " n"], D: Float[np.ndarray, " n"], threshold: float, least: int, side: int
) -> float | None:
    """Where the profile passes the threshold for good on one side: a single fit that failed on the way is no limit.

    sqrt(D) is nearly a straight line.
    """
    order = range(least + 1, len(z)) if side > 0 else range(least - 1, -1, -1)
    root = np.sqrt(np.maximum(D, 0.0))
    for k in reversed(order):
        if D[k] < threshold:
            return None
        if D[k - side] < threshold:
            a, b = k - side, k
            share = (np.sqrt(threshold) - root[a]) / max(root[b] - root[a], 1e-12)
            return float(z[a] + share * (z[b] - z[a]))
    return None


def _sentence(
    name: str,
    unit: str,
    values: Float[np.ndarray, " n"],
    D: Float[np.ndarray, " n"],
    threshold: float,
    low: float | None,
    high: float | None,
    laplace: tuple[float, float] | None,
    penalised: bool,
) -> str:
    unit = f" {unit}" if unit else ""
    only = " What keeps it from going further is the penalty on the weights of the networks." if penalised else ""
    if low is not None and high is not None:
        text = f"`{name}` is identifiable: between {low:.4g} and {high:.4g}{unit} (95%)."
        if laplace is not None:
            ratio = (high - low) / max(laplace[1] - laplace[0], 1e-300)
            text += (
                f" The quadratic approximation ({laplace[0]:.4g} to {laplace[1]:.4g}) agrees."
                if 0.8 < ratio < 1.25
                else f" The quadratic approximation ({laplace[0]:.4g} to {laplace[1]:.4g}) is too "
                f"{'narrow' if ratio > 1 else 'wide'}: the profile is the better interval."
            )
        return text
    span = f"from {values[0]:.4g} to {values[-1]:.4g}{unit}"
    if low is None and high is None:
        flat = float(D.max()) < FLAT * threshold
        return (
            f"`{name}` is not identifiable: its profile is {'flat' if flat else 'below the threshold'} {span}. Fix it, "
            f"measure something else, or constrain what can take its place.{only}"
        )
    side, end = ("above", low) if high is None else ("below", high)
    what = f"at least {end:.4g}{unit}" if high is None else f"at most {end:.4g}{unit}"
    return (
        f"`{name}` is {what} (95%), but the data do not bound it from {side} ({span} was tried). Bound it, fix it, or "
        f"measure where it matters.{only}"
    )
