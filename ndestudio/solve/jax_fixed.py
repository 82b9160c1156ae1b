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

from ndestudio.expression.numeric import evaluate
from ndestudio.model.networks import apply_network
from ndestudio.problem.rows import FORMULA, FREE, SHARED, Grid, Start, Target
from ndestudio.problem.space import Bijection, Constants, Structure
from ndestudio.solve.diffrax_adaptive import Adaptive, states_at
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_implicit import StageSolver, solve
from ndestudio.solve.numpy_fixed import hermite
from ndestudio.solve.tableau import Tableau


class Functions(NamedTuple):
    """Pure functions of one row at one time; ``phi`` is the whole vector in physical units.

    Arguments:
        physical: (theta, constants) -> phi, number by number. Outside the loop over time, it is traced and computed once.
        field: (phi, constants, t, u, y) -> dy/dt.
        observe: (phi, constants, t, u, y) -> measured columns, as compared (logarithms where asked for), over spread.
        start: (phi, constants, free, start of the row) -> y0.
        known: as ``field``, with every network left out (0).
    """

    physical: Callable[..., Any]
    field: Callable[..., Any]
    observe: Callable[..., Any]
    start: Callable[..., Any]
    known: Callable[..., Any]


def make_functions(structure: Structure) -> Functions:
    """The functions of a system, traced by JAX."""
    jax = get_jax()
    jnp = jax.numpy
    count, states = len(structure.parameters), len(structure.states)
    slices = structure.hole_slices()
    configs = {hole.name: hole.config for hole in structure.holes}

    def physical(theta: Any, constants: Constants) -> Any:
        last = theta.shape[0] - states
        p = constants.bijection.forward(theta[:count], jnp)
        return jnp.concatenate([p, theta[count:last], constants.shared.forward(theta[last:], jnp)])

    def names(phi: Any, t: Any, u: Any, y: Any) -> dict[str, Any]:
        values = {name: y[k] for k, name in enumerate(structure.states)}
        values |= {name: u[k] for k, name in enumerate(structure.inputs)}
        return values | {name: phi[k] for k, name in enumerate(structure.parameters)} | {"t": t}

    def holes(phi: Any, constants: Constants) -> dict[str, Callable[..., Any]]:
        found = {}
        for k, hole in enumerate(structure.holes):
            weights, biases = hole.unpack(phi[slices[hole.name]])
            found[hole.name] = _hole(configs[hole.name], hole.arguments, weights, biases, constants.scales[k], jnp)
        return found

    def slope(phi: Any, constants: Constants, t: Any, u: Any, y: Any, functions: Any) -> Any:
        y = jnp.clip(y, constants.clip[0], constants.clip[1])
        values = names(phi, t, u, y)
        slopes = [evaluate(expr, values, jnp, functions) for expr in structure.rhs]
        return jnp.stack([jnp.asarray(slope, dtype=y.dtype) for slope in slopes])

    def field(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        return slope(phi, constants, t, u, y, holes(phi, constants))

    def known(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        nothing = {hole.name: lambda *x: 0.0 * x[0] for hole in structure.holes}
        return slope(phi, constants, t, u, y, nothing)

    def observe(phi: Any, constants: Constants, t: Any, u: Any, y: Any) -> Any:
        values, functions = names(phi, t, u, y), holes(phi, constants)
        seen = [0.0 * t if e is None else evaluate(e, values, jnp, functions) for e in structure.observed]
        seen = jnp.stack([jnp.asarray(value, dtype=y.dtype) for value in seen])
        floored = jnp.maximum(seen, constants.floor)
        return jnp.where(constants.log, jnp.log(jnp.where(constants.log, floored, 1.0)), seen) / constants.spread

    def start(phi: Any, constants: Constants, free: Any, row: Start) -> Any:
        mapping = Bijection(row.code, row.lower, row.upper, row.scale, row.given)
        y0 = jnp.where(row.mode == FREE, mapping.forward(free, jnp), row.given)
        y0 = jnp.where(row.mode == SHARED, phi[phi.shape[0] - states :], y0)
        values = {name: phi[k] for k, name in enumerate(structure.parameters)}
        values |= {name: row.first[k] for k, name in enumerate((*structure.measured, *structure.inputs))} | {"t": row.t}
        for k, expr in enumerate(structure.starts):
            if expr is not None:
                y0 = y0.at[k].set(jnp.where(row.mode[k] == FORMULA, evaluate(expr, values, jnp), y0[k]))
        return y0

    return Functions(physical, field, observe, start, known)


def _hole(config: Any, arguments: Any, weights: Any, biases: Any, scales: Any, jnp: Any) -> Callable[..., Any]:
    def hole(*x: Any) -> Any:
        X = jnp.stack(jnp.broadcast_arrays(*x), axis=-1)
        center, scale, output = scales
        return apply_network(config, arguments, weights, biases, center, scale, output, X, jnp)

    return hole


def linearise_program(structure: Structure, method: Tableau | Adaptive) -> Callable[..., Any]:
    """(theta, free, constants, start, grid, target) -> residuals, derivatives by theta and by free starts, residuals and
    derivatives by free starts of the validation samples, ends. To be compiled."""
    if isinstance(method, Adaptive):
        return forward_program(structure, method)
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)
    size, states = structure.size, len(structure.states)

    def one(phi: Any, constants: Any, t: Any, u: Any, y: Any) -> tuple[Any, Any, Any]:
        def twice(phi: Any, y: Any) -> tuple[Any, Any]:
            value = f.field(phi, constants, t, u, y)
            return value, value

        (by_phi, by_y), value = jax.jacrev(twice, argnums=(0, 1), has_aux=True)(phi, y)
        return value, by_y, by_phi

    def slopes(phi: Any, constants: Any, t: Any, u: Any, y: Any, S: Any) -> tuple[Any, Any]:
        value, by_y, by_phi = jax.vmap(one, (None, None, 0, 0, 0))(phi, constants, t, u, y)
        moved = jnp.einsum("bij,bjp->bip", by_y, S)
        return value, moved.at[:, :, :size].add(by_phi)

    stages = StageSolver(f.field, method)

    def implicit_stage(phi: Any, constants: Any, t: Any, u: Any, base: Any, S: Any, h: Any, guess: Any) -> Any:
        k = stages.slope(phi, constants, t, u, base, h, guess)
        hg = h * method.gamma
        y = base + hg[:, None] * k
        _, by_y, by_phi = jax.vmap(one, (None, None, 0, 0, 0))(phi, constants, t, u, y)
        moved = jnp.einsum("bij,bjp->bip", by_y, S).at[:, :, :size].add(by_phi)
        return k, solve(stages.matrix(hg, by_y), moved)

    def run(theta: Any, free: Any, constants: Any, start: Start, grid: Grid, target: Target) -> Any:
        phi, rate = jax.jvp(lambda z: f.physical(z, constants), (theta,), (jnp.ones_like(theta),))
        y0 = jax.vmap(f.start, (None, None, 0, 0))(phi, constants, free, start)
        by_phi = jax.vmap(jax.jacrev(f.start, argnums=0), (None, None, 0, 0))(phi, constants, free, start)
        by_free = jax.vmap(jax.jacfwd(f.start, argnums=2), (None, None, 0, 0))(phi, constants, free, start)
        S0 = jnp.concatenate([by_phi, by_free], axis=-1)

        def step(carry: Any, x: Any) -> Any:
            y, S = carry
            h, t, u = x
            hy, hS = h[:, None], h[:, None, None]
            ks: list[Any] = []
            Ks: list[Any] = []
            for i, row in enumerate(method.a):
                yi = y + hy * sum(a * k for a, k in zip(row, ks, strict=True) if a) if any(row) else y
                Si = S + hS * sum(a * K for a, K in zip(row, Ks, strict=True) if a) if any(row) else S
                k, K = slopes(phi, constants, t[i], u[i], yi, Si)
                ks.append(k)
                Ks.append(K)
            y1 = y + hy * sum(b * k for b, k in zip(method.b, ks, strict=True) if b)
            S1 = S + hS * sum(b * K for b, K in zip(method.b, Ks, strict=True) if b)
            return (y1, S1), (y, ks[0], S, Ks[0])

        def implicit_step(carry: Any, x: Any) -> Any:
            (y, S, f0, F0, guess), (h, t, u) = carry, x
            hy, hS = h[:, None], h[:, None, None]
            ks: list[Any] = []
            Ks: list[Any] = []
            y1, S1 = y, S
            for i, row in enumerate(method.a):
                base = y + hy * sum(a * k for a, k in zip(row, ks, strict=True)) if row else y
                moved = S + hS * sum(a * K for a, K in zip(row, Ks, strict=True)) if row else S
                k, K = implicit_stage(phi, constants, t[i], u[i], base, moved, h, ks[-1] if ks else guess)
                ks.append(k)
                Ks.append(K)
                y1, S1 = base + hy * method.gamma * k, moved + hS * method.gamma * K
            return (y1, S1, ks[-1], Ks[-1], ks[-1]), (y, f0, S, F0)

        if method.implicit:
            f0, F0 = slopes(phi, constants, grid.sample_t[:, 0], grid.sample_u[:, 0], y0, S0)
            first = (y0, S0, f0, F0, jnp.zeros_like(f0))
            (end, *_), (ys, fs, Ss, Fs) = jax.lax.scan(implicit_step, first, (grid.h, grid.t, grid.u))
        else:
            (end, _), (ys, fs, Ss, Fs) = jax.lax.scan(step, (y0, S0), (grid.h, grid.t, grid.u))
        rows = jnp.arange(grid.step.shape[0])[:, None]
        here, there = grid.step, grid.step + 1
        q, h = grid.q[..., None], grid.h[here, rows][..., None]
        y = hermite(ys[here, rows], ys[there, rows], h * fs[here, rows], h * fs[there, rows], q)
        q, h = q[..., None], h[..., None]
        S = hermite(Ss[here, rows], Ss[there, rows], h * Fs[here, rows], h * Fs[there, rows], q)
        over = lambda g: jax.vmap(jax.vmap(g, (None, None, 0, 0, 0)), (None, None, 0, 0, 0))  # noqa: E731
        arguments = (phi, constants, grid.sample_t, grid.sample_u, y)
        seen = over(f.observe)(*arguments)
        d_seen = jnp.einsum("bpms,bpsq->bpmq", over(jax.jacfwd(f.observe, argnums=4))(*arguments), S)
        if _reads_parameters(structure):
            d_seen = d_seen.at[..., :size].add(over(jax.jacrev(f.observe, argnums=0))(*arguments))
        error = seen - target.values / constants.spread
        weight = jnp.sqrt(target.train)
        r = (weight * error).reshape(rows.shape[0], -1)
        d_theta = (weight[..., None] * d_seen[..., :size] * rate).reshape(rows.shape[0], -1, size)
        d_free = (weight[..., None] * d_seen[..., size:]).reshape(rows.shape[0], -1, states)
        held = jnp.sqrt(target.validation)
        r_held = (held * error).reshape(rows.shape[0], -1)
        d_held = (held[..., None] * d_seen[..., size:]).reshape(rows.shape[0], -1, states)
        return r, d_theta, d_free, r_held, d_held, end / constants.state_scale

    return run


def forward_program(structure: Structure, setup: Adaptive) -> Callable[..., Any]:
    """As ``linearise_program``, by pushing tangents through a diffrax solve. To be compiled."""
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)

    def errors(theta: Any, free: Any, constants: Any, row: Any) -> Any:
        start, t, u, knots, values = row
        phi = f.physical(theta, constants)
        y = states_at(setup, f.field, f.known, phi, constants, t, u, knots, f.start(phi, constants, free, start))
        error = jax.vmap(f.observe, (None, None, 0, 0, 0))(phi, constants, t, u, y) - values / constants.spread
        return error, (error, y[-1] / constants.state_scale)

    def run(theta: Any, free: Any, constants: Any, start: Start, grid: Grid, target: Target) -> Any:
        rows = (start, grid.sample_t, grid.sample_u, knots_of(grid), target.values)
        derivative = jax.jacfwd(errors, argnums=(0, 1), has_aux=True)
        (by_theta, by_free), (error, end) = jax.vmap(derivative, (None, 0, None, 0))(theta, free, constants, rows)
        weight, held = jnp.sqrt(target.train), jnp.sqrt(target.validation)
        count = weight.shape[0]
        flat = lambda a, w: (w[..., None] * a).reshape(count, -1, a.shape[-1])  # noqa: E731
        r, r_held = ((w * error).reshape(count, -1) for w in (weight, held))
        return r, flat(by_theta, weight), flat(by_free, weight), r_held, flat(by_free, held), end

    return run


