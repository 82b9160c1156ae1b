"""Parameters drawn from a population: mean and spread by the likelihood with the values of the runs integrated out.

Run i has random effects eta_i ~ N(0, Omega) (see ``random_effects``) and residuals r_i(theta, eta_i) ~ N(0, Sigma). The integral over
eta_i is Laplace's with the Hessian by first derivatives, at the mode of the run (first-order conditional estimation, FOCE):

    -2 log L = sum_i [ |r_i|^2/Sigma + eta_i' Omega^-1 eta_i + log det Sigma + log det Omega + log det H_i ] + const
    H_i = Z_i' Sigma^-1 Z_i + Omega^-1,   Z_i = d r_i/d eta_i   at the mode eta_i(theta, Omega, Sigma)

Of a value that is known to lie between two ends only, -2 log P takes the place of r^2/Sigma, and the second derivative of -log P that of
1/Sigma in H (Beal's M3 with Laplace's method: Beal 2001, J. Pharmacokinet. Pharmacodyn. 28, 481).

Lindstrom and Bates 1990 (Biometrics 46, 673), Wang 2007 (J. Pharmacokinet. Pharmacodyn. 34, 575). It is exact where the model is linear in
eta. Its gradient takes account of the modes, which move with theta, Omega and Sigma (Almquist, Leander and Jirstrand 2015,
J. Pharmacokinet. Pharmacodyn. 42, 191): what is least at the mode has its plain derivative, log det H its difference along
d eta/d theta = -H^-1 Z' dr/d theta, corrected by Gauss-Newton steps.

Standard errors are by the expected information of the linearised model; shrinkage is 1 - sd(eta)/omega (Savic and Karlsson 2009,
AAPS J. 11, 558). Initial values that are estimated for each run and have no prior are integrated out as well, under a flat one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
import numpy as np
import scipy.optimize
from jaxtyping import Bool, Float

from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.noise import ends_of
from ndestudio.fitting.noise_settings import noise_of
from ndestudio.fitting.objective import prior_terms
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point
from ndestudio.fitting.optimizers.rowwise import RowLinear, RowObjective, minimise_rows
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.priors import PriorTerms, model_priors
from ndestudio.fitting.random_effects import LEAST, Covariance, covariance_of
from ndestudio.fitting.result import Correlation, Population, RandomEffect
from ndestudio.fitting.tracker import TimeUp, Tracker
from ndestudio.model.config import ModelConfig
from ndestudio.model.runs import effects, occasion_effects
from ndestudio.problem.noise_law import NoiseLaw, log_between, log_normal

FEWEST = 3
"""Runs from which the spread of a population is estimated."""
DIFFERENCE = 1e-4
"""Step of the differences of log det H, in units of the trained numbers."""
CORRECTIONS, NEARLY = 4, 1e-2
"""Gauss-Newton steps by which the modes follow such a difference at most, and the part of it that is none any more."""
TURNS = 6
"""Turns of expectation and maximisation before the search by gradient."""
ROUNDS, STOOD, DOUBT = 40, 1e-6, 1e-2
"""Steps of the search by gradient, the decrease of -2 log L that is none any more, and one that is told of where the search ends."""
INNER = 12
"""Steps of the modes of the runs, and the change (of numbers of order one) that none is made for."""
STILL = 1e-7
REACH = 1.959964
LARGEST = 2000
"""Values of one run up to which standard errors of spreads are computed."""


class _Parts(NamedTuple):
    """Minus the log densities of values as squares, and their derivatives by z, the error in units of the noise.

    Parameters
    ----------
    r
        Whose square is -2 log density but for constants: z itself, or sqrt(-2 log P) of a value of which only a limit is known.
    slope, root
        dr/dz, and the root of the second derivative of -log density; both 1 where z itself is r.
    turned
        Derivative of r^2 by the logarithm of the noise level.
    """

    r: Float[np.ndarray, "row residual"]
    slope: Float[np.ndarray, "row residual"]
    root: Float[np.ndarray, "row residual"]
    turned: Float[np.ndarray, "row residual"]


class _Here(NamedTuple):
    """All that the likelihood knows at a point: residuals with the whitened effects behind them, their derivatives by what moves in
    a run (``V``; as curvature ``C``) and by theta (``J``; ``K``), and half the gradient and the curvature of further priors."""

    r: Float[np.ndarray, "row residual"]
    V: Float[np.ndarray, "row residual state"]
    C: Float[np.ndarray, "row residual state"]
    J: Float[np.ndarray, "row residual theta"]
    K: Float[np.ndarray, "row residual theta"]
    turned: Float[np.ndarray, "row residual"]
    pull: Float[np.ndarray, "row state"]
    stiff: Float[np.ndarray, "row state"]
    extra: Float[np.ndarray, " row"]


@dataclass(eq=False)
class Marginal:
    """-2 log L of a batch of whole trajectories, as a function of [theta that moves | numbers of Omega | log sigma].

    Parameters
    ----------
    covariance
        Of the random effects.
    free
        Modes of the runs, where the last evaluation left them.
    """

    problem: PreparedFit
    batch: Batch
    covariance: Covariance
    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]

    def __post_init__(self) -> None:
        self.engine, self.inner = VectorEngine(self.problem, self.batch), VectorEngine(self.problem, self.batch)
        self.inner.moves = np.zeros(0, dtype=int)  # the modes ask for no derivatives by theta
        self.states = self.covariance.states
        terms = prior_terms(self.problem, self.batch)
        assert terms is not None
        sd = terms.start_table.sd.copy()
        sd[self.states] = np.inf  # theirs is the covariance
        self.terms: PriorTerms = replace(terms, start_table=replace(terms.start_table, sd=sd))
        measured = len(self.problem.structure.measured)
        weight = self.batch.target.train.reshape(len(self.batch.rows), -1)
        self.column = np.broadcast_to(np.arange(weight.shape[1]) % measured, weight.shape)
        self.used = weight > 0
        spread = self.problem.space.constants.spread[self.column]
        self._limits(np.sqrt(weight) / spread)
        seen = np.unique(self.column[self.used])
        train = self.problem.train
        alike = train.noise != "constant" and not train.column_noise
        self.groups = np.zeros(measured, dtype=int) if alike else np.searchsorted(seen, np.arange(measured))
        self.levels = 1 if alike else len(seen)
        # the density of the values themselves: residuals are sqrt(weight)*(f - y)/spread
        self.constant = float(np.sum(np.log(2.0 * np.pi * (spread**2 / np.where(weight > 0, weight, 1.0))[self.known])))
        self.values = np.bincount(self.groups[self.column[self.known]], minlength=self.levels)
        self.scale = self.batch.start.scale[0, self.states]
        self.moves = self.batch.moves
        self.own: np.ndarray = np.asarray(self.moves[:, self.states].all(axis=1))

    def _limits(self, factor: Float[np.ndarray, "row residual"]) -> None:
        """Which values are known, and between which distances from what is written (in residuals) the others lie."""
        problem, target = self.problem, self.batch.target.values
        ends, log = ends_of(problem, self.batch), problem.space.constants.log
        low, high = target.copy(), target.copy()
        for k, name in enumerate(problem.dataset.measured_names):
            settings = noise_of(problem.train, name, log=bool(log[k]))
            own = None if ends is None else ends[:, :, k]
            law = NoiseLaw(
                "constant",
                below=-np.inf if settings.below is None else settings.below,
                above=np.inf if settings.above is None else settings.above,
                resolution=settings.resolution or 0.0,
                cells=own is not None,
            )
            low[..., k], high[..., k] = law.interval(target[..., k], own)
        between = (low < high).reshape(self.used.shape) & self.used
        self.known = self.used & ~between
        with np.errstate(invalid="ignore"):
            least, most = (np.where(between, (one - target).reshape(factor.shape) * factor, 0.0) for one in (low, high))
        self.between: tuple[np.ndarray, np.ndarray, np.ndarray] | None = (
            (between, least, most) if between.any() else None
        )

    @property
    def size(self) -> tuple[int, int, int]:
        """Numbers in the three parts of the vector."""
        return len(self.engine.moves), self.covariance.size, self.levels

    def split(
        self, phi: Float[np.ndarray, " phi"]
    ) -> tuple[Float[np.ndarray, " theta"], Float[np.ndarray, " n"], Float[np.ndarray, " level"]]:
        """Theta, numbers of the covariance, and noise levels."""
        count, numbers, _ = self.size
        theta = self.theta.copy()
        theta[self.engine.moves] = phi[:count]
        return theta, phi[count : count + numbers], np.exp(np.clip(phi[count + numbers :], -300.0, 300.0))

    def joined(
        self,
        theta: Float[np.ndarray, " theta"],
        numbers: Float[np.ndarray, " n"],
        sigma: Float[np.ndarray, " level"],
    ) -> Float[np.ndarray, " phi"]:
        """What ``split`` takes apart."""
        return np.concatenate([theta[self.engine.moves], numbers, np.log(sigma)])

    def value(self, phi: Float[np.ndarray, " phi"]) -> float:
        """-2 log L, and the squares of distances from priors of theta."""
        theta, numbers, sigma = self.split(phi)
        self._settle(theta, numbers, sigma)
        with np.errstate(all="ignore"):
            found = self._value(self._here(Point(theta, self.free), numbers, sigma), theta, numbers, sigma)
        return found if np.isfinite(found) else 1e12

    def gradient(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, " phi"]:
        """Derivatives of ``value`` at the point that it was asked for last."""
        count, size, levels = self.size
        theta, numbers, sigma = self.split(phi)
        free = self.free
        here = self._here(Point(theta, free), numbers, sigma, by_theta=True)
        H = self._curvature(here)
        # how the modes move: by theta, by the numbers of the covariance, by log sigma
        turns = np.zeros((len(phi), *free.shape))
        turns[:count] = -np.moveaxis(np.linalg.solve(H, np.einsum("brs,brp->bsp", here.C, here.K)), -1, 0)
        found = np.zeros(len(phi))
        away_theta = self.terms.rows(Point(theta, free))[0]
        pull = away_theta.rho * away_theta.slope
        found[:count] = 2.0 * np.einsum("br,brp->p", here.r, here.J) + 2.0 * pull[self.engine.moves]
        inverse, eta = np.linalg.inv(self.covariance.matrix(numbers)), self._effects(free)
        pulled = eta @ inverse
        for k, slope in enumerate(self.covariance.slopes(numbers)):
            side = np.zeros(free.shape)
            side[:, self.states] = (pulled @ slope @ inverse) * self.scale
            turns[count + k] = np.linalg.solve(H, side[..., None])[..., 0]
            quadratic = float(np.einsum("bi,ij,bj->", pulled, slope, pulled))
            found[count + k] = float(self.own.sum()) * float(np.trace(inverse @ slope)) - quadratic
        data = self.used.shape[1]
        for level in range(levels):
            inside = self.used & (self.groups[self.column] == level)
            side = 2.0 * np.einsum("br,brs->bs", np.where(inside, here.r[:, :data], 0.0), here.V[:, :data])
            turns[count + size + level] = np.linalg.solve(H, side[..., None])[..., 0]
            found[count + size + level] = float(np.sum(here.turned[inside])) + 2.0 * float((inside & self.known).sum())
        return found + self._turning(phi, turns)

    def _turning(
        self, phi: Float[np.ndarray, " phi"], turns: Float[np.ndarray, "phi row state"]
    ) -> Float[np.ndarray, " phi"]:
        """Derivatives of the sum of log det H, the modes moving along."""
        points, ends = [Point(self.split(phi)[0], self.free)], [self.split(phi)]
        for k, turn in enumerate(turns):
            moved = phi.copy()
            moved[k] += DIFFERENCE
            ends.append(self.split(moved))
            points.append(Point(ends[-1][0], self.free + DIFFERENCE * turn * self.moves))
        volumes: list[float] = []
        for _ in range(CORRECTIONS):
            volumes, changes = [], []
            for k, linear in enumerate(self.inner.linearise_many(points)):
                (theta, numbers, sigma), free = ends[k], points[k].free
                here = self._of(linear, points[k], numbers, sigma)
                H = self._curvature(here)
                volumes.append(float(np.sum(np.linalg.slogdet(H)[1])))
                # the Hessian of the modes has second derivatives that H leaves out
                slope = np.einsum("br,brs->bs", here.r, here.V) + here.pull
                changes.append(self.moves * np.linalg.solve(H, slope[..., None])[..., 0])
                points[k] = Point(theta, free - changes[-1] * (k > 0))
            if np.abs(np.array(changes[1:])).max(initial=0.0) < NEARLY * DIFFERENCE:
                break
        return (np.array(volumes[1:]) - volumes[0]) / DIFFERENCE

    def _effects(self, free: Float[np.ndarray, "row state"]) -> Float[np.ndarray, "row effect"]:
        """Values of the random effects; 0 in rows that have none."""
        eta = self.batch.start.given[: len(free), self.states] + free[:, self.states] * self.scale
        return np.where(self.own[:, None], eta, 0.0)

    def _here(
        self,
        point: Point,
        numbers: Float[np.ndarray, " n"],
        sigma: Float[np.ndarray, " level"],
        *,
        by_theta: bool = False,
    ) -> _Here:
        return self._of(
            (self.engine if by_theta else self.inner).linearise(point), point, numbers, sigma, by_theta=by_theta
        )

    def _of(
        self,
        linear: Linear,
        point: Point,
        numbers: Float[np.ndarray, " n"],
        sigma: Float[np.ndarray, " level"],
        *,
        by_theta: bool = False,
    ) -> _Here:
        level = sigma[self.groups[self.column]]
        parts = self._parts(linear.r / level, level)
        by = np.where(self.moves[:, None, :], linear.d_free / level[..., None], 0.0)
        J = linear.d_theta[..., self.engine.moves] / level[..., None] if by_theta else linear.d_theta[..., :0]
        white, eta = np.linalg.inv(np.linalg.cholesky(self.covariance.matrix(numbers))), self._effects(point.free)
        own = np.zeros((len(eta), len(self.states), by.shape[2]))
        own[:, :, self.states] = white * self.scale * self.own[:, None, None]
        away = self.terms.rows(point)[1]
        nothing = np.zeros((len(eta), len(self.states), J.shape[2]))
        return _Here(
            np.concatenate([parts.r, eta @ white.T], axis=1),
            np.concatenate([parts.slope[..., None] * by, own], axis=1),
            np.concatenate([parts.root[..., None] * by, own], axis=1),
            np.concatenate([parts.slope[..., None] * J, nothing], axis=1),
            np.concatenate([parts.root[..., None] * J, nothing], axis=1),
            parts.turned,
            away.rho * away.slope,
            away.slope**2,
            np.sum(away.rho**2, axis=1),
        )

    def _parts(self, z: Float[np.ndarray, "row residual"], level: Float[np.ndarray, "row residual"]) -> _Parts:
        ones = np.ones(z.shape)
        if self.between is None:
            return _Parts(z, ones, ones, -2.0 * z**2)
        there, low, high = self.between
        with np.errstate(all="ignore"):
            a, b = low / level - z, high / level - z
            mass = log_between(a, b)
            at_a, at_b = np.exp(log_normal(a) - mass), np.exp(log_normal(b) - mass)
            edge = np.where(np.isfinite(b), b, 0.0) * at_b - np.where(np.isfinite(a), a, 0.0) * at_a
            score = at_a - at_b
            root = np.sqrt(np.maximum(score**2 + edge, 0.0))
            r = np.sqrt(np.maximum(-2.0 * mass, 0.0))
            slope = np.where(r > 1e-12, -score / np.where(r > 1e-12, r, 1.0), 0.0)
        return _Parts(
            np.where(there, r, z),
            np.where(there, slope, ones),
            np.where(there, root, ones),
            np.where(there, 2.0 * edge, -2.0 * z**2),
        )

    def _curvature(self, here: _Here) -> Float[np.ndarray, "row state state"]:
        """H; 1 on the diagonal for what does not move."""
        H = np.einsum("brs,brt->bst", here.C, here.C)
        diagonal = np.arange(H.shape[1])
        H[:, diagonal, diagonal] += np.where(self.moves, here.stiff, 1.0)
        return H

    def _value(
        self,
        here: _Here,
        theta: Float[np.ndarray, " theta"],
        numbers: Float[np.ndarray, " n"],
        sigma: Float[np.ndarray, " level"],
    ) -> float:
        away_theta = self.terms.rows(Point(theta, self.free))[0]
        sign, volume = np.linalg.slogdet(self._curvature(here))
        if (sign <= 0).any():
            return float("inf")
        total = np.sum(here.r**2) + np.sum(here.extra) + np.sum(away_theta.rho**2) + np.sum(volume)
        total += self.constant + 2.0 * float(self.values @ np.log(sigma))
        spread = np.linalg.slogdet(self.covariance.matrix(numbers))[1] - 2.0 * float(np.sum(np.log(self.scale)))
        return float(total + float(self.own.sum()) * spread)

    def _settle(
        self,
        theta: Float[np.ndarray, " theta"],
        numbers: Float[np.ndarray, " n"],
        sigma: Float[np.ndarray, " level"],
    ) -> None:
        """The modes of all runs, from where they are."""

        def linearise(free: Float[np.ndarray, "row state"]) -> RowLinear:
            here = self._here(Point(theta, free), numbers, sigma)
            return RowLinear(here.r, here.V, here.pull, here.stiff, here.extra)

        objective = RowObjective(linearise, lambda free: None)
        self.free = minimise_rows(
            objective, self.free, self.moves, rounds=INNER, gain=0.0, poll=lambda: True, still=STILL
        )

    def seen(self, V: Float[np.ndarray, "row residual state"]) -> Bool[np.ndarray, "row effect"]:
        """Which effects the data of a row answer to: an occasion that a run does not have says nothing."""
        return np.abs(V[:, : self.used.shape[1], self.states]).max(axis=1) > 0.0

    def maximised(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, " phi"]:
        """Covariance and noise levels after a turn of expectation and maximisation (with the linearised modes)."""
        theta, numbers, sigma = self.split(phi)
        self._settle(theta, numbers, sigma)
        here = self._here(Point(theta, self.free), numbers, sigma)
        inverse = np.linalg.inv(self._curvature(here))
        eta, seen = self._effects(self.free), self.seen(here.C)
        moments = eta[:, :, None] * eta[:, None, :]
        moments += inverse[:, self.states[:, None], self.states[None, :]] * np.outer(self.scale, self.scale)
        both = seen[:, :, None] & seen[:, None, :]
        S = np.sum(np.where(both, moments, 0.0), axis=0) / np.maximum(both.sum(axis=0), 1)
        unseen = ~seen.any(axis=0)
        S[unseen, unseen] = np.diag(self.covariance.matrix(numbers))[unseen]
        data, level = self.used.shape[1], sigma.copy()
        doubt = np.einsum("brs,bst,brt->br", here.C[:, :data], inverse, here.C[:, :data])
        for k in range(self.levels):
            inside = self.known & (self.groups[self.column] == k)
            level[k] *= np.sqrt(np.sum((here.r[:, :data] ** 2 + doubt)[inside]) / max(inside.sum(), 1)) or 1.0
        return self.joined(theta, self.covariance.of_moments(S, numbers), level)

    def information(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, "phi phi"]:
        """Expected information of the linearised model: second derivatives of -log L."""
        count, _, levels = self.size
        theta, numbers, sigma = self.split(phi)
        here = self._here(Point(theta, self.free), numbers, sigma, by_theta=True)
        away_theta, slopes = self.terms.rows(Point(theta, self.free))[0], self.covariance.slopes(numbers)
        found, data = np.zeros((len(phi), len(phi))), self.used.shape[1]
        curvature = self._curvature(here)
        for b in range(len(self.batch.rows)):
            used = self.used[b]
            V, J = here.C[b, :data][used], here.K[b, :data][used]
            # the inverse of the covariance of the residuals
            inside = np.eye(len(V)) - V @ np.linalg.solve(curvature[b], V.T)
            found[:count, :count] += J.T @ inside @ J
            if len(V) > LARGEST:
                continue
            Z = V[:, self.states] / self.scale
            parts = [inside @ Z @ slope @ Z.T for slope in slopes]
            group, known = self.groups[self.column[b][used]], self.known[b][used]
            parts += [2.0 * inside * ((group == level) & known) for level in range(levels)]
            for i, one in enumerate(parts):
                for j, other in enumerate(parts[: i + 1]):
                    found[count + i, count + j] += 0.5 * float(np.sum(one * other.T))
        lower = found[count:, count:]
        found[count:, count:] = lower + np.tril(lower, -1).T
        found[range(count), range(count)] += (away_theta.slope**2)[self.engine.moves]
        return found


def marginal(problem: PreparedFit, steps: int, point: Point | None = None, names: list[str] | None = None) -> Marginal:
    """The likelihood of the training runs of a problem, on a grid of ``steps`` steps.

    Parameters
    ----------
    point, names
        Where to begin, and the trajectories whose initial values it holds.
    """
    every = make_batch(problem, steps, padded=False)
    rows = [row for row, trains in zip(every.rows, every.trains, strict=True) if trains]
    batch = make_batch(problem, steps, rows=rows, padded=False)
    begin = start_point(problem, batch)
    free = begin.free
    if point is not None and names is not None:
        for b, row in enumerate(batch.rows):
            if row.name in names:
                free[b] = point.free[names.index(row.name)]
    covariance = covariance_of(problem.space.model.config, problem.structure.states)
    return Marginal(problem, batch, covariance, (point or begin).theta.copy(), free)


def with_population(tracker: Tracker, reason: str) -> str:
    """``reason`` (why a fit ended), after the population of its runs was estimated, where there is one."""
    tracker.leave()
    fit_population(tracker)
    return reason


def fit_population(tracker: Tracker) -> None:
    """Mean and spread of the population by maximum likelihood, from the best point; networks stay as they are."""
    problem, config = tracker.problem, tracker.problem.space.model.config
    if not effects(config) or tracker.best_point is None:
        return
    batch, point = tracker.best_point
    if (batch.follows[: len(batch.rows)] >= 0).any():
        tracker.note("The spread between runs was not estimated: the model was fitted over segments.", "warning")
        return
    # the solver in NumPy takes networks from the model
    trained = replace(problem, space=replace(problem.space, model=problem.space.fitted(point.theta, {})))
    whole = marginal(trained, batch.steps, point, batch.names)
    runs = int(whole.moves[:, whole.states].any(axis=1).sum())
    if runs < FEWEST:
        tracker.note(f"The spread between {runs} runs was not estimated; it takes {FEWEST}.", "warning")
        return
    tracker.enter("population", f"spread between {runs} runs (FOCE)", 1, 1)
    phi, deviance, ended = _minimised(tracker, whole)
    tracker.leave()
    theta, numbers, _ = whole.split(phi)
    tracker.problem = _with_spreads(problem, whole, numbers)
    free = point.free.copy()
    for b, row in enumerate(whole.batch.rows):
        if row.name in batch.names:
            free[batch.names.index(row.name)] = whole.free[b]
    tracker.best_point = (batch, Point(theta, free))
    tracker.population = _described(tracker, whole, phi, deviance, ended)
    for sentence in tracker.population.sentences():
        tracker.note(sentence)


class _Still(Exception):
    """Nothing is left to gain."""


def _minimised(tracker: Tracker, whole: Marginal) -> tuple[Float[np.ndarray, " phi"], float, bool]:
    theta = whole.theta
    linear = whole.inner.linearise(Point(theta, whole.free))
    sigma = np.array(
        [
            np.sqrt(np.mean(linear.r[whole.known & (whole.groups[whole.column] == k)] ** 2)) or 1e-12
            for k in range(whole.levels)
        ]
    )
    phi = whole.joined(theta, whole.covariance.begin(), np.maximum(sigma, 1e-12))
    for _ in range(TURNS):
        phi = whole.maximised(phi)
    information = whole.information(phi)
    inverse = _inverse(2.0 * information)

    best, left = (phi, np.inf), np.inf

    def value(at: Float[np.ndarray, " phi"]) -> tuple[float, Float[np.ndarray, " phi"]]:
        nonlocal best, left
        tracker.poll()
        here = whole.value(at), whole.gradient(at)
        if here[0] < best[1]:
            best, left = (at.copy(), here[0]), 0.5 * float(here[1] @ inverse @ here[1])
            if left < STOOD:
                raise _Still
        return here

    try:
        options = {"gtol": 1e-6, "maxiter": ROUNDS, "hess_inv0": inverse}
        scipy.optimize.minimize(value, phi, jac=True, method="BFGS", options=options)
    except (_Still, TimeUp):
        pass
    return best[0], float(whole.value(best[0])), left < DOUBT


def _inverse(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Of a positive semidefinite matrix, with a floor on its scaled eigenvalues."""
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-12))
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    inverse = (vectors / np.maximum(values, 1e-8)) @ vectors.T / np.outer(size, size)
    return 0.5 * (inverse + inverse.T)


