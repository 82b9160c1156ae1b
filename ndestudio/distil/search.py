"""One neural term: its samples, the search on them, and which members of the front are worth simulating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.forms import simplest, summands
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.distil.sampling import disagreement, sample_neural_term
from ndestudio.distil.units import fitting_guesses, neural_term_units
from ndestudio.errors import EquationError
from ndestudio.expression.bounded import Budget
from ndestudio.expression.numeric import as_number
from ndestudio.expression.tree import (
    Binary,
    Call,
    Delay,
    Expr,
    Name,
    Negate,
    Number,
    names,
    substitute,
    transform,
    walk,
)
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import FrontUpdate, Reporter
from ndestudio.symbolic.engine import Engine, SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.presets import resolve_operators

HELD_OUT = 0.2
"""Share of the samples that rank candidates and do not fit them."""
SETTLE = 2_000_000
"""Evaluations without a shorter description after which a search of samples ends before its limits."""
MOST_GUESSES = 60


@dataclass(frozen=True, eq=False)
class Searched:
    """Samples of a neural term and the front found on them."""

    samples: NeuralTermSamples
    result: SearchResult

    @property
    def front(self) -> Front:
        return self.result.front


def search_neural_term(
    model: FittedModel,
    dataset: Dataset,
    neural_term: str,
    config: DistilConfig,
    engine: Engine,
    reporter: Reporter,
    ensemble: Sequence[FittedModel] = (),
    noise: float | None = None,
) -> Searched:
    """Sample the neural term and search for formulas; fronts go to ``reporter`` as they come.

    Parameters
    ----------
    noise
        Relative error of the neural term that is known, so that the engine does not chase it.
    """
    samples = sample_neural_term(model, dataset, neural_term, config.samples, config.seed, ensemble)
    spread = disagreement(ensemble, samples)
    settings = search_config(config, spread if spread is not None else noise)
    problem = search_problem(model, dataset, samples, config, settings.operators)
    result = engine.search(problem, settings, reporter, lambda front: reporter.emit(FrontUpdate(neural_term, front)))
    reporter.emit(FrontUpdate(neural_term, result.front))
    return Searched(samples, result)


def search_config(config: DistilConfig, noise: float | None, settle: int = SETTLE) -> SearchConfig:
    """The engine's settings; ``settle`` as there. Raises ValueError for an unknown operator or preset."""
    operators, costs = resolve_operators(config.operators, config.complexity)
    return SearchConfig(
        operators=operators,
        complexity=costs,
        max_size=config.max_size,
        seconds=config.seconds,
        evaluations=config.evaluations,
        seed=config.seed,
        threads=config.threads,
        noise=noise,
        settle=settle,
        options=config.options,
    )


def search_problem(
    model: FittedModel, dataset: Dataset, samples: NeuralTermSamples, config: DistilConfig, operators: tuple[str, ...]
) -> SearchProblem:
    """Samples divided into rows to fit and rows to rank, with units and formulas to begin with."""
    generator = np.random.default_rng([config.seed, 1])
    held = generator.random(len(samples.y)) < HELD_OUT
    own = config.guesses.get(samples.neural_term, ())
    template = config.templates.get(samples.neural_term, "")
    library, units, unit = fitting_library(
        model, dataset, samples.neural_term, samples.arguments, config, operators if not template else ()
    )
    return SearchProblem(
        X=samples.X[~held],
        y=samples.y[~held],
        names=samples.arguments,
        weights=samples.weights[~held],
        X_held_out=samples.X[held],
        y_held_out=samples.y[held],
        units=units,
        unit_y=unit,
        guesses=(*own, *library)[: max(MOST_GUESSES, len(own))],
        template=template,
    )


def fitting_library(
    model: FittedModel,
    dataset: Dataset,
    neural_term: str,
    arguments: tuple[str, ...],
    config: DistilConfig,
    operators: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...] | None, str | None]:
    """Terms of the library that may stand for a neural term, and the units of its arguments and its own (None: any)."""
    units, unit = neural_term_units(model, dataset, neural_term) if config.units else (None, None)
    library = library_guesses(arguments, operators) if operators else ()
    if units is not None:
        library = fitting_guesses(library, arguments, units, config.options.get("wildcards") != "none")
    return library[:MOST_GUESSES], units, unit


def library_guesses(arguments: tuple[str, ...], operators: tuple[str, ...]) -> tuple[str, ...]:
    """Mechanistic terms of the library in the names of ``arguments``, those made of ``operators`` alone."""
    from ndestudio.expression import parse_expression, to_text
    from ndestudio.model.library import terms

    found: dict[str, None] = {}
    for term in terms():
        formals = tuple(term.arguments)
        if not formals or len(formals) > min(len(arguments), 3):
            continue
        try:
            body = parse_expression(term.text)
        except EquationError:
            continue
        if not set(names(body)) <= {*formals, *term.parameters, *arguments} or not uses_only(body, operators):
            continue
        values: dict[str, Expr] = {name: Number(abs(p.value) or 1.0) for name, p in term.parameters.items()}
        for order in permutations(arguments, len(formals)):
            actual: dict[str, Expr] = {f: Name(a) for f, a in zip(formals, order, strict=True)}
            found.setdefault(to_text(_powers_as_products(substitute(body, {**values, **actual}))))
    return tuple(found)


