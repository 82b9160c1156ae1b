"""The embedded engine through its protocol."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import Call, names, size, walk
from ndestudio.progress import Progress, RecordingReporter, SilentReporter
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.evolution import EvolutionEngine
from ndestudio.symbolic.postfix import fits_the_engine

pytest.importorskip("ndestudio.symbolic._evolution")

BASE = ("+", "-", "*", "/", "exp", "sin", "cos")
XY = {"x": (0.1, 5.0), "y": (0.1, 5.0)}


def _problem(
    formula: str, box: dict[str, tuple[float, float]], rows: int = 500, noise: float = 0.0, **more
) -> SearchProblem:
    rng = np.random.default_rng(1)
    low, high = np.array(list(box.values())).T
    X = rng.uniform(low, high, (rows, len(box)))
    y = np.asarray(evaluate(parse_expression(formula), dict(zip(box, X.T, strict=True))), float)
    y = y + noise * y.std() * rng.standard_normal(rows)
    return SearchProblem(X, y, tuple(box), **more)


def _run(problem: SearchProblem, **settings) -> SearchResult:
    config = SearchConfig(**({"operators": BASE, "seconds": None, "evaluations": 200_000, "threads": 1} | settings))
    return EvolutionEngine().search(problem, config, SilentReporter())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("formula", "box"),
    [
        ("y/(1 + y)", XY),
        ("1.5*x*y/(2 + x) - 0.3*x", XY),
        ("sin(x) + 0.5*y^2*exp(-x)", {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}),
        ("2.5382*cos(x) + y^2 - 0.5", {"x": (-4.0, 4.0), "y": (-4.0, 4.0)}),
        ("x - x^3/3 - y + 0.5", {"x": (-2.0, 2.0), "y": (-1.0, 2.0)}),
        ("2.3*x^2/(1.7 + x^2) - 0.4*y", XY),
        ("x*exp(-3.1/y)", XY),
    ],
)
def test_finds_the_law(formula: str, box: dict[str, tuple[float, float]], seed: int) -> None:
    result = _run(_problem(formula, box), seed=seed)
    best = result.front.candidates[result.front.best]
    truth = parse_expression(formula)
    assert result.outcome == "solved"
    assert best.loss < 1e-12
    assert size(best.expression) <= 1.3 * size(truth)
    wide = {name: np.linspace(low, high * 1.4, 50) for name, (low, high) in box.items()}
    assert evaluate(best.expression, wide) == pytest.approx(evaluate(truth, wide), rel=1e-6, abs=1e-9)


def test_the_front_rises_in_complexity_and_falls_in_loss() -> None:
    result = _run(_problem("x*y/(1 + x) + sin(x)", XY), evaluations=40_000)
    candidates = result.front.candidates
    assert [c.complexity for c in candidates] == sorted({c.complexity for c in candidates})
    assert all(a.loss > b.loss for a, b in itertools.pairwise(candidates))
    for c in candidates:
        assert c.complexity == size(c.expression)


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_choice_does_not_chase_noise(noise: float) -> None:
    problem = _problem("1.5*x*y/(2 + x) - 0.3*x", XY, noise=noise)
    result = _run(problem, evaluations=60_000)
    best = result.front.candidates[result.front.best]
    assert set(names(best.expression)) == {"x", "y"}
    assert size(best.expression) <= 13
    clean = _problem("1.5*x*y/(2 + x) - 0.3*x", XY)
    values = np.asarray(evaluate(best.expression, {"x": clean.X[:, 0], "y": clean.X[:, 1]}), float)
    assert np.mean((values - clean.y) ** 2) / np.var(clean.y) < 0.1 * noise**2


def test_held_out_rows_are_scored_and_weights_leave_rows_out() -> None:
    good = _problem("x*y + x", XY)
    X = np.vstack([good.X, good.X[:50]])
    y = np.concatenate([good.y, np.full(50, 99.0)])
    weights = np.concatenate([np.ones(500), np.zeros(50)])
    result = _run(SearchProblem(X, y, good.names, weights, good.X[:100], good.y[:100]))
    best = result.front.candidates[result.front.best]
    assert best.loss < 1e-20
    assert best.held_out is not None
    assert best.held_out < 1e-20


@pytest.mark.parametrize("loss", ["absolute", "huber"])
def test_robust_losses_ignore_outliers(loss: str) -> None:
    problem = _problem("2*x*y + 1", XY)
    problem.y[::20] += 200.0
    result = _run(problem, loss=loss, huber_delta=0.02, evaluations=8_000)
    found = [c.expression for c in result.front.candidates]
    clean = _problem("2*x*y + 1", XY)
    errors = [
        np.mean(np.abs(np.asarray(evaluate(e, {"x": clean.X[:, 0], "y": clean.X[:, 1]})) - clean.y)) for e in found
    ]
    assert min(errors) < 0.2


def test_limits_on_size_depth_and_nesting_are_kept() -> None:
    problem = _problem("sin(x*y) + x", XY)
    limited = {
        "nested_constraints": {"sin": {"sin": 0, "cos": 0}, "cos": {"sin": 0, "cos": 0}},
        "constraints": {"sin": 1, "cos": 1},
    }
    result = _run(problem, max_size=12, evaluations=30_000, options=limited)
    for candidate in result.front.candidates:
        assert candidate.complexity <= 12
        for node in walk(candidate.expression):
            if isinstance(node, Call) and node.function in ("sin", "cos"):
                assert not any(isinstance(n, Call) for a in node.arguments for n in walk(a))


@pytest.mark.timeout(60)
def test_a_limit_on_evaluations_ends_a_search_whose_few_formulas_are_used_up() -> None:
    result = _run(_problem("sin(x*y)*exp(y)", XY), max_size=3, evaluations=4_000)
    assert result.outcome == "limit"
    assert result.front.candidates


def test_complexity_weights_count() -> None:
    result = _run(_problem("sin(x)*y", XY), complexity={"sin": 5, "variable": 2})
    best = result.front.candidates[result.front.best]
    assert best.complexity == 5 + 2 + 2 + 1


def test_guesses_are_tried_first() -> None:
    formula = "3.3*exp(-(x - 1.7)^2/0.4)*sin(2.1*y)/(1.3 + x^2*y)"
    problem = _problem(formula, XY, guesses=("3*exp(-(x - 1.6)^2/0.5)*sin(2*y)/(1.2 + x^2*y)",))
    result = _run(problem, max_size=30, evaluations=20_000)
    assert min(c.loss for c in result.front.candidates) < 1e-12
    with pytest.raises(ValueError, match="z"):
        _run(_problem("x", {"x": (0.0, 1.0)}, guesses=("z + 1",)))


def test_a_guess_that_the_engine_cannot_hold_is_told() -> None:
    text = " + ".join(f"{k}*x^{k}" for k in range(4, 20))
    with pytest.raises(ValueError, match="95 operators, variables and numbers; the engine holds 64"):
        _run(_problem("x", {"x": (0.0, 1.0)}, guesses=(text,)))
    assert not fits_the_engine(parse_expression(text), ("x",))
    assert fits_the_engine(parse_expression("2*x^5 + x"), ("x",))
    assert not fits_the_engine(parse_expression("2*y"), ("x",))


def test_stops_when_asked_and_keeps_what_it_found() -> None:
    reporter = RecordingReporter(stop_after=60)
    problem = _problem("tanh(x*y - 2)*exp(sin(3*x)) + x/(1 + y^4)", XY, noise=0.02)
    fronts = []
    config = SearchConfig(operators=BASE, seconds=60.0, threads=1)
    result = EvolutionEngine().search(problem, config, reporter, fronts.append)
    assert result.outcome == "stopped"
    assert result.front.candidates
    assert [f.version for f in fronts] == sorted({f.version for f in fronts})
    assert any(isinstance(e, Progress) for e in reporter.events)


def test_stopped_before_anything_was_found_is_stopped() -> None:
    problem = _problem("tanh(x*y - 2)*exp(sin(3*x)) + x/(1 + y^4)", XY, noise=0.02)
    config = SearchConfig(operators=BASE, seconds=60.0, threads=1)
    result = EvolutionEngine().search(problem, config, RecordingReporter(stop_after=0))
    assert result.outcome == "stopped"


def test_a_checkpoint_lets_a_search_go_on(tmp_path: Path) -> None:
    problem = _problem("tanh(x*y - 2)*exp(sin(3*x))", XY)
    kept = str(tmp_path / "state")
    _run(problem, evaluations=40_000, options={"checkpoint": kept})
    resumed = _run(problem, evaluations=60_000, options={"resume": kept})
    whole = _run(problem, evaluations=60_000)
    assert resumed.front.candidates == whole.front.candidates
    with pytest.raises(ValueError, match="checkpoint"):
        _run(_problem("x + y", XY), options={"resume": kept})
    with pytest.raises(ValueError, match="cannot be read"):
        _run(problem, options={"resume": str(tmp_path / "nothing")})


LORENZ = ("10*(y - x)", "x*(28 - z) - y", "x*y - 8/3*z")
SYSTEMS = {
    "lotka-volterra": (("1.1*x - 0.4*x*y", "0.1*x*y - 0.4*y"), XY, 14),
    "sir": (("-0.6*s*i", "0.6*s*i - 0.25*i", "0.25*i"), {"s": (0.0, 3.0), "i": (0.01, 2.0)}, 15),
    "lorenz": (LORENZ, {"x": (-18.0, 18.0), "y": (-24.0, 24.0), "z": (2.0, 45.0)}, 21),
    "rosenzweig": (("x*(1 - x/6) - 1.2*x*y/(1 + 0.8*x)", "0.7*x*y/(1 + 0.8*x) - 0.3*y"), XY, 27),
}


def _system(formulas: tuple[str, ...], box: dict[str, tuple[float, float]], **more) -> SearchProblem:
    columns = [_problem(formula, box, **more) for formula in formulas]
    return SearchProblem(columns[0].X, np.stack([c.y for c in columns], axis=1), tuple(box))


@pytest.mark.parametrize("system", SYSTEMS)
def test_right_hand_sides_that_share_terms_are_found_together(system: str) -> None:
    formulas, box, longest = SYSTEMS[system]
    result = _run(_system(formulas, box))
    best = result.front.candidates[result.front.best]
    assert result.outcome == "solved"
    assert best.complexity <= longest < sum(size(parse_expression(f)) for f in formulas) + 6
    assert len(best.expressions) == len(best.losses) == len(formulas)
    wide = {name: np.linspace(low, high * 1.4, 50) for name, (low, high) in box.items()}
    for expression, formula in zip(best.expressions, formulas, strict=True):
        truth = evaluate(parse_expression(formula), wide)
        assert evaluate(expression, wide) == pytest.approx(truth, rel=1e-6, abs=1e-9)


def test_several_noisy_targets_keep_their_structure() -> None:
    formulas, box, _ = SYSTEMS["lotka-volterra"]
    result = _run(_system(formulas, box, noise=0.02), evaluations=60_000)
    best = result.front.candidates[result.front.best]
    assert best.complexity <= 16
    for expression, formula in zip(best.expressions, formulas, strict=True):
        clean = _problem(formula, box)
        values = np.asarray(evaluate(expression, {"x": clean.X[:, 0], "y": clean.X[:, 1]}), float)
        assert np.mean((values - clean.y) ** 2) / np.var(clean.y) < 1e-4


def test_a_constant_target_among_others_keeps_its_place() -> None:
    plain = _system(("x*y - x", "0*x + 2", "x*y + y"), XY)
    problem = SearchProblem(plain.X, plain.y, plain.names, None, plain.X[:50], plain.y[:50])
    best = _run(problem).front.candidates[-1]
    assert evaluate(best.expressions[1], {}) == 2.0
    assert best.loss < 1e-20
    assert best.held_out is not None and best.held_out < 1e-20
    assert best.losses[1] == 0.0


def test_stagnation_is_told() -> None:
    rng = np.random.default_rng(2)
    reporter = RecordingReporter()
    config = SearchConfig(operators=("+", "*"), seconds=1.6, threads=1)
    X = rng.uniform(size=(60, 1))
    result = EvolutionEngine().search(SearchProblem(X, X[:, 0] + rng.normal(size=60), ("x",)), config, reporter)
    assert result.front.improved_seconds < result.front.seconds
    assert result.front.improved_evaluations <= result.front.evaluations
    said = [event.text for event in reporter.events if isinstance(event, Progress)]
    assert any("formulas per second" in text and "better" in text for text in said)


def test_scales_far_from_one() -> None:
    problem = _problem("3e6*x/(2e-5 + x) - 4e5*y", {"x": (1e-6, 1e-4), "y": (0.1, 5.0)})
    assert min(c.loss for c in _run(problem).front.candidates) < 1e-12
    problem = _problem("1e-9*x*y - 2e-10*x", XY)
    assert min(c.loss for c in _run(problem).front.candidates) < 1e-12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": np.array([1.0, np.nan, 2.0])}, "finite"),
        ({"y": np.array([1.0, 2.0])}, "shape"),
        ({"y": np.array([1e200, 1.0, 2.0])}, "rescale"),
        ({"names": ("a",)}, "names"),
        ({"weights": np.array([-1.0, 1.0, 1.0])}, "weights"),
        ({"X_held_out": np.zeros((2, 2))}, "held_out"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_samples_that_make_no_sense_are_refused(change: dict, words: str) -> None:
    plain = {"X": np.arange(6.0).reshape(3, 2), "y": np.arange(3.0), "names": ("a", "b")}
    with pytest.raises(ValueError, match=words):
        _run(SearchProblem(**(plain | change)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"operators": ("+", "foo")}, "foo"),
        ({"operators": ()}, "no operators"),
        ({"max_size": 0}, "max_size"),
        ({"complexity": {"bar": 1}}, "bar"),
        ({"options": {"populatoins": 3}}, "populatoins"),
        ({"options": {"populations": "many"}}, "populations"),
        ({"options": {"constraints": {"zap": 1}}}, "constraints"),
        ({"options": {"simd": "neon"}}, "neon"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _run(_problem("x + y", XY, rows=20), **settings)


def test_a_constant_target_and_a_single_sample_have_an_answer() -> None:
    result = _run(SearchProblem(np.arange(6.0).reshape(3, 2), np.full(3, 2.5), ("a", "b")))
    assert result.outcome == "solved"
    assert evaluate(result.front.candidates[0].expression, {}) == 2.5
    assert _run(SearchProblem(np.ones((1, 2)), np.ones(1), ("a", "b"))).outcome == "solved"


def test_many_columns_are_searched() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 300))
    y = 2.0 * X[:, 17] * X[:, 40] - X[:, 250]
    result = _run(SearchProblem(X, y, tuple(f"v{k}" for k in range(300))), evaluations=30_000)
    assert result.front.candidates
    assert min(c.loss for c in result.front.candidates) < 0.9


def _sums(formula: str, rows: int = 60, points: int = 150, noise: float = 0.0) -> SearchProblem:
    """Smooth sums over the values of a formula along a path."""
    rng = np.random.default_rng(2)
    t = np.linspace(0.0, 9.0, points)
    X = np.column_stack([2.0 + np.sin(t) + 0.3 * np.cos(3.1 * t), 2.0 + np.cos(0.7 * t)])
    response = np.tril(np.ones((points, points)))[:: points // rows][:rows] * 0.06
    f = np.asarray(evaluate(parse_expression(formula), {"x": X[:, 0], "y": X[:, 1]}), float)
    y = response @ f
    return SearchProblem(X, y + noise * y.std() * rng.standard_normal(rows), ("x", "y"), response=response)


@pytest.mark.parametrize("formula", ["1.5*x*y/(2 + x) - 0.3*x", "0.7 + 1.2*x - 0.4*y^2"])
def test_finds_the_law_from_sums_over_its_values(formula: str) -> None:
    problem = _sums(formula)
    best = _run(problem).front
    X = {"x": problem.X[:, 0], "y": problem.X[:, 1]}
    found = evaluate(best.candidates[best.best].expression, X)
    assert found == pytest.approx(evaluate(parse_expression(formula), X), rel=1e-5, abs=1e-6)


def test_the_loss_of_sums_is_that_of_the_rows() -> None:
    problem = _sums("x*y - 0.5*x", noise=0.05)
    assert problem.response is not None
    front = _run(problem, evaluations=20_000).front
    one = problem.response.sum(axis=1)
    whole = problem.y @ problem.y - (one @ problem.y) ** 2 / (one @ one)
    for candidate in front.candidates:
        X = {"x": problem.X[:, 0], "y": problem.X[:, 1]}
        values = np.broadcast_to(evaluate(candidate.expression, X), (len(problem.X),))
        left = problem.y - problem.response @ values
        assert candidate.loss == pytest.approx(left @ left / whole, rel=1e-6, abs=1e-12)


def test_a_search_ends_when_nothing_shorter_describes_the_samples() -> None:
    result = _run(_problem("1.4*x - 0.3*x*y", XY, noise=0.05), noise=0.05, settle=4_000, evaluations=10_000_000)
    assert result.outcome == "settled" and result.front.evaluations < 200_000
    again = _run(_problem("1.4*x - 0.3*x*y", XY, noise=0.05), noise=0.05, settle=4_000, evaluations=10_000_000)
    assert result.front.candidates == again.front.candidates


@pytest.mark.parametrize("change", [{"weights": np.ones(150)}, {"response": np.ones((60, 3))}, {"template": "f(x, y)"}])
def test_sums_go_with_nothing_that_belongs_to_samples(change: dict) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="response"):
        _run(replace(_sums("x"), **change), evaluations=1_000)