def knots_of(grid: Grid) -> Any:
    """Times of the grid points [row, knot]."""
    jnp = get_jax().numpy
    begin = grid.sample_t[:, :1]
    inner = begin + jnp.cumsum(grid.h, axis=0).T[:, :-2]
    return jnp.concatenate([begin, inner, grid.sample_t[:, -1:]], axis=1)


class Loss(NamedTuple):
    """Settings of the scalar loss; a pytree of numbers.

    Arguments:
        huber: errors beyond this (in spreads) count linearly; inf for squares.
        follows: for each row the row it continues, or itself. continuity: weight of the gaps between them.
        linked: 1 where a row continues another.
    """

    huber: Any
    follows: Any
    continuity: Any
    linked: Any


def gradient_program(structure: Structure, method: Tableau | Adaptive) -> Callable[..., Any]:
    """(theta, free, constants, start, grid, target, settings) -> loss, figures, gradients. To be compiled."""
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(structure)

    def loss(variables: Any, constants: Any, start: Start, grid: Grid, target: Target, settings: Loss) -> Any:
        theta, free = variables
        phi = f.physical(theta, constants)
        y0 = jax.vmap(f.start, (None, None, 0, 0))(phi, constants, free, start)
        end, y = _simulate(f, jax, method, phi, constants, grid, y0)
        over = jax.vmap(jax.vmap(f.observe, (None, None, 0, 0, 0)), (None, None, 0, 0, 0))
        seen = over(phi, constants, grid.sample_t, grid.sample_u, y)
        error = seen - target.values / constants.spread
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


