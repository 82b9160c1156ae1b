"""Parameters that their place in the equations makes positive: rates of loss, capacities, half-saturations, time constants.

In the systems of the library (`ndestudio.model.library`) such parameters are positive without exception; a fit that lets
them change sign may end in equations that mean nothing (a negative capacity). What is told otherwise, by a bound, a prior
or a start that is not positive, holds instead.

Taken as positive is a parameter that

- divides, alone or in a product (`x/K`, `V/tau`), or is a term of a sum that divides (`x/(K + x)`, `1 + a*h*x`);
- is a power's exponent, the base of one that is no whole number, or a factor in a logarithm or root;
- stands in the exponent behind a minus (`exp(-E/T)`, `exp(-k*t)`);
- is a factor of a term that takes from its own state (`-k*x` in the equation of `x`), of the same term where another state
  gains it, of relaxation (`k*(y - x)`), of logistic growth (`r*x*(1 - x/K)`) or of saturation (`v*x/(K + x)`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number, children, names
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.parse import parse_system
from ndestudio.model.system import System

ROOTS = frozenset({"log", "log10", "log2", "sqrt"})
"""Functions whose argument must be positive."""
CHOICES = frozenset({"if", "piecewise"})
"""Functions that give one of their arguments: what tells a sign of them tells that of each."""
KEPT = 64
"""Systems whose signs are remembered: candidates for a part of one model ask for the same again and again."""
_KNOWN: OrderedDict[tuple[object, ...], frozenset[str]] = OrderedDict()


def assumed_positive(model: FittedModel, nonnegative: Collection[str] = ()) -> frozenset[str]:
    """Free parameters of the known part of a model that are taken as positive because nothing else was said.

    Parameters
    ----------
    nonnegative
        States that are never negative, by what was measured of them.
    """
    config = model.config
    free = [name for name, value in model.parameters.items() if value >= 0 and _open(config.parameters.get(name))]
    return _by_place(config, model.measured, model.inputs, frozenset(nonnegative)) & frozenset(free)


def _open(config: ParameterConfig | None) -> bool:
    """Whether nothing was said about the sign of a parameter."""
    if config is None:
        return True
    normal = config.prior is not None and config.prior.kind == "normal"
    return config.value > 0 and config.bounds == (None, None) and not (config.fixed or config.log or normal)


def _by_place(
    config: ModelConfig, measured: tuple[str, ...], inputs: tuple[str, ...], nonnegative: frozenset[str]
) -> frozenset[str]:
    key = (config.equations, tuple(sorted(config.networks)), measured, inputs, nonnegative)
    if key not in _KNOWN:
        _KNOWN[key] = positive_by_place(parse_system(config, measured, inputs), nonnegative)
        if len(_KNOWN) > KEPT:
            _KNOWN.popitem(last=False)
    return _KNOWN[key]


def positive_by_place(system: System, nonnegative: Collection[str] = ()) -> frozenset[str]:
    """Parameters of ``system`` that stand where those of the library's systems are positive."""
    finder = _Places(system, frozenset(nonnegative))
    for expr in (*system.rhs, *system.outputs.values(), *(one.residual for one in system.algebraic)):
        finder.look(expr)
    finder.rates()
    return frozenset(finder.found)


@dataclass(frozen=True)
class _Product:
    """A term of a sum: its sign and its factors, those that divide apart."""

    sign: int
    factors: tuple[Expr, ...]
    below: tuple[Expr, ...]


