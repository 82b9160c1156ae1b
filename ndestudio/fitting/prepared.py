"""From a model, data and settings to the scales, limits and noise of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset, Part, Trajectory
from ndestudio.data.smoothing import SmoothedTrajectory
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.expression.tree import Number, names
from ndestudio.fitting.black_boxes import with_gradients
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.fitting.noise_settings import check_noise, for_limits
from ndestudio.fitting.path_penalty import PathPenalty, path_penalties
from ndestudio.fitting.priors import Priors, model_priors
from ndestudio.fitting.robust import without_outliers
from ndestudio.model.config import InitialConfig
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.fitted import FittedModel
from ndestudio.model.runs import effects
from ndestudio.model.signs import assumed_positive
from ndestudio.problem.bijection import Bijection, bijection
from ndestudio.problem.problem import Problem
from ndestudio.problem.space import Space, initial_transforms, parameter_space
from ndestudio.problem.steady_state import refuse_unsettled
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.base import Solver, SolverSettings, TracedMethod
from ndestudio.solve.delays import few_steps
from ndestudio.solve.diffrax_adaptive import ATOL, RTOL
from ndestudio.solve.registry import for_training
from ndestudio.solve.step_count import LARGEST
from ndestudio.solve.tableau import SDIRK4, Tableau
from ndestudio.solve.time_grid import TimeGrid

CLIP = 5.0
"""States are kept inside the field within this many data ranges around the data; hidden ones within a hundred scales."""
FEWEST_SAMPLES, FAR_SMALLER = 20, 0.6
"""Samples from which the noise of single ones is looked at, and the part of the noise around the curve that it must be below."""
BELOW, NOISE = 0.05, 0.15
"""Spreads below zero that a column which is never negative does not leave, and that noise around it may take it to."""
CLEAN = 1e-7
"""Noise, as a loss, below which samples repeat each other and can be thinned."""


@dataclass(frozen=True, eq=False)
class PreparedFit:
    """Everything a stage needs that does not change while it runs.

    Parameters
    ----------
    floor
        Smallest loss the noise allows (mean squared error over spread); 0 if the noise is unknown.
    time_grid
        Trajectory -> where the steps of the solver should lie; none: by time and samples.
    least
        Steps below which the solver is not stable.
    adaptive
        The solver with steps of its own that trains in its place, None if none was chosen.
    priors
        Of parameters and initial values, None without any.
    penalties
        Along the path.
    positive
        Parameters kept above 0 because of their place in the equations, not because it was said.
    """

    dataset: Dataset
    train: TrainConfig
    space: Space
    method: Tableau
    noise: Float[np.ndarray, " measured"]
    floor: float
    smooth: Mapping[str, SmoothedTrajectory]
    time_grid: Mapping[str, TimeGrid] = field(default_factory=dict)
    least: int = 0
    adaptive: TracedMethod | None = None
    priors: Priors | None = None
    penalties: tuple[PathPenalty, ...] = ()
    positive: frozenset[str] = frozenset()

    @cached_property
    def definition(self) -> Problem:
        """What is fitted, without how: the part that solvers know."""
        return Problem(self.space, self.dataset)

    @property
    def structure(self) -> ProblemStructure:
        return self.space.structure

    @property
    def observed(self) -> Bool[np.ndarray, " measured"]:
        """Measured columns that the model has a counterpart for."""
        return self.definition.observed

    def values_used(self, part: Part) -> int:
        """Measured values of a part that the model has a counterpart for."""
        return int(sum((trajectory.mask(part) & self.observed).sum() for trajectory in self.dataset.trajectories))

    @property
    def clean(self) -> bool:
        """Whether the splines found next to no noise."""
        return bool(self.smooth) and self.floor <= CLEAN and bool((self.noise > 0).any())

    @cached_property
    def values_used_validation(self) -> int:
        return self.values_used(Part.VALIDATION)

    @cached_property
    def values_used_train(self) -> int:
        return self.values_used(Part.TRAIN)


def prepare_fit(
    model: FittedModel,
    dataset: Dataset,
    train: TrainConfig,
    smoothed: Mapping[str, SmoothedTrajectory] | None = None,
    *,
    train_networks: bool = True,
) -> PreparedFit:
    """Scales, limits, noise and starts of a fit of ``model`` to ``dataset``."""
    train = for_limits(train, dataset)
    refuse_noise(model.system, "a fit by squared errors")
    observed = np.array([model.system.observation(name) is not None for name in dataset.measured_names])
    log = _logarithms(dataset, train)
    scale = _state_scale(model)
    spread = _spread(dataset, log, robust=train.loss == "huber")
    constants = {
        "clip": _clip(model, dataset, scale),
        "log": log,
        "floor": _floor(dataset),
        "spread": spread,
        "state_scale": scale,
        "shared": _shared(model, scale),
        "tolerance": np.array([train.rtol or RTOL, train.atol or ATOL]),
    }
    positive = assumed_positive(model, _nonnegative(model, dataset))
    space = parameter_space(model, constants, train_networks=train_networks, positive=positive)
    space = _with_shared(space, model, train)
    noise, floor = _noise(dataset, smoothed or {}, observed, log, spread)
    priors = model_priors(model)
    problem = PreparedFit(
        dataset,
        train,
        space,
        SDIRK4,
        noise,
        floor,
        smoothed or {},
        priors=priors if priors.any or priors.parameters.given.any() else None,
        penalties=path_penalties(model, scale),
        positive=positive,
        least=_least_steps(space, dataset),
    )
    _check_bend(train)
    _check_delayed_jumps(space, dataset)
    check_noise(dataset, train)
    _check_runs(model, dataset, train)
    if model.settles:
        refuse_unsettled(space.structure)
        if any(event.kind in ("when", "every") for event in model.system.events):
            raise EquationError(
                "the data have steady states, and events of the equations come again and again or with the states (`every`, `when`), "
                "which steady states do not know yet; leave out the rows of the time `inf` and `equilibrated`"
            )
    return _solved_by(problem, for_training(train.solver))


def _least_steps(space: Space, dataset: Dataset) -> int:
    """Steps with which every delay is longer than two of them.

    Raises
    ------
    SpecError
        That would be too many.
    """
    delays, least = space.structure.delays, few_steps(Problem(space, dataset), space.model, dataset.trajectories)
    if delays is not None and least > LARGEST:
        lags = delays.values(space.model.parameters)
        shortest = int(np.argmin(lags))
        raise SpecError(
            f"the delay of `{delays.slots[shortest]}` is {lags[shortest]:.6g}, for which more than {LARGEST} steps would be needed "
            "over the trajectories; start it at a longer time, or leave it out"
        )
    return least


def _check_delayed_jumps(space: Space, dataset: Dataset) -> None:
    """Refuse to fit a delay of an input that jumps: predictions move in steps then, and their derivatives say nothing.

    Raises
    ------
    SpecError
        Naming the delay and the input.
    """
    delays, structure = space.structure.delays, space.structure
    if delays is None or not delays.reads_inputs:
        return
    free = {name for name, one in zip(structure.parameters, space.free, strict=False) if one}
    for d, lag in enumerate(delays.lags):
        number = delays.input_of(d)
        fitted = [name for name in names(lag) if name in free]
        if number is None or not fitted:
            continue
        for row in dataset.trajectories:
            pieces = row.control.pieces[number]
            if pieces is not None and len(pieces.jumps):
                name = structure.inputs[number]
                raise SpecError(
                    f"`{fitted[0]}` is fitted in `{delays.slots[d]}`, and `{name}` jumps (trajectory `{row.name}`, at "
                    f"{pieces.jumps[0]:.6g}): when a jump arrives cannot be fitted by derivatives. Fix `{fitted[0]}` and compare fits of "
                    f'several values, or take `{name}` as `interpolation = "linear"` if it is no held setting'
                )


def _nonnegative(model: FittedModel, dataset: Dataset) -> frozenset[str]:
    """Columns that are never below zero by more than noise, and with them all, states that nobody measures."""
    found, spread = set(), dataset.spread()
    for k, name in enumerate(dataset.measured_names):
        lowest = min(float(np.nanmin(one.measured[:, k], initial=np.inf)) for one in dataset.trajectories)
        if lowest >= -NOISE * spread[k]:
            found.add(name)
    for k, name in enumerate(dataset.input_names):
        if all((one.inputs[:, k] >= 0).all() for one in dataset.trajectories):
            found.add(name)
    if found.issuperset(dataset.measured_names):
        starts = list(model.initial.values())
        hidden = enumerate(model.system.states)
        found |= {name for k, name in hidden if all(start[k] >= 0 for start in starts)}
    return frozenset(found)


def _check_bend(train: TrainConfig) -> None:
    """Refuse a Huber loss that counts no error by its square, or is no number."""
    if train.loss == "huber" and not train.huber_delta > 0.0:
        raise SpecError(f"[train] `huber_delta` must be above 0, not {train.huber_delta:g}")


def _check_runs(model: FittedModel, dataset: Dataset, train: TrainConfig) -> None:
    """Refuse to keep all initial values where parameters of runs are among them, and what a population cannot have.

    Random parameters are estimated by a likelihood of normal errors of one level in a column (or in all, in units of their spreads),
    with limits of detection, without a robust loss or penalties along the path.
    """
    random = next(iter(effects(model.config)), None)
    known = {
        '`loss = "huber"`': train.loss != "squares",
        f'`noise = "{train.noise}"`': train.noise not in ("spread", "constant"),
        **{
            f"`column_noise` of `{name}` ({words})": True
            for name, one in train.column_noise.items()
            if (words := _beyond_normal(one))
        },
        "penalties along the path": bool(model.config.penalties),
    }
    why = next((words for words, asked in known.items() if asked), None)
    if random is not None and why is not None:
        raise SpecError(
            f"the spread of `{random}` between runs is estimated by a likelihood that does not know {why}; take that away, or give "
            'each run a value of its own (`per = "run"`)'
        )
    if train.fit_initial is not False:
        return
    for state, rhs in zip(model.system.states, model.system.rhs, strict=True):
        settings = model.config.initial.get(state)
        if isinstance(rhs, Number) and rhs.value == 0 and settings is not None and settings.fit:
            raise SpecError(
                f"[train] `fit_initial = false` keeps all initial values, and `{state}` has a value for each run, which is estimated "
                "as one; leave it out, and set `fit = false` for states whose initial values are known"
            )


def _beyond_normal(noise: ColumnNoise) -> str:
    """What the noise of a column has that a likelihood of normal errors does not know."""
    known = [name for name in ("constant", "proportional", "freedom", "dispersion") if getattr(noise, name) is not None]
    return noise.kind if noise.kind != "constant" else f"a given `{known[0]}`" if known else ""


def solver_settings(train: TrainConfig) -> SolverSettings:
    """What the settings of a fit say about the solver."""
    return SolverSettings(train.solver, train.adjoint, train.controller, train.rtol, train.atol, train.max_steps)


def _solved_by(problem: PreparedFit, solver: Solver) -> PreparedFit:
    """The problem with the steps of ``solver``, and what is compiled in their place where it chooses its own.

    Raises
    ------
    SpecError
        Settings that do not go together, or a solver that cannot solve such a problem.
    """
    if sentence := solver.refuses(problem.definition):
        raise SpecError(sentence)
    if problem.penalties and any(one.moves for one in problem.structure.dynamics.events):
        raise SpecError(
            "penalties along the path cannot be had where the time of an event is fitted; leave out one of them"
        )
    traced = solver.traced(solver_settings(problem.train), int(problem.space.free.sum()))
    method, adaptive = with_gradients(problem.space.model, problem.dataset, problem.train, solver.grid, traced)
    return replace(problem, method=method, adaptive=adaptive)


def _logarithms(dataset: Dataset, train: TrainConfig) -> Bool[np.ndarray, " measured"]:
    """Which columns are compared by logarithm.

    Raises
    ------
    DataError
        A name that is no measured column, or a column without enough positive values.
    """
    names = dataset.measured_names
    for name in train.log_states:
        if name not in names:
            known = ", ".join(f"`{one}`" for one in names)
            raise DataError(f"`{name}` is to be compared by logarithm but is no measured column ({known})")
        column = names.index(name)
        if sum(int((one.measured[:, column] > 0).sum()) for one in dataset.trajectories) < 2:
            raise DataError(f"`{name}` is to be compared by logarithm but has no positive values; compare it as it is")
    return np.array([name in train.log_states for name in names])


def _state_scale(model: FittedModel) -> Float[np.ndarray, " state"]:
    if model.scale is None:
        return np.ones(len(model.system.states))
    return np.where(np.isfinite(model.scale) & (model.scale > 0), model.scale, 1.0)


def _spread(
    dataset: Dataset, log: Bool[np.ndarray, " measured"], *, robust: bool = False
) -> Float[np.ndarray, " measured"]:
    """Scale of the error of each column: its standard deviation, where outliers count less (``robust``) without them."""
    stacked = np.concatenate([trajectory.measured for trajectory in dataset.trajectories])
    largest = np.nanmax(np.where(np.isfinite(stacked), np.abs(stacked), 0.0), axis=0)
    with np.errstate(all="ignore"):
        stacked = np.where(log & (stacked > 0), np.log(stacked), stacked)
    columns = [column[np.isfinite(column)] for column in stacked.T]
    if robust:
        columns = [_without_outliers(dataset, k, bool(log[k])) for k in range(len(columns))]
    spread = np.array([np.std(column) if len(column) else 0.0 for column in columns])
    # a column that does not vary is judged by its size
    flat = spread <= 1e-9 * np.where(log, 1.0, largest)
    return np.where(flat, np.where(largest > 0, largest, 1.0), spread)


def _without_outliers(dataset: Dataset, k: int, log: bool) -> Float[np.ndarray, " value"]:
    parts = []
    for trajectory in dataset.trajectories:
        values = trajectory.measured[:, k]
        if log:
            values = np.log(values[values > 0])
        parts.append(without_outliers(values))
    return np.concatenate(parts)


def _floor(dataset: Dataset) -> Float[np.ndarray, " measured"]:
    found = []
    for k in range(len(dataset.measured)):
        values = np.concatenate([trajectory.measured[:, k] for trajectory in dataset.trajectories])
        positive = values[np.isfinite(values) & (values > 0)]
        found.append(1e-3 * float(positive.min()) if positive.size else 1e-300)
    return np.array(found)


def _clip(model: FittedModel, dataset: Dataset, scale: Float[np.ndarray, " state"]) -> Float[np.ndarray, "2 state"]:
    limits = np.zeros((2, len(model.system.states)))
    for k, state in enumerate(model.system.states):
        column = None
        if state in dataset.measured_names and state not in model.system.outputs:
            column = dataset.measured_names.index(state)
        values = np.array([start[k] for start in model.initial.values()])
        if column is not None:
            parts = [trajectory.measured[:, column] for trajectory in dataset.trajectories]
            values = np.concatenate([values, *parts])
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        room = CLIP * max(high - low, scale[k]) if column is not None else 100.0 * max(high - low, scale[k])
        limits[:, k] = low - room, high + room
    return limits


def _shared(model: FittedModel, scale: Float[np.ndarray, " state"]) -> Bijection:
    first = next(iter(model.initial.values()), np.zeros(len(scale)))
    return bijection(initial_transforms(model.system, model, scale), list(first))


def _with_shared(space: Space, model: FittedModel, train: TrainConfig) -> Space:
    """Start values of the shared initial values, and which of them are trained."""
    theta, free = space.theta.copy(), space.free.copy()
    transforms = initial_transforms(model.system, model, space.constants.state_scale)
    first = next(iter(model.initial.values()), None)
    offset = len(theta) - len(transforms)
    for k, (state, transform) in enumerate(zip(model.system.states, transforms, strict=True)):
        config = model.config.initial.get(state) or InitialConfig()
        if first is not None and transform.kind != "identity":
            theta[offset + k] = float(transform.inverse(np.float64(first[k])))
        free[offset + k] = config.shared and is_estimated(config, train)
    return replace(space, theta=theta, free=free)


def is_estimated(config: InitialConfig, train: TrainConfig) -> bool:
    """Whether an initial value is estimated: as the settings say, else if no value or formula is given for it."""
    if train.fit_initial is False:
        return False
    return config.start is None if config.fit is None else config.fit


def _noise(
    dataset: Dataset,
    smoothed: Mapping[str, SmoothedTrajectory],
    observed: Bool[np.ndarray, " measured"],
    log: Bool[np.ndarray, " measured"],
    spread: Float[np.ndarray, " measured"],
) -> tuple[Float[np.ndarray, " measured"], float]:
    """Noise of each column from the smoothing splines (0 unknown) and the loss it amounts to."""
    count = len(dataset.measured)
    squares, weights = np.zeros(count), np.zeros(count)
    for trajectory in dataset.trajectories:
        curve = smoothed.get(trajectory.name)
        if curve is None:
            continue
        n = trajectory.mask(Part.TRAIN).sum(axis=0).astype(float) * (curve.noise > 0)
        squares += n * _without_spikes(trajectory, curve.noise) ** 2
        weights += n
    noise = np.sqrt(squares / np.maximum(weights, 1.0))
    relative = np.where(log, 0.0, noise / spread)
    share = observed * np.array([dataset.weights.get(name, 1.0) for name in dataset.measured_names])
    known = share * (weights > 0)
    floor = float(np.sum(known * relative**2) / known.sum()) if known.sum() > 0 else 0.0
    return noise, floor


def _without_spikes(trajectory: Trajectory, noise: Float[np.ndarray, " measured"]) -> Float[np.ndarray, " measured"]:
    """The noise around the smooth curve, or the median one of single samples where that is far smaller.

    A spline that is too stiff for the spikes of a column takes them for noise, and a fit that misses them would count as a
    good one. The errors of single samples against the line between their neighbours (Gasser, Sroka and Jennen-Steinmetz
    1986, Biometrika 73) know the noise of the quiet stretches; their median leaves the spikes out.
    """
    found = noise.copy()
    for k, mask in enumerate(trajectory.mask(Part.TRAIN).T):
        if mask.sum() < FEWEST_SAMPLES:
            continue
        median = 1.4826 * float(np.median(np.abs(away_from_neighbours(trajectory, k))))
        if 0.0 < median < FAR_SMALLER * noise[k]:
            found[k] = median
    return found


def away_from_neighbours(trajectory: Trajectory, column: int) -> Float[np.ndarray, " value"]:
    """Errors of single training values against the line between their neighbours, with the standard deviation of one value;
    empty below three."""
    mask = trajectory.mask(Part.TRAIN)[:, column]
    t, y = trajectory.t[mask], trajectory.measured[mask, column]
    if len(t) < 3:
        return np.zeros(0)
    a = (t[2:] - t[1:-1]) / (t[2:] - t[:-2])
    return (a * y[:-2] + (1.0 - a) * y[2:] - y[1:-1]) / np.sqrt(a**2 + (1.0 - a) ** 2 + 1.0)
