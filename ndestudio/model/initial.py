"""Where a model starts: initial values, typical magnitudes, fresh networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.expression.delays import undelayed
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.tree import Call, Expr, Name, calls, names, walk
from ndestudio.model.basis import basis_of, interval
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.diffusion import with_positive_diffusion
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.impulses import refuse_impulses
from ndestudio.model.networks import fresh_network
from ndestudio.model.parse import parse_system
from ndestudio.model.runs import for_runs
from ndestudio.model.structures import expanded
from ndestudio.model.system import System


def initial_model(config: ModelConfig, dataset: Dataset, seed: int) -> FittedModel:
    """The model before any fitting: start values of parameters, fresh networks, initial values read off the data.

    Raises
    ------
    EquationError
        The text or tables of ``config`` have an error, or do not suit the columns of ``dataset``.
    """
    config = for_runs(expanded(config, seed), dataset)
    system = parse_system(config, dataset.measured_names, dataset.input_names)
    config = with_positive_diffusion(config, system)
    refuse_impulses(system, dataset)
    parameters = {name: config.parameters.get(name, ParameterConfig()).value for name in system.parameters}
    initial = start_values(
        system, config, parameters, dataset.trajectories, dataset.measured_names, dataset.input_names
    )
    scale = state_scale(system, config, dataset, parameters, initial)
    rows = _Rows(system, dataset, parameters, scale)
    return FittedModel(
        config=config,
        system=system,
        parameters=parameters,
        networks={
            neural_term.name: rows.network(neural_term.name, config, seed) for neural_term in system.neural_terms
        },
        initial=initial,
        measured=dataset.measured_names,
        inputs=dataset.input_names,
        scale=scale,
        settles=any(one.settles for one in dataset.trajectories),
    )


def initial_expression(config: ModelConfig, state: str) -> Expr | None:
    """The expression that gives the initial value of ``state``; None where it is a number or read off the data."""
    initial = config.initial.get(state)
    return parse_expression(initial.start) if initial is not None and isinstance(initial.start, str) else None


def start_values(
    system: System,
    config: ModelConfig,
    parameters: Mapping[str, float],
    trajectories: Sequence[Trajectory],
    measured: Sequence[str],
    inputs: Sequence[str] = (),
) -> dict[str, Float[np.ndarray, " state"]]:
    """Initial values as the settings and the first measurements say, for trajectories that were not fitted (yet).

    A state takes, in this order: the number or expression of its settings; its first measured value; where it is the
    velocity of a measured state (`d(x)/dt = v`), the slope of the first measurements; the value with
    which an output that depends on it alone (and linearly) meets its first measured value; 0.

    Returns
    -------
    dict[str, Float[np.ndarray, ' state']]
        Trajectory name -> values in the order of the states, inside the bounds of the settings.
    """
    found = {}
    observed = observed_states(system, parameters, measured)
    for trajectory in trajectories:
        values = first_values(trajectory, measured, inputs)
        slopes = {
            moves: _first_slope(trajectory, measured.index(observed[state][0])) / observed[state][2]
            for moves, state in velocities(system).items()
            if state in observed and moves not in observed
        }
        found[trajectory.name] = np.array(
            [
                trajectory.initial[state]
                if state in trajectory.initial
                else _start(state, system, config, {**values, **parameters}, measured, slopes)
                for state in system.states
            ]
        )
    for k, state in enumerate(system.states):
        settings = config.initial.get(state)
        if settings is not None and settings.shared:
            sharing = [found[one.name] for one in trajectories if state not in one.initial]
            mean = float(np.mean([values[k] for values in sharing])) if sharing else 0.0
            for values in sharing:
                values[k] = mean
    return found


def model_start(model: FittedModel, trajectory: Trajectory) -> Float[np.ndarray, " state"]:
    """Initial values of ``trajectory``: those of the model, or for data it was not fitted to, ``start_values``."""
    known = model.initial.get(trajectory.name)
    if known is None and not model.measured and len(model.initial) == 1:
        (known,) = model.initial.values()  # a model from its tables alone begins everywhere as these say
    if known is not None:
        return known
    values = start_values(model.system, model.config, model.parameters, (trajectory,), model.measured, model.inputs)[
        trajectory.name
    ]
    for k, state in enumerate(model.system.states):
        settings = model.config.initial.get(state)
        if settings is not None and settings.shared and model.initial and state not in trajectory.initial:
            values[k] = next(iter(model.initial.values()))[k]
    return values


def first_values(trajectory: Trajectory, measured: Sequence[str], inputs: Sequence[str]) -> dict[str, float]:
    """First present value of each column (left out where there is none), and the first time."""
    values = {"t": float(trajectory.t[0])}
    for labels, table in ((measured, trajectory.measured), (inputs, trajectory.inputs)):
        for name, column in zip(labels, table.T, strict=True):
            present = np.flatnonzero(np.isfinite(column))
            if present.size:
                values[name] = float(column[present[0]])
    return values


def _start(
    state: str,
    system: System,
    config: ModelConfig,
    values: Mapping[str, float],
    measured: Sequence[str],
    slopes: Mapping[str, float],
) -> float:
    settings = config.initial.get(state)
    given = settings.start if settings is not None else None
    if isinstance(given, int | float):
        value = float(given)
    elif isinstance(given, str):
        expr = parse_expression(given)
        known = all(name in values for name in names(expr))
        value = float(evaluate(expr, values)) if known else 0.0
    elif state in measured and state not in system.outputs:
        value = values.get(state, 0.0)
    elif state in slopes:
        value = slopes[state]
    else:
        value = _from_output(state, system, config, values, measured)
    if not np.isfinite(value):
        value = 0.0
    low, high = settings.bounds if settings is not None else (None, None)
    if low is not None or high is not None:
        value = float(np.clip(value, low, high))
    return value


def velocities(system: System) -> dict[str, str]:
    """States that are the derivative of another one and nothing else: velocity -> the state it moves."""
    return {
        rhs.name: state
        for state, rhs in zip(system.states, system.rhs, strict=True)
        if isinstance(rhs, Name) and rhs.name in system.states
    }


def _first_slope(trajectory: Trajectory, column: int) -> float:
    """Slope at the first measurement, of a parabola through the first few."""
    values = trajectory.measured[:, column]
    rows = np.flatnonzero(np.isfinite(values))[:6]
    if len(rows) < 2:
        return 0.0
    t = trajectory.t[rows] - trajectory.t[rows[0]]
    fitted = np.polynomial.Polynomial.fit(t, values[rows], min(2, len(rows) - 1))
    return float(fitted.deriv()(0.0))


def _from_output(
    state: str, system: System, config: ModelConfig, values: Mapping[str, float], measured: Sequence[str]
) -> float:
    for column in measured:
        output = system.outputs.get(column)
        if output is None or column not in values or _open(output, system) or state not in names(output):
            continue
        unknown = [name for name in names(output) if name in system.states and name not in measured]
        if unknown != [state]:
            continue
        line = _line(output, state, values)
        if line is not None:
            return (values[column] - line[0]) / line[1]
    return 0.0


def observed_states(
    system: System, parameters: Mapping[str, float], measured: Sequence[str]
) -> dict[str, tuple[str, float, float]]:
    """States that a measured column shows: state -> (column, offset, factor), with column = offset + factor*state.

    Those of the name of a column, and those that a measured quantity depends on linearly and alone.
    """
    found: dict[str, tuple[str, float, float]] = {}
    for column in measured:
        output = system.outputs.get(column)
        if output is None:
            if column in system.states:
                found[column] = (column, 0.0, 1.0)
            continue
        used = names(output)
        states = [name for name in used if name in system.states]
        if (
            _open(output, system)
            or len(states) != 1
            or not all(name in parameters for name in used if name != states[0])
        ):
            continue
        line = _line(output, states[0], parameters)
        if line is not None:
            found.setdefault(states[0], (column, *line))
    return found


def _line(output: Expr, state: str, values: Mapping[str, float]) -> tuple[float, float] | None:
    """Offset and slope of ``output`` over ``state``, None if it is no straight line (or level)."""
    at = [float(evaluate(output, {**values, state: x})) for x in (0.0, 1.0, 2.0)]
    slope = at[1] - at[0]
    straight = np.isfinite(at).all() and slope != 0 and abs(at[2] - at[0] - 2 * slope) <= 1e-9 * abs(slope)
    return (at[0], slope) if straight else None


def state_scale(
    system: System,
    config: ModelConfig,
    dataset: Dataset,
    parameters: Mapping[str, float],
    initial: Mapping[str, Float[np.ndarray, " state"]],
) -> Float[np.ndarray, " state"]:
    """Typical magnitude of each state: the spread of what the data show of it, else that of its start or its fellows."""
    columns = dict(zip(dataset.measured_names, _stacked(dataset), strict=True))
    observed = observed_states(system, parameters, dataset.measured_names)
    scale = np.full(len(system.states), np.nan)
    for k, state in enumerate(system.states):
        if state in observed:
            column, _, factor = observed[state]
            scale[k] = _spread(columns[column]) / abs(factor)
            continue
        if state in velocities(system):
            continue
        start = max((abs(float(values[k])) for values in initial.values()), default=0.0)
        settings = config.initial.get(state)
        bounds = [abs(b) for b in settings.bounds if b] if settings is not None else []
        if settings is not None and settings.prior is not None and settings.prior.kind == "normal":
            bounds += [abs(settings.prior.mean or 0.0), settings.prior.sd or 0.0]
        if start > 0 or any(bounds):
            scale[k] = max([start, *bounds])
    for moves, state in velocities(system).items():
        k, place = system.states.index(moves), system.states.index(state)
        if state in observed and not np.isfinite(scale[k]):
            rate = _measured_rate(dataset, observed[state][0])
            scale[k] = rate / abs(observed[state][2]) if rate > 0 else scale[place]
    known = scale[np.isfinite(scale)]
    outputs = [_spread(columns[name]) for name in columns if name in system.outputs]
    return np.where(np.isfinite(scale), scale, max([*known, *outputs], default=1.0))


def _stacked(dataset: Dataset) -> list[Float[np.ndarray, " row"]]:
    return list(np.concatenate([trajectory.measured for trajectory in dataset.trajectories], axis=0).T)


def _spread(values: Float[np.ndarray, " row"]) -> float:
    """Standard deviation; where that is 0 or undefined, the magnitude, else 1."""
    present = values[np.isfinite(values)]
    if present.size == 0:
        return 1.0
    spread = float(np.std(present))
    magnitude = float(np.max(np.abs(present)))
    if spread > 1e-12 * magnitude and spread > 0:
        return spread
    return magnitude if magnitude > 0 else 1.0


class _Rows:
    """Values of every name at the rows of the data, to see what the neural terms will be called with."""

    def __init__(
        self, system: System, dataset: Dataset, parameters: Mapping[str, float], scale: Float[np.ndarray, " state"]
    ) -> None:
        self.system, self.dataset, self.scale = system, dataset, scale
        t = np.concatenate([trajectory.t for trajectory in dataset.trajectories])
        inputs = np.concatenate([trajectory.input_at(trajectory.t) for trajectory in dataset.trajectories])
        columns = dict(zip(dataset.measured_names, _stacked(dataset), strict=True))
        self.columns = columns
        self.observed = observed_states(system, parameters, dataset.measured_names)
        values: dict[str, Any] = {"t": t, **parameters}
        values |= dict(zip(dataset.input_names, inputs.T, strict=True))
        for state, magnitude in zip(system.states, scale, strict=True):
            if state in self.observed:
                column, offset, slope = self.observed[state]
                values[state] = (columns[column] - offset) / slope
            else:  # nobody has seen a hidden state: assume it runs from 0 to its magnitude
                values[state] = np.linspace(0.0, magnitude, len(t))
        for one in system.algebraic:  # what is not measured is taken for where its search begins
            values[one.name] = columns[one.name] if one.name in columns else evaluate(one.start, values)
        self.values = values

    def network(self, name: str, config: ModelConfig, seed: int) -> NetworkWeights:
        neural_term = self.system.neural_term(name)
        settings = config.networks[name]
        arguments = self._arguments(name)
        center = np.array([_center(column) for column in arguments])
        scale = np.array([_spread(column) for column in arguments])
        varying = basis_of(settings, neural_term.arguments)
        if varying is not None:
            k, basis = varying
            present = arguments[k][np.isfinite(arguments[k])]
            low, high = (float(present.min()), float(present.max())) if present.size else (0.0, 1.0)
            center[k], scale[k] = interval(basis, low, high)
        factor = np.ones(1)
        for formal, column in zip(neural_term.arguments, arguments, strict=True):
            if formal in settings.factor:
                factor = factor * column
        return fresh_network(
            name,
            settings,
            neural_term.arguments,
            seed,
            center=center,
            scale=scale,
            output_scale=self._output_scale(name, factor),
        )

    def _arguments(self, name: str) -> list[Float[np.ndarray, " row"]]:
        """Argument values of all calls of the neural term."""
        columns: list[list[Any]] = []
        zero = {neural_term.name: _constant_neural_term(0.0) for neural_term in self.system.neural_terms}
        for expr in self.system.expressions:
            for node in walk(expr):
                if isinstance(node, Call) and node.function == name:
                    called = [
                        np.atleast_1d(evaluate(undelayed(argument), self.values, neural_terms=zero))
                        for argument in node.arguments
                    ]
                    columns.append(called)
        return [np.concatenate([called[k] for called in columns]) for k in range(len(columns[0]))]

    def _output_scale(self, name: str, factor: Float[np.ndarray, " row"]) -> float:
        """What the network must produce to move something at the rate that the data show."""
        targets = [(expr, self._rate(k)) for k, expr in enumerate(self.system.rhs) if _has_call(expr, name)] or [
            (expr, _spread(self.columns[column]) if column in self.columns else 1.0)
            for column, expr in self.system.outputs.items()
            if _has_call(expr, name)
        ]
        targets = targets or [
            (expr, self._fluctuation(k))
            for column in self.system.diffusion.values()
            for k, expr in enumerate(column)
            if _has_call(expr, name)
        ]
        targets = targets or [
            (one.residual, self._balanced(one.residual))
            for one in self.system.algebraic
            if _has_call(one.residual, name)
        ]
        size = _typical(factor)
        scales = []
        for delayed, rate in targets:
            expr = undelayed(delayed)
            neural_terms = {neural_term.name: _constant_neural_term(0.0) for neural_term in self.system.neural_terms}
            with np.errstate(all="ignore"):
                without = evaluate(expr, self.values, neural_terms=neural_terms)
                effect = _typical(
                    evaluate(expr, self.values, neural_terms={**neural_terms, name: _constant_neural_term(size)})
                    - without
                )
            scales.append(rate / effect)
        return float(np.median(scales)) if scales else 1.0

    def _fluctuation(self, k: int) -> float:
        """Typical diffusion of a state: the root of the sum of squared changes over the time they took."""
        state = self.system.states[k]
        if state in self.observed:
            name, _, factor = self.observed[state]
            column, squares, time = self.dataset.measured_names.index(name), 0.0, 0.0
            for one in self.dataset.trajectories:
                present = np.isfinite(one.measured[:, column])
                squares += float(np.sum(np.diff(one.measured[present, column]) ** 2))
                time += float(np.sum(np.diff(one.t[present])))
            if squares > 0 and time > 0:
                return float(np.sqrt(squares / time)) / abs(factor)
        span = self.dataset.span()
        return float(self.scale[k]) / float(np.sqrt(span if span > 0 else 1.0))

    def _balanced(self, residual: Expr) -> float:
        """What the other terms of an algebraic equation come to, which the network must balance."""
        zero = {neural_term.name: _constant_neural_term(0.0) for neural_term in self.system.neural_terms}
        with np.errstate(all="ignore"):
            return _typical(evaluate(residual, self.values, neural_terms=zero)) or 1.0

    def _rate(self, k: int) -> float:
        """Typical rate of change of a state."""
        state = self.system.states[k]
        if state in self.observed:
            name, _, factor = self.observed[state]
            if self.system.diffusion:
                return float(self.scale[k]) * _relaxation(self.dataset, name)
            rate = _measured_rate(self.dataset, name)
            if rate > 0:
                return rate / abs(factor)
        span = self.dataset.span()
        return 4.0 * float(self.scale[k]) / (span if span > 0 else 1.0)


def _relaxation(dataset: Dataset, name: str) -> float:
    """How fast a column forgets where it was: minus the logarithm of its autocorrelation over the lag, at the lag where that is
    about one half."""
    column, mean = dataset.measured_names.index(name), dataset.center()[dataset.measured_names.index(name)]
    longest = max(len(one.t) for one in dataset.trajectories)
    rate, lag = 1.0, 1
    while lag < max(longest // 4, 2):
        pairs = [
            (one.measured[:-lag, column] - mean, one.measured[lag:, column] - mean) for one in dataset.trajectories
        ]
        first, later = (np.concatenate(side) for side in zip(*pairs, strict=True))
        there = np.isfinite(first) & np.isfinite(later)
        spans = np.concatenate([one.t[lag:] - one.t[:-lag] for one in dataset.trajectories])
        if not there.any() or not np.any(first[there]):
            return rate
        correlation = float(
            np.mean(first[there] * later[there]) / np.sqrt(np.mean(first[there] ** 2) * np.mean(later[there] ** 2))
        )
        rate = -np.log(np.clip(correlation, 0.05, 0.9999)) / float(np.mean(spans[there]))
        if correlation < 0.6:
            return rate
        lag *= 2
    return rate


def _measured_rate(dataset: Dataset, name: str) -> float:
    """Typical rate of change of a measured column; 0 where none is seen."""
    column = dataset.measured_names.index(name)
    changes = np.concatenate([_slopes(one.t, one.measured[:, column]) for one in dataset.trajectories])
    return float(np.sqrt(np.mean(changes**2))) if changes.size and np.any(changes) else 0.0


def _slopes(t: Float[np.ndarray, " time"], values: Float[np.ndarray, " time"]) -> Float[np.ndarray, " slope"]:
    """Slopes between neighbours, of means of three where there are enough rows (noise would dominate otherwise)."""
    present = np.isfinite(values)
    t, values = t[present], values[present]
    if len(t) >= 9:
        kernel = np.ones(3) / 3
        t, values = np.convolve(t, kernel, "valid")[::2], np.convolve(values, kernel, "valid")[::2]
    return np.diff(values) / np.diff(t)


def _center(values: Float[np.ndarray, " row"]) -> float:
    present = values[np.isfinite(values)]
    return float(np.mean(present)) if present.size else 0.0


def _typical(values: Any) -> float:
    """Median magnitude of what is finite; 1 where that is nothing or 0."""
    values = np.abs(np.atleast_1d(values))
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.median(values)) if values.size else 1.0


def _constant_neural_term(value: float) -> Any:
    return lambda *arguments: np.full(np.broadcast_shapes(*(np.shape(x) for x in arguments)), value)


def _has_call(expr: Expr, name: str) -> bool:
    return any(call.function == name for call in calls(expr, (name,)))


def _open(expr: Expr, system: System) -> bool:
    """Whether a network is called in ``expr``."""
    return bool(calls(expr, {neural_term.name for neural_term in system.neural_terms}))


__all__ = [
    "first_values",
    "initial_expression",
    "initial_model",
    "model_start",
    "observed_states",
    "start_values",
    "state_scale",
]
