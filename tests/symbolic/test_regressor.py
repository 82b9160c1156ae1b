"""The estimator: conventions, errors, table; on the embedded engine with small budgets."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import polars
import pytest

from ndestudio.expression import to_text
from ndestudio.progress import RecordingReporter
from ndestudio.symbolic import ENGINES, PRESETS, SymbolicRegressor, resolve_operators
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.selection import make_front, pareto

QUICK = {"operators": "rational", "seconds": None, "evaluations": 20_000, "threads": 1}


def _data(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).uniform(0.1, 4.0, (rows, 2))
    return X, X[:, 1] / (1 + X[:, 1])


@pytest.fixture(scope="module")
def fitted() -> SymbolicRegressor:
    return SymbolicRegressor(**QUICK).fit(*_data())


def test_finds_the_formula_and_predicts(fitted: SymbolicRegressor) -> None:
    X, y = _data()
    assert fitted.score(X, y) == pytest.approx(1.0, abs=1e-12)
    wide = np.random.default_rng(1).uniform(4.0, 8.0, (50, 2))
    np.testing.assert_allclose(fitted.predict(wide), wide[:, 1] / (1 + wide[:, 1]), rtol=1e-6)
    assert fitted.n_features_in_ == 2
    assert fitted.names_ == ("x0", "x1")
    assert fitted.outcome_ in ("solved", "limit")


def test_sympy_and_latex(fitted: SymbolicRegressor) -> None:
    import sympy

    x1 = sympy.Symbol("x1")
    difference = fitted.sympy() - x1 / (1 + x1)
    found = [abs(complex(difference.subs(x1, value).evalf())) for value in (0.5, 2.0, 7.0)]
    assert max(found) < 1e-6
    assert "frac" in fitted.latex()


def test_front_is_a_table(fitted: SymbolicRegressor) -> None:
    front = fitted.front
    assert len(front) == len(fitted.front_.candidates)
    assert [row.complexity for row in front] == sorted(row.complexity for row in front)
    assert sum(front.column("chosen")) == 1
    frame = front.to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame["formula"].to_list() == front.column("formula")
    assert frame["loss"].to_list() == sorted(frame["loss"].to_list(), reverse=True)
    assert front._repr_html_().count("<tr") == len(front) + 1
    assert front[0].formula in repr(front)
    assert front[-1:] == (front[len(front) - 1],)
    with pytest.raises(KeyError, match="no column `error`"):
        front.column("error")
    np.testing.assert_allclose(fitted.predict(_data()[0], index=0), fitted.predict(_data()[0], index=-len(front)))
    with pytest.raises(IndexError, match="members"):
        fitted.predict(_data()[0], index=99)


def test_same_seed_same_front() -> None:
    X, y = _data()
    noisy = y + 0.02 * np.random.default_rng(2).standard_normal(len(y))
    fronts = [SymbolicRegressor(**QUICK, seed=3).fit(X, noisy).front.column("formula") for _ in range(2)]
    assert fronts[0] == fronts[1]


def test_data_frames_keep_their_names() -> None:
    X, y = _data()
    frame = polars.DataFrame({"hare": X[:, 0], "lynx": X[:, 1]})
    model = SymbolicRegressor(**QUICK).fit(frame, y)
    assert list(model.feature_names_in_) == ["hare", "lynx"]
    assert "lynx" in to_text(model.expression_)
    np.testing.assert_allclose(model.predict(frame), y, atol=1e-6)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename({"hare": "rabbit"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_names_that_are_no_identifiers_get_plain_ones() -> None:
    X, y = _data()
    model = SymbolicRegressor(**QUICK).fit(polars.DataFrame({"body mass": X[:, 0], "sin": X[:, 1]}), y)
    assert model.names_ == ("x0", "x1")


def test_parameters_can_be_got_and_set() -> None:
    model = SymbolicRegressor(seed=4)
    assert model.get_params()["seed"] == 4
    assert model.set_params(max_size=12, operators=("+", "*")).max_size == 12
    with pytest.raises(ValueError, match="Invalid parameter 'sede'"):
        model.set_params(sede=1)
    assert repr(SymbolicRegressor("rational", seed=4)) == "SymbolicRegressor(operators='rational', seed=4)"


def test_not_fitted_is_said() -> None:
    for use in (
        lambda m: m.predict([[1.0]]),
        lambda m: m.front,
        lambda m: m.sympy(),
        lambda m: m.score([[1.0]], [1.0]),
    ):
        with pytest.raises((ValueError, AttributeError), match="not fitted"):
            use(SymbolicRegressor())


X, Y = _data(20)


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X), Y, "X holds NaN in row 3, column 1"),
        (X, np.where(np.arange(20) == 5, np.inf, Y), "y holds infinity in row 5"),
        (X, np.full(20, 2.5), "y is constant .2.5 in all"),
        (X[:1], Y[:1], "1 sample"),
        (np.ones((20, 10_000)), Y, "10000 columns"),
        (X * (1e308 / 4), Y, "overflow"),
        (X, Y * 1e308, "overflow"),
        (X[:, 0], Y, "Reshape your data"),
        (X, np.stack([Y, np.ones(20)], axis=1), "column 1 of y is constant"),
        (X, np.ones((20, 9)) * Y[:, None], "9 targets; at most 8"),
        (X, np.ones((20, 2, 2)), "1d array"),
        (X, np.empty((20, 0)), "one column for each target"),
        (X, Y[:-1], "inconsistent numbers"),
        (X, None, "requires y to be passed"),
        (np.empty((0, 2)), np.empty(0), "0 sample"),
        (np.empty((20, 0)), Y, "0 feature"),
        (X + 1j, Y, "Complex data not supported"),
        ([["a", "b"]] * 20, Y, "no number"),
    ],
)
def test_unusable_data_are_explained(X: object, y: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SymbolicRegressor(**QUICK).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"operators": ("+", "sine")}, "unknown operator `sine`; did you mean `sin`"),
        ({"operators": "kinetic"}, "did you mean `kinetics`"),
        ({"operators": ()}, "no operators"),
        ({"loss": "cubes"}, "unknown loss"),
        ({"engine": "operon"}, "no engine `operon`"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"complexity": {"sni": 2}}, "unknown operator `sni`"),
        ({"complexity": {"+": 0}}, "1 or more"),
    ],
)
def test_unusable_settings_are_explained(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SymbolicRegressor(**{**QUICK, **settings}).fit(X, Y)


def test_weights_count() -> None:
    x = np.linspace(0.0, 3.0, 50)
    y = np.where(np.arange(50) % 2 == 0, 2.0 * x + 1.0, 40.0)
    model = SymbolicRegressor(operators=("+", "*"), seconds=None, evaluations=3000, held_out=0.0, threads=1)
    model.fit(x[:, None], y, sample_weight=np.where(np.arange(50) % 2 == 0, 1.0, 0.0))
    np.testing.assert_allclose(model.predict(x[:, None]), 2.0 * x + 1.0, atol=1e-6)
    with pytest.raises(ValueError, match="one weight per row"):
        model.fit(x[:, None], y, sample_weight=np.ones(49))


def test_reporter_stops_the_search() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    reporter = RecordingReporter(stop_after=20)
    model = SymbolicRegressor(seconds=60, threads=1).fit(X, rng.normal(size=100), reporter=reporter)
    assert model.outcome_ == "stopped"


class _Found:
    """An engine that finds what it is told to, for the estimator's own logic."""

    name = "fake"
    candidates: tuple[Candidate, ...] = ()
    problem: SearchProblem
    config: SearchConfig

    def unavailable(self) -> None:
        return None

    def search(self, problem: SearchProblem, config: SearchConfig, *rest: object) -> SearchResult:
        type(self).problem, type(self).config = problem, config
        return SearchResult(Front(self.candidates, best=len(self.candidates) - 1), "limit", "done")


