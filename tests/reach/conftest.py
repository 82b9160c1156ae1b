"""Models for tubes."""

from __future__ import annotations

import ndestudio as nde
from ndestudio.model.fitted import FittedModel


def stated(equations: str, start: dict[str, float], **parameters: float) -> FittedModel:
    """A model whose numbers are all given."""
    config = nde.ModelConfig(
        equations=equations,
        parameters={name: nde.ParameterConfig(value=value) for name, value in parameters.items()},
        initial={name: nde.InitialConfig(value=value) for name, value in start.items()},
    )
    return nde.stated_model(config)


VAN_DER_POL = "d(x)/dt = y\nd(y)/dt = (1 - x^2)*y*m - x"
