"""A project in which every field of every type holds something, and a comparison that knows arrays."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Column, Dataset, Source, Trajectory
from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.result import (
    Distillation,
    FoundNeuralTerm,
    NeuralTermDistillation,
    NeuralTermSamples,
    Recovery,
    ScoredCandidate,
)
from ndestudio.distil.suggested import NextRun, Pair, SuggestedRun
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Checkpoint, Fit, NoiseLevel, Outcome, StageHistory
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel, NetworkWeights, Replacement
from ndestudio.model.system import NeuralTerm, System
from ndestudio.project.project import Project, Run, Spec
from ndestudio.solve.device import Device
from ndestudio.symbolic.front import Candidate, Front

EQUATIONS = "d(x)/dt = k*x - f(x, u)\nseen = 2*x\n"


def same(a: Any, b: Any) -> bool:
    """Equal all the way down; NaN equals NaN, arrays by type, shape and bytes."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b) and not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return False
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)) or a == b


def _dataset() -> Dataset:
    measured = np.array([[1.0], [np.nan], [3.0]])
    trajectory = Trajectory(
        "a", np.array([0.0, 0.5, 2.0]), measured, np.ones((3, 1)), np.array([0, 0, 2], dtype=np.int8), 0.5
    )
    other = replace(trajectory, name="b", inputs=np.zeros((3, 1)), weight=1.0)
    return Dataset(
        (trajectory, other),
        Column("t", "time", "s"),
        (Column("seen", "seen", "m"),),
        (Column("u", "u [V]", "V"),),
        (Source("somewhere/gone.csv", "ab" * 32),),
        ("a note",),
        {"seen": 2.0},
    )


def _model(formula: Expr | None = None) -> FittedModel:
    neural_term = NeuralTerm("f", ("x", "u"))
    rhs = Binary("-", Binary("*", Name("k"), Name("x")), Call("f", (Name("x"), Name("u"))))
    weights = NetworkWeights(
        NetworkConfig(width=2, depth=1),
        ("x", "u"),
        (np.ones((2, 2), dtype=np.float32), np.ones((1, 2))),
        (np.zeros(2), np.zeros(1)),
        np.zeros(2),
        np.ones(2),
        1.5,
        np.arange(6.0).reshape(3, 2),
    )
    outputs = {"seen": Binary("*", Number(2.0), Name("x"))}
    return FittedModel(
        ModelConfig(equations=EQUATIONS, parameters={"k": ParameterConfig(value=0.1, upper=math.inf)}),
        System(("x",), (rhs,), outputs, ("k",), ("u",), () if formula else (neural_term,)),
        {"k": 0.25},
        {} if formula else {"f": weights},
        {"a": np.array([1.0]), "b": np.array([2.0])},
        ("seen",),
        ("u",),
        np.array([1.0]),
        {"f": Replacement(("x", "u"), formula, ("f_1",))} if formula else {},
    )


def full_project(checkpoints: int = 2) -> Project:
    """Every field filled; the fit is shared by the current results and the runs table."""
    spec = Spec(name="all", data=DataConfig(files=("gone.csv",)), model=ModelConfig(equations=EQUATIONS))
    model = _model()
    metrics = Metrics({"seen": 0.1, "mean": 0.1}, {"seen": math.nan, "mean": math.inf}, {})
    history = StageHistory("shooting", np.arange(3.0), np.array([3.0, 2.0, np.inf]), np.full(3, np.nan), 1.5, 0.5)
    points = tuple(
        Checkpoint("shooting", n, abs(n - 0.6 * checkpoints), None if n == checkpoints - 1 else 0.5 + abs(n - 8), model)
        for n in range(checkpoints)
    )
    fit = Fit(
        Outcome.STOPPED,
        "stopped",
        model,
        metrics,
        3,
        Device("cpu", "CPU", "JAX sees none"),
        (history,),
        points,
        {"shooting": 1.0},
        {"seen": 0.01},
        {"k": (0.2, -math.inf)},
        (model,),
        ("a note",),
        {"seen": NoiseLevel(0.01, 0.008, 0.05)},
    )
    formula = Binary("^", Negate(Number(-1.5e-300)), Call("min", (Name("x"), Number(math.pi))))
    candidate = Candidate(5, 1e-9, formula, None, math.inf)
    scored = ScoredCandidate(candidate, _model(Name("f_1")), metrics, "")
    neural_term = NeuralTermDistillation(
        NeuralTermSamples("f", ("x", "u"), np.ones((4, 2)), np.zeros(4), np.ones(4)),
        Front((candidate,), 3, 2**40, 1.25, 0, "simplest"),
        (scored,),
        0,
        "because",
    )
    distillation = Distillation(
        "done",
        "done",
        {"f": neural_term},
        scored.model,
        metrics,
        "evolution",
        1,
        {"search": 2.0},
        ("n",),
        _next_run(),
    )
    run = Run("Fit 1", "fit", "2026-01-01T00:00:00", spec, fit=fit)
    return Project(
        spec,
        _dataset(),
        fit,
        distillation,
        {"f": 0},
        (run,),
        {"dock": "AAAA", "zoom": 1.5, "list": [1, None, {"a": True}]},
        {"train": 12.5},
        _recovery(spec, formula),
    )


def _next_run() -> NextRun:
    predicted = (np.zeros((3, 1)), np.array([[0.0], [1.0], [math.nan]]))
    run = SuggestedRun({"x": 1.0}, {"u": 0.5}, np.arange(3.0), predicted, (Pair(0, 1, 50.0, "seen", 1.0),))
    return NextRun(({"f": "x"}, {"f": "2*x"}), (0.7, 0.3), (run,), "They would.", {"x": (0.0, 2.0), "u": (0.0, 1.0)})


def _recovery(spec: Spec, formula: Expr) -> Recovery:
    neural_terms = (
        FoundNeuralTerm("f", ("x", "u"), formula, None, None, math.inf),
        FoundNeuralTerm("g", ("x",), formula, formula, 0.1, 0.2),
    )
    config = RecoveryConfig(formulas={"f": "x"}, parameters={"k": 1.0}, noise=0.1)
    values = {"k": (1.0, 1.5)}
    return Recovery(
        "missed",
        "no",
        neural_terms,
        values,
        {"training": 0.1},
        {},
        {"seen": 0.1},
        spec.model,
        spec.train,
        spec.distil,
        config,
    )
