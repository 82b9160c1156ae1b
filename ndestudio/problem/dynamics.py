"""How states change: the dynamics of a problem, and neural terms within them.

    dy = drift(t, y, u; p) dt + diffusion(t, y, u; p) dW

Without diffusion this is an ordinary differential equation. Solvers ask for the two functions and know nothing of
equations, networks or where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from ndestudio.decoding import from_json
from ndestudio.expression.delays import with_slots
from ndestudio.expression.tree import Expr
from ndestudio.model.algebraic import AlgebraicEquation, array_roots, jax_roots
from ndestudio.model.config import Calculus, NetworkConfig
from ndestudio.model.events import GIVEN, MOMENT
from ndestudio.model.networks import apply_network
from ndestudio.problem.delays import Delays, delays_of
from ndestudio.problem.expressions import Functions, bind
from ndestudio.problem.neural_groups import STACK, bind_all

Field = Callable[[Sequence[Any], Any, Any, Any], Any]
"""(parameters, t, u [input, ...], y [state, ...]) -> [state, ...]; arrays broadcast against each other."""


Jump = Callable[[Sequence[Any], Any, Any, Any, Any], Any]
"""(parameters, t, u [input, ...], y [state, ...], what is given) -> states after an event [state, ...]."""


Clock = Callable[[Sequence[Any], Any, Any, Any, Any, Any], Any]
"""(parameters, t, u [input, ...], y [state, ...], moment, given) -> the time of an event, or its condition."""


@dataclass(frozen=True)
class EventShape:
    """What an event does, without when.

    Parameters
    ----------
    after
        The value of each state after it.
    condition
        It happens where this rises through 0; None: at times that are known.
    time
        When it happens, where that depends on parameters.
    """

    after: tuple[Expr, ...]
    condition: Expr | None = None
    time: Expr | None = None

    @property
    def moves(self) -> bool:
        """Whether the time at which it happens depends on what is fitted."""
        return self.condition is not None or self.time is not None


class Dynamics(Protocol):
    """What a solver needs to know of a system; hashable, since compiled programs depend on it.

    Attributes
    ----------
    noises
        Names of the independent Wiener processes; none: an ordinary differential equation.
    differentiable
        Whether JAX can trace it; else it is a black box, called with NumPy arrays only.
    """

    @property
    def states(self) -> tuple[str, ...]: ...

    @property
    def parameters(self) -> tuple[str, ...]: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def neural_terms(self) -> tuple[NeuralTermShape, ...]: ...

    @property
    def noises(self) -> tuple[str, ...]: ...

    @property
    def differentiable(self) -> bool: ...

    def drift(self, functions: Functions, xp: Any) -> Field:
        """The drift, prepared once for many calls.

        Parameters
        ----------
        functions
            The neural terms, see ``neural_functions``.
        xp
            `numpy` or `jax.numpy`.
        """
        ...

    def diffusion(self, functions: Functions, xp: Any) -> Field | None:
        """The diffusion as a function that gives [state, noise, ...]; None where nothing is random."""
        ...

    @property
    def events(self) -> tuple[EventShape, ...]:
        """What changes states at a moment; when is the condition's affair."""
        ...

    def jumps(self, functions: Functions, xp: Any) -> Sequence[Jump]:
        """For each event the states after it."""
        ...

    def clocks(self, functions: Functions, xp: Any) -> Sequence[Clock | None]:
        """For each event that moves its time, or what is 0 at it (of a condition)."""
        ...