@dataclass
class _Places:
    """Looks through expressions for places that tell a sign."""

    system: System
    nonnegative: frozenset[str]
    found: set[str] = field(default_factory=set)

    def look(self, expr: Expr) -> None:
        """Places that tell a sign wherever they stand."""
        match expr:
            case Binary("/", _, below):
                for part in _products(below):
                    if part.sign > 0:
                        self._take(part.factors)
            case Binary("^", base, exponent):
                self._take([exponent])
                if not isinstance(exponent, Number) or exponent.value != int(exponent.value):
                    self._take(_factors(base))
            case Delay(_, lag):
                self._take(_factors(lag))
            case Call("exp", (argument,)):
                for part in _products(argument):
                    if part.sign < 0:
                        self._take(part.factors)
            case Call(function, (argument,)) if function in ROOTS:
                self._take(_factors(argument))
        for child in children(expr):
            self.look(child)

    def rates(self) -> None:
        """Factors of whole terms of the right-hand sides."""
        lost: set[frozenset[Expr]] = set()
        gains: list[_Product] = []
        for state, rhs in zip(self.system.states, self.system.rhs, strict=True):
            for part in _products(rhs):
                if part.sign < 0 and self._takes_from(state, part):
                    self._take(part.factors)
                    lost.add(self._moving(part))
                elif self._relaxes(state, part) or _saturates(part, self.system.parameters):
                    self._take(part.factors)
                else:
                    gains.append(part)
        for part in gains:
            if part.sign > 0 and self._moving(part) in lost:
                self._take(part.factors)

    def _takes_from(self, state: str, part: _Product) -> bool:
        """Whether a negative term vanishes with its state, and whatever else it holds is never negative."""
        moving = self._moving(part)
        own = any(state in names(factor) for factor in moving)
        if state not in self.nonnegative:
            turning = [factor for factor in moving if not (isinstance(factor, Call) and factor.function == "exp")]
            return bool(turning) and all(_changes_sign(factor, state) for factor in turning)
        others = {name for factor in moving for name in names(factor)} - {state}
        others &= {*self.system.states, *self.system.inputs}
        return own and others <= self.nonnegative

    def _relaxes(self, state: str, part: _Product) -> bool:
        """Whether a term draws its state to something (`k*(y - x)`) or limits its growth (`r*x*(1 - x/K)`)."""
        if part.sign < 0:
            return False
        for factor in part.factors:
            terms = list(_products(factor))
            if len(terms) == 2 and terms[0].sign > 0 > terms[1].sign and state in _names_of(terms[1]):
                return state not in _names_of(terms[0])
        return False

    def _moving(self, part: _Product) -> frozenset[Expr]:
        """The factors that change: without numbers and parameters."""
        still = {*self.system.parameters}
        return frozenset(one for one in (*part.factors, *part.below) if not set(names(one)) <= still)

    def _take(self, factors: Collection[Expr]) -> None:
        for factor in factors:
            name = factor.left if isinstance(factor, Binary) and factor.operator == "^" else factor
            if isinstance(name, Call) and name.function in CHOICES:
                self._take([one for one in name.arguments if isinstance(one, Name)])
            elif isinstance(name, Name) and name.name in self.system.parameters:
                self.found.add(name.name)


def _changes_sign(factor: Expr, state: str) -> bool:
    """Whether a factor has the sign of its state (a power that is odd), or none (its size)."""
    match factor:
        case Binary("^", Name(name), Number(power)):
            return name == state and power % 2 == 1
        case Call("abs", (Name(name),)) | Name(name):
            return name == state
        case _:
            return False


def _saturates(part: _Product, parameters: Collection[str]) -> bool:
    """Whether a term is divided by a sum of a parameter and something else, as in `x/(K + x)`."""
    for factor in part.below:
        terms = list(_products(factor))
        constants = [one for one in terms if set(_names_of(one)) <= set(parameters)]
        if len(terms) > 1 and constants and len(constants) < len(terms) and all(one.sign > 0 for one in terms):
            return True
    return False


def _names_of(part: _Product) -> set[str]:
    return {name for factor in (*part.factors, *part.below) for name in names(factor)}


def _products(expr: Expr, sign: int = 1) -> Iterator[_Product]:
    """The terms of a sum."""
    match expr:
        case Binary("+" | "-" as operator, left, right):
            yield from _products(left, sign)
            yield from _products(right, sign if operator == "+" else -sign)
        case Negate(operand):
            yield from _products(operand, -sign)
        case _:
            factors, below, turned = _split(expr)
            yield _Product(sign * turned, factors, below)


def _split(expr: Expr) -> tuple[tuple[Expr, ...], tuple[Expr, ...], int]:
    """Factors, divisors and sign of a product."""
    match expr:
        case Binary("*", left, right):
            (a, b, s), (c, d, u) = _split(left), _split(right)
            return (*a, *c), (*b, *d), s * u
        case Binary("/", left, right):
            (a, b, s), (c, d, u) = _split(left), _split(right)
            return (*a, *d), (*b, *c), s * u
        case Negate(operand):
            a, b, s = _split(operand)
            return a, b, -s
        case Number(value) if value < 0:
            return (Number(-value),), (), -1
        case _:
            return (expr,), (), 1


def _factors(expr: Expr) -> tuple[Expr, ...]:
    return _split(expr)[0]
