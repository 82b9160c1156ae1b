"""The JAX programs: field, fixed-grid solver, gradient of the loss, and exact sensitivities.

Sensitivities are carried forward beside the states: every Runge-Kutta stage has the derivative

    K_i = J_y (S + h sum_j a_ij K_j) + J_theta,    J_y, J_theta: derivatives of the field at the stage,

which is the derivative of the discrete solution itself. A step costs a few products with the small matrix J_y and one
backward pass through the networks, where pushing a tangent for each weight through the networks would cost a thousand
forward passes: the Jacobian with respect to 1,200 weights comes at the price of about ten gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ndestudio.problem.constants import Constants
from ndestudio.problem.delays import Delays
from ndestudio.problem.dynamics import neural_functions
from ndestudio.problem.initial import Start
from ndestudio.problem.periodic import periodic_starts
from ndestudio.problem.rows import Target
from ndestudio.problem.steady_state import conserved
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.base import Method, TracedMethod
from ndestudio.solve.events import happened
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_delays import march_with_delays
from ndestudio.solve.jax_implicit import StageSolver
from ndestudio.solve.jax_periodic import JaxTools
from ndestudio.solve.jax_rows import advanced_rows, at_samples
from ndestudio.solve.jax_steady_state import settling
from ndestudio.solve.log_signature import by_jax, with_brackets
from ndestudio.solve.runge_kutta import Stage, step
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Grid


class Functions(NamedTuple):
    """Pure functions of one row at one time; ``phi`` is the whole vector in physical units.

    Parameters
    ----------
    physical
        (theta, constants) -> phi, number by number. Outside the loop over time, it is traced and computed once.
    field
        (phi, constants, t, u, y) -> dy/dt.
    observe
        (phi, constants, t, u, y) -> measured columns, as compared (logarithms where asked for), over spread.
    start
        (phi, constants, free, start of the row) -> y0.
    known
        As ``field``, with every network left out (0).
    delays
        What the field reads of earlier times, after the states; None for ordinary differential equations.
    after
        (phi, constants, t, u, y, number of an event or 0, given, moment) -> states after it; None where there are no events.
    inputs
        Names of the inputs.
    """

    physical: Callable[..., Any]
    field: Callable[..., Any]
    observe: Callable[..., Any]
    start: Callable[..., Any]
    known: Callable[..., Any]
    delays: Delays | None = None
    after: Callable[..., Any] | None = None
    inputs: tuple[str, ...] = ()


def make_functions(structure: ProblemStructure) -> Functions:
    """The functions of a system, traced by JAX."""
    jax = get_jax()
    jnp = jax.numpy
    count, states, delays = len(structure.parameters), len(structure.states), structure.delays
    slices = structure.neural_term_slices()
    dynamics, nothing = (
        structure.dynamics,
        {neural_term.name: lambda *x: 0.0 * x[0] for neural_term in structure.neural_terms},
    )

    def physical(theta: Any, constants: Constants) -> Any:
        last = theta.shape[0] - states
        p = constants.bijection.forward(theta[:count], jnp)
        return jnp.concatenate([p, theta[count:last], constants.shared.forward(theta[last:], jnp)])

    def neural(phi: Any, constants: Constants) -> Any:
        weights = {name: phi[place] for name, place in slices.items()}
        return neural_functions(structure.neural_terms, weights, constants.scales, jnp)

    def inside(constants: Constants, y: Any) -> Any:
        low, high = constants.clip if delays is None else delays.limits(constants.clip, jnp)
        return jnp.clip(y, low, high)

    def field(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        return dynamics.drift(neural(phi, constants), jnp)(phi[:count], t, u, inside(constants, y))

    def known(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        return dynamics.drift(nothing, jnp)(phi[:count], t, u, inside(constants, y))

    def observe(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        seen = structure.observation.function(dynamics, neural(phi, constants), jnp)(phi[:count], t, u, y)
        return structure.noise.standardised(seen, constants, jnp)

    def unlimited(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        return dynamics.drift(neural(phi, constants), jnp)(phi[:count], t, u, y)

    regimens, tools = structure.initial.regimens, JaxTools()
    settled = settling(unlimited, conserved(structure)) if structure.initial.settle else None

    def start(phi: Any, constants: Any, free: Any, row: Start) -> Any:
        starts = structure.initial.function(dynamics, neural(phi, constants), jnp)
        y0 = starts(phi[:count], phi[phi.shape[0] - states :], free, row)
        if settled is not None:
            y0 = settled(phi, y0, constants, row.t, row.under, row.settles == 1)
        if regimens is None:
            return y0
        return periodic_starts(regimens, dynamics, neural(phi, constants), tools)(phi[:count], y0, row.regimens)

    def after(phi: Any, constants: Constants, t: Any, u: Any, y: Any, number: Any, given: Any, moment: Any) -> Any:
        found, functions = y, neural(phi, constants)
        flow = lambda t, u, y: field(phi, constants, t, u, y)  # noqa: E731
        parts = zip(dynamics.events, dynamics.jumps(functions, jnp), dynamics.clocks(functions, jnp), strict=True)
        for k, (shape, jump, clock) in enumerate(parts):
            here = number == k + 1
            there = happened(jnp, shape, jump, clock, flow, phi[:count], t, u, y, given, moment, here)
            found = jnp.where(here, there, found)
        return found

    jumps = after if dynamics.events else None
    return Functions(physical, field, observe, start, known, delays, jumps, structure.inputs)


def stage_field(f: Functions, method: Tableau) -> Callable[..., Any]:
    """What stages evaluate: the field, with brackets times areas where steps read log-signatures."""
    if method.depth < 2:
        return f.field
    jnp = get_jax().numpy

    def field(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        plain = lambda t, u, y: f.field(phi, constants, t, u, y)  # noqa: E731
        return with_brackets(plain, f.inputs, by_jax, jnp)(t, u, y)

    return field


def linearise_program(structure: ProblemStructure, method: Method) -> Callable[..., Any]:
    """(theta, free, constants, start, grid, target) -> residuals, derivatives by theta and by free starts, residuals and
    derivatives by free starts of the validation samples, ends. To be compiled."""
    if not isinstance(method, Tableau):
        return forward_program(structure, method)
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)
    size, states = structure.size, len(structure.states)

    def run(theta: Any, free: Any, constants: Any, start: Start, grid: Grid, target: Target) -> Any:
        phi, rate = jax.jvp(lambda z: f.physical(z, constants), (theta,), (jnp.ones_like(theta),))
        y0 = jax.vmap(f.start, (None, None, 0, 0))(phi, constants, free, start)
        by_phi = jax.vmap(jax.jacrev(f.start, argnums=0), (None, None, 0, 0))(phi, constants, free, start)
        by_free = jax.vmap(jax.jacfwd(f.start, argnums=2), (None, None, 0, 0))(phi, constants, free, start)
        S0 = jnp.concatenate([by_phi, by_free], axis=-1)

        (end, _), (y, S) = carried(f, method, size, phi, constants, grid, y0, S0)
        over = lambda g: jax.vmap(jax.vmap(g, (None, None, 0, 0, 0)), (None, None, 0, 0, 0))  # noqa: E731
        arguments = (phi, constants, grid.sample_t, grid.sample_u, y)
        seen = over(f.observe)(*arguments)
        d_seen = jnp.einsum("bpms,bpsq->bpmq", over(jax.jacfwd(f.observe, argnums=4))(*arguments), S)
        if structure.observation.reads_parameters(structure.dynamics):
            d_seen = d_seen.at[..., :size].add(over(jax.jacrev(f.observe, argnums=0))(*arguments))
        error = structure.noise.residuals(seen, target.values, constants)
        weight, rows = jnp.sqrt(target.train), len(y0)
        r = (weight * error).reshape(rows, -1)
        d_theta = (weight[..., None] * d_seen[..., :size] * rate).reshape(rows, -1, size)
        d_free = (weight[..., None] * d_seen[..., size:]).reshape(rows, -1, states)
        held = jnp.sqrt(target.validation)
        r_held = (held * error).reshape(rows, -1)
        d_held = (held[..., None] * d_seen[..., size:]).reshape(rows, -1, states)
        return r, d_theta, d_free, r_held, d_held, end / constants.state_scale

    return run


def forward_program(structure: ProblemStructure, setup: TracedMethod) -> Callable[..., Any]:
    """As ``linearise_program``, by pushing tangents through a diffrax solve. To be compiled."""
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)

    def errors(theta: Any, free: Any, constants: Any, row: Any) -> Any:
        start, t, u, paths, knots, values = row
        phi = f.physical(theta, constants)
        y = setup.states_at(f.field, f.known, phi, constants, t, paths, knots, f.start(phi, constants, free, start))
        seen = jax.vmap(f.observe, (None, None, 0, 0, 0))(phi, constants, t, u, y)
        error = structure.noise.residuals(seen, values, constants)
        return error, (error, y[-1] / constants.state_scale)

    def run(theta: Any, free: Any, constants: Any, start: Start, grid: Grid, target: Target) -> Any:
        rows = (start, grid.sample_t, grid.sample_u, grid.paths, knots_of(grid), target.values)
        derivative = jax.jacfwd(errors, argnums=(0, 1), has_aux=True)
        (by_theta, by_free), (error, end) = jax.vmap(derivative, (None, 0, None, 0))(theta, free, constants, rows)
        weight, held = jnp.sqrt(target.train), jnp.sqrt(target.validation)
        count = weight.shape[0]
        flat = lambda a, w: (w[..., None] * a).reshape(count, -1, a.shape[-1])  # noqa: E731
        r, r_held = ((w * error).reshape(count, -1) for w in (weight, held))
        return r, flat(by_theta, weight), flat(by_free, weight), r_held, flat(by_free, held), end

    return run


def carried(
    f: Functions, method: Tableau, size: int, phi: Any, constants: Any, grid: Grid, y0: Any, S0: Any
) -> tuple[Any, Any]:
    """States with their sensitivities S [row, state, unknown] at the end and at the samples."""
    stages = StageSolver(stage_field(f, method), method, size)
    if f.delays is not None:
        end, at_samples = march_with_delays(f.delays, stages, phi, constants, grid, y0, S0)
        return end, at_samples
    return march(
        method,
        lambda t, u, h: stages.of_sensitivities(phi, constants, t, u, h),
        lambda t, u, y: stages.augmented(phi, constants, t, u, *y)[:2],
        (y0, S0),
        grid,
        None if f.after is None else lambda *event: _after_with_sensitivities(f, size, phi, constants, *event),
    )


def _after_with_sensitivities(
    f: Functions, size: int, phi: Any, constants: Any, t: Any, u: Any, tree: Any, number: Any, given: Any, moment: Any
) -> Any:
    """States and their sensitivities after events, of all rows: S+ = (d after/dy) S + d after/dphi."""
    jax = get_jax()
    assert f.after is not None
    y, S = tree
    row = (None, None, 0, 0, 0, 0, 0, 0)
    arguments = (phi, constants, t, u, y, number, given, moment)
    by_y = jax.vmap(jax.jacfwd(f.after, argnums=4), row)(*arguments)
    by_phi = jax.vmap(jax.jacrev(f.after, argnums=0), row)(*arguments)
    moved = jax.numpy.einsum("bij,bjp->bip", by_y, S)
    return jax.vmap(f.after, row)(*arguments), moved.at[:, :, :size].add(by_phi)


def knots_of(grid: Grid) -> Any:
    """Times of the grid points [row, knot]."""
    jnp = get_jax().numpy
    begin = grid.sample_t[:, :1]
    inner = begin + jnp.cumsum(grid.h, axis=0).T[:, :-2]
    return jnp.concatenate([begin, inner, grid.sample_t[:, -1:]], axis=1)


class Loss(NamedTuple):
    """Settings of the scalar loss; a pytree of numbers.

    Parameters
    ----------
    huber
        Errors of each column beyond this (in spreads) count linearly; inf for squares.
    follows
        For each row the row it continues, or itself.
    continuity
        Weight of the gaps between them.
    linked
        1 where a row continues another.
    """

    huber: Any
    follows: Any
    continuity: Any
    linked: Any


def gradient_program(structure: ProblemStructure, method: Method) -> Callable[..., Any]:
    """(theta, free, constants, start, grid, target, settings) -> loss, figures, gradients. To be compiled."""
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)

    def loss(variables: Any, constants: Any, start: Start, grid: Grid, target: Target, settings: Loss) -> Any:
        theta, free = variables
        phi = f.physical(theta, constants)
        y0 = jax.vmap(f.start, (None, None, 0, 0))(phi, constants, free, start)
        end, y = simulated(f, jax, method, phi, constants, grid, y0)
        over = jax.vmap(jax.vmap(f.observe, (None, None, 0, 0, 0)), (None, None, 0, 0, 0))
        seen = over(phi, constants, grid.sample_t, grid.sample_u, y)
        error = structure.noise.residuals(seen, target.values, constants)
        inner = jnp.clip(error, -settings.huber, settings.huber)
        train = jnp.sum(target.train * inner * (2.0 * error - inner))
        gap = settings.linked[:, None] * (end[settings.follows] - y0) / constants.state_scale
        gaps = jnp.sum(gap**2) / jnp.maximum(jnp.sum(settings.linked), 1.0)
        figures = jnp.stack([train, jnp.sum(target.validation * error**2), gaps])
        return train + settings.continuity * gaps, figures

    def run(theta: Any, free: Any, *data: Any) -> Any:
        (value, figures), gradient = jax.value_and_grad(loss, has_aux=True)((theta, free), *data)
        return value, figures, gradient

    return run


def simulated(f: Functions, jax: Any, method: Method, phi: Any, constants: Any, grid: Grid, y0: Any) -> tuple[Any, Any]:
    """States at the end and at the samples."""
    if not isinstance(method, Tableau):
        one = lambda *row: method.states_at(f.field, f.known, phi, constants, *row)  # noqa: E731
        y = jax.vmap(one)(grid.sample_t, grid.paths, knots_of(grid), y0)
        return y[:, -1], y
    stages = StageSolver(stage_field(f, method), method)
    if f.delays is not None:
        (end, _), (y, _) = march_with_delays(f.delays, stages, phi, constants, grid, y0)
        return end, y
    at = lambda t, u, h: stages.of_states(phi, constants, t, u, h)  # noqa: E731
    slope = lambda t, u, y: stages.values(phi, constants, t, u, y)  # noqa: E731
    after = None
    if f.after is not None:
        rows = jax.vmap(f.after, (None, None, 0, 0, 0, 0, 0, 0))
        after = lambda *event: rows(phi, constants, *event)  # noqa: E731
    return march(method, at, slope, y0, grid, after)


def march(
    method: Tableau,
    stages: Callable[..., Stage],
    slope: Callable[..., Any],
    y0: Any,
    grid: Grid,
    after: Callable[..., Any] | None = None,
) -> tuple[Any, Any]:
    """The loop over the steps of all rows, of states or of pairs of states and sensitivities: one for all programs.

    Parameters
    ----------
    stages
        (t, u, h) -> the stages of a step; t, u: at each of them.
    slope
        (t, u, y) -> slopes, where an implicit method needs the one at the begin.
    y0
        A tree of arrays whose first axis is the row.
    after
        (t, u, y, number of the event, given, moment) -> y after it; None where the structure has no events.

    Returns
    -------
    end, at_samples
        Trees as ``y0``, at the end and [row, sample, ...], read out by cubic Hermite interpolation.
    """
    jax = get_jax()
    jnp, each = jax.numpy, jax.tree_util.tree_map
    states_of = lambda tree: jax.tree_util.tree_leaves(tree)[0]  # noqa: E731

    def one(carry: Any, x: Any) -> Any:
        (y, k, guess), (h, t, u, number, *given) = carry, x
        y1, slopes = step(method, stages(t, u, h), y, h, guess, advanced_rows)
        if method.euler_gradient and len(slopes) > 1:
            y1 = each(_with_gradient_of, y1, advanced_rows(y, h, (1.0,), slopes[:1]))
        last = slopes[-1] if method.implicit else None
        if after is not None:
            y1, last = jax.lax.cond(
                jnp.any(number > 0), lambda: changed(y1, t[-1], u[-1], number, *given), lambda: (y1, last)
            )
        if method.implicit:
            return (y1, last, states_of(slopes[-1])), (y, k)
        return (y1, None, None), (y, slopes[0])

    def changed(y: Any, t: Any, u: Any, number: Any, given: Any, moment: Any) -> tuple[Any, Any]:
        assert after is not None
        there = after(t, u, y, number, given, moment)
        return there, slope(t, u, there) if method.implicit else None

    first = (y0, None, None)
    if method.implicit:
        begin = slope(grid.sample_t[:, 0], grid.sample_u[:, 0], y0)
        first = (y0, begin, jnp.zeros_like(states_of(begin)))
    (end, *_), (ys, ks) = jax.lax.scan(one, first, (grid.h, grid.t, grid.u, grid.event, grid.given, grid.moment))
    return end, each(lambda y, k: at_samples(grid, y, k), ys, ks)


def _with_gradient_of(value: Any, other: Any) -> Any:
    """``value``, whose derivatives are those of ``other``."""
    return other + get_jax().lax.stop_gradient(value - other)


class Slopes(NamedTuple):
    """Points on smooth curves and their slopes; a pytree of arrays.

    Parameters
    ----------
    weight
        0 where a slope is unknown.
    limit
        Errors beyond it count linearly (a spline may fail anywhere).
    h
        Time to the next point of the same trajectory, 0 at the last.
    first, last
        Of the stretch around each point along which errors are summed up.
    whole
        Weight of these sums for each state.
    """

    t: Any
    u: Any
    y: Any
    slope: Any
    weight: Any
    limit: Any
    h: Any
    first: Any
    last: Any
    whole: Any


def collocation_program(structure: ProblemStructure) -> Callable[..., Any]:
    """(theta, free, constants, slopes) -> loss, figures, gradients. To be compiled.

    Errors of slopes, and (as a variance within stretches) how far they carry a state away along stretches of the curves: noise makes slopes worse than it
    makes values (integral matching: Dattner and Klaassen 2015, Electron. J. Statist. 9, 1939).
    """
    jax = get_jax()
    jnp = jax.numpy
    f, states = make_functions(structure), len(structure.states)

    def loss(theta: Any, constants: Any, points: Slopes) -> Any:
        phi = f.physical(theta, constants)
        value = jax.vmap(f.field, (None, None, 0, 0, 0))(phi, constants, points.t, points.u, points.y)
        error = jnp.where(points.weight > 0, value - points.slope, 0.0)
        inner = jnp.clip(error, -points.limit, points.limit)
        way = jnp.cumsum(0.5 * points.h[:-1, None] * (error[1:] + error[:-1]), axis=0)
        drift = jnp.concatenate([jnp.zeros_like(error[:1]), way])
        total = jnp.cumsum(jnp.concatenate([jnp.zeros((1, 2, states)), jnp.stack([drift, drift**2], axis=1)]), axis=0)
        length = (points.last + 1 - points.first)[:, None, None]
        mean = (total[points.last + 1] - total[points.first]) / length
        apart = jnp.sum(points.whole * (mean[:, 1] - mean[:, 0] ** 2))
        return jnp.sum(points.weight * inner * (2.0 * error - inner)) + apart

    def run(theta: Any, free: Any, constants: Any, points: Slopes) -> Any:
        value, gradient = jax.value_and_grad(loss)(theta, constants, points)
        return value, jnp.stack([value, jnp.zeros_like(value), jnp.zeros_like(value)]), (gradient, jnp.zeros_like(free))

    return run