def test_settings_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "get", lambda name: _Found())
    data = _data(100)
    SymbolicRegressor(
        "kinetics",
        seed=5,
        noise=0.1,
        guesses=("x0",),
        units=("s", "m"),
        unit_y="m",
        options={"populations": 4},
        max_depth=6,
    ).fit(*data, sample_weight=np.arange(100.0))
    config, problem = _Found.config, _Found.problem
    assert config.operators == PRESETS["kinetics"].operators
    assert config.complexity == {"exp": 2, "log": 2, "sqrt": 2}
    assert (config.seed, config.noise, config.options, config.max_depth) == (5, 0.1, {"populations": 4}, 6)
    assert (problem.units, problem.unit_y, problem.guesses) == (("s", "m"), "m", ("x0",))
    assert problem.X_held_out is not None and len(problem.X_held_out) == 20
    assert len(problem.y) == 80 and problem.weights is not None
    both = np.concatenate([problem.X, problem.X_held_out])
    np.testing.assert_array_equal(np.sort(both[:, 0]), np.sort(data[0][:, 0]))


def test_a_search_that_finds_nothing_leaves_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "get", lambda name: _Found())
    X, y = _data(20)
    model = SymbolicRegressor().fit(X, y)
    assert model.predict(X) == pytest.approx(np.full(20, y.mean()))
    assert "mean" in model.front_.reason
    assert model.score(X, y) == pytest.approx(0.0)


