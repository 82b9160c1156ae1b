"""Several minimisations by Levenberg-Marquardt in step: their trial points are linearised together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ndestudio.fitting.optimizers.levenberg_marquardt import (
    Linear,
    LmState,
    Point,
    Proposal,
    lm_accept,
    lm_propose,
)
from ndestudio.fitting.optimizers.minimise import LeastSquares, OptimisationResult, Stopping, Watch


def minimise_together(
    linearise: Callable[[Sequence[Point]], list[Linear]],
    objectives: Sequence[LeastSquares],
    starts: Sequence[Point],
    *,
    stopping: Stopping,
    damping: float = 1e-3,
    poll: Callable[[], None] = lambda: None,
) -> list[OptimisationResult[LmState]]:
    """Minimise from each start; the same results as one after the other.

    Parameters
    ----------
    linearise
        At several points at once.
    objectives
        The penalties of each start; errors are not weighted anew on the way.
    poll
        Called before each step; may raise to end everything.
    """
    priors = [objective.prior(None) for objective in objectives]
    states = [
        LmState(point, linear, linear.loss + linear.path_loss + prior.value(point), linear.loss, damping)
        for point, linear, prior in zip(starts, linearise(starts), priors, strict=True)
    ]
    watches = [Watch(stopping) for _ in starts]
    reasons = ["limit" if np.isfinite(state.cost) else "stuck" for state in states]
    going = [k for k, reason in enumerate(reasons) if reason != "stuck"]
    for _ in range(stopping.steps):
        if not going:
            break
        poll()
        tried: dict[int, Proposal] = {}
        promises = {}
        for k in going:
            states[k] = objectives[k].renewed(states[k])
            promises[k] = stopping.promised(states[k])
            proposed = lm_propose(states[k], objectives[k].current, promises[k])
            if isinstance(proposed, LmState):
                states[k] = proposed
            else:
                tried[k] = proposed
        found = linearise([proposal.point for proposal in tried.values()]) if tried else []
        for (k, proposal), linear in zip(tried.items(), found, strict=True):
            states[k] = lm_accept(states[k], objectives[k].current, proposal, linear)
        for k in tuple(going):
            reason = watches[k].reached(states[k], promises[k], lambda: True)
            if reason:
                reasons[k] = reason
                going.remove(k)
    return [
        OptimisationResult(state, reason, watch.number)
        for state, reason, watch in zip(states, reasons, watches, strict=True)
    ]
