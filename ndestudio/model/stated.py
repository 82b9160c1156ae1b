"""A model from its text and tables alone, without data."""

from __future__ import annotations

import numpy as np

from ndestudio.errors import EquationError
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.parse import parse_system
from ndestudio.model.structures import expanded

STATED = "stated"
"""Name of the trajectory whose initial values the tables give."""


def stated_model(config: ModelConfig) -> FittedModel:
    """The model with the parameters and initial values of its tables; a parameter without an entry is 1.

    Raises
    ------
    EquationError
        The text has an error, calls a network (which is not trained), or a state has no initial value that is a number.
    """
    config = expanded(config)
    system = parse_system(config, (), ())
    if system.neural_terms:
        raise EquationError(
            f"the network `{system.neural_terms[0].name}` is not trained; train the model first, or write a formula in its place"
        )
    start = []
    for state in system.states:
        initial = config.initial.get(state)
        if initial is None or not isinstance(initial.value, int | float):
            raise EquationError(
                f"the state `{state}` has no initial value; write `{state} = 1.0` under [model.initial]"
            )
        start.append(float(initial.value))
    parameters = {name: config.parameters.get(name, ParameterConfig()).value for name in system.parameters}
    return FittedModel(config, system, parameters, {}, {STATED: np.array(start)}, ())