@dataclass(frozen=True)
class EquationDynamics:
    """Ordinary or delay differential equations written as expressions, with neural terms; a ``Dynamics``.

    The drift of equations with delays takes the delayed values after the states (see ``problem.delays``).

    Parameters
    ----------
    past
        Formula of each state before the begin, None where it was at its initial value; () for none.
    noises
        Names of the independent Wiener processes.
    columns
        For each noise, what it is multiplied by in the equation of each state.
    calculus
        In which they are stated.
    algebraic
        Equations whose unknowns right-hand sides and observations read (see ``model.algebraic``).
    """

    states: tuple[str, ...]
    rhs: tuple[Expr, ...]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    neural_terms: tuple[NeuralTermShape, ...] = ()
    past: tuple[Expr | None, ...] = ()
    events: tuple[EventShape, ...] = ()
    noises: tuple[str, ...] = ()
    columns: tuple[tuple[Expr, ...], ...] = ()
    calculus: Calculus = "ito"
    algebraic: tuple[AlgebraicEquation, ...] = ()

    @property
    def delays(self) -> Delays | None:
        """What they read of earlier times; None for ordinary differential equations."""
        return delays_of(self.states, self.rhs, self.parameters, self.past, self.inputs)

    @property
    def differentiable(self) -> bool:
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """What right-hand sides and observations may read, in the order of their values."""
        return (*self.states, *self.inputs, *self.parameters, "t")

    def drift(self, functions: Functions, xp: Any) -> Field:
        delays, states = self.delays, len(self.states)
        slots = () if delays is None else delays.slots
        names, width = (*self.states, *slots, *self.names[states:]), states + len(slots)
        roots = roots_of(self.algebraic, names, functions, xp)
        names = (*names, *(one.name for one in self.algebraic))
        slotted = [with_slots(rhs) for rhs in self.rhs]
        bound = [rhs for rhs in bind(slotted, names, functions, xp) if rhs is not None] if xp is np else []
        together = None if xp is np else bind_all(slotted, names, functions, xp)

        def slope(parameters: Sequence[Any], t: Any, u: Any, y: Any) -> Any:
            if len(y) != width:
                raise ValueError(
                    f"the equations read {width - states} delayed values beside {states} states, and {len(y)} are given"
                )
            v = [*y, *u, *parameters, t]
            v += roots(v)
            if together is not None:
                return xp.stack([xp.asarray(value, dtype=y.dtype) for value in together(v)])
            out = np.empty_like(y[:states])
            for k, rhs in enumerate(bound):
                out[k] = rhs(v)
            return out

        return slope

    def diffusion(self, functions: Functions, xp: Any) -> Field | None:
        if not self.noises:
            return None
        entries = [one for column in self.columns for one in bind(column, self.names, functions, xp) if one is not None]
        width, count = len(self.states), len(self.noises)

        def spread(parameters: Sequence[Any], t: Any, u: Any, y: Any) -> Any:
            v = [*y, *u, *parameters, t]
            rows = [xp.broadcast_to(xp.asarray(one(v), dtype=y.dtype), y.shape[1:]) for one in entries]
            return xp.swapaxes(xp.stack(rows).reshape(count, width, *y.shape[1:]), 0, 1)

        return spread

    def jumps(self, functions: Functions, xp: Any) -> Sequence[Jump]:
        def made(event: EventShape) -> Jump:
            bound = [one for one in bind(event.after, (*self.names, GIVEN), functions, xp) if one is not None]

            def jump(parameters: Sequence[Any], t: Any, u: Any, y: Any, given: Any) -> Any:
                v = [*y, *u, *parameters, t, given]
                return xp.stack([xp.broadcast_to(one(v), y.shape[1:]) for one in bound])

            return jump

        return [made(event) for event in self.events]

    def clocks(self, functions: Functions, xp: Any) -> Sequence[Clock | None]:
        def made(event: EventShape) -> Clock | None:
            expr = event.time if event.condition is None else event.condition
            if not event.moves or expr is None:
                return None
            (bound,) = bind((expr,), (*self.names, MOMENT, GIVEN), functions, xp)
            assert bound is not None
            return lambda parameters, t, u, y, moment, given: bound([*y, *u, *parameters, t, moment, given])

        return [made(event) for event in self.events]


