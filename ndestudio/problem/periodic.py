"""Doses that have been repeated for ever (`SS`): the state before such a dose is the one that a period leads back to.

    P(z) = z,    P: flow over the lag, the dose, (flow to the end of an infusion,) and flow over the rest of the interval,

is solved by Newton's method, in one step where the equations are linear (superposition: Gibaldi and Perrier 1982, Pharmacokinetics,
chapter 3). Flows are steps of the exponential Rosenbrock-Euler method (Hochbruck and Ostermann 2010, Acta Numerica 19, section
2.4), which is exact for linear equations; for others the steps are halved a few times and extrapolated. The derivative of a state by
parameters is (1 - dP/dz)^-1 dP/dp (implicit function theorem). One text serves NumPy (many rows) and JAX (one row): see ``Tools``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Trajectory
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, names, walk
from ndestudio.model.events import GIVEN, GIVES
from ndestudio.model.schedule import check_intervals, is_modelled, repeated_for_ever
from ndestudio.model.system import System
from ndestudio.problem.dynamics import Dynamics
from ndestudio.problem.expressions import Functions, bind

PLAIN, NEWTON = 3, 12
"""Periods that are followed first, and steps of Newton's method after them, for equations that are not linear."""
STEPS, EXTRAPOLATED = 8, 3
"""Steps of a flow, and how often they are halved and extrapolated, for equations that are not linear."""
SETTLED = 1e-7
"""Relative size of the last step of Newton's method up to which a period counts as found."""
DIFFERENCE, LINEAR_DIFFERENCE = 1e-6, 1e-2
LEAST = 1e-3
"""Size of a state that counts as none, over the largest one."""
_FIXED = 3
"""Numbers of a regimen before those of the events and inputs: interval, duration of an infusion, time."""


@dataclass(frozen=True)
class Regimens:
    """What a compiled program knows of the doses at steady state.

    Parameters
    ----------
    holders
        Of the first, second, ... of a trajectory: (place of a state, place of the constant state that holds where it begins).
    moments
        What happens together in a period, in the order of the text.
    linear
        Whether the equations and what happens are linear in the states.
    """

    holders: tuple[tuple[tuple[int, int], ...], ...]
    moments: tuple[Moment, ...]
    linear: bool

    @property
    def ordered(self) -> bool:
        """Whether moments follow each other in the order given, whatever parameters are."""
        return len(self.moments) == 1 or (
            len(self.moments) == 2
            and self.moments[0].lag == self.moments[1].lag
            and not self.moments[0].ends
            and self.moments[1].ends
        )


@dataclass(frozen=True)
class Moment:
    """Events that happen at one time of a period.

    Parameters
    ----------
    places
        In ``System.events``.
    lag
        Time after the dose, as an expression of parameters and of what is given; None where there is none.
    ends
        Whether the duration of the infusion in the data comes to that.
    """

    places: tuple[int, ...]
    lag: Expr | None
    ends: bool = False


class Tools(Protocol):
    """What NumPy and JAX do differently. Vectors are [..., n], matrices [..., n, n], states [state, ...]."""

    xp: Any

    def expm(self, A: Any) -> Any: ...

    def jacobian(self, function: Callable[[Any], Any], z: Any, size: Any, step: float) -> Any:
        """Derivatives by ``z``, whose values are about as large as ``size``; differences have steps of ``step`` of that."""
        ...

    def put(self, y: Any, places: Sequence[int], values: Any) -> Any: ...

    def solve(self, matrix: Any, vector: Any) -> Any:
        """NaN where a matrix is singular."""
        ...

    def repeat(self, count: int, step: Callable[[Any], Any], begin: Any) -> Any: ...

    def constant(self, value: Any) -> Any:
        """``value`` without derivatives."""
        ...


def regimens_of(system: System) -> Regimens | None:
    """The regimens of a system; None without."""
    slots = sorted((one for one in system.events if one.kind == "regimens"), key=lambda one: int(one.compartment))
    if not slots:
        return None
    places = {state: k for k, state in enumerate(system.states)}
    holders = []
    for one in slots:
        held = {state: set(names(value)) - {state, GIVEN} for state, value in one.changes}
        holders.append(tuple((places[state], places[next(iter(by))]) for state, by in held.items() if by))
    given = [k for k, one in enumerate(system.events) if one.kind in GIVES or one.kind == "ends"]
    together: dict[tuple[Expr, bool], list[int]] = {}
    for k in given:
        together.setdefault((system.events[k].times[0], system.events[k].kind == "ends"), []).append(k)
    moments = [Moment(tuple(some), None if lag == Number(0.0) else lag, ends) for (lag, ends), some in together.items()]
    moving = {system.states[k] for k, _ in holders[0]}
    return Regimens(
        tuple(holders),
        tuple(moments),
        all(is_linear(system.rhs[places[one]], moving) for one in moving)
        and all(is_linear(value, moving) for k in given for _, value in system.events[k].changes),
    )


