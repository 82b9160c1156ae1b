"""Priors on parameters and initial values, as distances in standard deviations.

    normal       rho = (x - mean)/sd                log-normal   rho = (log x - log median)/sd

A fit makes the posterior largest (maximum a posteriori). Errors are taken as normal; a residual, weighted as in the loss,
has the variance s^2 = L/(n - k): L is the loss (the sum of the n squared residuals), k the number of free parameters and
initial values. With the flat prior 1/s of an unknown scale the posterior, s integrated out, is proportional to

    (L exp(sum rho^2/(n - k)))^(-(n - k)/2)

to first order in sum rho^2/(n - k), and largest where L + s^2 sum rho^2 is least at s^2 = L/(n - k) (Gelman et al. 2013,
Bayesian Data Analysis, sections 3.2 and 14.2). The density is one of x, for log-normal priors of log x.
A uniform prior is a pair of bounds: nothing draws an estimate away from its edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ndestudio.fitting.optimizers.levenberg_marquardt import Away, Point
from ndestudio.model.config import InitialConfig, ParameterConfig, PriorConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.bijection import Bijection

NONE, NORMAL, LOG_NORMAL = 0, 1, 2
DIFFERENCE = 1e-6
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class PriorTable:
    """Priors of some numbers, by their position.

    Parameters
    ----------
    kind
        ``NONE``, ``NORMAL`` or ``LOG_NORMAL``.
    middle
        Mean, or logarithm of the median.
    sd
        Standard deviation, of the logarithm where log-normal.
    given
        Whether anything was said, a uniform prior included: then nothing else draws the number anywhere.
    """

    kind: Int[np.ndarray, " n"]
    middle: Float[np.ndarray, " n"]
    sd: Float[np.ndarray, " n"]
    given: Bool[np.ndarray, " n"]

    @property
    def any(self) -> bool:
        return bool((self.kind != NONE).any())


def prior_table(configs: Sequence[ParameterConfig | InitialConfig | None]) -> PriorTable:
    """The priors in the settings of parameters or states."""
    found = [_entry(config.prior if config is not None else None) for config in configs]
    kind, middle, sd, given = zip(*found, strict=True) if found else ((), (), (), ())
    return PriorTable(np.array(kind, int), np.array(middle, float), np.array(sd, float), np.array(given, bool))


def _entry(prior: PriorConfig | None) -> tuple[int, float, float, bool]:
    if prior is None:
        return NONE, 0.0, 1.0, False
    if prior.kind == "uniform":
        return NONE, 0.0, 1.0, True
    sd = prior.sd if prior.sd is not None else 1.0
    if prior.kind == "log-normal":
        return LOG_NORMAL, float(np.log(prior.median if prior.median is not None else 1.0)), sd, True
    return NORMAL, prior.mean if prior.mean is not None else 0.0, sd, True


@dataclass(frozen=True, eq=False)
class Priors:
    """Of the parameters and of the initial values of each state."""

    parameters: PriorTable
    initial: PriorTable

    @property
    def any(self) -> bool:
        return self.parameters.any or self.initial.any


def model_priors(model: FittedModel) -> Priors:
    """Constants of replaced neural terms have no settings, and no prior."""
    parameters = [model.config.parameters.get(name) for name in model.system.parameters]
    return Priors(prior_table(parameters), prior_table([model.config.initial.get(s) for s in model.system.states]))


@dataclass(frozen=True, eq=False)
class PriorTerms:
    """The priors of a fit on a batch (``Terms`` of Levenberg-Marquardt).

    Parameters
    ----------
    theta, table
        Positions in the trained vector that have a prior, and those priors.
    mapping
        From the trained numbers at these positions to physical ones.
    free, start_table, start_mapping
        The same for the free initial values of the rows.
    """

    size: int
    theta: Int[np.ndarray, " k"]
    table: PriorTable
    mapping: Bijection
    free: Bool[np.ndarray, "row state"]
    start_table: PriorTable
    start_mapping: Bijection

    def rows(self, at: Point) -> tuple[Away, Away]:
        """Distances from the priors, for theta and for free initial values, and their derivatives."""
        rho, slope = np.zeros(self.size), np.zeros(self.size)
        if len(self.theta):
            rho[self.theta], slope[self.theta] = _distance(self.table, self.mapping, at.theta[self.theta])
        away, by = np.zeros(at.free.shape), np.zeros(at.free.shape)
        if self.free.any():
            found, found_by = _distance(self.start_table, self.start_mapping, at.free)
            away, by = np.where(self.free, found, 0.0), np.where(self.free, found_by, 0.0)
        return Away(rho, slope), Away(away, by)


def _distance(
    table: PriorTable, mapping: Bijection, z: Float[np.ndarray, "*any n"]
) -> tuple[Float[np.ndarray, "*any n"], Float[np.ndarray, "*any n"]]:
    h = DIFFERENCE * (1.0 + np.abs(z))
    with np.errstate(all="ignore"):
        here, above, below = (_rho(table, mapping.forward(at)) for at in (z, z + h, z - h))
    return here, (above - below) / (2.0 * h)


def _rho(table: PriorTable, x: Float[np.ndarray, "*any n"]) -> Float[np.ndarray, "*any n"]:
    value = np.where(table.kind == LOG_NORMAL, np.log(np.maximum(x, TINY)), x)
    return np.where(table.kind == NONE, 0.0, (value - table.middle) / table.sd)
