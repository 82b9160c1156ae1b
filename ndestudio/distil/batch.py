"""All trajectories and all perturbed parameter vectors of a model as one array that advances step by step."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.data.dataset import Dataset, Part
from ndestudio.expression.arrays import compile_array
from ndestudio.model.config import InitialConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel

MOST_BYTES = 200_000_000
"""Memory for stored states; more perturbations than fit are computed in turns."""
MOST_INITIAL = 80
"""Initial values estimated at most; with more trajectories they stay as the fit found them."""
LARGEST = 1e6
"""States beyond this many spreads count as run away."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Training rows of a data set on a time grid that all trajectories share by step number.

    Arguments:
        names: of the trajectories. h: length of each step (0 behind a trajectory's end). t: its start.
        u: inputs at the start, middle and end of each step.
        rows: number of the step at whose start each training row lies (padded).
        rows_u, rows_t: inputs and times of those rows.
        measured: values there, NaN where missing or not for training; scale: of the residuals, weights included.
        log: columns whose logarithms are compared.
    """

    names: tuple[str, ...]
    h: Float[np.ndarray, "step trajectory"]
    t: Float[np.ndarray, "step trajectory"]
    u: Float[np.ndarray, "step 3 trajectory input"]
    rows: Int[np.ndarray, "row trajectory"]
    rows_t: Float[np.ndarray, "row trajectory"]
    rows_u: Float[np.ndarray, "row trajectory input"]
    measured: Float[np.ndarray, "row trajectory measured"]
    scale: Float[np.ndarray, "row trajectory measured"]
    log: Bool[np.ndarray, " measured"]
    dataset: Dataset = field(repr=False, default=None)  # type: ignore[assignment]

    @property
    def steps(self) -> int:
        return len(self.h)

    @cached_property
    def present(self) -> Bool[np.ndarray, "row trajectory measured"]:
        return np.isfinite(self.measured)


def make_batch(
    model: FittedModel,
    dataset: Dataset,
    steps: int,
    log_columns: tuple[str, ...] = (),
    weights: Mapping[str, Float[np.ndarray, "time measured"]] | None = None,
) -> Batch | None:
    """Lay out the training rows with about ``steps`` steps per median gap between rows; None without training rows.

    Longer gaps get more steps in proportion, so that the step is about the same everywhere.

    Arguments:
        weights: trajectory -> weight of each value in the squares (see ``fitting.weights``); None: all the same.
    """
    used = []
    for trajectory in dataset.trajectories:
        rows = np.flatnonzero(trajectory.mask(Part.TRAIN).any(axis=1))
        if len(rows):
            used.append((trajectory, rows))
    if not used:
        return None
    gaps = np.concatenate([np.diff(trajectory.t[: rows[-1] + 1]) for trajectory, rows in used])
    longest = float(np.median(gaps)) / steps if len(gaps) else 1.0
    grids = [_grid(trajectory.t[: rows[-1] + 1], longest) for trajectory, rows in used]
    width, count = len(used), max(len(times) - 1 for times, _ in grids)
    inputs = len(dataset.inputs)
    most = max(len(rows) for _, rows in used)
    h, t = np.zeros((count, width)), np.zeros((count, width))
    u = np.zeros((count, 3, width, inputs))
    at = np.zeros((most, width), dtype=int)
    rows_t, rows_u = np.zeros((most, width)), np.zeros((most, width, inputs))
    columns = [dataset.measured_names.index(name) for name in model.measured if name in dataset.measured_names]
    measured = np.full((most, width, len(columns)), np.nan)
    scale = np.ones((most, width, len(columns)))
    log = np.array([dataset.measured_names[c] in log_columns for c in columns], dtype=bool)
    spread = _spreads(dataset, log_columns)
    for k, ((trajectory, rows), (times, index)) in enumerate(zip(used, grids, strict=True)):
        n = len(times) - 1
        h[:n, k], t[:n, k], t[n:, k] = np.diff(times), times[:-1], times[-1]
        for stage, c in enumerate((0.0, 0.5, 1.0)):
            u[:, stage, k] = trajectory.input_at(t[:, k] + c * h[:, k])
        at[: len(rows), k], at[len(rows) :, k] = index[rows], index[rows[-1]]
        rows_t[: len(rows), k], rows_t[len(rows) :, k] = trajectory.t[rows], trajectory.t[rows[-1]]
        rows_u[:, k] = trajectory.input_at(rows_t[:, k])
        values = np.where(trajectory.mask(Part.TRAIN), trajectory.measured, np.nan)[rows][:, columns]
        with np.errstate(all="ignore"):
            measured[: len(rows), k] = np.where(log, np.log(values), values)
        if weights is None:
            scale[:, k] = spread[columns]
            continue
        weight = weights[trajectory.name][rows][:, columns]
        measured[: len(rows), k] = np.where(weight > 0, measured[: len(rows), k], np.nan)
        scale[: len(rows), k] = spread[columns] / np.sqrt(np.where(weight > 0, weight, 1.0))
    measured[~np.isfinite(measured)] = np.nan
    return Batch(
        tuple(trajectory.name for trajectory, _ in used), h, t, u, at, rows_t, rows_u, measured, scale, log, dataset
    )


def _grid(t: Float[np.ndarray, " row"], longest: float) -> tuple[Float[np.ndarray, " time"], Int[np.ndarray, " row"]]:
    """Times that hit every row, and the position of each row among them."""
    pieces, index = [t[:1]], [0]
    for start, end in itertools.pairwise(t):
        parts = max(1, int(np.ceil((end - start) / longest - 1e-9)))
        pieces.append(np.linspace(start, end, parts + 1)[1:])
        index.append(index[-1] + parts)
    return np.concatenate(pieces), np.array(index)


def _spreads(dataset: Dataset, log_columns: tuple[str, ...]) -> Float[np.ndarray, " measured"]:
    spread = dataset.spread().copy()
    for k, name in enumerate(dataset.measured_names):
        if name in log_columns:
            values = np.concatenate([trajectory.measured[:, k] for trajectory in dataset.trajectories])
            with np.errstate(all="ignore"):
                spread[k] = float(np.nanstd(np.log(np.where(values > 0, values, np.nan)))) or 1.0
    return spread


class Unknowns:
    """The vector that is fitted, [free parameters | initial values], and what a batch of such vectors comes to.

    Arguments:
        fit_initial: None: initial values are estimated where the settings of the state say so; False: never.
    """

    def __init__(self, model: FittedModel, batch: Batch, fit_initial: bool | None) -> None:
        self.model, self.batch = model, batch
        configs = model.config.parameters
        self.names = [n for n in model.system.parameters if not configs.get(n, ParameterConfig()).fixed]
        bounds = [configs.get(n, ParameterConfig()) for n in self.names]
        self._lower = np.array([-np.inf if b.lower is None else b.lower for b in bounds])
        self._upper = np.array([np.inf if b.upper is None else b.upper for b in bounds])
        self._starts = np.stack([model.initial[name] for name in batch.names], axis=-1)
        self._fitted = [] if fit_initial is False else self._fitted_states()
        self._expressions = self._start_expressions()
        self._holes = self._hole_functions()
        system = model.system
        slots = {name: k for k, name in enumerate(("t", *system.states, *system.inputs, *system.parameters))}
        self._input_columns = [model.inputs.index(name) for name in system.inputs]
        self._rhs = [compile_array(expression, slots, self._holes) for expression in system.rhs]
        values = [model.parameters[name] for name in self.names]
        self.theta = np.concatenate([np.array(values, float), *[self._packed(k, s) for k, s in self._fitted]])

    def _hole_functions(self) -> dict[str, Any]:
        from ndestudio.model.networks import array_hole

        return {name: array_hole(network) for name, network in self.model.networks.items()}

    def _fitted_states(self) -> list[tuple[int, bool]]:
        """State numbers whose initial values are unknowns, and whether all trajectories share one."""
        found: list[tuple[int, bool]] = []
        left = MOST_INITIAL
        for k, state in enumerate(self.model.system.states):
            settings = self.model.config.initial.get(state, InitialConfig())
            wanted = settings.value is None if settings.fit is None else settings.fit
            size = 1 if settings.shared else len(self.batch.names)
            if wanted and not isinstance(settings.value, str) and size <= left:
                found.append((k, settings.shared))
                left -= size
        return found

    def _packed(self, state: int, shared: bool) -> Float[np.ndarray, " n"]:
        return self._starts[state, :1] if shared else self._starts[state]

    def _start_expressions(self) -> dict[int, Any]:
        """Initial values that are formulas of parameters follow them."""
        from ndestudio.model.initial import initial_expression

        found = {}
        for k, state in enumerate(self.model.system.states):
            expression = initial_expression(self.model.config, state)
            if expression is not None:
                found[k] = expression
        return found

    def confined(self, theta: Float[np.ndarray, " theta"]) -> Float[np.ndarray, " theta"]:
        """``theta`` with parameters inside their bounds."""
        n = len(self.names)
        return np.concatenate([np.clip(theta[:n], self._lower, self._upper), theta[n:]])

    def fitted(self, theta: Float[np.ndarray, " theta"]) -> FittedModel:
        """The model that ``theta`` stands for."""
        parameters, starts = self._unpack(theta[None, :])
        values = {name: float(np.ravel(value)[0]) for name, value in parameters.items()}
        initial = {name: np.array(starts[:, 0, k]) for k, name in enumerate(self.batch.names)}
        return replace(self.model, parameters=values, initial={**self.model.initial, **initial})

    def _unpack(
        self, thetas: Float[np.ndarray, "k theta"]
    ) -> tuple[dict[str, Any], Float[np.ndarray, "state k trajectory"]]:
        parameters: dict[str, Any] = dict(self.model.parameters)
        parameters |= {name: thetas[:, i, None] for i, name in enumerate(self.names)}
        width = len(self.batch.names)
        starts = np.repeat(self._starts[:, None, :], len(thetas), axis=1)
        at = len(self.names)
        for state, shared in self._fitted:
            size = 1 if shared else width
            starts[state] = thetas[:, at : at + size]
            at += size
        if self._expressions:
            self._put_formulas(parameters, starts)
        return parameters, starts

    def _put_formulas(self, parameters: dict[str, Any], starts: Float[np.ndarray, "state k trajectory"]) -> None:
        from ndestudio.expression import evaluate
        from ndestudio.model.initial import first_values

        model, dataset = self.model, self.batch.dataset
        first = [first_values(dataset.trajectory(name), model.measured, model.inputs) for name in self.batch.names]
        shared = set.intersection(*[set(item) for item in first])
        known = {name: np.array([item[name] for item in first]) for name in shared}
        for k, expression in self._expressions.items():
            starts[k] = evaluate(expression, {**known, **parameters})

    def linearised(
        self, theta: Float[np.ndarray, " theta"]
    ) -> tuple[Float[np.ndarray, " value"], Float[np.ndarray, "value theta"]]:
        """Residuals and their forward-difference Jacobian at ``theta``.

        Initial values of one state are perturbed in all trajectories at once: a residual depends on its own only.
        """
        groups, steps = self._perturbations(theta)
        thetas = np.repeat(theta[None, :], len(groups) + 1, axis=0)
        for row, group in enumerate(groups):
            thetas[row + 1, group] += steps[group]
        found = self.residuals(thetas)
        J = np.zeros((found.shape[1], len(theta)))
        with np.errstate(invalid="ignore"):
            for group, moved in zip(groups, found[1:], strict=True):
                change = moved - found[0]
                if len(group) == 1:
                    J[:, group[0]] = change / steps[group[0]]
                else:
                    J[np.arange(len(change)), group[self._owner]] = change / steps[group[self._owner]]
        return found[0], np.where(np.isfinite(J), J, 0.0)

    def _perturbations(
        self, theta: Float[np.ndarray, " theta"]
    ) -> tuple[list[Int[np.ndarray, " n"]], Float[np.ndarray, " theta"]]:
        """Entries that are perturbed together, and by how much."""
        n = len(self.names)
        scale = np.ones(len(self.model.system.states)) if self.model.scale is None else self.model.scale
        steps = 1e-6 * np.where(np.abs(theta) > 0, np.abs(theta), 1e-2)
        groups = [np.array([i]) for i in range(n)]
        at = n
        for state, shared in self._fitted:
            group = np.arange(at, at + (1 if shared else len(self.batch.names)))
            steps[group] = 1e-6 * np.maximum(np.abs(theta[group]), 0.1 * scale[state])
            groups.append(group)
            at += len(group)
        # a step that leaves the bounds goes the other way
        steps[:n] = np.where(theta[:n] + steps[:n] > self._upper, -steps[:n], steps[:n])
        return groups, steps

    @cached_property
    def _owner(self) -> Int[np.ndarray, " value"]:
        """Trajectory of each residual."""
        shape = self.batch.present.shape
        return np.broadcast_to(np.arange(shape[1])[None, :, None], shape)[self.batch.present]

    def residuals(self, thetas: Float[np.ndarray, "k theta"]) -> Float[np.ndarray, "k value"]:
        """(prediction - measurement) / scale at each training value, for each vector; infinite where it cannot be had."""
        states = len(self.model.system.states)
        bytes_each = 8 * (self.batch.steps + 1) * states * len(self.batch.names)
        turn = max(1, int(MOST_BYTES // max(bytes_each, 1)))
        parts = [self._residuals(thetas[k : k + turn]) for k in range(0, len(thetas), turn)]
        return np.concatenate(parts)

    def _residuals(self, thetas: Float[np.ndarray, "k theta"]) -> Float[np.ndarray, "k value"]:
        from ndestudio.expression import evaluate

        parameters, y = self._unpack(thetas)
        path = self._advance(parameters, y)
        batch, model = self.batch, self.model
        width = np.arange(len(batch.names))
        # path [step, state, k, trajectory] at the rows of each trajectory -> [row, trajectory, state, k]
        rows = path[batch.rows, :, :, width[None, :]]
        values: dict[str, Any] = {
            name: np.moveaxis(np.asarray(v), -1, 0) if np.ndim(v) else v for name, v in parameters.items()
        }
        values["t"] = batch.rows_t[:, :, None]
        values |= {state: rows[:, :, k] for k, state in enumerate(model.system.states)}
        values |= {name: batch.rows_u[:, :, k, None] for k, name in enumerate(model.inputs)}
        out = np.empty((*batch.measured.shape, len(thetas)))
        columns = [name for name in model.measured if name in batch.dataset.measured_names]
        with np.errstate(all="ignore"):
            for k, name in enumerate(columns):
                expression = model.system.observation(name)
                predicted = np.nan if expression is None else evaluate(expression, values, holes=self._holes)
                if batch.log[k]:
                    predicted = np.log(predicted)
                out[:, :, k] = (predicted - batch.measured[:, :, k, None]) / batch.scale[:, :, k, None]
                if expression is None:
                    out[:, :, k] = 0.0
        found = out[batch.present].T
        return np.where(np.isfinite(found), found, np.inf)

    def _advance(
        self, parameters: dict[str, Any], y: Float[np.ndarray, "state k trajectory"]
    ) -> Float[np.ndarray, "step state k trajectory"]:
        """Classical Runge-Kutta steps; a state that runs away is held where it left."""
        batch = self.batch
        constants = [parameters[name] for name in self.model.system.parameters]
        path = np.empty((batch.steps + 1, *y.shape))
        path[0] = y
        scale = np.ones(len(y)) if self.model.scale is None else np.asarray(self.model.scale, float)
        limit = LARGEST * scale[:, None, None]
        with np.errstate(all="ignore"):
            for step in range(batch.steps):
                h, t, u = batch.h[step], batch.t[step], batch.u[step]
                k1 = self._field(t, y, u[0], constants)
                k2 = self._field(t + 0.5 * h, y + 0.5 * h * k1, u[1], constants)
                k3 = self._field(t + 0.5 * h, y + 0.5 * h * k2, u[1], constants)
                k4 = self._field(t + h, y + h * k3, u[2], constants)
                y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
                path[step + 1] = y
                if step % 64 == 63:
                    y = np.where(np.abs(y) <= limit, y, np.nan)
        return path

    def _field(
        self,
        t: Float[np.ndarray, " trajectory"],
        y: Float[np.ndarray, "state k trajectory"],
        u: Float[np.ndarray, "trajectory input"],
        constants: list[Any],
    ) -> Float[np.ndarray, "state k trajectory"]:
        values = [t, *y, *[u[:, k] for k in self._input_columns], *constants]
        out = np.empty_like(y)
        for k, rhs in enumerate(self._rhs):
            out[k] = rhs(values)
        return out
