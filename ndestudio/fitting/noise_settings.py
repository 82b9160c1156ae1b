"""The settings of the noise of a column: checked against the data, and their law with the constants that are most likely."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import scipy.optimize
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.data.scatter import FEWEST, levels
from ndestudio.errors import DataError, SpecError
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.problem.noise_law import COUNTS, Ends, NoiseLaw

USED = {
    "constant": ("constant", "below", "above", "resolution"),
    "proportional": ("constant", "proportional", "below", "above", "resolution"),
    "student": ("constant", "freedom"),
    "poisson": (),
    "negative_binomial": ("dispersion",),
}
"""Kind -> the settings that it has."""
NUMBERS = ("constant", "proportional", "freedom", "dispersion")
FREEDOMS = (1.0, 100.0)
"""Between these the degrees of freedom are estimated: heavier tails are no noise, lighter ones normal."""
SMALLEST, LARGEST = 1e-6, 1e6
"""Of estimated constants, in units of their start values."""


def noise_of(train: TrainConfig, name: str, *, log: bool) -> ColumnNoise:
    """What the settings say of a column; limits as compared (logarithms with ``log``)."""
    found = train.column_noise.get(name)
    if found is None:
        return ColumnNoise(kind="proportional" if train.noise == "proportional" else "constant")
    if not log:
        return found
    below, above = (None if limit is None else float(np.log(limit)) for limit in (found.below, found.above))
    return msgspec.structs.replace(found, below=below, above=above)


def for_limits(train: TrainConfig, dataset: Dataset) -> TrainConfig:
    """The settings with noise of the columns of which some values are known to lie beyond a limit only: their limits count by the
    probability that the noise takes the prediction there, for which its size has to be estimated."""
    kind = "proportional" if train.noise == "proportional" else "constant"
    missing = {
        name: ColumnNoise(kind="constant" if name in train.log_states else kind)
        for name in dataset.censored_columns
        if name not in train.column_noise
    }
    return msgspec.structs.replace(train, column_noise={**train.column_noise, **missing}) if missing else train


def is_plain(settings: ColumnNoise) -> bool:
    """Normal noise without limits, all of whose constants are estimated."""
    return settings.kind in ("constant", "proportional") and not _given(settings)


def unknowns(settings: ColumnNoise) -> int:
    """How many constants are estimated."""
    return sum(name in USED[settings.kind] and getattr(settings, name) is None for name in NUMBERS)


def _given(settings: ColumnNoise) -> list[str]:
    names = (*NUMBERS, "below", "above", "resolution")
    return [name for name in names if getattr(settings, name) is not None]


def limits(settings: ColumnNoise) -> str:
    """In words."""
    parts = []
    if settings.below is not None:
        parts.append(f"values up to {settings.below:g} known to lie below it only")
    if settings.above is not None:
        parts.append(f"values from {settings.above:g} on known to lie above it only")
    if settings.resolution is not None:
        parts.append(f"values rounded to {settings.resolution:g}")
    return ", ".join(parts)


def check_noise(dataset: Dataset, train: TrainConfig) -> None:
    """Refuse noise that does not fit the data.

    Raises
    ------
    SpecError, DataError
        Naming the column, what was seen and the remedy.
    """
    for name, settings in train.column_noise.items():
        place = f"[train.column_noise] `{name}`"
        if name not in dataset.measured_names:
            known = ", ".join(f"`{one}`" for one in dataset.measured_names)
            raise DataError(f"{place} is no measured column ({known})")
        _check_settings(place, settings, log=name in train.log_states)
        plain = settings.kind in ("constant", "proportional") and limits(settings) == ""
        if train.loss == "huber" and not plain:
            raise SpecError(
                f'{place}: `loss = "huber"` goes with normal noise without limits; leave it out (`student` counts outliers little)'
            )
        if name in dataset.censored_columns:
            _check_cells(place, settings, train)
        column = dataset.measured_names.index(name)
        values = np.concatenate([one.measured[:, column] for one in dataset.trajectories])
        _check_values(place, settings, values[np.isfinite(values)], log=name in train.log_states)


def _check_cells(place: str, settings: ColumnNoise, train: TrainConfig) -> None:
    """Refuse what values of which only a limit is known do not go with."""
    if settings.kind not in ("constant", "proportional"):
        raise SpecError(
            f"{place}: of some values only a limit is known, which goes with normal noise (`constant`, `proportional`, logarithms) and "
            f'not with `{settings.kind}`; choose one of these, or read the cells otherwise (`below = "missing"` in [data])'
        )
    if train.loss == "huber":
        raise SpecError(
            f'{place}: of some values only a limit is known, which `loss = "huber"` does not go with; leave it out, or read the cells '
            'otherwise (`below = "missing"` in [data])'
        )


def _check_settings(place: str, settings: ColumnNoise, *, log: bool) -> None:
    for key in _given(settings):
        value = getattr(settings, key)
        if key not in USED[settings.kind]:
            known = ", ".join(f"`{one}`" for one in USED[settings.kind]) or "no settings"
            raise SpecError(f"{place}: noise of the kind `{settings.kind}` has no `{key}` (it has {known})")
        if not np.isfinite(value) or (key in (*NUMBERS, "resolution") and not value > 0):
            raise SpecError(f"{place}: `{key}` must be a number above 0, not {value:g}")
    if log and settings.kind in (*COUNTS, "proportional"):
        raise SpecError(
            f"{place}: `{settings.kind}` is noise of values, not of logarithms; take it out of `log_states`"
        )
    if log and settings.resolution is not None:
        raise SpecError(f"{place}: rounded values cannot be compared by logarithm; take it out of `log_states`")
    if log and any(one is not None and one <= 0 for one in (settings.below, settings.above)):
        raise SpecError(f"{place}: a limit of a column compared by logarithm must be above 0")
    if settings.below is not None and settings.above is not None and settings.below >= settings.above:
        raise SpecError(f"{place}: `below` ({settings.below:g}) must be less than `above` ({settings.above:g})")


def _check_values(place: str, settings: ColumnNoise, values: Float[np.ndarray, " value"], *, log: bool) -> None:
    odd = values[(values < 0) | (values != np.round(values))]
    if settings.kind in COUNTS and len(odd):
        raise DataError(
            f"{place}: `{settings.kind}` is noise of counts, but {odd[0]:g} is none; give counts, not rates or means"
        )
    if log and settings.below is not None and (values <= 0).any():
        raise DataError(
            f"{place}: {int((values <= 0).sum())} values are not above 0 and have no logarithm; write the limit {settings.below:g} "
            "in their place"
        )
    within = (values > (-np.inf if settings.below is None else settings.below)) & (
        values < (np.inf if settings.above is None else settings.above)
    )
    if len(values) and not within.any():
        raise DataError(f"{place}: all {len(values)} values lie at or beyond its limits; there is nothing to fit")


def likely_law(
    settings: ColumnNoise,
    predicted: Float[np.ndarray, " value"],
    observed: Float[np.ndarray, " value"],
    weight: Float[np.ndarray, " value"],
    *,
    own: float = 1.0,
    ends: Ends = None,
    log: bool = False,
    delta: float = np.inf,
) -> NoiseLaw:
    """The law of a column under which what its predictions leave is most likely; values and predictions as compared.

    Parameters
    ----------
    own, ends
        As of ``most_likely``.
    log
        Whether logarithms are compared: they have no proportional part.
    delta
        Errors beyond this many levels count as that many.
    """
    if not is_plain(settings) or ends is not None:
        return most_likely(settings, predicted, observed, weight, own, ends)
    e, level = (observed - predicted) * np.sqrt(weight), np.abs(predicted)
    varies = settings.kind == "proportional" and not log and len(e) >= FEWEST
    s0, s1 = levels(e, level if varies else None, delta)
    return NoiseLaw(settings.kind, s0 / own, s1 / own)


def most_likely(
    settings: ColumnNoise,
    predicted: Float[np.ndarray, " value"],
    observed: Float[np.ndarray, " value"],
    weight: Float[np.ndarray, " value"],
    own: float,
    ends: Ends = None,
) -> NoiseLaw:
    """The law whose constants, but for those given, make ``observed`` most likely.

    Parameters
    ----------
    own
        What estimated standard deviations are divided by, see ``noise.estimate``.
    ends
        Between which values lie of which only a limit is known; None: all were measured.
    """
    size = 1.4826 * float(np.median(np.abs(observed - predicted) * np.sqrt(weight)))
    size = max(size, 1e-9 * float(np.abs(observed).max(initial=0.0)), 1e-300)
    mean = max(float(np.mean(np.abs(predicted))), 1e-300)
    start = {"constant": size, "proportional": max(size / mean, 1e-9), "freedom": 5.0, "dispersion": 0.1}
    unknown = [name for name in NUMBERS if name in USED[settings.kind] and getattr(settings, name) is None]
    law = NoiseLaw(
        settings.kind,
        cells=ends is not None,
        **{name: getattr(settings, name) for name in _given(settings)},
    )

    def made(logarithms: Float[np.ndarray, " number"]) -> NoiseLaw:
        factors = np.exp(np.clip(logarithms, np.log(SMALLEST), np.log(LARGEST)))
        numbers = {name: start[name] * float(factor) for name, factor in zip(unknown, factors, strict=True)}
        if "freedom" in numbers:
            numbers["freedom"] = float(np.clip(numbers["freedom"], *FREEDOMS))
        return replace(law, **numbers)

    if not unknown:
        return law

    def cost(logarithms: Float[np.ndarray, " number"]) -> float:
        with np.errstate(all="ignore"):
            value = -float(np.sum(made(logarithms).log_density(predicted, observed, weight, ends)))
        return value if np.isfinite(value) else 1e300

    options = {"xatol": 1e-5, "fatol": 1e-7, "maxiter": 400 * len(unknown)}
    found = scipy.optimize.minimize(cost, np.zeros(len(unknown)), method="Nelder-Mead", options=options)
    best = made(found.x)
    widened = {name: getattr(best, name) / own for name in ("constant", "proportional") if name in unknown}
    return replace(best, **widened)
