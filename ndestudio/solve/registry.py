"""The solvers there are. A new one is a line here (a tableau is enough), or a package with an entry point ``ndestudio.solvers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ndestudio.errors import SpecError
from ndestudio.plugins import Registry

if TYPE_CHECKING:
    from ndestudio.solve.base import Solver

OWN = "ndestudio.solve.fixed_grid"
DIFFRAX = "ndestudio.solve.diffrax_adaptive"
AUTO = "auto"
"""The choice that leaves it to the program: an explicit method, and an implicit one where the model is stiff."""

SOLVERS: Registry[Solver] = Registry(
    "solvers",
    "solver",
    {
        "rk4": f"{OWN}:RK4_GRID",
        "tsit5": f"{OWN}:TSIT5_GRID",
        "dopri5": f"{OWN}:DOPRI5_GRID",
        "heun": f"{OWN}:HEUN_GRID",
        "log-ode-1": f"{OWN}:LOG_ODE_1_GRID",
        "log-ode-2": f"{OWN}:LOG_ODE_2_GRID",
        "sdirk3": f"{OWN}:SDIRK3_GRID",
        "sdirk4": f"{OWN}:SDIRK4_GRID",
        "diffrax-tsit5": f"{DIFFRAX}:TSIT5",
        "diffrax-dopri5": f"{DIFFRAX}:DOPRI5",
        "diffrax-dopri8": f"{DIFFRAX}:DOPRI8",
        "diffrax-reversible-heun": f"{DIFFRAX}:REVERSIBLE_HEUN",
        "diffrax-kvaerno3": f"{DIFFRAX}:KVAERNO3",
        "diffrax-kvaerno5": f"{DIFFRAX}:KVAERNO5",
        "diffrax-implicit-euler": f"{DIFFRAX}:IMPLICIT_EULER",
        "diffrax-kencarp3": f"{DIFFRAX}:KENCARP3",
        "diffrax-kencarp4": f"{DIFFRAX}:KENCARP4",
        "reference": "ndestudio.solve.scipy_reference:REFERENCE",
    },
    needs=("implicit", "adaptive", "trains", "grid", "refuses", "traced", "solve", "linearise"),
    error=SpecError,
)
"""Solvers by name."""


def for_training(name: str) -> Solver:
    """The solver that trains under the setting ``name``; for `"auto"` the one that training begins with.

    Raises
    ------
    SpecError
        There is no such solver, or it has no derivatives.
    """
    if name == AUTO:
        return SOLVERS.get("rk4")
    try:
        solver = SOLVERS.get(name)
    except SpecError as error:
        raise SpecError(f"{error}; or `{AUTO}`, which leaves it to the program") from None
    if not solver.trains:
        raise SpecError(
            f"the solver `{name}` has no derivatives, so nothing can be trained through it; choose `{AUTO}` or one of "
            f"{', '.join(training_names()[1:])}"
        )
    return solver


def training_names() -> tuple[str, ...]:
    """What `[train] solver` may be, in the order in which it is offered."""
    return (AUTO, *(name for name in SOLVERS.known() if SOLVERS.get(name).trains))
