"""What stages of segments and shorter horizons have learned when a training ends within them."""

from __future__ import annotations

import numpy as np

from ndestudio.fitting.forward_evaluation import quick_losses
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.stages.multiple_shooting import first_starts
from ndestudio.fitting.tracker import Tracker


def consider_passed(tracker: Tracker) -> None:
    """Let the points of such a stage compete for the best one by whole simulated trajectories.

    The losses of these stages are of pieces and say nothing about whole trajectories, so that their points do not compete
    on the way. Once the training is stopped, or out of time, the best model is the one whose simulation errs least.
    """
    if tracker.best_point is None:
        return
    whole, best = tracker.best_point
    for batch, point, iteration in tracker.passed:
        if point.theta.shape != best.theta.shape:
            continue
        for free in (best.free, first_starts(whole, batch, best, point)):
            at = Point(point.theta, free)
            loss, validation = quick_losses(tracker.problem, whole, at)
            if np.isfinite(loss):
                tracker.consider(whole, at, iteration, loss, validation)
