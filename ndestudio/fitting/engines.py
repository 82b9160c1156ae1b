"""Two ways to linearise a fit: NumPy with finite differences for a few constants, JAX sensitivities for networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SpecError
from ndestudio.fitting.batched_ensemble import get_program, seeds_in_memory
from ndestudio.fitting.batches import Batch, split_rows
from ndestudio.fitting.happenings import laid_out, moving
from ndestudio.fitting.optimizers.levenberg_marquardt import Linear, PathRows, Point
from ndestudio.fitting.penalties import along, path_of
from ndestudio.fitting.pieces_of_rows import (
    JACOBIAN_THREADS,
    LARGE_PIECE_BYTES,
    PIECE_BYTES,
    gradient_pieces,
    loss_parts,
    pieces_of,
    places,
    shards,
    side_by_side,
)
from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.robust import robust_factor
from ndestudio.problem.initial import FREE
from ndestudio.progress import Reporter, SilentReporter
from ndestudio.solve.compiled import wait
from ndestudio.solve.numpy_fixed import VectorModel, initial_values, march, read_out
from ndestudio.solve.time_grid import Grid

DIFFERENCE = 1e-6
"""Step of the forward differences, in units of the trained numbers (which are of order one)."""

MOST_TOGETHER = 3e6
"""Copies times steps of all rows that march together."""


FEW = 200
"""Copies times rows below which several points are marched together at about the cost of one."""


class VectorEngine:
    """Forward differences, all perturbed copies marched at once; the networks stay as they are.

    One copy for each free parameter and one for each state: the initial value of a row moves only that row.
    """

    def __init__(self, problem: PreparedFit, batch: Batch) -> None:
        self.problem, self.batch = problem, batch
        self.model = VectorModel(problem.structure, problem.space.model.networks)
        moves = problem.space.free.copy()
        moves[problem.space.weights] = False
        self.moves = np.flatnonzero(moves)
        self.states = np.flatnonzero((batch.start.mode == FREE).any(axis=0))
        self.used = (batch.target.train + batch.target.validation) > 0
        self._moving = moving(problem)
        path = path_of(problem, batch)
        self.path = VectorEngine(path.problem, path.batch) if path is not None else None

    @property
    def few(self) -> bool:
        """Whether the numbers of a step are so few that its operations cost the same for several points together."""
        width = (1 + len(self.moves) + len(self.states)) * len(self.batch.grid.step)
        # one copy without a solution would spoil the implicit stages of all
        plain = not self.problem.method.implicit and self.problem.structure.delays is None
        return plain and not self._moving and self.path is None and width <= FEW

    def _copies(self, point: Point) -> Point:
        """The point, and moved by a little along each unknown."""
        copies = 1 + len(self.moves) + len(self.states)
        theta = np.repeat(point.theta[None], copies, axis=0)
        free = np.repeat(point.free[None], copies, axis=0)
        for k, index in enumerate(self.moves):
            theta[1 + k, index] += DIFFERENCE
        for k, state in enumerate(self.states):
            free[1 + len(self.moves) + k, :, state] += DIFFERENCE
        return Point(theta, free)

    def use(self, batch: Batch) -> None:
        """Other weights of the same samples."""
        self.batch = batch
        self.used = (batch.target.train + batch.target.validation) > 0
        if self.path is not None:
            self.path.use(along(self.problem, batch))

    def path_loss(self, point: Point) -> float:
        """What penalties along the path add to the loss."""
        if self.path is None:
            return 0.0
        errors, _ = self.path.errors(point.theta[None], point.free[None])
        with np.errstate(all="ignore"):
            found = float(np.sum(self.path.batch.target.train * errors[0] ** 2))
        return found if np.isfinite(found) else float("inf")

    def errors(
        self, theta: Float[np.ndarray, "copy theta"], free: Float[np.ndarray, "copy row state"]
    ) -> tuple[Float[np.ndarray, "copy row sample measured"], Float[np.ndarray, "copy row state"]]:
        """Errors over spread and end states over scale, for many copies of the trained numbers."""
        if self._moving:
            batch = laid_out(self.problem, self.batch, self.model, Point(theta[0], free[0]))
            if batch is None:
                unknown = np.full((len(theta), *self.batch.target.values.shape), np.nan)
                return unknown, np.full(free.shape, np.nan)
            self.batch = batch
        constants, grid = self.problem.space.constants, self.batch.grid
        parameters, shared = split_theta(self.problem, theta)
        with np.errstate(all="ignore"):
            y0 = initial_values(self.model, parameters, shared, self.batch.start, free)
            states, slopes = march(self.model, parameters, y0, grid, self.problem.method, constants.clip)
            y = read_out(states, slopes, grid)
            wide = [p[..., None] for p in parameters]
            seen = self.model.observe(wide, grid.sample_t, _inputs(grid), y)
            found = np.zeros((*seen.shape[1:], len(seen)))
            for k, column in enumerate(seen):
                if constants.log[k]:
                    column = np.log(np.maximum(column, constants.floor[k]))
                difference = (column - self.batch.target.values[..., k]) / constants.spread[k]
                np.copyto(found[..., k], difference, where=self.used[..., k])
            return found, np.moveaxis(states[-1], 0, -1) / constants.state_scale

    def linearise(self, point: Point) -> Linear:
        """Residuals and derivatives at ``point``."""
        return self.linearise_many([point])[0]

    def linearise_many(self, points: Sequence[Point]) -> list[Linear]:
        """The same at several points, whose copies march together: they cost little more than one."""
        copies = [self._copies(point) for point in points]
        each, rows = len(copies[0].theta), max(self.batch.grid.step.size, 1)
        at_once = 1 if self._moving else max(int(MOST_TOGETHER / (each * rows)), 1)
        found: list[Linear] = []
        for begin in range(0, len(copies), at_once):
            part = copies[begin : begin + at_once]
            errors, ends = self.errors(
                np.concatenate([one.theta for one in part]), np.concatenate([one.free for one in part])
            )
            for k in range(len(part)):
                here = slice(k * each, (k + 1) * each)
                with np.errstate(all="ignore"):
                    changes = (errors[here][1:] - errors[here][0]) / DIFFERENCE
                found.append(self.assembled(points[begin + k], errors[here][0], ends[here][0], changes))
        return found

    def assembled(
        self,
        point: Point,
        base: Float[np.ndarray, "row sample measured"],
        ends: Float[np.ndarray, "row state"],
        changes: Float[np.ndarray, "unknown row sample measured"],
        path: PathRows | None = None,
    ) -> Linear:
        """Residuals of the loss from errors and their derivatives by ``moves`` and ``states``, in this order."""
        target, rows, count = self.batch.target, len(base), len(self.moves)
        weight, held = np.sqrt(target.train), np.sqrt(target.validation)
        d_theta = np.zeros((*base.shape, len(point.theta)))
        d_free = np.zeros((*base.shape, point.free.shape[1]))
        d_held = np.zeros_like(d_free)
        with np.errstate(all="ignore"):
            for k, index in enumerate(self.moves):
                d_theta[..., index] = weight * changes[k]
            for k, state in enumerate(self.states):
                change = changes[count + k]
                d_free[..., state], d_held[..., state] = weight * change, held * change
            r, r_held = weight * base, held * base
        flat = lambda array: array.reshape(rows, -1, *array.shape[3:])  # noqa: E731
        validation, step = self.batch.validation(flat(r_held), flat(d_held))
        if path is None and self.path is not None:
            path = _path_rows(self.path.linearise(point))
        trained = _trained(flat(weight), flat(r), flat(d_theta), flat(d_free))
        return Linear(*trained, validation, step, ends, path)


def _path_rows(found: Linear) -> PathRows:
    return PathRows(found.r, found.d_theta, found.d_free)


def split_theta(problem: PreparedFit, theta: Float[np.ndarray, "copy theta"]) -> tuple[list[Any], list[Any]]:
    """Physical parameters and shared initial values, each [copy, 1]. Fixed parameters keep their exact values."""
    structure, constants = problem.structure, problem.space.constants
    count = len(structure.parameters)
    values = constants.bijection.forward(theta[:, :count])
    shared = constants.shared.forward(theta[:, theta.shape[1] - len(structure.states) :])
    return [values[:, k, None] for k in range(count)], [shared[:, k, None] for k in range(shared.shape[1])]


def _inputs(grid: Grid) -> Float[np.ndarray, "input row sample"]:
    return np.moveaxis(grid.sample_u, -1, 0)


def row_bytes(problem: PreparedFit, batch: Batch) -> float:
    """Memory that the sensitivities of one row take while they are computed."""
    unknowns = problem.structure.size + len(problem.structure.states)
    states, measured = len(problem.structure.states), len(problem.structure.measured)
    carried = 2 * (batch.steps + 1) * states
    read = batch.grid.step.shape[1] * (4 * states + 2 * measured)
    return 8.0 * unknowns * (carried + read)


class JaxEngine:
    """Exact sensitivities of the discrete solution, compiled; use ``prepare`` early and ``ready`` when it is needed.

    Many rows are computed in pieces of equal size (``pieces``): memory is bounded.

    Parameters
    ----------
    device
        Of JAX, or a ``BatchedEnsemble`` of several seeds.
    """

    def __init__(self, problem: PreparedFit, batch: Batch, device: Any) -> None:
        self.problem, self.batch, self.device = problem, batch, device
        self.compile_seconds = 0.0
        rows = len(batch.grid.step)
        most = PIECE_BYTES.get(device.platform, LARGE_PIECE_BYTES) / row_bytes(problem, batch) / seeds_in_memory(device)
        self.pieces = pieces_of(rows, most, shards(device, row_bytes(problem, batch) * rows))
        self.places = places(device, self.pieces)
        self._futures: list[Future[Any]] = []
        self._programs: list[Any] = []
        self._arguments: Any = None
        path = path_of(problem, batch)
        self.path = JaxEngine(path.problem, path.batch, device) if path is not None else None

    def prepare(self) -> None:
        """Begin to compile, unless that was done before."""
        if self.path is not None:
            self.path.prepare()
        from ndestudio.solve.jax_fixed import linearise_program

        structure, method = self.problem.structure, self.problem.adaptive or self.problem.method
        states = len(structure.states)
        theta = np.zeros(structure.size)
        free = np.zeros((self.batch.grid.step.shape[0] // self.pieces, states))
        self.use(self.batch)
        arguments = _as_arrays((theta, free, *self._arguments[0]))
        key, make = ("linearise", structure, method), lambda: linearise_program(structure, method)
        self._futures = [get_program(key, make, arguments, place) for place in self.places]

    def use(self, batch: Batch) -> None:
        """Other numbers of the same shapes (a shorter horizon, other weights)."""
        self.batch = batch
        if self.path is not None:
            self.path.use(along(self.problem, batch))
        self._arguments = [_as_arrays((self.problem.space.constants, *part)) for part in split_rows(batch, self.pieces)]

    def ready(self, reporter: Reporter) -> None:
        """Wait for the program."""
        if not self._futures:
            self.prepare()
        self._programs, self.compile_seconds = _all_ready(self._futures, reporter, "the simulation and its derivatives")
        if self.path is not None:
            self.path.ready(reporter)

    def linearise(self, point: Point) -> Linear:
        """Residuals and derivatives at ``point``; ``ready`` comes first."""
        if moving(self.problem):
            point = self._lay_out(point)
        frees = np.split(point.free, self.pieces)
        parts = side_by_side(
            lambda k: [
                np.asarray(one)
                for one in self._programs[k % len(self.places)](point.theta, frees[k], *self._arguments[k])
            ],
            self.pieces,
            self.places,
            JACOBIAN_THREADS,
        )
        r, d_theta, d_free, r_held, d_held, end = (_joined(arrays) for arrays in zip(*parts, strict=True))
        validation, step = self.batch.validation(r_held, d_held)
        path = self.path.linearise(point) if self.path is not None else None
        trained = _trained(self.batch.target.train.reshape(r.shape), r, d_theta, d_free)
        return Linear(*trained, validation, step, end, None if path is None else _path_rows(path))

    def _lay_out(self, point: Point) -> Point:
        """The grid where the events are at ``point``; a further program where there are far more of them. NaN in the place of a
        point at which they cannot happen."""
        model = self.problem.space.fitted(point.theta, {})
        vector = VectorModel(self.problem.structure, model.networks)
        before = self.batch.grid.h.shape
        batch = laid_out(self.problem, self.batch, vector, point)
        if batch is None:
            return point._replace(theta=np.full_like(point.theta, np.nan))
        self.use(batch)
        if self.batch.grid.h.shape != before:
            self.prepare()
            self.ready(SilentReporter())
        return point


def _trained(
    weight: Float[np.ndarray, "row residual"],
    r: Float[np.ndarray, "row residual"],
    d_theta: Float[np.ndarray, "row residual theta"],
    d_free: Float[np.ndarray, "row residual state"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals and derivatives without those that do not count: 0 times no number is no number, and a held-out trajectory
    that cannot be simulated must not stop the training."""
    if np.isfinite(r).all() and np.isfinite(d_theta).all() and np.isfinite(d_free).all():
        return r, d_theta, d_free
    counts = weight > 0
    return np.where(counts, r, 0.0), np.where(counts[..., None], d_theta, 0.0), np.where(counts[..., None], d_free, 0.0)


