"""Parts of fits with an encoder: coordinates of starts, histories, encoders, inference, scores."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from ndestudio.data.dataset import Column, Dataset, Dose, Trajectory
from ndestudio.errors import EquationError
from ndestudio.fitting.latent.coordinates import coordinates
from ndestudio.fitting.latent.encoder import READERS, encode, fresh_encoder, gaussian
from ndestudio.fitting.latent.history import History, histories, history_scales
from ndestudio.fitting.latent.inference import posterior
from ndestudio.fitting.latent.predict import crps, predict_run, simulator_of
from ndestudio.fitting.latent.result import LatentFit, StartPriors
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, PriorConfig
from ndestudio.model.encoders import free_states, not_identified
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import parse_system

PRIOR = PriorConfig(kind="normal", mean=2.0, sd=1.0)
DECAY = ModelConfig(
    equations="d(x)/dt = -k*x\ny = 2*x",
    parameters={"k": ParameterConfig(value=0.5, fixed=True)},
    initial={"x": InitialConfig(encoder="history", prior=PRIOR)},
)


def _run(name: str, t: list[float], y: list[float], **others: object) -> Trajectory:
    values = np.array(y)[:, None]
    return Trajectory(name, np.array(t), values, np.zeros((len(t), 0)), np.zeros(len(t), dtype=np.int8), **others)  # type: ignore[arg-type]


def _data(*runs: Trajectory) -> Dataset:
    return Dataset(runs, Column("t", "t"), (Column("y", "y"),))


def test_starts_follow_their_priors() -> None:
    config = ModelConfig(
        initial={
            "a": InitialConfig(encoder="history", prior=PRIOR),
            "b": InitialConfig(encoder="history", prior=PriorConfig(kind="log-normal", median=3.0, sd=0.5)),
            "c": InitialConfig(encoder="history", prior=PriorConfig(kind="uniform", lower=1.0, upper=5.0)),
            "d": InitialConfig(encoder="history", value=1.0),
        }
    )
    found = coordinates(config, ("a", "b", "c", "d"), np.array([1.0, 1.0, 1.0, 7.0]))
    z = np.array([[-1.0] * 4, [0.0] * 4, [1.0] * 4])
    expected = np.column_stack(
        [2.0 + z[:, 0], 3.0 * np.exp(0.5 * z[:, 1]), 1.0 + 4.0 * norm.cdf(z[:, 2]), 1.0 + 7.0 * z[:, 3]]
    )
    assert np.allclose(found.forward(z), expected)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"value": "2*k"}, "a formula gives it"),
        ({"shared": True}, "exclude each other"),
        ({"fit": False}, "leave out one"),
        ({"lower": 0.0}, "one bound alone"),
        ({"value": 1.0, "prior": PRIOR}, "leave `value` out"),
        ({"lower": 0.0, "prior": PRIOR}, "has no bounds"),
    ],
)
def test_settings_that_do_not_go_with_an_encoder(settings: dict[str, object], words: str) -> None:
    initial = InitialConfig(encoder="history", **settings)  # type: ignore[arg-type]
    config = ModelConfig(equations="d(x)/dt = -k*x", initial={"x": initial})
    with pytest.raises(EquationError, match=words):
        parse_system(config, ("x",), ())


def test_a_history_is_masked_and_holds_doses() -> None:
    run = _run("a", [0.0, 1.0, 2.5, 4.0], [1.0, np.nan, 3.0, 9.0], doses=(Dose(1.0, 6.0), Dose(3.5, 2.0)))
    data = _data(run, _run("b", [0.0, 1.0], [5.0, 7.0]))
    scales = history_scales(data, 3.0, np.array([False]))
    found = histories(data.trajectories, scales)
    assert found.valid.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found.present[..., 0].tolist() == [[1, 0, 1], [1, 1, 0]]
    assert found.values[0, 1, 0] == 0.0
    assert np.allclose(found.values[0, 2, 0], (3.0 - scales.center[0]) / scales.spread[0])
    assert np.allclose(found.known[0, :, 0], [0.0, 6.0 / 4.0, 6.0 / 4.0])
    assert np.allclose(found.t[0], [0.0, 1.0 / 3.0, 2.5 / 3.0])


@pytest.mark.parametrize("kind", READERS)
def test_encoders_do_not_see_padding_and_are_the_same_in_both_backends(kind: str) -> None:
    from ndestudio.solve.jax_backend import get_jax

    rng = np.random.default_rng(0)
    present = (rng.random((2, 4, 3)) > 0.4).astype(float)
    history = History(
        rng.normal(size=(2, 4, 3)) * present,
        present,
        rng.normal(size=(2, 4, 1)),
        np.tile([0.0, 0.2, 0.5, 0.9], (2, 1)),
        np.ones((2, 4)),
    )
    weights = fresh_encoder(kind, 5, 3, 1, 2, 0)  # type: ignore[arg-type]
    mean, factor = encode(kind, weights, history)
    wider = History(*(np.concatenate([part, np.zeros_like(part[:, :2])], axis=1) for part in history))
    assert np.allclose(encode(kind, weights, wider)[0], mean)
    assert np.allclose(np.triu(factor, 1), 0.0) and (np.diagonal(factor, axis1=-2, axis2=-1) > 0).all()
    hidden = history._replace(values=history.values + 3.0 * (1.0 - present))
    if kind != "gru":  # the path holds what was seen last
        assert np.allclose(encode(kind, weights, hidden)[0], mean)
    again, _ = encode(kind, weights, history, get_jax().numpy)
    assert np.allclose(np.asarray(again), mean)


def test_log_signature_is_that_of_the_path() -> None:
    """A closed square has no increment and an area of 1 (Levy area: Kidger 2022, On neural differential equations, 3.2)."""
    from ndestudio.fitting.latent.encoder import PROJECTED, _signature

    weights = {"project": np.zeros((PROJECTED, 3))}
    weights["project"][0, 1] = weights["project"][1, 2] = 1.0
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])[::-1]
    zeros = np.zeros((1, 5, 0))
    history = History(zeros, zeros, corners[None], np.zeros((1, 5)), np.ones((1, 5)))
    found = _signature(weights, history._replace(values=np.zeros((1, 5, 0))), np)
    assert np.allclose(found[0, PROJECTED : 2 * PROJECTED], 0.0, atol=1e-12)
    assert np.isclose(found[0, 2 * PROJECTED], 1.0)


def test_a_gaussian_of_four_has_all_its_covariances() -> None:
    out = np.random.default_rng(1).normal(size=(3, 14))
    mean, factor = gaussian(out)
    assert mean.shape == (3, 4) and factor.shape == (3, 4, 4)
    assert all((factor[:, i, j] != 0).all() for i, j in itertools.combinations_with_replacement(range(4), 2) if i >= j)


def _latent(data: Dataset, **others: Any) -> tuple[object, LatentFit]:
    model = initial_model(DECAY, data, 0)
    known = coordinates(model.config, model.system.states, np.ones(1))
    scales = history_scales(data, 1.5, np.array([False]))
    return model, LatentFit(
        ("x",), "none", "elbo", {}, StartPriors(*known), scales, {"y": 0.3}, steps=16, draws=2000, **others
    )


def test_inference_without_an_encoder_is_that_of_a_linear_model() -> None:
    """y = 2 x0 exp(-t/2) with normal noise and a normal prior: the posterior is known (Bishop 2006, section 2.3.3)."""
    t, y = [0.0, 1.0, 2.0, 4.0], [5.1, 3.3, 9.0, 9.0]
    model, latent = _latent(_data(_run("a", t, y)))
    run = _run("a", t, y)
    found = posterior(simulator_of(model, latent), [run], 2000, 0)  # type: ignore[arg-type]
    slope = 2.0 * np.exp(-0.5 * np.array(t[:2]))  # only the first two rows are history
    precision = 1.0 + (slope**2).sum() / 0.09
    mean = (2.0 + (slope * np.array(y[:2])).sum() / 0.09) / precision
    start = latent.coordinates.forward(found.z)[:, 0, 0]
    assert np.isclose((found.weights[:, 0] * start).sum(), mean, atol=0.01)
    spread = np.sqrt((found.weights[:, 0] * (start - mean) ** 2).sum())
    assert np.isclose(spread, precision**-0.5, rtol=0.1)
    prediction = predict_run(model, latent, run)  # type: ignore[arg-type]
    assert np.isclose(prediction.mean[3, 0], 2.0 * mean * np.exp(-2.0), atol=0.01)
    assert prediction.lower[3, 0] < prediction.median[3, 0] < prediction.upper[3, 0]
    assert prediction.effective > 500


def test_what_if_changes_only_what_comes_after_the_history() -> None:
    config = ModelConfig(
        equations="d(x)/dt = -k*x\ny = 2*x\nat doses: x += amount",
        parameters=DECAY.parameters,
        initial=DECAY.initial,
    )
    run = _run("a", [0.0, 1.0, 2.0, 4.0], [5.0, 3.0, 2.0, 1.0], doses=(Dose(2.0, 1.0),))
    data = _data(run)
    model = initial_model(config, data, 0)
    known = coordinates(model.config, model.system.states, np.ones(1))
    latent = LatentFit(
        ("x",),
        "none",
        "elbo",
        {},
        StartPriors(*known),
        history_scales(data, 1.5, np.array([False])),
        {"y": 0.3},
        steps=16,
    )
    given, other = predict_run(model, latent, run), predict_run(model, latent, run, doses=[Dose(2.0, 5.0)])
    early = predict_run(model, latent, run, doses=[Dose(0.5, 50.0), Dose(2.0, 1.0)])
    assert np.allclose(given.mean[:2], other.mean[:2])
    assert np.isclose(other.mean[3, 0] - given.mean[3, 0], 2.0 * 4.0 * np.exp(-1.0), rtol=1e-3)
    assert np.allclose(early.mean, given.mean), "a dose within the history was given or not, whatever is asked"


def test_crps_of_a_normal_distribution() -> None:
    """Against the closed form (Gneiting and Raftery 2007, equation 21)."""
    draws = norm.ppf((np.arange(4000) + 0.5) / 4000)[None]
    z = 0.7
    exact = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    assert np.isclose(crps(draws, np.array([z]))[0], exact, atol=1e-3)


def test_which_terms_the_data_cannot_tell() -> None:
    from ndestudio.model.config import NetworkConfig

    config = ModelConfig(
        equations="d(D)/dt = -k*D - f(D)\nhidden Z = h(D, Z)\nm_1, m_2 = g(D, Z)\nm_3 = q(D)",
        networks={name: NetworkConfig(depth=0) for name in "fhgq"},
    )
    system = parse_system(config, ("m_1", "m_2", "m_3"), ())
    loose = not_identified(system, ("m_1", "m_2", "m_3"))
    assert set(loose) >= {"h_Z", "g_m_1", "g_m_2"} and "nobody measures" in loose["h_Z"]
    shown = ModelConfig(
        equations="d(D)/dt = -k*D - f(D)\nhidden Z = h(D, Z)\nm_1 = D\nm_2 = 2*Z + 1",
        networks={name: NetworkConfig() for name in "fh"},
    )
    system = parse_system(shown, ("m_1", "m_2"), ())
    assert free_states(system) == () and not_identified(system, ("m_1", "m_2")) == {}