def test_presets_and_lists_mix() -> None:
    operators, costs = resolve_operators(("rational", "tanh", "**"), {"tanh": 3})
    assert operators == ("+", "-", "*", "/", "tanh", "^")
    assert costs == {"tanh": 3}
    for preset in PRESETS.values():
        assert resolve_operators(preset.name)[0] == preset.operators


def test_pareto_keeps_what_improves() -> None:
    from ndestudio.expression import parse_expression

    made = [
        Candidate(c, loss, parse_expression(f"x + {c}"))
        for c, loss in ((3, 0.5), (1, 1.0), (5, 0.6), (5, 0.1), (7, math.inf))
    ]
    front = pareto(made)
    assert [(c.complexity, c.loss) for c in front] == [(1, 1.0), (3, 0.5), (5, 0.1)]
    assert front[1].score == pytest.approx(math.log(2.0) / 2)
    assert make_front([], rows=10, vocabulary=3).best == -1


def test_several_targets_share_terms() -> None:
    import sympy

    samples = np.random.default_rng(3).uniform(0.1, 5.0, (200, 2))
    x, y = samples.T
    targets = polars.DataFrame({"hare": 1.1 * x - 0.4 * x * y, "lynx": 0.1 * x * y - 0.4 * y})
    model = SymbolicRegressor(**QUICK).fit(polars.DataFrame({"x": x, "y": y}), targets)
    assert model.target_names_ == ("hare", "lynx")
    wide = polars.DataFrame({"x": 3.0 * x, "y": 2.0 * y})
    truth = np.stack([3.3 * x - 2.4 * x * y, 0.6 * x * y - 0.8 * y], axis=1)
    assert model.predict(wide) == pytest.approx(truth, rel=1e-9)
    assert model.score(wide, truth) == pytest.approx(1.0)
    assert model.predict(wide, index=0).shape == (200, 2)
    found = model.sympy()
    assert isinstance(found, list)
    assert [sorted(map(str, f.free_symbols)) for f in found] == [["x", "y"]] * 2
    assert all(isinstance(f, sympy.Expr) for f in found)
    assert len(model.latex()) == 2
    assert ";" in model.front[-1].formula
    with pytest.raises(ValueError, match="shape"):
        model.score(wide, truth[:, 0])


SKIPPED = {
    "check_sample_weight_equivalence_on_dense_data": "a random search takes another path when rows are repeated instead of weighted",
    "check_sample_weight_equivalence_on_sparse_data": "sparse input is refused",
}
"""Checks of scikit-learn that do not apply, and why."""


@pytest.mark.slow
def test_scikit_learn_estimator_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    monkeypatch.chdir(tmp_path)
    model = SymbolicRegressor(operators="rational", seconds=None, evaluations=3000, threads=1, max_size=15)
    with warnings.catch_warnings():
        # scikit-learn warns that its base class is not inherited; it is not needed, which is the point
        warnings.filterwarnings("ignore", ".*does not inherit from.*BaseEstimator", UserWarning)
        results = check_estimator(model, on_fail=None, on_skip=None, expected_failed_checks=dict(SKIPPED))
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 30
