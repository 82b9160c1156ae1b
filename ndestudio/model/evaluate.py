"""Evaluating a model with NumPy: its vector field, neural terms and measured quantities, at one point or many. No JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath, ScalarInput
from ndestudio.errors import EquationError
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.delays import slot, undelayed, with_slots
from ndestudio.expression.numeric import evaluate
from ndestudio.model.algebraic import array_roots
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import array_neural_term, evaluate_network, scalar_neural_term
from ndestudio.model.undefined import why_undefined


def field(
    model: FittedModel, t: Any, y: Float[np.ndarray, "... state"], u: Float[np.ndarray, "... input"] | None = None
) -> Float[np.ndarray, "... state"]:
    """dy/dt at one point or many.

    Parameters
    ----------
    t
        time(s), broadcast against the points.
    u
        Inputs in the order of ``model.inputs``; may be left out if the equations use none.

    Raises
    ------
    EquationError
        The equations read delayed values, which a point does not have.
    """
    _refuse_delays(model)
    y = np.asarray(y, dtype=float)
    values = _values(model, np.asarray(t, dtype=float), y, u)
    neural_terms = _array_neural_terms(model)
    columns = [
        np.broadcast_to(evaluate(expr, values, neural_terms=neural_terms), y.shape[:-1]) for expr in model.system.rhs
    ]
    return np.stack(columns, axis=-1)


def undefined_part(
    model: FittedModel, state: str, t: float, y: Float[np.ndarray, " state"], u: Float[np.ndarray, " input"]
) -> str:
    """Which part of the equation of ``state`` has no finite value at a point, in words; "" where it has one."""
    expr = model.system.rhs[model.system.states.index(state)]
    return why_undefined(expr, _values(model, t, y, u), _array_neural_terms(model))


def at_rest(model: FittedModel) -> FittedModel:
    """The model with the present value in the place of each delayed one: the same where nothing has changed for long."""
    system = model.system
    if not system.delays:
        return model
    return replace(model, system=replace(system, rhs=tuple(undelayed(expr) for expr in system.rhs)))


def evaluate_neural_term(
    model: FittedModel, name: str, X: Float[np.ndarray, "... argument"]
) -> Float[np.ndarray, "..."]:
    """The neural term at X[..., argument] (physical units): its network, or the formula that took its place.

    Raises
    ------
    EquationError
        The model has no such neural term.
    """
    X = np.asarray(X, dtype=float)
    network = model.networks.get(name)
    if network is not None:
        return evaluate_network(network, X)
    replacement = model.replacements.get(name)
    if replacement is None:
        raise EquationError(f"the model has no network `{name}`")
    values = {**model.parameters, **{formal: X[..., k] for k, formal in enumerate(replacement.arguments)}}
    result = evaluate(replacement.expression, values, neural_terms=_array_neural_terms(model))
    return np.array(np.broadcast_to(result, X.shape[:-1]), dtype=float)


def observe(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    states: Float[np.ndarray, "time state"],
    u: Float[np.ndarray, "time input"] | None = None,
) -> Float[np.ndarray, "time measured"]:
    """The model's counterpart of each measured column (NaN for a column without one)."""
    columns = list(_observed(model, model.measured, t, states, u).values())
    return np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(states)[:-1], 0))


def quantities(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    states: Float[np.ndarray, "time state"],
    u: Float[np.ndarray, "time input"] | None = None,
) -> dict[str, Float[np.ndarray, " time"]]:
    """All named quantities (`name = ...`) of the model along a simulation."""
    return _observed(model, tuple(model.system.outputs), t, states, u)


def _observed(
    model: FittedModel, wanted: Sequence[str], t: Any, states: Any, u: Any
) -> dict[str, Float[np.ndarray, " time"]]:
    values = _values(model, t, states, u)
    neural_terms = _array_neural_terms(model)
    found = {}
    for name in wanted:
        expr = model.system.observation(name)
        value = np.nan if expr is None else evaluate(expr, values, neural_terms=neural_terms)
        found[name] = np.array(np.broadcast_to(value, np.shape(states)[:-1]), dtype=float)
    return found