def is_linear(expr: Expr, states: set[str]) -> bool:
    """Whether an expression is linear in ``states``, what else it reads being constant."""
    if not set(names(expr)) & states and not _calls_with(expr, states):
        return True
    match expr:
        case Name():
            return True
        case Negate(operand):
            return is_linear(operand, states)
        case Binary("+" | "-", left, right):
            return is_linear(left, states) and is_linear(right, states)
        case Binary("*", left, right):
            either = not set(names(left)) & states or not set(names(right)) & states
            return either and is_linear(left, states) and is_linear(right, states)
        case Binary("/", left, right):
            return not set(names(right)) & states and is_linear(left, states)
    return False


def _calls_with(expr: Expr, states: set[str]) -> bool:
    return any(isinstance(node, Call) and set(names(node)) & states for node in walk(expr))


def regimen_numbers(
    system: System, inputs: Sequence[str], trajectory: Trajectory, count: int
) -> Float[np.ndarray, "slot number"]:
    """The numbers of each regimen of a trajectory: interval, duration, time, for each event whether it happens and what is given
    with it, and the inputs at its time, which stay as they are. Of a missing one the interval is 1 and nothing happens."""
    events, width = len(system.events), _FIXED + 2 * len(system.events)
    found = np.zeros((count, width + len(inputs)))
    found[:, 0] = 1.0
    check_intervals(trajectory)
    for k, dose in enumerate(repeated_for_ever(trajectory)[:count]):
        infused = dose.duration > 0
        found[k, :_FIXED] = dose.interval, dose.duration, dose.time
        kinds = ("infusions", "ends") if infused else ("modelled",) if is_modelled(system, dose) else ("doses",)
        for place, event in enumerate(system.events):
            if event.kind in kinds and event.compartment in ("", dose.compartment):
                found[k, _FIXED + place] = 1.0
                found[k, _FIXED + events + place] = dose.amount / dose.duration if infused else dose.amount
        if inputs:
            found[k, width:] = trajectory.control(np.array([dose.time]))[0]
    return found


def periodic_starts(regimens: Regimens, dynamics: Dynamics, functions: Functions, tools: Tools) -> Callable[..., Any]:
    """(parameters, y0 [state, ...], numbers [..., slot, number]) -> y0 with the states that hold where regimens begin; NaN where no
    stable period is found."""
    xp = tools.xp
    parts = _Parts(regimens, dynamics, functions, tools)

    def starts(parameters: Sequence[Any], y0: Any, numbers: Any) -> Any:
        found = y0
        for slot, pairs in enumerate(regimens.holders):
            places, holders = [k for k, _ in pairs], [k for _, k in pairs]
            period, used = parts.period(parameters, y0, numbers[..., slot, :], places)
            z = _fixed_point(period, xp.moveaxis(y0[xp.asarray(places)], 0, -1), used, regimens.linear, tools)
            found = tools.put(found, holders, xp.moveaxis(z, -1, 0))
        return found

    return starts


def _fixed_point(period: Callable[[Any], tuple[Any, Any]], z0: Any, used: Any, linear: bool, tools: Tools) -> Any:
    xp = tools.xp
    eye = np.eye(z0.shape[-1])

    def newton(z: Any, M: Any, end: Any) -> Any:
        rest = xp.where(used[..., None], end - z, 0.0)
        matrix = xp.where(used[..., None, None], eye - M, eye)
        return z + tools.solve(matrix, rest)

    def step(carry: Any) -> Any:
        z, _ = carry
        end, M = period(z)
        new = newton(z, M, end)
        return xp.where(xp.isfinite(new), new, 0.0 * z + xp.nan), new - z

    z, lowest = tools.constant(z0), 0.0
    if not linear:

        def followed(carry: Any) -> Any:
            end, _ = period(carry[0])
            return end, xp.minimum(carry[1], end)

        z, lowest = tools.repeat(PLAIN, followed, (z, z))
    z, moved = tools.repeat(2 if linear else NEWTON, step, (z, 0.0 * z))
    z = tools.constant(z)
    end, M = period(z)
    held = tools.constant(M)
    size = xp.abs(z) + LEAST * xp.max(xp.abs(z), axis=-1, keepdims=True)
    good = xp.all(xp.abs(moved) <= SETTLED * size + 1e-300, axis=-1) & _dies_out(held, xp)
    if not linear:
        # amounts that never were negative do not become so: Newton's method alone finds impossible periods
        good = good & ~xp.any((lowest >= 0) & (z < -SETTLED * size), axis=-1)
    new = newton(z, held, end)
    return xp.where(used[..., None], xp.where(good[..., None], new, xp.nan), 0.0)


