"""A model without data, ready to be simulated: parameters and initial values as its text and tables say."""

from __future__ import annotations

import numpy as np

from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import parse_expression
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.parse import parse_system


def without_data(config: ModelConfig, begin: float = 0.0) -> FittedModel:
    """The model of ``config`` with its own numbers; ``initial`` has them under the name `""`.

    Parameters
    ----------
    begin
        Time of the begin, which formulas of initial values may read.

    Raises
    ------
    EquationError
        The text has an error.
    """
    system = parse_system(config, (), ())
    parameters = {name: config.parameters.get(name, ParameterConfig()).value for name in system.parameters}

    def start(state: str) -> float:
        value = config.initial.get(state, InitialConfig()).value
        if isinstance(value, str):
            return float(evaluate(parse_expression(value), {**parameters, "t": begin}))
        return 0.0 if value is None else float(value)

    y0 = np.array([start(state) for state in system.states])
    return FittedModel(
        config=config,
        system=system,
        parameters=parameters,
        networks={},
        initial={"": y0},
        measured=(*system.states, *system.outputs),
        scale=np.maximum(np.abs(y0), 1e-3),
    )
