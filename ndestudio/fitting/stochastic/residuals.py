"""Residuals of one-step predictions: what is left of each transition after the model has said what it expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import EquationError
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import Transitions, measured_columns, transitions
from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class TransitionResiduals:
    """One-step residuals of a stochastic model.

    Parameters
    ----------
    z
        Standardised: standard normal and independent if the model is right (states in order, each given those before).
    probability
        Probability integral transforms of ``z``: uniform if the model is right.
    t
        Time of the later measurement.
    run
        Place of the trajectory in the data.
    names
        Of the states.
    """

    z: Float[np.ndarray, "state n"]
    probability: Float[np.ndarray, "state n"]
    t: Float[np.ndarray, " n"]
    run: Int[np.ndarray, " n"]
    names: tuple[str, ...]

    @property
    def sentences(self) -> list[str]:
        """For a person: whether they are normal (Kolmogorov and Smirnov) and without correlation to the next."""
        found = []
        for name, z in zip(self.names, self.z, strict=True):
            distance = scipy.stats.kstest(z, "norm")
            same = self.run[1:] == self.run[:-1]
            correlation = float(np.corrcoef(z[1:][same], z[:-1][same])[0, 1]) if same.sum() > 10 else 0.0
            told = "agree with" if distance.pvalue > 0.01 else "differ from"
            found.append(
                f"One-step residuals of `{name}` {told} a normal distribution (p = {distance.pvalue:.2g}); correlation with the "
                f"next {correlation:+.3f}."
            )
        return found


def transition_residuals(model: FittedModel, dataset: Dataset, part: Part | None = None) -> TransitionResiduals:
    """One-step residuals of ``model`` on the transitions of ``dataset`` (or of a part of it), by moment equations.

    Raises
    ------
    EquationError
        The model has no noise.
    DataError
        A state is not measured.
    """
    data = transitions(model, dataset, part)
    mean, covariance = predicted(model, data)
    r = data.later - mean
    lower = np.linalg.cholesky(np.moveaxis(covariance, 2, 0))
    z = np.linalg.solve(lower, r.T[:, :, None])[:, :, 0].T
    return TransitionResiduals(z, scipy.stats.norm.cdf(z), data.t + data.h, data.run, model.system.states)


def predicted(
    model: FittedModel, data: Transitions
) -> tuple[Float[np.ndarray, "state n"], Float[np.ndarray, "state state n"]]:
    """Mean and covariance of where each transition leads."""
    if not model.system.diffusion:
        raise EquationError("the model has no noise; see `residuals` for models without")
    space = stochastic_space(model)
    return TransitionLikelihood(space, data, "moments", 2).moments(space.theta)


def one_step(model: FittedModel, dataset: Dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Trajectory -> times and measured columns as expected one measurement before."""
    data = transitions(model, dataset, None)
    mean, _ = predicted(model, data)
    columns = measured_columns(model, dataset)
    found = {}
    for place, one in enumerate(dataset.trajectories):
        here = data.run == place
        values = np.full((len(one.t), len(dataset.measured)), np.nan)
        for k, (column, offset, factor) in enumerate(columns):
            values[data.row[here], column] = offset + factor * mean[k, here]
        found[one.name] = (one.t, values)
    return found
