"""What is drawn at random for synthetic measurements: the noise of each column, and the values of runs from their population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.deviations import relative_weights
from ndestudio.data.smoothing import smooth, smooth_column
from ndestudio.distil.config import RecoveryConfig
from ndestudio.errors import SpecError
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.fitting.noise_settings import for_limits, is_plain, likely_law, noise_of
from ndestudio.fitting.random_effects import covariance_of
from ndestudio.fitting.result import Fit, NoiseLevel
from ndestudio.model.fitted import FittedModel
from ndestudio.model.runs import effects, occasion_effects
from ndestudio.problem.noise_law import COUNTS, NoiseLaw

FEWEST = 6
"""Values between two jumps around which noise can be told."""


@dataclass(frozen=True, eq=False)
class DrawnNoise:
    """How the values of each measured column are drawn.

    Parameters
    ----------
    laws
        Of each column, as compared.
    log
        Columns whose logarithms are compared.
    """

    laws: tuple[NoiseLaw, ...]
    log: tuple[bool, ...]

    def drawn(
        self, values: Float[np.ndarray, "time measured"], weight: Float[np.ndarray, "time measured"], seed: list[int]
    ) -> Float[np.ndarray, "time measured"]:
        """Values such as could be measured where these are true; NaN where there is none."""
        found = np.full(values.shape, np.nan)
        for k, (law, log) in enumerate(zip(self.laws, self.log, strict=True)):
            generator = np.random.default_rng([*seed, k])
            with np.errstate(all="ignore"):
                compared = np.log(values[:, k]) if log else values[:, k]
            there = np.isfinite(compared)
            made = law.drawn(compared[there], generator, weight[there, k])
            found[there, k] = np.exp(made) if log else made
        return found

    def levels(self, dataset: Dataset) -> dict[str, float]:
        """Column -> root mean square of its noise, in its unit, over the measured values."""
        found = {}
        for k, (name, law, log) in enumerate(zip(dataset.measured_names, self.laws, self.log, strict=True)):
            values = np.concatenate([one.measured[one.present[:, k], k] for one in dataset.trajectories])
            if log:
                values = values[values > 0]
                found[name] = float(law.constant * np.sqrt(np.mean(values**2))) if len(values) else 0.0
            else:
                # of heavy tails the scale: their variance may be infinite
                square = law.scale(values) ** 2 if law.kind == "student" else law.variance(values)
                found[name] = float(np.sqrt(np.mean(square))) if len(values) else 0.0
        return found


def drawn_noise(
    dataset: Dataset,
    recovery: RecoveryConfig,
    train: TrainConfig,
    fit: Fit | None = None,
    cuts: Mapping[str, Float[np.ndarray, " cut"]] | None = None,
) -> DrawnNoise:
    """The noise that synthetic measurements get: the kind that the settings say, its size that of ``recovery``, of a fit, or that
    around smooth curves.

    Counts have no size of their own: ``recovery.noise`` leaves them as they are.

    Parameters
    ----------
    cuts
        Trajectory -> times at which states jump, over which no smooth curve leads.

    Raises
    ------
    SpecError
        The noise is asked of data that do not show it: steady states without replicates.
    """
    train = for_limits(train, dataset)
    laws, logs = [], []
    around = None
    for k, name in enumerate(dataset.measured_names):
        log = name in train.log_states
        settings = noise_of(train, name, log=log)
        level = fit.noise_model.get(name) if fit is not None else None
        if recovery.noise is not None and settings.kind not in COUNTS:
            law = _of_size(settings, recovery.noise * float(dataset.spread()[k]), _typical(dataset, k) if log else 1.0)
        elif level is not None:
            law = _as_fitted(settings, level)
        elif is_plain(settings) and settings.kind == "constant":
            known = fit.noise.get(name) if fit is not None else None
            size = _noise_around(dataset, k, cuts or {}) if known is None else known
            law = _of_size(settings, size, _typical(dataset, k) if log else 1.0)
        else:
            around = _smooth(dataset) if around is None else around
            law = _around(settings, around, dataset, k, log)
        laws.append(replace(law, cells=False))
        logs.append(log)
    return DrawnNoise(tuple(laws), tuple(logs))


def with_limits(trajectory: Trajectory, dataset: Dataset, values: Float[np.ndarray, "time measured"]) -> Trajectory:
    """A trajectory with new values, beyond the limits of detection that its own values tell, or those of the others where they
    agree, as these."""
    if not dataset.censored_columns:
        return replace(trajectory, measured=values)
    values, ends = values.copy(), np.full((*values.shape, 2), np.nan)
    for k in range(values.shape[1]):
        for side, sign in ((1, 1.0), (0, -1.0)):
            limit = _limit(trajectory, dataset, k, side)
            with np.errstate(invalid="ignore"):
                beyond = sign * values[:, k] <= sign * limit
            values[beyond, k] = limit
            ends[beyond, k] = (-np.inf, limit) if side else (limit, np.inf)
    return replace(trajectory, measured=values, ends=None if np.isnan(ends).all() else ends)


def with_drawn_runs(model: FittedModel, spreads: Mapping[str, float], seed: int) -> FittedModel:
    """The model with random effects of each run drawn from their population.

    Parameters
    ----------
    spreads
        State of an effect -> standard deviation of its population.
    """
    covariance = covariance_of(model.config, model.system.states)
    L = np.linalg.cholesky(covariance.correlation(covariance.begin()))
    first = np.array([np.flatnonzero(covariance.spread == k)[0] for k in range(len(L))], dtype=int)
    initial = {}
    for number, (name, start) in enumerate(model.initial.items()):
        start = start.copy()
        drawn = np.array(
            [np.random.default_rng([seed, number, place, 1]).normal() for place in range(len(covariance.states))]
        )
        drawn[first] = L @ drawn[first]
        for k, value in zip(covariance.states, drawn, strict=True):
            start[k] = spreads[model.system.states[k]] * value
        initial[name] = start
    return replace(model, initial=initial)


def spreads_of(model: FittedModel, fitted: FittedModel | None = None) -> dict[str, float]:
    """State of each random effect -> standard deviation of its population, as fitted if it was, else as the settings have it."""
    found = {}
    states = [state for held in occasion_effects(model.config).values() for state in held]
    for state in (*effects(model.config).values(), *states):
        known = fitted.config.initial.get(state) if fitted is not None else None
        prior = (known or model.config.initial[state]).prior
        assert prior is not None and prior.sd is not None
        found[state] = float(prior.sd)
    return found


def in_words(law: NoiseLaw, level: float, log: bool) -> str:
    """`normal`, `Poisson`, `log-normal`, ...: what was drawn."""
    level_ = NoiseLevel(
        level,
        0.0 if law.kind in COUNTS else law.constant,
        law.proportional,
        log,
        law.kind,
        law.freedom if law.kind == "student" else 0.0,
        law.dispersion,
    )
    ends = [f"below {law.below:g}"] if np.isfinite(law.below) else []
    ends += [f"above {law.above:g}"] if np.isfinite(law.above) else []
    return level_.law() + (f", values {' and '.join(ends)} as the limit" if ends else "")


def value_weights(dataset: Dataset) -> list[np.ndarray]:
    """1/variance of each value over its mean in the column, by the standard deviations that are known."""
    rows = dataset.trajectories
    return relative_weights([one.deviation for one in rows], [one.measured.shape for one in rows])


def _of_size(settings: ColumnNoise, size: float, typical: float) -> NoiseLaw:
    """The law of a kind with this standard deviation (scale of Student's t), over ``typical`` of logarithms."""
    kind = "student" if settings.kind == "student" else "constant"
    freedom = settings.freedom if settings.freedom is not None else NoiseLaw("student").freedom
    return _limited(NoiseLaw(kind, size / typical, freedom=freedom), settings)


def _as_fitted(settings: ColumnNoise, level: NoiseLevel) -> NoiseLaw:
    law = NoiseLaw(
        settings.kind,
        level.constant or 1.0,
        level.proportional,
        freedom=level.freedom or NoiseLaw("student").freedom,
        dispersion=level.dispersion,
    )
    return _limited(law, settings)


def _around(settings: ColumnNoise, around: list[np.ndarray], dataset: Dataset, k: int, log: bool) -> NoiseLaw:
    """The most likely law of training values around smooth curves."""
    rows = [one.mask(Part.TRAIN)[:, k] for one in dataset.trajectories]
    measured = np.concatenate([one.measured[used, k] for one, used in zip(dataset.trajectories, rows, strict=True)])
    curve = np.concatenate([one[used, k] for one, used in zip(around, rows, strict=True)])
    weight = np.concatenate([one[used, k] for one, used in zip(value_weights(dataset), rows, strict=True)])
    with np.errstate(all="ignore"):
        if log:
            measured, curve = np.log(measured), np.log(curve)
    good = np.isfinite(measured) & np.isfinite(curve)
    if not good.any():
        return _limited(NoiseLaw(settings.kind, 0.0), settings)
    return likely_law(settings, curve[good], measured[good], weight[good], log=log)


def _limited(law: NoiseLaw, settings: ColumnNoise) -> NoiseLaw:
    return replace(
        law,
        below=-np.inf if settings.below is None else settings.below,
        above=np.inf if settings.above is None else settings.above,
        resolution=settings.resolution or 0.0,
    )


def _typical(dataset: Dataset, k: int) -> float:
    values = np.concatenate([one.measured[one.present[:, k], k] for one in dataset.trajectories])
    return float(np.median(np.abs(values))) or 1.0


def _noise_around(dataset: Dataset, k: int, cuts: Mapping[str, Float[np.ndarray, " cut"]]) -> float:
    """Standard deviation of the values of a column around smooth curves, which end where states jump, and of steady states around
    the mean of those under the same inputs."""
    curves = [one for one in dataset.trajectories if not one.is_steady_state]
    if not curves:
        apart = _among_replicates(dataset, k)
        if not len(apart):
            raise SpecError(_UNSEEN)
        return float(np.sqrt(np.mean(np.square(apart))))
    found = [smooth(one, use=one.mask(Part.TRAIN)).noise[k] for one in curves if one.name not in cuts]
    pieces = [(one, piece) for one in curves for piece in pieces_between(one, k, cuts.get(one.name, np.zeros(0)))]
    found += [smooth_column(one.t[piece], one.measured[piece, k]).noise for one, piece in pieces]
    found = found or [smooth(one, use=one.mask(Part.TRAIN)).noise[k] for one in curves]
    return float(np.sqrt(np.mean(np.square(found))))


_UNSEEN = (
    "the data are steady states with one value each, which do not show their noise; give its size, as a part of the spread, in "
    "[recovery] (`noise = 0.03`), or train on the data first"
)


def _among_replicates(dataset: Dataset, k: int) -> Float[np.ndarray, " value"]:
    """Deviations of steady states from the mean of those under the same inputs, widened for that mean being their own."""
    groups: dict[tuple[str, bytes], list[float]] = {}
    for one in dataset.trajectories:
        if one.is_steady_state and one.present[0, k]:
            groups.setdefault((one.condition, one.settle_point.tobytes()), []).append(float(one.measured[0, k]))
    several = [np.array(values) for values in groups.values() if len(values) > 1]
    parts = [(values - values.mean()) * np.sqrt(len(values) / (len(values) - 1)) for values in several]
    return np.concatenate(parts) if parts else np.zeros(0)


def pieces_between(trajectory: Trajectory, k: int, cuts: Float[np.ndarray, " cut"]) -> list[np.ndarray]:
    """Rows with training values of a column between the cuts, those stretches left out that have too few for a smooth curve."""
    if not len(cuts):
        return []
    rows = np.flatnonzero(trajectory.mask(Part.TRAIN)[:, k])
    number = np.searchsorted(cuts, trajectory.t[rows], side="right")
    pieces = [rows[number == one] for one in np.unique(number)]
    return [piece for piece in pieces if len(piece) >= FEWEST]


def _smooth(dataset: Dataset) -> list[np.ndarray]:
    """Smooth curves at the samples; steady states have none."""
    if all(one.is_steady_state for one in dataset.trajectories):
        raise SpecError(_UNSEEN)
    return [
        np.full(one.measured.shape, np.nan)
        if one.is_steady_state
        else smooth(one, use=one.mask(Part.TRAIN)).values(one.t)
        for one in dataset.trajectories
    ]


def _limit(trajectory: Trajectory, dataset: Dataset, k: int, side: int) -> float:
    """The limit below (``side`` 1: the upper end of what lies there) or above; NaN where none is known."""

    def limits(one: Trajectory) -> set[float]:
        if one.ends is None:
            return set()
        ends = one.ends[:, k]
        return set(ends[np.isinf(ends[:, 1 - side]) & np.isfinite(ends[:, side]), side].tolist())

    own = limits(trajectory)
    every = set().union(*(limits(one) for one in dataset.trajectories))
    if own:
        return max(own) if side else min(own)
    return every.pop() if len(every) == 1 else float("nan")
