"""Templates: a known part with unknown functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.errors import SettingError
from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import Expr, names
from ndestudio.progress import RecordingReporter, SilentReporter
from ndestudio.symbolic import SymbolicRegressor
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.evolution import EvolutionEngine
from ndestudio.symbolic.template import parse_template

pytest.importorskip("ndestudio.symbolic._evolution")


def _problem(
    template: str, truth: str, noise: float = 0.0, columns: tuple[str, ...] = ("x", "y"), **more
) -> SearchProblem:
    rng = np.random.default_rng(1)
    X = rng.uniform(0.2, 4.0, (400, len(columns)))
    y = np.asarray(evaluate(parse_expression(truth), dict(zip(columns, X.T, strict=True))), float)
    y = y + noise * y.std() * rng.standard_normal(len(y))
    return SearchProblem(X, y, columns, template=template, **more)


def _run(problem: SearchProblem, evaluations: int = 40_000, **settings) -> SearchResult:
    plain = {"operators": ("+", "-", "*", "/", "exp", "sin"), "seconds": None, "threads": 1, "evaluations": evaluations}
    return EvolutionEngine().search(problem, SearchConfig(**(plain | settings)), SilentReporter())


def _same(found: Expr, truth: str, low: float = 0.2, high: float = 6.0) -> bool:
    rng = np.random.default_rng(3)
    point = {name: rng.uniform(low, high, 50) for name in ("x", "y")}
    return bool(np.allclose(evaluate(found, point), evaluate(parse_expression(truth), point), rtol=1e-6, atol=1e-9))


@pytest.mark.parametrize(
    ("template", "truth", "parts"),
    [
        ("f(x) + g(y)", "x/(1 + x) + 2*sin(y)", {}),
        ("k*x - f(y)", "0.7*x - 3*y/(2 + y)", {"f": "3*y/(2 + y)", "k": "0.7"}),
        ("k*x - f(x, y)", "0.7*x - 3*x*y/(2 + x)", {}),
        ("r*x*(1 - x/K) - f(x)*y", "1.2*x*(1 - x/5) - 2*x/(1 + x)*y", {"f": "2*x/(1 + x)", "r": "1.2", "K": "5"}),
        ("exp(f(x, y))", "exp(sin(x) - 0.3*y)", {"f": "sin(x) - 0.3*y"}),
        ("f(x)*g(y)", "(1 + x^2)*exp(-y/2)", {}),
        ("x/(b + f(y))", "x/(2 + y^2)", {}),
        ("k*(x - y)*f(x - y)", "0.5*(x - y)*sin(2*(x - y))", {}),
        ("f(y)", "y^2/(1.7 + y^2)", {"f": "y^2/(1.7 + y^2)"}),
    ],
)
def test_the_unknown_functions_are_found(template: str, truth: str, parts: dict[str, str]) -> None:
    result = _run(_problem(template, truth), 200_000 if "g" in template else 40_000)
    best = result.front.candidates[result.front.best]
    assert best.loss < 1e-18
    assert _same(best.expression, truth)
    for name, formula in parts.items():
        assert _same(best.parts[name], formula)


def test_functions_see_their_arguments_alone_and_make_up_the_whole() -> None:
    problem = _problem("a*x/(b + x) + f(x)*g(y)", "3*x/(1.5 + x) + exp(-0.5*x)*y^2", noise=0.02)
    template = parse_template(problem.template, problem.names)
    result = _run(problem, 15_000)
    assert len(result.front.candidates) > 2
    for candidate in result.front.candidates:
        assert set(candidate.parts) == {"f", "g", "a", "b"}
        assert set(names(candidate.parts["f"])) <= {"x"}
        assert set(names(candidate.parts["g"])) <= {"y"}
        known = {name: evaluate(candidate.parts[name], {}) for name in ("a", "b")} | dict(
            zip("xy", problem.X.T, strict=True)
        )
        values = {name: evaluate(candidate.parts[name], known) for name in ("f", "g")}
        neural_terms = {name: lambda *_, value=value: value for name, value in values.items()}
        whole = evaluate(template.expression, known, neural_terms=neural_terms)
        assert whole == pytest.approx(evaluate(candidate.expression, known), rel=1e-9)
        assert np.mean((whole - problem.y) ** 2) / np.var(problem.y) == pytest.approx(candidate.loss, rel=1e-6)


def test_noise_is_not_chased() -> None:
    problem = _problem("r*x*(1 - x/K) - f(x)*y", "1.2*x*(1 - x/5) - 2*x/(1 + x)*y", noise=0.02)
    best = (front := _run(problem).front).candidates[front.best]
    assert best.complexity <= 9
    assert evaluate(best.parts["r"], {}) == pytest.approx(1.2, rel=0.05)
    assert evaluate(best.parts["K"], {}) == pytest.approx(5.0, rel=0.05)


def test_the_front_does_not_depend_on_threads_and_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    problem = _problem("a*x/(b + x) + f(x)*g(y)", "3*x/(1.5 + x) + exp(-0.5*x)*y^2", noise=0.01)
    whole, two = (_run(problem, 12_000, threads=n) for n in (1, 2))
    assert whole.front.candidates == two.front.candidates
    kept = str(tmp_path / "state")
    _run(problem, 6_000, options={"checkpoint": kept})
    assert _run(problem, 12_000, options={"resume": kept}).front.candidates == whole.front.candidates
    other = SearchProblem(problem.X, problem.y, problem.names, template="a*x/(b + x) + f(x)*y")
    with pytest.raises(ValueError, match="other settings"):
        _run(other, options={"resume": kept})


def test_held_out_rows_weights_and_robust_losses_count() -> None:
    clean = _problem("k*x - f(y)", "0.7*x - 3*y/(2 + y)")
    spoiled = clean.y.copy()
    spoiled[::10] += 20.0
    weights = np.ones(400)
    weights[::10] = 0.0
    held = clean.X[:50], clean.y[:50]
    by_weight = _run(SearchProblem(clean.X, spoiled, clean.names, weights, *held, template=clean.template))
    best = by_weight.front.candidates[by_weight.front.best]
    assert best.loss < 1e-18
    assert best.held_out is not None
    assert best.held_out < 1e-18
    for loss in ("absolute", "huber"):
        robust = _run(
            SearchProblem(clean.X, spoiled, clean.names, template=clean.template), 15_000, loss=loss, huber_delta=0.01
        )
        assert (
            min(
                np.mean(np.abs(evaluate(c.expression, dict(zip("xy", clean.X.T, strict=True))) - clean.y))
                for c in robust.front.candidates
            )
            < 0.02
        )


def test_units_bind_the_functions_of_a_template() -> None:
    problem = _problem(
        "k*x - f(y, z)", "0.7*x - exp(-y/z)*y", columns=("x", "y", "z"), units=("kg", "m", "m"), unit_y="kg/s"
    )
    result = _run(problem, 20_000, options={"wildcards": "none"})
    for candidate in result.front.candidates:
        for node in _calls(candidate.parts["f"]):
            assert {"y", "z"} & set(names(node)) in (set(), {"y", "z"})


def _calls(expr: Expr) -> list[Expr]:
    from ndestudio.expression.tree import Call, walk

    return [argument for node in walk(expr) if isinstance(node, Call) for argument in node.arguments]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("k*x - f()", "no arguments"),
        ("k*x - f(z)", "`z` in the arguments of `f` is no column"),
        ("f(x) + f(y)", "different arguments"),
        ("f(g(x))", "holds an unknown function"),
        ("x(y) + f(x)", "`x` is a column"),
        ("f(x) + f", "both as a function and as a number"),
        ("f(2)", "does not vary"),
        ("f(x) +", "cannot be used"),
        ("f(x) + g(x) + h(x) + i(x) + j(x)", "at most 4"),
        ("f(x) + a + b + c + d + e + h + i", "at most 6"),
        ("f(1/(x - x))", "not finite in sample 0"),
    ],
)
def test_templates_that_make_no_sense_are_refused(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _run(_problem(template, "x"), 1_000)


def test_what_does_not_go_with_a_template_is_refused() -> None:
    good = _problem("f(x) + k*y", "x^2 + y")
    with pytest.raises(ValueError, match="guesses"):
        _run(_problem("f(x) + k*y", "x^2 + y", guesses=("x",)))
    with pytest.raises(ValueError, match="one target"):
        _run(SearchProblem(good.X, np.column_stack([good.y, good.y**2]), good.names, template=good.template))
    with pytest.raises(ValueError, match="no parameter of the template"):
        _run(good, options={"start": {"q": 1.0}})
    with pytest.raises(ValueError, match="to numbers"):
        _run(good, options={"start": {"k": "one"}})
    assert _run(good, options={"start": {"k": 3.0}}).outcome == "solved"


def test_the_estimator_takes_a_template() -> None:
    problem = _problem("k*x0 - f(x1)", "0.7*x - 3*y/(2 + y)")
    model = SymbolicRegressor(seconds=None, evaluations=20_000, threads=1, template="k*x0 - f(x1)").fit(
        problem.X, problem.y
    )
    assert model.score(problem.X, problem.y) > 1 - 1e-12
    assert set(model.front_.candidates[model.front_.best].parts) == {"f", "k"}
    assert " where f = " in model.front[-1].formula


@pytest.mark.parametrize(
    ("template", "truth"),
    [
        ("a/(1 + (x/K)^n)", "1.3/(1 + (x/0.9)^10)"),
        ("k*x", "-0.3*x"),
        ("a*exp(-x/b) + c", "2e5*exp(-x/0.7) + 100"),
        ("V*x*y/(K + x + y)", "3e-9*x*y/(1.5 + x + y)"),
        ("x*y", "x*y"),
    ],
)
def test_a_template_without_an_unknown_function_is_a_fit_of_its_parameters(template: str, truth: str) -> None:
    fronts = []
    result = EvolutionEngine().search(_problem(template, truth), SearchConfig(), SilentReporter(), fronts.append)
    (best,) = result.front.candidates
    assert result.front.best == 0 and best.loss < 1e-12 and fronts
    rng = np.random.default_rng(3)
    point = {name: rng.uniform(0.3, 3.0, 50) for name in ("x", "y")}
    np.testing.assert_allclose(
        evaluate(best.expression, point), evaluate(parse_expression(truth), point), rtol=1e-4, atol=1e-12
    )
    assert tuple(best.parts) == parse_template(template, ("x", "y")).parameters
    assert "no unknown function" in result.sentence


def test_a_fit_of_a_template_keeps_outliers_away_by_the_loss_of_the_search() -> None:
    problem = _problem("a*x + b", "2*x + 1")
    problem.y[::25] += 50.0
    config = SearchConfig(loss="huber", huber_delta=0.01)
    best = EvolutionEngine().search(problem, config, SilentReporter()).front.candidates[0]
    assert evaluate(best.parts["a"], {}) == pytest.approx(2.0, abs=0.02)
    assert evaluate(best.parts["b"], {}) == pytest.approx(1.0, abs=0.05)


def test_a_fit_of_a_template_stops_and_fails_in_words() -> None:
    stopped = EvolutionEngine().search(_problem("k*x", "x"), SearchConfig(), RecordingReporter(stop_after=0))
    assert stopped.outcome == "stopped" and not stopped.front.candidates
    nowhere = EvolutionEngine().search(_problem("k*log(-x)", "x"), SearchConfig(), SilentReporter())
    assert nowhere.outcome == "failed" and "no finite value" in nowhere.sentence


def test_starts_of_a_template_must_be_its_parameters() -> None:
    config = SearchConfig(options={"start": {"q": 1.0}})
    with pytest.raises(SettingError, match="no parameter of the template"):
        EvolutionEngine().search(_problem("k*x", "x"), config, SilentReporter())