def _dies_out(M: Any, xp: Any) -> Any:
    """Whether the powers of a matrix go to 0."""
    power = M
    for _ in range(24):
        power = xp.clip(power @ power, -1e100, 1e100)
    return xp.max(xp.abs(power), axis=(-2, -1)) < 1e-3


@dataclass(frozen=True)
class _Parts:
    regimens: Regimens
    dynamics: Dynamics
    functions: Functions
    tools: Tools

    def __post_init__(self) -> None:
        lags = [one.lag for one in self.regimens.moments]
        bound = bind(lags, (*self.dynamics.parameters, GIVEN), self.functions, self.tools.xp)
        object.__setattr__(self, "_lags", bound)
        object.__setattr__(self, "_field", self.dynamics.drift(self.functions, self.tools.xp))
        object.__setattr__(self, "_jumps", self.dynamics.jumps(self.functions, self.tools.xp))

    def period(
        self, parameters: Sequence[Any], y0: Any, numbers: Any, places: Sequence[int]
    ) -> tuple[Callable[[Any], tuple[Any, Any]], Any]:
        """z -> states after a period and their derivatives by z; and whether there is a regimen."""
        xp, tools, regimens = self.tools.xp, self.tools, self.regimens
        events = len(self.dynamics.events)
        at = xp.asarray(places)
        interval, duration, t = (numbers[..., k] for k in range(_FIXED))
        flags, given = numbers[..., _FIXED : _FIXED + events], numbers[..., _FIXED + events : _FIXED + 2 * events]
        u = [numbers[..., k] for k in range(_FIXED + 2 * events, numbers.shape[-1])]
        offsets, happens = self._offsets(parameters, flags, given, interval, duration)
        order = xp.argsort(offsets, axis=-1) if xp is not np else np.argsort(offsets, axis=-1, kind="stable")
        offsets = xp.take_along_axis(offsets, order, axis=-1)
        end = xp.broadcast_to(interval, offsets.shape[:-1])[..., None]
        lengths = xp.diff(xp.concatenate([0.0 * end, offsets, end], axis=-1), axis=-1)
        # what begins before the dose or goes on beyond the next one has no period here
        lengths = xp.where(lengths < -1e-9 * interval[..., None], xp.nan, xp.maximum(lengths, 0.0))
        step = LINEAR_DIFFERENCE if regimens.linear else DIFFERENCE
        used = xp.any(flags > 0, axis=-1)
        used = xp.broadcast_to(used, y0.shape[1:])
        last = lambda y: xp.moveaxis(y[at], 0, -1)  # noqa: E731
        put = lambda y, z: tools.put(y, places, xp.moveaxis(z, -1, 0))  # noqa: E731
        field = lambda y: self._field(parameters, t, u, y)  # noqa: E731  # pyright: ignore[reportAttributeAccessIssue]

        def flow(y: Any, M: Any, length: Any, steps: int) -> tuple[Any, Any]:
            h = xp.broadcast_to(length / steps, y.shape[1:])[..., None]

            def one(carry: Any) -> Any:
                y, M = carry
                z, f = last(y), last(field(y))
                J = tools.jacobian(lambda z: last(field(put(y, z))), z, xp.abs(f) * interval[..., None], step)
                # the last column is made as small as the others, since squaring matrices loses digits
                size = tools.constant(xp.max(xp.abs(f * h), axis=-1, keepdims=True)) + 1e-300
                upper = xp.concatenate([J * h[..., None], (f * h / size)[..., None]], axis=-1)
                E = tools.expm(xp.concatenate([upper, 0.0 * upper[..., :1, :]], axis=-2))
                return put(y, z + size * E[..., :-1, -1]), E[..., :-1, :-1] @ M

            return tools.repeat(steps, one, (y, M))

        def jump(y: Any, place: Any) -> Any:
            """What happens at the moment that is the ``place``-th of the period."""
            found = y
            for number, moment in enumerate(regimens.moments):
                if regimens.ordered and number != place:
                    continue
                after = y
                for k in moment.places:
                    new = self._jumps[k](parameters, t, u, after, given[..., k])  # pyright: ignore[reportAttributeAccessIssue]
                    after = xp.where(flags[..., k] > 0, new, after)
                here = happens[..., number] & (order[..., place] == number)
                found = xp.where(here, after, found)
            return found

        def moment(y: Any, M: Any, place: Any, steps: int) -> tuple[Any, Any]:
            """The way to a moment, and what happens there."""
            if not regimens.ordered or place or regimens.moments[0].lag is not None:
                y, M = flow(y, M, lengths[..., place], steps)
            after = jump(y, place)
            J = tools.jacobian(lambda z: last(jump(put(y, z), place)), last(y), xp.abs(last(after)), step)
            return after, J @ M

        def whole(z: Any, steps: int) -> tuple[Any, Any]:
            y, M = put(y0, z), xp.broadcast_to(np.eye(len(places)), (*y0.shape[1:], len(places), len(places)))
            count = len(regimens.moments)
            if regimens.ordered:
                for place in range(count):
                    y, M = moment(y, M, place, steps)
            else:
                y, M, _ = tools.repeat(
                    count, lambda carry: (*moment(carry[0], carry[1], carry[2], steps), carry[2] + 1), (y, M, 0)
                )
            y, M = flow(y, M, lengths[..., -1], steps)
            return last(y), M

        def period(z: Any) -> tuple[Any, Any]:
            if regimens.linear:
                return whole(z, 1)
            levels, M = [], None
            for k in range(EXTRAPOLATED + 1):
                end, M = whole(z, STEPS * 2**k)
                levels.append(end)
            for order in range(2, EXTRAPOLATED + 2):
                levels = [(2.0**order * fine - coarse) / (2.0**order - 1.0) for coarse, fine in pairwise(levels)]
            return levels[0], M

        return period, used

    def _offsets(
        self, parameters: Sequence[Any], flags: Any, given: Any, interval: Any, duration: Any
    ) -> tuple[Any, Any]:
        """When in a period each moment comes, and whether it does; those that do not come at its end."""
        xp, offsets, happens = self.tools.xp, [], []
        for moment, bound in zip(self.regimens.moments, self._lags, strict=True):  # pyright: ignore[reportAttributeAccessIssue]
            here, amount = flags[..., moment.places[0]] > 0, given[..., moment.places[0]]
            for k in moment.places[1:]:
                amount = xp.where(here, amount, given[..., k])
                here = here | (flags[..., k] > 0)
            offset = (0.0 if bound is None else bound([*parameters, amount])) + (duration if moment.ends else 0.0)
            offsets.append(xp.where(here, offset, interval))
            happens.append(here)
        shape = np.broadcast_shapes(xp.shape(interval), *(xp.shape(one) for one in offsets))
        stacked = [xp.broadcast_to(one, shape) for one in offsets]
        return xp.stack(stacked, axis=-1), xp.stack([xp.broadcast_to(one, shape) for one in happens], axis=-1)


