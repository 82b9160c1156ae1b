"""Taylor coefficients of the solutions of equations, enclosed by intervals, with their derivatives by the start.

Automatic differentiation on a tape (Moore 1966; Rall 1981): each node of the formulas keeps its coefficients in time, each of them
with its derivatives by the states at the begin of the step. Coefficient k of the state is coefficient k - 1 of its right-hand side
over k. Several cases (a point, a box, an enclosure of a step) go through one tape side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.expression.tree import CONSTANTS, Binary, Call, Expr, Name, Negate, Number
from ndestudio.reach.intervals import FUNCTIONS, Interval, Unbounded, whole_number, written_out

Coefficient = Interval
"""[case, 1 + state]: the value and its derivatives by the states at the begin."""


class Node:
    """A formula on the tape; ``rule`` gives its next coefficient from those of its parts."""

    def __init__(self, rule: Callable[[int], Coefficient]) -> None:
        self.rule = rule
        self.known: list[Coefficient] = []

    def at(self, order: int) -> Coefficient:
        while len(self.known) <= order:
            self.known.append(self.rule(len(self.known)))
        return self.known[order]


class Tape:
    """The right-hand sides of a system, ready for coefficients of any order.

    Parameters
    ----------
    rhs
        Formulas of states, ``values`` and `t`.
    states
        Names.
    start
        [case, state] at the begin of the step.
    t
        [case] time of the begin (of an enclosure of a step, all its times).
    values
        What does not change during the step.
    """

    def __init__(
        self, rhs: Sequence[Expr], states: Sequence[str], start: Interval, t: Interval, values: Mapping[str, float]
    ) -> None:
        self._cases, self._size = start.lower.shape
        self._values = values
        self._memo: dict[Expr, Node] = {}
        self.states: list[Node] = []
        for k, name in enumerate(states):
            node = Node(lambda order, k=k: self._next(order, k))
            first = self._constant(start[:, k])
            first.lower[:, 1 + k] = first.upper[:, 1 + k] = 1.0
            node.known.append(first)
            self.states.append(node)
            self._memo[Name(name)] = node
        clock = Node(lambda order: self._constant(1.0 if order == 1 else 0.0))
        clock.known.append(self._constant(t))
        self._memo.setdefault(Name("t"), clock)
        self.slopes = [self.node(one) for one in rhs]

    def coefficients(self, order: int) -> Interval:
        """[case, state, 1 + state] of order ``order``."""
        found = [one.at(order) for one in self.states]
        return Interval(np.stack([one.lower for one in found], axis=1), np.stack([one.upper for one in found], axis=1))

    def _next(self, order: int, state: int) -> Coefficient:
        return self.slopes[state].at(order - 1) * (Interval(1.0) / float(order))

    def _constant(self, value: Interval | float) -> Coefficient:
        lower, upper = np.zeros((2, self._cases, 1 + self._size))
        one = value if isinstance(value, Interval) else Interval(value)
        lower[:, 0], upper[:, 0] = one.lower, one.upper
        return Interval(lower, upper)

    def node(self, expr: Expr) -> Node:
        found = self._memo.get(expr)
        if found is None:
            found = self._memo[expr] = self._made(expr)
        return found

    def _made(self, expr: Expr) -> Node:
        match expr:
            case Number(value):
                return self._still(Interval(value))
            case Name(name):
                if name in CONSTANTS and name not in self._values:
                    return self._still(Interval(np.nextafter(np.pi, 0.0), np.nextafter(np.pi, 4.0)))
                return self._still(Interval(self._values[name]))
            case Negate(operand):
                inner = self.node(operand)
                return Node(lambda k: -inner.at(k))
            case Binary("^", left, right):
                return self._power(left, right)
            case Binary(operator, left, right):
                a, b = self.node(left), self.node(right)
                if operator == "+":
                    return Node(lambda k: a.at(k) + b.at(k))
                if operator == "-":
                    return Node(lambda k: a.at(k) - b.at(k))
                return self._product(a, b) if operator == "*" else self._quotient(a, b)
            case Call(function, arguments):
                if function in ("exp", "log", "sqrt", "sin", "cos", "tanh"):
                    return getattr(self, f"_{function}")(arguments[0])
                if function in ("abs", "min", "max"):
                    raise EquationError(
                        f"`{function}` has a corner, where solutions have no Taylor series; ask for a statistical tube"
                    )
                return self.node(written_out(function, arguments))
        raise EquationError("delayed values have no enclosure here")

    def _still(self, value: Interval) -> Node:
        return Node(lambda k: self._constant(value if k == 0 else 0.0))

    def _product(self, a: Node, b: Node) -> Node:
        if a is b:
            return Node(lambda k: self._square(a, k))
        return Node(lambda k: _convolved([(a.at(j), b.at(k - j)) for j in range(k + 1)]))

    def _square(self, a: Node, k: int) -> Coefficient:
        pairs = [(a.at(j), a.at(k - j)) for j in range((k + 1) // 2)]
        found = _convolved(pairs) * 2.0 if pairs else None
        if k % 2 == 0:
            half = a.at(k // 2)
            middle = _joined(half[:, :1].squared(), half[:, :1] * half[:, 1:] * 2.0)
            found = middle if found is None else found + middle
        assert found is not None
        return found

    def _quotient(self, a: Node, b: Node) -> Node:
        """q b = a: q_k = (a_k - sum_j<k q_j b_(k-j)) / b_0."""
        node = Node(lambda k: self._constant(0.0))

        def rule(k: int) -> Coefficient:
            rest = a.at(k)
            if k:
                rest = rest - _convolved([(node.at(j), b.at(k - j)) for j in range(k)])
            return _divided(rest, b.at(0))

        node.rule = rule
        return node

    def _power(self, left: Expr, right: Expr) -> Node:
        whole = whole_number(right)
        if whole is None:
            return self._exp(Binary("*", right, Call("log", (left,))))
        if whole < 0:
            return self._quotient(self._still(Interval(1.0)), self._power(left, Number(float(-whole))))
        if whole == 0:
            return self._still(Interval(1.0))
        base = self.node(left)
        if whole == 1:
            return base
        half = self.node(Binary("^", left, Number(float(whole // 2))))
        square = self._product(half, half)
        return square if whole % 2 == 0 else self._product(square, base)

    def _exp(self, argument: Expr) -> Node:
        """y' = y u': k y_k = sum_j j u_j y_(k-j)."""
        u = self.node(argument)
        node = Node(lambda k: self._constant(0.0))
        node.rule = lambda k: _chain(u.at(0), "exp") if k == 0 else _weighted(u, node, k)
        return node

    def _log(self, argument: Expr) -> Node:
        """u y' = u': y_k = (u_k - sum_j<k (j/k) y_j u_(k-j)) / u_0."""
        u = self.node(argument)
        node = Node(lambda k: self._constant(0.0))

        def rule(k: int) -> Coefficient:
            if k == 0:
                return _chain(u.at(0), "log")
            rest = u.at(k)
            if k > 1:
                pairs = [(node.at(j) * (Interval(float(j)) / float(k)), u.at(k - j)) for j in range(1, k)]
                rest = rest - _convolved(pairs)
            return _divided(rest, u.at(0))

        node.rule = rule
        return node

    def _sqrt(self, argument: Expr) -> Node:
        """y^2 = u: y_k = (u_k - sum_0<j<k y_j y_(k-j)) / (2 y_0)."""
        u = self.node(argument)
        node = Node(lambda k: self._constant(0.0))

        def rule(k: int) -> Coefficient:
            if k == 0:
                return _chain(u.at(0), "sqrt")
            rest = u.at(k)
            if k > 1:
                rest = rest - _convolved([(node.at(j), node.at(k - j)) for j in range(1, k)])
            return _divided(rest, node.at(0) * 2.0)

        node.rule = rule
        return node

    def _sin(self, argument: Expr) -> Node:
        return self._angles(argument)[0]

    def _cos(self, argument: Expr) -> Node:
        return self._angles(argument)[1]

    def _angles(self, argument: Expr) -> tuple[Node, Node]:
        """s' = c u', c' = -s u'."""
        u = self.node(argument)
        sine, cosine = Node(lambda k: self._constant(0.0)), Node(lambda k: self._constant(0.0))
        sine.rule = lambda k: _chain(u.at(0), "sin") if k == 0 else _weighted(u, cosine, k)
        cosine.rule = lambda k: _chain(u.at(0), "cos") if k == 0 else -_weighted(u, sine, k)
        self._memo[Call("sin", (argument,))], self._memo[Call("cos", (argument,))] = sine, cosine
        return sine, cosine

    def _tanh(self, argument: Expr) -> Node:
        """y' = (1 - y^2) u'."""
        u = self.node(argument)
        node = Node(lambda k: self._constant(0.0))
        square = self._product(node, node)
        rest = Node(lambda k: self._constant(1.0 if k == 0 else 0.0) - square.at(k))
        node.rule = lambda k: _chain(u.at(0), "tanh") if k == 0 else _weighted(u, rest, k)
        return node


def _joined(value: Interval, slopes: Interval) -> Coefficient:
    return Interval(
        np.concatenate([value.lower, slopes.lower], axis=1), np.concatenate([value.upper, slopes.upper], axis=1)
    )


def _convolved(pairs: Sequence[tuple[Coefficient, Coefficient]]) -> Coefficient:
    """sum_j a_j b_j of values with derivatives."""
    a, b = (
        Interval(np.stack([pair[k].lower for pair in pairs]), np.stack([pair[k].upper for pair in pairs]))
        for k in (0, 1)
    )
    value = a[..., :1] * b[..., :1]
    slopes = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:]
    whole = Interval(
        np.concatenate([value.lower, slopes.lower], axis=-1), np.concatenate([value.upper, slopes.upper], axis=-1)
    )
    return whole.sum(0)


def _weighted(u: Node, y: Node, k: int) -> Coefficient:
    """sum_j (j/k) u_j y_(k-j), j from 1."""
    return _convolved([(u.at(j) * (Interval(float(j)) / float(k)), y.at(k - j)) for j in range(1, k + 1)])


def _divided(a: Coefficient, b: Coefficient) -> Coefficient:
    value = a[:, :1] / b[:, :1]
    return _joined(value, (a[:, 1:] - value * b[:, 1:]) / b[:, :1])


def _chain(u: Coefficient, function: str) -> Coefficient:
    """A function of the first coefficient, with its derivatives."""
    x = u[:, :1]
    value = FUNCTIONS[function](x)
    match function:
        case "exp":
            slope = value
        case "log":
            slope = Interval(1.0) / x
        case "sqrt":
            slope = Interval(0.5) / value
        case "sin":
            slope = FUNCTIONS["cos"](x)
        case "cos":
            slope = -FUNCTIONS["sin"](x)
        case "tanh":
            slope = Interval(1.0) - value.squared()
        case _:
            raise Unbounded(function)
    return _joined(value, slope * u[:, 1:])
