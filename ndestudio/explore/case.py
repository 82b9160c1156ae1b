"""A model at given values: what is simulated, and what may be changed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Trajectory
from ndestudio.data.names import suggestion
from ndestudio.errors import SettingError
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.evaluate import quantities
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.model.initial import model_start, start_values
from ndestudio.problem.conditions import initial_state
from ndestudio.solve.scipy_reference import Budget, simulate

POINTS = 200
SECONDS = 10.0
"""Of one simulation."""


@dataclass(frozen=True, eq=False)
class Case:
    """A model with the values it is looked at with.

    Parameters
    ----------
    model
        Its parameters are those of the case.
    start
        Initial values, in the order of the states; those of a trajectory that settles are where it settles from.
    t
        Times of the result.
    trajectory
        Where inputs and doses come from; None: the model reads none.
    held
        Inputs that stay at a value: name -> value, in the units of the files.
    """

    model: FittedModel
    start: Float[np.ndarray, " state"]
    t: Float[np.ndarray, " time"]
    trajectory: Trajectory | None = None
    held: Mapping[str, float] = field(default_factory=dict)


def case_of(
    model: FittedModel,
    trajectory: Trajectory | None = None,
    *,
    until: float | None = None,
    points: int = POINTS,
    values: Mapping[str, float] | None = None,
) -> Case:
    """The model on the inputs, doses and initial values of a trajectory, or with those of its tables.

    Parameters
    ----------
    until
        Last time, in the unit of the data; None: that of the trajectory, 10 without one.
    points
        Times of the result.
    values
        Changes, as ``with_values``.

    Raises
    ------
    SettingError
        A model with noise; values as ``with_values``; a last time that does not lie after the first one.
    """
    refuse_noise(model.system, "looking at a model away from its data")
    begin, end = (0.0, 10.0) if trajectory is None else (float(trajectory.t[0]), float(trajectory.t[-1]))
    end = end if until is None else until
    if not end > begin:
        raise SettingError(f"the last time is {end:g}, and the first one {begin:g}; give a last time after it")
    start = next(iter(model.initial.values())) if trajectory is None else model_start(model, trajectory)
    case = Case(model, np.asarray(start, float), np.linspace(begin, end, max(points, 2)), trajectory)
    return with_values(case, values) if values else case


def variable(case: Case) -> dict[str, float]:
    """Name -> present value of what can be changed: parameters, inputs (at the first time), `x(0)` of states."""
    found = {name: float(value) for name, value in case.model.parameters.items()}
    if case.trajectory is not None:
        first = case.trajectory.control(case.t[:1])[0]
        found |= {
            name: case.held.get(name, float(first[case.model.inputs.index(name)])) for name in case.model.system.inputs
        }
    states = zip(case.model.system.states, case.start, strict=True)
    return found | {initial_name(state): float(value) for state, value in states}


def initial_name(state: str) -> str:
    """`x(0)`."""
    return f"{state}(0)"


def outputs(case: Case) -> tuple[str, ...]:
    """What can be looked at: states, and named quantities of the equations."""
    system = case.model.system
    return (*system.states, *(name for name in system.outputs if name not in system.states))


def with_values(case: Case, values: Mapping[str, float]) -> Case:
    """The case with other values.

    Parameters
    ----------
    values
        Name of a parameter, of an input (which then stays at the value), or `x(0)` -> value. Initial values that are written
        as formulas of parameters follow these.

    Raises
    ------
    SettingError
        A name that is none of these, or a value that is not finite.
    """
    known = variable(case)
    for name, value in values.items():
        if name not in known:
            raise SettingError(_unknown(name, tuple(known), "cannot be changed here"))
        if not np.isfinite(value):
            raise SettingError(f"`{name}` cannot be {value}; give a finite number")
    model, system = case.model, case.model.system
    parameters = {name: float(values.get(name, value)) for name, value in model.parameters.items()}
    model = replace(model, parameters=parameters)
    start = case.start.copy()
    for k, following in _followed(model, case.trajectory).items():
        start[k] = following
    for k, state in enumerate(system.states):
        start[k] = float(values.get(initial_name(state), start[k]))
    held = {**case.held, **{name: float(value) for name, value in values.items() if name in system.inputs}}
    return replace(case, model=model, start=start, held=held)


def _followed(model: FittedModel, trajectory: Trajectory | None) -> dict[int, float]:
    """States whose initial value is a formula that reads parameters -> its value now."""
    texts = {state: one.value for state, one in model.config.initial.items() if isinstance(one.value, str)}
    if trajectory is None or not texts:
        return {}
    now = start_values(model.system, model.config, model.parameters, (trajectory,), model.measured, model.inputs)[
        trajectory.name
    ]
    fitted = {state for state, one in model.config.initial.items() if one.fit}
    return {
        k: float(now[k])
        for k, state in enumerate(model.system.states)
        if state in texts and state not in fitted and state not in trajectory.initial
    }


def inputs_of(case: Case) -> Trajectory | None:
    """The trajectory whose inputs and doses hold, inputs that are held being constant."""
    one = case.trajectory
    if one is None or not case.held:
        return one
    table, kinds = one.inputs.copy(), list(one.input_kinds or ("linear",) * one.inputs.shape[1])
    before = None if one.inputs_before is None else one.inputs_before.copy()
    for name, value in case.held.items():
        place = case.model.inputs.index(name)
        table[:, place], kinds[place] = value, "hold"
        if before is not None:
            before[:, place] = np.nan
    rates = tuple((k, j) for k, j in one.rate_of if case.model.inputs[j] not in case.held)
    for k, j in one.rate_of:
        if case.model.inputs[j] in case.held:
            table[:, k] = 0.0
    settles = {place: value for place, value in one.settle_inputs.items() if case.model.inputs[place] not in case.held}
    return replace(
        one, inputs=table, input_kinds=tuple(kinds), inputs_before=before, rate_of=rates, settle_inputs=settles
    )


def point_inputs(case: Case) -> Float[np.ndarray, " input"]:
    """Inputs at the first time."""
    one = inputs_of(case)
    return np.zeros(len(case.model.inputs)) if one is None else one.control(case.t[:1])[0].astype(float)


def simulated(case: Case, *, seconds: float = SECONDS) -> Simulation:
    """The states over the times of the case.

    Returns
    -------
    Simulation
        NaN from where the solver failed on, with a sentence.
    """
    one, start = inputs_of(case), case.start
    if one is not None:
        there = replace(case.model, initial={**case.model.initial, one.name: start})
        start = initial_state(there, one)
    return simulate(case.model, case.t, start, one, budget=Budget(seconds))


def looked_at(case: Case, found: Simulation, wanted: Sequence[str]) -> Float[np.ndarray, "output time"]:
    """States and quantities along a simulation.

    Raises
    ------
    SettingError
        A name that is neither.
    """
    known = outputs(case)
    for name in wanted:
        if name not in known:
            raise SettingError(_unknown(name, known, "is no state or quantity of the model"))
    states = case.model.system.states
    rest = [name for name in wanted if name not in states]
    one = inputs_of(case)
    u = one.control(found.t) if one is not None and case.model.inputs else None
    named = quantities(case.model, found.t, found.states, u) if rest else {}
    return np.stack([named[name] if name in rest else found.states[:, states.index(name)] for name in wanted])


def _unknown(name: str, known: Sequence[str], what: str) -> str:
    return f"`{name}` {what}{suggestion(name, tuple(known))}"