class NumpyTools:
    """Many rows at once."""

    xp = np

    def expm(self, A: Any) -> Any:
        """By scaling and squaring of Taylor's polynomial of degree 14 (Higham 2008, Functions of Matrices, chapter 10)."""
        size = np.abs(A).sum(axis=-1).max(axis=-1)
        squarings = np.ceil(np.log2(np.maximum(np.nan_to_num(size, posinf=0.0), 1e-300) / 0.5)).clip(0, 60).astype(int)
        scaled, eye = A / 2.0 ** squarings[..., None, None], np.eye(A.shape[-1])
        found = eye + scaled / 14.0
        for k in range(13, 0, -1):
            found = eye + (scaled @ found) / k
        for k in range(int(squarings.max(initial=0))):
            found = np.where((squarings > k)[..., None, None], found @ found, found)
        return found

    def jacobian(self, function: Callable[[Any], Any], z: Any, size: Any, step: float) -> Any:
        columns, largest = [], np.max(np.abs(z), axis=-1, keepdims=True)
        size = np.abs(z) + 1e-3 * largest + np.where(largest > 0, np.minimum(size, largest), size) + 1e-100
        for k in range(z.shape[-1]):
            ahead, back = z.copy(), z.copy()
            ahead[..., k] += step * size[..., k]
            back[..., k] -= step * size[..., k]
            columns.append((function(ahead) - function(back)) / (ahead - back)[..., k, None])
        return np.stack(columns, axis=-1)

    def put(self, y: Any, places: Sequence[int], values: Any) -> Any:
        found = np.array(y)
        found[list(places)] = values
        return found

    def solve(self, matrix: Any, vector: Any) -> Any:
        regular = np.isfinite(matrix).all(axis=(-2, -1))
        regular &= np.linalg.det(np.where(regular[..., None, None], matrix, 0.0)) != 0
        found = np.linalg.solve(np.where(regular[..., None, None], matrix, np.eye(matrix.shape[-1])), vector[..., None])
        return np.where(regular[..., None], found[..., 0], np.nan)

    def repeat(self, count: int, step: Callable[[Any], Any], begin: Any) -> Any:
        for _ in range(count):
            begin = step(begin)
        return begin

    def constant(self, value: Any) -> Any:
        return value


__all__ = [
    "Moment",
    "NumpyTools",
    "Regimens",
    "Tools",
    "is_linear",
    "periodic_starts",
    "regimen_numbers",
    "regimens_of",
]
