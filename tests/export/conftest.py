"""Models with everything exporting can meet, made by hand so that nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Source, Trajectory
from ndestudio.export.content import Origin
from ndestudio.expression.parse import parse_expression
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel, Replacement
from ndestudio.model.metrics import Metrics
from ndestudio.model.networks import fresh_network
from ndestudio.model.parse import parse_system

ORIGIN = Origin(
    program="NDE Studio 0.1.0",
    date="2026-11-22",
    seed=3,
    engine="evolution",
    sources=(Source("folder/lynx.csv", "ab" * 32),),
    metrics=Metrics(train={"hare": 0.1234, "mean": 0.1}, test={"hare": 0.5, "mean": 0.5}),
    notes=('a "quoted" note */ with \\ and ??/ and $(x) and %d',),
)


def dataset(names, units=(), inputs=(), trajectories=1, rows=21, span=10.0):
    t = np.linspace(0.0, span, rows)
    made = []
    for index in range(trajectories):
        measured = np.stack([2.0 + np.sin(t + index + k) for k in range(len(names))], axis=-1)
        forcing = (
            np.stack([1.0 + 0.5 * np.cos(0.7 * t + k) for k in range(len(inputs))], axis=-1)
            if inputs
            else np.zeros((rows, 0))
        )
        if inputs:
            forcing[3, 0] = np.nan
        part = np.array([0] * (rows - 6) + [1] * 3 + [2] * 3, dtype=np.int8)
        made.append(Trajectory(f"run {index}'s", t, measured, forcing, part))
    columns = tuple(Column(name, name, unit) for name, unit in zip(names, units or [""] * len(names), strict=True))
    return Dataset(
        tuple(made),
        Column("t", "time", "year"),
        columns,
        tuple(Column(name, name, "µmol/s") for name in inputs),
        (Source("folder/lynx.csv", "ab" * 32),),
    )


@pytest.fixture
def predator_prey() -> tuple[FittedModel, Dataset]:
    """Distilled: one hole replaced, names that are reserved words somewhere."""
    config = ModelConfig(
        name="Lynx & hare",
        equations="d(hare)/dt = lambda*hare - predation(hare, lynx)\nd(lynx)/dt = end*hare*lynx - double*lynx",
        parameters={
            "lambda": ParameterConfig(unit="1/year", note="birth rate"),
            "double": ParameterConfig(unit="1/year"),
        },
    )
    data = dataset(("hare", "lynx"), ("thousand pelts", "thousand pelts"))
    system = parse_system(
        ModelConfig(
            equations="d(hare)/dt = lambda*hare - predation_1*hare*lynx\nd(lynx)/dt = end*hare*lynx - double*lynx"
        ),
        ("hare", "lynx"),
        (),
    )
    body = parse_expression("predation_1*hare*lynx")
    model = FittedModel(
        config,
        system,
        {"lambda": 0.8123456789012345, "predation_1": 0.4, "end": 0.3, "double": 1.1},
        {},
        {"run 0's": np.array([2.5, 1.5])},
        ("hare", "lynx"),
        scale=np.array([2.0, 1.0]),
        replacements={"predation": Replacement(("hare", "lynx"), body, ("predation_1",))},
    )
    return model, data


@pytest.fixture
def epidemic() -> tuple[FittedModel, Dataset]:
    """Names that SymPy and MATLAB use, an observed output, functions of all kinds, hidden states."""
    text = (
        "d(S)/dt = -beta*S*I/N - min(S, 0.01)*abs(sin(t))\n"
        "d(I)/dt = beta*S*I/N - gamma*I^1.5 + 1e-3*max(E, S)^2*exp(-I)\n"
        "d(E)/dt = tanh(S - I) - E/(1 + E^2) - -2.5e-7*sqrt(S) + log(1 + S)/pi*cos(t) - (E - (S - I))\n"
        "in_bed = scale*I\n"
    )
    values = {"beta": 1.9, "N": 1.0, "gamma": 0.5, "scale": 763.0}
    config = ModelConfig(
        equations=text, parameters={name: ParameterConfig(value=value) for name, value in values.items()}
    )
    system = parse_system(config, ("in_bed",), ())
    initial = {"run 0's": np.array([0.99, 0.01, 0.1]), "run 1's": np.array([0.8, 0.2, 0.0])}
    model = FittedModel(config, system, values, {}, initial, ("in_bed",), scale=np.array([1.0, 0.3, 0.5]))
    return model, dataset(("in_bed",), ("pupils",), trajectories=2)


@pytest.fixture
def driven() -> tuple[FittedModel, Dataset]:
    """Holes that are still neural, with every constraint and activation, and a measured input with a gap."""
    text = "d(x)/dt = f(x, u) - g(y)*k + h(x)\nd(y)/dt = w(x, y) - y + 0.1*u + v(y)"
    networks = {
        "f": NetworkConfig(width=5, depth=2, activation="tanh", sign="positive"),
        "g": NetworkConfig(width=4, depth=1, activation="softplus", monotone={"y": "increasing"}, lower=0.0, upper=2.0),
        "h": NetworkConfig(width=4, depth=2, activation="gelu", factor=("x",)),
        "w": NetworkConfig(width=6, depth=2, activation="swish", monotone={}, sign="negative"),
        "v": NetworkConfig(width=4, depth=2, activation="sin", upper=1.0),
    }
    config = ModelConfig(equations=text, networks=networks, parameters={"k": ParameterConfig(value=0.7)})
    system = parse_system(config, ("x", "y"), ("u",))
    weights = {
        hole.name: fresh_network(
            hole.name,
            networks[hole.name],
            hole.arguments,
            seed=1,
            center=np.full(len(hole.arguments), 0.3),
            scale=np.full(len(hole.arguments), 1.7),
            output_scale=0.9,
        )
        for hole in system.holes
    }
    model = FittedModel(
        config,
        system,
        {"k": 0.7},
        weights,
        {"run 0's": np.array([0.5, -0.4])},
        ("x", "y"),
        ("u",),
        np.array([1.0, 1.0]),
    )
    return model, dataset(("x", "y"), inputs=("u",))
