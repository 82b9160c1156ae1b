"""What a person writes about the model (the `[model]` table of a spec): equation text, parameters, networks."""

from __future__ import annotations

from typing import Literal

import msgspec

Calculus = Literal["ito", "stratonovich"]
Activation = Literal["tanh", "softplus", "gelu", "swish", "sin"]


class PriorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a number before the data are seen.

    Fits make the posterior largest, and intervals and profiles are those of the posterior. The noise is taken as normal with
    a level that is estimated from the residuals. A uniform prior is a pair of bounds.

    Attributes
    ----------
    kind
        `"normal"` (of the number), `"log-normal"` (its logarithm is normal) or `"uniform"` (between bounds).
    mean
        Of a normal prior.
    median
        Of a log-normal prior.
    sd
        Standard deviation, above 0; of the natural logarithm where log-normal (0.1: about 10%).
    lower, upper
        Ends of a uniform prior.
    """

    kind: Literal["normal", "log-normal", "uniform"] = "normal"
    mean: float | None = None
    median: float | None = None
    sd: float | None = None
    lower: float | None = None
    upper: float | None = None

    def __str__(self) -> str:
        if self.kind == "uniform":
            return f"uniform from {self.lower:g} to {self.upper:g}"
        if self.kind == "log-normal":
            return f"log-normal, median {self.median:g}, sd of the logarithm {self.sd:g}"
        return f"normal, {self.mean:g} +- {self.sd:g}"


class RandomConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parameter that is drawn anew for each run from a population (a random effect, mixed-effects model).

    The value in run i is k_i = k_pop exp(eta_i), k_pop + eta_i, or the same for the logit between bounds, with eta_i normal
    around 0. Estimated are k_pop (the parameter itself), the spread of eta, and each eta_i.

    Attributes
    ----------
    kind
        Distribution of the parameter: `"log-normal"`, `"normal"` or `"logit-normal"` (between both bounds). None: the last
        with both bounds, log-normal where the value is positive and no bound lets it become negative, else normal.
    sd
        Standard deviation of eta, or the start of its estimate (0.3: for a log-normal one about 30%); None: 0.3, and where
        normal 0.3 of the value.
    fixed
        The standard deviation is known and not estimated.
    correlated
        Other random parameter -> correlation of its eta with that of this one, from which its estimate starts (0 serves). All that are
        linked in this way are correlated with each other.
    occasion
        Input whose values tell the occasions of a run (periods, visits): the value is another on each, by kappa, normal around 0, beside
        eta.
    occasion_sd
        Standard deviation of kappa, or the start of its estimate; None: that of eta.
    effect, occasions
        States that hold eta, and the kappa of each occasion, in the equations laid out for the runs; written by the program.
    """

    kind: Literal["log-normal", "normal", "logit-normal"] | None = None
    sd: float | None = None
    fixed: bool = False
    correlated: dict[str, float] = {}
    occasion: str = ""
    occasion_sd: float | None = None
    effect: str = ""
    occasions: tuple[str, ...] = ()


class ParameterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number in the equations.

    Attributes
    ----------
    value
        Value, or the start of the fit.
    lower, upper
        Bounds (None: unbounded); kept by a transformation, never by clipping. Without any, a parameter that starts above
        0 stays there where its place in the equations says that it is positive, as in all templates: rates of loss
        (`-k*x`), capacities (`x/K`), half-saturations, time constants, exponents; `lower = -1` lets it become negative.
    fixed
        Not fitted.
    log
        Fitted on a logarithmic scale (positive parameters of unknown magnitude).
    note
        Where the value comes from.
    prior
        What is known of it beforehand; of each of its values where it has several.
    per
        Whether it has one value (none), one for each `"run"`, one for each `"condition"`, or one for each value of a covariate,
        which is named (`per = "strain"`).
    random
        The values of the runs come from a population, of which mean and spread are estimated.
    """

    value: float = 1.0
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    fixed: bool = False
    log: bool = False
    note: str = ""
    prior: PriorConfig | None = None
    per: str = ""
    random: RandomConfig | None = None

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Bounds, those of the prior taken into account."""
        return prior_bounds(self.lower, self.upper, self.prior)


class BasisConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Functions of an argument, such as the time `t`, along which the weights of a network vary.

    After Massaroli et al. 2020, Dissecting Neural ODEs: Galerkin and piecewise constant depth-varying weights.

    Attributes
    ----------
    kind
        `"fourier"` (one period over the interval, and multiples of its frequency), `"polynomial"` (Chebyshev, held at
        its ends beyond the interval) or `"pieces"` (constant on equal pieces).
    terms
        Multiples of the frequency, highest degree, or number of pieces.
    start, end
        The interval (none: the range of the data). For a known period, `start = 0` and `end` the period.
    """

    kind: Literal["fourier", "polynomial", "pieces"] = "fourier"
    terms: int = 3
    start: float | None = None
    end: float | None = None


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A neural term: a multilayer perceptron of the arguments it is called with.

    Attributes
    ----------
    width, depth
        Units per hidden layer and number of hidden layers.
    sign
        `"positive"` or `"negative"` constrains the output by a softplus (Dugas et al. 2009, Incorporating functional
        knowledge in neural networks, JMLR 10, 1239).
    lower, upper
        Bounds of the output, kept by a sigmoid (both or neither).
    monotone
        Argument -> `"increasing"` or `"decreasing"`, by the signs of weights (Sill 1998, Monotonic networks; Runje and
        Shankaranarayana 2023, Constrained monotonic neural networks).
    factor
        Arguments the output is multiplied by, so that the neural term vanishes where they do (`y * N(y)`).
    basis
        Argument -> functions of it that the weights of the first layer vary along; for `f(x, t)` with `basis = { t =
        "fourier" }` the function of x changes in time. One argument at most.
    unit
        Unit of the output.
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

    Attributes
    ----------
    value
        Number or expression of parameters and measured columns at the first row (such as `"763 - in_bed"`); None: the
        first measured value (for a state without column: its start is 0).
    fit
        Estimate it with the parameters. None: yes for measured states (they carry noise) and hidden states.
    lower, upper
        Bounds of the estimate.
    shared
        One value for all trajectories.
    prior
        What is known of it beforehand, of each trajectory's where it is not shared.
    past
        Formula of `t` and parameters for the state before the first row, which delayed values read (such as `"1 +
        0.1*t"`); None: it was at its initial value.
    encoder
        `"history"`: it is read from what was measured of the run early on, by an encoder that is trained with the model (see
        `[train.latent]`), with a normal, log-normal or uniform prior (none: normal around `value` or 0, as wide as the state).
    """

    value: float | str | None = None
    fit: bool | None = None
    lower: float | None = None
    upper: float | None = None
    shared: bool = False
    prior: PriorConfig | None = None
    past: str | None = None
    encoder: Literal["", "history"] = ""

    @property
    def start(self) -> float | str | None:
        """The value, or the formula of the past, which it goes on from."""
        return self.value if self.past is None else self.past

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Bounds, those of the prior taken into account."""
        return prior_bounds(self.lower, self.upper, self.prior)


def prior_bounds(
    lower: float | None, upper: float | None, prior: PriorConfig | None
) -> tuple[float | None, float | None]:
    """The narrower of the bounds given and those that a prior implies."""
    if prior is None or prior.kind == "normal":
        return lower, upper
    low, high = (prior.lower, prior.upper) if prior.kind == "uniform" else (0.0, None)
    lows, highs = [b for b in (lower, low) if b is not None], [b for b in (upper, high) if b is not None]
    return max(lows, default=None), min(highs, default=None)


class PenaltyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that should hold all along the simulated trajectories: an expression that is zero, or not negative.

    Training adds `weight` times the mean over time and training trajectories of (expression/scale)^2 to its loss (the mean
    squared error over spreads); of a `"positive"` expression only where it is negative.

    Attributes
    ----------
    expression
        Of states, outputs, parameters, inputs and `t`, such as `"S + I + R - N"`.
    kind
        `"zero"` or `"positive"` (not negative).
    weight
        How much it counts; 1: being off by one scale counts as much as missing every value by its spread.
    scale
        What counts as large, in the unit of the expression; None: by how much it changes when the states change by
        their typical magnitudes.
    note
        Why it should hold.
    """

    expression: str = ""
    kind: Literal["zero", "positive"] = "zero"
    weight: float = 1.0
    scale: float | None = None
    note: str = ""


class StructureConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A learned term that keeps a structure by construction: `flow(H, q)` in the equations is the rate that it gives to a state, `energy(H)`
    its energy (or Lyapunov function). Or a stack of networks, `stacked(f, x)`, one for each span of time.

    Attributes
    ----------
    kind
        `"hamiltonian"` (its energy is constant), `"port-hamiltonian"` (it never grows but by what is written beside it), `"stable"`
        (every solution comes to rest at one point, which is found with the rest) or `"stacked"` (networks `f_1`, `f_2`, ... that follow
        each other in time).
    positions, momenta
        Of a Hamiltonian, in pairs.
    states
        Of a stable term.
    times
        Of a stack: when the next network takes over, increasing.
    width
        Hidden units of the energy, or of each layer of stacked networks that [model.networks] does not name.
    """

    kind: Literal["hamiltonian", "port-hamiltonian", "stable", "stacked"] = "hamiltonian"
    positions: tuple[str, ...] = ()
    momenta: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    width: int = 8


class BlackBoxConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A simulator that equations call as `blackbox("name")(...)`: an FMU, a program, a table or a Python callable.

    Attributes
    ----------
    file
        Where it lies, if not where its name says (relative to the spec).
    arguments
        Names of its own variables that the arguments of a call stand for, in order; needed for a table (its columns) and to
        choose among the inputs of an FMU. An FMU takes its states, then its inputs.
    outputs
        Names of the numbers that a program writes, in order.
    start
        Values of parameters of an FMU.
    difference
        Step of differences, relative to the size of an argument, where derivatives are taken by them.
    seconds
        Time without an answer after which its process is ended.
    memory
        MiB of memory that its process may take (not on Windows; of programs on Linux only).
    processes
        Processes that share the points of a batch.
    """

    file: str = ""
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    start: dict[str, float] = {}
    difference: float = 1e-5
    seconds: float = 20.0
    memory: int = 4096
    processes: int = 2


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hybrid model as text and tables.

    Attributes
    ----------
    equations
        Lines `d(x)/dt = ...` (states) and `name = ...` (outputs and auxiliaries); `#` starts a comment. `d2(x)/dt2 =
        ...` or `x'' = ...` is a state of second order: its velocity `x'` is the state `x_dot`, which starts at the
        slope of the first measurements and is estimated (Norcliffe et al. 2020, On second order behaviour in augmented
        neural ODEs). A state that is neither measured nor observed by an output is hidden: its start is 0 and
        estimated, unless `initial` says otherwise. Networks that read one can follow what the measured states alone do
        not determine (Dupont et al. 2019, Augmented neural ODEs); `Hidden state` in the window and
        `ndestudio.model.with_hidden_state` write it.
    parameters, networks, initial
        Settings by name; what is left out gets defaults.
    units
        State or output -> unit (measured ones take theirs from the data).
    penalties
        What should hold all along the trajectories, by name.
    blackboxes
        Where simulators lie that equations call, and what they may use, by the name in the equations.
    structures
        Terms that keep a structure by construction, by the name in the equations.
    calculus
        How equations with noise are meant: `"ito"` or `"stratonovich"`. Without noise, or where no noise is multiplied by
        something that depends on states, both are the same.
    """

    equations: str = ""
    parameters: dict[str, ParameterConfig] = {}
    networks: dict[str, NetworkConfig] = {}
    initial: dict[str, InitialConfig] = {}
    units: dict[str, str] = {}
    penalties: dict[str, PenaltyConfig] = {}
    blackboxes: dict[str, BlackBoxConfig] = {}
    structures: dict[str, StructureConfig] = {}
    calculus: Calculus = "ito"
    name: str = ""
