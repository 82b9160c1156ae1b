"""What a solver is: the protocol that all of them follow, and what a person may set about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from ndestudio.problem.conditions import Condition
from ndestudio.problem.problem import Problem
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import Paths


@dataclass(frozen=True)
class SolverSettings:
    """What a person may set about the solver; `"auto"` and None leave the choice open.

    Parameters
    ----------
    solver
        A name in ``registry.SOLVERS``, or `"auto"`.
    adjoint
        How an adaptive solve is differentiated, one of ``diffrax_adaptive.ADJOINTS``.
    controller
        Steps of an adaptive solve: `"pid"` by its local error, `"constant"` those of the training grid.
    rtol, atol
        Tolerances of an adaptive solve; ``atol`` in units of each state's scale.
    max_steps
        After which an adaptive solve gives up.
    """

    solver: str = "auto"
    adjoint: str = "auto"
    controller: str = "auto"
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 4096


@dataclass(frozen=True, eq=False)
class Solution:
    """States at the times of a condition.

    Parameters
    ----------
    states
        NaN from where the solver failed on; ``sentence`` then says where and why, else "".
    """

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "time state"]
    sentence: str = ""


class Linearisation(NamedTuple):
    """States at the times of a condition, and their derivatives by theta and by the initial values."""

    states: Float[np.ndarray, "time state"]
    by_theta: Float[np.ndarray, "time state theta"]
    by_initial: Float[np.ndarray, "time state state"]


class TracedMethod(Protocol):
    """The static part of a solve that JAX traces whole, steps and all; hashable, a compiled program depends on it."""

    @property
    def name(self) -> str: ...

    @property
    def adjoint(self) -> str: ...

    @property
    def controller(self) -> str: ...

    def states_at(
        self, field: Any, known: Any, phi: Any, constants: Any, t: Any, paths: Paths, knots: Any, y0: Any
    ) -> Any:
        """States [sample, state] of one row; infinite from where it gave up on.

        Parameters
        ----------
        field, known
            (phi, constants, t, u, y) -> dy/dt, as it is and with the networks left out.
        t, u
            Times (the last one repeated as padding) and inputs of the samples.
        knots
            The steps of a constant controller.
        """
        ...

    def warnings(self, trained: int) -> list[str]:
        """What a person should know about these settings where so many numbers are trained."""
        ...

    def out_of_steps(self) -> str:
        """That the solver does not get through the trajectories from where training is, and what to do."""
        ...

    def __hash__(self) -> int: ...


class Solver(Protocol):
    """A way of solving initial-value problems; one entry of ``registry.SOLVERS``.

    Attributes
    ----------
    title
        What the window calls it.
    implicit
        Whether it suits stiff problems.
    adaptive
        Whether it chooses its own steps and obeys ``SolverSettings``.
    trains
        Whether it has derivatives, so that fits can be made through it.
    grid
        Fixed steps for quick evaluations while it trains (or its own, where it is a method on a fixed grid).
    """

    @property
    def title(self) -> str: ...

    @property
    def implicit(self) -> bool: ...

    @property
    def adaptive(self) -> bool: ...

    @property
    def trains(self) -> bool: ...

    @property
    def grid(self) -> Tableau: ...

    def refuses(self, problem: Problem) -> str | None:
        """A sentence that says why it cannot solve ``problem`` and what can; None if it can."""
        ...

    def traced(self, settings: SolverSettings, trained: int) -> TracedMethod | None:
        """What is compiled into the programs of a fit; None for the steps of ``grid``.

        Parameters
        ----------
        trained
            How many numbers are trained.

        Raises
        ------
        SpecError
            Settings that do not go together.
        """
        ...

    def solve(
        self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]
    ) -> list[Solution]:
        """The solution under each condition, at its times, accurately; nothing is raised for numerical reasons."""
        ...

    def linearise(
        self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]
    ) -> list[Linearisation] | None:
        """Solutions with derivatives of the states, theta being unbounded numbers (see ``Space``); None without derivatives."""
        ...


Method = Tableau | TracedMethod
"""What a compiled program of a fit depends on."""


def ordinary(problem: Problem, title: str, *, traced: bool, delays: bool = False) -> str | None:
    """Why a solver of ordinary differential equations cannot solve a problem.

    Parameters
    ----------
    delays
        Whether the solver knows delayed values.
    traced
        Whether the solver must be able to differentiate the dynamics.
    """
    dynamics = problem.dynamics
    if dynamics.noises:
        return (
            f"{title} solves ordinary differential equations, and these are driven by the noise `{dynamics.noises[0]}`; "
            "choose a solver of stochastic equations"
        )
    if problem.structure.delays is not None and not delays:
        return (
            f"{title} has no delays, and the equations read `{problem.structure.delays.slots[0]}`; choose `auto`, `rk4`, `tsit5` or "
            "`dopri5`"
        )
    if traced and not dynamics.differentiable:
        return (
            f"{title} differentiates the equations, and these cannot be differentiated; choose the solver `reference`"
        )
    return None
