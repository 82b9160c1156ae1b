"""Solving a built model with diffrax: validation, stiff systems, and the check of our own training solver."""

from __future__ import annotations

from typing import Any, Literal

import diffrax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ndestudio.model.build import HybridField

SolverName = Literal["tsit5", "dopri5", "dopri8", "heun", "reversible_heun", "kvaerno3", "kvaerno5"]

SOLVERS: dict[str, Any] = {
    "tsit5": diffrax.Tsit5,
    "dopri5": diffrax.Dopri5,
    "dopri8": diffrax.Dopri8,
    "heun": diffrax.Heun,
    "reversible_heun": diffrax.ReversibleHeun,
    "kvaerno3": diffrax.Kvaerno3,
    "kvaerno5": diffrax.Kvaerno5,
}
"""KenCarp's implicit-explicit methods are in ``ndestudio.solve.diffrax_adaptive``, with the root finder that they need."""

IMPLICIT = ("kvaerno3", "kvaerno5")


def solve(
    field: HybridField,
    t: Float[Array, " time"],
    y0: Float[Array, " state"],
    *,
    input_times: Float[Array, " sample"] | None = None,
    inputs: Float[Array, "sample input"] | None = None,
    solver: SolverName = "tsit5",
    rtol: float = 1e-8,
    atol: float | Float[Array, " state"] = 1e-10,
    max_steps: int = 16384,
    adjoint: Any = None,
) -> Float[Array, "time state"]:
    """States at ``t`` from ``y0`` at ``t[0]``; differentiable and vmappable.

    Arguments:
        input_times, inputs: samples of the forcings, interpolated linearly between and constant outside.
        solver: one of ``IMPLICIT`` for stiff systems.
        atol: absolute tolerance in physical units.
        adjoint: a diffrax adjoint; None: its default (recursive checkpoints).

    Returns:
        Physical units; infinite from where the solver gave up on.
    """
    t = jnp.asarray(t)
    y0 = jnp.asarray(y0)

    def vector_field(time: Any, y: Any, args: Any) -> Any:
        model, samples = args
        return model(time, y, _forcing(time, samples))

    term = diffrax.ODETerm(vector_field)
    solution = diffrax.diffeqsolve(
        term,
        SOLVERS[solver](),
        t0=t[0],
        t1=t[-1],
        dt0=None,
        y0=y0,
        args=(field, None if inputs is None else (jnp.asarray(input_times), jnp.asarray(inputs))),
        saveat=diffrax.SaveAt(ts=t),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        max_steps=max_steps,
        throw=False,
        **({} if adjoint is None else {"adjoint": adjoint}),
    )
    assert solution.ys is not None
    return solution.ys


def _forcing(time: Any, samples: Any) -> Any:
    if samples is None:
        return None
    times, values = samples
    return jnp.stack([jnp.interp(time, times, column) for column in values.T])
