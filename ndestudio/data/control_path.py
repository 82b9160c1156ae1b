"""How the inputs of a trajectory go between and beyond their samples: the one place where inputs are interpolated.

A way of interpolating is one entry of ``KINDS``: it makes a piecewise cubic of the samples, and everything that reads an
input (grids of the fixed-step solvers, the reference solver, diffrax, samples of neural terms, exported programs) reads that.
Which kinds need samples of the future is from Morrill, Kidger, Yang and Lyons 2022, On the choice of interpolation scheme for
neural CDEs (Transactions on Machine Learning Research).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ndestudio.errors import DataError

ScalarInput = Callable[[float], float]
Knots = Float[np.ndarray, " knot"]
InputKind = Literal["linear", "hold", "cubic", "hermite", "rectilinear"]
"""Names of ``KINDS``."""
SAME = 1e-9
"""Part of the size of an input below which two slopes or values are the same."""
RAMP, ROUNDING = 1e-6, 1e4
"""Duration of a jump whose rate of change is read, as part of the shortest gap, and at least so many times the rounding of its time."""
STEPS = 16
"""Steps that lead over a jump as large as the range of the input; a smaller one gets its share."""
KINK = 0.1
"""Part of the range of the slopes from which on a corner stands out among many."""
TURNS = 4
"""Steps from which on they end at each place where an input turns, as a multiple of these places."""


class Piecewise(NamedTuple):
    """A piecewise cubic function of time, continuous from the right; a pytree of arrays.

    Parameters
    ----------
    breaks
        Where pieces begin, increasing. Before the first the value is that at it.
    coefficients
        Of 1, s, s^2 and s^3, s being the time since the piece began. The last piece is constant and never ends.
    """

    breaks: Any
    coefficients: Any

    def at(self, t: Any, xp: Any = np, *, left: bool = False) -> Any:
        """Values at ``t`` (any shape); at a jump the value after it, or with ``left`` the one before."""
        s, c = self._piece(t, xp, left)
        return c[..., 0] + s * (c[..., 1] + s * (c[..., 2] + s * c[..., 3]))

    def slope(self, t: Any, xp: Any = np, *, left: bool = False) -> Any:
        """Slopes just after ``t``, or with ``left`` just before it; jumps are left out."""
        s, c = self._piece(t, xp, left)
        value = c[..., 1] + s * (2.0 * c[..., 2] + s * 3.0 * c[..., 3])
        begun = t > self.breaks[0] if left else t >= self.breaks[0]
        return xp.where(begun, value, 0.0)

    def _piece(self, t: Any, xp: Any, left: bool) -> tuple[Any, Any]:
        k = xp.searchsorted(self.breaks, t, side="left" if left else "right") - 1
        k = xp.clip(k, 0, self.breaks.shape[0] - 1)
        return xp.maximum(t - self.breaks[k], 0.0), self.coefficients[k]


@dataclass(frozen=True)
class Kind:
    """One way of going from samples of an input to its value at any time.

    Parameters
    ----------
    title
        What it is called in a list.
    sees
        Up to when it must know the samples to give the value at a time: `"now"`, `"next"` (up to the next sample, so that
        values at the samples need no later ones), or `"all"` of them.
    pieces
        (times, values) of samples without a jump between them -> coefficients of the pieces between them.
    held
        Whether the value changes at the samples only.
    """

    title: str
    sees: Literal["now", "next", "all"]
    pieces: Callable[[Knots, Knots], Float[np.ndarray, "gap 4"]]
    held: bool = False

    @property
    def causal(self) -> bool:
        """Whether no value at a sample depends on later samples."""
        return self.sees != "all"


def _straight(t: Knots, v: Knots) -> Float[np.ndarray, "gap 4"]:
    zero = np.zeros(len(t) - 1)
    return np.column_stack([v[:-1], np.diff(v) / np.diff(t), zero, zero])


def _constant(t: Knots, v: Knots) -> Float[np.ndarray, "gap 4"]:
    return np.column_stack([v[:-1], np.zeros((len(t) - 1, 3))])


def _spline(t: Knots, v: Knots) -> Float[np.ndarray, "gap 4"]:
    """Natural cubic spline (de Boor 2001, A Practical Guide to Splines, chapter IV)."""
    if len(t) < 3:
        return _straight(t, v)
    from scipy.interpolate import CubicSpline

    return CubicSpline(t, v, bc_type="natural").c[::-1].T


def _backward(t: Knots, v: Knots) -> Float[np.ndarray, "gap 4"]:
    """Cubic Hermite pieces whose slope at a sample is that of the line from the sample before (Morrill et al. 2022)."""
    h = np.diff(t)
    line = np.diff(v) / h
    begin = np.concatenate([line[:1], line[:-1]])
    # the end of each piece has the slope of its own line
    bend = (line - begin) / h
    return np.column_stack([v[:-1], begin, 2.0 * bend, -bend / h])


KINDS: dict[str, Kind] = {
    "linear": Kind("Straight lines", "next", _straight),
    "hold": Kind("Held until the next sample", "now", _constant, held=True),
    "cubic": Kind("Natural cubic spline", "all", _spline),
    "hermite": Kind("Cubic Hermite, backward differences", "next", _backward),
    "rectilinear": Kind("Rectilinear: time, then value", "now", _constant, held=True),
}
"""Ways of interpolating, by the name that ``Trajectory.input_kinds`` and the setting `interpolation` have."""


class Pieces(NamedTuple):
    """An input as a function, and where it is not smooth.

    Parameters
    ----------
    jumps
        Times at which the value is not continuous.
    corners
        Times at which the slope is not, jumps aside.
    sizes
        Of a rate of change how far it goes at each of the jumps, infinite where every step must end; None: everywhere.
    turns
        Where a rate of change changes its sign.
    ramps
        Begin and end of the steep lines in place of jumps (see ``ramped``).
    """

    function: Piecewise
    jumps: Float[np.ndarray, " jump"]
    corners: Float[np.ndarray, " corner"]
    sizes: Float[np.ndarray, " jump"] | None = None
    turns: Float[np.ndarray, " turn"] | None = None
    ramps: tuple[tuple[float, float], ...] = ()

    def stops(self, most: int) -> Float[np.ndarray, " stop"]:
        """Those of the jumps at which steps must end if ``most`` steps are made: all where there are no more of them, else those
        that stand out from a path that only bends (steps that lead across the others read its mean slope). Where an input turns
        they end too, since laws of hysteresis have kinks there, if it does not turn all the time."""
        if self.sizes is None:
            return self.jumps
        turns = self.turns if self.turns is not None and TURNS * len(self.turns) <= most else np.zeros(0)
        soft = np.isfinite(self.sizes)
        if np.count_nonzero(soft) <= most:
            return np.union1d(self.jumps, turns)
        slopes = self.function.at(self.jumps[soft]), self.function.at(self.jumps[soft], left=True)
        range_of = float(np.max(slopes) - np.min(slopes))
        large = np.where(soft, self.sizes, 0.0)
        kept = np.argsort(-large, kind="stable")[:most]
        return np.unique(np.concatenate([self.jumps[~soft], self.jumps[kept][large[kept] > KINK * range_of], turns]))


def pieces_of(times: Knots, values: Knots, kind: str) -> Pieces:
    """The function through samples; two of them at one time are the values before and after a jump."""
    ends = np.flatnonzero(np.diff(times) == 0) + 1
    breaks, coefficients = [], []
    for t, v in zip(np.split(times, ends), np.split(values, ends), strict=True):
        if len(t) > 1:
            breaks.append(t[:-1])
            coefficients.append(KINDS[kind].pieces(t, v))
    breaks.append(times[-1:])
    coefficients.append(np.array([[values[-1], 0.0, 0.0, 0.0]]))
    function = Piecewise(np.concatenate(breaks), np.concatenate(coefficients))
    inner = function.breaks[1:]
    size = float(np.max(np.abs(values)))
    step = np.abs(function.at(inner) - function.at(inner, left=True)) > SAME * size
    bent = np.abs(function.slope(inner) - function.slope(inner, left=True))
    steepest = float(np.max(np.abs(function.coefficients[:, 1])))
    return Pieces(function, inner[step], inner[~step & (bent > SAME * steepest)])


def ramped(one: Pieces, shortest: float) -> Pieces:
    """The input with each jump made a steep straight line that ends at its time.

    Along the line the time all but stands still while the value moves, so that d(h)/dt = f + g(h, u)*d(u)/dt goes along
    dh = g(h, u) du from the value before to the one after: the solution to which those of ever steeper ramps tend (Marcus 1978,
    Modeling and analysis of stochastic differential equations driven by point processes; for `rectilinear` paths Morrill et al.
    2022). ``jumps`` of the result are where steps over the lines end.

    Parameters
    ----------
    shortest
        Gap between samples, the same for all inputs: those that jump at one time move side by side.
    """
    if not len(one.jumps):
        return one
    breaks, c = one.function
    there = np.isin(breaks, one.jumps)
    values = np.concatenate([one.function.at(breaks), one.function.at(breaks, left=True)])
    whole = float(np.max(values) - np.min(values)) or 1.0
    times, coefficients, stops, ramps = [], [], [], []
    for k, at in enumerate(breaks):
        if there[k]:
            length = min(max(RAMP * shortest, ROUNDING * np.spacing(abs(at))), 0.1 * (at - breaks[k - 1]))
            begin = at - length
            first, last = float(one.function.at(np.array(begin))), float(one.function.at(np.array(at)))
            count = max(1, round(STEPS * abs(last - first) / whole))
            ends = np.append(begin + (at - begin) * np.arange(count) / count, at)
            slope = (last - first) / (at - begin)
            times += ends[:-1].tolist()
            coefficients += [[first + slope * (one_end - begin), slope, 0.0, 0.0] for one_end in ends[:-1]]
            stops += ends.tolist()
            ramps.append((float(begin), float(at)))
        times.append(float(at))
        coefficients.append(c[k].tolist())
    function = Piecewise(np.array(times), np.array(coefficients))
    return Pieces(function, np.array(stops), one.corners, ramps=tuple(ramps))


def rate_of(one: Pieces) -> Pieces:
    """The rate of change of an input: 0 before and after its samples; it jumps where the input has a corner.

    Parameters
    ----------
    one
        As ``ramped`` gives it.
    """
    breaks, c = one.function
    slopes = np.column_stack([c[:, 1], 2.0 * c[:, 2], 3.0 * c[:, 3], np.zeros(len(c))])
    begin = [float(breaks[0]) - 1.0 - abs(float(breaks[0]))]
    function = Piecewise(np.concatenate([begin, breaks]), np.concatenate([np.zeros((1, 4)), slopes]))
    hard = np.concatenate([breaks[:1], one.jumps]) if c[0, 1] else one.jumps
    soft = one.corners[~np.isin(one.corners, hard)]
    times = np.concatenate([hard, soft])
    bends = np.abs(function.at(soft) - function.at(soft, left=True))
    order = np.argsort(times, kind="stable")
    sizes = np.concatenate([np.full(len(hard), np.inf), bends])
    return Pieces(function, times[order], np.zeros(0), sizes[order], _turns(function), one.ramps)


def _turns(rate: Piecewise) -> Float[np.ndarray, " turn"]:
    """Where a piecewise quadratic changes its sign: within its pieces, or between two of them."""
    inner = rate.breaks[1:]
    between = inner[rate.at(inner) * rate.at(inner, left=True) < 0]
    c, b, a, _ = rate.coefficients[:-1].T
    with np.errstate(all="ignore"):
        # both roots of a quadratic without cancellation, or the one of a line
        q = -0.5 * (b + np.where(b < 0, -1.0, 1.0) * np.sqrt(b**2 - 4.0 * a * c))
        s = np.stack([q / a, c / q])
        inside = np.isfinite(s) & (s > 0) & (s < np.diff(rate.breaks))
    return np.unique(np.concatenate([between, (rate.breaks[:-1] + np.where(inside, s, 0.0))[inside]]))


@dataclass(frozen=True, eq=False)
class ControlPath:
    """The inputs of one trajectory as functions of time.

    Parameters
    ----------
    times, values
        Samples of each input, gaps left out; times increasing, two equal ones where the input steps.
    kinds
        A name in ``KINDS`` for each input; inputs beyond the end of the list are `linear`.
    periods
        After which each input repeats itself beyond its samples, 0 where it stays as it is; as ``kinds``. Its samples then
        reach a period further on both sides than is read.
    rate_of
        (k, j) where input ``k`` is the rate of change of input ``j``.
    """

    times: tuple[Float[np.ndarray, " _"], ...]
    values: tuple[Float[np.ndarray, " _"], ...]
    kinds: tuple[str, ...] = ()
    periods: tuple[float, ...] = ()
    rate_of: tuple[tuple[int, int], ...] = ()

    def __call__(self, t: Any, *, left: bool = False) -> Float[np.ndarray, "*time input"]:
        """Inputs at ``t``, an array of any shape; NaN for an input without samples.

        Parameters
        ----------
        left
            At a jump take the value before it.
        """
        t = np.asarray(t, dtype=float)
        return self._each(t, lambda function, at: function.at(at, left=left))

    def at_points(self, t: Any) -> Float[np.ndarray, "*time input"]:
        """Inputs at ``t`` for what looks at points and not along a path (scales, slopes of curves, samples for a search).

        The rate of change of a rectilinear input, which is 0 but for the moments at which it moves, is that of the straight
        line between its samples.
        """
        t = np.asarray(t, dtype=float)
        found = self(t)
        for k, j in self.rate_of:
            if self.kind(j) == "rectilinear" and len(self.times[j]):
                line = pieces_of(self.times[j], self.values[j], "linear").function
                found[..., k] = line.slope(self._folded(t, j))
        return found

    def derivative(self, t: Any, *, left: bool = False) -> Float[np.ndarray, "*time input"]:
        """Slopes of the inputs just after ``t`` (with ``left`` just before it), without their jumps."""
        t = np.asarray(t, dtype=float)
        return self._each(t, lambda function, at: function.slope(at, left=left))

    @cached_property
    def pieces(self) -> tuple[Pieces | None, ...]:
        """Each input as a function; None without samples."""
        found = [
            pieces_of(t, v, self.kind(k)) if len(t) else None
            for k, (t, v) in enumerate(zip(self.times, self.values, strict=True))
        ]
        gaps = [np.diff(one.function.breaks) for _, j in self.rate_of if (one := found[j]) is not None]
        shortest = min((float(one.min()) for one in gaps if len(one)), default=1.0)
        for k, j in self.rate_of:
            source = found[j]
            if source is not None:
                slow = ramped(source, shortest)
                found[j], found[k] = slow._replace(jumps=np.zeros(0), ramps=()), rate_of(slow)
        return tuple(found)

    @cached_property
    def impulses(self) -> dict[int, Float[np.ndarray, " jump"]]:
        """Of each input that is a rate of change the times at which the input whose rate it is jumps."""
        known = {
            k: pieces_of(self.times[j], self.values[j], self.kind(j)).jumps
            for k, j in self.rate_of
            if len(self.times[j])
        }
        return {k: jumps for k, jumps in known.items() if len(jumps)}

    def kind(self, k: int) -> str:
        """How input ``k`` goes between its samples."""
        return self.kinds[k] if k < len(self.kinds) else "linear"

    @cached_property
    def jumps(self) -> Float[np.ndarray, " jump"]:
        """Times at which an input jumps, increasing."""
        each = [one.jumps for one in self.pieces if one is not None]
        return np.unique(np.concatenate(each)) if each else np.zeros(0)

    @cached_property
    def ramps(self) -> list[tuple[float, float]]:
        """Begin and end of the steep lines on which inputs whose rates are read go where they jump, in order of time."""
        found: dict[float, float] = {}
        for begin, end in (ramp for one in self.pieces if one is not None for ramp in one.ramps):
            found[end] = min(begin, found.get(end, begin))
        return sorted((begin, end) for end, begin in found.items())

    def stops(self, most: int) -> Float[np.ndarray, " stop"]:
        """Times at which steps must end if ``most`` steps are made, see ``Pieces.stops``."""
        each = [one.stops(most) for one in self.pieces if one is not None]
        return np.unique(np.concatenate(each)) if each else np.zeros(0)

    def widest_gap(self, columns: Sequence[int]) -> float:
        """The longest time between two samples of the input that is sampled most evenly; infinite for fewer than two."""
        return min(
            (float(np.max(np.diff(self.times[k]))) for k in columns if len(self.times[k]) > 1), default=float("inf")
        )

    def scalars(self, columns: Sequence[int]) -> list[ScalarInput]:
        """Fast functions of one time, for these inputs."""
        return [self._scalar(k) for k in columns]

    def _scalar(self, k: int) -> ScalarInput:
        pieces = self.pieces[k]
        if pieces is None:
            return lambda t: float("nan")
        breaks, coefficients = (part.tolist() for part in pieces.function)

        def at(t: float) -> float:
            place = bisect_right(breaks, t) - 1
            if place < 0:
                return coefficients[0][0]
            s = t - breaks[place]
            a, b, c, d = coefficients[place]
            return a + s * (b + s * (c + s * d))

        return (lambda t: at(float(self._folded(t, k)))) if self._period(k) else at

    def _period(self, k: int) -> float:
        return self.periods[k] if k < len(self.periods) else 0.0

    def _folded(self, t: Any, k: int) -> Any:
        """Times taken back into the samples of a periodic input."""
        period = self._period(k)
        if not period:
            return t
        low, high = self.times[k][0] + period, self.times[k][-1] - period
        t = t - period * np.ceil(np.maximum(t - high, 0.0) / period)
        return t + period * np.ceil(np.maximum(low - t, 0.0) / period)

    def _each(
        self, t: Float[np.ndarray, "*time"], value: Callable[[Piecewise, Any], Any]
    ) -> Float[np.ndarray, "*time input"]:
        out = np.full((*t.shape, len(self.times)), np.nan)
        for k, pieces in enumerate(self.pieces):
            if pieces is not None:
                out[..., k] = value(pieces.function, self._folded(t, k))
        return out


def control_path(
    t: Float[np.ndarray, " time"],
    inputs: Float[np.ndarray, "time input"],
    kinds: Sequence[str] | str = (),
    *,
    before: Float[np.ndarray, "time input"] | None = None,
    periods: Sequence[float] = (),
    rate_of: tuple[tuple[int, int], ...] = (),
) -> ControlPath:
    """The path through samples of all inputs at common times; missing ones (NaN) are left out.

    Parameters
    ----------
    kinds
        As in ``ControlPath``, or one for all.
    before
        Values just before `t` of inputs that step there, NaN where they do not: two samples at one time.
    periods, rate_of
        As in ``ControlPath``.

    Raises
    ------
    DataError
        A kind is not a name in ``KINDS``.
    """
    begin, end = (float(t[0]), float(t[-1])) if len(t) else (0.0, 0.0)
    each = (kinds,) * inputs.shape[1] if isinstance(kinds, str) else tuple(kinds)
    for kind in each:
        if kind not in KINDS:
            raise DataError(f"inputs cannot go between their samples as `{kind}`; choose one of {', '.join(KINDS)}")
    if before is not None and np.isfinite(before).any():
        # doubled rows, the left limit first: where an input does not step there is a sample only once
        t, inputs = np.repeat(t, 2), np.stack([before, inputs], axis=1).reshape(2 * len(t), -1)
    known = np.isfinite(inputs)
    samples = [(t[mask], values[mask]) for values, mask in zip(inputs.T, known.T, strict=True)]
    for k, period in enumerate(periods):
        if period and len(samples[k][0]):
            samples[k] = _repeated(*samples[k], period, begin, end)
    for k, j in rate_of:
        samples[k] = samples[j]
    return ControlPath(
        tuple(one for one, _ in samples), tuple(one for _, one in samples), each, tuple(periods), rate_of
    )


def _repeated(
    t: Knots, v: Knots, period: float, begin: float, end: float
) -> tuple[Float[np.ndarray, " copied"], Float[np.ndarray, " copied"]]:
    """Samples copied by whole periods, until they reach two periods beyond ``begin`` and ``end``.

    The last period of the samples is repeated after them, the first one before them.
    """
    later, earlier = t > t[-1] - period, t < t[0] + period
    after = range(1, int(np.ceil((end - t[-1]) / period)) + 3) if end > t[-1] else range(1, 3)
    ahead = range(int(np.ceil((t[0] - begin) / period)) + 2 if begin < t[0] else 2, 0, -1)
    times = [*(t[earlier] - k * period for k in ahead), t, *(t[later] + k * period for k in after)]
    values = [*(v[earlier] for _ in ahead), v, *(v[later] for _ in after)]
    return np.concatenate(times), np.concatenate(values)
