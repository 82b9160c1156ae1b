"""Is the noise in the law or in the instrument? A stochastic model beside its drift with errors of measurement, and beside both.

All three are compared by the likelihood of the same measurements, each given those before it in its run:

- *noise in the law*: each measurement is the state, and the next one depends on it alone (transitions);
- *noise in the instrument*: the drift as an ordinary differential equation, and normal errors of the readings that leave no trace;
- *noise in both*: states that nobody sees without error, estimated by a filter.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, EquationError
from ndestudio.expression.text import to_text
from ndestudio.fitting.comparison_result import Compared, Comparison, quiet
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit, fitted
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.uncertainty.information_criteria import Information
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import diffusion_networks, without_noise
from ndestudio.model.parse import parse_system
from ndestudio.progress import Phase, Reporter

LAW, INSTRUMENT, BOTH = "noise in the law", "noise in the instrument", "noise in both"
CLEAR = 2.0
"""Differences of AICc below this are no difference."""
SMALL = 0.1
"""Errors of measurement in the noise of a step below which they hardly matter."""


def compare_noise(
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig,
    reporter: Reporter,
    known: Fit | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Fit a stochastic model, its drift with errors of measurement, and both, to the same data.

    Parameters
    ----------
    known
        The fit of ``config`` with these data and settings, where it is at hand.
    executor
        Who fits; None: one after the other in this process.

    Raises
    ------
    EquationError, DataError
        The model cannot be used.
    """
    plain = msgspec.structs.replace(train, noise="spread", column_noise={})
    noisy = msgspec.structs.replace(plain, noise="constant")
    system = parse_system(config, dataset.measured_names, dataset.input_names)
    drift, words = without_noise_text(config, dataset), "the drift alone, and a constant error of each column"
    wanted = (
        (LAW, config, plain, "as written, without errors of measurement"),
        (INSTRUMENT, drift, msgspec.structs.replace(noisy, density="auto", all_rows=False), words),
        (BOTH, config, noisy, "as written, and a constant error of each column"),
    )
    found: list[Compared] = []
    notes: list[str] = []
    made: dict[str, Fit | None] = {}
    if executor is not None:
        left = [entry for entry in wanted if _at_hand(known, entry[0], entry[1]) is None]
        names = [f"The model `{name}`" for name, *_ in left]
        questions = [(one, settings) for _, one, settings, _ in left]
        fits = gathered(executor, fitted, questions, shared=(dataset, None), names=names, reporter=reporter)
        made = {entry[0]: done for entry, done in zip(left, fits, strict=True)}
    for k, (name, one, settings, said) in enumerate(wanted):
        if reporter.should_stop():
            break
        reporter.emit(Phase("compare", f"{name} ({k + 1} of {len(wanted)})", k + 1, len(wanted)))
        at_hand = _at_hand(known, name, one)
        if executor is not None and at_hand is None:
            at_hand = made[name]
            if at_hand is None:  # it failed, or a stop came first; both were told
                continue
        try:
            done = at_hand if at_hand is not None else fit(one, dataset, settings, _quiet(reporter))
        except (DataError, EquationError) as error:
            notes.append(f"`{name}` could not be fitted: {error}.")
            continue
        if done.outcome is Outcome.STOPPED and done is not at_hand:
            break
        found.append(_compared(name, said, one, done, dataset))
    if system.neural_terms:
        notes.append(
            "Weights of networks are not counted as parameters; compare formulas where the difference is small."
        )
    complete = len(found) + len(notes) - bool(system.neural_terms) >= len(wanted)
    if not found:
        return Comparison((), "none", "", "The comparison was stopped before a model was fitted.", tuple(notes), False)
    ordered = sorted(found, key=_criterion)
    alike = [one for one in ordered if _criterion(one) <= _criterion(ordered[0]) + CLEAR]
    chosen = min(alike, key=lambda one: one.information.parameters if one.information else np.inf)
    sentence = _sentence(ordered, chosen, dataset)
    if not complete:
        sentence += " The comparison was stopped; not all models were fitted."
    return Comparison(tuple(ordered), "none", chosen.name, sentence, tuple(notes), complete)


def _at_hand(known: Fit | None, name: str, config: ModelConfig) -> Fit | None:
    """``known``, where it is the fit of this model under this noise."""
    if known is None or known.stochastic is None or known.model.config != config:
        return None
    return known if bool(known.stochastic.measurement_noise) == (name == BOTH) else None


def without_noise_text(config: ModelConfig, dataset: Dataset) -> ModelConfig:
    """The model with its drift alone, as an ordinary differential equation; networks of the diffusion are left out."""
    system = parse_system(config, dataset.measured_names, dataset.input_names)
    bare = without_noise(system)
    lines = [f"d({state})/dt = {to_text(rhs)}" for state, rhs in zip(bare.states, bare.rhs, strict=True)]
    lines += [f"{name} = {to_text(expr)}" for name, expr in bare.outputs.items()]
    spread = diffusion_networks(system)
    networks = {name: one for name, one in config.networks.items() if name not in spread}
    text = "\n".join(lines)
    left = parse_system(
        msgspec.structs.replace(config, equations=text, networks=networks, calculus="ito"),
        dataset.measured_names,
        dataset.input_names,
    )
    parameters = {name: one for name, one in config.parameters.items() if name in left.parameters}
    return msgspec.structs.replace(config, equations=text, networks=networks, parameters=parameters, calculus="ito")


def _quiet(reporter: Reporter) -> Reporter:
    return quiet(reporter)


