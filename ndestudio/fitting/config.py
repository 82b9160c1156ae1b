"""Settings of training (the `[train]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["collocation", "shooting", "trajectory", "final_refinement"]
NoiseKind = Literal["spread", "constant", "proportional"]
Adjoint = Literal["auto", "recursive", "direct", "forward", "backsolve"]
Gradients = Literal["auto", "exact", "euler", "euler-static", "differences", "offline"]
Density = Literal["auto", "euler", "milstein", "taylor", "linear", "moments", "grid"]
Controller = Literal["auto", "pid", "constant"]
EncoderKind = Literal["gru", "cde", "signature", "none"]
ColumnNoiseKind = Literal["constant", "proportional", "student", "poisson", "negative_binomial"]


class ColumnNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The noise of one measured column. Numbers that are none are estimated with the model.

    Attributes
    ----------
    kind
        `"constant"` or `"proportional"` (normal, variance constant^2 + (proportional * prediction)^2), `"student"` (t
        distribution: outliers count little), `"poisson"` (counts, variance = mean), `"negative_binomial"` (counts, variance =
        mean + dispersion * mean^2). Log-normal noise is `"constant"` in a column of `log_states`.
    constant
        Standard deviation, or scale of the t distribution; of the logarithm in columns of `log_states`.
    proportional
        Part of the prediction that adds to the standard deviation, by squares.
    freedom
        Degrees of freedom of the t distribution.
    dispersion
        Of the negative binomial.
    below, above
        Limits of detection: values at or beyond one are known to lie beyond it, no more (normal noise).
    resolution
        Values are rounded to multiples of it (normal noise, not logarithms).
    """

    kind: ColumnNoiseKind = "constant"
    constant: float | None = None
    proportional: float | None = None
    freedom: float | None = None
    dispersion: float | None = None
    below: float | None = None
    above: float | None = None
    resolution: float | None = None


class LatentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is fitted whose starts come from the history of each run (`encoder = "history"` of an initial value).

    Attributes
    ----------
    history
        How long the history is, from the begin of a run, in the unit of time; None: a third of the longest run.
    encoder
        What reads the history: `"gru"` (a gated recurrent unit, backwards in time), `"cde"` (a neural controlled differential
        equation along the rectilinear path of the history), `"signature"` (its log-signature to depth 2), or `"none"`: no
        encoder, the start of each run is estimated by itself (the baseline).
    objective
        `"elbo"` (evidence lower bound) or `"importance"` (importance-weighted bound of `samples` draws).
    samples
        Draws of the start of a run in a step.
    width
        Units of the encoder.
    steps, batch, rate
        Most steps of Adam, runs in each, and its rate at the begin. None: by the preset, and 32 runs.
    patience
        Looks at the held-out runs (each 20 steps) without a better bound after which it ends.
    draws
        Draws of a prediction.
    refine
        Weigh and move these draws by the likelihood of the history (adaptive importance sampling); else predictions are those of
        the encoder alone.
    """

    history: float | None = None
    encoder: EncoderKind = "gru"
    objective: Literal["elbo", "importance"] = "elbo"
    samples: int = 4
    width: int = 32
    steps: int | None = None
    batch: int = 32
    rate: float = 0.01
    patience: int = 25
    draws: int = 200
    refine: bool = True


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to fit a hybrid model. None means: chosen by the program from the preset, the model and the data.

    Attributes
    ----------
    preset
        `"quick"`, `"balanced"` or `"thorough"`; sets the budgets behind the stages.
    stages
        Stages to run, in order; None: the staged recipe, skipping what is not needed.
    seed
        Of initial weights and further start values.
    seeds
        Number of networks trained from different seeds (an ensemble).
    side_by_side
        Train the seeds at the same time, their simulations in one program (a GPU is as fast for eight as for one),
        instead of one after the other; None: where a GPU computes.
    device
        Where to compute; `"auto"` takes a GPU if JAX sees one.
    loss
        `"squares"` or `"huber"` (`huber_delta` in units of the noise level).
    noise
        `"spread"` (errors count in units of the spread of their column), or a noise level of each column that is
        estimated together with the model, by likelihood: `"constant"` (the same for all values of the column) or
        `"proportional"` (variance s0^2 + (s1 * value)^2: the relative error counts where values are large).
    column_noise
        Measured column -> its own noise, where it is another: counts, heavy tails, limits of detection, or numbers that are
        known. The other columns then have a `"constant"` one if `noise` is `"spread"`.
    l2
        Strength of the penalty on network weights; None: chosen on held-out windows, and where nothing is held out and
        the data are noisy, by the marginal likelihood of the data.
    iterations
        Stage -> number of steps.
    segment
        Points per shooting segment.
    solver
        Of the training simulation. `"auto"`: `rk4` on a fixed grid with exact discrete derivatives, and `sdirk4`
        (implicit) where the model turns out to be stiff. `tsit5`, `dopri5`, `heun` (explicit), `sdirk3` and `sdirk4`
        (implicit) are the program's own as well; `log-ode-1` and `log-ode-2` take over each step the log-signature of the inputs, for
        paths far finer than the dynamics. Adaptive solvers of diffrax, slower to compile, are `diffrax-tsit5`,
        `diffrax-dopri5`, `diffrax-dopri8`, `diffrax-reversible-heun` (explicit), `diffrax-kvaerno3`,
        `diffrax-kvaerno5`, `diffrax-implicit-euler` (implicit), and `diffrax-kencarp3`, `diffrax-kencarp4` (implicit
        in the known part and explicit in the networks). An installed package may add more. The result is checked with
        an accurate solver for stiff systems.
    adjoint
        How a `diffrax-...` solver is differentiated: `"recursive"` (checkpoints; the default for networks),
        `"direct"`, `"forward"` (Levenberg-Marquardt then; the default for few constants), or `"backsolve"` (gradients
        inexact and slow; for comparison).
    controller
        Steps of a `diffrax-...` solver: `"pid"` by its local error, `"constant"` those of the training grid.
    rtol, atol
        Tolerances of a `diffrax-...` solver with the controller `pid` (and of its implicit stages), `atol` in units of
        each state's scale; None: 1e-6 and 1e-8.
    max_steps
        Steps after which a `diffrax-...` solver gives up; such a trial counts as a failed step.
    time_limit
        Seconds of training, compilation included; None: the preset's, which leaves it out.
    fit_initial
        Estimate initial values; None: yes.
    all_rows
        Where equations have no unknown functions, fit their constants to all rows once the held-out ones have judged them.
    log_states
        Compare logarithms of measured columns named here (strictly positive data over decades).
    gradients
        How a fit differentiates through black boxes. `"exact"`: by the derivatives that they give. `"differences"`: by central
        differences at each stage of the solver. `"euler"`: steps are those of the solver, their derivatives those of Euler's
        method, with one derivative of the black box at the begin of each step (its own, else differences): the Euler gradient
        approximation. `"euler-static"`: the same with that derivative left out, so that a black box is never evaluated for
        gradients. `"offline"`: nothing is differentiated; networks are fitted to what the black box misses of the slopes of the
        smoothed data (or from step to step). `"auto"`: `exact` where all black boxes give derivatives, else `euler`.
    density
        Of a model with noise: how the probability of a transition is approximated. `"euler"` (short steps), `"milstein"` (one state
        and noise), `"taylor"` (moments to the second order of the step), `"linear"` (local linearisation), `"moments"` (moment equations), `"grid"` (short steps put together on a grid of
        states; one state). `"auto"`: `grid` where it can be had, else `moments` with as many steps as it needs; with networks
        `taylor` where that says the same.
    latent
        Of a model whose starts are read from the history of each run.
    filter
        Of a model with noise whose measurements have errors: how a filter carries mean and covariance from one to the next,
        `"cubature"` (means over points, exact for drifts to third degree) or `"extended"` (derivatives to second order). `"auto"`: the
        first with one state, the other with more, where a noise may reach some states late.
    """

    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    stages: tuple[Stage, ...] | None = None
    seed: int = 0
    seeds: int = 1
    side_by_side: bool | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    loss: Literal["squares", "huber"] = "squares"
    huber_delta: float = 1.35
    noise: NoiseKind = "spread"
    column_noise: dict[str, ColumnNoise] = {}
    l2: float | None = None
    iterations: dict[Stage, int] = {}
    segment: int = 10
    solver: str = "auto"
    adjoint: Adjoint = "auto"
    controller: Controller = "auto"
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 4096
    time_limit: float | None = None
    fit_initial: bool | None = None
    all_rows: bool = True
    log_states: tuple[str, ...] = ()
    density: Density = "auto"
    gradients: Gradients = "auto"
    latent: LatentConfig = LatentConfig()
    filter: Literal["auto", "cubature", "extended"] = "auto"

    @property
    def estimates_noise(self) -> bool:
        """Whether errors count by the noise of their column, not by its spread."""
        return self.noise != "spread" or bool(self.column_noise)
