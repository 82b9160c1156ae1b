"""The law of the noise of one measured column: its density, score, expected information and what a fit makes of them.

A fit by weighted least squares to the working values ``f + s / I`` under the weights ``I`` (``f``: prediction, ``s``: slope of
the log density by it, ``I``: its expected square), taken in turns, is Fisher scoring: it stands still where the likelihood is
stationary (Green 1984, J. R. Stat. Soc. B 46, 149; McCullagh and Nelder 1989, Generalized Linear Models, section 2.5).
Where the variance of normal noise follows the prediction, the slope is that at a given variance (generalised least squares:
Carroll and Ruppert 1988, Transformation and Weighting in Regression, chapter 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float

LawKind = Literal["constant", "proportional", "student", "poisson", "negative_binomial"]
COUNTS: tuple[LawKind, ...] = ("poisson", "negative_binomial")
FEWEST_COUNTS = 1e-3
"""Expected count below which a prediction is taken for this one: a count has no density where none is expected."""
LEAST = 1e-14
"""Smallest information, as a part of that of a measured value: far beyond a limit a value says nothing."""

Values = Float[np.ndarray, " value"]
Ends: TypeAlias = Float[np.ndarray, "value 2"] | None


@dataclass(frozen=True)
class NoiseLaw:
    """Density of a value given its prediction, both as compared (logarithms where asked for).

    Parameters
    ----------
    constant, proportional
        Of normal noise and (constant) Student's t: sigma^2 = constant^2 + (proportional * prediction)^2.
    freedom
        Degrees of freedom of Student's t.
    dispersion
        Of the negative binomial: variance = mean + dispersion * mean^2.
    below, above
        Values at or beyond are known to lie beyond only (normal noise).
    resolution
        Values are rounded to multiples of it: each is known to lie half of it to both sides (normal noise); 0: exact.
    cells
        Whether some values have ends of their own (normal noise), which go with the values into each method: ``ends[value, 2]``,
        lower and upper (NaN: the value is known itself).
    """

    kind: LawKind
    constant: float = 1.0
    proportional: float = 0.0
    freedom: float = 4.0
    dispersion: float = 0.0
    below: float = -np.inf
    above: float = np.inf
    resolution: float = 0.0
    cells: bool = False

    @property
    def censored(self) -> bool:
        return self.cells or np.isfinite(self.below) or np.isfinite(self.above) or self.resolution > 0

    def floored(self, predicted: Values) -> Values:
        """Predictions as the law takes them: expected counts from ``FEWEST_COUNTS`` on."""
        return np.maximum(predicted, FEWEST_COUNTS) if self.kind in COUNTS else predicted

    def scale(self, predicted: Values, weight: Values | float = 1.0) -> Values:
        """sigma of normal noise and of Student's t."""
        return np.sqrt((self.constant**2 + (self.proportional * predicted) ** 2) / weight)

    def variance(self, predicted: Values) -> Values:
        """Of a value of weight 1; infinite for Student's t up to two degrees of freedom."""
        mean = self.floored(predicted)
        if self.kind in COUNTS:
            return mean + self.dispersion * mean**2
        square = self.scale(predicted) ** 2
        if self.kind == "student":
            return square * (self.freedom / (self.freedom - 2.0) if self.freedom > 2.0 else np.inf)
        return square

    def interval(self, observed: Values, ends: Ends = None) -> tuple[Values, Values]:
        """Where a value is known to lie; both ends equal where it is known itself."""
        half = 0.5 * self.resolution
        low = np.where(observed <= self.below, -np.inf, np.where(observed >= self.above, self.above, observed - half))
        high = np.where(observed >= self.above, np.inf, np.where(observed <= self.below, self.below, observed + half))
        if ends is not None:
            low = np.where(np.isnan(ends[..., 0]), low, ends[..., 0])
            high = np.where(np.isnan(ends[..., 1]), high, ends[..., 1])
        return low, high

    def log_density(
        self, predicted: Values, observed: Values, weight: Values | float = 1.0, ends: Ends = None
    ) -> Values:
        """Logarithm of the density, or of the probability of counts and of intervals.

        A weight divides sigma^2, and multiplies the logarithm for counts.
        """
        if self.kind in COUNTS:
            return weight * self._log_probability(self.floored(predicted), observed)
        sigma = self.scale(predicted, weight)
        z = (observed - predicted) / sigma
        if self.kind == "student":
            return scipy.stats.t.logpdf(z, self.freedom) - np.log(sigma)
        exact = -0.5 * z**2 - np.log(sigma) - 0.5 * np.log(2.0 * np.pi)
        if not self.censored:
            return exact
        low, high = self.interval(observed, ends)
        within = log_between((low - predicted) / sigma, (high - predicted) / sigma)
        return np.where(low < high, within, exact)

    def _log_probability(self, mean: Values, observed: Values) -> Values:
        gammaln = scipy.special.gammaln
        if self.kind == "poisson" or self.dispersion <= 0:
            return scipy.special.xlogy(observed, mean) - mean - gammaln(observed + 1.0)
        size, part = 1.0 / self.dispersion, self.dispersion * mean
        return (
            gammaln(observed + size)
            - gammaln(size)
            - gammaln(observed + 1.0)
            - size * np.log1p(part)
            + scipy.special.xlogy(observed, part / (1.0 + part))
        )

    def score(self, predicted: Values, observed: Values, weight: Values | float = 1.0, ends: Ends = None) -> Values:
        """Slope of the log density by the prediction, sigma held."""
        if self.kind in COUNTS:
            mean = self.floored(predicted)
            return weight * (observed - mean) / self.variance(predicted)
        sigma = self.scale(predicted, weight)
        z = (observed - predicted) / sigma
        if self.kind == "student":
            return (self.freedom + 1.0) * z / (self.freedom + z**2) / sigma
        if not self.censored:
            return z / sigma
        low, high = self.interval(observed, ends)
        a, b = (low - predicted) / sigma, (high - predicted) / sigma
        with np.errstate(all="ignore"):
            mass = log_between(a, b)
            away = np.exp(log_normal(a) - mass) - np.exp(log_normal(b) - mass)
        return np.where(low < high, away, z) / sigma

    def information(self, predicted: Values, weight: Values | float = 1.0) -> Values:
        """Expected square of the score; of rounded values that of their sum with the error of rounding."""
        if self.kind in COUNTS:
            return weight / self.variance(predicted)
        sigma = self.scale(predicted, weight)
        if self.kind == "student":
            return (self.freedom + 1.0) / (self.freedom + 3.0) / sigma**2
        a, b = (self.below - predicted) / sigma, (self.above - predicted) / sigma
        inside = 1.0 / (1.0 + self.resolution**2 / 12.0 / sigma**2)
        found = (scipy.special.ndtr(b) - scipy.special.ndtr(a)) * inside
        with np.errstate(all="ignore"):
            for end, sign in ((a, 1.0), (b, -1.0)):
                if np.isfinite(end).any():
                    beyond = np.exp(2.0 * log_normal(end) - scipy.special.log_ndtr(sign * end))
                    found = found + sign * end * np.exp(log_normal(end)) * inside + beyond
        return np.maximum(np.where(np.isfinite(found), found, 0.0), LEAST) / sigma**2

    def working(
        self,
        predicted: Values,
        observed: Values,
        weight: Values | float = 1.0,
        *,
        scoring: bool = True,
        ends: Ends = None,
    ) -> tuple[Values, Values]:
        """Values and weights of a least-squares fit that moves towards the maximum of the likelihood.

        Parameters
        ----------
        scoring
            By expected information: these are the weights that tell how sure the fit is (with ends of single values by the curvature,
            since limits of the others are not known). Else by the curvature of the log
            density, which normal noise with limits has everywhere, and of Student's t by its weights of expectation and
            maximisation, under which no round is less likely than the one before (Lange, Little and Taylor 1989, J. Am. Stat.
            Assoc. 84, 881).
        """
        if self.kind == "student" and not scoring:
            sigma = self.scale(predicted, weight)
            z = (observed - predicted) / sigma
            return observed, (self.freedom + 1.0) / (self.freedom + z**2) / sigma**2
        if self.kind != "student" and not self.censored:
            return observed, self.information(predicted, weight)
        by_curvature = not scoring or self.cells
        known = (
            self._curvature(predicted, observed, weight, ends) if by_curvature else self.information(predicted, weight)
        )
        return predicted + self.score(predicted, observed, weight, ends) / known, known

    def _curvature(self, predicted: Values, observed: Values, weight: Values | float, ends: Ends) -> Values:
        """Minus the second derivative of the log density of normal noise with limits by the prediction, sigma held."""
        sigma = self.scale(predicted, weight)
        low, high = self.interval(observed, ends)
        a, b = (low - predicted) / sigma, (high - predicted) / sigma
        with np.errstate(all="ignore"):
            mass = log_between(a, b)
            at = [np.where(np.isfinite(z), z * np.exp(log_normal(z) - mass), 0.0) for z in (a, b)]
            found = (self.score(predicted, observed, weight, ends) * sigma) ** 2 - (at[0] - at[1])
        # far beyond a limit differences of large numbers are left
        return np.where(low < high, np.clip(np.where(np.isfinite(found), found, 1.0), 1e-6, 1.0), 1.0) / sigma**2

    @property
    def moves_values(self) -> bool:
        """Whether working values are others than those measured, or their weights follow them."""
        return self.kind == "student" or self.censored

    def quantile_residuals(
        self,
        predicted: Values,
        observed: Values,
        weight: Values | float = 1.0,
        ends: Ends = None,
        generator: np.random.Generator | None = None,
    ) -> Values:
        """Residuals that are standard normal where the law holds (Dunn and Smyth 1996, J. Comput. Graph. Stat. 5, 236).

        Parameters
        ----------
        generator
            Draws within what a count or a limit leaves open, as the residuals need to be normal; None: the middle of it.
        """

        def of(low: Values, high: Values) -> Values:
            part = 0.5 if generator is None else generator.uniform(size=np.shape(low))
            return scipy.special.ndtri(np.clip(low + part * (high - low), 1e-15, 1.0 - 1e-15))

        if self.kind in COUNTS:
            law = self._counts(predicted)
            return of(law.cdf(observed - 1), law.cdf(observed))
        sigma = self.scale(predicted, weight)
        z = (observed - predicted) / sigma
        if self.kind == "student":
            return -np.sign(z) * scipy.special.ndtri(np.maximum(scipy.stats.t.sf(np.abs(z), self.freedom), 1e-300))
        low, high = self.interval(observed, ends)
        within = of(scipy.special.ndtr((low - predicted) / sigma), scipy.special.ndtr((high - predicted) / sigma))
        return np.where(low < high, within, z)

    def quantile(self, predicted: Values, probability: float) -> Values:
        """What a value of weight 1 is at most with this probability; limits of detection and rounding aside."""
        if self.kind in COUNTS:
            return self._counts(predicted).ppf(probability).astype(float)
        z = scipy.special.ndtri(probability)
        if self.kind == "student":
            z = float(scipy.stats.t.ppf(probability, self.freedom))
        return predicted + z * self.scale(predicted)

    def _counts(self, predicted: Values) -> Any:
        """The distribution of counts."""
        mean = self.floored(predicted)
        if self.kind == "poisson" or self.dispersion <= 0:
            return scipy.stats.poisson(mean)
        return scipy.stats.nbinom(1.0 / self.dispersion, 1.0 / (1.0 + self.dispersion * mean))

    def drawn(self, predicted: Values, generator: np.random.Generator, weight: Values | float = 1.0) -> Values:
        """Values such as could be measured; those beyond a limit of the column are that limit."""
        if self.kind == "poisson" or (self.kind == "negative_binomial" and self.dispersion <= 0):
            return generator.poisson(self.floored(predicted)).astype(float)
        if self.kind == "negative_binomial":
            mean = self.floored(predicted)
            p = 1.0 / (1.0 + self.dispersion * mean)
            return generator.negative_binomial(1.0 / self.dispersion, p).astype(float)
        if self.kind == "student":
            return predicted + self.scale(predicted, weight) * generator.standard_t(self.freedom, predicted.shape)
        found = predicted + self.scale(predicted, weight) * generator.normal(size=predicted.shape)
        if self.resolution > 0:
            found = self.resolution * np.round(found / self.resolution)
        return np.clip(found, self.below, self.above)


def log_normal(z: Values) -> Values:
    return -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)


def log_between(a: Values, b: Values) -> Values:
    """Logarithm of the probability of a standard normal value between ``a`` and ``b``, exact in both tails."""
    turned = a > 0
    a, b = np.where(turned, -b, a), np.where(turned, -a, b)
    with np.errstate(all="ignore"):
        upper, lower = scipy.special.log_ndtr(b), scipy.special.log_ndtr(a)
        return upper + np.log1p(-np.exp(np.minimum(lower - upper, 0.0)))