def _powers_as_products(expr: Expr) -> Expr:
    """x^2 as x*x, since an engine may take the exponent for a constant to be fitted."""

    def change(node: Expr) -> Expr:
        match node:
            case Binary("^", base, Number(2.0)):
                return Binary("*", base, base)
            case Binary("^", base, Number(3.0)):
                return Binary("*", Binary("*", base, base), base)
            case Binary("^", base, Number(4.0)) if isinstance(base, Name):
                return Binary("*", Binary("*", base, base), Binary("*", base, base))
            case Binary("^", Number(value), Number(power)):
                return Number(value**power)
            case _:
                return node

    return transform(expr, change)


def uses_only(expr: Expr, operators: tuple[str, ...]) -> bool:
    """Whether ``expr`` is made of these operators; a small whole power needs only a product or a power."""
    for node in walk(expr):
        if isinstance(node, Call) and node.function not in operators:
            return False
        if isinstance(node, Binary) and node.operator not in operators:
            whole = isinstance(node.right, Number) and node.right.value in (2.0, 3.0, 4.0)
            if not (node.operator == "^" and whole and "*" in operators):
                return False
    return True


ILL_CONDITIONED = 1e4
"""Formulas whose constants must be known to more digits than this live on cancellation and are not tried."""


def shortlist(
    front: Front,
    count: int,
    samples: NeuralTermSamples,
    operators: tuple[str, ...] | None = None,
    budget: Budget | None = None,
) -> list[Candidate]:
    """At most ``count`` members, by rising complexity: the engine's choice, a constant, then the largest drops of the error.

    Formulas are brought into their simplest form; of several that come to the same the best fitted one stays. Those that
    approximate by cancellation of large numbers are left out unless there is nothing else, and so are those with operators that
    were not asked for (None: all are allowed).
    """
    from ndestudio.distil.scoring import sensitivities

    if not front.candidates:
        return []
    budget = budget or Budget()
    sound = [
        max(sensitivities(c.expression, samples), default=0.0) <= ILL_CONDITIONED
        and (operators is None or uses_only(c.expression, operators))
        for c in front.candidates
    ]
    members = [k for k in range(len(front.candidates)) if sound[k] or not any(sound)]
    order = sorted(members, key=lambda k: (k != front.best, -front.candidates[k].score))
    found: dict[str, Candidate] = {"#": _constant(samples)} if count > 1 else {}  # beside the choice, not in its place
    for index in order:
        if len(found) == max(count, 1):
            break
        candidate = front.candidates[index]
        form = simplest(candidate.expression, budget)
        key = skeleton(form)
        if key not in found or candidate.loss < found[key].loss:
            found[key] = replace(candidate, expression=form)
    return sorted(found.values(), key=lambda candidate: (candidate.complexity, candidate.loss))


def _constant(samples: NeuralTermSamples) -> Candidate:
    """The simplest formula of all, which no search has in its front."""
    return Candidate(1, 1.0, as_number(float(np.average(samples.y, weights=samples.weights))))


def skeleton(expr: Expr) -> str:
    """The structure of ``expr``: numbers alike, factors that are numbers left out, operands of sums and products sorted."""
    match expr:
        case Number() | Negate(Number()):
            return "#"
        case Name(name):
            return name
        case Negate(operand):
            return skeleton(operand)
        case Binary("+" | "-", _, _):
            return "(" + " + ".join(sorted(skeleton(operand) for _, operand in summands(expr))) + ")"
        case Binary("*" | "/", _, _):
            above, below = _factors(expr)
            upper, lower = (sorted(text for text in map(skeleton, part) if text != "#") for part in (above, below))
            return ("*".join(upper) or "#") + "".join(f"/{text}" for text in lower)
        case Binary("^", base, Number(value)) if value == int(value):
            return f"{skeleton(base)}^{int(value)}"
        case Binary(operator, left, right):
            return f"({skeleton(left)}{operator}{skeleton(right)})"
        case Call(function, arguments):
            return f"{function}({', '.join(_argument(argument) for argument in arguments)})"
        case Delay(operand, _):
            return f"{skeleton(operand)}(t - #)"
    raise TypeError(f"not an expression: {expr!r}")


def _argument(expr: Expr) -> str:
    """The structure of a function's argument: a factor in there is a parameter that nothing outside can carry."""
    above, below = _factors(expr)
    scaled = any(skeleton(factor) == "#" for factor in (*above, *below))
    return ("#*" if scaled else "") + skeleton(expr)


def _factors(expr: Expr) -> tuple[list[Expr], list[Expr]]:
    """Factors above and below the fraction line."""
    match expr:
        case Binary("*", left, right):
            (a, b), (c, d) = _factors(left), _factors(right)
            return [*a, *c], [*b, *d]
        case Binary("/", left, right):
            (a, b), (c, d) = _factors(left), _factors(right)
            return [*a, *d], [*b, *c]
        case Negate(operand) if not isinstance(operand, Number):
            return _factors(operand)
        case _:
            return [expr], []


def neural_term_loss(expression: Expr, samples: NeuralTermSamples) -> float:
    """NMSE of a formula on the samples of the neural term."""
    from ndestudio.symbolic.losses import normalised_loss

    loss = normalised_loss(expression, samples.arguments, samples.X, samples.y, samples.weights)
    return loss if math.isfinite(loss) else math.inf
