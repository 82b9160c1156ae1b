"""The program's own solvers: Runge-Kutta methods on a fixed grid, with exact derivatives of the discrete solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SpecError
from ndestudio.problem.conditions import Condition
from ndestudio.problem.problem import Problem
from ndestudio.solve.base import Linearisation, Solution, SolverSettings, ordinary
from ndestudio.solve.delays import few_steps, grid_breaks, refused
from ndestudio.solve.event_times import happening_in
from ndestudio.solve.log_signature_needs import refused_signature
from ndestudio.solve.numpy_fixed import GridSimulation
from ndestudio.solve.step_count import enough_steps
from ndestudio.solve.tableau import DOPRI5, HEUN, LOG_ODE_1, LOG_ODE_2, RK4, SDIRK3, SDIRK4, TSIT5, Tableau
from ndestudio.solve.time_grid import make_grid

ACCURATE = 1e-7
"""Change of a solution, over the scales of the states, at which doubling the steps ends."""
FEWEST, MOST = 16, 16_384
"""Steps of a solution."""


@dataclass(frozen=True)
class FixedGrid:
    """A Runge-Kutta method on the steps of a time grid; a ``Solver``. A new method is a tableau."""

    grid: Tableau
    title: str
    adaptive: ClassVar[bool] = False
    trains: ClassVar[bool] = True

    @property
    def implicit(self) -> bool:
        return self.grid.implicit

    def refuses(self, problem: Problem) -> str | None:
        own = ordinary(problem, f"`{self.grid.name}`", traced=True, delays=True) or refused(problem, self.grid)
        return own or (refused_signature(problem, self.grid) if self.grid.depth else None)

    def traced(self, settings: SolverSettings, trained: int) -> None:
        for name, value, default in (
            ("adjoint", settings.adjoint, "auto"),
            ("controller", settings.controller, "auto"),
            ("rtol", settings.rtol, None),
            ("atol", settings.atol, None),
        ):
            if value != default:
                raise SpecError(
                    f"`{name} = {value}` belongs to the solvers of diffrax (`diffrax-...`); the solver `{settings.solver}` "
                    "steps on a fixed grid, whose error is checked by step-doubling, and has exact derivatives. Leave the "
                    "setting out or choose another solver"
                )

    def solve(
        self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]
    ) -> list[Solution]:
        found = self._states(problem, theta, conditions)(self._steps(problem, theta, conditions))
        return [self._told(problem, one, y) for one, y in zip(conditions, found, strict=True)]

    def linearise(
        self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]
    ) -> list[Linearisation]:
        from ndestudio.solve.jax_solutions import linearisations

        steps = self._steps(problem, theta, conditions)
        return linearisations(problem, self.grid, self.grid, steps, theta, conditions)

    def _steps(self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]) -> int:
        scale = problem.numbers.state_scale
        states = self._states(problem, theta, conditions)
        fewest = min(max(FEWEST, few_steps(problem, problem.space.fitted(theta, {}), conditions)), MOST)
        return enough_steps(lambda steps: np.concatenate(states(steps)) / scale, fewest, ACCURATE, MOST)

    def _states(self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]):
        """States at the times of each condition, by the number of steps."""
        model = problem.space.fitted(theta, {})
        simulation = GridSimulation(problem, self.grid, model)
        breaks, happen = grid_breaks(problem, self.grid, model, conditions), happening_in(model, conditions)

        def states(steps: int) -> list[Float[np.ndarray, "time state"]]:
            grid = make_grid(conditions, steps, self.grid, breaks=breaks, events=happen)
            y = simulation.states(conditions, grid)
            return [y[:, k, : len(one.t)].T for k, one in enumerate(conditions)]

        return states

    def _told(self, problem: Problem, condition: Condition, y: Float[np.ndarray, "time state"]) -> Solution:
        bad = ~np.isfinite(y).all(axis=1)
        if not bad.any():
            return Solution(condition.t, y)
        when = condition.t[int(np.argmax(bad))]
        return Solution(condition.t, y, f"`{self.grid.name}` has no finite solution from t = {when:.6g} on")


LOG_ODE_1_GRID = FixedGrid(LOG_ODE_1, "Log-ODE, depth 1 (changes of the inputs)")
LOG_ODE_2_GRID = FixedGrid(LOG_ODE_2, "Log-ODE, depth 2 (and areas)")
HEUN_GRID = FixedGrid(HEUN, "Heun, fixed grid")
RK4_GRID = FixedGrid(RK4, "RK4, fixed grid")
DOPRI5_GRID = FixedGrid(DOPRI5, "Dopri5, fixed grid")
TSIT5_GRID = FixedGrid(TSIT5, "Tsit5, fixed grid")
SDIRK3_GRID = FixedGrid(SDIRK3, "SDIRK3, implicit, fixed grid")
SDIRK4_GRID = FixedGrid(SDIRK4, "SDIRK4, implicit, fixed grid")