def _values(model: FittedModel, t: Any, y: Float[np.ndarray, "... state"], u: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"t": t, **model.parameters}
    values |= {state: y[..., k] for k, state in enumerate(model.system.states)}
    if u is not None:
        u = np.asarray(u, dtype=float)
        values |= {name: u[..., k] for k, name in enumerate(model.inputs)}
    return values | algebraic_values(model, values)


def algebraic_values(model: FittedModel, values: Mapping[str, Any]) -> dict[str, Any]:
    """What algebraic equations give where the other names have ``values``; NaN where they have no solution.

    Raises
    ------
    EquationError
        The equations read a name without a value (an input).
    """
    equations = model.system.algebraic
    if not equations:
        return {}
    slots = {name: k for k, name in enumerate(values)}
    roots = array_roots(equations, slots, _array_neural_terms(model))
    return dict(zip(model.system.unknowns, roots([np.asarray(one, float) for one in values.values()]), strict=True))


def _array_neural_terms(model: FittedModel) -> dict[str, Callable[..., Any]]:
    return {name: array_neural_term(network) for name, network in model.networks.items()}


def point_field(
    model: FittedModel,
    control: ControlPath | None = None,
    earlier: Callable[[float], Sequence[float]] | None = None,
) -> Callable[[float, Sequence[float]], list[float]]:
    """The vector field as a fast function of one time and one list of states.

    Parameters
    ----------
    control
        The inputs, in the order of ``model.inputs``.
    earlier
        The delayed values at a time, in the order of ``model.system.delays``.

    Raises
    ------
    EquationError
        The equations use an input and there is no path to take it from, or delayed values and there is no ``earlier``.
    """
    system = model.system
    if earlier is None:
        _refuse_delays(model)
    delayed = [slot(one) for one in system.delays]
    known = (*system.states, "t", *system.inputs, *system.parameters, *delayed)
    slots = {name: k for k, name in enumerate((*known, *system.unknowns))}
    neural_terms = {name: scalar_neural_term(network) for name, network in model.networks.items()}
    rhs = compile_system([with_slots(expr) for expr in system.rhs], slots, neural_terms)
    constants = [float(model.parameters[name]) for name in system.parameters]
    forcing = _forcing(model, control)
    if system.algebraic:
        roots = array_roots(system.algebraic, {name: slots[name] for name in known}, _array_neural_terms(model))
        paths = forcing or []

        def with_roots(t: float, y: Sequence[float]) -> list[float]:
            v = [*y, t, *[u(t) for u in paths], *constants]
            v += [float(z) for z in roots(v)]
            return [f(v) for f in rhs]

        return with_roots
    if delayed and earlier is not None:
        inputs = forcing or []

        def with_delays(t: float, y: Sequence[float]) -> list[float]:
            v = [*y, t, *[u(t) for u in inputs], *constants, *earlier(t)]
            return [f(v) for f in rhs]

        return with_delays
    if forcing is None:

        def free(t: float, y: Sequence[float]) -> list[float]:
            v = [*y, t, *constants]
            return [f(v) for f in rhs]

        return free

    def driven(t: float, y: Sequence[float]) -> list[float]:
        v = [*y, t, *[u(t) for u in forcing], *constants]
        return [f(v) for f in rhs]

    return driven


def _refuse_delays(model: FittedModel) -> None:
    delays = model.system.delays
    if delays:
        raise EquationError(
            f"the equations read `{slot(delays[0])}`: their slopes depend on the past, not on a point alone; simulate the model"
        )


def _forcing(model: FittedModel, control: ControlPath | None) -> list[ScalarInput] | None:
    if not model.system.inputs:
        return None
    if control is None:
        raise EquationError(f"the equations use the input `{model.system.inputs[0]}`; give a trajectory that has it")
    return control.scalars([model.inputs.index(name) for name in model.system.inputs])
