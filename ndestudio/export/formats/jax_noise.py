"""How programs in JAX simulate noise: diffrax along a virtual Brownian tree, or along increments from a file."""

from __future__ import annotations

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.formats.python_noise import method


def simulation(content: Content) -> str:
    """`simulate(t, ...)`."""
    solver = "diffrax.Heun()" if content.calculus == "stratonovich" else "diffrax.Euler()"
    return filled(_SIMULATE, SOLVER=solver, METHOD=method(content))


_SIMULATE = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS, paths=1, seed=0, steps=10, increments=None):
    """States at the increasing times t [path, time, state] from the initial values at the start of the trajectory.

    By @METHOD@:
    `steps` of them between two times. With `increments` [step, noise, path] along these, and not by the seed.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    edges = t if t[0] == track["start"] else np.append(track["start"], t)
    parts = np.arange(steps) / steps
    grid = np.append((edges[:-1, None] + np.diff(edges)[:, None] * parts).ravel(), edges[-1])
    if len(grid) < 2 or not (np.diff(grid) > 0.0).all():
        raise ValueError("the times must increase, and begin at the start of the trajectory or after it")
    if increments is not None and increments.shape[:2] != (len(grid) - 1, len(NOISES)):
        raise ValueError(f"increments are needed of {len(grid) - 1} steps and {len(NOISES)} noises, not {increments.shape[:2]}")

    def drift(time, state, p):
        return jnp.stack([jnp.asarray(value, dtype=jnp.float64) for value in field(time, state, inputs(time, name), p)])

    def diffusion(time, state, p):
        values = spread(time, state, inputs(time, name), p)
        return jnp.stack([jnp.asarray(value, dtype=jnp.float64) for value in values]).reshape(len(STATES), len(NOISES))

    def path(brownian):
        solution = diffrax.diffeqsolve(
            diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(diffusion, brownian)),
            @SOLVER@,
            grid[0],
            grid[-1],
            None,
            jnp.array(track["initial"]),
            args=parameters,
            saveat=diffrax.SaveAt(ts=jnp.array(t)),
            stepsize_controller=diffrax.StepTo(ts=jnp.array(grid)),
            max_steps=len(grid) + 1,
            throw=False,
        )
        return solution.ys

    def along(summed):
        return path(diffrax.LinearInterpolation(jnp.array(grid), summed))

    def drawn(key):
        finest = 0.25 * float(np.diff(grid).min())
        return path(diffrax.VirtualBrownianTree(grid[0], grid[-1], tol=finest, shape=(len(NOISES),), key=key))

    if increments is not None:
        summed = np.concatenate([np.zeros((1, *increments.shape[1:])), np.cumsum(increments, axis=0)])
        return jax.jit(jax.vmap(along))(jnp.array(summed.transpose(2, 0, 1)))
    return jax.jit(jax.vmap(drawn))(jax.random.split(jax.random.key(seed), paths))
'''
