"""Train the CT-RNN controller of the cart and pole (8 neurons) and write its weights: python -m benchmarks.tubes.train_cartpole

Our own training: the published weights are another's, and other weights give other volumes. The controller is optimised through
the simulation: the mean of th^2 + 0.1 x^2 + 0.01 f^2 over 4 time units from 32 starts (th, x, dth, dx within 0.2), by L-BFGS.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.tubes.cases import NEURONS, WEIGHTS, G, L, M, m


def main() -> None:
    from ndestudio.solve.jax_backend import get_jax

    jax = get_jax()
    jnp = jax.numpy
    rng = np.random.default_rng(0)
    width = NEURONS + 4
    starts = np.concatenate([rng.uniform(-0.2, 0.2, (32, 4)), np.zeros((32, NEURONS))], axis=1)
    sizes = [NEURONS * width, NEURONS, NEURONS]

    def slope(y: Any, weights: Any) -> tuple[Any, Any]:
        W, b, out = weights
        dth, dx, th, _ = y[:4]
        h = y[4:]
        f, s, c = out @ h, jnp.sin(th), jnp.cos(th)
        ddth = (f * c - m * L * dth * dth * c * s + (m + M) * G * s) / (L * (M + m * s * s))
        ddx = (f + m * s * (-L * dth * dth + G * c)) / (M + m * s * s)
        return jnp.concatenate([jnp.stack([ddth, ddx, dth, dx]), -h + jnp.tanh(W @ jnp.concatenate([h, y[:4]]) + b)]), f

    def cost(flat: Any) -> Any:
        W, b, out = (part for part in jnp.split(flat, np.cumsum(sizes)[:-1]))
        weights = (W.reshape(NEURONS, width), b, out)

        def step(y: Any, _: Any) -> Any:
            h = 0.02
            k1, f = slope(y, weights)
            k2, _ = slope(y + 0.5 * h * k1, weights)
            y = y + h * k2
            return y, y[2] ** 2 + 0.1 * y[3] ** 2 + 0.001 * f**2 + 0.01 * y[0] ** 2

        run = lambda y: jnp.mean(jax.lax.scan(step, y, None, 200)[1])  # noqa: E731
        # a pole that falls over would drown all others
        return jnp.mean(jnp.log1p(jax.vmap(run)(jnp.asarray(starts)))) + 1e-5 * jnp.sum(flat**2)

    first = 0.3 * rng.standard_normal(sum(sizes))
    gain = np.linspace(0.4, 1.0, NEURONS)
    W0 = first[: sizes[0]].reshape(NEURONS, width)
    W0[:, NEURONS:] = gain[:, None] * np.array([1.0, 0.2, 3.0, 0.1])  # towards the pole: where training begins
    first[sizes[0] + NEURONS :] = -6.0
    graded = jax.jit(jax.value_and_grad(cost))
    found = minimize(
        lambda x: tuple(np.asarray(part, dtype=float) for part in graded(jnp.asarray(x))),
        first,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300},
    )
    W, b, out = np.split(found.x, np.cumsum(sizes)[:-1])
    kept = {
        "in": W.reshape(NEURONS, width).round(5).tolist(),
        "bias": b.round(5).tolist(),
        "out": out.round(5).tolist(),
    }
    WEIGHTS.write_text(json.dumps(kept) + "\n")
    print(f"cost {float(graded(jnp.asarray(first))[0]):.4g} -> {found.fun:.4g} in {found.nit} steps")


if __name__ == "__main__":
    main()
