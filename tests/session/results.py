"""Small but whole results: a model with one network of known values, a fit of it, a front, a distillation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.distil.result import Distillation, NeuralTermDistillation, NeuralTermSamples, ScoredCandidate
from ndestudio.expression import parse_expression
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.result import Checkpoint, Fit, NoiseLevel, Outcome, StageHistory
from ndestudio.model import initial_model, replace_neural_term
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.project.project import Project, Spec
from ndestudio.session import commands
from ndestudio.solve.device import Device
from ndestudio.symbolic.front import Candidate, Front

MODEL = ModelConfig(
    equations="d(x)/dt = a*x - f(x, y)\nd(y)/dt = f(x, y) - b*y\n",
    parameters={"a": ParameterConfig(value=0.5, unit="1/h"), "b": ParameterConfig(value=0.4)},
    networks={"f": NetworkConfig(width=4, depth=1)},
)


def dataset() -> Dataset:
    """Two trajectories, the second one held out for validation."""
    t = np.linspace(0.0, 6.0, 13)
    made = []
    for name, phase, part in (("first", 0.0, Part.TRAIN), ("second", 1.0, Part.VALIDATION)):
        measured = np.stack([2 + np.sin(t + phase), 2 + np.cos(t + phase)], axis=1)
        made.append(Trajectory(name, t, measured, np.zeros((13, 0)), np.full(13, int(part), np.int8)))
    return Dataset(tuple(made), Column("t", "t", "h"), (Column("x", "x", "mg"), Column("y", "y", "mg")))


def model(seed: int = 0) -> FittedModel:
    return initial_model(MODEL, dataset(), seed)


def fit(seed: int = 0) -> Fit:
    """Two stages, two checkpoints."""
    made, steps = model(seed), np.arange(5.0)
    history = tuple(
        StageHistory(stage, steps, 10.0**-steps, 2 * 10.0**-steps, 1.5) for stage in ("collocation", "final_refinement")
    )
    points = (
        Checkpoint("collocation", 4, 0.1, 0.2, model(seed + 10)),
        Checkpoint("final_refinement", 4, 0.01, 0.02, made),
    )
    return Fit(
        Outcome.CONVERGED,
        "Converged.",
        made,
        score(made, dataset()),
        seed,
        Device("cpu", "test"),
        history,
        points,
        {"collocation": 1.0, "final_refinement": 2.0, "total": 3.5},
        noise={"x": 0.1},
        noise_model={"x": NoiseLevel(0.1, 0.08, 0.05)},
        intervals={"a": (0.4, 0.6)},
    )


def front() -> Front:
    forms = ((3, 0.2, "0.5*x"), (5, 0.04, "0.1*x*y"), (9, 0.01, "0.1*x*y + 0.05*x"))
    return Front(tuple(Candidate(size, loss, parse_expression(text)) for size, loss, text in forms), 1, 1000, 2.0, 1)


def scored(whole: FittedModel, index: int) -> ScoredCandidate:
    """A formula of the front substituted, its error the smaller the longer it is."""
    candidate = front().candidates[index]
    error = {"x": 0.3 / (index + 1), "mean": 0.3 / (index + 1)}
    substitute_formula = replace_neural_term(whole, "f", candidate.expression)
    return ScoredCandidate(candidate, substitute_formula, Metrics(error, error))


def distillation(whole: FittedModel) -> Distillation:
    """The first two members are scored; the second one is chosen."""
    generator = np.random.default_rng(0)
    X = generator.uniform(1, 3, (40, 2))
    samples = NeuralTermSamples("f", ("x", "y"), X, 0.1 * X[:, 0] * X[:, 1], np.ones(40))
    tried = (scored(whole, 0), scored(whole, 1))
    neural_term = NeuralTermDistillation(samples, front(), tried, 1, "It is short and right.")
    return Distillation(
        "done",
        "One neural term replaced.",
        {"f": neural_term},
        tried[1].model,
        tried[1].metrics,
        "evolution",
        0,
        {"search": 2.0},
    )


def project_with_runs() -> Project:
    """A training and a search, kept in the runs table."""
    made = project(fitted=False)
    found = fit()
    made = commands.with_fit(made, found, "2026-01-01T10:00:00+00:00")
    return commands.with_distillation(made, distillation(found.model), "2026-01-01T10:05:00+00:00")


def project(*, fitted: bool = True, distilled: bool = False) -> Project:
    """A project at a stage of the job."""
    spec = Spec(model=MODEL, train=TrainConfig(preset="quick"))
    made = Project(spec, dataset())
    if not fitted:
        return made
    made = replace(made, fit=fit())
    if distilled:
        assert made.fit is not None
        made = replace(made, distillation=distillation(made.fit.model), accepted={"f": 1})
    return made
