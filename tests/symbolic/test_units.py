"""Units of symbolic regression: their text, and searches that respect them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, names, size
from ndestudio.expression.units import parse_unit
from ndestudio.progress import Note, RecordingReporter, SilentReporter
from ndestudio.symbolic import SymbolicRegressor
from ndestudio.symbolic.dimensions import DimensionError, check_dimensions, dimension_of, units_of
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.evolution import EvolutionEngine

pytest.importorskip("ndestudio.symbolic._evolution")

Columns = dict[str, tuple[float, float, str]]


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("mg/L/h", "mass / (length^3 time)"),
        ("m s^-2", "length / time^2"),
        ("1/day", "1 / time"),
        ("h-1", "1 / time"),
        ("per day", "1 / time"),
        ("kg*m^2/s^2", "mass length^2 / time^2"),
        ("W/m²/K", "mass / (time^3 temperature)"),
        ("mol·L⁻¹", "amount / length^3"),
        ("µM", "amount / length^3"),
        ("mmol/(L*min)", "amount / (length^3 time)"),
        ("1e6 cells/mL", "count / length^3"),
        ("m^(1/2)", "length^(1/2)"),
        ("ind/day", "count / time"),
        ("N/kg", "length / time^2"),
        ("V/ohm", "current"),
        ("degC", "temperature"),
        ("%", ""),
        ("rad/s", "1 / time"),
        ("", ""),
    ],
)
def test_units_are_read(text: str, like: str) -> None:
    wanted = {}
    for part, sign in zip(like.split("/ "), (1, -1), strict=False):
        for word in part.strip("() ").split():
            name, _, power = word.partition("^")
            if name not in ("1", ""):
                wanted[name] = sign * Fraction(power.strip("()") or 1)
    unit = parse_unit(text)
    assert dict(unit.powers) == wanted
    assert unit.unknown == ()


def test_unknown_words_are_dimensions_of_their_own() -> None:
    unit = parse_unit("OD/h")
    assert unit.unknown == ("OD",)
    assert unit.powers == {"OD": 1, "time": -1}


@pytest.mark.parametrize("text", ["mg/", "m^", "(m", "m)", "m^x", "m^(1/0)", "?"])
def test_what_is_no_unit_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        parse_unit(text)
    assert f"`{text}`" in str(caught.value)


def _problem(formula: str, columns: Columns, unit_y: str, noise: float = 0.0, **more) -> SearchProblem:
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.uniform(low, high, 300) for low, high, _ in columns.values()])
    y = np.asarray(evaluate(parse_expression(formula), dict(zip(columns, X.T, strict=True))), float)
    y = y + noise * y.std() * rng.standard_normal(len(y))
    return SearchProblem(X, y, tuple(columns), units=tuple(u for _, _, u in columns.values()), unit_y=unit_y, **more)


def _run(problem: SearchProblem, wildcards: str = "constants", evaluations: int = 20_000, **settings) -> SearchResult:
    plain = {"operators": ("+", "-", "*", "/", "sqrt", "exp", "sin", "log", "^"), "seconds": None, "threads": 1}
    options = {"wildcards": wildcards, **settings.pop("options", {})}
    config = SearchConfig(**{**plain, "evaluations": evaluations, "options": options, **settings})
    return EvolutionEngine().search(problem, config, SilentReporter())


class _Equations:
    """Dimensions by linear algebra: an unknown vector per node, an equation per operator. Not how the engine does it."""

    def __init__(self, problem: SearchProblem, wildcards: bool) -> None:
        assert isinstance(problem.unit_y, str)
        units = [parse_unit(u) for u in (*(problem.units or ()), problem.unit_y)]
        self.bases = sorted({name for unit in units for name in unit.powers})
        self.known = {n: self.vector(u) for n, u in zip((*problem.names, "y"), units, strict=True)}
        self.wildcards = wildcards
        self.rows: list[dict[int, float]] = []
        self.right: list[np.ndarray] = []
        self.count = 0

    def vector(self, unit) -> np.ndarray:
        return np.array([float(unit.powers.get(name, 0)) for name in self.bases])

    def fresh(self) -> int:
        self.count += 1
        return self.count - 1

    def demand(self, row: dict[int, float], right: np.ndarray | float = 0.0) -> None:
        self.rows.append(row)
        self.right.append(np.zeros(len(self.bases)) + right)

    def add(self, node: Expr) -> int:
        me = self.fresh()
        match node:
            case Number():
                if not self.wildcards:
                    self.demand({me: 1.0})
            case Name(name):
                self.demand({me: 1.0}, self.known[name])
            case Negate(operand) | Call("abs", (operand,)):
                self.demand({me: 1.0, self.add(operand): -1.0})
            case Call("sqrt", (operand,)):
                self.demand({me: 1.0, self.add(operand): -0.5})
            case Binary("+" | "-", left, right):
                self.demand({me: 1.0, self.add(left): -1.0})
                self.demand({me: 1.0, self.add(right): -1.0})
            case Binary("*" | "/" as operator, left, right):
                self.demand({me: 1.0, self.add(left): -1.0, self.add(right): -1.0 if operator == "*" else 1.0})
            case Binary("^", base, Number(value)):
                self.demand({me: 1.0, self.add(base): -value})
            case Binary("^", base, Negate(Number(value))):
                self.demand({me: 1.0, self.add(base): value})
            case Binary("^", base, exponent):
                for part in (self.add(base), self.add(exponent), me):
                    self.demand({part: 1.0})
            case Call(_, (operand,)):
                self.demand({self.add(operand): 1.0})
                self.demand({me: 1.0})
            case _:
                raise AssertionError(node)
        return me

    def hold(self, expr: Expr) -> bool:
        self.demand({self.add(expr): 1.0}, self.known["y"])
        matrix = np.zeros((len(self.rows), self.count))
        for i, row in enumerate(self.rows):
            for j, value in row.items():
                matrix[i, j] += value
        right = np.array(self.right)
        solution = np.linalg.lstsq(matrix, right, rcond=None)[0]
        return bool(np.abs(matrix @ solution - right).max() < 1e-5)


PENDULUM: Columns = {"L": (0.1, 3.0, "m"), "g": (1.0, 20.0, "m/s^2"), "th": (0.1, 1.2, "rad"), "m": (0.1, 5.0, "kg")}
DRAG: Columns = {
    "rho": (1.0, 1.4, "kg/m^3"),
    "A": (0.1, 3.0, "m^2"),
    "v": (1.0, 20.0, "m/s"),
    "w": (1.0, 20.0, "km/h"),
    "c": (1.0, 3.0, "1"),
}
ENZYME: Columns = {
    "S": (0.1, 3.0, "mmol/L"),
    "P": (0.1, 20.0, "mmol/L"),
    "T": (280.0, 300.0, "K"),
    "k": (0.5, 2.0, "1/h"),
}
LAWS = [
    ("6.283185307179586*sqrt(L/g)*(1 + th^2/16)", PENDULUM, "s"),
    ("0.5*c*rho*A*v^2", DRAG, "N"),
    ("2.5*S/(0.7 + S) - 0.1*P", ENZYME, "mmol/L/h"),
    ("k*S*exp(-S/P)", ENZYME, "mmol/L/h"),
]


@pytest.mark.parametrize(("formula", "columns", "unit_y"), LAWS)
@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("wildcards", ["constants", "none"])
def test_every_member_of_the_front_respects_the_units(
    formula: str, columns: Columns, unit_y: str, noise: float, wildcards: str
) -> None:
    problem = _problem(formula, columns, unit_y, noise)
    result = _run(problem, wildcards, 12_000)
    units = units_of(problem)
    assert units is not None
    for candidate in result.front.candidates:
        assert _Equations(problem, wildcards == "constants").hold(candidate.expression), candidate
        check_dimensions(candidate.expression, units, wildcards == "constants")


@pytest.mark.parametrize(("law", "wildcards"), list(zip(LAWS, ("none", "none", "constants", "none"), strict=True)))
def test_the_law_is_found_among_its_units(law: tuple[str, Columns, str], wildcards: str) -> None:
    formula = law[0]
    result = _run(_problem(*law), wildcards, 70_000)
    best = result.front.candidates[result.front.best]
    assert best.loss < 1e-20
    assert size(best.expression) <= 1.3 * size(parse_expression(formula))


def test_units_rule_out_an_imitation_that_fits_better() -> None:
    # air density hardly varies, so that w, a speed just like v within the noise, and sums of unlike things fit as well
    problem = _problem("0.5*c*rho*A*v^2", DRAG, "N", noise=0.1)
    free = _run(SearchProblem(problem.X, problem.y, problem.names))
    bound = _run(problem, "none")
    assert not all(_Equations(problem, False).hold(c.expression) for c in free.front.candidates)
    chosen = bound.front.candidates[bound.front.best]
    assert set(names(chosen.expression)) == {"c", "rho", "A", "v"}


def test_columns_and_targets_without_a_unit_fit_anywhere() -> None:
    plain = {"a": (0.5, 2.0, ""), "b": (0.5, 2.0, "m")}
    result = _run(_problem("sin(a) + b*a", plain, ""), "none")
    assert min(c.loss for c in result.front.candidates) < 1e-20


def test_a_guess_that_breaks_the_units_is_refused_with_the_reason() -> None:
    for guess, words in {
        "exp(S)": "`exp` takes pure numbers",
        "S + T": "cannot be added",
        "S^T": "exponent",
        "sin(T/T) + min(S, T)": "compared",
    }.items():
        with pytest.raises(ValueError, match=words) as caught:
            _run(_problem("S*k", ENZYME, "mmol/L/h", guesses=(guess,)))
        assert f"`{guess}`" in str(caught.value)
    with pytest.raises(ValueError, match="and y is"):
        _run(_problem("S*k", ENZYME, "mmol/L/h", guesses=("2*S*T",)), "none")
    assert _run(_problem("S*k", ENZYME, "mmol/L/h", guesses=("2*S*T",)), evaluations=2_000).front.candidates


def test_units_that_make_no_sense_are_refused() -> None:
    good = _problem("S*k", ENZYME, "mmol/L/h")
    for units, unit_y, words in [
        (("m",), "s", "1 units were given for 4 columns"),
        (("m", "kg^", "s", "s"), "s", "`kg\\^` cannot be read.*of `P`"),
        (("m", "kg", "s", "s"), "s)", "of y"),
    ]:
        with pytest.raises(ValueError, match=words):
            _run(SearchProblem(good.X, good.y, good.names, units=units, unit_y=unit_y))
    with pytest.raises(ValueError, match="wildcards"):
        _run(good, "some")


def test_words_that_are_no_units_are_named_in_a_warning() -> None:
    problem = _problem("a*b", {"a": (0.5, 2.0, "OD"), "b": (0.5, 2.0, "1/h")}, "OD/h")
    reporter = RecordingReporter()
    config = SearchConfig(operators=("+", "*"), seconds=None, evaluations=2_000, threads=1)
    EvolutionEngine().search(problem, config, reporter)
    assert any(isinstance(e, Note) and "`OD`" in e.text for e in reporter.events)


def test_the_checker_knows_what_numbers_may_be() -> None:
    units = units_of(_problem("S*k", ENZYME, "mmol/L/h"))
    assert units is not None
    check_dimensions(parse_expression("2*S + 3*T"), units)
    check_dimensions(parse_expression("exp(2*S)*k*S"), units)
    with pytest.raises(DimensionError):
        check_dimensions(parse_expression("exp(2*S)*k*S"), units, wildcards=False)
    with pytest.raises(DimensionError):
        check_dimensions(parse_expression("S + T"), units)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("hill(S, T*k*3, 2)", None),
        ("S*hill(S, 2*S, 4)", "S"),
        ("atan2(S, 2*S)*S", "S"),
        ("sign(S)*heaviside(T)*S", "S"),
        ("if(S > 2*S and T < 3*T, S, 3*S)", "S"),
        ("if(T < 1, S, S)", None),
        ("piecewise(S, T < 2*T, 2*S, S == S, 0*S)", "S"),
        ("if(S > T, S, S)", None),
        ("if(S > 2*S, S, T)", None),
        ("hill(S, S, T)*S", None),
        ("sinh(S)*S", None),
        ("erf(S/S)*S", "S"),
        ("max(S, 2*S)", "S"),
        ("min(S, T)", None),
        ("abs(S)*floor(T/T)", "S"),
        ("sqrt(S*S)", "S"),
    ],
)
def test_every_function_has_a_rule_for_units(text: str, unit: str | None) -> None:
    units = units_of(_problem("S*k", ENZYME, "mmol/L/h"))
    assert units is not None
    if unit is None:
        with pytest.raises(DimensionError):
            dimension_of(parse_expression(text), units, wildcards=False)
    else:
        assert dimension_of(parse_expression(text), units, wildcards=False) == dimension_of(Name(unit), units)


def test_the_front_with_units_does_not_depend_on_threads_and_goes_on_from_a_checkpoint(tmp_path) -> None:
    problem = _problem("2.5*S/(0.7 + S) - 0.1*P", ENZYME, "mmol/L/h", noise=0.03)
    one, two = (_run(problem, evaluations=15_000, threads=n) for n in (1, 2))
    assert one.front.candidates == two.front.candidates
    kept = str(tmp_path / "state")
    _run(problem, evaluations=8_000, options={"checkpoint": kept})
    resumed = _run(problem, evaluations=15_000, options={"resume": kept})
    assert resumed.front.candidates == one.front.candidates
    with pytest.raises(ValueError, match="other settings"):
        _run(problem, "none", options={"resume": kept})


def test_the_estimator_takes_units() -> None:
    problem = _problem("0.5*c*rho*A*v^2", DRAG, "N")
    model = SymbolicRegressor(
        ("+", "*", "/"),
        seconds=None,
        evaluations=20_000,
        threads=1,
        units=problem.units,
        unit_y="N",
        options={"wildcards": "none"},
    )
    model.fit(problem.X, problem.y)
    assert model.score(problem.X, problem.y) > 1 - 1e-12


def test_several_targets_have_units_of_their_own() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (200, 2))
    flow, loss = X[:, 0] * X[:, 1], X[:, 0] * np.sin(X[:, 1] / X[:, 0])
    problem = SearchProblem(X, np.column_stack([flow, loss]), ("a", "b"), units=("m", "m"), unit_y=("m^2", "m"))
    result = _run(problem, evaluations=15_000)
    assert min(c.loss for c in result.front.candidates) < 1e-20
    for candidate in result.front.candidates:
        for k, formula in enumerate(candidate.expressions):
            alone = SearchProblem(X, flow, ("a", "b"), units=("m", "m"), unit_y=("m^2", "m")[k])
            assert _Equations(alone, True).hold(formula), formula
    with pytest.raises(ValueError, match="must have the same unit"):
        _run(problem, "none")
    with pytest.raises(ValueError, match="3 units were given for the 2 columns of y"):
        _run(SearchProblem(X, problem.y, ("a", "b"), units=("m", "m"), unit_y=("m", "m", "m")))
