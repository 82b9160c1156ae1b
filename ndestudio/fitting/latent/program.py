"""The JAX programs: bounds of the likelihood of batches of runs, and many steps of Adam (Kingma and Ba 2015) in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ndestudio.fitting.latent.coordinates import Coordinates
from ndestudio.fitting.latent.encoder import encode, gaussian
from ndestudio.fitting.latent.history import History
from ndestudio.problem.initial import Start
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.base import Method
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.jax_fixed import make_functions, simulated
from ndestudio.solve.time_grid import Grid

CLIP_NORM = 10.0
"""Largest norm of a gradient per value."""
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Data(NamedTuple):
    """All runs; a pytree of arrays.

    Parameters
    ----------
    values
        Measured (or their logarithm), 0 where missing.
    mask
        1 at values that count.
    history_mask
        1 at those of them that lie in the history.
    prior
        Middle and standard deviation of the parameters, 1 where there is a prior, and 1 where it is of the logarithm.
    l2
        Penalty on the squares of weights, in nats.
    history_scale
        Center and spread of the values of a history.
    """

    constants: Any
    start: Start
    grid: Grid
    values: Any
    mask: Any
    history_mask: Any
    history: History
    coordinates: Coordinates
    prior: Any
    l2: Any
    history_scale: Any


class Trained(NamedTuple):
    """What is trained; a pytree of arrays.

    Parameters
    ----------
    theta
        See ``problem.space``.
    log_noise
        Logarithm of the noise of each measured column over its spread.
    encoder
        Weights; without an encoder `{"table": [run, numbers]}`.
    """

    theta: Any
    log_noise: Any
    encoder: Any


@dataclass(frozen=True)
class Form:
    """What a program depends on besides shapes: hashable."""

    structure: ProblemStructure
    method: Method
    encoder: str
    objective: str
    samples: int
    weights: tuple[int, int]
    dream: float = 1.0


def _rows(grid: Grid, rows: Any) -> Grid:
    """The grid of some rows."""
    later = ("h", "t", "u", "event", "given", "moment")
    taken = {
        name: (getattr(grid, name)[:, rows] if name not in ("t", "u") else getattr(grid, name)[:, :, rows])
        for name in later
    }
    first = {name: getattr(grid, name)[rows] for name in ("step", "q", "sample_t", "sample_u")}
    return grid._replace(**taken, **first)


class Bounds(NamedTuple):
    """Functions that a program maximises.

    Parameters
    ----------
    bound
        (trained, data, runs, noise of draws [sample, run, encoded], whether only the history counts) -> the bound of each run.
    dreamt
        (trained, data, runs, key) -> mean log density, by the encoder, of the starts of histories simulated from the model itself.
    """

    bound: Callable[..., Any]
    dreamt: Callable[..., Any]


def bound_function(form: Form) -> Bounds:
    """What a program maximises.

    `elbo`: the mean log likelihood over draws less the Kullback-Leibler divergence from the prior. `importance`: the logarithm of
    the mean of likelihood x prior / density of the draws. Encoders learn also from runs that the model dreams up from its
    priors, at the times, gaps and doses of measured ones (the sleep phase of Hinton, Dayan, Frey and Neal 1995, The wake-sleep algorithm,
    Science 268): few patients teach an encoder little.
    """
    jax = get_jax()
    jnp = jax.numpy
    f = make_functions(form.structure)

    def distribution(trained: Trained, data: Data, runs: Any) -> tuple[Any, Any]:
        if form.encoder == "none":
            return gaussian(trained.encoder["table"][runs], jnp)
        return encode(form.encoder, trained.encoder, History(*(part[runs] for part in data.history)), jnp)

    def seen_from(trained: Trained, data: Data, runs: Any, z: Any) -> Any:
        """Predictions [sample * run, time, measured] as they are compared, over the spread."""
        samples, count, _ = z.shape
        rows = jnp.tile(runs, samples)
        grid, start = _rows(data.grid, rows), Start(*(part[rows] for part in data.start))
        phi = f.physical(trained.theta, data.constants)
        free = jnp.zeros((samples * count, len(form.structure.states)))
        begin = data.coordinates.forward(z, jnp).reshape(samples * count, -1)
        start = start._replace(given=jnp.asarray(start.given).at[:, data.coordinates.place].set(begin))
        y0 = jax.vmap(f.start, (None, None, 0, 0))(phi, data.constants, free, start)
        _, y = simulated(f, jax, form.method, phi, data.constants, grid, y0)
        over = jax.vmap(jax.vmap(f.observe, (None, None, 0, 0, 0)), (None, None, 0, 0, 0))
        return over(phi, data.constants, grid.sample_t, grid.sample_u, y)

    def likelihoods(trained: Trained, data: Data, runs: Any, z: Any, mask: Any) -> Any:
        """[sample, run]."""
        samples, count, _ = z.shape
        rows = jnp.tile(runs, samples)
        seen = seen_from(trained, data, runs, z)
        error = form.structure.noise.residuals(seen, data.values[rows], data.constants)
        error = error.reshape(samples, count, *error.shape[1:])
        density = -0.5 * (error * jnp.exp(-trained.log_noise)) ** 2 - trained.log_noise
        return jnp.sum(jnp.where(mask > 0, density, 0.0), axis=(2, 3))

    def bound(trained: Trained, data: Data, runs: Any, noise: Any, history_only: bool = False) -> Any:
        mean, factor = distribution(trained, data, runs)
        z = mean + jnp.einsum("rij,srj->sri", factor, noise)
        log_sd = jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
        likely = likelihoods(trained, data, runs, z, (data.history_mask if history_only else data.mask)[runs])
        if form.objective == "elbo":
            apart = 0.5 * (jnp.sum(mean**2, -1) + jnp.sum(factor**2, (-2, -1)) - mean.shape[-1]) - log_sd
            return likely.mean(axis=0) - apart
        ratio = likely - 0.5 * jnp.sum(z**2, -1) + 0.5 * jnp.sum(noise**2, -1) + log_sd
        return jax.scipy.special.logsumexp(ratio, axis=0) - jnp.log(noise.shape[0])

    def dreamt(trained: Trained, data: Data, runs: Any, key: Any) -> Any:
        one, other = jax.random.split(jax.random.fold_in(jax.random.wrap_key_data(key), 1))
        z = jax.random.normal(one, (form.samples, runs.shape[0], data.coordinates.place.shape[0]), dtype=np.float64)
        rows = jnp.tile(runs, form.samples)
        still = jax.lax.stop_gradient(trained)
        history = History(*(part[rows] for part in data.history))
        length = history.values.shape[1]
        seen = jax.lax.stop_gradient(seen_from(still, data, runs, z))[:, :length]
        noisy = seen + jnp.exp(still.log_noise) * jax.random.normal(other, seen.shape, dtype=np.float64)
        center, spread = data.history_scale
        values = (noisy * data.constants.spread - center) / spread
        values = jnp.where((history.present > 0) & jnp.isfinite(values), values, 0.0)
        mean, factor = encode(
            form.encoder, trained.encoder, history._replace(values=jnp.clip(values, -50.0, 50.0)), jnp
        )
        away = (z.reshape(mean.shape) - mean)[..., None]
        standard = jax.scipy.linalg.solve_triangular(factor, away, lower=True)[..., 0]
        log_sd = jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
        return jnp.mean(-0.5 * jnp.sum(standard**2, axis=-1) - log_sd)

    return Bounds(bound, dreamt)


def _prior(form: Form, trained: Trained, data: Data) -> Any:
    """Nats that parameters and weights lie away from what was known."""
    jnp = get_jax().numpy
    middle, sd, given, log = data.prior
    values = data.constants.bijection.forward(trained.theta[: len(form.structure.parameters)], jnp)
    values = jnp.where(log > 0, jnp.log(jnp.maximum(values, 1e-300)), values)
    away = jnp.sum(jnp.where(given > 0, ((values - middle) / sd) ** 2, 0.0))
    weights = trained.theta[form.weights[0] : form.weights[1]]
    read = sum(
        jnp.sum(part**2) for name, part in trained.encoder.items() if name != "table" and not name.endswith("bias")
    )
    return 0.5 * away + 0.5 * data.l2 * (jnp.sum(weights**2) + read)


def training_program(form: Form) -> Callable[..., Any]:
    """(trained, moments, number, data, batches [step, run], keys [step, 2], rates, masks, share, values) -> trained, moments, loss of
    each step, gradient norms. To be compiled.

    ``share``: runs that train over those of a batch; ``values``: number of training values. Steps whose gradient is not finite are
    left out.
    """
    jax = get_jax()
    jnp = jax.numpy
    bound, dreamt = bound_function(form)

    def loss(trained: Trained, data: Data, runs: Any, noise: Any, key: Any, share: Any, values: Any) -> Any:
        found = _prior(form, trained, data) - share * jnp.sum(bound(trained, data, runs, noise))
        if form.encoder != "none":
            found = found - form.dream * share * runs.shape[0] * dreamt(trained, data, runs, key)
        return found / values

    def run(
        trained: Trained,
        moments: Any,
        number: Any,
        data: Data,
        batches: Any,
        keys: Any,
        rates: Any,
        free: Trained,
        share: Any,
        values: Any,
    ) -> Any:
        encoded = data.coordinates.place.shape[0]

        def one(carry: Any, x: Any) -> Any:
            (trained, first, second, number), (runs, key, rate) = carry, x
            noise = draws(jax, key, form.samples, runs.shape[0], encoded)
            value, slope = jax.value_and_grad(loss)(trained, data, runs, noise, key, share, values)
            slope = jax.tree_util.tree_map(jnp.multiply, slope, free)
            norm = jnp.sqrt(sum(jnp.sum(part**2) for part in jax.tree_util.tree_leaves(slope)))
            good = jnp.isfinite(norm) & jnp.isfinite(value)
            factor = jnp.where(norm > CLIP_NORM, CLIP_NORM / norm, 1.0)
            slope = jax.tree_util.tree_map(lambda s: jnp.where(good, factor * s, 0.0), slope)
            number = number + good
            b1, b2 = BETAS
            first = jax.tree_util.tree_map(lambda m, s: b1 * m + (1 - b1) * s, first, slope)
            second = jax.tree_util.tree_map(lambda v, s: b2 * v + (1 - b2) * s**2, second, slope)
            up1, up2 = 1 - b1 ** jnp.maximum(number, 1.0), 1 - b2 ** jnp.maximum(number, 1.0)
            moved = lambda p, m, v: p - jnp.where(good, rate, 0.0) * (m / up1) / (jnp.sqrt(v / up2) + EPSILON)  # noqa: E731
            trained = jax.tree_util.tree_map(moved, trained, first, second)
            return (trained, first, second, number), (value, norm)

        (trained, first, second, number), told = jax.lax.scan(one, (trained, *moments, number), (batches, keys, rates))
        return trained, (first, second), number, told

    return run


def judging_program(form: Form) -> Callable[..., Any]:
    """(trained, data, runs, noise) -> bound of each run. To be compiled."""
    return bound_function(form).bound


def inference_program(form: Form) -> Callable[..., Any]:
    """(trained, moments, number, data, runs, keys, rates) -> trained with the table of ``runs`` moved towards the largest bound of
    their history, all else as it is. To be compiled."""
    jax = get_jax()
    jnp = jax.numpy
    bound = bound_function(form).bound

    def run(trained: Trained, moments: Any, number: Any, data: Data, runs: Any, keys: Any, rates: Any) -> Any:
        encoded = data.coordinates.place.shape[0]

        def loss(table: Any, key: Any) -> Any:
            whole = trained._replace(encoder={"table": trained.encoder["table"].at[runs].set(table)})
            noise = draws(jax, key, form.samples, runs.shape[0], encoded)
            return -jnp.sum(bound(whole, data, runs, noise, True))

        def one(carry: Any, x: Any) -> Any:
            (table, first, second, number), (key, rate) = carry, x
            slope = jax.grad(loss)(table, key)
            slope = jnp.where(jnp.isfinite(slope), slope, 0.0)
            number, (b1, b2) = number + 1.0, BETAS
            first, second = b1 * first + (1 - b1) * slope, b2 * second + (1 - b2) * slope**2
            table = table - rate * (first / (1 - b1**number)) / (jnp.sqrt(second / (1 - b2**number)) + EPSILON)
            return (table, first, second, number), None

        begin = (trained.encoder["table"][runs], *moments, number)
        (table, first, second, number), _ = jax.lax.scan(one, begin, (keys, rates))
        return (
            trained._replace(encoder={"table": trained.encoder["table"].at[runs].set(table)}),
            (first, second),
            number,
        )

    return run


def draws(jax: Any, key: Any, samples: int, runs: int, encoded: int) -> Any:
    """Standard normal numbers, half of them the negatives of the others where their number is even."""
    half = samples // 2 if samples % 2 == 0 else samples
    found = jax.random.normal(jax.random.wrap_key_data(key), (half, runs, encoded), dtype=np.float64)
    return jax.numpy.concatenate([found, -found]) if half < samples else found
