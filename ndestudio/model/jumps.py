"""States after the events of a trajectory, at one point: what simulations in plain floats ask for."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.expression.compiled import compile_system
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
        self._constants = [float(model.parameters[name]) for name in system.parameters]

    def after(self, t: float, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        """States after all events at ``t``, one after the other."""
        system, inputs = self._model.system, []
        if system.inputs and self._control is not None:
            values = self._control(t, left=True)
            inputs = [float(values[self._model.inputs.index(name)]) for name in system.inputs]
        for k in np.flatnonzero(self.events.t == t):
            v = [*y.tolist(), t, float(self.events.given[k]), *inputs, *self._constants]
            y = np.array([value(v) for value in self._after[self.events.which[k]]])
        return y
