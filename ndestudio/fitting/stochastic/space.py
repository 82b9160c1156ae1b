"""What is trained of a stochastic model: its ``Space``, without the scales of errors that fits by squares need."""

from __future__ import annotations

import numpy as np

from ndestudio.expression.tree import Binary, Expr, Name, Negate
from ndestudio.model.fitted import FittedModel
from ndestudio.model.signs import assumed_positive
from ndestudio.model.system import System
from ndestudio.problem.bijection import bijection
from ndestudio.problem.dynamics import EquationDynamics
from ndestudio.problem.space import Space, initial_transforms, parameter_space, structure_of


def stochastic_space(model: FittedModel, *, train_networks: bool = True) -> Space:
    """The vector of what is trained: free parameters and weights; initial values are those measured.

    Parameters without bounds are kept above 0 where their place says so, in a diffusion too, where only the square counts.
    """
    states, columns = len(model.system.states), len(model.measured)
    scale = np.ones(states) if model.scale is None else np.asarray(model.scale, dtype=float)
    start = next(iter(model.initial.values()), np.zeros(states))
    constants = {
        "clip": np.array([np.full(states, -np.inf), np.full(states, np.inf)]),
        "log": np.zeros(columns, dtype=bool),
        "floor": np.zeros(columns),
        "spread": np.ones(columns),
        "state_scale": scale,
        "shared": bijection(initial_transforms(model.system, model, scale), list(start)),
        "tolerance": np.zeros(2),
    }
    positive = {*assumed_positive(model), *_amplitudes(model)}
    return parameter_space(model, constants, train_networks=train_networks, positive=positive)


def dynamics_of(model: FittedModel) -> EquationDynamics:
    """The equations of a stochastic model."""
    dynamics = structure_of(model).dynamics
    assert isinstance(dynamics, EquationDynamics)
    return dynamics


def _amplitudes(model: FittedModel) -> set[str]:
    """Parameters that multiply the first entry of the column of a noise and stand nowhere else, where nothing was said of them."""
    found = set()
    for column in model.system.diffusion.values():
        entry = next((term for term in column if term != column[0] or _factors(term)), column[0])
        found |= {name for name in _factors(entry) if _once(model.system, name)}
    said = model.config.parameters
    return {
        name
        for name in found
        if model.parameters.get(name, 0.0) > 0
        and (name not in said or (said[name].bounds == (None, None) and not said[name].log))
    } & {*model.system.parameters}


def _factors(expr: Expr) -> list[str]:
    match expr:
        case Name(name):
            return [name]
        case Negate(operand):
            return _factors(operand)
        case Binary("*", left, right):
            return [*_factors(left), *_factors(right)]
        case Binary("/", left, _):
            return _factors(left)
    return []


def _once(system: System, name: str) -> bool:
    from ndestudio.expression.tree import walk

    everything = [*system.rhs, *(term for column in system.diffusion.values() for term in column)]
    return sum(isinstance(node, Name) and node.name == name for expr in everything for node in walk(expr)) == 1
