"""Training through the solvers of diffrax: variable steps, implicit and implicit-explicit methods, and their adjoints.

Every pair of solver and adjoint that is offered is checked against finite differences in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ndestudio.errors import SpecError
from ndestudio.solve.jax_backend import get_jax

EXPLICIT = ("diffrax-tsit5", "diffrax-dopri5", "diffrax-dopri8", "diffrax-reversible-heun")
IMPLICIT = ("diffrax-kvaerno3", "diffrax-kvaerno5", "diffrax-implicit-euler")
SPLIT = ("diffrax-kencarp3", "diffrax-kencarp4")
"""Implicit in what is known, explicit in the networks (Kennedy and Carpenter 2003, Appl. Numer. Math. 44, 139)."""
SOLVERS = (*EXPLICIT, *IMPLICIT, *SPLIT)
ADJOINTS = ("recursive", "direct", "forward", "backsolve")
FEW = 60
"""Trained numbers up to which forward mode (and so Levenberg-Marquardt) is chosen where the adjoint is left open."""
MANY = 400
"""Trained numbers from which on forward mode is said to be slow."""
RTOL, ATOL = 1e-6, 1e-8
"""Tolerances where none are given; absolute ones in units of the state's scale. A gradient needs no more than the noise."""
BACKSOLVE = (
    "The adjoint `backsolve` integrates the equations backwards: its gradients are not those of the discrete solution, are "
    "unstable where trajectories contract, and took a hundred times longer than `recursive` where that was measured. It is "
    "there for comparison; `recursive` is the one to train with."
)


@dataclass(frozen=True)
class SolverSettings:
    """What a person may set about the solver; `"auto"` and None leave the choice open.

    Parameters
    ----------
    solver
        A name in ``registry.solvers``, or `"auto"`.
    adjoint
        How a diffrax solve is differentiated, one of ``ADJOINTS``.
    controller
        Steps of a diffrax solve, `"pid"` or `"constant"`.
    rtol, atol
        Tolerances of a diffrax solve; ``atol`` in units of each state's scale.
    max_steps
        After which a diffrax solve gives up.
    """

    solver: str = "auto"
    adjoint: str = "auto"
    controller: str = "auto"
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 4096


@dataclass(frozen=True)
class Adaptive:
    """The static part of a diffrax solve; a compiled program depends on it.

    Arguments:
        controller: `"pid"` (steps by the local error) or `"constant"` (the steps of the training grid).
    """

    solver: str
    adjoint: str
    controller: str
    max_steps: int

    @property
    def name(self) -> str:
        return self.solver

    @property
    def split(self) -> bool:
        return self.solver in SPLIT


def adaptive(settings: SolverSettings, trained: int) -> Adaptive | None:
    """The diffrax solve of these settings; None for the program's own solvers.

    Arguments:
        trained: how many numbers are trained.

    Raises:
        SpecError: settings that do not go together.
    """
    if settings.solver not in SOLVERS:
        _only_for_diffrax(settings)
        return None
    adjoint = settings.adjoint
    if adjoint == "auto":
        adjoint = "forward" if trained <= FEW else "recursive"
    _refuse(settings.solver, adjoint)
    controller = settings.controller
    if controller == "auto":
        controller = "constant" if settings.solver == "diffrax-implicit-euler" else "pid"
    return Adaptive(settings.solver, adjoint, controller, settings.max_steps)


def _refuse(solver: str, adjoint: str) -> None:
    """Raise where an adjoint does not suit a solver."""
    reason = ""
    if adjoint == "backsolve" and solver == "diffrax-reversible-heun":
        reason = "the second state of that method is lost on the way back, and with it its exactness"
    elif adjoint == "backsolve" and solver not in EXPLICIT:
        reason = "what decays fast in a stiff system explodes when it is integrated backwards"
    elif adjoint == "direct" and solver not in EXPLICIT:
        reason = "it stores every iteration of every implicit stage, up to `max_steps` of them"
    if reason:
        raise SpecError(
            f"the adjoint `{adjoint}` cannot be used with `{solver}`: {reason}; choose the adjoint `recursive` or `forward`"
        )


def _only_for_diffrax(settings: SolverSettings) -> None:
    for name, value, default in (
        ("adjoint", settings.adjoint, "auto"),
        ("controller", settings.controller, "auto"),
        ("rtol", settings.rtol, None),
        ("atol", settings.atol, None),
    ):
        if value != default:
            raise SpecError(
                f"`{name} = {value}` belongs to the solvers of diffrax (`diffrax-...`); the solver `{settings.solver}` steps on "
                "a fixed grid, whose error is checked by step-doubling, and has exact derivatives. Leave the setting out or "
                "choose another solver"
            )