def _compared(name: str, words: str, config: ModelConfig, done: Fit, dataset: Dataset) -> Compared:
    criteria = None if done.outcome is Outcome.DIVERGED else _information(done, dataset)
    return Compared(name, words, config, done, criteria, float("inf"), None)


def _information(done: Fit, dataset: Dataset) -> Information | None:
    """Criteria of the likelihood of all training measurements but the first of each run; None where there is none."""
    from ndestudio.fitting.stochastic.filtering import measurements
    from ndestudio.fitting.stochastic.space import stochastic_space

    data = measurements(done.model, dataset)
    counted = np.flatnonzero(data.counted)
    values = int(np.isfinite(data.values[counted]).sum())
    if done.stochastic is not None:
        space = stochastic_space(done.model)
        weights = np.zeros(len(space.theta), dtype=bool)
        weights[space.weights] = True
        parameters = int(np.sum(np.asarray(space.free, dtype=bool) & ~weights))
        likelihood = done.stochastic.log_likelihood.get("train", np.nan) * done.stochastic.transitions
        if done.stochastic.measurement_noise:
            parameters += len(data.columns)
        else:
            factors = np.abs(np.diag(data.matrix)) if data.matrix.shape[0] == data.matrix.shape[1] else np.ones(1)
            likelihood -= done.stochastic.transitions * float(np.sum(np.log(factors)))
            values = done.stochastic.transitions * len(data.columns)
        return _criteria(values, parameters, likelihood)
    errors = _errors(done, dataset, data.columns)
    free = sum(
        not done.model.config.parameters[name].fixed
        for name in done.model.parameters
        if name in done.model.config.parameters
    )
    free += sum(name not in done.model.config.parameters for name in done.model.parameters)
    likelihood, values = 0.0, 0
    for column in errors:
        known = column[np.isfinite(column)]
        if len(known) < 2:
            return None
        variance = max(float(np.mean(known**2)), 1e-300)
        likelihood -= 0.5 * len(known) * (np.log(2.0 * np.pi * variance) + 1.0)
        values += len(known)
    runs = len({*data.run.tolist()})
    return _criteria(values, free + len(errors) + runs * len(done.model.system.states), likelihood)


def _errors(done: Fit, dataset: Dataset, columns: tuple[int, ...]) -> list[Float[np.ndarray, " n"]]:
    """Measured less simulated training values of columns, without the first row of each run; infinite where it is not simulated."""
    from ndestudio.data.dataset import Part
    from ndestudio.solve.scipy_reference import simulate_all

    parts: list[list[np.ndarray]] = [[] for _ in columns]
    for trajectory in dataset.trajectories:
        made = simulate_all(done.model, replace(dataset, trajectories=(trajectory,)))[trajectory.name]
        rows = np.flatnonzero(trajectory.part == Part.TRAIN)
        rows = rows[np.isfinite(trajectory.measured[rows][:, list(columns)]).any(axis=1)][1:]
        for k, column in enumerate(columns):
            predicted = made.measured[rows, column]
            parts[k].append(trajectory.measured[rows, column] - np.where(np.isfinite(predicted), predicted, 1e150))
    return [np.concatenate(one) for one in parts]


def _criteria(values: int, parameters: int, likelihood: float) -> Information | None:
    if not np.isfinite(likelihood):
        return None
    aic = 2.0 * parameters - 2.0 * likelihood
    left = values - parameters - 1
    aicc = aic + 2.0 * parameters * (parameters + 1) / left if left > 0 else None
    return Information(
        values, parameters, likelihood, aic, aicc, parameters * float(np.log(max(values, 1))) - 2.0 * likelihood
    )


def _criterion(one: Compared) -> float:
    if one.information is None or one.information.aicc is None:
        return float("inf")
    return one.information.aicc


def _sentence(ordered: list[Compared], chosen: Compared, dataset: Dataset) -> str:
    others = ", ".join(f"{_criterion(one):.1f} ({one.name})" for one in ordered if one is not chosen)
    if not others:
        return f"Only `{chosen.name}` was fitted; there is nothing to compare it with."
    told = f"AICc {_criterion(chosen):.1f} against {others}"
    match chosen.name:
        case "noise in the law":
            said = "The noise is in the law: what a measurement misses is carried on into the next"
        case "noise in the instrument":
            said = "The noise is in the instrument: the law without noise explains all but errors of single readings, which leave no trace in the next"
        case _:
            said = f"The noise is in both, the law and the instrument{_share(chosen, dataset)}"
    close = [one.name for one in ordered if one is not chosen and _criterion(one) - _criterion(chosen) < CLEAR]
    doubt = ""
    if close == [BOTH]:
        beside = "Errors of single readings" if chosen.name == LAW else "Noise in the law"
        doubt = f" {beside} beside it would make no difference that these data can tell."
    elif close:
        others = " and ".join(f"`{name}`" for name in close)
        return f"These data do not tell `{chosen.name}` from {others}: {told}, and the difference is too small."
    return f"{said}. {told}.{doubt}"


def _share(chosen: Compared, dataset: Dataset) -> str:
    """Errors of measurement beside the change from one measurement to the next."""
    assert chosen.fit.stochastic is not None
    found = []
    for name, level in chosen.fit.stochastic.measurement_noise.items():
        column = dataset.measured_names.index(name)
        changes = np.concatenate([np.diff(one.measured[:, column]) for one in dataset.trajectories])
        usual = float(np.sqrt(np.nanmean(changes**2)))
        small = ", too small to matter" if level < SMALL * usual else ""
        found.append(
            f"`{name}` is read with an error of {level:.3g}{small}, and changes by {usual:.3g} from one reading to the next"
        )
    return f": {'; '.join(found)}" if found else ""
