"""Limits on formulas, weights and losses: what they say holds for every member of every front."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, children, transform, walk
from ndestudio.progress import SilentReporter
from ndestudio.symbolic.engine import SearchConfig, SearchProblem
from ndestudio.symbolic.evolution import EvolutionEngine
from ndestudio.symbolic.front import Front
from ndestudio.symbolic.losses import normalised_loss

pytest.importorskip("ndestudio.symbolic._evolution")

OPERATORS = ("+", "-", "*", "/", "^", "exp", "sin", "sqrt", "min")


def _problem(noise: float = 0.05, targets: int = 1, seed: int = 0) -> SearchProblem:
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.2, 3.0, (200, 3))
    x, y, z = X.T
    values = [x * np.exp(-0.7 * y) / (0.4 + x) + np.sin(2 * z) * y, np.sqrt(x * y) - 0.3 * z**2, x / y + z]
    Y = np.column_stack(values[:targets])
    Y = Y + noise * Y.std(axis=0) * rng.standard_normal(Y.shape)
    return SearchProblem(X, Y if targets > 1 else Y[:, 0], ("x", "y", "z"))


def _fronts(problem: SearchProblem, **settings) -> list[Front]:
    """All fronts that a search shows, the last one being its result."""
    config = SearchConfig(
        **({"operators": OPERATORS, "seconds": None, "evaluations": 8_000, "threads": 1, "max_size": 25} | settings)
    )
    shown: list[Front] = []
    result = EvolutionEngine().search(problem, config, SilentReporter(), shown.append)
    assert result.front.candidates
    return [*shown, result.front]


def _formulas(fronts: list[Front]) -> list[Expr]:
    return [formula for front in fronts for c in front.candidates for formula in c.expressions]


def _operator(node: Expr) -> str:
    return (
        node.operator
        if isinstance(node, Binary)
        else node.function
        if isinstance(node, Call)
        else "neg"
        if isinstance(node, Negate)
        else ""
    )


def _weight(node: Expr, costs: dict[str, int]) -> int:
    if isinstance(node, Number) or (isinstance(node, Negate) and isinstance(node.operand, Number)):
        return costs.get("constant", 1)
    own = costs.get("variable", 1) if isinstance(node, Name) else costs.get(_operator(node), 1)
    return own + sum(_weight(child, costs) for child in children(node))


def _depth(node: Expr) -> int:
    if isinstance(node, Negate) and isinstance(node.operand, Number):
        return 1
    return 1 + max((_depth(child) for child in children(node)), default=0)


def _nested(node: Expr, inner: str) -> int:
    below = max((_nested(child, inner) for child in children(node)), default=0)
    return below + (_operator(node) == inner)


@pytest.mark.parametrize(
    ("limits", "costs"),
    [
        ({"sin": 1, "exp": 3, "sqrt": 2}, {}),
        ({"/": [-1, 3], "*": [4, 4]}, {}),
        ({"^": [1, 1], "min": [3, 1]}, {"variable": 2, "exp": 3, "constant": 2}),
        ({"-": [2, 2], "+": [5, -1]}, {}),
    ],
)
@pytest.mark.parametrize("targets", [1, 2])
def test_no_argument_is_larger_than_its_limit(limits: dict, costs: dict[str, int], targets: int) -> None:
    for formula in _formulas(_fronts(_problem(targets=targets), complexity=costs, options={"constraints": limits})):
        for node in walk(formula):
            allowed = limits.get(_operator(node), -1)
            for limit, child in zip(
                allowed if isinstance(allowed, list) else [allowed] * 2, children(node), strict=False
            ):
                assert limit < 0 or _weight(child, costs) <= limit, formula


@pytest.mark.parametrize(
    "limits",
    [
        {"sin": {"sin": 0, "exp": 0}, "exp": {"sin": 0, "exp": 0, "/": 0}},
        {"/": {"/": 0}, "*": {"*": 1}},
        {"^": {"^": 0, "+": 0}, "sqrt": {"^": 0, "sqrt": 0}},
        {"+": {"+": 1}, "-": {"-": 0}},
    ],
)
@pytest.mark.parametrize("seeding", [True, False])
def test_nothing_nests_deeper_than_its_limit(limits: dict[str, dict[str, int]], seeding: bool) -> None:
    options = {"nested_constraints": limits, "seeding": seeding}
    for formula in _formulas(_fronts(_problem(seed=1), options=options)):
        for node in walk(formula):
            for inner, limit in limits.get(_operator(node), {}).items():
                assert max(_nested(child, inner) for child in children(node)) <= limit, formula


@pytest.mark.parametrize(("depth", "targets"), [(2, 1), (3, 1), (5, 1), (3, 3), (5, 3)])
def test_no_formula_is_deeper_or_larger_than_asked(depth: int, targets: int) -> None:
    fronts = _fronts(_problem(targets=targets), max_depth=depth, max_size=14)
    assert all(_depth(formula) <= depth for formula in _formulas(fronts))
    if targets == 1:
        assert all(_weight(c.expression, {}) <= 14 and c.complexity <= 14 for c in fronts[-1].candidates)


@pytest.mark.parametrize("loss", ["squares", "absolute", "huber"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_what_they_say_and_as_small_as_constants_make_them(loss: str, weighted: bool) -> None:
    problem = _problem(noise=0.1)
    problem.y[::9] += 4.0
    weights = np.random.default_rng(4).uniform(0.1, 3.0, len(problem.y)) if weighted else None
    problem = SearchProblem(problem.X, problem.y, problem.names, weights)
    settings = {"loss": loss, "huber_delta": 0.3, "evaluations": 2_500}
    config = SearchConfig(**settings)
    for candidate in _fronts(problem, **settings)[-1].candidates:
        assert _loss(candidate.expression, problem, config) == pytest.approx(candidate.loss, rel=1e-6)
        # snapped constants may cost a little; no change of a constant may gain much
        allowance = 0.02 if loss == "squares" else 0.03
        for place in range(sum(isinstance(node, Number) for node in walk(candidate.expression))):
            for factor in (0.97, 1.03):
                moved = _with_number(candidate.expression, place, factor)
                assert _loss(moved, problem, config) > candidate.loss * (1.0 - allowance), candidate.expression


def _loss(expression: Expr, problem: SearchProblem, config: SearchConfig) -> float:
    return normalised_loss(expression, problem.names, problem.X, problem.y, problem.weights, config)


def _with_number(expression: Expr, place: int, factor: float) -> Expr:
    seen = iter(range(1000))

    def change(node: Expr) -> Expr:
        return Number(node.value * factor) if isinstance(node, Number) and next(seen) == place else node

    return transform(expression, change)


def _line(loss: str, outliers: float, weights: np.ndarray | None = None) -> float:
    """Slope of the best formula of `y = 2*x + 1` with a share of the rows far off."""
    rng = np.random.default_rng(8)
    x = rng.uniform(0.0, 3.0, 400)
    y = 2.0 * x + 1.0 + 0.02 * rng.standard_normal(400)
    y[: int(400 * outliers)] += 30.0 * x[: int(400 * outliers)]
    problem = SearchProblem(x[:, None], y, ("x",), weights)
    front = _fronts(problem, operators=("+", "*"), max_size=5, loss=loss, huber_delta=0.01, evaluations=2_000)[-1]
    best = min(front.candidates, key=lambda c: c.loss).expression
    low, high = (float(np.asarray(evaluate(best, {"x": at}))) for at in (1.0, 2.0))
    return high - low


def test_robust_losses_find_the_line_that_most_rows_lie_on() -> None:
    assert _line("squares", 0.25) > 5.0
    assert _line("absolute", 0.25) == pytest.approx(2.0, abs=0.02)
    assert _line("huber", 0.25) == pytest.approx(2.0, abs=0.05)
    weights = np.ones(400)
    weights[:100] = 1e-9
    assert _line("squares", 0.25, weights) == pytest.approx(2.0, abs=0.01)


def test_weights_count_like_copies_of_rows() -> None:
    problem = _problem(noise=0.3)
    copies = np.random.default_rng(5).integers(1, 4, 200)
    weighted = SearchProblem(problem.X, problem.y, problem.names, copies.astype(float))
    repeated = SearchProblem(np.repeat(problem.X, copies, axis=0), np.repeat(problem.y, copies), problem.names)
    formula = parse_expression("1.1*x*exp(-0.6*y) + 0.2*z")
    assert _loss(formula, weighted, SearchConfig()) == pytest.approx(
        _loss(formula, repeated, SearchConfig()), rel=1e-12
    )
    for candidate in _fronts(weighted, evaluations=4_000)[-1].candidates:
        assert _loss(candidate.expression, repeated, SearchConfig()) == pytest.approx(candidate.loss, rel=1e-6)