def _with_spreads(problem: PreparedFit, whole: Marginal, numbers: Float[np.ndarray, " n"]) -> PreparedFit:
    """The problem whose priors have the spreads found."""
    model, covariance = problem.space.model, whole.covariance
    parameters, initial = dict(model.config.parameters), dict(model.config.initial)
    sd, R = covariance.deviations(numbers), covariance.correlation(numbers)
    held, index = occasion_effects(model.config), {name: k for k, name in enumerate(effects(model.config))}
    for k, (name, state) in enumerate(covariance.names):
        settings, own = parameters[name], float(sd[k])
        assert settings.random is not None
        if state == settings.random.effect:
            told = {other: float(R[k, index[other]]) for other in settings.random.correlated}
            random = msgspec.structs.replace(settings.random, sd=own, correlated=told)
        else:
            random = msgspec.structs.replace(settings.random, occasion_sd=own)
        parameters[name] = msgspec.structs.replace(settings, random=random)
        for one in (state,) if state == settings.random.effect else held[name]:
            start = initial[one]
            assert start.prior is not None
            initial[one] = msgspec.structs.replace(start, prior=msgspec.structs.replace(start.prior, sd=own))
    config = msgspec.structs.replace(model.config, parameters=parameters, initial=initial)
    model = replace(model, config=config)
    return replace(problem, space=replace(problem.space, model=model), priors=model_priors(model))


