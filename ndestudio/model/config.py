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


class BasisConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Functions of an argument, such as the time `t`, along which the weights of a network vary.

    After Massaroli et al. 2020, Dissecting Neural ODEs: Galerkin and piecewise constant depth-varying weights.

    Attributes:
        kind: `"fourier"` (one period over the interval, and multiples of its frequency), `"polynomial"` (Chebyshev, held
            at its ends beyond the interval) or `"pieces"` (constant on equal pieces).
        terms: multiples of the frequency, highest degree, or number of pieces.
        start, end: the interval (none: the range of the data). For a known period, `start = 0` and `end` the period.
    """

    kind: Literal["fourier", "polynomial", "pieces"] = "fourier"
    terms: int = 3
    start: float | None = None
    end: float | None = None


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A neural hole: a multilayer perceptron of the arguments it is called with.

    Attributes:
        width, depth: units per hidden layer and number of hidden layers.
        sign: `"positive"` or `"negative"` constrains the output by a softplus (Dugas et al. 2009, Incorporating functional
            knowledge in neural networks, JMLR 10, 1239).
        lower, upper: bounds of the output, kept by a sigmoid (both or neither).
        monotone: argument -> `"increasing"` or `"decreasing"`, by the signs of weights (Sill 1998, Monotonic networks;
            Runje and Shankaranarayana 2023, Constrained monotonic neural networks).
        factor: arguments the output is multiplied by, so that the hole vanishes where they do (`y * N(y)`).
        basis: argument -> functions of it that the weights of the first layer vary along; for `f(x, t)` with
            `basis = { t = "fourier" }` the law of x changes in time. One argument at most.
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
    basis: dict[str, BasisConfig] = {}
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
            `d2(x)/dt2 = ...` or `x'' = ...` is a state of second order: its velocity `x'` is the state `x_dot`, which starts
            at the slope of the first measurements and is estimated (Norcliffe et al. 2020, On second order behaviour in
            augmented neural ODEs).
            A state that is neither measured nor observed by an output is hidden: its start is 0 and estimated, unless `initial`
            says otherwise. Networks that read one can follow what the measured states alone do not determine (Dupont et al.
            2019, Augmented neural ODEs); `Hidden state` in the window and `ndestudio.model.with_hidden_state` write it.
        parameters, networks, initial: settings by name; what is left out gets defaults.
        units: state or output -> unit (measured ones take theirs from the data).
    """

    equations: str = ""
    parameters: dict[str, ParameterConfig] = {}
    networks: dict[str, NetworkConfig] = {}
    initial: dict[str, InitialConfig] = {}
    units: dict[str, str] = {}
    name: str = ""
