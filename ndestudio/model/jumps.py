"""States after the events of a trajectory, at one point: what simulations in plain floats ask for."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.expression.compiled import compile_system
from ndestudio.expression.tree import Number
from ndestudio.model.events import GIVEN, new_values
from ndestudio.model.fitted import FittedModel
from ndestudio.model.schedule import Schedule


class Jumps:
    """The events of a model in one trajectory.

    Parameters
    ----------
    control
        The inputs, in the order of ``model.inputs``; right-hand sides read the values just before the event.
    """

    def __init__(self, model: FittedModel, control: ControlPath | None, events: Schedule) -> None:
        self.events, self._model, self._control = events, model, control
        system = model.system
        slots = {name: k for k, name in enumerate((*system.states, "t", GIVEN, *system.inputs, *system.parameters))}
        self._after = [compile_system(new_values(one, system.states), slots, {}) for one in system.events]
        written = [one.condition if one.condition is not None else Number(0.0) for one in system.events]
        self._conditions = compile_system(written, slots, {})
        self.waiting = [k for k, one in enumerate(system.events) if one.condition is not None]
        self._constants = [float(model.parameters[name]) for name in system.parameters]

    def after(self, t: float, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        """States after all events at ``t``, one after the other."""
        for k in np.flatnonzero(self.events.t == t):
            y = self.one(int(self.events.which[k]), t, y, float(self.events.given[k]))
        return y

    def one(
        self, which: int, t: float, y: Float[np.ndarray, " state"], given: float = 0.0
    ) -> Float[np.ndarray, " state"]:
        """States after one event."""
        v = self._values(t, y, given)
        return np.array([value(v) for value in self._after[which]])

    def conditions(self, t: float, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " waiting"]:
        """The expressions that events wait for, in the order of ``waiting``; above 0 where a condition is true."""
        v = self._values(t, y, 0.0)
        return np.array([self._conditions[k](v) for k in self.waiting])

    def _values(self, t: float, y: Float[np.ndarray, " state"], given: float) -> list[float]:
        system, inputs = self._model.system, []
        if system.inputs and self._control is not None:
            values = self._control(t, left=True)
            inputs = [float(values[self._model.inputs.index(name)]) for name in system.inputs]
        return [*y.tolist(), t, given, *inputs, *self._constants]
