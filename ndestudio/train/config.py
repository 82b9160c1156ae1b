"""Settings of training (the `[train]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["collocation", "shooting", "trajectory", "polish"]


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to fit a hybrid model. None means: chosen by the program from the preset, the model and the data.

    Attributes:
        preset: `"quick"`, `"balanced"` or `"thorough"`; sets the budgets behind the stages.
        stages: stages to run, in order; None: the staged recipe, skipping what is not needed.
        seed: of initial weights and shuffles. seeds: number of networks trained from different seeds (an ensemble).
        device: where to compute; `"auto"` takes a GPU if JAX sees one.
        loss: `"squares"` or `"huber"` (`huber_delta` in units of the noise level).
        l2: strength of the penalty on network weights; None: chosen on held-out windows.
        learning_rate: kept for first-order stages; the recipe's optimisers (L-BFGS, Levenberg-Marquardt) have none. iterations: stage -> number of steps.
        segment: points per shooting segment.
        solver: of the training simulation; the explicit ones (`rk4`, `tsit5`, `dopri5`, `heun`) run on our fixed grid. Others
            are not used in training yet: `rk4` takes their place, and a note says so.
        adjoint: gradient through diffrax solvers (the fixed-grid solvers use exact discrete derivatives).
        rtol, atol: tolerances of validation (in scaled states).
        time_limit: seconds of training, compilation included; None: the preset's.
        fit_initial: estimate initial values; None: yes.
        log_states: compare logarithms of measured columns named here (strictly positive data over decades).
        dtype: None: float64, which on a processor costs a third more than float32 and lets second-order steps work.
    """

    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    stages: tuple[Stage, ...] | None = None
    seed: int = 0
    seeds: int = 1
    device: Literal["auto", "cpu", "gpu"] = "auto"
    loss: Literal["squares", "huber"] = "squares"
    huber_delta: float = 1.35
    l2: float | None = None
    learning_rate: float = 5e-3
    iterations: dict[Stage, int] = {}
    segment: int = 10
    solver: Literal[
        "auto", "rk4", "tsit5", "dopri5", "dopri8", "heun", "reversible_heun", "kvaerno3", "kvaerno5", "kencarp4"
    ] = "auto"
    adjoint: Literal["auto", "recursive_checkpoint", "direct", "forward", "backsolve"] = "auto"
    rtol: float = 1e-6
    atol: float = 1e-8
    time_limit: float | None = None
    fit_initial: bool | None = None
    log_states: tuple[str, ...] = ()
    dtype: Literal["float32", "float64"] | None = None
