"""One trajectory of a ``Machine``: from event to event, and to where the model comes to rest.

Events happen as SBML says (Level 3, section 4.11): one whose condition comes true is noted with its delay; of those that are
due the one with the largest priority goes first; after each, all conditions are looked at again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ndestudio.exchange.kinetic import Trigger
from ndestudio.exchange.machine import Machine
from ndestudio.solve.scipy_reference import Budget, integrate

RTOL, ATOL = 1e-8, 1e-12
PARTS = 50
"""Steps of a stretch with events at least: what comes true and is over again between two looks is not seen."""
LOOKS = (0.25, 0.5, 0.75, 1.0)
MOST_EVENTS = 5_000
RESTS, STEEP = 1e-7, 1e-3
"""Relative change over a stretch, and slope times its length, below which a model rests."""
LONGEST = 1e9
"""Time within which a model has to come to rest."""


class Stopped(Exception):
    """A simulation cannot go on; the text is a sentence."""


@dataclass
class Happening:
    """Events at one moment.

    Parameters
    ----------
    made
        Places of those that were carried out, in their order, and whether they had a delay.
    cause
        Place of the event whose condition came true by itself; None: something else changed states at a known time.
    before, after
        States.
    """

    t: float
    cause: int | None
    before: np.ndarray
    after: np.ndarray
    made: list[tuple[int, bool]] = field(default_factory=list)


@dataclass
class _Noted:
    due: float
    place: int
    order: int
    values: list[float] | None
    delayed: bool


class Run:
    """A simulation that goes on from period to period.

    Parameters
    ----------
    t, y
        Where it begins.
    rtol, atol
        Tolerances.
    seconds
        What it may cost.
    """

    def __init__(
        self,
        machine: Machine,
        t: float,
        y: Float[np.ndarray, " state"],
        *,
        rtol: float = RTOL,
        atol: float = ATOL,
        seconds: float = 20.0,
    ) -> None:
        self.machine, self.t, self.y = machine, t, np.asarray(y, dtype=float)
        self.triggers = machine.model.triggers
        self.happened: list[Happening] = []
        self._rtol, self._atol, self._deadline = rtol, atol, time.monotonic() + seconds
        self._was = [one.holds_before for one in self.triggers]
        self._noted: list[_Noted] = []

    def settle(self, p: np.ndarray, cause: int | None = None) -> None:
        """Carry out the events that are due at this moment."""
        if not self.triggers:
            return
        this = Happening(self.t, cause, self.y.copy(), self.y)
        while True:
            self._look(p)
            due = [one for one in self._noted if one.due <= self.t * (1 + 1e-14) + 1e-300]
            if not due:
                break
            if sum(len(one.made) for one in self.happened) + len(this.made) > MOST_EVENTS:
                raise Stopped(f"more than {MOST_EVENTS} events happen up to t = {self.t:.6g}; they come ever faster")
            first = max(due, key=lambda one: (self._priority(one.place, p), -one.order))
            self._noted.remove(first)
            self._carry_out(first, p)
            this.made.append((first.place, first.delayed))
        this.after = self.y
        if this.made:
            self.happened.append(this)

    def _priority(self, place: int, p: np.ndarray) -> float:
        priority = self.triggers[place].priority
        return -math.inf if priority is None else float(self.machine.evaluate((priority,), self.t, self.y, p, np)[0])

    def _look(self, p: np.ndarray) -> None:
        now = self.machine.holds(self.triggers, self.t, self.y, p)
        for place, (one, holds, held) in enumerate(zip(self.triggers, now, self._was, strict=True)):
            if not holds:
                self._noted = [n for n in self._noted if n.place != place or one.persistent]
            elif not held:
                delay = 0.0
                if one.delay is not None:
                    delay = float(self.machine.evaluate((one.delay,), self.t, self.y, p, np)[0])
                if not math.isfinite(delay) or delay < 0:
                    raise Stopped(f"the delay of the event `{one.name}` is {delay:g} at t = {self.t:.6g}")
                values = (
                    [float(v) for v in self.machine.changed(one, self.t, self.y, p, np)] if one.values_then else None
                )
                self._noted.append(_Noted(self.t + delay, place, place, values, delay > 0))
        self._was = now

    def _carry_out(self, noted: _Noted, p: np.ndarray) -> None:
        trigger = self.triggers[noted.place]
        values = noted.values if noted.values is not None else self.machine.changed(trigger, self.t, self.y, p, np)
        y = self.y.copy()
        for (name, _), value in zip(trigger.changes, values, strict=True):
            y[self.machine.states.index(name)] = float(value)
        self.y = y

    def to(self, end: float, times: Sequence[float] | np.ndarray, p: np.ndarray) -> Float[np.ndarray, "time state"]:
        """Go on to ``end``; states at ``times`` (rising, within), at the time of an event those after it.

        Events that come exactly at ``end`` are left to what follows there.
        """
        times_ = np.asarray(times, dtype=float)
        found = np.full((len(times_), len(self.y)), np.nan)
        stops = [one for one in self.machine.breaks(p) if self.t < one < end]
        while self.t < end:
            due = [one.due for one in self._noted if one.due < end]
            until = min([*(s for s in stops if s > self.t), *due, end])
            asked = (times_ >= self.t) & (times_ < until)
            begin = self.t
            cause = self._stretch(until, times_[asked], found, np.flatnonzero(asked), p)
            if self.t < end or cause is not None:
                self.settle(p, cause)
                found[(times_ == self.t) & (times_ > begin)] = self.y
        found[times_ >= end] = self.y
        return found

    def _stretch(
        self, until: float, times: Float[np.ndarray, " time"], found: np.ndarray, rows: np.ndarray, p: np.ndarray
    ) -> int | None:
        """Go on smoothly to ``until``, or to where a condition changes; which comes true there."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Stopped(f"the time for this simulation is over at t = {self.t:.6g}")
        function = self.machine.field(p)
        if not self.triggers:
            whole = np.concatenate([[self.t], times, [until]])
            states, sentence = integrate(
                function, whole, self.y, rtol=self._rtol, atol=np.full(len(self.y), self._atol),
                names=self.machine.states, budget=Budget(left, 5_000_000),
            )  # fmt: skip
            found[rows] = states[1:-1]
            if sentence:
                raise Stopped(sentence)
            self.t, self.y = until, states[-1]
            return None
        return self._watched(function, until, times, found, rows, p)

    def _watched(
        self, function: object, until: float, times: np.ndarray, found: np.ndarray, rows: np.ndarray, p: np.ndarray
    ) -> int | None:
        from scipy.integrate import LSODA

        solver = LSODA(
            lambda t, y: function(t, y.tolist()),  # type: ignore[operator]
            self.t, self.y, until, rtol=self._rtol, atol=self._atol, max_step=max((until - self.t) / PARTS, 1e-300),
        )  # fmt: skip
        with np.errstate(all="ignore"):
            while solver.status == "running":
                if time.monotonic() > self._deadline:
                    raise Stopped(f"the time for this simulation is over at t = {solver.t:.6g}")
                solver.step()
                if solver.status == "failed" or not np.isfinite(solver.y).all():
                    raise Stopped(f"the solver has no finite solution from t = {solver.t:.6g} on")
                dense = solver.dense_output()
                changed = self._first_change(dense, float(solver.t_old), float(solver.t), until, p)  # type: ignore[arg-type]
                reached = float(solver.t) if changed is None else changed
                inside = (times >= float(solver.t_old)) & (times <= reached)  # type: ignore[arg-type]
                for row, at in zip(rows[inside], times[inside], strict=True):
                    found[row] = self.y if at == self.t else dense(at)
                if changed is not None:
                    self.t, self.y = changed, dense(changed)
                    now = self.machine.holds(self.triggers, self.t, self.y, p)
                    risen = [k for k, (a, b) in enumerate(zip(now, self._was, strict=True)) if a and not b]
                    if not risen:
                        self._look(p)
                    return risen[0] if risen else None
        self.t, self.y = until, solver.y
        return None

    def _first_change(self, dense: object, begin: float, end: float, until: float, p: np.ndarray) -> float | None:
        """The first time in a step at which a condition is not what it was; None where that is only at ``until``."""
        differs = lambda s: self.machine.holds(self.triggers, s, dense(s), p) != self._was  # type: ignore[operator] # noqa: E731
        low = begin
        for part in LOOKS:
            high = begin + part * (end - begin) if part < 1 else end
            if high > low and differs(high):
                for _ in range(100):
                    middle = 0.5 * (low + high)
                    if middle in (low, high):
                        break
                    low, high = (low, middle) if differs(middle) else (middle, high)
                return None if high >= until - 1e-13 * (1 + abs(until)) else high
            low = high
        return None

    def rest(self, p: np.ndarray) -> Float[np.ndarray, " state"]:
        """Go on until the model comes to rest; its states there.

        Raises
        ------
        Stopped
            It does not within ``LONGEST``, or gets nowhere.
        """
        length, quiet, begin = 10.0, 0, self.t
        while True:
            before = self.y
            self.to(self.t + length, [], p)
            self.settle(p)
            slope = np.array(self.machine.field(p)(self.t, self.y.tolist()))
            size = np.maximum(np.abs(self.y), 1e-9 * max(1.0, float(np.abs(self.y).max(initial=0.0))))
            changed = np.abs(self.y - before) > RESTS * size
            quiet = 0 if changed.any() or self._noted else quiet + 1
            # slopes of fast models are noisy: after three longer and longer stretches without a change it rests all the same
            if quiet and (quiet > 2 or not (np.abs(slope) * length > STEEP * size).any()):
                return self.y
            if not np.isfinite(self.y).all() or self.t - begin > LONGEST:
                moving = ", ".join(f"`{n}`" for n, m in zip(self.machine.states, changed, strict=True) if m)
                raise Stopped(f"the model does not come to rest within a time of {LONGEST:g}; still moving: {moving}")
            length *= 10.0


__all__ = ["Happening", "Run", "Stopped", "Trigger"]
