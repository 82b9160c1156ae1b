"""What a PEtab problem says about numbers: simulations, likelihood, prior, and their derivatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.errors import DataError
from ndestudio.exchange.machine import Machine
from ndestudio.exchange.petab.likelihood import log_likelihoods, residuals
from ndestudio.exchange.petab.measuring import compiled
from ndestudio.exchange.petab.problem import Experiment, Measurement, Observable, PetabProblem
from ndestudio.exchange.sciml.hybrid import Hybrid
from ndestudio.exchange.trajectory import Run, Stopped
from ndestudio.expression.tree import Expr, Name, Number, names


@dataclass(frozen=True, eq=False)
class PetabEvaluation:
    """A problem at certain numbers.

    Parameters
    ----------
    simulated, noise
        Of each measurement; NaN where the simulation failed.
    llh, chi2
        Log likelihood, and sum of squared residuals over noise (on the scale of the noise).
    log_priors
        Of each parameter that has a prior.
    sentence
        Why something failed, "" if nothing did.
    """

    simulated: Float[np.ndarray, " row"]
    noise: Float[np.ndarray, " row"]
    llh: float
    chi2: float
    log_priors: Mapping[str, float]
    sentence: str = ""

    @property
    def log_prior(self) -> float:
        return float(sum(self.log_priors.values()))

    @property
    def log_posterior(self) -> float:
        """Not normalised."""
        return self.llh + self.log_prior


@dataclass(frozen=True, eq=False)
class Stretch:
    """Measurements of one experiment and the periods they lie in.

    Parameters
    ----------
    rows
        Places in ``PetabProblem.measurements``, in the order of time.
    period
        Of each row.
    begin
        Where time starts.
    """

    experiment: Experiment
    rows: np.ndarray
    t: Float[np.ndarray, " row"]
    period: np.ndarray
    begin: float


class Objective:
    """A problem made ready for many evaluations.

    Raises
    ------
    DataError, EquationError
        Tables and model do not fit together.
    """

    def __init__(self, problem: PetabProblem) -> None:
        self.problem = problem
        self.programs: Any = None
        """What `derivatives` has compiled, once it was asked for."""
        self.hybrid = Hybrid(problem)
        model = problem.model
        known = dict.fromkeys([*model.constants, *(one.name for one in problem.parameters)])
        known |= dict.fromkeys(self.hybrid.slots)
        known |= dict.fromkeys(name for name in model.initial if name not in model.rates)
        for one in problem.experiments:
            for period in one.periods:
                known |= dict.fromkeys(name for name, _ in period.changes if name not in model.rates)
        rules = self.hybrid.rules
        self.names = tuple(name for name in known if name not in rules and name not in model.rates)
        self.place = {name: k for k, name in enumerate(self.names)}
        functions = self.hybrid.functions(len(self.names)) if self.hybrid.along else None
        self.machine = Machine(model, self.names, rules, functions)
        self.estimated = problem.estimated
        for one in problem.parameters:
            if one.name in model.rates or one.name in model.quantities:
                what = "changes in time" if one.name in model.rates else "is computed by a rule"
                raise DataError(
                    f"`{one.name}` is in the table of parameters and {what} in the model; give it a name of its own"
                )
        self.stretches = tuple(self._stretch(one) for one in problem.experiments)
        self.observables = {one.name: one for one in problem.observables}
        self._starts = [self._start_rules(one) for one in problem.experiments]
        self._check_names()

    # numbers

    @cached_property
    def nominal(self) -> Float[np.ndarray, " estimated"]:
        """What the tables and array files say of all that is estimated, on the linear scale: numbers, then arrays."""
        numbers = [one.nominal for one in self.estimated]
        return np.concatenate([np.array(numbers, dtype=float), self.hybrid.nominal])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of what is estimated; entries of arrays by their layer and place."""
        return (*(one.name for one in self.estimated), *self.hybrid.labels)

    def constants(self, theta: Any) -> list[Any]:
        """The vector of constants under ``theta``, before any condition."""
        model = self.problem.model
        values: list[Any] = [model.constants.get(name, math.nan) for name in self.names]
        for one in self.problem.parameters:
            if one.name in self.place:
                values[self.place[one.name]] = one.nominal
        for k, one in enumerate(self.estimated):
            values[self.place[one.name]] = theta[k]
        return values

    # beginnings

    def _start_rules(self, experiment: Experiment) -> _Start:
        """How an experiment begins: constants, then initial assignments, then states."""
        model, first = self.problem.model, experiment.periods[0]
        given = {**self.hybrid.starts, **dict(first.changes)}
        constants = {k: e for k, e in given.items() if k not in model.rates}
        states = {k: e for k, e in given.items() if k in model.rates}
        reading = {k for k, e in states.items() if set(names(e)) & ({*model.rates, *model.quantities})}
        table = {one.name for one in self.problem.parameters}
        fixed: dict[str, Expr] = {
            k: Name(k) for k in model.initial if k not in model.rates and (k in table or k in constants)
        }
        starts = model.starts({**fixed, **{k: e for k, e in states.items() if k not in reading}})
        assigned = {k: e for k, e in starts.items() if k not in model.rates and k not in fixed}
        return _Start(
            constants,
            assigned,
            tuple(starts[k] for k in model.rates),
            {k: e for k, e in states.items() if k in reading},
        )

    def start(self, k: int, theta: Any, xp: Any) -> tuple[Any, Any]:
        """Constants and states with which experiment ``k`` begins."""
        rule, values, stretch = self._starts[k], self.constants(theta), self.stretches[k]
        t, states = stretch.begin, [math.nan] * len(self.machine.states)
        plain = self._evaluator(values, states, t, xp)
        arrays = self.hybrid.inputs(stretch.experiment)
        for name, value in arrays.items():
            values[self.place[name]] = value
        if any(set(names(e)) & {*self.machine.states} for e in rule.constants.values()):
            before = self._evaluator(values, states, t, xp)(rule.states)
            plain = self._evaluator(values, before, t, xp)
        changed = plain(tuple(e for n, e in rule.constants.items() if n not in self.hybrid.starts))
        for name, value in zip([n for n in rule.constants if n not in self.hybrid.starts], changed, strict=True):
            values[self.place[name]] = value
        read = self._evaluator(values, states, t, xp)
        self.hybrid.before(values, self.place, theta[len(self.estimated) :], stretch.experiment, read, xp)
        computed = self._evaluator(values, states, t, xp)(tuple(rule.assigned.values()))
        for name, value in zip(rule.assigned, computed, strict=True):
            values[self.place[name]] = value
        y = self._evaluator(values, states, t, xp)(rule.states)
        if rule.later:
            late = self._evaluator(values, y, t, xp)(tuple(rule.later.values()))
            for name, value in zip(rule.later, late, strict=True):
                y[self.machine.states.index(name)] = value
        weights = self.hybrid.weights_along(theta[len(self.estimated) :], xp)
        p = xp.stack([xp.asarray(one, dtype=float) for one in values]) if values else xp.zeros(0)
        p = p if weights is None else xp.concatenate([p, weights])
        return p, (xp.stack([xp.asarray(one, dtype=float) for one in y]) if y else xp.zeros(0))

    def _evaluator(self, values: Sequence[Any], states: Sequence[Any], t: float, xp: Any) -> Any:
        """Formulas that are evaluated before the simulation; they call no networks."""
        machine = self._plain

        def evaluated(exprs: tuple[Expr, ...]) -> list[Any]:
            return machine.evaluate(exprs, t, states, values, xp)

        return evaluated

    @cached_property
    def _plain(self) -> Machine:
        machine = self.machine
        if machine.functions is None:
            return machine
        plain = object.__new__(Machine)
        plain.__dict__.update({**machine.__dict__, "functions": None, "_needed": {}})
        return plain

    # periods

    def changed(self, period: Any, t: float, y: Any, p: Any, xp: Any) -> tuple[Any, Any]:
        """States and constants after what a period changes."""
        if not period.changes:
            return y, p
        values = self.machine.evaluate((e for _, e in period.changes), t, y, p, xp)
        if xp is np:
            y, p = y.copy(), p.copy()
        for (name, _), value in zip(period.changes, values, strict=True):
            if name in self.machine.states:
                k = self.machine.states.index(name)
                y = _set(y, k, value, xp)
            else:
                p = _set(p, self.place[name], value, xp)
        return y, p

    def _stretch(self, experiment: Experiment) -> Stretch:
        known = [k for k, one in enumerate(self.problem.measurements) if one.experiment == experiment.name]
        rows = np.array(sorted(known, key=lambda k: self.problem.measurements[k].time), dtype=int)
        t = np.array([self.problem.measurements[k].time for k in rows])
        times = np.array([one.time for one in experiment.periods])
        begin = next((float(one) for one in times if np.isfinite(one)), 0.0)
        if (t < begin).any():
            raise DataError(f"the experiment `{experiment.name}` begins at {begin:g} and is measured at {t.min():g}")
        period = np.searchsorted(times, t, side="right") - 1
        return Stretch(experiment, rows, t, period, begin)

    def _check_names(self) -> None:
        for one in self.problem.observables:
            known = {*self.machine.states, *self.names, *self.machine.rules, *one.placeholders, "t"}
            for expr in (one.formula, one.noise):
                for name in names(expr):
                    if name not in known:
                        raise DataError(
                            f"the observable `{one.name}` reads `{name}`, which neither model nor tables define"
                        )
        for one in self.problem.measurements:
            for expr in one.given:
                for name in names(expr):
                    if name not in self.place and name not in self.machine.states:
                        raise DataError(f"a measurement of `{one.observable}` names `{name}`, which no table defines")

    # evaluation

    def simulate(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Run | None], str]:
        """States and constants at each measurement, the runs, and why something failed."""
        count = len(self.problem.measurements)
        Y = np.full((count, len(self.machine.states)), np.nan)
        P = np.full((count, len(self.names) + self.hybrid.size_along), np.nan)
        runs: list[Run | None] = []
        sentence = ""
        for k, stretch in enumerate(self.stretches):
            try:
                runs.append(self._run(k, stretch, theta, Y, P))
            except Stopped as stopped:
                runs.append(None)
                sentence = sentence or f"experiment `{stretch.experiment.name}`: {stopped}"
        return Y, P, runs, sentence

    def _run(self, k: int, stretch: Stretch, theta: np.ndarray, Y: np.ndarray, P: np.ndarray) -> Run:
        p, y = (np.array(one, dtype=float) for one in self.start(k, theta, self._xp))
        run = Run(self.machine, stretch.begin, y)
        periods = stretch.experiment.periods
        for j, period in enumerate(periods):
            if j > 0:
                run.t = period.time
                run.y, p = self.changed(period, run.t, run.y, p, np)
            if math.isinf(period.time):
                run.settle(p)
                run.rest(p)
                run.t = stretch.begin
                if j + 1 < len(periods):
                    continue
            run.settle(p)
            end = periods[j + 1].time if j + 1 < len(periods) else math.inf
            mine = stretch.period == j
            t = stretch.t[mine]
            finite = np.isfinite(t)
            until = end if math.isfinite(end) else (float(t[finite].max()) if finite.any() else run.t)
            states = run.to(until, t[finite], p) if until > run.t or finite.any() else np.zeros((0, len(y)))
            rows = stretch.rows[mine]
            if until == run.t and not math.isfinite(end) and finite.any() and run.triggers:
                run.settle(p)
                states[t[finite] == until] = run.y
            Y[rows[finite]] = states
            if (~finite).any():
                Y[rows[~finite]] = run.rest(p)
            P[rows] = p
        return run

    @property
    def _xp(self) -> Any:
        """What beginnings are computed with: networks are known to JAX alone."""
        if not self.problem.networks:
            return np
        from ndestudio.solve.jax_backend import get_jax

        return get_jax().numpy

    def evaluate(self, theta: np.ndarray | None = None) -> PetabEvaluation:
        """Simulations, likelihood and prior.

        Parameters
        ----------
        theta
            What is estimated, on the linear scale; None: ``nominal``.
        """
        theta = self.nominal if theta is None else np.asarray(theta, dtype=float)
        Y, P, _, sentence = self.simulate(theta)
        simulated, noise = self._measured(Y, P)
        llh, chi2 = self.likelihood(simulated, noise)
        return PetabEvaluation(simulated, noise, llh, chi2, self.log_priors(theta), sentence)

    def likelihood(self, simulated: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
        """Log likelihood and chi2 of simulated values with their noise, one for each measurement."""
        values = np.array([one.value for one in self.problem.measurements])
        with np.errstate(all="ignore"):
            each = log_likelihoods(self.groups, values, simulated, noise, np)
            weighed = residuals(self.groups, values, simulated, noise, np)
        measured = np.isfinite(values)
        llh, chi2 = float(each[measured].sum()), float((weighed[measured] ** 2).sum())
        return (llh if not math.isnan(llh) else -math.inf), chi2

    @cached_property
    def groups(self) -> list[tuple[Observable, np.ndarray]]:
        """Rows of each observable."""
        names_ = np.array([one.observable for one in self.problem.measurements])
        found = [(one, np.flatnonzero(names_ == one.name)) for one in self.problem.observables]
        return [(one, rows) for one, rows in found if len(rows)]

    @cached_property
    def given(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each observable its placeholders [row, placeholder]: numbers, and places in the constants (-1: the number)."""
        return [self._given(one, [self.problem.measurements[k] for k in rows]) for one, rows in self.groups]

    def _given(self, observable: Observable, rows: Sequence[Measurement]) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.zeros((len(rows), len(observable.placeholders)))
        places = np.full(numbers.shape, -1)
        for i, row in enumerate(rows):
            for j, expr in enumerate(row.given):
                if isinstance(expr, Name):
                    if expr.name not in self.place:
                        raise DataError(
                            f"a measurement of `{observable.name}` is scaled by `{expr.name}`, which changes in time"
                        )
                    places[i, j] = self.place[expr.name]
                else:
                    numbers[i, j] = float(Machine.evaluate(self._plain, (expr,), 0.0, [], [math.nan] * len(self.names), np)[0]) if not isinstance(expr, Number) else expr.value  # fmt: skip
        return numbers, places

    def _measured(self, Y: np.ndarray, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.machine.functions is not None:
            return self._compiled(Y, P)
        simulated, noise = np.full(len(Y), np.nan), np.full(len(Y), np.nan)
        for (observable, rows), (numbers, places) in zip(self.groups, self.given, strict=True):
            held = np.where(places >= 0, P[rows][np.arange(len(rows))[:, None], np.maximum(places, 0)], numbers)
            more = {name: held[:, j] for j, name in enumerate(observable.placeholders)}
            t = np.array([self.problem.measurements[k].time for k in rows])
            with np.errstate(all="ignore"):
                y, sigma = self.machine.evaluate(
                    (observable.formula, observable.noise), t, Y[rows].T, P[rows].T, np, more
                )
            simulated[rows], noise[rows] = y, sigma
            if observable.name in names(observable.noise):
                again = {**more, observable.name: simulated[rows]}
                noise[rows] = self.machine.evaluate((observable.noise,), t, Y[rows].T, P[rows].T, np, again)[0]
        return simulated, noise

    @cached_property
    def _compiled(self) -> Any:
        times = np.array([one.time for one in self.problem.measurements])
        return compiled(self.machine, self.groups, self.given, times)

    def log_priors(self, theta: np.ndarray) -> dict[str, float]:
        """Logarithm of the prior of each number and array that has one."""
        found = {one.name: one.prior.log_density(float(theta[k])) for k, one in enumerate(self.estimated) if one.prior}
        return {**found, **self.hybrid.log_priors(theta[len(self.estimated) :])}

    def prior_slopes(self, theta: np.ndarray) -> Float[np.ndarray, " estimated"]:
        """Derivatives of the logarithm of the prior by what is estimated."""
        priors = [*(one.prior for one in self.estimated), *self.hybrid.priors()]
        return np.array([0.0 if one is None else one.slope(float(theta[k])) for k, one in enumerate(priors)])


def evaluate_petab(problem: PetabProblem, theta: np.ndarray | None = None) -> PetabEvaluation:
    """Simulations, likelihood and prior of a problem.

    Parameters
    ----------
    theta
        What is estimated, on the linear scale, in the order of the tables, then arrays of networks; None: the nominal values.

    Raises
    ------
    DataError, EquationError
        Tables and model do not fit together.
    """
    return Objective(problem).evaluate(theta)


@dataclass(frozen=True)
class _Start:
    constants: Mapping[str, Expr]
    assigned: Mapping[str, Expr]
    states: tuple[Expr, ...]
    later: Mapping[str, Expr]


def _set(vector: Any, place: int, value: Any, xp: Any) -> Any:
    if xp is np:
        vector[place] = value
        return vector
    return vector.at[place].set(value)


__all__ = ["Objective", "PetabEvaluation", "Stretch"]