def warnings_of(setup: Adaptive, trained: int) -> list[str]:
    """What a person should know about these settings."""
    found = [BACKSOLVE] if setup.adjoint == "backsolve" else []
    if setup.adjoint == "forward" and trained > MANY:
        found.append(
            f"The adjoint `forward` carries a derivative for each of the {trained} trained numbers; `recursive` is faster for "
            "so many."
        )
    return found


def given_up(setup: Adaptive) -> str:
    """That the solver does not get through the trajectories from where training is."""
    stiff = setup.solver in EXPLICIT
    remedy = "an implicit solver such as `diffrax-kvaerno3`" if stiff else "the solver `auto`"
    return (
        f"`{setup.solver}` did not get through the trajectories within {setup.max_steps} steps; choose {remedy}, or raise "
        "`max_steps`."
    )


def states_at(
    setup: Adaptive, field: Any, known: Any, theta: Any, constants: Any, t: Any, u: Any, knots: Any, y0: Any
) -> Any:
    """States of one row at its samples; infinite from where the solver gave up on.

    Arguments:
        field, known: (theta, constants, t, u, y) -> dy/dt, as it is and with the networks left out.
        t, u: times (the last one repeated as padding) and inputs of the samples. knots: the steps of a constant controller.
    """
    import diffrax

    jnp = get_jax().numpy

    def part(function: Any) -> Any:
        def slope(time: Any, y: Any, args: Any) -> Any:
            theta, constants, times, samples = args
            return function(theta, constants, time, _forcing(time, times, samples), y)

        return diffrax.ODETerm(slope)

    terms: Any = part(field)
    if setup.split:
        learned = lambda *a: field(*a) - known(*a)  # noqa: E731
        terms = diffrax.MultiTerm(part(learned), part(known))
    rtol, atol = constants.tolerance[0], constants.tolerance[1] * constants.state_scale
    solution = diffrax.diffeqsolve(
        terms,
        _solver(setup, rtol, atol),
        t0=t[0],
        t1=t[-1],
        dt0=None,
        y0=y0,
        args=(theta, constants, t, u),
        saveat=diffrax.SaveAt(ts=t),
        stepsize_controller=diffrax.StepTo(knots) if setup.controller == "constant" else _pid(rtol, atol),
        adjoint=_adjoint(setup),
        max_steps=setup.max_steps,
        throw=False,
    )
    return jnp.where(solution.result == diffrax.RESULTS.successful, solution.ys, jnp.inf)


def _forcing(time: Any, t: Any, samples: Any) -> Any:
    jnp = get_jax().numpy
    return (
        jnp.stack([jnp.interp(time, t, samples[:, k]) for k in range(samples.shape[1])])
        if samples.shape[1]
        else samples[0]
    )


def _pid(rtol: Any, atol: Any) -> Any:
    import diffrax

    return diffrax.PIDController(rtol=rtol, atol=atol)


def _solver(setup: Adaptive, rtol: Any, atol: Any) -> Any:
    import diffrax
    import optimistix

    make: dict[str, Callable[..., Any]] = {
        "diffrax-tsit5": diffrax.Tsit5,
        "diffrax-dopri5": diffrax.Dopri5,
        "diffrax-dopri8": diffrax.Dopri8,
        "diffrax-reversible-heun": diffrax.ReversibleHeun,
        "diffrax-kvaerno3": diffrax.Kvaerno3,
        "diffrax-kvaerno5": diffrax.Kvaerno5,
        "diffrax-implicit-euler": diffrax.ImplicitEuler,
        "diffrax-kencarp3": diffrax.KenCarp3,
        "diffrax-kencarp4": diffrax.KenCarp4,
    }
    if setup.solver in EXPLICIT:
        return make[setup.solver]()
    # the root finder that diffrax gives to KenCarp's methods (VeryChord) does not converge even on y' = -y: with Newton's
    # method they have their orders
    return make[setup.solver](root_finder=optimistix.Newton(rtol=rtol, atol=0.1 * atol.min()))


def _adjoint(setup: Adaptive) -> Any:
    import diffrax

    return {
        "recursive": diffrax.RecursiveCheckpointAdjoint,
        "direct": diffrax.DirectAdjoint,
        "forward": diffrax.ForwardMode,
        "backsolve": diffrax.BacksolveAdjoint,
    }[setup.adjoint]()
