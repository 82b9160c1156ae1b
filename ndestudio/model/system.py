"""The parsed form of a model: one right-hand side per state, outputs, parameters and neural terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.expression.delays import delays_in
from ndestudio.expression.tree import Delay, Expr
from ndestudio.model.algebraic import AlgebraicEquation
from ndestudio.model.config import Calculus
from ndestudio.model.events import Event


@dataclass(frozen=True)
class NeuralTerm:
    """A term nobody knows yet: `name(arguments)`. Formal arguments are the names used in its first call.

    A call whose argument is no plain name gets the formal name `x1`, `x2`, ... for it.
    """

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class System:
    """A model ready to be built.

    Parameters
    ----------
    states
        In the order of their equations.
    rhs
        right-hand side of each state; auxiliaries are already substituted, neural term calls are ``Call`` nodes.
    outputs
        Name -> expression of states, inputs, parameters and `t` (`in_bed = scale*I`).
    parameters
        Free names, in order of appearance.
    inputs
        Names of measured forcings that the equations use.
    neural_terms
        In order of appearance.
    penalties
        Name -> expression that should be zero (or, after `min(..., 0)`, not negative) all along a trajectory.
    past
        State -> formula of parameters and `t` for it before the begin; it was at its initial value where there is none.
    events
        What changes states at a moment; doses of the data only where a line says what they do.
    diffusion
        Noise -> what it is multiplied by in the equation of each state; none: ordinary differential equations.
    calculus
        In which the equations are stated, `"ito"` or `"stratonovich"`.
    algebraic
        Equations `0 = g(x, z) for z`; right-hand sides and outputs read their unknowns by name.
    step
        Length h of the steps of a system in steps, x(t + h) = g; its right-hand sides are (g - x)/h, which steps of Euler's method of
        that length follow exactly. 0: a differential equation.
    """

    states: tuple[str, ...]
    rhs: tuple[Expr, ...]
    outputs: Mapping[str, Expr] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    neural_terms: tuple[NeuralTerm, ...] = ()
    penalties: Mapping[str, Expr] = field(default_factory=dict)
    past: Mapping[str, Expr] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    diffusion: Mapping[str, tuple[Expr, ...]] = field(default_factory=dict)
    calculus: Calculus = "ito"
    algebraic: tuple[AlgebraicEquation, ...] = ()
    step: float = 0.0

    @property
    def unknowns(self) -> tuple[str, ...]:
        """What algebraic equations are solved for."""
        return tuple(one.name for one in self.algebraic)

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Right-hand sides, outputs and algebraic equations: everything that a neural term may stand in."""
        noises = [expr for column in self.diffusion.values() for expr in column]
        return (*self.rhs, *noises, *self.outputs.values(), *(one.residual for one in self.algebraic))

    @property
    def delays(self) -> tuple[Delay, ...]:
        """The different delayed values that right-hand sides read; none: ordinary differential equations."""
        return delays_in(self.rhs)

    def neural_term(self, name: str) -> NeuralTerm:
        """The neural term called ``name``; KeyError if there is none."""
        for neural_term in self.neural_terms:
            if neural_term.name == name:
                return neural_term
        raise KeyError(name)

    def observation(self, measured: str) -> Expr | None:
        """The expression to compare with a measured column: the output or the state of that name, None if neither."""
        from ndestudio.expression.tree import Name

        if measured in self.outputs:
            return self.outputs[measured]
        return Name(measured) if measured in self.states else None
