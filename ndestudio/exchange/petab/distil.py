"""Networks of a PEtab problem replaced by formulas: what is left is a plain problem, which every tool for PEtab reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from jaxtyping import Float

from ndestudio.errors import DataError, NdeStudioError
from ndestudio.exchange.kinetic import KineticModel, ordered
from ndestudio.exchange.petab.fit import fit_petab
from ndestudio.exchange.petab.objective import Objective, evaluate_petab
from ndestudio.exchange.petab.problem import Measurement, Parameter, PetabProblem
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Expr, Name, Number, substitute, transform
from ndestudio.progress import Note, Reporter, SilentReporter
from ndestudio.symbolic.front import Candidate

SAMPLES = 200
"""Times at which networks are read, over all experiments."""
MOST = 6
"""Formulas of one front that are fitted in the problem."""


@dataclass(frozen=True, eq=False)
class PetabDistillation:
    """A problem without networks.

    Parameters
    ----------
    problem
        With the constants of formulas among its parameters, fitted.
    formulas
        Output of a network -> what stands in its place.
    before, after
        Log likelihood with the networks and with the formulas.
    """

    problem: PetabProblem
    formulas: Mapping[str, Expr]
    before: float
    after: float


def distil_petab(
    problem: PetabProblem,
    theta: Float[np.ndarray, " estimated"] | None = None,
    *,
    seconds: float = 60.0,
    operators: str | tuple[str, ...] = ("+", "-", "*", "/", "exp", "log"),
    seed: int = 0,
    reporter: Reporter = SilentReporter(),
) -> PetabDistillation:
    """Search a formula for each output of each network along the simulations, and fit its constants in the problem.

    Of the formulas of a front the one with the lowest BIC in the problem is kept.

    Parameters
    ----------
    theta
        What is estimated, arrays of networks too, as a fit has found it; None: the nominal values.
    seconds
        For all searches and fits.

    Raises
    ------
    DataError
        There is no network, or one that works before a simulation, or the simulation fails.
    """
    if not problem.networks:
        raise DataError("the problem has no network that a formula could replace")
    early = [name for name, use in problem.networks.items() if use.before]
    if early:
        raise DataError(
            f"the network `{early[0]}` is evaluated before a simulation, once for each experiment; formulas are only found for networks "
            "along it"
        )
    before = evaluate_petab(problem, theta)
    samples = _samples(problem, theta)
    shares = seconds / (2.0 * len(samples))
    fronts = {out: _front(X, y, operators, shares, seed, reporter) for out, (_, X, y) in samples.items()}
    arguments = {out: entering for out, (entering, _, _) in samples.items()}
    chosen = {out: candidates[-1] for out, candidates in fronts.items()}
    best, score = _fitted(problem, theta, chosen, arguments, shares, seed)
    for out, candidates in fronts.items():
        for other in candidates[:-1]:
            if reporter.should_stop():
                break
            trial, reached = _fitted(problem, theta, {**chosen, out: other}, arguments, shares / MOST, seed)
            if reached < score:
                best, score, chosen = trial, reached, {**chosen, out: other}
    formulas = {out: best.model.quantities[out] for out in chosen}
    for out, formula in formulas.items():
        reporter.emit(Note(f"{out} = {to_text(formula)}"))
    return PetabDistillation(best, formulas, before.llh, evaluate_petab(best).llh)


def with_numbers(problem: PetabProblem, theta: Float[np.ndarray, " estimated"]) -> PetabProblem:
    """The problem with what a fit has found as its nominal numbers, arrays of networks too."""
    objective = Objective(problem)
    found = dict(zip((one.name for one in objective.estimated), np.asarray(theta).tolist(), strict=False))
    parameters = tuple(replace(one, nominal=found.get(one.name, one.nominal)) for one in problem.parameters)
    arrays = np.asarray(theta)[len(objective.estimated) :]
    networks = {
        name: replace(use, values=objective.hybrid.weights(name, arrays, np)) for name, use in problem.networks.items()
    }
    rows = tuple(replace(one, value=None) if one.estimate else one for one in problem.arrays)
    return replace(problem, parameters=parameters, networks=networks, arrays=rows)


def _samples(
    problem: PetabProblem, theta: np.ndarray | None
) -> dict[str, tuple[tuple[Expr, ...], np.ndarray, np.ndarray]]:
    """Of each output of a network: what enters, numbers of that [sample, entry], and its values [sample]."""
    share = max(10, SAMPLES // len(problem.experiments))
    dense = []
    for one in problem.experiments:
        times = [m.time for m in problem.measurements if m.experiment == one.name and math.isfinite(m.time)]
        begin = next((p.time for p in one.periods if math.isfinite(p.time)), 0.0)
        end = max(times, default=begin)
        first = next(m for m in problem.measurements if m.experiment == one.name)
        dense += [
            Measurement(first.observable, one.name, float(t), 0.0, first.given) for t in np.linspace(begin, end, share)
        ]
    objective = Objective(replace(problem, measurements=tuple(dense)))
    Y, P, _, sentence = objective.simulate(objective.nominal if theta is None else np.asarray(theta, dtype=float))
    if sentence or not np.isfinite(Y).all():
        raise DataError(
            f"the problem cannot be simulated with its networks ({sentence or 'a state is no number'}); fit it first"
        )
    from ndestudio.solve.jax_backend import get_jax

    jnp, hybrid, found = get_jax().numpy, objective.hybrid, {}
    for name in hybrid.along:
        use = problem.networks[name]
        if any(isinstance(entries, Mapping) for entries in use.inputs):
            raise DataError(
                f"the network `{name}` takes in arrays of a file; formulas are only found for what equations give it"
            )
        entering = tuple(entry for entries in use.inputs if isinstance(entries, tuple) for entry in entries)
        wanted = (*entering, *(Name(out) for out in use.outputs))
        rows = np.array(
            [
                [float(value) for value in objective.machine.evaluate(wanted, one.time, y, p, jnp)]
                for one, y, p in zip(dense, Y, P, strict=True)
            ]
        )
        X = rows[:, : len(entering)]
        found |= {out: (entering, X, rows[:, len(entering) + k]) for k, out in enumerate(use.outputs)}
    return found


def _front(
    X: np.ndarray, y: np.ndarray, operators: str | tuple[str, ...], seconds: float, seed: int, reporter: Reporter
) -> list[Candidate]:
    """The simplest formulas of a search, the chosen one last."""
    from ndestudio.symbolic.regressor import SymbolicRegressor

    search = SymbolicRegressor(operators, seconds=seconds, seed=seed, max_size=20, target_loss=1e-10)
    search.fit(X, y, reporter=reporter)
    listed = list(search.front_.candidates)
    place = next((k for k, one in enumerate(listed) if one.expression == search.expression_), len(listed) - 1)
    return listed[max(0, place - MOST + 1) : place + 1]


def _fitted(
    problem: PetabProblem,
    theta: np.ndarray | None,
    chosen: Mapping[str, Candidate],
    arguments: Mapping[str, tuple[Expr, ...]],
    seconds: float,
    seed: int,
) -> tuple[PetabProblem, float]:
    """The problem with formulas in place, its constants fitted, and its BIC."""
    plain = substituted(problem, theta, {out: one.expression for out, one in chosen.items()}, arguments)
    if not plain.estimated:
        return plain, -2.0 * evaluate_petab(plain).llh
    try:
        fit = fit_petab(plain, 1, seed=seed, seconds=seconds)
        llh = evaluate_petab(fit.fitted).llh
    except NdeStudioError:
        return plain, math.inf
    size = len(plain.estimated) * math.log(max(len(plain.measurements), 2))
    return fit.fitted, size - 2.0 * llh if math.isfinite(llh) else math.inf


def substituted(
    problem: PetabProblem,
    theta: np.ndarray | None,
    formulas: Mapping[str, Expr],
    arguments: Mapping[str, tuple[Expr, ...]],
) -> PetabProblem:
    """The problem with a formula for each output of its networks.

    Parameters
    ----------
    formulas
        In `x0`, `x1`, ...: what enters the network, in its order.
    """
    objective = Objective(problem)
    numbers = objective.nominal if theta is None else np.asarray(theta, dtype=float)
    nominal = dict(zip((one.name for one in objective.estimated), numbers.tolist(), strict=False))
    parameters = [replace(one, nominal=nominal.get(one.name, one.nominal)) for one in problem.parameters]
    model = problem.model
    taken = {*model.rates, *model.quantities, *model.constants, *(one.name for one in parameters)}
    rules: dict[str, Expr] = {}
    for out, formula in formulas.items():
        body, constants = _named(formula, out, taken)
        parameters += constants
        rules[out] = substitute(body, {f"x{k}": entry for k, entry in enumerate(arguments[out])})
    starts = objective.hybrid.starts
    rules |= {name: expr for name, expr in problem.rules.items() if name not in starts}
    quantities = {**model.quantities, **rules}
    order = ordered(quantities, quantities, "rules")
    plain: KineticModel = replace(
        model,
        quantities={name: quantities[name] for name in order},
        constants={
            **{name: value for name, value in model.constants.items() if name not in rules},
            **{
                one.name: one.nominal for one in parameters if one.name not in rules and one.name not in model.constants
            },
        },
        initial={**{name: expr for name, expr in model.initial.items() if name not in rules}, **starts},
    )
    # a parameter of the table that a rule sets is no parameter any more
    kept = tuple(one for one in parameters if one.name not in rules)
    return replace(problem, version=2, model=plain, parameters=kept, rules={}, networks={}, arrays=())


def _named(formula: Expr, out: str, taken: set[str]) -> tuple[Expr, list[Parameter]]:
    """A formula with its constants as parameters; whole numbers that are powers or factors of one digit stay."""
    found: list[Parameter] = []
    numbers = count(1)

    def change(node: Expr) -> Expr:
        if not isinstance(node, Number) or (node.value.is_integer() and abs(node.value) <= 3):
            return node
        name = next(one for k in numbers if (one := f"{out}_{k}") not in taken)
        taken.add(name)
        room = 10.0 * abs(node.value)
        found.append(Parameter(name, node.value, True, "lin", node.value - room, node.value + room))
        return Name(name)

    return transform(formula, change), found
