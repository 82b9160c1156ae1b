"""Which variable of a file of arrays is the time that the others run along."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ndestudio.data.readers.nodes import Variable


@runtime_checkable
class RunsOrientation(Protocol):
    """Decides where times increase along both axes of a matrix (see ``orientation.Orientation``)."""

    def of_runs(self, name: str, one: Variable, axes: Sequence[int]) -> int:
        """The axis along which the time goes on; the other goes over the runs."""
        ...


_TIME = re.compile(
    r"(?:t|ts|tt|tout|tvec|tsim|tspan|t_?(?:s|ms|us|sec|min|h|hr|hours|d|days|out|vec|eval|sim|span|axis|grid|data|obs|meas|exp)"
    r"|.*(?:^|[^a-z])(?:time|times|timestamp|timestamps|date|dates|datetime|zeit|temps|tiempo|tempo)(?:[^a-z].*)?"
    r"|time[a-z]?|timevec(?:tor)?|timeaxis|timestep|simtime"
    r"|days?|hours?|minutes?|seconds?|years?|weeks?|months?|elapsed.*)\Z"
)


_SPAN = re.compile(r"t(?:ime)?_?(?:span|range|lim|limits|int|interval|bounds)\Z", re.IGNORECASE)
"""Begin and end of a simulation."""


def is_time_name(name: str) -> bool:
    """Whether a variable of that name is likely the time (`t`, `tout`, `time_s`, `Timestamp`)."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    word = re.sub(r"[^a-z0-9]+", "_", re.sub(r"\s*[\[(].*", "", spaced).lower()).strip("_")
    return bool(_TIME.match(word))


@dataclass(frozen=True, eq=False)
class Clock:
    """A time.

    Parameters
    ----------
    axis
        Of the variable, along which the time goes on.
    across
        The other axis where each run has its own time, else None.
    """

    name: str
    variable: Variable
    axis: int
    across: int | None = None

    @property
    def length(self) -> int:
        return self.variable.shape[self.axis]


def long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes with more than one element."""
    return tuple(axis for axis, length in enumerate(shape) if length > 1)


def rises(values: np.ndarray) -> bool:
    """Whether numbers increase strictly, gaps left out; dates and texts count as if they did."""
    if values.dtype.kind not in "biuf":
        return True
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(np.all(np.diff(known.astype(np.float64)) > 0))


def clock_of(variables: Mapping[str, Variable], orientation: RunsOrientation) -> Clock | None:
    """The time among variables: that it increases and agrees with others in length counts most, then its name."""
    best: tuple[tuple[bool, bool, int, int], Clock] | None = None
    for name, one in variables.items():
        axes = long_axes(one.shape)
        if not is_time_name(name) or not one.usable or not 1 <= len(axes) <= 2 or (one.size == 2 and _SPAN.match(name)):
            continue
        others = [other for label, other in variables.items() if label != name]
        clock = Clock(name, one, axes[0]) if len(axes) == 1 else _matrix_clock(name, one, axes, others, orientation)
        if clock is None:
            continue
        rising = clock.across is not None or rises(np.ravel(one.values()))
        agreeing = sum(clock.length in other.shape for other in others)
        rank = (rising, agreeing > 0, _strength(name), agreeing)
        if best is None or rank > best[0]:
            best = rank, clock
    return best[1] if best else None


def _strength(name: str) -> int:
    """T alone is often a temperature; `t` and names with `time` in them are hardly anything else."""
    return 0 if name == "T" else 2 if name == "t" or "time" in name.lower() else 1


def _matrix_clock(
    name: str, one: Variable, axes: tuple[int, ...], others: list[Variable], orientation: RunsOrientation
) -> Clock | None:
    """A time of each run: one axis goes over the runs, along the other the time increases."""
    lengths = [one.shape[axis] for axis in axes]
    if one.dtype.kind not in "biuf" or not any(set(lengths) <= set(other.shape) for other in others):
        return None
    values = np.squeeze(one.values())
    along = [all(rises(row) for row in values.T), all(rises(row) for row in values)]
    if not any(along):
        return None
    down = orientation.of_runs(name, one, axes) == axes[0] if all(along) else along[0]
    axis, across = axes if down else axes[::-1]
    return Clock(name, one, axis, across)