def _described(
    tracker: Tracker, whole: Marginal, phi: Float[np.ndarray, " phi"], deviance: float, ended: bool
) -> Population:
    problem = tracker.problem
    config, structure = problem.space.model.config, problem.structure
    count, _, _ = whole.size
    theta, numbers, sigma = whole.split(phi)
    error = np.sqrt(np.maximum(np.diag(_inverse(whole.information(phi))), 0.0))
    mapping = problem.space.constants.bijection
    intervals = {}
    parameters = len(structure.parameters)
    for k, place in enumerate(whole.engine.moves):
        if place < parameters:
            ends = [theta[:parameters].copy() for _ in range(2)]
            ends[0][place] -= REACH * error[k]
            ends[1][place] += REACH * error[k]
            low, high = (float(mapping.forward(end)[place]) for end in ends)
            intervals[structure.parameters[place]] = (min(low, high), max(low, high))
    found = _effects_described(whole, numbers, error[count:], config)
    names = problem.dataset.measured_names
    spread = problem.space.constants.spread
    weight = np.sqrt(np.mean(whole.batch.target.train[whole.batch.target.train > 0]))
    noise = {
        name: float(sigma[whole.groups[k]] * spread[k] / weight)
        for k, name in enumerate(names)
        if problem.observed[k] and (whole.used & (whole.column == k)).any()
    }
    return Population(tuple(found), deviance, noise, intervals, ended, _correlations(whole, numbers, error[count:]))


