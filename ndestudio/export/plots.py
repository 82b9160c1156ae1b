"""The figures of a project: which there are, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.distil.result import NeuralTermDistillation, held_out
from ndestudio.export.gather import Job
from ndestudio.expression.text import to_text
from ndestudio.figures.description import Figure
from ndestudio.figures.dose_response import dose_response_figure, dose_responses
from ndestudio.figures.front import FrontFormula, front_figure
from ndestudio.figures.future import POINTS, future_figure
from ndestudio.figures.loss import loss_curves, loss_figure
from ndestudio.figures.next_run import next_run_figure
from ndestudio.figures.noise_band import NoiseBand, noise_bands
from ndestudio.figures.phase_portrait import phase_figure
from ndestudio.figures.plot_data import (
    NeuralTermPlotData,
    Path,
    PlotData,
    grid_points,
    neural_term_plot_data,
    phase_portrait,
    visited,
)
from ndestudio.figures.random_effects import random_effects_figure
from ndestudio.figures.residuals import residuals_figure
from ndestudio.figures.response import response_figure
from ndestudio.figures.stochastic import stochastic_figure
from ndestudio.figures.stochastic_law import law_figure
from ndestudio.figures.term_fit import term_fit, term_fit_figure
from ndestudio.figures.trajectories import shown_trajectories, trajectory_figure
from ndestudio.figures.tube import tube_figure
from ndestudio.model.fitted import FittedModel
from ndestudio.model.runs import effects, occasion_effects

DENSE = 400
MOST_FUTURES = 4
"""Runs whose predicted future is drawn, held-out ones first."""
_TESTED = 2
"""Values from which a residual figure says anything."""


def figures(job: Job) -> tuple[Figure, ...]:
    """Every figure there is something to show in."""
    return tuple(made for make in recipes(job) if (made := make()) is not None)


def recipes(job: Job) -> list[Callable[[], Figure | None]]:
    """One function per figure, so that a caller can report progress and stop between them."""
    made: list[Callable[[], Figure | None]] = []
    model, dataset = job.model, job.dataset
    paths: Callable[[], dict[str, Path]] = dict
    stochastic = model is not None and bool(model.system.diffusion)
    if model is not None and dataset is not None and stochastic:
        made += [partial(stochastic_figure, model, dataset, one) for one in shown_trajectories(dataset)]
        made += [partial(law_figure, model, dataset, state) for state in model.system.states]
    if model is not None and dataset is not None and not stochastic:
        paths = cache(partial(_simulated, model, dataset))
        shown = shown_trajectories(dataset)
        if job.fit is not None and job.fit.latent is not None:
            made += [partial(_future, job, model, dataset, one) for one in _held_out_first(shown)[:MOST_FUTURES]]
        bands = noise_bands(job.fit, job.project.spec.train.log_states)
        typical: Callable[[], dict[str, Path]] = dict
        if job.population is not None and effects(model.config):
            typical = cache(partial(_simulated, _typical(model), dataset))
            made.append(partial(random_effects_figure, job.population, model))
        made += [
            partial(_trajectory, dataset, item, paths, bands, typical) for item in shown if not item.is_steady_state
        ]
        made.append(partial(_dose_response, job, model, dataset))
        made.append(partial(_phase, model, dataset, paths))
        made += [partial(_residuals, job, name) for name in dataset.measured_names]
    if job.fit is not None and job.fit.history:
        made.append(partial(loss_figure, loss_curves(job.fit.history)))
    if job.distillation is not None:
        neural_terms = job.distillation.neural_terms.items()
        made += [partial(_front, name, neural_term, job.choice(name)) for name, neural_term in neural_terms]
        if job.distillation.next_run is not None and dataset is not None:
            made.append(partial(next_run_figure, job.distillation.next_run, dataset))
    if job.tube is not None:
        made.append(partial(tube_figure, job.tube, dataset))
    if job.network_model is not None and not stochastic:
        for name in job.network_model.networks:
            made += [partial(_response, job, name, paths), partial(_term_fit, job, name)]
    return made


def _simulated(model: FittedModel, dataset: Dataset) -> dict[str, Path]:
    """The trajectories that are drawn, at dense times."""
    from ndestudio.solve.scipy_reference import simulate_trajectory

    found = {}
    for one in shown_trajectories(dataset):
        dense = np.unique(np.concatenate([np.linspace(one.t[0], one.t[-1], DENSE), one.t]))
        made = simulate_trajectory(model, dataset, one, t=dense)
        found[one.name] = Path(made.t, made.states, made.measured, made.sentence)
    return found


def _trajectory(
    dataset: Dataset,
    trajectory: Trajectory,
    paths: Callable[[], dict[str, Path]],
    bands: Mapping[str, NoiseBand],
    typical: Callable[[], dict[str, Path]],
) -> Figure:
    return trajectory_figure(dataset, trajectory, paths().get(trajectory.name), bands, typical().get(trajectory.name))


def _held_out_first(shown: Sequence[Trajectory]) -> list[Trajectory]:
    return sorted(shown, key=lambda one: -int(one.part[0]))


def _future(job: Job, model: FittedModel, dataset: Dataset, trajectory: Trajectory) -> Figure:
    from ndestudio.fitting.latent.predict import predict_run

    assert job.fit is not None
    return future_figure(dataset, trajectory, predict_run(model, job.fit.latent, trajectory, points=POINTS))


def _typical(model: FittedModel) -> FittedModel:
    """The model without random effects: all runs at the values of their population."""
    held = [state for states in occasion_effects(model.config).values() for state in states]
    places = [model.system.states.index(state) for state in (*effects(model.config).values(), *held)]
    initial = {name: start.copy() for name, start in model.initial.items()}
    for start in initial.values():
        start[places] = 0.0
    return replace(model, initial=initial)


def _dose_response(job: Job, model: FittedModel, dataset: Dataset) -> Figure | None:
    trained = job.network_model
    others = job.fit.ensemble if job.fit is not None and model is trained else ()
    return dose_response_figure(
        dose_responses(model, dataset, others), dataset, job.fit.noise if job.fit is not None else None
    )


def _phase(model: FittedModel, dataset: Dataset, paths: Callable[[], dict[str, Path]]) -> Figure | None:
    return phase_figure(dataset, PlotData(model, paths(), phase_portrait(model, dataset, paths())))


def _residuals(job: Job, name: str) -> Figure | None:
    columns = job.residuals.columns if job.residuals else ()
    found = next((one for one in columns if one.name == name), None)
    if found is None or len(found.correlation) < _TESTED or len(found.ordered) < _TESTED:
        return None
    return residuals_figure(found, job.dataset.time.title if job.dataset else "")


def _front(name: str, neural_term: NeuralTermDistillation, chosen: int) -> Figure | None:
    """The front, and what was scored without being of it."""
    scored = {(item.candidate.complexity, item.candidate.loss): item for item in neural_term.scored}
    candidates = [(one, True) for one in neural_term.front.candidates]
    known = {(one.complexity, one.loss) for one, _ in candidates}
    candidates += [(item.candidate, False) for key, item in scored.items() if key not in known]
    formulas = []
    for one, on_front in candidates:
        item = scored.get((one.complexity, one.loss))
        error = held_out(item.metrics) if item else None
        formulas.append(FrontFormula(one.complexity, one.loss, error[0] if error else None, on_front))
    if not formulas:
        return None
    in_use = neural_term.scored[chosen].candidate if 0 <= chosen < len(neural_term.scored) else None
    at = next(
        (
            k
            for k, (one, _) in enumerate(candidates)
            if in_use and (one.complexity, one.loss) == (in_use.complexity, in_use.loss)
        ),
        -1,
    )
    return front_figure(name, formulas, at, to_text(_rounded(in_use.expression)) if in_use else "")


def _response(job: Job, name: str, paths: Callable[[], dict[str, Path]]) -> Figure:
    trained = job.network_model
    assert trained is not None
    network = trained.networks[name]
    distilled = job.distillation.neural_terms.get(name) if job.distillation else None
    visits = None
    if distilled is not None:
        visits = np.asarray(distilled.samples.X, dtype=float)
    elif network.support is None and job.dataset is not None:
        visits = visited(trained, job.dataset, paths(), network.arguments)
    shown = neural_term_plot_data(trained, name, visits=visits)
    units = {column.name: column.unit for column in (*job.dataset.measured, *job.dataset.inputs)} if job.dataset else {}
    units |= trained.config.units
    formula = _formula_on_grid(job, shown, network.arguments)
    return response_figure(shown, formula, tuple(units.get(one, "") for one in shown.arguments), network.config.unit)


def _formula_on_grid(job: Job, shown: NeuralTermPlotData, arguments: tuple[str, ...]) -> np.ndarray | None:
    from ndestudio.model.evaluate import evaluate_neural_term

    if job.model is None or shown.name not in job.model.replacements:
        return None
    values = np.asarray(evaluate_neural_term(job.model, shown.name, grid_points(shown, arguments)), dtype=float)
    return values.reshape(shown.values.shape)


def _term_fit(job: Job, name: str) -> Figure | None:
    """How the formula in use follows the network; None where there is none."""
    from ndestudio.model.evaluate import evaluate_neural_term
    from ndestudio.model.units import quantity_units

    model, trained = job.model, job.network_model
    distilled = job.distillation.neural_terms.get(name) if job.distillation else None
    if model is None or trained is None or distilled is None or name not in model.replacements:
        return None
    units = quantity_units(trained.config, job.dataset) if job.dataset else {}
    formula = lambda X: np.asarray(evaluate_neural_term(model, name, X), float)  # noqa: E731
    return term_fit_figure(term_fit(trained, distilled.samples, formula, units))


def _rounded(expr):
    from ndestudio.expression.tree import Number, transform

    return transform(expr, lambda node: Number(float(f"{node.value:.3g}")) if isinstance(node, Number) else node)
