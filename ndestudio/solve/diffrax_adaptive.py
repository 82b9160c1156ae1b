"""The solvers of diffrax: variable steps, implicit and implicit-explicit methods, and their adjoints.

Kidger 2022, On Neural Differential Equations (chapter 5). Every pair of solver and adjoint that is offered is checked against
finite differences in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ndestudio.data.control_path import Piecewise
from ndestudio.errors import SpecError
from ndestudio.problem.conditions import Condition
from ndestudio.problem.problem import Problem
from ndestudio.solve.base import Linearisation, Solution, SolverSettings, ordinary
from ndestudio.solve.jax_backend import get_jax
from ndestudio.solve.tableau import RK4, SDIRK4, Tableau
from ndestudio.solve.time_grid import Paths

ADJOINTS = ("recursive", "direct", "forward", "backsolve")
FEW = 60
"""Trained numbers up to which forward mode (and so Levenberg-Marquardt) is chosen where the adjoint is left open."""
MANY = 400
"""Trained numbers from which on forward mode is said to be slow."""
RTOL, ATOL = 1e-6, 1e-8
"""Tolerances where none are given; absolute ones in units of the state's scale. A gradient needs no more than the noise."""
STEPS, MOST_STEPS = 512, 100_000
"""Steps of a constant controller, and most steps of any, where a solution is wanted and no fit."""
BACKSOLVE = (
    "The adjoint `backsolve` integrates the equations backwards: its gradients are not those of the discrete solution, are "
    "unstable where trajectories contract, and took a hundred times longer than `recursive` where that was measured. It is "
    "there for comparison; `recursive` is the one to train with."
)


@dataclass(frozen=True)
class Adaptive:
    """The static part of a diffrax solve; a compiled program depends on it. A ``TracedMethod``.

    Parameters
    ----------
    controller
        `"pid"` (steps by the local error) or `"constant"` (the steps of the training grid).
    """

    solver: Diffrax
    adjoint: str
    controller: str
    max_steps: int

    @property
    def name(self) -> str:
        return self.solver.name

    def states_at(
        self, field: Any, known: Any, phi: Any, constants: Any, t: Any, paths: Paths, knots: Any, y0: Any
    ) -> Any:
        """States of one row at its samples; infinite from where the solver gave up on."""
        import diffrax

        jnp = get_jax().numpy

        def part(function: Any) -> Any:
            def slope(time: Any, y: Any, args: Any) -> Any:
                phi, constants, paths = args
                return function(phi, constants, time, self._inputs(time, paths), y)

            return diffrax.ODETerm(slope)

        terms: Any = part(field)
        if self.solver.kind == "split":
            learned = lambda *a: field(*a) - known(*a)  # noqa: E731
            terms = diffrax.MultiTerm(part(learned), part(known))
        rtol, atol = constants.tolerance[0], constants.tolerance[1] * constants.state_scale
        solution = diffrax.diffeqsolve(
            terms,
            self.solver.made(rtol, atol),
            t0=t[0],
            t1=t[-1],
            dt0=None,
            y0=y0,
            args=(phi, constants, paths),
            saveat=diffrax.SaveAt(ts=t),
            stepsize_controller=self._steps(knots, paths, rtol, atol),
            adjoint=_adjoint(self.adjoint),
            max_steps=self.max_steps,
            throw=False,
        )
        return jnp.where(solution.result == diffrax.RESULTS.successful, solution.ys, jnp.inf)

    def warnings(self, trained: int) -> list[str]:
        found = [BACKSOLVE] if self.adjoint == "backsolve" else []
        if self.adjoint == "forward" and trained > MANY:
            found.append(
                f"The adjoint `forward` carries a derivative for each of the {trained} trained numbers; `recursive` is "
                "faster for so many."
            )
        return found

    def out_of_steps(self) -> str:
        remedy = "the solver `auto`" if self.solver.implicit else "an implicit solver such as `diffrax-kvaerno3`"
        return (
            f"`{self.name}` did not get through the trajectories within {self.max_steps} steps; choose {remedy}, or raise "
            "`max_steps`."
        )

    def _inputs(self, time: Any, paths: Paths) -> Any:
        jax = get_jax()
        at = lambda breaks, coefficients: Piecewise(breaks, coefficients).at(time, jax.numpy)  # noqa: E731
        return jax.vmap(at)(paths.breaks, paths.coefficients) if len(paths.breaks) else jax.numpy.zeros(0)

    def _steps(self, knots: Any, paths: Paths, rtol: Any, atol: Any) -> Any:
        import diffrax

        if self.controller == "constant":
            return diffrax.StepTo(knots)
        by_error = diffrax.PIDController(rtol=rtol, atol=atol)
        jumps: Any = paths.jumps
        return diffrax.ClipStepSizeController(by_error, jump_ts=jumps) if len(jumps) else by_error