def _joined(arrays: tuple[Any, ...]) -> np.ndarray:
    return np.asarray(arrays[0]) if len(arrays) == 1 else np.concatenate([np.asarray(array) for array in arrays])


def _as_arrays(tree: Any) -> Any:
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().tree_util.tree_map(np.asarray, tree)


class Gradient:
    """Value and gradient of a whole loss, compiled; penalties are added in NumPy.

    Parameters
    ----------
    kind
        `"trajectory"` (simulated) or `"collocation"` (slopes of smooth curves).
    """

    def __init__(
        self,
        kind: str,
        structure: Any,
        method: Any,
        data: tuple[Any, ...],
        device: Any,
        what: str,
        path: tuple[PreparedFit, Gradient] | None = None,
    ) -> None:
        self.kind, self.structure, self.method, self.device, self.what = kind, structure, method, device, what
        self.path = path
        self.pieces = gradient_pieces(structure, method, data, device) if kind == "trajectory" else 1
        self.places = places(device, self.pieces)
        self._take(data)
        self.compile_seconds = 0.0
        self._futures: list[Future[Any]] = []
        self._programs: list[Any] = []

    def prepare(self, point: Point) -> None:
        """Begin to compile, unless that was done before."""
        from ndestudio.solve import jax_fixed as sensitivity

        structure, method = self.structure, self.method
        if any(one.moves for one in structure.dynamics.events):
            raise SpecError(
                "the time of an event depends on what is fitted, and so many numbers are trained that only their gradient can be "
                "had, on a grid that stays; choose smaller networks, or give the time of the event"
            )
        make = {
            "trajectory": lambda: sensitivity.gradient_program(structure, method),
            "collocation": lambda: sensitivity.collocation_program(structure),
        }[self.kind]
        arguments = (np.asarray(point.theta), np.asarray(point.free)[: len(point.free) // self.pieces], *self._parts[0])
        if self.path is not None:
            self.path[1].prepare(point)
        key = (self.kind, structure, method)
        self._futures = [get_program(key, make, arguments, place) for place in self.places]

    def use(self, batch: Batch) -> None:
        """Other weights of the same samples."""
        constants, start, grid, _, settings = self.data
        self._take((constants, start, grid, batch.target, settings))
        if self.path is not None:
            self.path[1].use(along(self.path[0], batch))

    def limit(self, huber: Float[np.ndarray, " measured"]) -> None:
        """Errors of each column beyond ``huber``, in spreads, count linearly from now on."""
        *rest, settings = self.data
        self._take((*rest, settings._replace(huber=np.asarray(huber, dtype=float))))

    def ready(self, point: Point, reporter: Reporter) -> None:
        """Wait for the program."""
        if not self._futures:
            self.prepare(point)
        self._programs, self.compile_seconds = _all_ready(self._futures, reporter, self.what)
        if self.path is not None:
            self.path[1].ready(point, reporter)

    def __call__(self, point: Point) -> Evaluated:
        found = self._value(point)
        if self.path is None:
            return found
        added = self.path[1](point)
        return Evaluated(
            found.loss + added.loss, found.extra, found.theta + added.theta, found.free + added.free, added.loss
        )

    def _take(self, data: tuple[Any, ...]) -> None:
        self.data = _as_arrays(data)
        self._parts = loss_parts(self.data, self.pieces)

    def _value(self, point: Point) -> Evaluated:
        """The sum over the pieces, added in their order: the same numbers however they were shared out."""
        frees = np.split(point.free, self.pieces)
        found = side_by_side(
            lambda k: _evaluated(self._programs[k % len(self.places)](point.theta, frees[k], *self._parts[k])),
            self.pieces,
            self.places,
        )
        if self.pieces == 1:
            return found[0]
        return Evaluated(
            float(sum(one.loss for one in found)),
            np.sum([one.extra for one in found], axis=0),
            np.sum([one.theta for one in found], axis=0),
            np.concatenate([one.free for one in found]),
        )


def _all_ready(futures: Sequence[Future[Any]], reporter: Reporter, what: str) -> tuple[list[Any], float]:
    """The programs of all places, and the seconds spent waiting for them."""
    found = [wait(one, reporter, what) for one in futures]
    return [program for program, _ in found], sum(seconds for _, seconds in found)


def _evaluated(result: Any) -> Evaluated:
    loss, extra, (d_theta, d_free) = result
    return Evaluated(float(loss), np.asarray(extra, dtype=float), np.asarray(d_theta), np.asarray(d_free))


class Evaluated(NamedTuple):
    """Loss, [training loss, validation loss, gap between segments], gradients, and what penalties along the path add."""

    loss: float
    extra: Float[np.ndarray, " figure"]
    theta: Float[np.ndarray, " theta"]
    free: Float[np.ndarray, "row state"]
    path: float = 0.0


class SlopeEngine:
    """Collocation in NumPy: errors of slopes by a few parameters, with weights that tame outliers."""

    def __init__(
        self, problem: PreparedFit, points: Any, earlier: Callable[[Sequence[Any]], np.ndarray] | None = None
    ) -> None:
        self.problem, self.points = problem, points
        self.earlier = earlier
        self.model = VectorModel(problem.structure, problem.space.model.networks)
        moves = problem.space.free.copy()
        moves[problem.space.weights] = False
        moves[len(moves) - len(problem.structure.states) :] = False
        self.moves = np.flatnonzero(moves)
        self.scale = np.ones_like(points.weight)

    def linearise(self, point: Point) -> Linear:
        """As one row without free initial values."""
        theta = np.repeat(point.theta[None], 1 + len(self.moves), axis=0)
        for k, index in enumerate(self.moves):
            theta[1 + k, index] += DIFFERENCE
        parameters, _ = split_theta(self.problem, theta)
        y = np.repeat(self.points.y.T[:, None], len(theta), axis=1)
        if self.earlier is not None and self.model.delays is not None:
            y = np.concatenate([y, self.earlier(self.model.delays.lag(np)(parameters))])
        with np.errstate(all="ignore"):
            slope = np.moveaxis(self.model.field(parameters, self.points.t, self.points.u.T, y), 0, -1)
            weight = np.sqrt(self.points.weight * self.scale)
            r = np.where(weight > 0, weight * (slope - self.points.slope), 0.0)
            change = (r[1:] - r[0]) / DIFFERENCE
        base = r[0].reshape(1, -1)
        d = np.zeros((*base.shape, len(point.theta)))
        d[..., self.moves] = np.moveaxis(change.reshape(len(self.moves), 1, base.shape[1]), 0, -1)
        states = len(self.problem.structure.states)
        nothing = np.zeros((1, states))
        return Linear(base, d, np.zeros((*base.shape, states)), float("nan"), nothing, nothing)

    def reweigh(self, point: Point) -> None:
        """Weights of Huber's loss at ``point``: a smooth curve may fail anywhere."""
        self.scale = np.ones_like(self.points.weight)
        r = self.linearise(point).r.reshape(self.points.weight.shape)
        with np.errstate(all="ignore"):
            error = np.nan_to_num(r / np.sqrt(self.points.weight))
        self.scale = robust_factor(error, self.points.limit)
