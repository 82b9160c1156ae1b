"""How outputs answer to values: relative sensitivities over time, and shares of the variance over ranges."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SettingError
from ndestudio.explore.case import Case, looked_at, simulated, variable, with_values
from ndestudio.progress import Progress, Reporter, SilentReporter

STEP = 1e-3
"""Relative step of the differences: their own error is 1e-6, that of the simulations 1e-5."""
MOST = 200_000
Measure = Literal["final", "mean", "maximum", "minimum"]
MEASURES: tuple[Measure, ...] = ("final", "mean", "maximum", "minimum")


@dataclass(frozen=True, eq=False)
class LocalSensitivity:
    """Relative sensitivities ``p / s * dy/dp``: by how many percent of its largest size an output changes for one percent of
    a value.

    Parameters
    ----------
    scales
        s: the largest size of each output over the times.
    ranking
        Root mean square over times and outputs for each name.
    sentences
        Why simulations failed.
    """

    names: tuple[str, ...]
    outputs: tuple[str, ...]
    t: Float[np.ndarray, " time"]
    values: Float[np.ndarray, "name output time"]
    scales: Float[np.ndarray, " output"]
    sentences: tuple[str, ...]

    @property
    def ranking(self) -> Float[np.ndarray, " name"]:
        return np.sqrt(np.nanmean(self.values**2, axis=(1, 2)))


@dataclass(frozen=True, eq=False)
class GlobalSensitivity:
    """Sobol' indices: which part of the variance of an output over the ranges is due to each value.

    Parameters
    ----------
    first
        By the value alone.
    total
        By the value and all that it acts with.
    first_low, first_high, total_low, total_high
        95% limits by bootstrap.
    """

    names: tuple[str, ...]
    ranges: Float[np.ndarray, "name 2"]
    output: str
    measure: Measure
    first: Float[np.ndarray, " name"]
    total: Float[np.ndarray, " name"]
    first_low: Float[np.ndarray, " name"]
    first_high: Float[np.ndarray, " name"]
    total_low: Float[np.ndarray, " name"]
    total_high: Float[np.ndarray, " name"]
    simulations: int
    sentences: tuple[str, ...]


def local_sensitivity(case: Case, wanted: Sequence[str], names: Sequence[str] = ()) -> LocalSensitivity:
    """Relative sensitivities of outputs over time, by central differences of simulations.

    Parameters
    ----------
    wanted
        States and quantities.
    names
        Parameters, inputs, `x(0)`; none: all parameters. Of a value of 0 the step is 0.001 in its unit, and the sensitivity absolute.

    Raises
    ------
    SettingError
        Unknown names.
    """
    names = tuple(names) or tuple(case.model.parameters)
    if not names:
        raise SettingError("the model has no parameters; name an initial value as `x(0)`")
    known, sentences = variable(case), dict[str, None]()

    def seen(changes: Mapping[str, float]) -> Float[np.ndarray, "output time"]:
        changed = with_values(case, changes)
        simulation = simulated(changed)
        if simulation.sentence:
            sentences[simulation.sentence] = None
        return looked_at(changed, simulation, wanted)

    middle = seen({})
    scales = np.nanmax(np.abs(middle), axis=1, initial=0.0)
    scales = np.where(scales > 0, scales, 1.0)
    found = np.empty((len(names), *middle.shape))
    for k, name in enumerate(names):
        value = known.get(name, 1.0)
        step = STEP * abs(value) if value else STEP
        slope = (seen({name: value + step}) - seen({name: value - step})) / (2.0 * step)
        found[k] = slope * (value or 1.0) / scales[:, None]
    return LocalSensitivity(names, tuple(wanted), case.t, found, scales, tuple(sentences))


def global_sensitivity(
    case: Case,
    ranges: Mapping[str, tuple[float, float]],
    output: str,
    measure: Measure = "final",
    reporter: Reporter | None = None,
    *,
    samples: int = 256,
    seed: int = 0,
    seconds: float | None = None,
) -> GlobalSensitivity:
    """Sobol' indices of first and total order (Saltelli et al. 2010, Comput. Phys. Commun. 181, 259, by SciPy) over independent values, uniform in
    their ranges.

    Parameters
    ----------
    ranges
        Name -> lowest and highest value.
    samples
        A power of two, N; (names + 2) N simulations are made.
    measure
        What of the output: its final, mean, largest or smallest value.
    seconds
        What it may take.

    Raises
    ------
    SettingError
        Unknown names, empty ranges, a number of samples that is no power of two, simulations that fail or take too long.
    """
    from scipy.stats import sobol_indices, uniform

    names = tuple(ranges)
    if len(names) < 2:
        raise SettingError("shares of the variance need the ranges of at least two values")
    for name, (low, high) in ranges.items():
        if not low < high:
            raise SettingError(f"the range of `{name}` from {low:g} to {high:g} is empty")
    if samples < 2 or samples & (samples - 1):
        raise SettingError(f"{samples} samples: take a power of two, as 256")
    total = (len(names) + 2) * samples
    if total > MOST:
        raise SettingError(f"{total:,} simulations are more than {MOST:,}; take fewer samples or values")
    told = SilentReporter() if reporter is None else reporter
    end = np.inf if seconds is None else monotonic() + seconds
    sentences: dict[str, None] = {}
    done = 0

    def of(rows: Any) -> Any:
        nonlocal done
        found = np.empty(rows.shape[1:])
        for place in np.ndindex(found.shape):
            if told.should_stop() or monotonic() > end:
                raise SettingError(
                    f"{done:,} of {total:,} simulations were made when the time was over; take fewer samples or more time"
                )
            values = rows[(slice(None), *place)]
            changed = with_values(case, dict(zip(names, values.tolist(), strict=True)))
            simulation = simulated(changed)
            if simulation.sentence:
                sentences[simulation.sentence] = None
            found[place] = _measured(looked_at(changed, simulation, (output,))[0], measure)
            done += 1
            if done % 16 == 0:
                told.emit(Progress(min(done / total, 1.0)))
        if not np.isfinite(found).all():
            bad = int((~np.isfinite(found)).sum())
            raise SettingError(
                f"{bad} of {found.size} simulations failed within the ranges, so that shares of the variance mean nothing: "
                f"{next(iter(sentences), 'values are not finite')}. Narrow the ranges"
            )
        return found

    rng = np.random.default_rng(seed)
    found = sobol_indices(
        func=lambda x: of(x)[None],
        n=samples,
        dists=[uniform(loc=low, scale=high - low) for low, high in ranges.values()],
        rng=rng,
    )
    first, whole = found.first_order.ravel(), found.total_order.ravel()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a value that decides nothing has no limits to be found
        limits = found.bootstrap(confidence_level=0.95, n_resamples=200)
    f, g = limits.first_order.confidence_interval, limits.total_order.confidence_interval
    return GlobalSensitivity(
        names,
        np.array(list(ranges.values()), dtype=float),
        output,
        measure,
        first,
        whole,
        _where(f.low, first),
        _where(f.high, first),
        _where(g.low, whole),
        _where(g.high, whole),
        done,
        tuple(sentences),
    )


def _where(limit: Any, value: Float[np.ndarray, " name"]) -> Float[np.ndarray, " name"]:
    """The limit where there is one, else the value."""
    return np.where(np.isfinite(limit.ravel()), limit.ravel(), value)


def _measured(values: Float[np.ndarray, " time"], measure: Measure) -> float:
    match measure:
        case "final":
            return float(values[-1])
        case "mean":
            return float(np.mean(values))
        case "maximum":
            return float(np.max(values))
        case "minimum":
            return float(np.min(values))
    raise SettingError(f"`{measure}` is no measure of an output; there are {', '.join(MEASURES)}")
