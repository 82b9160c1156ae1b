"""Models with everything exporting can meet, made by hand so that nothing is trained."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Source, Trajectory
from ndestudio.export.content import Origin
from ndestudio.expression.parse import parse_expression
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel, Replacement
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
    """Distilled: one neural term replaced, names that are reserved words somewhere."""
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
    """Terms that are still neural, with every constraint and activation, and a measured input with a gap."""
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
        neural_term.name: fresh_network(
            neural_term.name,
            networks[neural_term.name],
            neural_term.arguments,
            seed=1,
            center=np.full(len(neural_term.arguments), 0.3),
            scale=np.full(len(neural_term.arguments), 1.7),
            output_scale=0.9,
        )
        for neural_term in system.neural_terms
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


def finished_project(noise: float = 0.06, seed: int = 4):
    """A predator-prey job with all results: one neural term distilled, `growth` left neural; nothing in it was
    trained."""
    from ndestudio.data.config import DataConfig
    from ndestudio.data.dataset import Part
    from ndestudio.distil.result import Distillation, NeuralTermDistillation, NeuralTermSamples, ScoredCandidate
    from ndestudio.fitting.metrics import score
    from ndestudio.fitting.result import Fit, Outcome, StageHistory
    from ndestudio.model.replace import replace_neural_term
    from ndestudio.project.project import Project, Spec
    from ndestudio.solve.device import Device
    from ndestudio.symbolic.front import Candidate, Front

    config = ModelConfig(
        equations="d(hare)/dt = alpha*hare - predation(hare, lynx)\nd(lynx)/dt = growth(hare, lynx) - delta*lynx",
        parameters={"alpha": ParameterConfig(unit="1/year"), "delta": ParameterConfig(unit="1/year")},
        networks={"predation": NetworkConfig(width=24, depth=1), "growth": NetworkConfig(width=24, depth=1)},
    )
    truth = parse_system(
        ModelConfig(equations="d(hare)/dt = 0.55*hare - 0.028*hare*lynx\nd(lynx)/dt = 0.026*hare*lynx - 0.84*lynx"),
        ("hare", "lynx"),
        (),
    )
    exact = FittedModel(
        ModelConfig(), truth, {}, {}, {"all": np.array([30.0, 4.0])}, ("hare", "lynx"), scale=np.array([20.0, 10.0])
    )
    from ndestudio.solve.scipy_reference import simulate

    t = np.arange(0.0, 21.0)
    clean = simulate(exact, t, exact.initial["all"]).states
    rng = np.random.default_rng(seed)
    measured = clean * np.exp(noise * rng.normal(size=clean.shape))
    measured[9, 1] = np.nan
    part = np.array([Part.TRAIN] * 15 + [Part.VALIDATION] * 3 + [Part.TEST] * 3, dtype=np.int8)
    columns = (Column("hare", "hare", "thousand pelts"), Column("lynx", "lynx", "thousand pelts"))
    data = Dataset(
        (Trajectory("all", t + 1900, measured, np.zeros((21, 0)), part),),
        Column("t", "year"),
        columns,
        (),
        (Source("lynx_hare.csv", "cd" * 32),),
        ("Column `year` is taken as time.",),
    )
    X = clean[:15].repeat(8, axis=0) * np.exp(0.02 * rng.normal(size=(120, 2)))
    networks = {
        name: _taught(name, config.networks[name], X, factor * X[:, 0] * X[:, 1])
        for name, factor in (("predation", 0.028), ("growth", 0.026))
    }
    system = parse_system(config, ("hare", "lynx"), ())
    trained = FittedModel(
        config,
        system,
        {"alpha": 0.55, "delta": 0.84},
        networks,
        {"all": np.array([30.0, 4.0])},
        ("hare", "lynx"),
        scale=np.array([20.0, 10.0]),
    )
    texts = (
        ("19.2", 1, 1.0),
        ("0.61*hare", 3, 0.31),
        ("0.028*hare*lynx", 5, 2.1e-5),
        ("0.0281*hare*(lynx + 0.02)", 7, 1.7e-5),
        ("0.028*hare*lynx + 0.01*sin(hare)", 10, 1.6e-5),
    )
    candidates = tuple(Candidate(size, loss, parse_expression(text)) for text, size, loss in texts)
    scored = []
    for candidate in candidates:
        model = replace_neural_term(trained, "predation", candidate.expression)
        scored.append(ScoredCandidate(candidate, model, score(model, data)))
    samples = NeuralTermSamples("predation", ("hare", "lynx"), X, 0.028 * X[:, 0] * X[:, 1], np.ones(120))
    neural_term = NeuralTermDistillation(
        samples,
        Front(candidates, 3, 120_000, 4.2, 2, "x"),
        tuple(scored),
        2,
        "Held-out error falls no further beyond complexity 5.",
    )
    steps = np.arange(0.0, 200.0, 5.0)
    history = (
        StageHistory("collocation", steps, 0.3 * np.exp(-steps / 40) + 0.02, np.full(40, np.nan), 0.9, 0.7),
        StageHistory("shooting", 3 * steps, np.exp(-steps / 60) + 0.01, 1.2 * np.exp(-steps / 70) + 0.02, 3.1, 1.0),
        StageHistory(
            "trajectory", steps, 0.1 * np.exp(-steps / 30) + 2e-3, 0.15 * np.exp(-steps / 40) + 4e-3, 4.0, 1.0
        ),
    )
    fit = Fit(
        Outcome.CONVERGED, "Converged: the validation error stopped falling.", trained, score(trained, data), 0,
        Device("cpu", "2 cores", "JAX sees no GPU."), history, (), {"compiling": 2.7, "shooting": 3.1, "trajectory": 4.0},
        {"hare": 1.9, "lynx": 1.1}, {"alpha": (0.51, 0.59)}, (), ("The data hold 1 missing value.",),
    )  # fmt: skip
    distillation = Distillation(
        "done",
        "One neural term replaced by a formula.",
        {"predation": neural_term},
        scored[2].model,
        scored[2].metrics,
        "evolution",
        0,
        {"search": 4.2, "refit": 1.3},
        (),
    )
    spec = Spec(name="Lynx & <hare>", data=DataConfig(files=("lynx_hare.csv",)), model=config)
    return Project(spec, data, fit, distillation, {"predation": 2})


def _taught(name, config, X, y):
    """A network whose last layer is a least-squares fit: as good as trained, in no time."""
    from dataclasses import replace

    from ndestudio.model.networks import apply_network

    fresh = fresh_network(
        name, config, ("hare", "lynx"), 0, center=X.mean(axis=0), scale=X.std(axis=0), output_scale=float(y.std())
    )
    first, bias = fresh.weights[0], np.linspace(-1.5, 1.5, config.width)
    hidden = np.tanh((X - fresh.input_center) / fresh.input_scale @ first.T + bias)
    design = np.column_stack([hidden, np.ones(len(X))])
    ridge = design.T @ design + 1e-6 * np.eye(design.shape[1])
    solution = np.linalg.solve(ridge, design.T @ (y / fresh.output_scale))
    taught = replace(fresh, weights=(first, solution[None, :-1]), biases=(bias, solution[-1:]), support=X)
    assert np.allclose(
        apply_network(
            config,
            taught.arguments,
            taught.weights,
            taught.biases,
            taught.input_center,
            taught.input_scale,
            taught.output_scale,
            X,
        ),
        y,
        atol=0.2 * y.std(),
    )
    return taught


@pytest.fixture(scope="session")
def project():
    return finished_project()


@cache
def _library(place: Path) -> Path | None:
    """A folder with the library of FMUs for this machine, made anew of the sources where there is a compiler."""
    from ndestudio.export.fmu.platforms import FLAGS, sources

    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux" or platform.machine() != "x86_64":
        from ndestudio.paths import fmu_binaries

        return fmu_binaries()
    (place / "x86_64-linux").mkdir(parents=True)
    command = [compiler, *FLAGS, "-fPIC", "-o", str(place / "x86_64-linux" / "model.so")]
    subprocess.run([*command, *(str(one) for one in sources() if one.suffix == ".c"), "-lm"], check=True)
    return place


@pytest.fixture(scope="session", autouse=True)
def fmu_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path | None]]:
    """The libraries of FMUs in tests are those of the sources as they are, built when one is first asked for."""
    from ndestudio.export.fmu import binaries

    place = tmp_path_factory.mktemp("libraries") / "fmu"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binaries, "fmu_binaries", lambda: _library(place))
        yield lambda: _library(place)
