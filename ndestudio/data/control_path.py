"""How the inputs of a trajectory go between and beyond their samples: the one place where inputs are interpolated.

A way of interpolating is one entry of ``KINDS``. Everything that reads an input in Python (grids of the fixed-step solvers,
the reference solver, diffrax, samples of neural terms) asks a ``ControlPath`` or, inside a compiled program, the entry itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.errors import DataError

ScalarInput = Callable[[float], float]


class Interpolation(Protocol):
    """One way of going from samples of an input to its value at any time.

    Times are increasing; the value outside of them is that of the nearest sample. Two samples at one time are the values
    before and after a step. ``xp`` is `numpy` or `jax.numpy`; steps need the former.
    """

    def at(self, t: Any, times: Any, values: Any, xp: Any = np, *, left: bool = False) -> Any:
        """Values at ``t`` (any shape); at a jump the value after it, or with ``left`` the one before."""
        ...

    def derivative(self, t: Any, times: Any, values: Any, xp: Any = np) -> Any:
        """Slopes just after ``t``, without the jumps themselves."""
        ...

    def scalar(self, times: Sequence[float], values: Sequence[float]) -> ScalarInput:
        """The same as ``at`` for one time, as a fast function of a float."""
        ...

    def jumps(
        self, times: Float[np.ndarray, " knot"], values: Float[np.ndarray, " knot"]
    ) -> Float[np.ndarray, " jump"]:
        """Times at which the value is not continuous."""
        ...


class Linear:
    """Straight lines between the samples."""

    def at(self, t: Any, times: Any, values: Any, xp: Any = np, *, left: bool = False) -> Any:
        if xp is not np or not _steps(times).any():
            return xp.interp(t, times, values)
        # the interval that ends at t, or begins there, so that its length is not 0
        k = np.clip(np.searchsorted(times, t, side="left" if left else "right") - 1, 0, len(times) - 2)
        length = times[k + 1] - times[k]
        part = np.clip((t - times[k]) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        inside = values[k] + part * (values[k + 1] - values[k])
        first = (t < times[0]) | ((t <= times[0]) & left)
        last = (t > times[-1]) | ((t >= times[-1]) & (not left))
        return np.where(first, values[0], np.where(last, values[-1], inside))

    def derivative(self, t: Any, times: Any, values: Any, xp: Any = np) -> Any:
        if len(times) < 2:
            return xp.zeros_like(xp.asarray(t, dtype=float))
        k = xp.clip(xp.searchsorted(times, t, side="right") - 1, 0, len(times) - 2)
        inside = (t >= times[0]) & (t < times[-1])
        length = times[k + 1] - times[k]
        return xp.where(inside, (values[k + 1] - values[k]) / xp.where(length > 0, length, 1.0), 0.0)

    def scalar(self, times: Sequence[float], values: Sequence[float]) -> ScalarInput:
        def at(t: float) -> float:
            if t < times[0]:
                return values[0]
            if t >= times[-1]:
                return values[-1]
            k = bisect_right(times, t)
            a, b = times[k - 1], times[k]
            return values[k - 1] + (values[k] - values[k - 1]) * ((t - a) / (b - a))

        return at

    def jumps(
        self, times: Float[np.ndarray, " knot"], values: Float[np.ndarray, " knot"]
    ) -> Float[np.ndarray, " jump"]:
        return times[1:][_steps(times) & (np.diff(values) != 0)]


class Hold:
    """The last sample is held until the next one (zero-order hold): doses, setpoints, switches."""

    def at(self, t: Any, times: Any, values: Any, xp: Any = np, *, left: bool = False) -> Any:
        k = xp.searchsorted(times, t, side="left" if left else "right") - 1
        return values[xp.clip(k, 0, len(times) - 1)]

    def derivative(self, t: Any, times: Any, values: Any, xp: Any = np) -> Any:
        return xp.zeros_like(xp.asarray(t, dtype=float))

    def scalar(self, times: Sequence[float], values: Sequence[float]) -> ScalarInput:
        return lambda t: values[max(bisect_right(times, t) - 1, 0)]

    def jumps(
        self, times: Float[np.ndarray, " knot"], values: Float[np.ndarray, " knot"]
    ) -> Float[np.ndarray, " jump"]:
        return times[1:][np.diff(values) != 0]


def _steps(times: Float[np.ndarray, " knot"]) -> Bool[np.ndarray, " gap"]:
    """Where two samples are at one time."""
    return times[1:] == times[:-1]


KINDS: dict[str, Interpolation] = {"linear": Linear(), "hold": Hold()}
"""Ways of interpolating, by the name that ``Trajectory.input_kind`` has."""


@dataclass(frozen=True, eq=False)
class ControlPath:
    """The inputs of one trajectory as functions of time.

    Parameters
    ----------
    times, values
        Samples of each input, gaps left out; times increasing, two equal ones where the input steps.
    kind
        A name in ``KINDS``.
    """

    times: tuple[Float[np.ndarray, " _"], ...]
    values: tuple[Float[np.ndarray, " _"], ...]
    kind: str = "linear"

    def __call__(self, t: Any, *, left: bool = False) -> Float[np.ndarray, "*time input"]:
        """Inputs at ``t``, an array of any shape; NaN for an input without samples.

        Parameters
        ----------
        left
            At a jump take the value before it.
        """
        t = np.asarray(t, dtype=float)
        return self._each(t, lambda times, values: KINDS[self.kind].at(t, times, values, left=left))

    def derivative(self, t: Any) -> Float[np.ndarray, "*time input"]:
        """Slopes of the inputs just after ``t``, without their jumps."""
        t = np.asarray(t, dtype=float)
        return self._each(t, lambda times, values: KINDS[self.kind].derivative(t, times, values))

    @property
    def jumps(self) -> Float[np.ndarray, " jump"]:
        """Times at which an input jumps, increasing."""
        each = [KINDS[self.kind].jumps(t, v) for t, v in zip(self.times, self.values, strict=True)]
        return np.unique(np.concatenate(each)) if each else np.zeros(0)

    def widest_gap(self, columns: Sequence[int]) -> float:
        """The longest time between two samples of the input that is sampled most evenly; infinite for fewer than two."""
        return min(
            (float(np.max(np.diff(self.times[k]))) for k in columns if len(self.times[k]) > 1), default=float("inf")
        )

    def scalars(self, columns: Sequence[int]) -> list[ScalarInput]:
        """Fast functions of one time, for these inputs."""
        return [
            KINDS[self.kind].scalar(self.times[k].tolist(), self.values[k].tolist())
            if len(self.times[k])
            else (lambda t: float("nan"))
            for k in columns
        ]

    def _each(
        self, t: Float[np.ndarray, "*time"], value: Callable[[Any, Any], Any]
    ) -> Float[np.ndarray, "*time input"]:
        out = np.full((*t.shape, len(self.times)), np.nan)
        for k, (times, values) in enumerate(zip(self.times, self.values, strict=True)):
            if len(times):
                out[..., k] = value(times, values)
        return out


def control_path(
    t: Float[np.ndarray, " time"],
    inputs: Float[np.ndarray, "time input"],
    kind: str = "linear",
    *,
    before: Float[np.ndarray, "time input"] | None = None,
) -> ControlPath:
    """The path through samples of all inputs at common times; missing ones (NaN) are left out.

    Parameters
    ----------
    before
        Values just before `t` of inputs that step there, NaN where they do not: two samples at one time.

    Raises
    ------
    DataError
        ``kind`` is not a name in ``KINDS``.
    """
    if kind not in KINDS:
        raise DataError(f"inputs cannot go between their samples as `{kind}`; choose one of {', '.join(KINDS)}")
    if before is not None and np.isfinite(before).any():
        # doubled rows, the left limit first: where an input does not step there is a sample only once
        t, inputs = np.repeat(t, 2), np.stack([before, inputs], axis=1).reshape(2 * len(t), -1)
    known = np.isfinite(inputs)
    return ControlPath(
        tuple(t[mask] for mask in known.T),
        tuple(values[mask] for values, mask in zip(inputs.T, known.T, strict=True)),
        kind,
    )
