"""A model as one Equinox module: the vector field that training differentiates.

The trainable leaves are one vector of free parameters, in unbounded space, and the weights and biases of the networks.
Everything else (scales, bounds, fixed parameters, the equations) is static: a constant that is a leaf with its gradient
stopped makes least-squares solvers stall. ``build`` and ``HybridField.to_model`` are each other's inverses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr
from ndestudio.model.config import NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.networks import apply_network
from ndestudio.model.system import System
from ndestudio.model.transforms import Transform, inverse_all, parameter_transform


class HoleNetwork(eqx.Module):
    """A neural hole. Weights and biases are raw (see ``networks``); scales are static."""

    weights: tuple[Float[Array, "_out _in"], ...]
    biases: tuple[Float[Array, " _out"], ...]
    config: Hashed = eqx.field(static=True)
    arguments: tuple[str, ...] = eqx.field(static=True)
    center: tuple[float, ...] = eqx.field(static=True)
    scale: tuple[float, ...] = eqx.field(static=True)
    output_scale: float = eqx.field(static=True)

    def __call__(self, X: Float[Array, "... argument"]) -> Float[Array, "..."]:
        """Value at X[..., argument], in physical units."""
        dtype = jnp.result_type(X)
        return apply_network(
            self.config.value,
            self.arguments,
            self.weights,
            self.biases,
            np.asarray(self.center, dtype=dtype),
            np.asarray(self.scale, dtype=dtype),
            self.output_scale,
            X,
            jnp,
        )


class Hashed:
    """A frozen settings value as static metadata of a module; equal settings do not recompile."""

    def __init__(self, value: NetworkConfig) -> None:
        self.value = value
        self._key = repr(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hashed) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class Structure:
    """What of a model is not a number to be trained: equations, transforms, fixed values. Static and hashable."""

    def __init__(self, model: FittedModel) -> None:
        system = model.system
        settings = {name: model.config.parameters.get(name, ParameterConfig()) for name in system.parameters}
        self.system: System = system
        self.measured = model.measured
        self.inputs = model.inputs
        self.free = tuple(name for name in system.parameters if not settings[name].fixed)
        self.transforms: tuple[Transform, ...] = tuple(
            parameter_transform(_scaled(settings[name], model, name)) for name in self.free
        )
        self.fixed = tuple((name, float(model.parameters[name])) for name in system.parameters if settings[name].fixed)
        self._key = (
            system.states,
            system.rhs,
            tuple(system.outputs.items()),
            system.parameters,
            self.measured,
            self.inputs,
            self.free,
            self.transforms,
            self.fixed,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _scaled(settings: ParameterConfig, model: FittedModel, name: str) -> ParameterConfig:
    """Constants of formulas have no settings; the value they were found with tells their magnitude."""
    if name in model.config.parameters:
        return settings
    constants = {constant for item in model.replacements.values() for constant in item.parameters}
    return ParameterConfig(value=_magnitude(model.parameters[name])) if name in constants else settings


def _magnitude(value: float) -> float:
    """A power of ten near ``value``: one that small changes of the value leave as it is."""
    return 1.0 if value == 0 or not np.isfinite(value) else float(10.0 ** np.round(np.log10(abs(value))))


class HybridField(eqx.Module):
    """The right-hand sides of a model, jittable, differentiable and vmappable.

    Arguments:
        free: unbounded numbers of the free parameters, in the order of ``free_names``.
        networks: in the order of the system's holes.
    """

    free: Float[Array, " free"]
    networks: tuple[HoleNetwork, ...]
    structure: Structure = eqx.field(static=True)

    @property
    def states(self) -> tuple[str, ...]:
        return self.structure.system.states

    @property
    def free_names(self) -> tuple[str, ...]:
        """Names of the parameters that are fitted."""
        return self.structure.free

    def parameters(self) -> dict[str, Any]:
        """Values of all parameters in physical units, fixed ones too."""
        values: dict[str, Any] = {
            name: transform.forward(self.free[k], jnp)
            for k, (name, transform) in enumerate(zip(self.structure.free, self.structure.transforms, strict=True))
        }
        return {**values, **dict(self.structure.fixed)}

    def __call__(
        self, t: Any, y: Float[Array, " state"], u: Float[Array, " input"] | None = None
    ) -> Float[Array, " state"]:
        """dy/dt at one point, in physical units.

        Arguments:
            u: inputs in the order of the dataset's; may be left out if the equations use none.
        """
        return self._evaluate(self.structure.system.rhs, t, y, u)

    def field(
        self, t: Any, y: Float[Array, " state"], u: Float[Array, " input"] | None = None
    ) -> Float[Array, " state"]:
        """The same as calling the module."""
        return self(t, y, u)

    def observe(
        self, t: Any, y: Float[Array, " state"], u: Float[Array, " input"] | None = None
    ) -> Float[Array, " measured"]:
        """The model's counterpart of each measured column at one point (NaN for a column without one)."""
        expressions = tuple(self.structure.system.observation(name) for name in self.structure.measured)
        return self._evaluate(expressions, t, y, u)

    def hole(self, name: str) -> HoleNetwork:
        """The network of a hole; KeyError if there is none."""
        for hole, network in zip(self.structure.system.holes, self.networks, strict=True):
            if hole.name == name:
                return network
        raise KeyError(name)

    def _evaluate(self, expressions: tuple[Expr | None, ...], t: Any, y: Any, u: Any) -> Any:
        values = self._values(t, y, u)
        holes = self._holes()
        zero = jnp.zeros((), dtype=y.dtype)
        columns = [
            jnp.full((), jnp.nan, dtype=y.dtype) if expr is None else zero + evaluate(expr, values, jnp, holes)
            for expr in expressions
        ]
        return jnp.stack(columns).astype(y.dtype)

    def _values(self, t: Any, y: Any, u: Any) -> dict[str, Any]:
        values = {"t": t, **self.parameters()}
        values |= {state: y[k] for k, state in enumerate(self.states)}
        if u is not None:
            values |= {name: u[k] for k, name in enumerate(self.structure.inputs)}
        return values

    def _holes(self) -> Mapping[str, Callable[..., Any]]:
        def caller(network: HoleNetwork) -> Callable[..., Any]:
            return lambda *arguments: network(
                jnp.stack([jnp.asarray(x) for x in jnp.broadcast_arrays(*arguments)], axis=-1)
            )

        holes = self.structure.system.holes
        return {hole.name: caller(network) for hole, network in zip(holes, self.networks, strict=True)}

    def to_model(self, model: FittedModel) -> FittedModel:
        """``model`` with the numbers of this field; initial values and everything else stay.

        A parameter whose unbounded number is as ``build`` would make it from ``model`` keeps its value to the last bit.
        """
        free = np.asarray(self.free, dtype=float)
        before = np.asarray(
            inverse_all(self.structure.transforms, [model.parameters[name] for name in self.free_names])
        )
        before = before.astype(np.asarray(self.free).dtype).astype(float)
        parameters = dict(model.parameters)
        for k, (name, transform) in enumerate(zip(self.structure.free, self.structure.transforms, strict=True)):
            if free[k] != before[k]:
                parameters[name] = float(transform.forward(np.float64(free[k])))
        networks = {
            hole.name: replace(
                model.networks[hole.name],
                weights=tuple(
                    _kept(weight, model.networks[hole.name].weights[k]) for k, weight in enumerate(net.weights)
                ),
                biases=tuple(_kept(bias, model.networks[hole.name].biases[k]) for k, bias in enumerate(net.biases)),
            )
            for hole, net in zip(self.structure.system.holes, self.networks, strict=True)
        }
        return replace(model, parameters=parameters, networks=networks)


