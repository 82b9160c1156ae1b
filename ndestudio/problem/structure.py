"""The part of a problem that is no number: what a compiled program depends on besides the shapes of its arrays."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.expression.tree import Expr
from ndestudio.problem.dynamics import Dynamics, HoleShape
from ndestudio.problem.initial import FirstValues
from ndestudio.problem.noise import Gaussian, NoiseModel
from ndestudio.problem.observation import Observation


@dataclass(frozen=True)
class Structure:
    """Dynamics, observation, initial condition and kind of noise of a problem; hashable.

    Two problems of the same structure share their compiled programs: data, parameters, weights, bounds, noise and penalties
    are arguments of these.
    """

    dynamics: Dynamics
    observation: Observation
    initial: FirstValues
    noise: NoiseModel = Gaussian()

    @property
    def states(self) -> tuple[str, ...]:
        return self.dynamics.states

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.dynamics.parameters

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.dynamics.inputs

    @property
    def holes(self) -> tuple[HoleShape, ...]:
        return self.dynamics.holes

    @property
    def measured(self) -> tuple[str, ...]:
        return self.observation.measured

    @property
    def starts(self) -> tuple[Expr | None, ...]:
        """Expression of the initial value of each state where a text gives one, else None."""
        return self.initial.expressions

    @property
    def weights_at(self) -> tuple[int, int]:
        """Slice of theta that holds network weights."""
        first = len(self.parameters)
        return first, first + sum(hole.size for hole in self.holes)

    @property
    def size(self) -> int:
        """Numbers in theta: parameters, weights, shared initial values."""
        return self.weights_at[1] + len(self.states)

    def hole_slices(self) -> dict[str, slice]:
        at, found = len(self.parameters), {}
        for hole in self.holes:
            found[hole.name] = slice(at, at + hole.size)
            at += hole.size
        return found
