"""A known system with one of its terms hidden: the model a person would write, and the term to be found again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.training.zoo import Known
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.numeric import evaluate, fold
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Expr, Name, Negate, Number, names, substitute
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.parse import parse_system
from ndestudio.model.statements import Statement, read_statements
from ndestudio.model.system import System

NEURAL_TERM = "unknown"
TRUTH = "hidden_truth"
MOST_ARGUMENTS = 3


@dataclass(frozen=True, eq=False)
class Hidden:
    """A system in given units with one term unknown.

    Parameters
    ----------
    full
        All known, with the term as the output ``TRUTH``.
    model
        What is trained.
    term
        The text of the term.
    arguments
        Of the neural term.
    scale
        Of the states' units.
    """

    known: Known
    full: System
    model: ModelConfig
    term: str
    arguments: tuple[str, ...]
    scale: float

    def solve(self, t: np.ndarray, start: np.ndarray, u: np.ndarray) -> np.ndarray:
        """True states at ``t`` from ``start`` under inputs ``u`` [time, input] (linear between rows)."""
        order = ("t", *self.full.states, *self.known.inputs, *self.full.parameters)
        slots = {name: k for k, name in enumerate(order)}
        functions = compile_system(self.full.rhs, slots)
        constants = [self.known.values[name] for name in self.full.parameters]

        def slope(time: float, y: np.ndarray) -> list[float]:
            values = [time, *y, *[np.interp(time, t, u[:, k]) for k in range(u.shape[1])], *constants]
            return [f(values) for f in functions]

        longest = float(np.diff(t).max()) if u.shape[1] else np.inf
        size = self.scale * np.array([max(abs(one), 1e-3) for one in self.known.initial.values()])
        return solve_ivp(
            slope, (t[0], t[-1]), start, t_eval=t, method="LSODA", rtol=1e-9, atol=1e-9 * size, max_step=longest
        ).y.T

    def truth(self, t: np.ndarray, y: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Arguments of the neural term [point, argument] along a trajectory, and the hidden term there."""
        values = {
            "t": t,
            **dict(zip(self.full.states, y.T, strict=True)),
            **dict(zip(self.known.inputs, u.T, strict=True)),
        }
        X = np.stack([values[name] for name in self.arguments], axis=-1)
        found = evaluate(self.full.outputs[TRUTH], {**values, **self.known.values})
        return X, np.broadcast_to(found, len(t)).astype(float)


@dataclass(frozen=True)
class _Term:
    """A summand of an equation, or a whole quantity. ``where``: the state or quantity."""

    where: str
    expr: Expr
    quantity: bool


def hidden(known: Known, scale: float = 1.0) -> list[Hidden]:
    """The system with each of its terms hidden in turn, in units in which every state is ``scale`` times as large."""
    statements = [_scaled(one, known, scale) for one in read_statements(known.equations)[0]]
    found = []
    for term in _terms(statements):
        if known.hide and term.where != known.hide:
            continue
        one = _hidden(known, statements, term, scale)
        if one is not None:
            found.append(one)
    return found


def least_linear(known: Known, scale: float = 1.0) -> Hidden:
    """The system with that term hidden which a linear function of its arguments follows worst along a trajectory."""

    def bend(one: Hidden) -> float:
        t = np.linspace(0.0, known.span, 200)
        start = scale * np.array(list(known.initial.values()))
        u = np.zeros((len(t), len(known.inputs)))
        X, f = one.truth(t, one.solve(t, start, u), u)
        A = np.column_stack([np.ones(len(X)), X])
        A = A / np.maximum(np.abs(A).max(axis=0), 1e-300)
        left = f - A @ np.linalg.lstsq(A, f, rcond=None)[0]
        return float(np.std(left) / max(np.std(f), 1e-9 * np.abs(f).max(), 1e-300))

    return max(hidden(known, scale), key=bend)


def _scaled(statement: Statement, known: Known, scale: float) -> Statement:
    if scale == 1.0 or statement.expr is None:
        return statement
    expr = substitute(statement.expr, {state: Binary("/", Name(state), Number(scale)) for state in known.initial})
    if statement.kind == "derivative":
        expr = _sum([(sign, Binary("*", Number(scale), part)) for sign, part in _summands(expr)])
    return replace(statement, expr=expr)


def _terms(statements: list[Statement]) -> list[_Term]:
    found: list[_Term] = []
    for one in statements:
        assert one.expr is not None
        parts = [one.expr] if one.kind == "quantity" else [part for _, part in _summands(one.expr)]
        found += [_Term(one.name, part, one.kind == "quantity") for part in parts]
    return found


def _summands(expr: Expr) -> list[tuple[int, Expr]]:
    match expr:
        case Binary("+", left, right):
            return [*_summands(left), *_summands(right)]
        case Binary("-", left, right):
            return [*_summands(left), *[(-sign, part) for sign, part in _summands(right)]]
        case Negate(operand):
            return [(-sign, part) for sign, part in _summands(operand)]
    return [(1, expr)]


def _sum(parts: list[tuple[int, Expr]]) -> Expr:
    sign, total = parts[0]
    total = total if sign > 0 else Negate(total)
    for sign, part in parts[1:]:
        total = Binary("+" if sign > 0 else "-", total, part)
    return total


def _hidden(known: Known, statements: list[Statement], term: _Term, scale: float) -> Hidden | None:
    lines = [f"{_left(one)} = {to_text(one.expr)}" for one in statements if one.expr is not None]
    states, inputs = tuple(known.initial), tuple(known.inputs)
    text = "\n".join([*lines, f"{TRUTH} = {to_text(term.expr)}"])
    full = parse_system(ModelConfig(equations=text), (*states, TRUTH), inputs)
    reads = names(full.outputs[TRUTH])
    arguments = tuple(name for name in ("t", *states, *inputs) if name in reads)
    if not arguments or len(arguments) > MOST_ARGUMENTS or not set(arguments) & set(states):
        return None
    call = f"{NEURAL_TERM}({', '.join(arguments)})"
    trained = []
    for one in statements:
        assert one.expr is not None
        if term.quantity:
            right = call if one.name == term.where else to_text(one.expr)
        elif one.kind == "derivative":
            parts = [(sign, Name("__neural_term") if part == term.expr else part) for sign, part in _summands(one.expr)]
            right = to_text(_sum(parts)).replace("__neural_term", call)
        else:
            right = to_text(one.expr)
        trained.append(f"{_left(one)} = {right}")
    model = ModelConfig(
        equations="\n".join(trained),
        networks={NEURAL_TERM: NetworkConfig()},
    )
    values = {
        name: ParameterConfig(value=known.values[name], fixed=True)
        for name in parse_system(model, states, inputs).parameters
    }
    model = msgspec.structs.replace(model, parameters=values)
    return Hidden(known, full, model, to_text(fold(term.expr)), arguments, scale)


def _left(statement: Statement) -> str:
    return f"d({statement.name})/dt" if statement.kind == "derivative" else statement.name
