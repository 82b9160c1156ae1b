"""What the colour of a result says, the same in every stage.

Green: nothing speaks against the result. Amber: something does, and the sentence says what. Neither: it is what it is, and a
person has to judge it. Red is kept for what cannot be used.
"""

from __future__ import annotations

import math

from ndestudio.distil.result import Distillation, held_out
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.session.ports import Level
from ndestudio.wording import percent

CLOSE = 0.1
"""Errors of whole trajectories, in spreads, up to which a model follows the data closely,"""
FAR = 0.25
"""and beyond which it is far off whatever the noise."""
WORSE = 1.5
"""Errors of a formula in those of its network beyond which the formula is not what the network has learned."""

_DOUBTFUL = (Outcome.DOUBTFUL, Outcome.DIVERGED)


def of_fit(fit: Fit) -> Level:
    """Of a training: green only where it ended without doubts and follows held-out data."""
    if fit.outcome in _DOUBTFUL:
        return "warning"
    if fit.stochastic is not None:  # a path is no prediction: what speaks against the law is among the notes
        return "info" if fit.notes or fit.outcome is not Outcome.CONVERGED else "good"
    error = _error(fit.metrics)
    return "good" if fit.outcome is Outcome.CONVERGED and error <= FAR else "info"


def of_formulas(found: Distillation, fit: Fit, metrics: Metrics | None) -> tuple[Level, str]:
    """Of the model in use, and what speaks against it, "" for nothing.

    Parameters
    ----------
    metrics
        Of the model in use, None while they are not known.
    """
    if found.outcome == "failed":
        return "warning", ""
    if metrics is None:
        return "info", ""
    if fit.stochastic is not None:
        return ("good" if found.outcome == "done" else "info"), ""
    error, before = _error(metrics), _error(fit.metrics)
    if not math.isfinite(error):
        return "warning", "Simulated, it does not stay finite."
    doubts = []
    if error > max(WORSE * before, CLOSE):
        doubts.append(f"The formulas are further off ({percent(error)}) than the networks were ({percent(before)}).")
    elif error > FAR:
        doubts.append(f"It is far off the data ({percent(error)} of the spread).")
    if fit.outcome in _DOUBTFUL:
        doubts.append("The training they come from ended with doubts.")
    if doubts:
        return "warning", " ".join(doubts)
    return ("good" if found.outcome == "done" and error <= FAR else "info"), ""


def _error(metrics: Metrics) -> float:
    found = held_out(metrics)
    return math.inf if found is None else found[0]