def _effects_described(
    whole: Marginal, numbers: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"], config: ModelConfig
) -> list[RandomEffect]:
    covariance, found, number = whole.covariance, list[RandomEffect](), 0
    sd = covariance.deviations(numbers)
    theta = whole.theta
    V = whole.inner.linearise(Point(theta, whole.free)).d_free
    eta, answers = whole._effects(whole.free), whole.seen(V) & whole.own[:, None]
    for k, (name, state) in enumerate(covariance.names):
        random = config.parameters[name].random
        assert random is not None
        own = eta[:, covariance.spread == k][answers[:, covariance.spread == k]]
        seen = bool(sd[k] > 2.0 * LEAST * covariance.start[k])
        limits = None
        if covariance.estimated[k]:
            width = REACH * error[number]
            number += 1
            limits = (float(sd[k] * np.exp(-width)), float(sd[k] * np.exp(width))) if seen and width < 20 else None
        shrinkage = float(1.0 - np.std(own) / sd[k]) if len(own) else 1.0
        of = "" if state == random.effect else random.occasion
        kind = random.kind or "normal"
        found.append(RandomEffect(name, state, kind, float(sd[k]), limits, shrinkage, len(own), seen, of))
    return found


def _correlations(
    whole: Marginal, numbers: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"]
) -> tuple[Correlation, ...]:
    """With limits by the delta method on the inverse hyperbolic tangent (Fisher's z)."""
    covariance, found = whole.covariance, []
    R, step = covariance.correlation(numbers), 1e-5
    for row, column in covariance.pairs:
        z = np.arctanh(np.clip(R[row, column], -0.999999, 0.999999))
        variance = 0.0
        for k in range(int(covariance.estimated.sum()), covariance.size):
            moved = numbers.copy()
            moved[k] += step
            slope = (np.arctanh(np.clip(covariance.correlation(moved)[row, column], -0.999999, 0.999999)) - z) / step
            variance += (slope * error[k]) ** 2
        width = REACH * np.sqrt(variance)
        limits = (float(np.tanh(z - width)), float(np.tanh(z + width)))
        names = (covariance.names[column][0], covariance.names[row][0])
        found.append(Correlation(names, float(R[row, column]), limits))
    return tuple(found)


__all__ = ["Marginal", "fit_population", "marginal", "with_population"]
