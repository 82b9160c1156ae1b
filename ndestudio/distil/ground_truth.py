"""A ground truth that was chosen for a model's neural terms, and measurements made from it like the ones at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset, Source
from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.drawn import DrawnNoise, value_weights, with_limits
from ndestudio.errors import EquationError, SpecError
from ndestudio.expression.numeric import as_number, fold
from ndestudio.expression.parse import did_you_mean, parse_expression
from ndestudio.expression.tree import Expr, calls, names, substitute
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.diffusion import refuse_written_noise
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.replace import formula_filled, replace_neural_term
from ndestudio.model.system import System
from ndestudio.progress import Reporter, SilentReporter

LARGEST = 1e6
"""Spreads of a column beyond which a simulated ground truth has run away from anything like the measurements."""


def chosen_ground_truth(
    config: ModelConfig, dataset: Dataset, recovery: RecoveryConfig, fitted: FittedModel | None = None
) -> FittedModel:
    """The model of ``config`` with the chosen formulas in the places of its neural terms.

    Parameters
    ----------
    fitted
        A trained model of the same equations, whose parameters and initial values are taken where ``recovery`` says
        nothing else.

    Raises
    ------
    SpecError
        A neural term without a formula, a formula that cannot be read or uses unknown names, a value without use.
    """
    model = initial_model(config, dataset, recovery.seed)
    system = model.system
    if fitted is not None and fitted.system == system:
        model = replace(model, parameters=fitted.parameters, initial=fitted.initial)
    recovery = _of_populations(config, system, recovery)
    _check_names(system, recovery)
    own = {name: value for name, value in recovery.parameters.items() if name not in system.parameters}
    formulas = {
        neural_term.name: _formula(system, neural_term.name, recovery.formulas, own)
        for neural_term in system.neural_terms
    }
    _check_values(config, recovery, formulas, own)
    given = {name: value for name, value in recovery.parameters.items() if name in system.parameters}
    model = replace(model, parameters={**model.parameters, **given})
    for name, formula in formulas.items():
        values = {other: as_number(value) for other, value in own.items()}
        model = replace_neural_term(model, name, fold(substitute(formula, values)))
    return model


def _of_populations(config: ModelConfig, system: System, recovery: RecoveryConfig) -> RecoveryConfig:
    """Values of parameters that differ from run to run as those of their populations: `ka` is `ka_pop` in the laid-out model."""
    renamed = {
        f"{name}_pop"
        if (one := config.parameters.get(name)) and one.random and f"{name}_pop" in system.parameters
        else name: value
        for name, value in recovery.parameters.items()
    }
    return msgspec.structs.replace(recovery, parameters=renamed)


def fitted_ground_truth(
    config: ModelConfig,
    dataset: Dataset,
    recovery: RecoveryConfig,
    train: TrainConfig = TrainConfig(),
    reporter: Reporter | None = None,
    fitted: FittedModel | None = None,
) -> RecoveryConfig:
    """The chosen ground truth with its constants fitted to the measurements, so that the test is about a system like
    the real one.

    Returns
    -------
    RecoveryConfig
        Formulas with numbers of four digits in them, and the values of the model's parameters.

    Raises
    ------
    SpecError
        As for ``chosen_ground_truth``.
    """
    refuse_written_noise(config, "a ground truth", dataset.measured_names)
    from ndestudio.expression.text import to_text
    from ndestudio.fitting.refit_model import refit

    ground_truth = chosen_ground_truth(config, dataset, recovery, fitted)
    model = refit(ground_truth, dataset, train, reporter or SilentReporter()).model
    model = replace(model, parameters={name: float(f"{value:.4g}") for name, value in model.parameters.items()})
    formulas = {}
    for name in model.replacements:
        filled = formula_filled(model, name)
        assert filled is not None
        formulas[name] = to_text(filled)
    added = {name for item in model.replacements.values() for name in item.parameters}
    fixed = {name for name, settings in config.parameters.items() if settings.fixed}
    values = {name: value for name, value in model.parameters.items() if name not in added | fixed}
    return RecoveryConfig(formulas=formulas, parameters=values, noise=recovery.noise, seed=recovery.seed)


def measure(
    ground_truth: FittedModel,
    dataset: Dataset,
    noise: DrawnNoise,
    seed: int = 0,
) -> Dataset:
    """Measurements of ``ground_truth`` at the times of ``dataset``, missing where those are, with noise, and beyond the limits of
    detection of those as these limits.

    Raises
    ------
    SpecError
        The ground truth cannot be simulated over a trajectory, or runs away from the range of the measurements.
    """
    from ndestudio.solve.scipy_reference import simulate_all

    simulations = simulate_all(ground_truth, dataset)
    made, weights = [], value_weights(dataset)
    for number, trajectory in enumerate(dataset.trajectories):
        simulation = simulations[trajectory.name]
        values = simulation.measured
        described = np.isfinite(values).any(axis=0)
        _check_simulation(trajectory.name, simulation.sentence, values[:, described], dataset.spread()[described])
        drawn = np.where(trajectory.present, noise.drawn(values, weights[number], [seed, number]), np.nan)
        made.append(with_limits(trajectory, dataset, drawn))
    return replace(dataset, trajectories=tuple(made), sources=(Source("made from a chosen ground truth"),), notes=())


def _check_simulation(name: str, sentence: str, values: np.ndarray, spread: np.ndarray) -> None:
    if sentence or not np.isfinite(values).all():
        why = f": {sentence}" if sentence else ""
        raise SpecError(
            f"the chosen ground truth cannot be simulated over the trajectory `{name}`{why}; choose other values"
        )
    if values.size and float(np.max(np.abs(values) / spread)) > LARGEST:
        raise SpecError(
            f"the chosen ground truth runs away: over the trajectory `{name}` it reaches {np.max(np.abs(values)):.3g}; choose other values"
        )


def _check_names(system: System, recovery: RecoveryConfig) -> None:
    known = [neural_term.name for neural_term in system.neural_terms]
    if not known:
        raise SpecError("the model has no unknown function: there is nothing to be found again")
    for name in recovery.formulas:
        if name not in known:
            raise SpecError(
                f"[recovery.formulas]: the model has no unknown function `{name}`{did_you_mean(name, known)}"
            )
    if recovery.noise is not None and not 0.0 <= recovery.noise < 10.0:
        raise SpecError(f"[recovery] noise: {recovery.noise:g} is no part of the spread; give 0.05 for 5%")


def _formula(system: System, neural_term: str, formulas: Mapping[str, str], own: Mapping[str, float]) -> Expr:
    arguments = system.neural_term(neural_term).arguments
    call = f"{neural_term}({', '.join(arguments)})"
    text = formulas.get(neural_term, "").strip()
    if not text:
        raise SpecError(
            f'[recovery.formulas] has no formula for {call}; write one of its arguments, as {neural_term} = "0.5*{arguments[0]}"'
        )
    try:
        formula = parse_expression(text)
    except EquationError as error:
        raise SpecError(f"[recovery.formulas] {neural_term}: {error.sentence} (column {error.column})") from None
    known = (*arguments, *system.parameters, *own)
    for name in names(formula):
        if name not in known:
            raise SpecError(
                f"[recovery.formulas] {neural_term}: `{name}` is no argument of {call} and has no value in [recovery.parameters]"
                f"{did_you_mean(name, known)}"
            )
    if calls(formula):
        raise SpecError(f"[recovery.formulas] {neural_term}: a formula cannot call another unknown function")
    return formula


def _check_values(
    config: ModelConfig, recovery: RecoveryConfig, formulas: Mapping[str, Expr], own: Mapping[str, float]
) -> None:
    used = {name for formula in formulas.values() for name in names(formula)}
    for name in own:
        if name not in used:
            raise SpecError(
                f"[recovery.parameters] {name}: neither the equations nor a formula uses it{did_you_mean(name, used)}"
            )
    for name, value in recovery.parameters.items():
        settings = config.parameters.get(name, ParameterConfig())
        if settings.fixed and value != settings.value:
            raise SpecError(
                f"[recovery.parameters] {name}: it is fixed at {settings.value:g} in the model; leave it out, or let it be fitted"
            )
