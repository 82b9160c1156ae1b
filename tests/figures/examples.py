"""One figure of each kind, from results made by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.distil.suggested import NextRun, Pair, SuggestedRun
from ndestudio.export.gather import job
from ndestudio.export.plots import figures
from ndestudio.figures.description import Figure
from ndestudio.figures.dose_response import DoseResponse, dose_response_figure, dose_responses
from ndestudio.figures.future import future_figure
from ndestudio.figures.next_run import next_run_figure
from ndestudio.figures.parameter_traces import traces_figure
from ndestudio.figures.profile_likelihood import profile_figure
from ndestudio.figures.random_effects import random_effects_figure
from ndestudio.figures.stochastic import stochastic_figure
from ndestudio.figures.stochastic_law import law_figure
from ndestudio.figures.tube import tube_figure
from ndestudio.fitting.latent.result import RunPrediction
from ndestudio.fitting.result import Population, RandomEffect
from ndestudio.fitting.uncertainty.profile_likelihood import Profile
from ndestudio.model.config import ModelConfig, ParameterConfig, RandomConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.project.project import Project
from ndestudio.reach.tube import ReachTube


@cache
def finished() -> Project:
    """A project with all results."""
    from tests.export.conftest import finished_project

    return finished_project()


@cache
def examples() -> dict[str, Figure]:
    """Kind -> figure."""
    made: dict[str, Figure] = {}
    for figure in figures(job(finished())):
        made.setdefault(figure.kind, figure)
    steps = np.arange(300.0)
    traces = {"alpha": 0.55 * (1 - np.exp(-steps / 60)), "delta": 0.84 + 0.2 * np.exp(-steps / 40)}
    made["traces"] = traces_figure(traces)
    dataset = finished().dataset
    suggested = next_run_figure(next_run(), dataset) if dataset is not None else None
    assert suggested is not None
    made["next run"] = suggested
    made["profile"] = profile_figure(profile())
    curves, rows = dose_response()
    steady = dose_response_figure(curves, rows, {"x": 0.1})
    assert steady is not None
    made["dose response"] = steady
    varied = random_effects_figure(*population())
    assert varied is not None
    made["random effects"] = varied
    wandering = stochastic_figure(*stochastic())
    assert wandering is not None
    made["stochastic"] = wandering
    model, rows, _ = stochastic()
    law = law_figure(model, rows)
    assert law is not None
    made["stochastic law"] = law
    made["tube"] = tube_figure(tube())
    rows = finished().dataset
    assert rows is not None
    run = rows.trajectories[0]
    made["future"] = future_figure(rows, run, prediction(rows, run, 0.0), prediction(rows, run, 3.0))
    return made


def prediction(dataset: Dataset, run: Trajectory, shift: float) -> RunPrediction:
    """What a model with an encoder could have said of a run, with one hidden state."""
    t, count = run.t, len(dataset.measured)
    middle = np.tile(np.nanmean(run.measured, axis=0) + shift, (len(t), 1))
    hidden = np.sin(np.linspace(0.0, 5.0, len(t)))[:, None]
    end = float(t[len(t) // 3])
    names = dataset.measured_names
    seen, starts = np.zeros((1, len(t), count)), np.zeros((1, 1))
    return RunPrediction(
        run.name,
        t,
        end,
        names,
        ("Z5",),
        middle,
        middle,
        middle - 5.0,
        middle + 5.0,
        hidden,
        hidden - 0.2,
        hidden + 0.2,
        starts,
        seen,
        100.0,
    )


@cache
def tube() -> ReachTube:
    """A statistical tube of two states that go round."""
    t = np.linspace(0.0, 5.0, 26)
    centre = np.stack([np.cos(t), np.sin(t)], axis=1)
    factor = np.broadcast_to(np.diag([0.2, 0.1]), (26, 2, 2))
    half = np.array([0.2, 0.1])
    return ReachTube(
        "statistical",
        "What it claims.",
        ("x", "y"),
        t,
        centre,
        centre - half,
        centre + half,
        factor,
        paths=centre[None],
    )


@cache
def population() -> tuple[Population, FittedModel]:
    """Two random parameters in eight runs, one of them without a spread."""
    t = np.linspace(0.0, 2.0, 5)
    data = dataset_from_arrays([t] * 8, [np.exp(-t)[:, None]] * 8, ["x"])
    random = RandomConfig(sd=0.3)
    config = ModelConfig(
        equations="d(x)/dt = -k*x + q",
        parameters={name: ParameterConfig(value=1.0, random=random) for name in ("k", "q")},
    )
    model = initial_model(config, data, 0)
    etas = (-0.5, 0.1, 0.3, -0.1, 0.2, 0.6, -0.3, 0.0)
    starts = {name: np.array([1.0, eta, 0.0]) for name, eta in zip(model.initial, etas, strict=True)}
    effects = (
        RandomEffect("k_pop", "eta_k", "log-normal", 0.35, (0.2, 0.6), 0.05, 8),
        RandomEffect("q_pop", "eta_q", "log-normal", 1e-3, None, 1.0, 8, seen=False),
    )
    return Population(effects, -10.0, {}, {}), replace(model, initial=starts)


@cache
def stochastic() -> tuple[FittedModel, Dataset, Trajectory]:
    """An Ornstein-Uhlenbeck process and one of its paths."""
    t, x = np.arange(200) * 0.2, np.zeros(200)
    for k, shock in enumerate(np.random.default_rng(0).normal(size=199)):
        x[k + 1] = 0.8 * x[k] + 0.25 * shock
    rows = dataset_from_arrays([t], [x[:, None]], ["x"])
    parameters = {"k": ParameterConfig(value=1.1), "s": ParameterConfig(value=0.6)}
    model = initial_model(ModelConfig(equations="d(x)/dt = -k*x + s*noise", parameters=parameters), rows, 0)
    return model, rows, rows.trajectories[0]


@cache
def dose_response() -> tuple[tuple[DoseResponse, ...], Dataset]:
    """A switch: two stable steady states at low doses, one above."""
    doses = np.linspace(0.0, 0.8, 6)
    values = (0.0, 0.17, 0.33, 2.42, 2.6, 2.75)
    rows = dataset_from_arrays(
        [np.array([np.inf])] * 6,
        [np.array([[value]]) for value in values],
        ["x"],
        inputs=[np.array([[dose]]) for dose in doses],
        input_names=["dose"],
    )
    model = initial_model(ModelConfig(equations="d(x)/dt = dose + 2*x^4/(1 + x^4) - x"), rows, 0)
    return dose_responses(model, rows), rows


def next_run() -> NextRun:
    """Two laws, one of which runs away."""
    t = np.linspace(0.0, 5.0, 40)
    steady, grown = np.stack([np.exp(-t), 1 - np.exp(-t)], axis=1), np.stack([np.exp(-t), np.exp(2 * t)], axis=1)
    run = SuggestedRun({"hare": 1.0, "lynx": 0.5}, {}, t, (steady, grown), (Pair(0, 1, 100.0, "lynx", 2.0),))
    return NextRun(({"f": "a*x"}, {"f": "a*x^2"}), (0.6, 0.4), (run,), "It would tell them.", {"hare": (0.0, 2.0)})


def profile() -> Profile:
    """A profile that rises to both sides."""
    values = np.linspace(0.3, 0.7, 21)
    rise = ((values - 0.5) / 0.06) ** 2
    return Profile(
        "alpha",
        "1/year",
        values,
        rise,
        0.8 * rise,
        3.84,
        0.5,
        0.382,
        0.618,
        (0.39, 0.61),
        "`alpha` is identifiable.",
        1.0,
    )
