"""The time grid of the fixed-step solvers: where steps lie, and what is read at their stages.

Every row has its own grid of the same number of steps, from its first to its last used time. Steps are laid out half by
time and half by the density of its samples, so that evenly sampled data get even steps and a dense start gets short
ones; or by a measure of the steps that a model wants (``step_control``). Values at sample times are read out by cubic Hermite
interpolation between grid points, with weights that are data. Where an input jumps there are two grid points at the same
time, the step of length 0 between them with the inputs before the jump: no step leads across it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.control_path import ControlPath, Pieces, Piecewise
from ndestudio.model.schedule import NOTHING, Schedule
from ndestudio.problem.rows import bucket
from ndestudio.solve.log_signature import along_path, pairs
from ndestudio.solve.mean_slopes import with_mean_slopes
from ndestudio.solve.tableau import Tableau

SHARE = 0.7
"""Part of the steps that follows the measure; the rest follows the samples, for a model that will change."""
NO_BREAKS: Float[np.ndarray, " break"] = np.zeros(0)
GRADES = 8
"""Pieces of the time after an event in which steps become longer."""
OFF = 1e-6
"""Parts of a step by which a sample may miss it."""
SPARSE = 0.8
"""Where there are fewer gaps between samples than this part of the steps, every sample lies on a grid point."""


@dataclass(frozen=True, eq=False)
class Breaks:
    """Where steps end beside the jumps of inputs.

    Parameters
    ----------
    common
        Times after the begin of each row.
    own
        Further ones of each row; () for none.
    paths
        Whether the inputs are asked for at any time.
    """

    common: Float[np.ndarray, " break"]
    own: tuple[Float[np.ndarray, " _break"], ...] = ()
    paths: bool = False

    def of(self, row: int) -> Float[np.ndarray, " break"]:
        return np.union1d(self.common, self.own[row]) if self.own else self.common


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """Steps wanted from the begin up to each of ``times`` (increasing)."""

    times: Float[np.ndarray, " knot"]
    measure: Float[np.ndarray, " knot"]

    @property
    def total(self) -> float:
        return float(self.measure[-1])

    def at(self, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        return np.interp(t, self.times, self.measure)

    def moved(self, begin: float, end: float) -> TimeGrid:
        """The same measure for a trajectory with other times: from its begin on, cut or stretched at the end."""
        times = self.times - self.times[0] + begin
        return (
            TimeGrid(times, self.measure)
            if end <= times[-1]
            else TimeGrid(np.append(times, end), np.append(self.measure, self.total + 1))
        )


def uniform_times(t: Float[np.ndarray, " sample"], steps: int) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid from the first to the last sample, half by time and half by the rank of the samples."""
    measure = 0.5 * (t - t[0]) / (t[-1] - t[0]) + 0.5 * np.arange(len(t)) / (len(t) - 1)
    return np.interp(np.linspace(0.0, 1.0, steps + 1), measure, t)


