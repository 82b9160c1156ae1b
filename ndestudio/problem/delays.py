"""What equations with delays read of earlier times: how long ago, of which states and inputs, and what was before the begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.expression.delays import delays_in, slot
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr, Name
from ndestudio.model.system import System
from ndestudio.problem.expressions import bind

MOST_BREAKS = 64
CLOSE = 1e-9
"""Part of the whole time within which two breaks are one."""


@dataclass(frozen=True)
class Delays:
    """The delayed values of a system, in the order in which its drift takes them after the states.

    Parameters
    ----------
    slots
        Name of each.
    of
        Number of the state of each; of an input, its number after those of the states.
    lags
        How long ago, as expressions of parameters.
    past
        Formula of each state before the begin, None where it was at its initial value.
    parameters
        Names, in the order of their values.
    """

    slots: tuple[str, ...]
    of: tuple[int, ...]
    lags: tuple[Expr, ...]
    past: tuple[Expr | None, ...]
    parameters: tuple[str, ...]

    @property
    def reads_inputs(self) -> bool:
        """Whether an input is among what is delayed."""
        return any(one >= len(self.past) for one in self.of)

    def input_of(self, number: int) -> int | None:
        """Number of the input that is delayed in a slot; None for a state."""
        found = self.of[number] - len(self.past)
        return found if found >= 0 else None

    def limits(self, clip: Any, xp: Any) -> Any:
        """Limits [2, state] of the states as those of the arguments of the drift; inputs have none."""
        clip = xp.asarray(clip)
        free = xp.asarray([-np.inf, np.inf], dtype=clip.dtype)
        return xp.stack(
            [clip[:, k] if k < len(self.past) else free for k in (*range(len(self.past)), *self.of)], axis=1
        )

    def of_states(self, parameters: Mapping[str, float]) -> Float[np.ndarray, " delay"]:
        """The delays of states, which steps have to be shorter than."""
        return self.values(parameters)[[one < len(self.past) for one in self.of]]

    def of_inputs(self, parameters: Mapping[str, float]) -> list[tuple[int, float]]:
        """(input, delay) of each delayed input."""
        values = self.values(parameters)
        return [(k, float(values[d])) for d in range(len(self.of)) if (k := self.input_of(d)) is not None]

    def lag(self, xp: Any) -> Callable[[Sequence[Any]], list[Any]]:
        """parameters -> each delay."""
        bound = [one for one in bind(self.lags, self.parameters, {}, xp) if one is not None]
        return lambda parameters: [one(list(parameters)) for one in bound]

    def before(self, xp: Any) -> list[Callable[[Sequence[Any], Any], Any] | None]:
        """(parameters, t) -> each state before the begin; None where it was at its initial value."""

        def made(one: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any], Any], Any]:
            return lambda parameters, t: one([*parameters, t])

        bound = bind(self.past, (*self.parameters, "t"), {}, xp)
        return [None if one is None else made(one) for one in bound]

    def values(self, parameters: Mapping[str, float]) -> Float[np.ndarray, " delay"]:
        """Each delay for these parameters."""
        return np.array([float(evaluate(lag, parameters)) for lag in self.lags])

    def breaks(self, parameters: Mapping[str, float], order: int, span: float) -> Float[np.ndarray, " break"]:
        """Times after the begin at which derivatives of the solution up to ``order`` jump.

        The slope jumps where the past ends, and each delay carries a jump on, one order higher (Bellen and Zennaro 2003,
        Numerical Methods for Delay Differential Equations, section 2.2).
        """
        lags = np.unique(self.values(parameters))
        lags = lags[np.isfinite(lags) & (lags > 0)]
        sums = [sum(some) for n in range(1, order + 1) for some in combinations_with_replacement(lags.tolist(), n)]
        found = np.unique(np.array(sums, dtype=float))
        found = found[np.diff(found, prepend=0.0) > CLOSE * span]
        return found[found < span][:MOST_BREAKS]


def system_delays(system: System, inputs: Sequence[str] = ()) -> Delays | None:
    """What a system reads of earlier times; None where nothing.

    Parameters
    ----------
    inputs
        All inputs, in the order of their values; (): those that the system reads.
    """
    past = tuple(system.past.get(state) for state in system.states)
    return delays_of(system.states, system.rhs, system.parameters, past, tuple(inputs) or system.inputs)


@lru_cache(64)
def delays_of(
    states: tuple[str, ...],
    rhs: tuple[Expr, ...],
    parameters: tuple[str, ...],
    past: tuple[Expr | None, ...],
    inputs: tuple[str, ...] = (),
) -> Delays | None:
    """The delayed values of right-hand sides; None where there are none."""
    found = delays_in(rhs)
    if not found:
        return None
    values = (*states, *inputs)
    of = tuple(values.index(one.operand.name) for one in found if isinstance(one.operand, Name))
    lags = tuple(one.lag for one in found)
    return Delays(tuple(map(slot, found)), of, lags, past or (None,) * len(states), parameters)
