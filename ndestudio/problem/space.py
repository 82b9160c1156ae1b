"""The vector that is trained: parameters, raw network weights, shared initial values; and initial values per trajectory.

``theta`` is one flat vector [parameters | weights of neural term 1 | ... | shared initial values]. What a number means
(bounds, logarithm, scale, free or fixed) is data, not structure: editing it compiles nothing anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from ndestudio.expression.tree import Expr, names
from ndestudio.model.config import InitialConfig, NetworkConfig, ParameterConfig
from ndestudio.model.events import Event, new_values
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.system import System
from ndestudio.model.transforms import Transform, parameter_transform, transform_of
from ndestudio.problem.bijection import bijection
from ndestudio.problem.constants import Constants
from ndestudio.problem.dynamics import EquationDynamics, EventShape, NetworkScales, NeuralTermShape
from ndestudio.problem.initial import FirstValues
from ndestudio.problem.observation import Observation
from ndestudio.problem.periodic import regimens_of
from ndestudio.problem.structure import ProblemStructure


def structure_of(model: FittedModel) -> ProblemStructure:
    """The static part of ``model``."""
    system = model.system
    neural_terms = tuple(
        _neural_term_shape(neural_term.name, model.networks[neural_term.name]) for neural_term in system.neural_terms
    )
    return ProblemStructure(
        EquationDynamics(
            system.states,
            system.rhs,
            system.parameters,
            model.inputs,
            neural_terms,
            _past(system),
            tuple(_event(one, system) for one in system.events),
            tuple(system.diffusion),
            tuple(system.diffusion.values()),
            system.calculus,
            system.algebraic,
        ),
        Observation(model.measured, tuple(system.observation(name) for name in model.measured)),
        FirstValues(
            tuple(_start(model.config.initial.get(state)) for state in system.states),
            (*model.measured, *model.inputs),
            model.settles,
            regimens_of(system),
        ),
    )


def _past(system: System) -> tuple[Expr | None, ...]:
    return tuple(system.past.get(state) for state in system.states) if system.past else ()


def _event(event: Event, system: System) -> EventShape:
    time = event.time
    moved = time is not None and any(name in system.parameters for name in names(time))
    return EventShape(new_values(event, system.states), event.condition, time if moved else None)


def _neural_term_shape(name: str, network: NetworkWeights) -> NeuralTermShape:
    shapes = tuple((w.shape, b.shape) for w, b in zip(network.weights, network.biases, strict=True))
    return NeuralTermShape(
        name, network.arguments, msgspec.json.encode(_static(network.config), order="deterministic"), shapes
    )


def _static(config: NetworkConfig) -> NetworkConfig:
    """The settings without those that are numbers of the data or words: editing them compiles nothing anew."""
    basis = {name: msgspec.structs.replace(one, start=None, end=None) for name, one in config.basis.items()}
    return msgspec.structs.replace(config, unit="", basis=basis)


def _start(config: InitialConfig | None) -> Expr | None:
    if config is None or config.start is None:
        return None
    from ndestudio.expression import parse_expression
    from ndestudio.expression.numeric import as_number

    return parse_expression(config.start) if isinstance(config.start, str) else as_number(float(config.start))


@dataclass(frozen=True, eq=False)
class Space:
    """Between ``FittedModel`` and ``theta``.

    Parameters
    ----------
    free
        Which entries of theta are trained.
    """

    structure: ProblemStructure
    constants: Constants
    theta: Float[np.ndarray, " theta"]
    free: Bool[np.ndarray, " theta"]
    model: FittedModel

    @property
    def weights(self) -> slice:
        return slice(*self.structure.weights_at)

    def parameters(self, theta: Float[np.ndarray, " theta"]) -> dict[str, float]:
        """Parameters in physical units."""
        names = self.structure.parameters
        values = self.constants.bijection.forward(theta[: len(names)])
        fixed = ~self.free[: len(names)]
        start = self.model.parameters
        return {name: start[name] if fixed[k] else float(values[k]) for k, name in enumerate(names)}

    def fitted(
        self, theta: Float[np.ndarray, " theta"], initial: Mapping[str, Float[np.ndarray, " state"]]
    ) -> FittedModel:
        """The model that ``theta`` and the initial values stand for."""
        networks = dict(self.model.networks)
        for neural_term, place in zip(
            self.structure.neural_terms, self.structure.neural_term_slices().values(), strict=True
        ):
            weights, biases = neural_term.unpack(np.asarray(theta[place], dtype=float).copy())
            networks[neural_term.name] = replace(
                networks[neural_term.name], weights=tuple(weights), biases=tuple(biases)
            )
        parameters = {**self.model.parameters, **self.parameters(theta)}
        return replace(self.model, parameters=parameters, networks=networks, initial={**self.model.initial, **initial})


def parameter_space(
    model: FittedModel,
    constants: Mapping[str, Any],
    *,
    train_networks: bool = True,
    positive: Collection[str] = (),
) -> Space:
    """``Space`` of a model.

    Parameters
    ----------
    constants
        `clip`, `log`, `floor`, `spread`, `state_scale`, `tolerance`, and `shared` (a ``Bijection``), found from the
        data.
    train_networks
        False freezes all weights.
    positive
        Parameters without bounds that are kept above 0.
    """
    structure = structure_of(model)
    configs = [model.config.parameters.get(name) or _default(model, name) for name in structure.parameters]
    transforms = [
        _transform(_bounded(config, name in positive), model.parameters[name])
        for config, name in zip(configs, structure.parameters, strict=True)
    ]
    z = [
        float(t.inverse(np.float64(model.parameters[n]))) for t, n in zip(transforms, structure.parameters, strict=True)
    ]
    networks = [model.networks[neural_term.name] for neural_term in structure.neural_terms]
    packed = [NeuralTermShape.pack(network.weights, network.biases) for network in networks]
    theta = np.concatenate([np.array(z, dtype=float), *packed, np.zeros(len(structure.states))])
    free = np.zeros(structure.size, dtype=bool)
    free[: len(configs)] = [not config.fixed for config in configs]
    free[slice(*structure.weights_at)] = train_networks
    scales = tuple(
        NetworkScales(
            np.asarray(n.input_center, float), np.asarray(n.input_scale, float), np.asarray(n.output_scale, float)
        )
        for n in networks
    )
    whole = Constants(bijection=bijection(transforms), scales=scales, **constants)
    return Space(structure, whole, theta, free, model)


def _transform(config: ParameterConfig, value: float) -> Transform:
    return Transform("identity", scale=abs(value) or 1.0) if config.fixed else parameter_transform(config)


def _bounded(config: ParameterConfig, positive: bool) -> ParameterConfig:
    return msgspec.structs.replace(config, lower=0.0) if positive else config


def _default(model: FittedModel, name: str) -> ParameterConfig:
    """Constants of replaced neural terms have no settings of their own: free, unbounded, scaled by their value."""
    return ParameterConfig(value=float(model.parameters[name]))


def initial_transforms(system: System, model: FittedModel, scale: Float[np.ndarray, " state"]) -> list[Transform]:
    """The transform of each state's initial value, from the bounds in its settings."""
    found = []
    for k, state in enumerate(system.states):
        config = model.config.initial.get(state) or InitialConfig()
        found.append(transform_of(float(scale[k]), *config.bounds, scale=float(scale[k])))
    return found
