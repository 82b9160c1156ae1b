"""Settings of training (the `[train]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["collocation", "shooting", "trajectory", "polish"]
NoiseKind = Literal["spread", "constant", "proportional"]
Solver = Literal["auto", "rk4", "tsit5", "dopri5", "heun", "sdirk3", "sdirk4"]


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to fit a hybrid model. None means: chosen by the program from the preset, the model and the data.

    Attributes:
        preset: `"quick"`, `"balanced"` or `"thorough"`; sets the budgets behind the stages.
        stages: stages to run, in order; None: the staged recipe, skipping what is not needed.
        seed: of initial weights and further start values. seeds: number of networks trained from different seeds (an ensemble).
        device: where to compute; `"auto"` takes a GPU if JAX sees one.
        loss: `"squares"` or `"huber"` (`huber_delta` in units of the noise level).
        noise: `"spread"` (errors count in units of the spread of their column), or a noise level of each column that is
            estimated together with the model, by likelihood: `"constant"` (the same for all values of the column) or
            `"proportional"` (variance s0^2 + (s1 * value)^2: the relative error counts where values are large).
        l2: strength of the penalty on network weights; None: chosen on held-out windows.
        iterations: stage -> number of steps.
        segment: points per shooting segment.
        solver: explicit Runge-Kutta method of the training simulation, on a fixed grid with exact discrete derivatives;
            `"auto"` is `rk4`. A note says where a model is too stiff for it. The result is checked with an accurate solver
            for stiff systems.
        time_limit: seconds of training, compilation included; None: the preset's, which leaves it out.
        fit_initial: estimate initial values; None: yes.
        log_states: compare logarithms of measured columns named here (strictly positive data over decades).
    """

    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    stages: tuple[Stage, ...] | None = None
    seed: int = 0
    seeds: int = 1
    device: Literal["auto", "cpu", "gpu"] = "auto"
    loss: Literal["squares", "huber"] = "squares"
    huber_delta: float = 1.35
    noise: NoiseKind = "spread"
    l2: float | None = None
    iterations: dict[Stage, int] = {}
    segment: int = 10
    solver: Solver = "auto"
    time_limit: float | None = None
    fit_initial: bool | None = None
    log_states: tuple[str, ...] = ()
