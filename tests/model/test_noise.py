"""Noise in equations: what is read, converted, shown, and what refuses it."""

from dataclasses import replace

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data.dataset import Column, Dataset, Trajectory
from ndestudio.errors import EquationError, ExportError
from ndestudio.export.registry import EXPORTERS
from ndestudio.model.analysis import analyse
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.diffusion import diffusion_networks, is_additive, sde_text, to_ito, to_stratonovich
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import parse_system
from ndestudio.model.replace import numbers_filled


def read(equations, networks=(), **settings):
    config = ModelConfig(equations=equations, networks={name: NetworkConfig() for name in networks}, **settings)
    return parse_system(config, (), ())


def data():
    t = np.linspace(0.0, 1.0, 30)
    x = 1.0 + 0.1 * np.cumsum(np.random.default_rng(0).normal(size=30))
    one = Trajectory("run", t, x[:, None], np.zeros((30, 0)), np.zeros(30, dtype=np.int8))
    return Dataset((one,), Column("t", "t"), (Column("x", "x"),))


def test_drift_and_diffusion_are_told_apart():
    system = read("d(x)/dt = a*x - f(x) + s(x)*noise", ("f", "s"))
    assert sde_text(system) == ["dx = (a*x - f(x)) dt + (s(x)) dW"]
    assert system.parameters == ("a",)
    assert diffusion_networks(system) == {"s": True}


def test_several_noises_through_quantities():
    system = read("push = b*noise_1\nd(x)/dt = -x + (x*push - 2*noise_2)/k\nd(y)/dt = -y + push")
    assert sde_text(system) == ["dx = (-x) dt + (x*b/k) dW_1 + (-2/k) dW_2", "dy = (-y) dt + (b) dW_1"]
    assert "push" not in system.outputs


def test_calculi_are_converted():
    system = read("d(x)/dt = m*x + s*x*noise")
    assert sde_text(to_stratonovich(system)) == ["dx = (m*x - 0.5*(s*x*s)) dt + (s*x) dW"]
    back = to_ito(to_stratonovich(system))
    from ndestudio.expression import evaluate

    values = {"x": 1.3, "m": 0.4, "s": 0.7}
    assert evaluate(back.rhs[0], values) == pytest.approx(0.4 * 1.3)
    assert is_additive(read("d(x)/dt = -x + s*noise")) and not is_additive(system)
    with pytest.raises(EquationError, match="derivative of the network `s`"):
        to_stratonovich(read("d(x)/dt = -x + s(x)*noise", ("s",)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("d(x)/dt = -x*noise^2", "`noise` stands in `noise\\^2`; a noise can only be multiplied"),
        ("d(x)/dt = exp(noise_a)", "`noise_a` stands in"),
        ("d(x)/dt = -x(t - 1) + noise", "cannot have delays yet"),
        ("d(x)/dt = -x + noise\nat t = 3: x = 2", "cannot have events yet"),
    ],
)
def test_mistakes_are_told(text, sentence):
    with pytest.raises(EquationError, match=sentence):
        read(text)


def test_a_measured_quantity_reads_no_noise():
    with pytest.raises(EquationError, match="`y` is measured and reads a noise"):
        parse_system(ModelConfig(equations="d(x)/dt = -x + noise\ny = x + noise"), ("y",), ())


def test_a_declared_parameter_is_no_noise():
    system = read("d(x)/dt = -x + noise", parameters={"noise": ParameterConfig(value=2.0)})
    assert system.parameters == ("noise",) and not system.diffusion


def test_noise_is_shown_and_no_parameter():
    config = ModelConfig(equations="d(x)/dt = -x + s*noise")
    assert analyse(config, ("x",), ()).parameters == ("s",)
    model = initial_model(config, data(), 0)
    assert nde.to_text(numbers_filled(model)["x"]) == "-x + noise"


def test_networks_of_diffusions_are_positive():
    config = ModelConfig(
        equations="d(x)/dt = -f(x) + s(x)*noise", networks={"f": NetworkConfig(), "s": NetworkConfig()}
    )
    model = initial_model(config, data(), 0)
    assert model.networks["s"].config.sign == "positive" and model.networks["f"].config.sign == "any"
    assert 0.1 < model.networks["s"].output_scale < 2.0


CONFIG = ModelConfig(
    equations="d(x)/dt = -k*x + 0.3*noise", initial={"x": InitialConfig(value=1.0)}, networks={"f": NetworkConfig()}
)
MODEL = replace(nde.stated_model(CONFIG), measured=("x",))
REFUSING = {
    "simulate": lambda: nde.simulate(MODEL, np.linspace(0, 1, 5), np.array([1.0])),
    "simulate_trajectory": lambda: nde.simulate_trajectory(MODEL, data(), data().trajectories[0]),
    "score": lambda: nde.score(MODEL, data()),
    "residuals": lambda: nde.residuals(MODEL, data()),
    "profile": lambda: nde.profile(MODEL, data(), "k"),
    "refit": lambda: nde.refit(MODEL, data()),
    "recovery_test": lambda: nde.recovery_test(CONFIG, data(), nde.RecoveryConfig()),
    "fitted_ground_truth": lambda: nde.fitted_ground_truth(CONFIG, data(), nde.RecoveryConfig(), nde.TrainConfig()),
}


@pytest.mark.parametrize("name", REFUSING)
def test_what_does_not_know_noise_says_so(name):
    with pytest.raises(EquationError, match="driven by `noise`"):
        REFUSING[name]()


@pytest.mark.parametrize("name", EXPORTERS.known())
def test_exports_know_noise_or_refuse_it(name):
    if EXPORTERS.get(name).noise:
        return
    with pytest.raises(ExportError, match="driven by the noise"):
        nde.artefact(MODEL, name)
