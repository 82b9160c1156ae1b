"""A model with numbers in it: parameters, trained networks, initial values. NumPy only, so that views can use it.

Everything is in physical units (the units of the data files).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ndestudio.expression.tree import Expr
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.schedule import NOTHING, Schedule
from ndestudio.model.system import System


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """A trained neural term: z = MLP((x - input_center) / input_scale); output = output_scale * constrained(z) *
    factors.

    Parameters
    ----------
    arguments
        Formal arguments of the neural term, the order of the inputs.
    weights
        Matrices, hidden layers first, each [out, in];.
    biases
        Vectors [out]. The last layer has one output.
    support
        Samples of the arguments that the training trajectories visited, for knowing where the neural term is trusted.
    """

    config: NetworkConfig
    arguments: tuple[str, ...]
    weights: tuple[Float[np.ndarray, "_out _in"], ...]
    biases: tuple[Float[np.ndarray, " _out"], ...]
    input_center: Float[np.ndarray, " input"]
    input_scale: Float[np.ndarray, " input"]
    output_scale: float
    support: Float[np.ndarray, "visited input"] | None = None


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated trajectory.

    Parameters
    ----------
    states, measured
        NaN from where the solver failed on (``sentence`` then says where and why, else "").
    measured
        The model's counterpart of each measured column of the dataset (NaN for a column without one).
    events
        What happened meanwhile; an event that waited for a condition stands at the time that was found.
    """

    t: Float[np.ndarray, " time"]
    states: Float[np.ndarray, "time state"]
    measured: Float[np.ndarray, "time measured"]
    sentence: str = ""
    events: Schedule = NOTHING


@dataclass(frozen=True)
class Replacement:
    """A formula that took the place of a neural term; ``parameters`` are those of its constants (`<neural_term>_1`,
    ...)."""

    arguments: tuple[str, ...]
    expression: Expr
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A system with values for everything free in it.

    Parameters
    ----------
    config
        The text and tables the model came from (with replaced neural terms still in the text).
    system
        What is simulated: neural terms in ``replacements`` are substituted.
    parameters
        Value of each parameter of ``system`` (constants of replacements included).
    networks
        A trained network for each neural term left in ``system``.
    initial
        Trajectory name -> initial value of each state at the trajectory's first time.
    measured, inputs
        Names of the dataset's columns, in its order.
    scale
        Typical magnitude of each state, for tolerances.
    settles
        Whether some trajectories begin at steady states.
    """

    config: ModelConfig
    system: System
    parameters: Mapping[str, float]
    networks: Mapping[str, NetworkWeights]
    initial: Mapping[str, Float[np.ndarray, " state"]]
    measured: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    scale: Float[np.ndarray, " state"] | None = None
    replacements: Mapping[str, Replacement] = field(default_factory=dict)
    settles: bool = False
