"""Densities of noise against SciPy, scores against differences, information against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from ndestudio.problem.noise_law import FEWEST_COUNTS, NoiseLaw

F = np.array([0.3, 1.0, 2.5, 7.0, 40.0])
LAWS = (
    NoiseLaw("constant", 0.7),
    NoiseLaw("proportional", 0.2, 0.3),
    NoiseLaw("student", 0.7, freedom=3.5),
    NoiseLaw("poisson"),
    NoiseLaw("negative_binomial", dispersion=0.3),
    NoiseLaw("constant", 0.9, below=1.5, above=9.0),
    NoiseLaw("constant", 0.4, resolution=1.0),
)


def test_densities_are_those_of_scipy() -> None:
    y, k = np.array([0.1, 1.9, 2.0, 9.0, 30.0]), np.array([0.0, 2.0, 1.0, 11.0, 35.0])
    sigma, alpha = np.hypot(0.2, 0.3 * F), 0.3
    expected = (
        (LAWS[0], y, scipy.stats.norm.logpdf(y, F, 0.7)),
        (LAWS[1], y, scipy.stats.norm.logpdf(y, F, sigma)),
        (LAWS[2], y, scipy.stats.t.logpdf(y, 3.5, F, 0.7)),
        (LAWS[3], k, scipy.stats.poisson.logpmf(k, F)),
        (LAWS[4], k, scipy.stats.nbinom.logpmf(k, 1 / alpha, 1 / (1 + alpha * F))),
    )
    for law, values, truth in expected:
        np.testing.assert_allclose(law.log_density(F, values), truth, rtol=1e-10, atol=1e-10)
    f, values = np.array([1.0, 2.5, 9.5]), np.array([1.5, 4.0, 9.0])
    truth = [scipy.stats.norm.logcdf(1.5, 1.0, 0.9), scipy.stats.norm.logpdf(4.0, 2.5, 0.9)]
    truth.append(scipy.stats.norm.logsf(9.0, 9.5, 0.9))
    np.testing.assert_allclose(LAWS[5].log_density(f, values), truth, rtol=1e-10)
    between = np.log(np.diff(scipy.stats.norm.cdf([2.5, 3.5], 2.2, 0.4)))
    np.testing.assert_allclose(LAWS[6].log_density(np.array([2.2]), np.array([3.0])), between, rtol=1e-10)


@pytest.mark.parametrize("law", LAWS)
def test_scores_are_the_slopes_of_the_log_density(law: NoiseLaw) -> None:
    y = np.array([0.0, 2.0, 1.0, 9.0, 38.0])
    held = NoiseLaw(law.kind, 1.0) if law.proportional else law
    h = 1e-5 * F
    slope = (held.log_density(F + h, y, 2.0) - held.log_density(F - h, y, 2.0)) / (2 * h)
    np.testing.assert_allclose(held.score(F, y, 2.0), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("law", [law for law in LAWS if not law.resolution])
def test_the_information_is_the_mean_square_of_the_score_of_values_drawn(law: NoiseLaw) -> None:
    generator = np.random.default_rng(1)
    for f in (1.0, 7.0):
        predicted = np.full(200_000, f)
        drawn = law.drawn(predicted, generator)
        score = law.score(predicted, drawn)
        assert np.mean(score**2) == pytest.approx(law.information(predicted)[0], rel=0.03)
        assert abs(np.mean(score)) < 0.015 * np.sqrt(law.information(predicted)[0])
        if not law.censored and law.kind != "student":
            assert np.var(drawn) == pytest.approx(law.variance(predicted)[0], rel=0.03)


def test_tails_and_limits_far_away_stay_finite() -> None:
    law = NoiseLaw("constant", 0.01, below=1.0)
    f = np.array([0.0, 1.0, 2.0, 50.0])
    found = [law.log_density(f, np.full(4, 1.0)), law.score(f, np.full(4, 1.0)), law.information(f)]
    assert np.isfinite(found).all()
    assert found[1][0] == pytest.approx(0.0, abs=1e-12)
    assert found[1][3] == pytest.approx(-4900.0 / 0.01, rel=1e-4)


def test_counts_where_none_are_expected_take_the_floor() -> None:
    law = NoiseLaw("poisson")
    found = law.log_density(np.array([-3.0, 0.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(found, [-FEWEST_COUNTS, np.log(FEWEST_COUNTS) - FEWEST_COUNTS], rtol=1e-12)


def test_residuals_of_what_was_drawn_are_standard_normal() -> None:
    generator = np.random.default_rng(2)
    for law in LAWS[:5]:
        predicted = np.full(20_000, 30.0)
        found = law.quantile_residuals(predicted, law.drawn(predicted, generator))
        assert abs(found.mean()) < 0.03 and found.std() == pytest.approx(1.0, abs=0.03)