def _simulate(
    f: Functions, jax: Any, method: Tableau | Adaptive, phi: Any, constants: Any, grid: Grid, y0: Any
) -> tuple[Any, Any]:
    """States at the end and at the samples."""
    jnp = jax.numpy
    if isinstance(method, Adaptive):
        one = lambda *row: states_at(method, f.field, f.known, phi, constants, *row)  # noqa: E731
        y = jax.vmap(one)(grid.sample_t, grid.sample_u, knots_of(grid), y0)
        return y[:, -1], y
    field = jax.vmap(f.field, (None, None, 0, 0, 0))

    def step(y: Any, x: Any) -> Any:
        h, t, u = x
        h = h[:, None]
        ks: list[Any] = []
        for i, row in enumerate(method.a):
            yi = y + h * sum(a * k for a, k in zip(row, ks, strict=True) if a) if any(row) else y
            ks.append(field(phi, constants, t[i], u[i], yi))
        return y + h * sum(b * k for b, k in zip(method.b, ks, strict=True) if b), (y, ks[0])

    def implicit_step(carry: Any, x: Any) -> Any:
        (y, f0, guess), (h, t, u) = carry, x
        y1, f1 = stages.step(phi, constants, t, u, h, y, guess)
        return (y1, f1, jax.lax.stop_gradient(f1)), (y, f0)

    if method.implicit:
        stages = StageSolver(f.field, method)
        f0 = field(phi, constants, grid.sample_t[:, 0], grid.sample_u[:, 0], y0)
        (end, *_), (ys, fs) = jax.lax.scan(implicit_step, (y0, f0, jnp.zeros_like(f0)), (grid.h, grid.t, grid.u))
    else:
        end, (ys, fs) = jax.lax.scan(step, y0, (grid.h, grid.t, grid.u))
    rows = jnp.arange(grid.step.shape[0])[:, None]
    here, there = grid.step, grid.step + 1
    q, h = grid.q[..., None], grid.h[here, rows][..., None]
    return end, hermite(ys[here, rows], ys[there, rows], h * fs[here, rows], h * fs[there, rows], q)


class Slopes(NamedTuple):
    """Points on smooth curves and their slopes; a pytree of arrays.

    Arguments:
        weight: 0 where a slope is unknown. limit: errors beyond it count linearly (a spline may fail anywhere).
        h: time to the next point of the same trajectory, 0 at the last. first, last: of the stretch around each point along
            which errors are summed up. whole: weight of these sums for each state.
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


def collocation_program(structure: Structure) -> Callable[..., Any]:
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


def _reads_parameters(structure: Structure) -> bool:
    """Whether an observed column depends on theta other than through the states."""
    from ndestudio.expression.tree import Call, Name, walk

    trained = set(structure.parameters) | {hole.name for hole in structure.holes}
    nodes = [node for expr in structure.observed if expr is not None for node in walk(expr)]
    return any(
        (isinstance(node, Name) and node.name in trained) or (isinstance(node, Call) and node.function in trained)
        for node in nodes
    )
