"""Doses that the settings give a run, in the place of those of its file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from ndestudio.data.config import GivenDoseConfig
from ndestudio.data.dataset import Dose, Trajectory
from ndestudio.errors import DataError

_STEADY: tuple[Literal[0], Literal[1], Literal[2]] = (0, 1, 2)
MOST = 100_000
"""Further doses of one row: more are a mistake."""
EVEN = 1e-9
"""Relative difference of intervals up to which doses follow each other evenly."""


def with_given_doses(trajectory: Trajectory, given: Sequence[GivenDoseConfig]) -> Trajectory:
    """``trajectory`` with other doses; it begins at the first of them where its first row comes later.

    Raises
    ------
    DataError
        A dose that cannot be: its numbers do not fit each other.
    """
    doses = sorted((dose for one in given for dose in doses_of(one, trajectory.name)), key=lambda one: one.time)
    begun = _begun(trajectory, doses[0].time) if doses and doses[0].time < trajectory.t[0] else trajectory
    return replace(begun, doses=tuple(doses))


def doses_of(given: GivenDoseConfig, run: str) -> list[Dose]:
    """The doses that a row of the settings stands for.

    Raises
    ------
    DataError
        See ``with_given_doses``.
    """
    where = f"the dose at {given.time:g} of run `{run}`"
    numbers = (given.time, given.amount, given.rate, given.duration, given.interval)
    if not all(math.isfinite(one) for one in numbers):
        raise DataError(f"{where} has a number that is not finite")
    if given.rate < 0 and given.rate not in (-1.0, -2.0):
        raise DataError(
            f"{where} has the rate {given.rate:g}; give a rate above 0, or -1 or -2 where the model says it"
        )
    if given.duration < 0 or given.interval < 0:
        raise DataError(f"{where} has a duration or interval below 0; give one above 0, or 0 for none")
    if not 0 <= given.additional <= MOST or (given.additional and not given.interval > 0):
        raise DataError(
            f"{where} is to be followed by {given.additional} more, each after {given.interval:g}; give a number up to {MOST:,} and an "
            "interval above 0"
        )
    if given.steady_state and not given.interval > 0:
        raise DataError(f"{where} is at steady state and has no interval; give the time after which it was repeated")
    rate, duration = given.rate, given.duration
    if rate > 0 and duration > 0 and not math.isclose(rate * duration, given.amount, rel_tol=1e-6):
        raise DataError(
            f"{where} has a rate of {rate:g} over {duration:g}, which is not its amount {given.amount:g}; leave one of them 0"
        )
    if rate > 0 and duration == 0:
        duration = given.amount / rate
    elif duration > 0 and rate <= 0:
        rate = given.amount / duration
    first = Dose(
        given.time,
        given.amount,
        rate,
        duration,
        given.compartment,
        given.steady_state,
        given.interval if given.steady_state else 0.0,
        given.reset,
    )
    later = (given.time + k * given.interval for k in range(1, given.additional + 1))
    return [first, *(replace(first, time=time, steady_state=0, interval=0.0, reset=False) for time in later)]


def given_of(doses: Sequence[Dose]) -> tuple[GivenDoseConfig, ...]:
    """The rows that stand for doses, even sequences of equal ones in one row."""
    found: list[GivenDoseConfig] = []
    k = 0
    while k < len(doses):
        count = _even(doses, k)
        one = doses[k]
        interval = (doses[k + count].time - one.time) / count if count else one.interval if one.steady_state else 0.0
        infused = one.duration > 0
        found.append(
            GivenDoseConfig(
                time=one.time,
                amount=one.amount,
                rate=0.0 if infused else one.rate,
                duration=one.duration,
                compartment=one.compartment,
                additional=count,
                interval=interval,
                steady_state=_STEADY[one.steady_state],
                reset=one.reset,
            )
        )
        k += count + 1
    return tuple(found)


def _even(doses: Sequence[Dose], first: int) -> int:
    """How many equal doses follow one, all after the same time."""
    one = doses[first]
    plain = replace(one, steady_state=0, interval=0.0, reset=False)
    step = one.interval if one.steady_state else None
    count = 0
    for k in range(first + 1, len(doses)):
        gap = doses[k].time - doses[k - 1].time
        step = gap if step is None else step
        if replace(doses[k], interval=0.0) != replace(plain, time=doses[k].time) or not step > 0:
            break
        if abs(gap - step) > EVEN * max(step, abs(doses[k].time)):
            break
        count += 1
    return count if count > 1 or one.steady_state else 0


def _begun(trajectory: Trajectory, time: float) -> Trajectory:
    """``trajectory`` with a first row at ``time`` in which nothing is measured."""

    def led(values: np.ndarray | None, first: float | None) -> np.ndarray | None:
        if values is None:
            return None
        row = values[:1] if first is None else np.full_like(values[:1], first)
        return np.concatenate([row, values])

    one = trajectory
    changed = {
        "t": np.concatenate([[time], one.t]),
        "measured": led(one.measured, np.nan),
        "inputs": led(one.inputs, None),
        "part": led(one.part, None),
        "deviation": led(one.deviation, np.nan),
        "inputs_before": led(one.inputs_before, np.nan),
        "ends": led(one.ends, np.nan),
    }
    return replace(trajectory, **changed)
