"""What a person writes about the model (the `[model]` table of a spec): equation text, parameters, networks."""

from __future__ import annotations

from typing import Literal

import msgspec

Activation = Literal["tanh", "softplus", "gelu", "swish", "sin"]


class ParameterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number in the equations.

    Attributes:
        value: value, or the start of the fit.
        lower, upper: bounds (None: unbounded); kept by a transformation, never by clipping.
        fixed: not fitted.
        log: fitted on a logarithmic scale (positive parameters of unknown magnitude).
        note: where the value comes from.
    """

    value: float = 1.0
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    fixed: bool = False
    log: bool = False
    note: str = ""


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A neural hole: a multilayer perceptron of the arguments it is called with.

    Attributes:
        width, depth: units per hidden layer and number of hidden layers.
        sign: `"positive"` or `"negative"` constrains the output by a softplus.
        lower, upper: bounds of the output, kept by a sigmoid (both or neither).
        monotone: argument -> `"increasing"` or `"decreasing"`.
        factor: arguments the output is multiplied by, so that the hole vanishes where they do (`y * N(y)`).
        unit: unit of the output.
    """

    width: int = 32
    depth: int = 2
    activation: Activation = "tanh"
    sign: Literal["any", "positive", "negative"] = "any"
    lower: float | None = None
    upper: float | None = None
    monotone: dict[str, Literal["increasing", "decreasing"]] = {}
    factor: tuple[str, ...] = ()
    unit: str = ""


class InitialConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Initial value of a state.

    Attributes:
        value: number or expression of parameters and measured columns at the first row (such as `"763 - in_bed"`);
            None: the first measured value (for a state without column: its start is 0).
        fit: estimate it with the parameters. None: yes for measured states (they carry noise) and hidden states.
        lower, upper: bounds of the estimate.
        shared: one value for all trajectories.
    """

    value: float | str | None = None
    fit: bool | None = None
    lower: float | None = None
    upper: float | None = None
    shared: bool = False


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hybrid model as text and tables.

    Attributes:
        equations: lines `d(x)/dt = ...` (states) and `name = ...` (outputs and auxiliaries); `#` starts a comment.
        parameters, networks, initial: settings by name; what is left out gets defaults.
        units: state or output -> unit (measured ones take theirs from the data).
    """

    equations: str = ""
    parameters: dict[str, ParameterConfig] = {}
    networks: dict[str, NetworkConfig] = {}
    initial: dict[str, InitialConfig] = {}
    units: dict[str, str] = {}
    name: str = ""