def times_on_grid(t: Float[np.ndarray, " sample"], steps: int, time_grid: TimeGrid) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid by ``time_grid``; few samples all lie on grid points, so that nothing is interpolated there."""
    fine = np.unique(np.concatenate([t, time_grid.times[(time_grid.times > t[0]) & (time_grid.times < t[-1])]]))
    wanted = time_grid.at(fine)
    span = wanted[-1] - wanted[0]
    rank = np.interp(fine, t, np.arange(len(t)) / (len(t) - 1))
    share = SHARE if span > 0 else 0.0
    measure = share * (wanted - wanted[0]) / (span or 1.0) + (1 - share) * rank
    if len(t) - 1 > SPARSE * steps:
        return np.interp(np.linspace(0.0, 1.0, steps + 1), measure, fine)
    ends = np.interp(t, fine, measure)
    counts = _counts(np.diff(ends), steps)
    first = np.cumsum(counts) - counts
    within = np.arange(steps) - np.repeat(first, counts)
    places = np.repeat(ends[:-1], counts) + within * np.repeat(np.diff(ends) / counts, counts)
    times = np.interp(places, measure, fine)
    times[first] = t[:-1]
    return np.append(times, t[-1])


def _counts(share: Float[np.ndarray, " gap"], steps: int) -> Int[np.ndarray, " gap"]:
    """Steps of each gap, at least one, ``steps`` together, in proportion to ``share``."""
    low, high = 0.0, float(steps) / max(float(share.max()), 1e-12)
    for _ in range(60):
        middle = 0.5 * (low + high)
        together = np.maximum(1, np.floor(middle * share)).sum()
        low, high = (middle, high) if together <= steps else (low, middle)
        if together == steps:
            break
    counts = np.maximum(1, np.floor(low * share)).astype(int)
    for k in np.argsort(-(share / counts), kind="stable")[: steps - int(counts.sum())]:
        counts[k] += 1
    while (left := steps - int(counts.sum())) > 0:
        counts[np.argsort(-(share / counts), kind="stable")[:left]] += 1
    return counts


class Paths(NamedTuple):
    """The inputs of rows as functions of time, for compiled programs that choose their own steps; a pytree of arrays.

    Parameters
    ----------
    breaks, coefficients
        As in ``Piecewise``, the last piece repeated to equal numbers.
    jumps
        Times where any input jumps, padded with times after the end.
    """

    breaks: Float[np.ndarray, "row input piece"]
    coefficients: Float[np.ndarray, "row input piece 4"]
    jumps: Float[np.ndarray, "row jump"]


class Grid(NamedTuple):
    """What the solver reads; a pytree of arrays.

    Parameters
    ----------
    h
        Length of each step; the last one is 0 (its first stage gives the slope at the end), and so is one in which an
        input jumps or an event happens.
    t, u
        Time and inputs at each stage of each step, areas of a log-signature after the inputs.
    step
        Step in which each sample lies.
    q
        Its place in the step, 0..1.
    sample_t, sample_u
        Its time and inputs.
    paths
        The inputs at any time, for solvers that choose their own steps.
    event
        Of a step of length 0: the number of the event that happens in it, 0 for none.
    given
        The amount or rate that comes with it.
    moment
        Time of a dose, or number of a repetition.
    """

    h: Float[np.ndarray, "step row"]
    t: Float[np.ndarray, "step stage row"]
    u: Float[np.ndarray, "step stage row read"]
    step: Int[np.ndarray, "row sample"]
    q: Float[np.ndarray, "row sample"]
    sample_t: Float[np.ndarray, "row sample"]
    sample_u: Float[np.ndarray, "row sample input"]
    paths: Paths
    event: Int[np.ndarray, "step row"]
    given: Float[np.ndarray, "step row"]
    moment: Float[np.ndarray, "step row"]


def grid_times(
    t: Float[np.ndarray, " sample"], steps: int, time_grid: TimeGrid | None = None
) -> Float[np.ndarray, " steps+1"]:
    """Times of the grid from the first to the last sample, by ``time_grid`` if there is one."""
    if len(t) < 2:
        return np.full(steps + 1, float(t[0]))
    times = uniform_times(t, steps) if time_grid is None else times_on_grid(t, steps, time_grid)
    times[0], times[-1] = t[0], t[-1]
    return times


def windows(
    t: Float[np.ndarray, " sample"], steps: int, time_grid: TimeGrid | None = None
) -> Float[np.ndarray, " steps+1"]:
    """As ``grid_times``, each sample on a grid point and the steps between them as even as may be."""
    if len(t) < 2:
        return np.full(steps + 1, float(t[0]))
    counts = _counts(np.diff(t) / (t[-1] - t[0]), steps)
    parts = [np.linspace(a, b, count + 1)[:-1] for a, b, count in zip(t[:-1], t[1:], counts, strict=True)]
    return np.append(np.concatenate(parts), t[-1])


class Sampled(Protocol):
    """What a grid is laid out for: a row of a batch, or a condition.

    Attributes
    ----------
    t
        Times of the samples.
    control
        The inputs.
    name
        Of the trajectory.
    """

    @property
    def name(self) -> str: ...

    @property
    def t(self) -> Float[np.ndarray, " sample"]: ...

    @property
    def control(self) -> ControlPath: ...


def make_grid(
    rows: Sequence[Sampled],
    steps: int,
    method: Tableau,
    samples: int | None = None,
    time_grid: Mapping[str, TimeGrid] | None = None,
    breaks: Breaks | Float[np.ndarray, " break"] = NO_BREAKS,
    *,
    events: Sequence[Schedule] | None = None,
    paths: bool = False,
    bounded: bool = False,
) -> Grid:
    """Lay out ``steps`` steps for each row, and further ones for each jump of an input, each of ``breaks`` and each event.

    Parameters
    ----------
    samples
        To which the sample axis is padded, with the last sample.
    time_grid
        Trajectory -> where its steps should lie.
    breaks
        Times after the begin of each row at which steps end.
    paths
        Whether the solver chooses its own steps and asks for the inputs at any time.
    events
        What happens in each row, from its begin on and before its end.
    bounded
        Steps for events are among ``steps`` where these are twice as many, so that programs for grids of this size serve all numbers of
        events.
    """
    samples = samples or bucket(max(len(row.t) for row in rows))
    width = len(rows)
    controls = [row.control for row in rows]
    inputs = len(controls[0].times)
    breaks = breaks if isinstance(breaks, Breaks) else Breaks(breaks)
    if method.each:
        return _in_steps(rows, method, samples)
    if method.depth:
        # a step of the log-ODE method means nothing within, so that each sample lies on a grid point
        steps = max(steps, max(len(row.t) for row in rows) - 1)
    jumps = [
        _within(np.union1d(control.stops(0 if method.depth else steps), row.t[0] + breaks.of(k)), row.t)
        for k, (control, row) in enumerate(zip(controls, rows, strict=True))
    ]
    happen = [NOTHING] * width if events is None else events
    total = max(len(one.t) for one in happen)
    happen = [one.within(row.t[0], row.t[-1]) for one, row in zip(happen, rows, strict=True)]
    total = min(total, max(len(one.t) for one in happen) + 1) if bounded else total
    extra = [_breaks(times, one) for times, one in zip(jumps, happen, strict=True)]
    most = max(len(times) for times in extra)
    # a power of two: programs are compiled for few numbers of doses, and not anew where one moves out of sight
    most = 1 << (max(most, 2 * total) - 1).bit_length() if total else most
    steps = max(steps, 2 * most) if bounded and total else steps + most
    c = np.asarray(method.c)
    h = np.zeros((steps + 1, width))
    t = np.zeros((steps + 1, len(c), width))
    areas = len(pairs(inputs, controls[0].rate_of)) if method.depth > 1 and inputs else 0
    u = np.zeros((steps + 1, len(c), width, inputs + areas))
    step = np.zeros((width, samples), dtype=np.int32)
    q, sample_t = np.zeros((width, samples)), np.zeros((width, samples))
    sample_u = np.zeros((width, samples, inputs))
    event = np.zeros((steps + 1, width), dtype=np.int32)
    given, moment = np.zeros((2, steps + 1, width))
    alike: dict[bytes, int] = {}
    for k, row in enumerate(rows):
        places = (time_grid or {}).get(row.name)
        first = alike.setdefault(row.t.tobytes(), k) if places is None and not most else k
        if first < k:
            # sampled at the same times as an earlier row
            h[:, k], t[:, :, k] = h[:, first], t[:, :, first]
            step[k], q[k], sample_t[k] = step[first], q[first], sample_t[first]
        else:
            if method.depth:
                times = np.sort(np.concatenate([windows(row.t, steps - len(extra[k]), places), extra[k]]))
            else:
                times = _times_of_row(row.t, steps, places, extra[k], happen[k])
            _place(happen[k], times, event[:, k], given[:, k], moment[:, k])
            h[:-1, k] = np.diff(times)
            t[:, :, k] = times[:, None] + h[:, k, None] * c
            at = np.concatenate([row.t, np.full(samples - len(row.t), row.t[-1])])
            step[k] = np.clip(np.searchsorted(times, at, side="right") - 1, 0, steps - 1)
            length = np.where(h[step[k], k] > 0, h[step[k], k], 1.0)
            q[k] = np.clip((at - times[step[k]]) / length, 0.0, 1.0)
            sample_t[k] = at
        if inputs:
            at_stages = _at_stages(controls[k], t[:, :, k], h[:, k], method)
            begin = t[:, 0, k] - c[0] * h[:, k]
            if method.depth:
                u[:, :, k] = along_path(controls[k], at_stages, begin, h[:, k], c, method.depth)
            else:
                u[:, :, k] = with_mean_slopes(controls[k], at_stages, begin, h[:, k], c)
            sample_u[k] = controls[k](sample_t[k])
    own = make_paths(rows) if paths or breaks.paths else no_paths(width)
    return Grid(h, t, u, step, q, sample_t, sample_u, own, event, given, moment)


def off_steps(t: Float[np.ndarray, " sample"], each: float) -> float | None:
    """The first of ``t`` that lies between the steps of a system that steps from the first one on; None if none does."""
    count = (t - t[0]) / each
    wrong = np.abs(count - np.round(count)) > OFF
    return float(t[int(np.argmax(wrong))]) if wrong.any() else None


def _in_steps(rows: Sequence[Sampled], method: Tableau, samples: int) -> Grid:
    """The grid of a system in steps: each from a multiple of its length on to the next, with the inputs at its begin."""
    counts = [round((row.t[-1] - row.t[0]) / method.each) for row in rows]
    steps, width = bucket(max(counts)), len(rows)
    number = np.arange(steps + 1)[:, None]
    left = np.minimum(number, counts)
    begin = np.array([row.t[0] for row in rows])
    t = (begin + method.each * left)[:, None, :]
    h = np.where(number < counts, method.each, 0.0)
    inputs = len(rows[0].control.times)
    u = np.zeros((steps + 1, 1, width, inputs))
    sample_t = np.array([np.append(row.t, np.full(samples - len(row.t), row.t[-1])) for row in rows])
    sample_u = np.zeros((width, samples, inputs))
    place = np.rint((sample_t - begin[:, None]) / method.each).astype(np.int32)
    for k, row in enumerate(rows):
        if inputs:
            u[:, 0, k] = row.control(t[:, 0, k])
            sample_u[k] = row.control(sample_t[k])
    step = np.clip(place - 1, 0, steps - 1).astype(np.int32)
    nothing = np.zeros((steps + 1, width))
    q = (place > 0).astype(float)
    return Grid(
        h, t, u, step, q, sample_t, sample_u, no_paths(width), nothing.astype(np.int32), nothing, nothing.copy()
    )


def make_paths(rows: Sequence[Sampled]) -> Paths:
    """The inputs of each row as functions of time."""
    controls = [row.control for row in rows]
    functions = [[_function(one) for one in control.pieces] for control in controls]
    pieces = bucket(max((len(one.breaks) for each in functions for one in each), default=1))
    jumps = [_within(control.jumps, row.t) for control, row in zip(controls, rows, strict=True)]
    most = max(len(one) for one in jumps)
    found = Paths(
        np.zeros((len(rows), len(controls[0].times), pieces)),
        np.zeros((len(rows), len(controls[0].times), pieces, 4)),
        np.zeros((len(rows), bucket(most) if most else 0)),
    )
    for k, row in enumerate(rows):
        for j, one in enumerate(functions[k]):
            count = len(one.breaks)
            found.breaks[k, j, :count], found.breaks[k, j, count:] = one.breaks, one.breaks[-1]
            found.coefficients[k, j, :count], found.coefficients[k, j, count:] = one.coefficients, one.coefficients[-1]
        found.jumps[k] = row.t[-1] + 1.0 + abs(row.t[-1])
        found.jumps[k, : len(jumps[k])] = jumps[k]
    return found


def no_paths(width: int) -> Paths:
    """For solvers whose steps are those of the grid."""
    return Paths(np.zeros((width, 0, 1)), np.zeros((width, 0, 1, 4)), np.zeros((width, 0)))


def _function(pieces: Pieces | None) -> Piecewise:
    """An input without samples is NaN at all times."""
    return Piecewise(np.zeros(1), np.full((1, 4), np.nan)) if pieces is None else pieces.function


def of_rows(grid: Grid, rows: slice | Int[np.ndarray, " chosen"]) -> Grid:
    """The grid of some rows."""
    return Grid(
        h=grid.h[:, rows],
        t=grid.t[:, :, rows],
        u=grid.u[:, :, rows],
        step=grid.step[rows],
        q=grid.q[rows],
        sample_t=grid.sample_t[rows],
        sample_u=grid.sample_u[rows],
        paths=Paths(*(array[rows] for array in grid.paths)),
        event=grid.event[:, rows],
        given=grid.given[:, rows],
        moment=grid.moment[:, rows],
    )


def _times_of_row(
    t: Float[np.ndarray, " sample"],
    steps: int,
    places: TimeGrid | None,
    extra: Float[np.ndarray, " knot"],
    events: Schedule,
) -> Float[np.ndarray, " knot"]:
    """The grid of a row, with the points for jumps and events."""
    left = steps - len(extra)
    inner = np.unique(events.t[(events.t > t[0]) & (events.t < t[-1])])
    marks = np.union1d(t, inner)
    if not len(inner) or len(marks) - 1 > SPARSE * left:
        return np.sort(np.concatenate([grid_times(t, left, places), extra]))
    # samples and events lie on grid points of their own, so that events cut no step into two
    found = times_on_grid(marks, left + len(inner), places or _after_events(t[0], t[-1], inner))
    found[0], found[-1] = t[0], t[-1]
    return np.sort(np.concatenate([found, np.delete(extra, np.searchsorted(extra, inner))]))


def _after_events(begin: float, end: float, events: Float[np.ndarray, " event"]) -> TimeGrid:
    """Half of the steps evenly, half of them equally after each event and denser towards it, where most happens."""
    edges = np.concatenate([[begin], events, [end]])
    parts = np.linspace(0.0, 1.0, GRADES + 1)[:-1]
    lengths = np.diff(edges)
    times = (edges[:-1, None] + lengths[:, None] * parts**2).ravel()
    even = (times - begin) / (end - begin)
    dense = ((np.arange(len(lengths))[:, None] + parts) / len(lengths)).ravel()
    return TimeGrid(np.append(times, end), np.append(0.5 * (even + dense), 1.0))


def _breaks(jumps: Float[np.ndarray, " jump"], events: Schedule) -> Float[np.ndarray, " knot"]:
    """Grid points for jumps and events: two where inputs jump, one more than there are events at a time."""
    if not len(events.t):
        return np.repeat(jumps, 2)
    times, counts = np.unique(events.t, return_counts=True)
    alone = jumps[~np.isin(jumps, times)]
    return np.sort(np.concatenate([np.repeat(alone, 2), np.repeat(times, counts + 1)]))


def _place(
    events: Schedule,
    times: Float[np.ndarray, " knot"],
    event: Int[np.ndarray, " knot"],
    given: Float[np.ndarray, " knot"],
    moment: Float[np.ndarray, " knot"],
) -> None:
    """Put the events into the steps of length 0 at their times, the last of those that are there."""
    place = len(times)
    for k in range(len(events.t) - 1, -1, -1):
        place = min(place, int(np.searchsorted(times, events.t[k], side="right")) - 1) - 1
        event[place], given[place], moment[place] = events.which[k] + 1, events.given[k], events.moment[k]


def _within(times: Float[np.ndarray, " jump"], t: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " jump"]:
    return times[(times > t[0]) & (times < t[-1])]


def _at_stages(
    control: ControlPath, t: Float[np.ndarray, "step stage"], h: Float[np.ndarray, " step"], method: Tableau
) -> Float[np.ndarray, "step stage input"]:
    """Inputs at the stages: those before a jump at the end of a step that leads to it.

    The slope at a grid point is that of the first stage of the step from it, or of the last stage of the implicit step to it;
    between the two points at a jump it is the one before it first, the one after it then.
    """
    after = control(t)
    if not len(control.jumps):
        return after
    ends = np.asarray(method.c)[None, :] == 1.0
    before = np.where(h[:, None] > 0, ends, not method.implicit)
    return np.where(before[..., None], control(t, left=True), after)
