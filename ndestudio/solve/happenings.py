"""Simulations in which events wait for conditions: when they come true is found while it runs, to the accuracy of the solver.

An explicit method of order 8 (DOP853; Hairer, Norsett and Wanner 1993, Solving Ordinary Differential Equations I, section
II.10) with its dense output; LSODA where that makes no headway. Within each step the conditions are looked at in a few places,
and a crossing is found by bisection of the dense output.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.model.jumps import Jumps
from ndestudio.model.schedule import Schedule, in_order

LOOKS = (0.25, 0.5, 0.75, 1.0)
"""Places in a step where conditions are looked at."""
STEPS = 100
"""Steps of a simulation at least: what comes true and is over again between two looks is not seen."""
MOST = 500
"""Events of a simulation; more come from a law that jumps ever faster."""
EXPLICIT = 50_000
"""Evaluations after which the explicit method gives way: the equations are stiff."""
TOGETHER = 1e-14
"""Distance of times, over the time itself, at which events happen together: it is that of rounding."""
TOUCHING = 1e-9
"""Value of a condition, over its size before, that counts as 0 just after its own event."""

Found = tuple[Float[np.ndarray, "time state"], Schedule, str]


class Stopped(Exception):
    """The simulation cannot go on; the text is a sentence."""


def solve_with_conditions(
    jumps: Jumps,
    function: Callable[[float, Sequence[float]], list[float]],
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    *,
    rtol: float,
    atol: Float[np.ndarray, " state"],
    breaks: Float[np.ndarray, " break"],
    longest_step: float,
    seconds: float,
    evaluations: int,
) -> Found:
    """States at the times ``t``, all events in the order in which they happen, and a sentence where it stops ("" else).

    At the time of an event the states are those after it, at the last time those before.
    """
    from scipy.integrate import DOP853, LSODA

    run = _Run(jumps, function, np.asarray(t, dtype=float), rtol, atol, longest_step, seconds)
    for method in (DOP853, LSODA):
        run.begin(method, y0, evaluations if method is LSODA else min(evaluations, EXPLICIT))
        try:
            with np.errstate(all="ignore"):
                run.to_the_end(breaks)
            return run.states, in_order(run.events), ""
        except Stopped as stopped:
            sentence = str(stopped)
            if not run.restartable:
                break
    return run.states, in_order(run.events), sentence


class _Run:
    def __init__(
        self,
        jumps: Jumps,
        function: Callable[[float, Sequence[float]], list[float]],
        t: Float[np.ndarray, " time"],
        rtol: float,
        atol: Float[np.ndarray, " state"],
        longest_step: float,
        seconds: float,
    ) -> None:
        self._jumps, self._function, self._t = jumps, function, t
        self._settings: dict[str, Any] = {"rtol": max(rtol, 1e-12), "atol": atol}
        most = (float(t[-1]) - float(t[0])) / STEPS
        self._settings["max_step"] = min(longest_step, most) if longest_step > 0 else most
        self._deadline = time.monotonic() + seconds

    def begin(self, method: Any, y0: Float[np.ndarray, " state"], evaluations: int) -> None:
        self._evaluations = evaluations
        self._method, self._used, self.restartable = method, 0, True
        self.here, self.y = float(self._t[0]), np.asarray(y0, dtype=float)
        self.states = np.full((len(self._t), len(self.y)), np.nan)
        self.states[self._t == self.here] = self.y
        self.events: list[tuple[float, int, float, float]] = []
        self._above = self._jumps.conditions(self.here, self.y) > 0
        self._left: set[int] = set()

    def to_the_end(self, breaks: Float[np.ndarray, " break"]) -> None:
        end = float(self._t[-1])
        fixed = self._jumps.events.within(self.here, end)
        stops = np.unique(np.concatenate([fixed.t, breaks[(breaks > self.here) & (breaks < end)], [end]]))
        for until in stops.tolist():
            while self.here < until:
                self._on(until)
            if until < end:
                self._scheduled(fixed, until)
        self.states[self._t >= end] = self.y

    def _on(self, until: float) -> None:
        """Up to ``until`` or the first event on the way."""
        solver = self._method(self._counted, self.here, self.y, until, **self._settings)
        while solver.status == "running":
            solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                raise Stopped(f"the solver has no finite solution from t = {solver.t:.6g} on")
            dense = solver.dense_output()
            crossing = self._crossing(dense, solver.t_old, solver.t)
            reached = solver.t if crossing is None else crossing[0]
            inside = (self._t > solver.t_old) & (self._t <= reached)
            if inside.any():
                self.states[inside] = dense(self._t[inside]).T
            if crossing is not None:
                self.here, self.y = reached, dense(reached)
                self._fire(list(crossing[1]))
                return
            self._above = self._jumps.conditions(solver.t, solver.y) > 0
        self.here, self.y = until, solver.y

    def _crossing(self, dense: Any, begin: float, end: float) -> tuple[float, tuple[int, ...]] | None:
        """The first time in a step at which conditions come true, and which do; None where none does."""
        above, last = self._above.copy(), begin
        for part in LOOKS:
            now = begin + part * (end - begin)
            values = self._jumps.conditions(now, dense(now))
            came = np.flatnonzero(~above & (values > 0))
            if len(came):
                low, found = last, []
                for k in came:
                    value = lambda s, k=k: float(self._jumps.conditions(s, dense(s))[k])  # noqa: E731
                    below = low
                    if k in self._left and low == begin:
                        # it has just happened, and is over again within this look
                        below = next((s for j in range(1, 50) if value(s := low + (now - low) * 0.5**j) < 0), low)
                    at = below if value(below) >= 0 else float(_root(value, below, now))
                    found.append((max(at, np.nextafter(begin, now)), int(k)))
                first = min(at for at, _ in found)
                together = TOGETHER * (abs(first) + end - begin)
                return first, tuple(k for at, k in found if at - first <= together)
            above, last = values > 0, now
        self._left.clear()
        return None

    def _scheduled(self, fixed: Schedule, now: float) -> None:
        before = self._jumps.conditions(now, self.y) > 0
        for k in np.flatnonzero(fixed.t == now):
            which, given = int(fixed.which[k]), float(fixed.given[k])
            self.events.append((now, which, given, float(fixed.moment[k])))
            self.y = self._jumps.one(which, now, self.y, given)
        self.states[self._t == now] = self.y
        after = self._jumps.conditions(now, self.y) > 0
        self._above = after
        if came := np.flatnonzero(~before & after).tolist():
            self._fire(came)

    def _fire(self, waiting: list[int]) -> None:
        """Events whose conditions came true, and those that come true by them."""
        done: set[int] = set()
        while waiting:
            k = waiting.pop(0)
            if k in done:
                continue
            done.add(k)
            if len(self.events) >= MOST:
                self.restartable = False
                raise Stopped(f"more than {MOST} events happen up to t = {self.here:.6g}; they come ever faster")
            before = self._jumps.conditions(self.here, self.y)
            which = self._jumps.waiting[k]
            self.events.append((self.here, which, 0.0, 0.0))
            self.y = self._jumps.one(which, self.here, self.y)
            after = self._jumps.conditions(self.here, self.y)
            waiting += [j for j in np.flatnonzero((before <= 0) & (after > 0)).tolist() if j not in done]
        now = self._jumps.conditions(self.here, self.y)
        self._above = now > 0
        for k in done:
            # its own condition is 0 here but for rounding: it has to become false before it can come true again
            if abs(now[k]) <= TOUCHING * (1.0 + self._size(k)):
                leaves = self._leaves(k)
                self._above[k] = not leaves
                (self._left.add if leaves else self._left.discard)(k)
        self.states[self._t == self.here] = self.y

    def _leaves(self, k: int) -> bool:
        """Whether a condition that is 0 becomes false from here on."""
        ahead = 1e-7 * (1.0 + abs(self.here))
        slope = np.array(self._function(self.here, self.y.tolist()))
        then = self._jumps.conditions(self.here + ahead, self.y + ahead * slope)
        return bool(then[k] < self._jumps.conditions(self.here, self.y)[k])

    def _size(self, k: int) -> float:
        """By how much a condition changes with the states, as large as they are."""
        moved = self._jumps.conditions(self.here, self.y * (1.0 + 1e-6) + 1e-12)
        return float(abs(moved[k] - self._jumps.conditions(self.here, self.y)[k]) / 1e-6)

    def _counted(self, t: float, y: Float[np.ndarray, " state"]) -> list[float]:
        self._used += 1
        if self._used > self._evaluations:
            raise Stopped(f"more than {self._evaluations} evaluations of the equations were needed")
        if not self._used & 255 and time.monotonic() > self._deadline:
            self.restartable = False
            raise Stopped("the time for this simulation is over")
        return self._function(t, y.tolist())


def _root(value: Callable[[float], float], below: float, above: float) -> float:
    """Where a function that is below 0 first and above 0 then crosses it, by bisection: it is exact and always ends."""
    for _ in range(200):
        middle = 0.5 * (below + above)
        if middle in (below, above):
            break
        below, above = (middle, above) if value(middle) <= 0 else (below, middle)
    return above
