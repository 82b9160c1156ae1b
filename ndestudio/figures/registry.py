"""Every kind of figure and the function that describes it; a test renders one of each, in the window and as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.figures.description import Figure
from ndestudio.figures.dose_response import dose_response_figure
from ndestudio.figures.front import front_figure
from ndestudio.figures.future import future_figure
from ndestudio.figures.loss import loss_figure
from ndestudio.figures.next_run import next_run_figure
from ndestudio.figures.parameter_traces import traces_figure
from ndestudio.figures.phase_portrait import phase_figure
from ndestudio.figures.profile_likelihood import profile_figure
from ndestudio.figures.random_effects import random_effects_figure
from ndestudio.figures.residuals import residuals_figure
from ndestudio.figures.response import response_figure
from ndestudio.figures.stochastic import stochastic_figure
from ndestudio.figures.stochastic_law import law_figure
from ndestudio.figures.term_fit import term_fit_figure
from ndestudio.figures.trajectories import trajectory_figure
from ndestudio.figures.tube import tube_figure

KINDS: Mapping[str, Callable[..., Figure | None]] = {
    "trajectories": trajectory_figure,
    "phase portrait": phase_figure,
    "residuals": residuals_figure,
    "loss": loss_figure,
    "traces": traces_figure,
    "profile": profile_figure,
    "front": front_figure,
    "next run": next_run_figure,
    "term fit": term_fit_figure,
    "response": response_figure,
    "stochastic": stochastic_figure,
    "stochastic law": law_figure,
    "dose response": dose_response_figure,
    "random effects": random_effects_figure,
    "tube": tube_figure,
    "future": future_figure,
}
"""`Figure.kind` -> function."""
