"""Parameters drawn from a population: mean and spread by the likelihood with the values of the runs integrated out.

Run i has random effects eta_i ~ N(0, Omega) (a diagonal matrix) and residuals r_i(theta, eta_i) ~ N(0, Sigma). The integral over
eta_i is Laplace's with the Hessian by first derivatives, at the mode of the run (first-order conditional estimation, FOCE):

    -2 log L = sum_i [ |r_i|^2/Sigma + eta_i' Omega^-1 eta_i + log det Sigma + log det Omega + log det H_i ] + const
    H_i = Z_i' Sigma^-1 Z_i + Omega^-1,   Z_i = d r_i/d eta_i   at the mode eta_i(theta, Omega, Sigma)

Lindstrom and Bates 1990 (Biometrics 46, 673), Wang 2007 (J. Pharmacokinet. Pharmacodyn. 34, 575). It is exact where the model is linear in
eta. Its gradient takes account of the modes, which move with theta, Omega and Sigma (Almquist, Leander and Jirstrand 2015,
J. Pharmacokinet. Pharmacodyn. 42, 191): what is least at the mode has its plain derivative, log det H its difference along
d eta/d theta = -H^-1 Z' dr/d theta, corrected by Gauss-Newton steps.

Standard errors are by the expected information of the linearised model; shrinkage is 1 - sd(eta)/omega (Savic and Karlsson 2009,
AAPS J. 11, 558). Initial values that are estimated for each run and have no prior are integrated out as well, under a flat one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import scipy.optimize
from jaxtyping import Bool, Float, Int

from ndestudio.fitting.batches import Batch, make_batch, start_point
from ndestudio.fitting.engines import VectorEngine
from ndestudio.fitting.objective import prior_terms
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, Point
from ndestudio.fitting.optimizers.rowwise import RowLinear, RowObjective, minimise_rows
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.priors import PriorTerms, model_priors
from ndestudio.fitting.result import Population, RandomEffect
from ndestudio.fitting.tracker import TimeUp, Tracker
from ndestudio.model.runs import effects

FEWEST = 3
"""Runs from which the spread of a population is estimated."""
DIFFERENCE = 1e-4
"""Step of the differences of log det H, in units of the trained numbers."""
CORRECTIONS, NEARLY = 4, 1e-2
"""Gauss-Newton steps by which the modes follow such a difference at most, and the part of it that is none any more."""
LEAST = 1e-4
"""Spread, as a part of what it started from, below which there is none to be seen."""
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


@dataclass(eq=False)
class Marginal:
    """-2 log L of a batch of whole trajectories, as a function of [theta that moves | log omega | log sigma].

    Parameters
    ----------
    states, start
        Places of the random effects among the states, and the spreads that they have now.
    estimated
        Which of the spreads are estimated.
    free
        Modes of the runs, where the last evaluation left them.
    """

    problem: PreparedFit
    batch: Batch
    states: Int[np.ndarray, " effect"]
    start: Float[np.ndarray, " effect"]
    estimated: Bool[np.ndarray, " effect"]
    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]

    def __post_init__(self) -> None:
        self.engine, self.inner = VectorEngine(self.problem, self.batch), VectorEngine(self.problem, self.batch)
        self.inner.moves = np.zeros(0, dtype=int)  # the modes ask for no derivatives by theta
        terms = prior_terms(self.problem, self.batch)
        assert terms is not None
        self.terms: PriorTerms = terms
        measured = len(self.problem.structure.measured)
        weight = self.batch.target.train.reshape(len(self.batch.rows), -1)
        self.column = np.broadcast_to(np.arange(weight.shape[1]) % measured, weight.shape)
        self.used = weight > 0
        seen = np.unique(self.column[self.used])
        alike = self.problem.train.noise != "constant"
        self.groups = np.zeros(measured, dtype=int) if alike else np.searchsorted(seen, np.arange(measured))
        self.levels = 1 if alike else len(seen)
        spread = self.problem.space.constants.spread[self.column[self.used]]
        # the density of the values themselves: residuals are sqrt(weight)*(f - y)/spread
        self.constant = float(np.sum(np.log(2.0 * np.pi * spread**2 / weight[self.used])))
        self.values = np.bincount(self.groups[self.column[self.used]], minlength=self.levels)
        self.scale = self.batch.start.scale[0, self.states]
        self.moves = self.batch.moves

    @property
    def size(self) -> tuple[int, int, int]:
        """Numbers in the three parts of the vector."""
        return len(self.engine.moves), int(self.estimated.sum()), self.levels

    def split(
        self, phi: Float[np.ndarray, " phi"]
    ) -> tuple[Float[np.ndarray, " theta"], Float[np.ndarray, " effect"], Float[np.ndarray, " level"]]:
        """Theta, spreads and noise levels."""
        count, spreads, _ = self.size
        theta, omega = self.theta.copy(), self.start.copy()
        theta[self.engine.moves] = phi[:count]
        omega[self.estimated] = np.maximum(
            np.exp(np.clip(phi[count : count + spreads], -300.0, 300.0)), LEAST * self.start[self.estimated]
        )
        return theta, omega, np.exp(np.clip(phi[count + spreads :], -300.0, 300.0))

    def joined(
        self,
        theta: Float[np.ndarray, " theta"],
        omega: Float[np.ndarray, " effect"],
        sigma: Float[np.ndarray, " level"],
    ) -> Float[np.ndarray, " phi"]:
        """What ``split`` takes apart."""
        return np.concatenate([theta[self.engine.moves], np.log(omega[self.estimated]), np.log(sigma)])

    def value(self, phi: Float[np.ndarray, " phi"]) -> float:
        """-2 log L, and the squares of distances from priors of theta."""
        theta, omega, sigma = self.split(phi)
        self._settle(theta, omega, sigma)
        with np.errstate(all="ignore"):
            found = self._value(self._scaled(self.inner.linearise(Point(theta, self.free)), sigma), theta, omega, sigma)
        return found if np.isfinite(found) else 1e12

    def gradient(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, " phi"]:
        """Derivatives of ``value`` at the point that it was asked for last."""
        count, spreads, levels = self.size
        theta, omega, sigma = self.split(phi)
        terms, free = self._terms(omega), self.free
        linear = self._scaled(self.engine.linearise(Point(theta, free)), sigma)
        away_theta, away = terms.rows(Point(theta, free))
        V = self._moving(linear.d_free)
        H = self._curvature(V, away.slope)
        J = linear.d_theta[..., self.engine.moves]
        # how the modes move: by theta, by log omega, by log sigma
        turns = np.zeros((len(phi), *free.shape))
        turns[:count] = -np.moveaxis(np.linalg.solve(H, np.einsum("brs,brp->bsp", V, J)), -1, 0)
        found = np.zeros(len(phi))
        pull = away_theta.rho * away_theta.slope
        found[:count] = 2.0 * np.einsum("br,brp->p", linear.r, J) + 2.0 * pull[self.engine.moves]
        for k, effect in enumerate(np.flatnonzero(self.estimated)):
            state = self.states[effect]
            rho, own = away.rho[:, state], self.moves[:, state]
            side = np.zeros(free.shape)
            side[:, state] = 2.0 * rho * away.slope[:, state]
            turns[count + k] = np.linalg.solve(H, side[..., None])[..., 0]
            found[count + k] = -2.0 * float(rho @ rho) + 2.0 * float(own.sum())
        for level in range(levels):
            inside = self.used & (self.groups[self.column] == level)
            r = np.where(inside, linear.r, 0.0)
            side = 2.0 * np.einsum("br,brs->bs", r, V)
            turns[count + spreads + level] = np.linalg.solve(H, side[..., None])[..., 0]
            found[count + spreads + level] = -2.0 * float(np.sum(r**2)) + 2.0 * float(inside.sum())
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
                (theta, omega, sigma), free = ends[k], points[k].free
                scaled, away = self._scaled(linear, sigma), self._terms(omega).rows(points[k])[1]
                V = self._moving(scaled.d_free)
                H = self._curvature(V, away.slope)
                volumes.append(float(np.sum(np.linalg.slogdet(H)[1])))
                # the Hessian of the modes has second derivatives that H leaves out
                slope = np.einsum("br,brs->bs", scaled.r, V) + away.rho * away.slope
                changes.append(self.moves * np.linalg.solve(H, slope[..., None])[..., 0])
                points[k] = Point(theta, free - changes[-1] * (k > 0))
            if np.abs(np.array(changes[1:])).max(initial=0.0) < NEARLY * DIFFERENCE:
                break
        return (np.array(volumes[1:]) - volumes[0]) / DIFFERENCE

    def _terms(self, omega: Float[np.ndarray, " effect"]) -> PriorTerms:
        sd = self.terms.start_table.sd.copy()
        sd[self.states] = omega
        return replace(self.terms, start_table=replace(self.terms.start_table, sd=sd))

    def _scaled(self, linear: Linear, sigma: Float[np.ndarray, " level"]) -> Linear:
        """Residuals in units of the noise."""
        level = sigma[self.groups[self.column]]
        return linear._replace(
            r=linear.r / level, d_theta=linear.d_theta / level[..., None], d_free=linear.d_free / level[..., None]
        )

    def _moving(self, V: Float[np.ndarray, "row residual state"]) -> Float[np.ndarray, "row residual state"]:
        return np.where(self.moves[:, None, :], V, 0.0)

    def _curvature(
        self, V: Float[np.ndarray, "row residual state"], slope: Float[np.ndarray, "row state"]
    ) -> Float[np.ndarray, "row state state"]:
        """H; 1 on the diagonal for what does not move."""
        H = np.einsum("brs,brt->bst", V, V)
        diagonal = np.arange(H.shape[1])
        H[:, diagonal, diagonal] += np.where(self.moves, slope**2, 1.0)
        return H

    def _value(
        self,
        linear: Linear,
        theta: Float[np.ndarray, " theta"],
        omega: Float[np.ndarray, " effect"],
        sigma: Float[np.ndarray, " level"],
    ) -> float:
        away_theta, away = self._terms(omega).rows(Point(theta, self.free))
        sign, volume = np.linalg.slogdet(self._curvature(self._moving(linear.d_free), away.slope))
        if (sign <= 0).any():
            return float("inf")
        own = self.moves[:, self.states].sum(axis=0)
        total = np.sum(linear.r**2) + np.sum(away.rho**2) + np.sum(away_theta.rho**2) + np.sum(volume)
        total += self.constant + 2.0 * float(self.values @ np.log(sigma))
        return float(total + 2.0 * float(own @ np.log(omega / self.scale)))

    def _settle(
        self,
        theta: Float[np.ndarray, " theta"],
        omega: Float[np.ndarray, " effect"],
        sigma: Float[np.ndarray, " level"],
    ) -> None:
        """The modes of all runs, from where they are."""
        terms = self._terms(omega)

        def linearise(free: Float[np.ndarray, "row state"]) -> RowLinear:
            point = Point(theta, free)
            linear, away = self._scaled(self.inner.linearise(point), sigma), terms.rows(point)[1]
            return RowLinear(
                linear.r,
                self._moving(linear.d_free),
                away.rho * away.slope,
                away.slope**2,
                np.sum(away.rho**2, axis=1),
            )

        objective = RowObjective(linearise, lambda free: None)
        self.free = minimise_rows(
            objective, self.free, self.moves, rounds=INNER, gain=0.0, poll=lambda: True, still=STILL
        )

    def maximised(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, " phi"]:
        """Spreads and noise levels after a turn of expectation and maximisation (with the linearised modes)."""
        theta, omega, sigma = self.split(phi)
        self._settle(theta, omega, sigma)
        linear = self._scaled(self.inner.linearise(Point(theta, self.free)), sigma)
        away = self._terms(omega).rows(Point(theta, self.free))[1]
        V = self._moving(linear.d_free)
        inverse = np.linalg.inv(self._curvature(V, away.slope))
        new, level = omega.copy(), sigma.copy()
        for k, state in enumerate(self.states):
            own = self.moves[:, state]
            variance = (away.rho[:, state] * omega[k]) ** 2 + inverse[:, state, state] * self.scale[k] ** 2
            new[k] = np.sqrt(np.mean(variance[own])) if own.any() else omega[k]
        doubt = np.einsum("brs,bst,brt->br", V, inverse, V)
        for k in range(self.levels):
            inside = self.used & (self.groups[self.column] == k)
            level[k] *= np.sqrt(np.sum((linear.r**2 + doubt)[inside]) / max(inside.sum(), 1))
        return self.joined(theta, np.where(self.estimated, new, omega), level)

    def information(self, phi: Float[np.ndarray, " phi"]) -> Float[np.ndarray, "phi phi"]:
        """Expected information of the linearised model: second derivatives of -log L."""
        count, _, levels = self.size
        theta, omega, sigma = self.split(phi)
        linear = self._scaled(self.engine.linearise(Point(theta, self.free)), sigma)
        away_theta, away = self._terms(omega).rows(Point(theta, self.free))
        found = np.zeros((len(phi), len(phi)))
        effects_here = np.flatnonzero(self.estimated)
        for b in range(len(self.batch.rows)):
            used = self.used[b]
            V = np.where(self.moves[b], linear.d_free[b][used], 0.0)
            J = linear.d_theta[b][used][:, self.engine.moves]
            H = V.T @ V + np.diag(np.where(self.moves[b], away.slope[b] ** 2, 1.0))
            inside = np.eye(len(V)) - V @ np.linalg.solve(H, V.T)  # the inverse of the covariance of the residuals
            found[:count, :count] += J.T @ inside @ J
            if len(V) > LARGEST:
                continue
            parts = []
            for effect in effects_here:
                z = V[:, self.states[effect]] * omega[effect] / self.scale[effect]
                parts.append(2.0 * np.outer(inside @ z, z))
            group = self.groups[self.column[b][used]]
            parts += [2.0 * inside * (group == level) for level in range(levels)]
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
    config, states = problem.space.model.config, problem.structure.states
    found = effects(config)
    places = np.array([states.index(state) for state in found.values()], dtype=int)
    random = [config.parameters[name].random for name in found]
    start = np.array([one.sd or 1.0 for one in random if one is not None])
    estimated = np.array([not one.fixed for one in random if one is not None])
    return Marginal(problem, batch, places, start, estimated, (point or begin).theta.copy(), free)


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
    theta, omega, _ = whole.split(phi)
    tracker.problem = _with_spreads(problem, whole, omega)
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
            np.sqrt(np.mean(linear.r[whole.used & (whole.groups[whole.column] == k)] ** 2)) or 1e-12
            for k in range(whole.levels)
        ]
    )
    phi = whole.joined(theta, whole.start, np.maximum(sigma, 1e-12))
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


def _with_spreads(problem: PreparedFit, whole: Marginal, omega: Float[np.ndarray, " effect"]) -> PreparedFit:
    """The problem whose priors have the spreads found."""
    model = problem.space.model
    parameters, initial = dict(model.config.parameters), dict(model.config.initial)
    for (name, state), sd in zip(effects(model.config).items(), omega, strict=True):
        settings, start = parameters[name], initial[state]
        assert settings.random is not None
        assert start.prior is not None
        random = msgspec.structs.replace(settings.random, sd=float(sd))
        parameters[name] = msgspec.structs.replace(settings, random=random)
        initial[state] = msgspec.structs.replace(start, prior=msgspec.structs.replace(start.prior, sd=float(sd)))
    config = msgspec.structs.replace(model.config, parameters=parameters, initial=initial)
    model = replace(model, config=config)
    return replace(problem, space=replace(problem.space, model=model), priors=model_priors(model))


def _described(
    tracker: Tracker, whole: Marginal, phi: Float[np.ndarray, " phi"], deviance: float, ended: bool
) -> Population:
    problem = tracker.problem
    config, structure = problem.space.model.config, problem.structure
    count, _, _ = whole.size
    theta, omega, sigma = whole.split(phi)
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
    found, number = [], 0
    for k, (name, state) in enumerate(effects(config).items()):
        random = config.parameters[name].random
        assert random is not None
        own = whole.moves[:, whole.states[k]]
        eta = whole.batch.start.given[own, whole.states[k]] + whole.free[own, whole.states[k]] * whole.scale[k]
        seen = bool(omega[k] > 2.0 * LEAST * whole.start[k])
        limits = None
        if whole.estimated[k]:
            width = REACH * error[count + number]
            number += 1
            limits = (
                (float(omega[k] * np.exp(-width)), float(omega[k] * np.exp(width))) if seen and width < 20 else None
            )
        shrinkage = float(1.0 - np.std(eta) / omega[k])
        kind = random.kind or "normal"
        found.append(RandomEffect(name, state, kind, float(omega[k]), limits, shrinkage, int(own.sum()), seen))
    names = problem.dataset.measured_names
    spread = problem.space.constants.spread
    weight = np.sqrt(np.mean(whole.batch.target.train[whole.batch.target.train > 0]))
    noise = {
        name: float(sigma[whole.groups[k]] * spread[k] / weight)
        for k, name in enumerate(names)
        if problem.observed[k] and (whole.used & (whole.column == k)).any()
    }
    return Population(tuple(found), deviance, noise, intervals, ended)


__all__ = ["Marginal", "fit_population", "marginal", "with_population"]
