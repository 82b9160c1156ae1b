"""Derivatives of a PEtab problem by what is estimated.

States are integrated together with their sensitivities (forward sensitivities; Hairer, Norsett and Wanner 1993, Solving
Ordinary Differential Equations I, section I.14): with constants p and beginnings z of them and the states,

    d(dy/dz)/dt = f_y dy/dz + f_p dp/dz,

products that JAX makes; the chain from what is estimated to z, and from states and constants to densities, is JAX's too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.exchange.petab.likelihood import log_likelihoods, residuals
from ndestudio.exchange.petab.measuring import measure
from ndestudio.exchange.petab.objective import Objective, Stretch
from ndestudio.exchange.tangents import Tangents
from ndestudio.exchange.trajectory import LONGEST, RESTS, Stopped
from ndestudio.solve.forward_sensitivity import FINE, Accuracy, integrate_sensitivities

MOST_DIRECTIONS = 200


@dataclass(frozen=True, eq=False)
class Linearised:
    """A problem at certain numbers, with derivatives by each of them (linear scale).

    Parameters
    ----------
    simulated, noise, residual
        Of each measurement.
    simulated_by, noise_by, residual_by
        [row, estimated]; None where only the gradient was asked for.
    gradient
        Of the log likelihood.
    """

    llh: float
    gradient: Float[np.ndarray, " estimated"]
    simulated: Float[np.ndarray, " row"]
    noise: Float[np.ndarray, " row"]
    residual: Float[np.ndarray, " row"]
    noise_by: Float[np.ndarray, "row estimated"] | None = None
    residual_by: Float[np.ndarray, "row estimated"] | None = None
    sentence: str = ""


def programs(objective: Objective) -> Programs:
    """The compiled programs of a problem, made once."""
    if objective.programs is None:
        objective.programs = Programs(objective)
    return objective.programs


class Programs:
    """What JAX compiles of a problem."""

    def __init__(self, objective: Objective) -> None:
        from ndestudio.solve.jax_backend import get_jax

        self.objective, self.jax = objective, get_jax()
        self.jnp = self.jax.numpy
        self._accuracy = FINE
        self._values = np.array([one.value for one in objective.problem.measurements])
        self._t = np.array([one.time for one in objective.problem.measurements])
        self._measure = measure(objective.machine, objective.groups, objective.given, self._t)

    # parts

    def _densities(self, Y: Any, P: Any) -> tuple[Any, Any]:
        simulated, noise = self._measure(Y, P)
        each = log_likelihoods(self.objective.groups, self._values, simulated, noise, self.jnp)
        kept = self.jnp.where(np.isfinite(self._values), each, 0.0)
        return kept.sum(), (simulated, noise)

    @cached_property
    def _slopes(self) -> Any:
        """(log likelihood, (simulated, noise)) and its derivatives by states and constants at the measurements."""
        return self.jax.jit(self.jax.value_and_grad(self._densities, argnums=(0, 1), has_aux=True))

    @cached_property
    def _pushed(self) -> Any:
        """Residual and noise with their derivatives along directions [direction, row, ...]."""

        def both(Y: Any, P: Any) -> tuple[Any, Any]:
            simulated, noise = self._measure(Y, P)
            return residuals(self.objective.groups, self._values, simulated, noise, self.jnp), noise

        def pushed(Y: Any, P: Any, dY: Any, dP: Any) -> tuple[Any, Any]:
            value, line = self.jax.linearize(both, Y, P)
            return value, self.jax.vmap(line)(dY, dP)

        return self.jax.jit(pushed)

    @cached_property
    def _starts(self) -> Any:
        """Constants and states with which each experiment begins, [experiment, number], and their derivatives."""

        def whole(theta: Any) -> Any:
            rows = [
                self.jnp.concatenate(self.objective.start(k, theta, self.jnp))
                for k in range(len(self.objective.stretches))
            ]
            return self.jnp.stack(rows)

        size = len(self.objective.nominal)
        derivative = self.jax.jacfwd(whole) if size <= MOST_DIRECTIONS else self.jax.jacrev(whole)
        return self.jax.jit(lambda theta: (whole(theta), derivative(theta)))

    @cached_property
    def _flow(self) -> Any:
        def flow(t: Any, y: Any, S: Any, p: Any, dp: Any) -> Any:
            slope = lambda y, p: self.objective.machine.slope(t, y, p, self.jnp)  # noqa: E731
            value, line = self.jax.linearize(slope, y, p)
            return self.jnp.concatenate([value[None], self.jax.vmap(line)(S, dp)])

        return self.jax.jit(flow)

    @cached_property
    def _jacobian(self) -> Any:
        return self.jax.jit(self.jax.jacfwd(lambda y, t, p: self.objective.machine.slope(t, y, p, self.jnp)))

    def _changed(self, period: Any, t: float, y: Any, p: Any, S: Any, dp: Any) -> tuple[Any, Any, Any, Any]:
        change = lambda y, p: self.objective.changed(period, t, y, p, self.jnp)  # noqa: E731
        (y, p), line = self.jax.linearize(change, self.jnp.asarray(y), self.jnp.asarray(p))
        S, dp = self.jax.vmap(line)(self.jnp.asarray(S), self.jnp.asarray(dp))
        return tuple(np.array(one) for one in (y, p, S, dp))  # type: ignore[return-value]

    # the whole

    def linearise(self, theta: np.ndarray, *, rows: bool, accuracy: Accuracy = FINE) -> Linearised:
        """Log likelihood and its gradient, and where asked for the derivatives of each row.

        Models with events are differentiated by central differences of whole evaluations.
        """
        self._accuracy = accuracy
        if self.objective.problem.model.triggers:
            return self._by_differences(theta, rows=rows)
        count, states = len(self._t), len(self.objective.machine.states)
        beginnings, by_theta = (np.array(one) for one in self._starts(theta))
        width = beginnings.shape[1] - states
        Y, P = np.full((count, states), np.nan), np.full((count, width), np.nan)
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        sentence = ""
        for k, stretch in enumerate(self.objective.stretches):
            Z = by_theta[k]
            moved = np.flatnonzero((Z != 0).any(axis=1))
            basis = Z.T if len(theta) <= len(moved) else np.eye(len(Z))[moved]
            chain = np.eye(len(theta)) if len(theta) <= len(moved) else Z[moved]
            try:
                dY, dP = self._directions(k, stretch, beginnings[k], basis, Y, P)
            except Stopped as stopped:
                sentence = sentence or f"experiment `{stretch.experiment.name}`: {stopped}"
                dY, dP = (
                    np.zeros((len(basis), len(stretch.rows), states)),
                    np.zeros((len(basis), len(stretch.rows), width)),
                )
            parts.append((stretch.rows, dY, dP, chain))
        (llh, (simulated, noise)), (by_Y, by_P) = self._slopes(Y, P)
        by_Y, by_P = np.array(by_Y), np.array(by_P)
        gradient = np.zeros(len(theta))
        for at, dY, dP, chain in parts:
            along = np.einsum("drk,rk->d", dY, by_Y[at]) + np.einsum("drk,rk->d", dP, by_P[at])
            gradient += along @ chain
        found = Linearised(
            llh=float(llh) if math.isfinite(float(llh)) else -math.inf,
            gradient=gradient,
            simulated=np.array(simulated),
            noise=np.array(noise),
            residual=np.array(residuals(self.objective.groups, self._values, np.array(simulated), np.array(noise), np)),
            sentence=sentence,
        )
        if not rows:
            return found
        dY, dP = np.zeros((len(theta), count, states)), np.zeros((len(theta), count, width))
        for at, dy, dp, chain in parts:
            dY[:, at] = np.einsum("drk,dj->jrk", dy, chain)
            dP[:, at] = np.einsum("drk,dj->jrk", dp, chain)
        _, (residual_by, noise_by) = self._pushed(Y, P, dY, dP)
        return Linearised(**{**vars(found), "residual_by": np.array(residual_by).T, "noise_by": np.array(noise_by).T})

    def _directions(
        self, k: int, stretch: Stretch, beginning: np.ndarray, basis: np.ndarray, Y: np.ndarray, P: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives [direction, row of the experiment, ...] of states and constants at the measurements."""
        states = len(self.objective.machine.states)
        p, y = beginning[: len(beginning) - states], beginning[len(beginning) - states :]
        dp, S = basis[:, : len(p)], basis[:, len(p) :]
        # directions of like sizes, so that one tolerance suits all
        sizes = np.max(np.abs(basis) / (np.abs(beginning) + 1e-3), axis=1, initial=0.0)
        weight = np.where(sizes > 0, 1.0 / np.where(sizes > 0, sizes, 1.0), 1.0)[:, None]
        dp, S = dp * weight, S * weight
        rows = stretch.rows
        dY, dP = np.zeros((len(basis), len(rows), states)), np.zeros((len(basis), len(rows), len(p)))
        periods, t = stretch.experiment.periods, stretch.begin
        for j, period in enumerate(periods):
            if j > 0:
                t = period.time
                y, p, S, dp = self._changed(period, t, y, p, S, dp)
            if math.isinf(period.time):
                y, S = self._rest(t, y, S, p, dp)
                t = stretch.begin
                if j + 1 < len(periods):
                    continue
            end = periods[j + 1].time if j + 1 < len(periods) else math.inf
            mine = np.flatnonzero(stretch.period == j)
            times = stretch.t[mine]
            finite = np.isfinite(times)
            until = end if math.isfinite(end) else (float(times[finite].max()) if finite.any() else t)
            wanted = np.concatenate([times[finite], [until]])
            found, slopes = self._integrated(t, wanted, y, S, p, dp)
            Y[rows[mine[finite]]], dY[:, mine[finite]] = found[:-1], np.moveaxis(slopes[:-1], 0, 1)
            t, y, S = until, found[-1], slopes[-1]
            if (~finite).any():
                y, S = self._rest(t, y, S, p, dp)
                Y[rows[mine[~finite]]] = y
                dY[:, mine[~finite]] = S[:, None]
            P[rows[mine]] = p
            dP[:, mine] = dp[:, None]
        return dY / weight[..., None], dP / weight[..., None]

    def _integrated(
        self, t: float, times: np.ndarray, y: np.ndarray, S: np.ndarray, p: np.ndarray, dp: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        flow, jacobian = self._field(p, dp)
        found, sentence = integrate_sensitivities(
            flow,
            jacobian,
            t,
            times,
            y,
            S,
            breaks=self.objective.machine.breaks(p),
            accuracy=self._accuracy,
        )
        if sentence:
            raise Stopped(sentence)
        return found[:, 0], found[:, 1:]

    def _field(self, p: np.ndarray, dp: np.ndarray) -> tuple[Any, Any]:
        """Slopes along directions and their Jacobian, under constants: from formulas, or where networks are called by JAX."""
        tangents = self._tangents
        if tangents is not None:
            numbers = p.tolist()
            return (
                lambda t, y, S: tangents.flow(t, y, S, numbers, dp),
                lambda t, y: tangents.jacobian(t, y, numbers),
            )
        p_, dp_ = self.jnp.asarray(p), self.jnp.asarray(dp)
        flow, jacobian = self._flow, self._jacobian
        return (
            lambda t, y, S: np.asarray(flow(t, y, S, p_, dp_)),
            lambda t, y: np.asarray(jacobian(y, t, p_)),
        )

    @cached_property
    def _tangents(self) -> Tangents | None:
        return Tangents(self.objective.machine) if self.objective.machine.functions is None else None

    def _rest(
        self, t: float, y: np.ndarray, S: np.ndarray, p: np.ndarray, dp: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the model comes to rest, and how that depends on the directions: they come to rest with it."""
        length, spent = 10.0, 0.0
        while spent <= LONGEST:
            found, slopes = self._integrated(t, np.array([t + length]), y, S, p, dp)
            before = np.concatenate([y[None], S])
            y, S = found[0], slopes[0]
            after = np.concatenate([y[None], S])
            size = np.maximum(np.abs(after), 1e-6 * np.maximum(np.abs(after).max(axis=1, keepdims=True), 1e-6))
            t, spent = t + length, spent + length
            if (np.abs(after - before) <= 10 * RESTS * size).all():
                return y, S
            length *= 10.0
        raise Stopped(f"the model does not come to rest within a time of {LONGEST:g}")

    def _by_differences(self, theta: np.ndarray, *, rows: bool) -> Linearised:
        objective = self.objective

        def at(numbers: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
            Y, P, _, _ = objective.simulate(numbers)
            simulated, noise = objective._measured(Y, P)
            llh, _ = objective.likelihood(simulated, noise)
            return llh, residuals(objective.groups, self._values, simulated, noise, np), noise, simulated

        llh, residual, noise, simulated = at(theta)
        gradient = np.zeros(len(theta))
        by = np.zeros((2, len(self._t), len(theta)))
        for k in range(len(theta)):
            h = 1e-5 * max(abs(theta[k]), 1e-4)
            ahead, back = theta.copy(), theta.copy()
            ahead[k], back[k] = theta[k] + h, theta[k] - h
            one, other = at(ahead), at(back)
            gradient[k] = (one[0] - other[0]) / (2 * h)
            by[0, :, k], by[1, :, k] = (one[1] - other[1]) / (2 * h), (one[2] - other[2]) / (2 * h)
        return Linearised(llh, gradient, simulated, noise, residual, by[1] if rows else None, by[0] if rows else None)