@dataclass(frozen=True)
class Diffrax:
    """A solver of diffrax; a ``Solver``.

    Parameters
    ----------
    method
        Its class in diffrax.
    kind
        `"split"`: implicit in what is known, explicit in the networks (Kennedy and Carpenter 2003, Appl. Numer. Math.
        44, 139).
    """

    name: str
    title: str
    method: str
    kind: Literal["explicit", "implicit", "split"] = "explicit"
    adaptive: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    @property
    def implicit(self) -> bool:
        return self.kind != "explicit"

    @property
    def grid(self) -> Tableau:
        """Steps for quick looks, which must not be stopped by stiffness."""
        return SDIRK4 if self.implicit else RK4

    def refuses(self, problem: Problem) -> str | None:
        if problem.dynamics.events:
            return f"`{self.name}` solves without events, and the model has some; choose the solver `auto`"
        return ordinary(problem, f"`{self.name}`", traced=True)

    def traced(self, settings: SolverSettings, trained: int) -> Adaptive:
        adjoint = settings.adjoint
        if adjoint == "auto":
            adjoint = "forward" if trained <= FEW else "recursive"
        if reason := self._clash(adjoint):
            raise SpecError(
                f"the adjoint `{adjoint}` cannot be used with `{self.name}`: {reason}; choose the adjoint `recursive` or "
                "`forward`"
            )
        controller = settings.controller
        if controller == "auto":
            controller = "constant" if self.method == "ImplicitEuler" else "pid"
        return Adaptive(self, adjoint, controller, settings.max_steps)

    def solve(self, problem: Problem, theta: Any, conditions: Sequence[Condition]) -> list[Solution]:
        from ndestudio.solve.jax_solutions import solutions

        setup = self._exact(problem, "recursive")
        found = solutions(problem, setup, self.grid, STEPS, theta, conditions)
        return [_told(setup, one, y) for one, y in zip(conditions, found, strict=True)]

    def linearise(self, problem: Problem, theta: Any, conditions: Sequence[Condition]) -> list[Linearisation]:
        from ndestudio.solve.jax_solutions import linearisations

        return linearisations(problem, self._exact(problem, "forward"), self.grid, STEPS, theta, conditions)

    def made(self, rtol: Any, atol: Any) -> Any:
        """The solver as diffrax wants it."""
        import diffrax
        import optimistix

        method = getattr(diffrax, self.method)
        # the root finder that diffrax gives to KenCarp's methods (VeryChord) does not converge even on y' = -y: with
        # Newton's method they have their orders
        return method(root_finder=optimistix.Newton(rtol=rtol, atol=0.1 * atol.min())) if self.implicit else method()

    def _exact(self, problem: Problem, adjoint: str) -> Adaptive:
        return self.traced(SolverSettings(self.name, adjoint, max_steps=MOST_STEPS), 1)

    def _clash(self, adjoint: str) -> str:
        """Why an adjoint does not suit the solver, "" if it does."""
        if adjoint == "backsolve" and self.method == "ReversibleHeun":
            return "the second state of that method is lost on the way back, and with it its exactness"
        if adjoint == "backsolve" and self.implicit:
            return "what decays fast in a stiff system explodes when it is integrated backwards"
        if adjoint == "direct" and self.implicit:
            return "it stores every iteration of every implicit stage, up to `max_steps` of them"
        return ""


TSIT5 = Diffrax("diffrax-tsit5", "Tsit5 (diffrax)", "Tsit5")
DOPRI5 = Diffrax("diffrax-dopri5", "Dopri5 (diffrax)", "Dopri5")
DOPRI8 = Diffrax("diffrax-dopri8", "Dopri8 (diffrax)", "Dopri8")
REVERSIBLE_HEUN = Diffrax("diffrax-reversible-heun", "Reversible Heun (diffrax)", "ReversibleHeun")
KVAERNO3 = Diffrax("diffrax-kvaerno3", "Kvaerno3, implicit (diffrax)", "Kvaerno3", "implicit")
KVAERNO5 = Diffrax("diffrax-kvaerno5", "Kvaerno5, implicit (diffrax)", "Kvaerno5", "implicit")
IMPLICIT_EULER = Diffrax("diffrax-implicit-euler", "Implicit Euler (diffrax)", "ImplicitEuler", "implicit")
KENCARP3 = Diffrax("diffrax-kencarp3", "KenCarp3, IMEX (diffrax)", "KenCarp3", "split")
KENCARP4 = Diffrax("diffrax-kencarp4", "KenCarp4, IMEX (diffrax)", "KenCarp4", "split")


def _told(setup: Adaptive, condition: Condition, y: Any) -> Solution:
    gone = not np.isfinite(y).all()
    return Solution(condition.t, np.where(np.isfinite(y), y, np.nan), setup.out_of_steps() if gone else "")


def _adjoint(name: str) -> Any:
    import diffrax

    return {
        "recursive": diffrax.RecursiveCheckpointAdjoint,
        "direct": diffrax.DirectAdjoint,
        "forward": diffrax.ForwardMode,
        "backsolve": diffrax.BacksolveAdjoint,
    }[name]()