def roots_of(
    algebraic: Sequence[AlgebraicEquation], names: Sequence[str], functions: Functions, xp: Any
) -> Callable[[Sequence[Any]], list[Any]]:
    """Values of ``names`` -> what algebraic equations give, in either backend."""
    if not algebraic:
        return lambda v: []
    if xp is np:
        return array_roots(algebraic, {name: k for k, name in reversed([*enumerate(names)])}, functions)
    residuals = bind([one.residual for one in algebraic], (*names, *(one.name for one in algebraic)), functions, xp)
    starts = bind([one.start for one in algebraic], names, functions, xp)
    return jax_roots([one for one in residuals if one is not None], [one for one in starts if one is not None])


@dataclass(frozen=True)
class NeuralTermShape:
    """The static part of a network: what a compiled program depends on."""

    name: str
    arguments: tuple[str, ...]
    config_json: bytes
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

    @property
    def config(self) -> NetworkConfig:
        return from_json(self.config_json, NetworkConfig)

    @property
    def size(self) -> int:
        return sum(int(np.prod(shape)) for pair in self.shapes for shape in pair)

    def unpack(self, flat: Any) -> tuple[list[Any], list[Any]]:
        """Weights and biases from a slice of theta."""
        weights, biases, at = [], [], 0
        for weight, bias in self.shapes:
            n, m = int(np.prod(weight)), int(np.prod(bias))
            weights.append(flat[at : at + n].reshape(weight))
            biases.append(flat[at + n : at + n + m])
            at += n + m
        return weights, biases

    @staticmethod
    def pack(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> Float[np.ndarray, " n"]:
        return np.concatenate([part.ravel() for pair in zip(weights, biases, strict=True) for part in pair])


class NetworkScales(NamedTuple):
    """Scales of one network (see ``NetworkWeights``)."""

    center: Float[np.ndarray, " argument"]
    scale: Float[np.ndarray, " argument"]
    output: Float[np.ndarray, ""]


def _stacked(config: NetworkConfig, neural_term: NeuralTermShape, stack: Sequence[Any], x: Sequence[Any]) -> Any:
    """Values [network, ...] of networks of one shape at the same arguments, in JAX."""
    import jax
    import jax.numpy as jnp

    X = jnp.stack(jnp.broadcast_arrays(*x), axis=-1)
    whole = jax.tree_util.tree_map(lambda *parts: jnp.stack(parts), *stack)
    return jax.vmap(lambda parts: _whole(config, neural_term, parts, X, jnp))(whole)


def _whole(config: NetworkConfig, neural_term: NeuralTermShape, parts: Any, X: Any, xp: Any) -> Any:
    weights, biases, center, scale, output = parts
    return apply_network(config, neural_term.arguments, weights, biases, center, scale, output, X, xp)


def neural_functions(
    neural_terms: Sequence[NeuralTermShape],
    weights: Mapping[str, Any],
    scales: Sequence[NetworkScales],
    xp: Any,
) -> Functions:
    """Neural terms whose weights are slices of a flat vector, as functions of their arguments.

    Parameters
    ----------
    weights
        Neural term -> its slice.
    scales
        Of each neural term.
    """

    def made(neural_term: NeuralTermShape, flat: Any, scale: NetworkScales) -> Callable[..., Any]:
        parts, config = neural_term.unpack(flat), neural_term.config

        def function(*x: Any) -> Any:
            X = xp.stack(xp.broadcast_arrays(*x), axis=-1)
            return apply_network(config, neural_term.arguments, *parts, *scale, X, xp)

        if xp is not np:
            alike = (neural_term.arguments, neural_term.config_json, neural_term.shapes)
            setattr(
                function, STACK, (alike, (*parts, *scale), lambda stack, x: _stacked(config, neural_term, stack, x))
            )
        return function

    return {
        neural_term.name: made(neural_term, weights[neural_term.name], scale)
        for neural_term, scale in zip(neural_terms, scales, strict=True)
    }
