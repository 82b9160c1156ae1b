"""The part of a problem that is no number: what a compiled program depends on besides the shapes of its arrays."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.expression.tree import Expr
from ndestudio.problem.delays import Delays
from ndestudio.problem.dynamics import Dynamics, NeuralTermShape
from ndestudio.problem.initial import FirstValues
from ndestudio.problem.noise import Gaussian, NoiseModel
from ndestudio.problem.observation import Observation


@dataclass(frozen=True)
class ProblemStructure:
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
    def neural_terms(self) -> tuple[NeuralTermShape, ...]:
        return self.dynamics.neural_terms

    @property
    def measured(self) -> tuple[str, ...]:
        return self.observation.measured

    @property
    def delays(self) -> Delays | None:
        """What the dynamics read of earlier times; None where nothing."""
        return getattr(self.dynamics, "delays", None)

    @property
    def starts(self) -> tuple[Expr | None, ...]:
        """Expression of the initial value of each state where a text gives one, else None."""
        return self.initial.expressions

    @property
    def weights_at(self) -> tuple[int, int]:
        """Slice of theta that holds network weights."""
        first = len(self.parameters)
        return first, first + sum(neural_term.size for neural_term in self.neural_terms)

    @property
    def size(self) -> int:
        """Numbers in theta: parameters, weights, shared initial values."""
        return self.weights_at[1] + len(self.states)

    def neural_term_slices(self) -> dict[str, slice]:
        at, found = len(self.parameters), {}
        for neural_term in self.neural_terms:
            found[neural_term.name] = slice(at, at + neural_term.size)
            at += neural_term.size
        return found