def _kept(now: Any, before: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The trained array in 64 bits; entries that did not change keep the digits that 32 bits have dropped."""
    now = np.asarray(now)
    unchanged = before.astype(now.dtype) == now
    return np.where(unchanged, before, now.astype(float))


def build(model: FittedModel, dtype: Any = None) -> HybridField:
    """The module of ``model``.

    Arguments:
        dtype: of the trainable leaves; None: JAX's default floating type (float64 if x64 is enabled).
    """
    dtype = jnp.result_type(float) if dtype is None else dtype
    structure = Structure(model)
    free = inverse_all(structure.transforms, [model.parameters[name] for name in structure.free])
    networks = tuple(_hole_network(model.networks[hole.name], dtype) for hole in model.system.holes)
    return HybridField(free=jnp.asarray(free, dtype=dtype), networks=networks, structure=structure)


def _hole_network(network: NetworkWeights, dtype: Any) -> HoleNetwork:
    return HoleNetwork(
        weights=tuple(jnp.asarray(weight, dtype=dtype) for weight in network.weights),
        biases=tuple(jnp.asarray(bias, dtype=dtype) for bias in network.biases),
        config=Hashed(network.config),
        arguments=network.arguments,
        center=tuple(float(value) for value in network.input_center),
        scale=tuple(float(value) for value in network.input_scale),
        output_scale=float(network.output_scale),
    )
