"""Interval tubes: enclosures of every solution from a box of starts, for models of formulas.

Lohner's method (Lohner 1988; Nedialkov, Jackson and Corliss 1999, Appl. Math. Comput. 105, 21). A step from time t to t + h

1. finds a box E that holds all solutions over the step: y + [0, h] f(E) lies inside E (Picard-Lindelof),
2. takes the Taylor polynomial of the flow at the middle m and the remainder of order p on E,
3. adds the spread of the starts by the mean value theorem: J (x - m), with J the derivative of the polynomial on the whole box.

The set is kept as m + C r + Q q: C carries the box of starts r itself (so that nothing wraps where the flow is linear), Q, orthogonal,
the errors q. All arithmetic is rounded outward. For a ball of starts the box around it is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.errors import EquationError
from ndestudio.expression.tree import Binary, Expr, Name, Number, substitute
from ndestudio.model.events import GIVEN, new_values
from ndestudio.reach.flow import Flow
from ndestudio.reach.intervals import Interval, Unbounded, enclose, matrix_product, outward
from ndestudio.reach.taylor import Tape
from ndestudio.reach.tube import ReachTube, ball_text

ORDER = 6
"""Of the Taylor polynomial; the remainder is of this order."""
TOLERANCE = 1e-7
"""Width of the remainder of a step over the width of the set, that steps are chosen for (and no less than rounding)."""
FLOOR = 1e-13
"""The same, over the size of a state."""
SHORTEST = 1e-9
"""Shortest step, over the time of the tube."""
EXPLODED = 1e3
"""Width of a state over the range that the middle covers, at which the enclosure has lost its meaning."""
SECONDS = 120.0
"""What an interval tube may take."""


@dataclass(eq=False)
class Enclosure:
    """The set of solutions at one time: middle + C r + Q q."""

    middle: Float[np.ndarray, " state"]
    C: Float[np.ndarray, "state state"]
    r: Interval
    Q: Float[np.ndarray, "state state"]
    q: Interval

    @property
    def spread(self) -> Interval:
        return matrix_product(self.C, self.r) + matrix_product(self.Q, self.q)

    @property
    def box(self) -> Interval:
        return self.spread + self.middle

    def mapped(self, value: Interval, J: Interval) -> Enclosure:
        """The set after a map with the values ``value`` (at the middle, with the errors of it) and the derivative ``J`` on the box."""
        middle = value.middle
        JC, JQ = matrix_product(J, self.C), matrix_product(J, self.Q)
        C = JC.middle
        rest = matrix_product(JC - C, self.r) + (value - middle)
        # columns in the order of their length on the box: the longest keeps its direction
        lengths = np.linalg.norm(JQ.middle, axis=0) * self.q.size
        order = np.argsort(-lengths, kind="stable")
        Q, _ = np.linalg.qr(JQ.middle[:, order])
        inverse = _inverse(Q)
        q = matrix_product(matrix_product(inverse, JQ), self.q) + matrix_product(inverse, rest)
        return Enclosure(middle, C, self.r, Q, q)


def _inverse(Q: Float[np.ndarray, "state state"]) -> Interval:
    """The inverse of a nearly orthogonal matrix: Q^T (I - E)^-1 with E = I - Q Q^T, a geometric series enclosed by its norm."""
    E = Interval(np.eye(len(Q))) - matrix_product(Q, Q.T)
    norm = float(E.size.sum(axis=1).max())
    if not norm < 0.5:
        raise Unbounded("the set has collapsed")
    slack = norm / (1.0 - norm) * 1.0000001
    return matrix_product(Q.T, outward(np.eye(len(Q)) - slack, np.eye(len(Q)) + slack))


def interval_tube(flow: Flow, *, should_stop: Callable[[], bool] = lambda: False) -> ReachTube:
    """The tube of a flow; where no enclosure is found any more it ends, and its sentence says when and why.

    Raises
    ------
    EquationError
        Networks, events that wait for conditions or move, algebraic equations, or functions without a Taylor series.
    """
    return _Run(flow, should_stop).tube()


class _Run:
    def __init__(self, flow: Flow, should_stop: Callable[[], bool]) -> None:
        _refuse(flow)
        model, starts = flow.model, flow.starts
        self._flow, self._should_stop = flow, should_stop
        self._states = (*model.system.states, *starts.parameters)
        self._count = len(model.system.states)
        self._values = {
            name: float(model.parameters[name]) for name in model.system.parameters if name not in starts.parameters
        }
        self._control = flow.control if model.system.inputs else None
        half = outward(0.5 * (starts.upper - starts.lower), 0.5 * (starts.upper - starts.lower), 2).upper
        middle = np.concatenate([starts.centre, 0.5 * (starts.lower + starts.upper)])
        radius = np.concatenate([starts.radius, half])
        size = len(middle)
        # centre + radius * z may round: the set of starts is that of the numbers as given
        self._set = Enclosure(middle, np.eye(size), Interval(-radius, radius), np.eye(size), Interval(np.zeros(size)))
        self._deadline = time.monotonic() + SECONDS
        self.why = ""

    def tube(self) -> ReachTube:
        t = self._flow.t
        count = self._count
        boxes = np.full((2, len(t), count), np.nan)
        between = np.full((2, len(t) - 1, count), np.nan)
        self._events(float(t[0]))
        boxes[:, 0] = self._ends(self._set.box)
        stops = self._stops()
        for k in range(1, len(t)):
            try:
                hull = self._onward(float(t[k - 1]), float(t[k]), stops)
            except Unbounded as problem:
                self.why = str(problem)
                break
            boxes[:, k], between[:, k - 1] = self._ends(self._set.box), self._ends(hull)
            self._look(boxes, k)
            if self.why:
                boxes[:, k:], between[:, k - 1 :] = np.nan, np.nan
                break
        return self._result(boxes, between)

    def _ends(self, box: Interval) -> Float[np.ndarray, "2 state"]:
        return np.stack([box.lower[: self._count], box.upper[: self._count]])

    def _look(self, boxes: Float[np.ndarray, "2 time state"], k: int) -> None:
        """Whether the enclosure still says something."""
        seen = boxes[:, : k + 1]
        reach = np.ptp(seen.mean(axis=0), axis=0) + (seen[1, 0] - seen[0, 0])
        if (
            not np.isfinite(boxes[:, k]).all()
            or ((boxes[1, k] - boxes[0, k]) > EXPLODED * np.maximum(reach, 1e-300)).any()
        ):
            self.why = "the enclosure has grown beyond a thousand times the range of the solution"
        elif time.monotonic() > self._deadline:
            self.why = f"the {SECONDS:g} s that it may take are over"
        elif self._should_stop():
            self.why = "it was stopped"

    def _stops(self) -> list[float]:
        """Times of events and of breaks of the inputs, in order."""
        t, found = self._flow.t, list(self._flow.events.t)
        if self._control is not None:
            for piece in self._control.pieces:
                found += [] if piece is None else list(piece.function.breaks)
        return sorted({float(one) for one in found if t[0] < one < t[-1]})

    def _onward(self, begin: float, end: float, stops: Sequence[float]) -> Interval:
        """From one time of the tube to the next; a hull of all that lies between."""
        hull = self._set.box
        here = begin
        for until in [*(one for one in stops if begin < one < end), end]:
            rhs = self._rhs(here, until)
            self._step = getattr(self, "_step", (end - begin) / 4)
            while here < until:
                reached, enclosure = self._advance(rhs, here, until)
                hull = hull.hull(enclosure)
                here = reached
            if until in stops:
                self._events(until)
                hull = hull.hull(self._set.box)
        return hull

    def _rhs(self, begin: float, until: float) -> list[Expr]:
        """Right-hand sides with the inputs as polynomials of the time, and 0 for uncertain parameters."""
        system = self._flow.model.system
        nothing: list[Expr] = [Number(0.0)] * len(self._flow.starts.parameters)
        if self._control is None:
            return [*system.rhs, *nothing]
        replaced: dict[str, Expr] = {}
        for name in system.inputs:
            piece = self._control.pieces[self._flow.model.inputs.index(name)]
            if piece is None:
                raise EquationError(f"the input `{name}` has no values")
            breaks, coefficients = piece.function.breaks, piece.function.coefficients
            k = int(np.searchsorted(breaks, 0.5 * (begin + until), side="right")) - 1
            # before its samples an input is at its first value
            replaced[name] = (
                _polynomial(float(breaks[k]), coefficients[k]) if k >= 0 else Number(float(coefficients[0][0]))
            )
        return [*(substitute(one, replaced) for one in system.rhs), *nothing]

    def _advance(self, rhs: Sequence[Expr], here: float, until: float) -> tuple[float, Interval]:
        span = float(self._flow.t[-1] - self._flow.t[0])
        box = self._set.box
        h = min(self._step, until - here)
        while True:
            if h < SHORTEST * span and h < until - here:
                raise Unbounded("no enclosure of a step is found any more, however short")
            end = until if here + h >= until or until - (here + h) < 0.1 * h else here + h
            if end == until:
                h = until - here
            length = outward(end - here, end - here)
            clock = Interval(here, end)
            enclosure = self._picard(rhs, box, clock, length)
            moved = None if enclosure is None else self._moved(rhs, box, enclosure, here, clock, length)
            if moved is not None:
                break
            h *= 0.5
            self._step = h
        found, error = moved
        assert enclosure is not None
        self._set = found
        if end < until or error > 1.0:
            self._step = h * float(np.clip(0.9 * error ** (-1.0 / ORDER), 0.3, 2.0))
        elif h >= self._step:
            self._step = h * float(np.clip(0.9 * error ** (-1.0 / ORDER), 1.0, 2.0))
        return end, enclosure

    def _picard(self, rhs: Sequence[Expr], box: Interval, clock: Interval, length: Interval) -> Interval | None:
        """A box that holds the solutions over the whole step; None where none is found."""
        way = Interval(0.0, length.upper)

        def image(of: Interval) -> Interval:
            values = {name: of[k] for k, name in enumerate(self._states)}
            values |= {name: Interval(value) for name, value in self._values.items()}
            values["t"] = clock
            slopes = [enclose(one, values) for one in rhs]
            slope = Interval(np.array([float(s.lower) for s in slopes]), np.array([float(s.upper) for s in slopes]))
            return box + way * slope

        try:
            with np.errstate(all="ignore"):
                guess = image(box)
                for _ in range(6):
                    room = 0.1 * guess.width + 1e-12 * guess.size + 1e-300
                    wide = Interval(guess.lower - room, guess.upper + room)
                    found = image(wide)
                    if not found.finite:
                        return None
                    if found.within(wide):
                        return found.hull(box)
                    guess = found.hull(guess)
        except Unbounded:
            return None
        return None

    def _moved(
        self, rhs: Sequence[Expr], box: Interval, enclosure: Interval, here: float, clock: Interval, length: Interval
    ) -> tuple[Enclosure, float] | None:
        """The set at the end of the step and the error over what is allowed; None where that is far too large."""
        middle = self._set.middle
        start = Interval(np.stack([middle, box.lower, enclosure.lower]), np.stack([middle, box.upper, enclosure.upper]))
        times = Interval(np.array([here, here, clock.lower]), np.array([here, here, clock.upper]))
        size = len(middle)
        try:
            with np.errstate(all="ignore"):
                tape = Tape(rhs, self._states, start, times, self._values)
                value, J, power = Interval(middle), Interval(np.eye(size)), Interval(1.0)
                for order in range(1, ORDER):
                    power = power * length
                    found = tape.coefficients(order)
                    value = value + found[0, :, 0] * power
                    J = J + found[1, :, 1:] * power
                remainder = tape.coefficients(ORDER)[2, :, 0] * (power * length)
                if not (remainder.finite and J.finite):
                    return None
                allowed = TOLERANCE * box.width + FLOOR * box.size + 1e-300
                error = float((remainder.width / allowed).max())
                if error > 10.0:
                    return None
                return self._set.mapped(value + remainder, J), max(error, 1e-12)
        except Unbounded:
            return None

    def _events(self, now: float) -> None:
        system, happen = self._flow.model.system, self._flow.events
        for k in np.flatnonzero(happen.t == now):
            event = system.events[int(happen.which[k])]
            changed: list[Expr] = [
                *new_values(event, system.states),
                *(Name(one) for one in self._flow.starts.parameters),
            ]
            values = {**self._values, GIVEN: float(happen.given[k])}
            if self._control is not None:
                before = self._control(now, left=True)
                values |= {name: float(before[self._flow.model.inputs.index(name)]) for name in system.inputs}
            middle, box = self._set.middle, self._set.box
            start = Interval(np.stack([middle, box.lower]), np.stack([middle, box.upper]))
            tape = Tape(changed, self._states, start, Interval(np.array([now, now])), values)
            found = [one.at(0) for one in tape.slopes]
            value = Interval(np.array([one.lower[0, 0] for one in found]), np.array([one.upper[0, 0] for one in found]))
            J = Interval(np.stack([one.lower[1, 1:] for one in found]), np.stack([one.upper[1, 1:] for one in found]))
            self._set = self._set.mapped(value, J)

    def _result(self, boxes: Float[np.ndarray, "2 time state"], between: Float[np.ndarray, "2 gap state"]) -> ReachTube:
        flow, t = self._flow, self._flow.t
        system, starts = flow.model.system, flow.starts
        radius = dict(zip(system.states, starts.radius.tolist(), strict=True))
        kept = int(np.isfinite(boxes).all(axis=(0, 2)).sum())
        limits = {
            n: (float(a), float(b)) for n, a, b in zip(starts.parameters, starts.lower, starts.upper, strict=True)
        }
        until = (
            ""
            if kept == len(t)
            else f", up to {float(t[kept - 1]):g}; there it ends, because {self.why}. A statistical tube goes on"
        )
        sentence = (
            f"An interval tube: every start {ball_text(radius, starts.parameters)} stays inside at all times, those between the rows "
            f"too{until}. This holds for the equations and numbers of the model as they are stored; it was found with outward rounding, not sampled."
        )
        return ReachTube(
            kind="interval",
            sentence=sentence,
            states=system.states,
            t=t,
            centre=boxes.mean(axis=0),
            lower=boxes[0],
            upper=boxes[1],
            between=between,
            radius=radius,
            parameters=limits,
        )


def _polynomial(begin: float, coefficients: Float[np.ndarray, " 4"]) -> Expr:
    """c0 + s (c1 + s (c2 + s c3)), s = t - begin, without the powers that are 0."""
    s = Binary("-", Name("t"), Number(begin))
    last = max((k for k in range(len(coefficients)) if coefficients[k] != 0), default=0)
    found: Expr = Number(float(coefficients[last]))
    for k in range(last - 1, -1, -1):
        found = Binary("+", Number(float(coefficients[k])), Binary("*", s, found))
    return found


def _refuse(flow: Flow) -> None:
    system = flow.model.system
    if system.neural_terms:
        raise EquationError(
            f"an interval tube is made of formulas, and `{system.neural_terms[0].name}` is a network; distil it, or ask for a statistical tube"
        )
    if flow.single:
        raise EquationError(
            "an interval tube needs events at known times, and here they depend on the states or on what is uncertain; ask for a "
            "statistical tube"
        )
    if system.algebraic:
        raise EquationError("an interval tube has no algebraic equations; ask for a statistical tube")
